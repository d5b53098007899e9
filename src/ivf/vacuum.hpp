// VACUUM: rows leave their pages; lists that lost or gained much are written anew; pages are recycled.
#pragma once

#include "ivf/directory.hpp"

namespace vecx::ivf {

struct VacuumCounters {
    uint64_t removed;   // heap TIDs by this call
    uint64_t left;      // heap TIDs that remain
    uint64_t pages;     // of the index
    uint64_t free_pages; // that can be used again
    uint64_t retired_pages; // that will be, when old scans have ended
    uint32_t lists_packed, lists_split, lists_closed;
};

// ambulkdelete: removes the rows for which dead(HeapTid) -> bool; it is called with no page locked.
template <ListStore S, class Dead>
Status bulk_delete(S &store, Arena &arena, Dead dead, VacuumCounters *counters);

// amvacuumcleanup, after any number of bulk_delete calls; one at a time. Packs lists with many removed rows, splits lists
// that have grown or whose rows have moved away from the centroid, retires and frees pages.
template <ListStore S, VectorSource V>
Status clean_up(S &store, Arena &arena, V &vectors, size_t memory_limit, VacuumCounters *counters);

} // namespace vecx::ivf
