// VACUUM: dead heap TIDs leave their nodes, nodes without any leave the graph, and the graph is mended.
#include "hnsw/vacuum.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

// Also called by CREATE INDEX CONCURRENTLY, with a callback that only writes down what it is shown.
IndexBulkDeleteResult *hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                        IndexBulkDeleteCallback callback, void *callback_state) {
    Relation index = info->index;
    const char *name = RelationGetRelationName(index);
    if (stats == nullptr)
        stats = static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));

    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Measure measure = measure_of(index_facts(index));
    PageStore store(index, info->strategy, true);
    Arena arena = arena_over(context);
    Rng rng(pg_prng_uint64(&pg_global_prng_state));
    hnsw::VacuumResult result{};

    auto is_dead = [&](hnsw::HeapTid tid) {
        ItemPointerData item;
        memcpy(&item, &tid, sizeof item);
        return callback(&item, callback_state);
    };
    check(hnsw::remove_tids(store, arena, is_dead, &result), name);
    check(hnsw::repair(store, arena, measure, vacuum_memory(), rng, &result), name);

    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    stats->tuples_removed += static_cast<double>(result.tids_removed);
    stats->num_index_tuples = static_cast<double>(result.tids_left);
    stats->estimated_count = false;
    return stats;
}

IndexBulkDeleteResult *hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats) {
    if (info->analyze_only)
        return stats;
    IndexFreeSpaceMapVacuum(info->index);
    if (stats != nullptr) // otherwise nothing was deleted, and PostgreSQL keeps the counts it has
        stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

} // namespace vecx::pg
