// VACUUM: dead heap TIDs leave their pages; then lists are packed, split where they have to be, and pages recycled.
#include "ivf/vacuum.hpp"

#include "pg/error.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/rows.hpp"
#include "pg/ivf/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/table.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

namespace {

IndexBulkDeleteResult *new_stats() {
    return static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
}

// VACUUM moves a row with what its codes say of it: to read the table here would need a snapshot that holds back the removal
// of what it reads, and VACUUM's does not.
struct NoVectors {
    Status fetch(ivf::HeapTid, Payload *, bool *found) {
        *found = false;
        return {};
    }
};

} // namespace

// Also called by CREATE INDEX CONCURRENTLY, with a callback that only writes down what it is shown.
IndexBulkDeleteResult *ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                       IndexBulkDeleteCallback callback, void *callback_state) {
    Relation index = info->index;
    if (stats == nullptr)
        stats = new_stats();
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf vacuum", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    shape_of(index); // of the operator class's type
    ListPageStore store(index, info->strategy, true);
    Arena arena = arena_over(context);
    auto is_dead = [&](ivf::HeapTid tid) {
        ItemPointerData item;
        memcpy(&item, &tid, sizeof item);
        return callback(&item, callback_state);
    };
    ivf::VacuumCounters counters{};
    check(ivf::bulk_delete(store, arena, is_dead, &counters), RelationGetRelationName(index));
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    stats->tuples_removed += static_cast<double>(counters.removed);
    stats->num_index_tuples = static_cast<double>(counters.left);
    stats->estimated_count = false;
    return stats;
}

IndexBulkDeleteResult *ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only)
        return stats;
    Relation index = info->index;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf vacuum", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    shape_of(index);
    ListPageStore store(index, info->strategy, true);
    Arena arena = arena_over(context);
    NoVectors vectors;
    ivf::VacuumCounters counters{};
    check(ivf::clean_up(store, arena, vectors, vacuum_memory(), &counters), RelationGetRelationName(index));
    ereport(DEBUG1, (errmsg_internal("index \"%s\": %u lists packed, %u split, %u closed, %llu pages free, %llu retired",
                                     RelationGetRelationName(index), counters.lists_packed, counters.lists_split,
                                     counters.lists_closed, static_cast<unsigned long long>(counters.free_pages),
                                     static_cast<unsigned long long>(counters.retired_pages))));
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    IndexFreeSpaceMapVacuum(index);
    if (stats != nullptr) { // otherwise nothing was deleted, and PostgreSQL keeps the counts it has
        stats->num_pages = RelationGetNumberOfBlocks(index);
        stats->pages_free = static_cast<BlockNumber>(counters.free_pages);
    }
    return stats;
}

} // namespace vecx::pg
