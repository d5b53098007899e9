// What the planner is told of a scan. In the planner's own unit, as pg/hnsw/cost.cpp, which says what that is worth here.
#include <algorithm>
#include <cmath>

#include "ivf/meta.hpp"
#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/masked_stream.hpp"
#include "pg/ivf/probes.hpp"
#include "pg/ivf/store.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
}

namespace vecx::pg {

namespace {

// Work in operators (cpu_operator_cost, 5 us of PostgreSQL's default unit are 400 of them).
constexpr double kStart = 200;            // a search: the metapage, the query, the centroids of branches
constexpr double kCentroid = 2;           // a centroid of 768 bytes compared
constexpr double kCoordinatesPerOperator = 512; // of codes of one bit compared
constexpr double kBytesPerOperator = 200; // of vectors compared
constexpr double kPage = 25;              // a page of postings: its buffer and its lock
constexpr double kExact = 400;            // an exact distance of a row that lies in the table
constexpr double kExactRows = 30;         // of these for the first ten rows
constexpr double kWarmPage = 1.0 / 40;    // part of random_page_cost, as in pg/hnsw/cost.cpp

struct ListFacts {
    ivf::MetaRecord meta;
    ivf::Shape shape;
    uint32_t probes;
};

ListFacts facts_of(IndexOptInfo *info) {
    ListFacts facts{};
    if (info->hypothetical || !OidIsValid(info->indexoid)) {
        facts.shape.dim = 768;
        facts.meta.lists = static_cast<uint32_t>(std::max(1.0, 2 * std::sqrt(std::max(1.0, info->tuples))));
        facts.probes = probes_of(ivf_settings(), facts.meta);
        return facts;
    }
    Relation index = index_open(info->indexoid, NoLock); // the planner has the lock
    ListPageStore store(index);
    check(ivf::read_meta(store, &facts.meta, &facts.shape), RelationGetRelationName(index));
    facts.probes = probes_of(is_ivfflat(index) ? ivfflat_settings() : ivf_settings(), facts.meta);
    index_close(index, NoLock);
    return facts;
}

double row_work(const ivf::Shape &shape) {
    switch (shape.quantizer) {
    case ivf::QuantizerKind::none:
        return 1 + shape.payload_size / kBytesPerOperator;
    case ivf::QuantizerKind::sq8:
        return 1 + shape.dim / kBytesPerOperator;
    case ivf::QuantizerKind::pq:
        return 8.0 * shape.near_code_size() / kCoordinatesPerOperator;
    case ivf::QuantizerKind::rabitq:
        break;
    }
    return shape.dim / kCoordinatesPerOperator;
}

double page_cost_of(const IndexOptInfo *info, double pages) {
    double random_page;
    get_tablespace_page_costs(info->reltablespace, &random_page, nullptr);
    const double cached = std::min(1.0, effective_cache_size / (pages + info->rel->pages));
    return random_page * std::max(kWarmPage, 1 - cached);
}

// A scan needs an order, and has the order of one distance only. Rows without a vector are not in the index. The order of the inner
// side of a nested loop is nobody's: such a path has it only because the query has one.
bool has_an_order(const IndexPath *path) {
    if (list_length(path->indexorderbys) != 1 || path->path.param_info != nullptr)
        return false;
    ListCell *cell;
    foreach (cell, path->indexclauses) {
        const IndexClause *clause = lfirst_node(IndexClause, cell);
        const Expr *condition = linitial_node(RestrictInfo, clause->indexquals)->clause;
        if (clause->indexcol == 0 && IsA(condition, NullTest) && reinterpret_cast<const NullTest *>(condition)->nulltesttype == IS_NULL)
            return false;
    }
    return true;
}

// The part of the rows that passes the conditions on further columns.
double part_passing(PlannerInfo *root, const IndexPath *path) {
    List *conditions = NIL;
    ListCell *cell;
    foreach (cell, path->indexclauses) {
        IndexClause *clause = lfirst_node(IndexClause, cell);
        if (clause->indexcol != 0)
            conditions = list_concat(conditions, get_quals_from_indexclauses(list_make1(clause)));
    }
    return std::max(1e-9, clauselist_selectivity(root, conditions, static_cast<int>(path->indexinfo->rel->relid), JOIN_INNER, nullptr));
}

} // namespace

void ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
                       Selectivity *selectivity, double *correlation, double *pages) {
    if (!has_an_order(path)) {
        *startup_cost = *total_cost = get_float8_infinity();
        *selectivity = 0;
        *correlation = 0;
        *pages = 0;
        disable_path(&path->path);
        return;
    }
    IndexOptInfo *info = path->indexinfo;
    const ListFacts facts = facts_of(info);
    const double passing = part_passing(root, path);
    GenericCosts generic = {}; // for the selectivity of a partial index's predicate
    generic.numIndexTuples = std::max(1.0, info->tuples);
    genericcostestimate(root, path, loop_count, &generic);

    const double rows = std::max(1.0, info->tuples); // that pass or not
    const double all_pages = std::max(1.0, static_cast<double>(info->pages));
    // Where few rows pass, more lists are looked at before the first one leaves (ivf/stream.hpp).
    const double part = std::min(1.0, static_cast<double>(facts.probes) / std::sqrt(passing) / std::max<uint32_t>(facts.meta.lists, 1));
    const double page_cost = page_cost_of(info, all_pages);
    const bool fetches = facts.shape.coded();

    // The first row leaves when the probes have been read; each further one costs its exact distance; all of them, the rest
    // of the lists as well.
    auto until = [&](double seen) {
        const double lists = std::max(part, std::min(1.0, seen / (rows * passing)));
        const double operators = kStart + facts.meta.lists * kCentroid + lists * (rows * row_work(facts.shape) + all_pages * kPage) +
                                 (fetches ? (kExactRows + seen) * kExact : 0);
        return cpu_operator_cost * operators + page_cost * lists * all_pages;
    };
    *startup_cost = until(1);
    *total_cost = std::max(until(std::max(1.0, rows * passing)), *startup_cost);
    *selectivity = generic.indexSelectivity;
    *correlation = 0;
    *pages = all_pages;
}

// Nodes are lists. What does not depend on how many are looked at is spread over them.
SearchEstimate ivf_masked_estimate(PlannerInfo *, IndexOptInfo *info, double rows, double selectivity) {
    const ListFacts facts = facts_of(info);
    const double all_rows = std::max(1.0, info->tuples), all_pages = std::max(1.0, static_cast<double>(info->pages));
    const double lists = std::max<uint32_t>(facts.meta.lists, 1);
    SearchEstimate out{};
    // As many as are looked at first, and more if these have not the rows.
    const double rank = rows / std::max(selectivity, 1e-9);
    out.nodes = std::min(lists, std::max(rank / all_rows * lists, static_cast<double>(masked_probes(facts.probes, facts.meta.lists, rank))));
    const double each = (all_rows * row_work(facts.shape) + all_pages * kPage) / lists;
    const double once = kStart + lists * kCentroid + (facts.shape.coded() ? (kExactRows + rows) * kExact : 0);
    out.visit = cpu_operator_cost * (each + once / out.nodes) + page_cost_of(info, all_pages) * all_pages / lists;
    return out;
}

} // namespace vecx::pg
