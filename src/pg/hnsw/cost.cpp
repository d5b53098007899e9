// What the planner is told. A search visits some nodes before it returns its first row and some more for each
// row after; a visit costs a share of a page, the tuple, and one distance.
#include <cmath>

#include "pg/guc.hpp"
#include "pg/hnsw/hnsw.hpp"

extern "C" {
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
}

namespace vecx::pg {

namespace {

// Of the 2m neighbours of a node on the search's way, the part that was not seen before, divided by ln(rows).
// Measured: 60,000 x 784 and 200,000 x 128 rows with m 16 at ef_search 40 visit 700 and 800 nodes.
constexpr double kNewNeighbours = 0.05;
// Bytes of payload whose distance costs another cpu_operator_cost. The planner charges the operator of a
// sequential scan once whatever its dimensions, so this is small.
constexpr double kBytesPerOperator = 4096;

IndexFacts facts_of(IndexOptInfo *info) {
    if (info->hypothetical || !OidIsValid(info->indexoid))
        return IndexFacts{ElementType::f32, Metric::l2, 768, hnsw::kDefaultM, hnsw::kDefaultEfConstruction};
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

} // namespace

void hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
                        Selectivity *selectivity, double *correlation, double *pages) {
    if (path->indexorderbys == NIL) {
        *startup_cost = *total_cost = get_float8_infinity();
        *selectivity = 0;
        *correlation = 0;
        *pages = 0;
        disable_path(&path->path);
        return;
    }

    IndexOptInfo *info = path->indexinfo;
    IndexFacts facts = facts_of(info);
    double rows = info->tuples > 1 ? info->tuples : 1;
    double new_neighbours = 2.0 * facts.m * fmin(1.0, kNewNeighbours * log(rows + 1));
    double upper = log(rows) / log(static_cast<double>(facts.m)) * facts.m;
    double first_visits = fmin(rows, upper + hnsw_ef_search() * new_neighbours);
    double all_visits = first_visits + rows * fmax(1.0, new_neighbours); // linear: honest for the first rows

    // Vectors that the table stores out of line are on no page that a sequential scan is charged for. To
    // compare like with like, neither is the index charged for more pages than the table has.
    double charged_pages = fmax(1.0, fmin(info->pages, info->rel->pages));
    double page_cost;
    get_tablespace_page_costs(info->reltablespace, &page_cost, nullptr);
    double page_share = charged_pages / rows; // nodes lie several to a page
    double first_pages = fmin(charged_pages, ceil(first_visits * page_share));
    if (loop_count > 1) // the searches of a nested loop find each other's pages in the cache
        first_pages = index_pages_fetched(first_pages * loop_count, info->pages, info->pages, root) / loop_count;

    double visit_cost = cpu_index_tuple_cost + cpu_operator_cost * (1 + payload_bytes(facts) / kBytesPerOperator);
    *startup_cost = first_pages * page_cost + first_visits * visit_cost;
    *total_cost = *startup_cost + (all_visits - first_visits) * (page_share * page_cost + visit_cost);

    GenericCosts generic = {}; // for the selectivity of a partial index's predicate
    generic.numIndexTuples = rows;
    genericcostestimate(root, path, loop_count, &generic);
    *selectivity = generic.indexSelectivity;
    *correlation = 0;
    *pages = fmax(1.0, info->pages);
}

} // namespace vecx::pg
