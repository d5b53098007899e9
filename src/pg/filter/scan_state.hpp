// The executor's state of a filtered scan.
#pragma once

#include "base/heap.hpp"
#include "filter/row_mask.hpp"
#include "pg/filter/filter.hpp"
#include "pg/filter/masked_stream.hpp"
#include "pg/hnsw/sorter.hpp"

extern "C" {
#include "access/tableam.h"
#include "nodes/execnodes.h"
}

namespace vecx::pg {

// Where a row comes in the order: by rank, then by distance (NaN last), then by heap TID.
enum RowRank : int {
    kRankUsual = 0,
    kRankNull = 1, // the distance is NULL
    kRankLate = 2, // nearer than a row that has been returned
};

struct ScoredRow {
    double distance;
    int rank;
    bool known; // false: distance and rank have not been computed
    ItemPointerData tid;
};

struct BeforeRow {
    bool operator()(const ScoredRow &a, const ScoredRow &b) const {
        if (a.rank != b.rank)
            return a.rank < b.rank;
        if (a.rank != kRankNull && a.distance != b.distance) {
            const bool a_nan = a.distance != a.distance, b_nan = b.distance != b.distance;
            if (!a_nan || !b_nan)
                return a_nan ? false : b_nan || a.distance < b.distance;
        }
        return ItemPointerCompare(const_cast<ItemPointer>(&a.tid), const_cast<ItemPointer>(&b.tid)) < 0;
    }
};
struct AfterRow {
    bool operator()(const ScoredRow &a, const ScoredRow &b) const { return BeforeRow{}(b, a); }
};

// How rows are found. A run may go from one to the next.
enum class Way : uint8_t { none, stream, index, exact };

enum class RunPhase : uint8_t {
    start,
    ready,  // rows that were collected to the LIMIT
    index,  // straight from the stream
    sorted, // all that was left, from the sorter
    end,
};

// One run, in a memory context of its own: from the first row to the end or the next rescan.
struct Run {
    Run(MemoryContext context, size_t mask_memory, int sort_kilobytes);

    Arena arena;
    filter::RowMask mask;  // rows that are still to be dealt with
    bool unsure = false;   // the bitmap's index is not sure of all rows
    RowFilter filter{};    // what the index is told of it; without a mask as long as there is none
    size_t most = 0;       // rows that are collected before the first is returned; 0: none are
    Datum query;
    bool query_null;
    void *stream = nullptr;
    MemoryContext stream_context = nullptr; // its own
    bool stream_ended = false;
    bool all_looked_at = false; // the stream has looked at each row of the mask, so that none is left when it ends
    Array<ItemPointerData> seen; // rows that passed, without a mask
    double step = 0;             // nodes that a row costs to find, without a mask
    uint64_t tested = 0, passed = 0; // rows, without a mask
    double low = -HUGE_VAL; // the stream's rows that follow are at least so far
    bool unsorted = false;  // but one was not, while they were collected
    Heap<ScoredRow, BeforeRow> waiting; // from the stream, until it is known that nothing nearer follows
    Array<ScoredRow> ready;
    size_t ready_at = 0;
    bool rest_left = false; // behind the ready rows there may be others
    TupleSorter sorter;
    RunPhase phase = RunPhase::start;
    bool emitted = false;
    ItemPointerData last; // emitted
};

// What EXPLAIN ANALYZE shows, over all runs.
struct RunTotals {
    uint64_t runs, bitmaps;
    Way ways[4]; // of the first run, in turn
    bool differ; // those of another run
    unsigned any; // ways of all runs, a bit each
    Way now[4];  // of the run in hand
    uint64_t tested, passed; // rows of streams
    uint64_t each;           // rows looked at in the index, by their heap TIDs
    double mask_rows;
    uint64_t mask_exact_pages, mask_lossy_pages;
    uint64_t nodes, index_pages;
    uint64_t scored;    // rows whose distance was computed
    uint64_t rechecked; // rows that the bitmap let in and its conditions did not
};

struct FilteredScan {
    CustomScanState css; // first
    ScanFacts facts;
    Relation index; // null in EXPLAIN without ANALYZE
    const MaskedStreamRoutine *routine;
    IndexFetchTableData *fetch;
    ExprState *distance, *query, *recheck;
    MemoryContext context; // of the run; reset by a rescan
    Run *run;
    RunTotals totals;
};

// False: no index knows the conditions; the mask is the whole table, and every row is tested.
inline bool has_bitmap(const FilteredScan *scan) {
    return scan->css.custom_ps != NIL;
}

// rows.cpp: the next row into the scan's slot, after all conditions; false at the end.
bool next_filtered_row(FilteredScan *scan);
void end_run(FilteredScan *scan);

// score.cpp: the row of a heap TID into the scan's slot, if it is visible.
bool fetch_filtered_row(FilteredScan *scan, const ItemPointerData *tid);
// Of the row in the slot: whether it meets the conditions, those of the bitmap only if `recheck`.
bool passes_filter(FilteredScan *scan, bool recheck);
void compute_distance(FilteredScan *scan, ScoredRow *row);
// All rows left in the mask by their distances, after which the run is in phase `ready` (with the nearest `most`) or
// `sorted` (most == 0). Takes over the rows in run->ready and run->waiting.
void score_rest(FilteredScan *scan, size_t most);

// explain.cpp
void explain_filtered_scan(CustomScanState *node, List *ancestors, ExplainState *es);

} // namespace vecx::pg
