// Every test of PG_VERSION_NUM in the project lives here. Supported: PostgreSQL 15 to 18.
#pragma once

#if PG_VERSION_NUM < 150000
#error "vecx needs PostgreSQL 15 or newer"
#endif

extern "C" {
#include "access/generic_xlog.h"
#include "access/relscan.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "postmaster/autovacuum.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#define VECX_EXPLAIN_HOOK // an extension may add to what EXPLAIN shows of a node
#endif
}

// Since 16 an input function's caller may ask for an error as a value instead of an exception.
#if PG_VERSION_NUM >= 160000
#define VECX_ERRSAVE(context, ...) errsave(context, __VA_ARGS__)
#else
#define VECX_ERRSAVE(context, ...) ereport(ERROR, __VA_ARGS__)
#endif

namespace vecx::pg {

// vacuum_delay_point() takes an argument since 18.
inline void vacuum_delay() {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

// For code of a table's owner that somebody else causes to run, as the commands of 17 and newer do it.
inline void restrict_search_path() {
#if PG_VERSION_NUM >= 170000
    RestrictSearchPath();
#endif
}

// Whether a role owns a relation; 42P01 when there is none.
inline bool owns_relation(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relation, role);
#else
    return pg_class_ownercheck(relation, role);
#endif
}

// A new zeroed page at the end of a fork, pinned and exclusively locked.
inline Buffer extend_relation(Relation rel, ForkNumber fork) {
#if PG_VERSION_NUM >= 160000
    BufferManagerRelation where = {};
    where.rel = rel;
    return ExtendBufferedRel(where, fork, nullptr, EB_LOCK_FIRST);
#else
    bool lock = !RELATION_IS_LOCAL(rel);
    if (lock)
        LockRelationForExtension(rel, ExclusiveLock);
    Buffer buffer = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, nullptr);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    if (lock)
        UnlockRelationForExtension(rel, ExclusiveLock);
    return buffer;
#endif
}

// Bytes that VACUUM may use in this process.
inline size_t vacuum_memory() {
#if PG_VERSION_NUM >= 170000
    bool automatic = AmAutoVacuumWorkerProcess();
#else
    bool automatic = IsAutoVacuumWorkerProcess();
#endif
    int kilobytes = automatic && autovacuum_work_mem != -1 ? autovacuum_work_mem : maintenance_work_mem;
    return static_cast<size_t>(kilobytes) * 1024;
}

// A setting that this backend knows, by its exact name; null when there is none.
inline config_generic *find_setting(const char *name) {
#if PG_VERSION_NUM >= 160000
    return find_option(name, false, true, ERROR);
#else
    config_generic **settings = get_guc_variables();
    for (int i = 0, n = GetNumConfigOptions(); i < n; ++i)
        if (strcmp(settings[i]->name, name) == 0)
            return settings[i];
    return nullptr;
#endif
}

// Pins the buffer that held a block when last heard of; false when it holds something else by now. Unlike ReadBuffer, it does
// not tell the buffer manager that the page is in use.
inline bool pin_recent(Relation rel, BlockNumber block, Buffer buffer) {
#if PG_VERSION_NUM >= 160000
    return ReadRecentBuffer(rel->rd_locator, MAIN_FORKNUM, block, buffer);
#else
    return ReadRecentBuffer(rel->rd_node, MAIN_FORKNUM, block, buffer);
#endif
}

// EXPLAIN ANALYZE shows the number of index searches since 18.
inline void count_search(IndexScanDesc scan) {
#if PG_VERSION_NUM >= 180000
    if (scan->instrument != nullptr)
        scan->instrument->nsearches++;
#else
    (void)scan;
#endif
}

// Since 18 the planner counts disabled nodes before it looks at costs; two are worse than a disabled
// sequential scan.
inline void disable_path(Path *path) {
#if PG_VERSION_NUM >= 180000
    path->disabled_nodes = 2;
#else
    (void)path;
#endif
}

} // namespace vecx::pg
