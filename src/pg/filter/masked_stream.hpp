// What an access method of vecx offers to filtered scans: rows in the order of distance that belong to a mask. Add one in
// masked_stream.cpp.
#pragma once

#include "filter/row_mask.hpp"
#include "filter/search_budget.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/pathnodes.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
}

namespace vecx::pg {

struct RowFilter {
    const filter::RowMask *mask;
    filter::SearchBudget budget; // may change between two rows
};

struct MaskedRow {
    ItemPointerData tid;
    bool certain; // its place is right: no row that follows has a smaller distance, and none before it a larger one
    double low;   // the exact distance, as SQL shows it, is at least this, and that of every row that follows too, unless late
};

struct MaskedCounters {
    uint64_t nodes, pages; // visited, read
};

struct SearchEstimate {
    double nodes; // visited until the wanted rows are found
    Cost visit;   // of one node
};

struct MaskedStreamRoutine {
    // A stream in `context`, which must be current; `query` and `filter` outlive it.
    void *(*begin)(Relation index, Snapshot snapshot, MemoryContext context, Datum query, bool query_null, const RowFilter *filter);
    // The next row. False: nothing more can be found, or the budget is spent; rows of the mask may be left over.
    bool (*next)(void *stream, MaskedRow *row);
    MaskedCounters (*counters)(const void *stream);
    // Nodes with rows of the mask that are met before the n-th row is returned.
    double (*look_ahead)(double n);
    // Finding the `rows` nearest of a mask with `selectivity` of the index's rows, when it is independent of the distance.
    SearchEstimate (*estimate)(PlannerInfo *root, IndexOptInfo *index, double rows, double selectivity);
};

// Null: not an index that filtered scans can use. `cost_estimate` is the access method's amcostestimate, by which planner and
// executor both know it.
const MaskedStreamRoutine *masked_stream_routine(const void *cost_estimate);

} // namespace vecx::pg
