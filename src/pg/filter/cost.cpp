// What the planner is told of a filtered scan. README.md, "Cost".
#include <algorithm>
#include <cmath>

#include "pg/filter/filter.hpp"

#include "pg/filter/masked_stream.hpp"

extern "C" {
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
}

namespace vecx::pg {

namespace {

// Going to the next row of a page that is read from the first to the last, in operators.
constexpr double kNextRow = 10;

// A scan that can change its mind, against the same without.
constexpr double kSurer = 0.999;

// The price of a way that others of the same price are not preferred to; more than the planner's fuzz of 1 %.
constexpr double kTieBreak = 0.97;

// How many rows the query will take, as far as can be told; 0 when it cannot.
double rows_wanted(const PlannerInfo *root, double rows) {
    if (root->limit_tuples > 0)
        return root->limit_tuples;
    if (root->tuple_fraction >= 1)
        return root->tuple_fraction;
    return root->tuple_fraction > 0 ? std::max(1.0, root->tuple_fraction * rows) : 0;
}

} // namespace

// Two ways, of which the executor takes the cheaper one when it knows the number of rows: all rows of the mask through their
// distances, or the index. The planner's line between the first row and the last starts with what has to be done before the first
// row comes, which is nearly all; the slope is a fetch a row and, for the index, the price of what it may have to leave to
// the other way.
void cost_filtered_path(PlannerInfo *root, CustomPath *path, BitmapHeapPath *bitmap, IndexPath *order, ScanFacts *facts) {
    RelOptInfo *rel = path->path.parent;
    Cost bitmap_cost;
    Selectivity selectivity;
    cost_bitmap_tree_node(bitmap->bitmapqual, &bitmap_cost, &selectivity);
    const double mask_rows = std::max(1.0, std::min(rel->tuples, selectivity * rel->tuples));
    const double rows = std::clamp(path->path.rows, 1.0, mask_rows);
    QualCost distance;
    cost_qual_eval_node(&distance, static_cast<Node *>(linitial(order->indexorderbys)), root);

    const Cost fetch = cpu_operator_cost * kRowFetch;
    facts->mask_rows = mask_rows;
    facts->passing = rows / mask_rows;
    facts->limit = root->limit_tuples > 0 ? root->limit_tuples : 0;
    facts->row_cost = fetch + cpu_tuple_cost + distance.per_tuple;

    const double wanted = rows_wanted(root, rows);
    const double taken = wanted > 0 ? std::min(wanted, rows) : rows;
    facts->wanted = taken;
    const MaskedStreamRoutine *routine = masked_stream_routine(reinterpret_cast<const void *>(order->indexinfo->amcostestimate));
    const SearchEstimate estimate =
        routine->estimate(root, order->indexinfo, taken / facts->passing, mask_rows / std::max(1.0, order->indexinfo->tuples));
    facts->visit_cost = estimate.visit;
    facts->each_cost = std::min(estimate.each, facts->row_cost);
    facts->wanted_nodes = estimate.nodes;
    // As PostgreSQL sees it, with pages from the disk: what a bitmap heap scan below a sort would cost at least.
    const Cost heap = bitmap->path.total_cost - bitmap_cost;
    // With vectors that the index stores it is a fraction of that as soon as the session knows where they are, so a tie is not one.
    const double surer = estimate.each > 0 ? kTieBreak : 1;
    const Cost exact = surer * (heap + rows * distance.per_tuple + distance.startup);
    const Cost index = estimate.nodes * estimate.visit + taken / facts->passing * fetch;

    facts->bitmap_cost = bitmap_cost;

    path->path.startup_cost = bitmap_cost + std::min(exact, index);
    path->path.total_cost = path->path.startup_cost + rows * fetch + (index < exact ? exact * (1 - taken / rows) : 0);
    // Without the bitmap at first: what the plain index scan is expected to cost, and less if that turns out wrong. The conditions must
    // be those of the plain scan, so there are no conditions within the index.
    facts->stream_nodes = 0;
    if (facts->limit > 0 && order->indexclauses == NIL && enable_indexscan) {
        auto until = [&](const Path &of) { return of.startup_cost + (of.total_cost - of.startup_cost) * taken / rows; };
        if (until(order->path) <= until(path->path)) {
            path->path.startup_cost = kSurer * order->path.startup_cost;
            path->path.total_cost = kSurer * order->path.total_cost;
            facts->stream_rows = taken * std::max(1.0, order->indexinfo->tuples / rows);
            facts->stream_nodes = routine->estimate(root, order->indexinfo, facts->stream_rows, 1).nodes;
            return;
        }
    }
    path->path.startup_cost += path->path.pathtarget->cost.startup;
    path->path.total_cost += path->path.pathtarget->cost.startup + path->path.pathtarget->cost.per_tuple * rows;
}

// The plain index scan, and less if that turns out wrong: the other way is to read the table, with what it costs when it is in the
// cache. That is never the first choice here: PostgreSQL has a plan for it.
void cost_streamed_path(PlannerInfo *root, CustomPath *path, IndexPath *order, ScanFacts *facts) {
    const RelOptInfo *rel = path->path.parent;
    const double rows = std::max(1.0, path->path.rows), tuples = std::max(rows, rel->tuples);
    QualCost distance;
    cost_qual_eval_node(&distance, static_cast<Node *>(linitial(order->indexorderbys)), root);
    facts->limit = root->limit_tuples;
    facts->wanted = std::min(facts->limit, rows);
    facts->mask_rows = tuples;
    facts->passing = rows / tuples;
    facts->row_cost = cpu_operator_cost * kRowFetch + cpu_tuple_cost + distance.per_tuple;
    facts->bitmap_cost = rel->baserestrictcost.startup + tuples * (cpu_operator_cost * kNextRow + cpu_tuple_cost + rel->baserestrictcost.per_tuple) + rows * facts->row_cost;

    const MaskedStreamRoutine *routine = masked_stream_routine(reinterpret_cast<const void *>(order->indexinfo->amcostestimate));
    facts->stream_rows = facts->wanted * std::max(1.0, order->indexinfo->tuples / rows);
    const SearchEstimate estimate = routine->estimate(root, order->indexinfo, facts->stream_rows, 1);
    facts->stream_nodes = estimate.nodes;
    facts->visit_cost = estimate.visit;
    path->path.startup_cost = kSurer * order->path.startup_cost;
    path->path.total_cost = kSurer * order->path.total_cost;
}

} // namespace vecx::pg
