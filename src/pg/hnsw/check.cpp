// vecx_check_index(regclass): every page, record and link of an index against what must hold.
#include "hnsw/check.hpp"

#include "pg/error.hpp"
#include "pg/export.hpp"
#include "pg/hnsw/info.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/xlog.h"
#include "utils/memutils.h"
}

// Returns the number of heap TIDs in the index; XX002 with the first finding if there is any.
VECX_FUNCTION(vecx_check_index) {
    using namespace vecx;
    using namespace vecx::pg;

    // Keeps writers and VACUUM away; a standby has none but the replay, and cannot take the lock.
    LOCKMODE mode = RecoveryInProgress() ? AccessShareLock : ShareLock;
    Relation index = open_hnsw_index(PG_GETARG_OID(0), mode);
    const char *name = RelationGetRelationName(index);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw check", ALLOCSET_DEFAULT_SIZES);
    Arena arena = arena_over(context);
    PageStore store(index);
    Measure measure = measure_of(index_facts(index));

    Status first;
    uint64_t findings = 0;
    auto report = [&](const Status &finding) {
        if (findings++ == 0)
            first = finding;
    };
    hnsw::CheckSummary summary{};
    pg::check(hnsw::check(store, arena, &measure, report, &summary), name);
    if (findings > 1)
        ereport(NOTICE, (errmsg("index \"%s\" has %llu findings; the error is the first", name,
                                static_cast<unsigned long long>(findings))));
    pg::check(first, name);
    ereport(DEBUG1, (errmsg_internal("index \"%s\": %llu living nodes, %llu of them reachable at level 0, %llu stale links, "
                                     "%llu orphan chunks",
                                     name, static_cast<unsigned long long>(summary.living_nodes),
                                     static_cast<unsigned long long>(summary.reachable),
                                     static_cast<unsigned long long>(summary.stale_links),
                                     static_cast<unsigned long long>(summary.orphan_chunks))));
    MemoryContextDelete(context);
    index_close(index, mode);
    PG_RETURN_INT64(static_cast<int64>(summary.tids));
}
