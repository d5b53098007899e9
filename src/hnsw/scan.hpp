// What the streams of all layouts share (stream.hpp, inlined/stream.hpp): options, counters, the look-ahead, and the sorter
// behind the final sweep. README.md, "The stream", explains them.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "hnsw/layout.hpp"

namespace vecx::hnsw {

// What becomes of a row that is found after a more distant one was returned.
enum class LateRows : uint8_t {
    after_all, // kept, and returned in order behind all others: the first part of the scan is strictly ordered
    at_once,   // returned as soon as it is found
    left_out,  // never returned: strictly ordered, and incomplete
};

struct StreamOptions {
    int ef_search;
    int64_t max_tuples;  // nodes to visit in the graph before the scan ends with what it has; -1: no limit
    size_t memory_limit; // bytes for the visited set and the heaps; beyond it the scan sweeps and sorts
    LateRows late;
    size_t least_ahead = 0; // the look-ahead is this at least
    // Not 0: only from when a row would be returned that was not among the first 1 / `patience` of the nodes visited by then. (After
    // Teofili and Lin, "Patience in Proximity", ECIR 2025, where a search ends that has found nothing new for long.) Layout plain
    // has no use for it.
    double patience = 0;
    // The scan ends where the next row lies farther than this distance, as SQL shows it. Of the rows within, those are missing
    // that the same scan without a radius has not found before it comes to that row. NaN: it does not end.
    double radius = std::numeric_limits<double>::quiet_NaN();

    // Whether no row at this distance or farther belongs to the scan; a NaN lies farther than any radius.
    bool beyond(double distance) const { return !std::isnan(radius) && !(distance <= radius); }
};

struct StreamCounters {
    uint64_t nodes;       // visited in the graph
    uint64_t estimates;   // of keys, from codes; none in layouts plain and compact
    uint64_t distances;   // computed
    uint64_t pages;       // read
    uint64_t swept_pages; // read by the final sweep
    uint64_t matches;     // nodes that the directory of attributes led to
    size_t look_ahead;    // now
    bool swept;
};

// The look-ahead for the i-th node returned (from 1). It grows with the square root of the rows returned: README.md, "The
// stream", has the recalls.
inline size_t look_ahead(size_t ef_search, size_t i) {
    double spare = ef_search > 10 ? static_cast<double>(ef_search - 10) : 0;
    return std::max(ef_search, i + static_cast<size_t>(spare * std::sqrt(static_cast<double>(i) / 10)));
}

// What a stream's mask tells it; the shell has those of filters. A masked stream returns only rows of the mask. Its look-ahead
// counts only nodes with such rows, the others just lead on. And it never sweeps: it ends when its graph phase does, or
// when the mask gives it up, and then may have left rows out. has() is asked under page locks: it only looks.
template <class M>
concept Mask = M::kMasks == false || requires(const M &m, HeapTid tid, uint64_t nodes) {
    { m.has(tid) } -> std::same_as<bool>;
    { m.give_up(nodes, nodes) } -> std::same_as<bool>; // nodes visited, and those of them that count
    { m.collects() } -> std::same_as<bool>;            // the caller sorts what it is given: late rows come at once, whatever the options say
};

template <Mask M>
LateRows late_rows(LateRows usual, const M &mask) {
    if constexpr (M::kMasks)
        return mask.collects() ? LateRows::at_once : usual;
    else
        return usual;
}

struct EveryRow {
    static constexpr bool kMasks = false;
};

// Stands for the sorter of a masked stream, which needs none.
struct NoSorter {
    void put(bool, double, double, HeapTid) {}
    void finish() {}
    bool next(HeapTid *, double *, double *) { return false; }
};

// Sorts what the sweep found: rows that are not late first, each part by the least distance that a row can have (NaN last);
// `high` is the greatest and comes back with it. The shell stands tuplesort behind it. Called with no page locked.
template <class T>
concept Sorter = requires(T &t, bool late, double low, double high, HeapTid tid, HeapTid *out_tid, double *out) {
    { t.put(late, low, high, tid) };
    { t.finish() };
    { t.next(out_tid, out, out) } -> std::same_as<bool>;
};

} // namespace vecx::hnsw
