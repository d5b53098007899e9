// What the planner is told of a scan: README.md, "Cost", has the model and bench/plans.sql the
// measurements behind the constants. Everything is in the planner's own unit; at PostgreSQL's
// default settings it is about 5 us of a warm server on the machine of the measurements (60,000 x 8
// and 60,000 x 768, sequential scans).
#include <algorithm>
#include <cmath>

#include "pg/filter/masked_stream.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/hnsw.hpp"

extern "C" {
#include "access/heaptoast.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
}

namespace vecx::pg {

namespace {

// The work of a search in operators (cpu_operator_cost), layout by layout. T is the look-ahead.
struct LayoutCost {
    double visits;       // nodes visited for each of T; times 2m ln(rows) if `each_neighbour`
    bool each_neighbour; // a hop visits all neighbours; else it reads their codes in its own node
    double visit;        // one node: its buffer, its record
    double bytes;        // of payload that a visit measures in the time of an operator
    double links;        // taking in one link of an expanded node: the visited set, the heaps
    bool reads_rows;     // each returned row's vector is fetched from the table for its distance
};

LayoutCost cost_of_layout(hnsw::LayoutKind layout) {
    switch (static_cast<int>(layout)) {
    case 2: // inline. From experiments.md, sections 1 and 7: 1.3 T visits of 0.7 us, codes and
            // links included. Held against make bench-plans.
        return LayoutCost{1.3, false, 60, HUGE_VAL, 0.5, true};
    case 3: // compact. As plain, with records of a quarter. Held against make bench-plans.
        return LayoutCost{0.05, true, 50, 200, 3, true};
    default:
        // plain. Visits: 60,000 x 784 and 200,000 x 128 rows with m 16 at ef_search 40 visit 700
        // and 800 nodes. Times: make bench-plans, 0.6 us a visit at 8 dimensions, 1.3 at 768.
        return LayoutCost{0.05, true, 50, 50, 3, false};
    }
}

// Taking in a link costs one operator more for each so many nodes that the search has visited: the
// visited set outgrows the CPU's caches. Measured on 500 to 60,000 rows read to the last one, 1 to
// 12 us a row; nothing is known beyond.
constexpr double kVisitedPerOperator = 3000;
constexpr double kMostVisited = 75000;
// What a row costs whose vector is read from the table, in operators: in the row, and out of line.
constexpr double kRowFetch = 60;
constexpr double kToastFetch = 400;

// What an entry of the directory of attributes costs, in operators: a few nanoseconds.
constexpr double kEntry = 0.02;

// A page costs this part of random_page_cost, which is meant for pages of which nine of ten are
// cached: searches go through the same part of the graph again and again. What effective_cache_size
// does not hold is charged in full.
constexpr double kWarmPage = 1.0 / 40;

IndexFacts facts_of(IndexOptInfo *info) {
    if (info->hypothetical || !OidIsValid(info->indexoid)) {
        IndexFacts facts{};
        facts.type = ElementType::f32;
        facts.dim = 768;
        facts.m = hnsw::kDefaultM;
        return facts;
    }
    Relation index = index_open(info->indexoid, NoLock); // the planner has the lock
    IndexFacts facts = index_facts(index);
    index_close(index, NoLock);
    return facts;
}

double payload_bytes(const IndexFacts &facts) {
    switch (facts.type) {
    case ElementType::f32:
        return 4.0 * facts.dim;
    case ElementType::f16:
    case ElementType::bf16:
        return 2.0 * facts.dim;
    case ElementType::bit:
        return facts.dim / 8.0;
    case ElementType::sparse: // the dimensions say nothing; a text's terms
        return 8.0 * 128;
    case ElementType::i8:
        break;
    }
    return facts.dim;
}

// Of `all` things, how many have been met after `draws` draws at random.
double distinct(double all, double draws) {
    return all * -std::expm1(-draws / all);
}

// What a search costs until it has returned a number of rows.
struct SearchCost {
    LayoutCost layout;
    double rows; // of the index
    double pages;
    double page_cost;
    double neighbours; // 2m
    double upper;      // nodes visited above level 0
    double visit;      // operators
    double row;        // operators, besides what the executor does
    double searches;   // that follow each other, in a nested loop: they find each other's pages in
                       // the cache

    // `passing`: the part of the rows that counts.
    Cost until(double returned, double passing = 1) const { return after(returned, look_ahead_for(returned) / passing); }

    // All that pass, without the graph: an entry each of the directory, and a visit for each that passes.
    Cost direct(double returned, double passing) const {
        const double visits = std::max(1.0, rows * passing);
        const double operators = visits * visit / 2 + rows * kEntry + returned * row;
        return cpu_operator_cost * operators + page_cost * distinct(pages, visits * searches) / searches;
    }

    static double look_ahead_for(double returned) {
        double ef = hnsw_ef_search();
        double spare = std::max(0.0, ef - 10);
        return std::max(ef, returned + spare * std::sqrt(returned / 10)); // hnsw/stream.hpp
    }

    Cost after(double returned, double ahead) const {
        double each = layout.visits * (layout.each_neighbour ? neighbours * std::log(rows + 1) : 1);
        double visits = std::min(rows, upper + distinct(rows, ahead * each));
        if (hnsw_max_scan_tuples() >= 0)
            visits = std::min(visits, static_cast<double>(hnsw_max_scan_tuples()));
        double expanded = std::min({ahead, rows, visits});
        double link = layout.links + std::min(visits, kMostVisited) / kVisitedPerOperator;
        double operators = visits * visit + expanded * neighbours * link + returned * row;
        return cpu_operator_cost * operators +
               page_cost * distinct(pages, visits * searches) / searches;
    }
};

// Rows without a vector, and zero vectors under cosine, are not in the index: a scan needs an order, as pgvector's, or a sphere.
// The order of the inner side of a nested loop is nobody's: such a path has it only because the query has one. Of several
// spheres a scan makes a filter, not an end. And of two distances it has the order of the first only, where PostgreSQL
// believes that it has both.
bool starts_at_a_vector(const IndexPath *path) {
    if (list_length(path->indexorderbys) > 1)
        return false;
    bool sphere = false;
    ListCell *cell;
    foreach (cell, path->indexclauses) {
        const IndexClause *clause = lfirst_node(IndexClause, cell);
        if (clause->indexcol != 0)
            continue;
        const Expr *condition = linitial_node(RestrictInfo, clause->indexquals)->clause;
        if (!IsA(condition, NullTest))
            sphere |= !IsA(condition, ScalarArrayOpExpr);
        else if (reinterpret_cast<const NullTest *>(condition)->nulltesttype == IS_NULL)
            return false;
    }
    return sphere || (path->indexorderbys != NIL && path->path.param_info == nullptr);
}

// How many rows of the index the query will take, as far as can be told: the rows it wants, and for
// each of them those that a condition sends back.
double rows_taken(const PlannerInfo *root, const IndexPath *path, double rows) {
    double matching =
        std::max(1.0, path->path.rows); // set by the caller: what the conditions leave of the table
    double wanted = matching;
    if (root->limit_tuples > 0)
        wanted = root->limit_tuples;
    else if (root->tuple_fraction >= 1) // a count
        wanted = root->tuple_fraction;
    else if (root->tuple_fraction > 0) // a part: a cursor, a LIMIT that is not known yet
        wanted = root->tuple_fraction * matching;
    return std::clamp(rows * wanted / matching, 1.0, rows);
}

double page_cost_of(const IndexOptInfo *info, double pages) {
    double random_page;
    get_tablespace_page_costs(info->reltablespace, &random_page, nullptr);
    double cached = std::min(1.0, effective_cache_size / (pages + info->rel->pages));
    return random_page * std::max(kWarmPage, 1 - cached);
}

SearchCost search_cost_of(IndexOptInfo *info, double loop_count) {
    IndexFacts facts = facts_of(info);
    SearchCost search{};
    search.layout = cost_of_layout(facts.layout);
    search.rows = std::max(1.0, info->tuples);
    search.pages = std::max(1.0, static_cast<double>(info->pages));
    search.page_cost = page_cost_of(info, search.pages);
    search.neighbours = 2.0 * facts.m;
    search.upper = std::log(search.rows) / std::log(static_cast<double>(facts.m)) * facts.m;
    search.visit = search.layout.visit + payload_bytes(facts) / search.layout.bytes;
    if (search.layout.reads_rows)
        search.row = kRowFetch + (payload_bytes(facts) > TOAST_TUPLE_THRESHOLD ? kToastFetch : 0);
    search.searches = std::max(1.0, loop_count);
    return search;
}

} // namespace

void hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
                        Cost *total_cost, Selectivity *selectivity, double *correlation,
                        double *pages) {
    if (!starts_at_a_vector(path)) {
        *startup_cost = *total_cost = get_float8_infinity();
        *selectivity = 0;
        *correlation = 0;
        *pages = 0;
        disable_path(&path->path);
        return;
    }

    IndexOptInfo *info = path->indexinfo;
    const SearchCost search = search_cost_of(info, loop_count);

    // The planner interpolates between the first row and the last, and the true curve is no line: a
    // search never visits a node twice. So the line is laid through the first row and the one at
    // which the query will probably stop.
    // A scan with a sphere ends with the last row in it. Conditions on other columns leave fewer rows at every distance.
    List *spheres = NIL, *others = NIL;
    ListCell *cell;
    foreach (cell, path->indexclauses) {
        IndexClause *clause = lfirst_node(IndexClause, cell);
        List *&list = clause->indexcol == 0 ? spheres : others;
        list = list_concat(list, get_quals_from_indexclauses(list_make1(clause)));
    }
    const int relid = static_cast<int>(info->rel->relid);
    const double within = clauselist_selectivity(root, spheres, relid, JOIN_INNER, nullptr);
    const double passing = std::max(1e-9, clauselist_selectivity(root, others, relid, JOIN_INNER, nullptr));
    const double last = std::max(1.0, search.rows * within * passing);
    const double taken = rows_taken(root, path, last);
    *startup_cost = search.until(1, passing);
    *total_cost =
        *startup_cost + (search.until(std::max(2.0, taken), passing) - *startup_cost) * last / taken;
    if (others != NIL) { // or all that pass, by the directory of attributes
        if (search.direct(taken, passing) < search.until(std::max(2.0, taken), passing)) {
            *startup_cost = search.direct(1, passing);
            *total_cost = search.direct(last, passing);
        }
    }

    GenericCosts generic = {}; // for the selectivity of a partial index's predicate
    generic.numIndexTuples = last;
    genericcostestimate(root, path, loop_count, &generic);
    *selectivity = generic.indexSelectivity;
    *correlation = 0;
    *pages = search.pages;
}

// A search under a mask visits many more nodes than one without, which lie all over the index: a visit takes about 3 us with
// 784 dimensions (mnist-784 and debian-768, 500 to 27,000 nodes), and the look-ahead reaches through all that the mask leaves
// out, times 1.3 to 1.6.
SearchEstimate hnsw_masked_estimate(PlannerInfo *, IndexOptInfo *info, double rows, double selectivity) {
    constexpr double kVisit = 80, kBytes = 16, kReach = 1.4; // operators, bytes of a vector to the operator
    constexpr double kEach = 15, kEachBytes = 100; // the same of rows that are known beforehand, so that they are fetched ahead
    const SearchCost search = search_cost_of(info, 1);
    const double ahead =
        std::max(SearchCost::look_ahead_for(rows), static_cast<double>(hnsw_filtered_least_ahead())) / std::max(selectivity, 1e-9);
    const double each = search.layout.each_neighbour ? search.layout.visits * search.neighbours * std::log(search.rows + 1) : kReach;
    SearchEstimate out{};
    out.nodes = std::clamp(ahead * each, 1.0, search.rows);
    out.visit = cpu_operator_cost * (kVisit + payload_bytes(facts_of(info)) / kBytes) +
                search.page_cost * distinct(search.pages, out.nodes) / out.nodes;
    if (facts_of(info).layout != hnsw::LayoutKind::plain)
        out.each = cpu_operator_cost * (kEach + payload_bytes(facts_of(info)) / kEachBytes) + search.page_cost;
    return out;
}

} // namespace vecx::pg
