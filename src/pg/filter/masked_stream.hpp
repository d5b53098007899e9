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
    const filter::RowMask *mask; // null: all rows
    double rank;                 // of the farthest row that will be wanted, among all rows of the index; an estimate
    filter::SearchBudget budget; // may change between two rows
    bool collects;               // rows are sorted before the first is returned, so that none comes too late; may change likewise
};

struct MaskedRow {
    ItemPointerData tid;
    bool certain; // its place is right: no row that follows has a smaller distance, and none before it a larger one
    double low;   // -infinity: nothing is known of it. Else the exact distance, as SQL shows it, is at least this, and that of every row that follows too, unless late
};

struct MaskedCounters {
    uint64_t nodes, pages; // visited (of indexes with lists: the lists), read
};

struct SearchEstimate {
    double nodes; // visited until the wanted rows are found
    Cost visit;   // of one node
    Cost each;    // of a row that is looked at in the index, by its heap TID; 0: it cannot do that
};

struct MaskedStreamRoutine {
    // A stream in `context`, which must be current; `query` and `filter` outlive it.
    void *(*begin)(Relation index, Relation table, Snapshot snapshot, MemoryContext context, Datum query, bool query_null,
                   const RowFilter *filter);
    // The same for all rows of the mask, of which there are `rows` and no whole pages, by looking at each in the index. Null when the
    // index cannot do that: it does not know yet where its rows are. `saved` is what a row costs less in this way, in the planner's
    // unit, than when it is fetched and its distance computed. May be null.
    void *(*begin_each)(Relation index, Snapshot snapshot, MemoryContext context, Datum query, const RowFilter *filter, double rows, Cost saved);
    // Whether it knows where its rows are.
    bool (*knows_each)(Relation index);
    // The next row. False: nothing more can be found, or the budget is spent; rows of the mask may be left over.
    bool (*next)(void *stream, MaskedRow *row);
    MaskedCounters (*counters)(const void *stream);
    void (*end)(void *stream); // before its context goes; may be null
    // Nodes with rows of the mask that are met before the n-th row is returned.
    double (*look_ahead)(double n);
    // Finding the `rows` nearest of a mask with `selectivity` of the index's rows, when it is independent of the distance.
    SearchEstimate (*estimate)(PlannerInfo *root, IndexOptInfo *index, double rows, double selectivity);
    // Whether a search notices early that what the mask has is far from the query (SearchBudget::spent).
    bool forecasts;
};

// Null: not an index that filtered scans can use. `cost_estimate` is the access method's amcostestimate, by which planner and
// executor both know it.
const MaskedStreamRoutine *masked_stream_routine(const void *cost_estimate);

} // namespace vecx::pg
