// VACUUM: dead heap TIDs leave their nodes, nodes without any leave the graph, and the graph is mended.
#include "hnsw/vacuum.hpp"

#include "base/crash.hpp"
#include "hnsw/inlined/fold.hpp"
#include "hnsw/inlined/vacuum.hpp"

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
    const IndexFacts facts = index_facts(index);
    PageStore store(index, info->strategy, true);
    Arena arena = arena_over(context);
    hnsw::VacuumResult result{};

    auto is_dead = [&](hnsw::HeapTid tid) {
        ItemPointerData item;
        memcpy(&item, &tid, sizeof item);
        return callback(&item, callback_state);
    };
    if (facts.layout == hnsw::LayoutKind::plain) {
        Rng rng(pg_prng_uint64(&pg_global_prng_state));
        check(hnsw::remove_tids(store, arena, is_dead, &result), name);
        check(hnsw::repair(store, arena, measure_of(facts), vacuum_memory(), rng, &result), name);
    } else {
        check(hnsw::inlined::remove_tids(store, arena, is_dead, &result), name);
        check(hnsw::inlined::repair(store, arena, vacuum_memory(), &result), name);
    }
    ereport(DEBUG1, (errmsg_internal("index \"%s\": %llu row versions removed, %llu nodes freed, %llu repaired, %llu linked again",
                                     name, static_cast<unsigned long long>(result.tids_removed),
                                     static_cast<unsigned long long>(result.nodes_freed),
                                     static_cast<unsigned long long>(result.nodes_repaired),
                                     static_cast<unsigned long long>(result.nodes_relinked))));

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
    VECX_CRASH_POINT("vacuum.cleanup");
    const IndexFacts facts = index_facts(info->index);
    if (facts.attributes() > 0) {
        MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw directory", ALLOCSET_DEFAULT_SIZES);
        MemoryContext before = MemoryContextSwitchTo(context);
        PageStore store(info->index, info->strategy, true);
        Arena arena = arena_over(context);
        uint64_t freed = 0;
        check(hnsw::inlined::tend_directory(store, arena, vacuum_memory(), stats != nullptr, &freed), RelationGetRelationName(info->index));
        MemoryContextSwitchTo(before);
        MemoryContextDelete(context);
    }
    IndexFreeSpaceMapVacuum(info->index);
    if (stats != nullptr) // otherwise nothing was deleted, and PostgreSQL keeps the counts it has
        stats->num_pages = RelationGetNumberOfBlocks(info->index);
    return stats;
}

} // namespace vecx::pg
