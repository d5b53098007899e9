// Every test of PG_VERSION_NUM in the project lives here. Supported: PostgreSQL 15 to 18.
#pragma once

#if PG_VERSION_NUM < 150000
#error "vecx needs PostgreSQL 15 or newer"
#endif

extern "C" {
#include "access/generic_xlog.h"
#include "access/nbtxlog.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "commands/explain.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "nodes/tidbitmap.h"
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

// New zeroed pages at the end of a fork. The caller holds the lock of its extension.
inline void extend_relation_by(Relation rel, ForkNumber fork, uint32 count) {
#if PG_VERSION_NUM >= 160000
    Buffer buffers[16];
    while (count > 0) {
        BufferManagerRelation where = {};
        where.rel = rel;
        uint32 added = 0;
        ExtendBufferedRelBy(where, fork, nullptr, EB_SKIP_EXTENSION_LOCK, count < lengthof(buffers) ? count : lengthof(buffers),
                            buffers, &added);
        for (uint32 i = 0; i < added; ++i)
            ReleaseBuffer(buffers[i]);
        count -= added;
    }
#else
    for (; count > 0; --count)
        ReleaseBuffer(ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, nullptr));
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

// The number of the file that a relation lies in now.
inline Oid file_number(Relation rel) {
#if PG_VERSION_NUM >= 160000
    return rel->rd_locator.relNumber;
#else
    return rel->rd_node.relNode;
#endif
}

// Which relation and how old: since 16 also whether logical decoding may look into its table. The caller's lock of the index
// comes with one of the table.
inline void fill_page_reuse(Relation index, FullTransactionId horizon, xl_btree_reuse_page *record) {
#if PG_VERSION_NUM >= 160000
    record->locator = index->rd_locator;
    record->snapshotConflictHorizon = horizon;
    Relation table = table_open(index->rd_index->indrelid, NoLock);
    record->isCatalogRel = RelationIsAccessibleInLogicalDecoding(table);
    table_close(table, NoLock);
#else
    record->node = index->rd_node;
    record->latestRemovedFullXid = horizon;
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

// f(block, offsets, count, recheck) for the pages of a bitmap, ascending; count is -1 when the whole page is meant. The bitmap
// cannot be changed any more.
template <class F>
void for_each_bitmap_page(TIDBitmap *bitmap, F f) {
#if PG_VERSION_NUM >= 180000
    TBMPrivateIterator *iterator = tbm_begin_private_iterate(bitmap);
    TBMIterateResult page;
    while (tbm_private_iterate(iterator, &page)) {
        OffsetNumber offsets[TBM_MAX_TUPLES_PER_PAGE];
        const int count = page.lossy ? -1 : tbm_extract_page_tuple(&page, offsets, TBM_MAX_TUPLES_PER_PAGE);
        f(page.blockno, offsets, count, page.recheck);
    }
    tbm_end_private_iterate(iterator);
#else
    TBMIterator *iterator = tbm_begin_iterate(bitmap);
    while (TBMIterateResult *page = tbm_iterate(iterator))
        f(page->blockno, page->offsets, page->ntuples, page->recheck);
    tbm_end_iterate(iterator);
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
