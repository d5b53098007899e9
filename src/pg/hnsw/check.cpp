// vecx_check_index(regclass, boolean): every page, record and link of an index against what must hold, and every row of
// its table against the index.
#include "hnsw/check.hpp"

#include "hnsw/inlined/check.hpp"
#include "pg/error.hpp"
#include "pg/export.hpp"
#include "pg/hnsw/info.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

namespace {

// What the scan of the table is told of the index.
struct TableCheck {
    Relation index;
    IndexFacts facts;
    bloom_filter *tids;
    MemoryContext scratch; // reset after each row
    uint64 rows, missing;
    ItemPointerData first_missing;
};

// Whether a heap TID lies in the table. A table does not shrink while it is locked, but it grows.
struct TidInTable {
    Relation table;
    BlockNumber blocks = 0;

    bool operator()(hnsw::HeapTid tid) {
        const bool heap = table->rd_rel->relam == HEAP_TABLE_AM_OID;
        const BlockNumber block = static_cast<BlockNumber>(tid.block_hi) << 16 | tid.block_lo;
        if (tid.offset == 0 || tid.offset > (heap ? MaxHeapTuplesPerPage : MaxOffsetNumber))
            return false;
        if (block >= blocks)
            blocks = RelationGetNumberOfBlocks(table);
        return block < blocks;
    }
};

void add_tid(bloom_filter *tids, hnsw::HeapTid tid) {
    bloom_add_element(tids, reinterpret_cast<unsigned char *>(&tid), sizeof tid);
}

// Notes every heap TID of the index. A page is copied under its lock and looked at without it.
Status note_tids(PageStore &store, const IndexFacts &facts, Arena &arena, bloom_filter *filter) {
    Array<hnsw::HeapTid> tids(arena);
    tids.reserve(BLCKSZ / sizeof(hnsw::HeapTid));
    auto copy = [&](const hnsw::HeapTid *begin, uint32_t count) {
        for (uint32_t i = 0; i < count && tids.size() < tids.capacity(); ++i)
            tids.push_back(begin[i]);
    };
    for (uint32_t block = 1; block < store.block_count(); ++block) {
        store.poll();
        tids.clear();
        if (facts.layout == hnsw::LayoutKind::plain) {
            VECX_TRY(hnsw::for_each_node(store, block, [&](uint16_t, const hnsw::NodeView &node) {
                copy(node.tids, node.head->tid_count);
            }));
        } else {
            VECX_TRY(hnsw::inlined::for_each_node(store, facts.shape, block, [&](uint16_t, const hnsw::inlined::NodeView &node) {
                copy(node.tids, node.head->tid_count);
            }));
            VECX_TRY(hnsw::inlined::for_each_chunk(store, block, [&](uint16_t, const hnsw::inlined::TidChunkView &chunk) {
                copy(chunk.tids, chunk.head->count);
            }));
        }
        for (const hnsw::HeapTid &tid : tids)
            add_tid(filter, tid);
    }
    return {};
}

// For table_index_build_scan.
void check_row(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *state) {
    TableCheck *check = static_cast<TableCheck *>(state);
    if (isnull[0])
        return;
    ++check->rows;
    hnsw::HeapTid heap_tid;
    memcpy(&heap_tid, tid, sizeof heap_tid);
    if (!bloom_lacks_element(check->tids, reinterpret_cast<unsigned char *>(&heap_tid), sizeof heap_tid))
        return;
    MemoryContext before = MemoryContextSwitchTo(check->scratch);
    bool indexable;
    payload_of(values[0], check->facts, false, &indexable);
    MemoryContextSwitchTo(before);
    MemoryContextReset(check->scratch);
    if (indexable && check->missing++ == 0)
        check->first_missing = *tid;
}

// Every row that a snapshot taken before the index is read can see must be in the index, as amcheck has it: a row's heap
// TID is in the index before the row is committed, and leaves it when nobody can see the row any more.
void check_table(Relation table, Relation index, PageStore &store, const IndexFacts &facts, Arena &arena) {
    Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    // An index built in a transaction of its own may lack rows that an older snapshot still sees.
    if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), snapshot->xmin))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("index \"%s\" cannot be verified using transaction snapshot", RelationGetRelationName(index))));
    double rows = table->rd_rel->reltuples;
    TableCheck check{index, facts, nullptr, AllocSetContextCreate(CurrentMemoryContext, "hnsw check row", ALLOCSET_DEFAULT_SIZES),
                     0, 0, {}};
    check.tids = bloom_create(static_cast<int64>(rows > 1000 ? 2 * rows : 2000), maintenance_work_mem, 0);
    pg::check(note_tids(store, facts, arena, check.tids), RelationGetRelationName(index));

    // Expressions and predicates of the index run as the owner, and can change nothing for the caller.
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(table->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
    const int nest_level = NewGUCNestLevel();
    restrict_search_path();
    IndexInfo *info = BuildIndexInfo(index);
    info->ii_Concurrent = true; // rows by the snapshot
    info->ii_Unique = false;
    TableScanDesc scan = table_beginscan_strat(table, snapshot, 0, nullptr, true, true);
    table_index_build_scan(table, index, info, true, false, check_row, &check, scan);
    AtEOXact_GUC(false, nest_level);
    SetUserIdAndSecContext(user, security);
    UnregisterSnapshot(snapshot);
    if (check.missing > 0)
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("%llu of %llu rows of table \"%s\" are not in index \"%s\"",
                               static_cast<unsigned long long>(check.missing), static_cast<unsigned long long>(check.rows),
                               RelationGetRelationName(table), RelationGetRelationName(index)),
                        errdetail("The first is (%u,%u).", ItemPointerGetBlockNumber(&check.first_missing),
                                  ItemPointerGetOffsetNumber(&check.first_missing)),
                        errhint("REINDEX rebuilds it.")));
}

} // namespace

} // namespace vecx::pg

// Returns the number of heap TIDs in the index; XX002 with the first finding if there is any. Takes AccessShareLock: it
// stands in nobody's way, and what others do meanwhile is no finding.
VECX_FUNCTION(vecx_check_index) {
    using namespace vecx;
    using namespace vecx::pg;

    const Oid oid = PG_GETARG_OID(0);
    const bool all_rows = PG_NARGS() > 1 && PG_GETARG_BOOL(1);
    require_reader_of_all(oid);
    // The table first, as everybody locks them.
    const Oid table_oid = IndexGetRelation(oid, true);
    Relation table = OidIsValid(table_oid) ? table_open(table_oid, AccessShareLock) : nullptr;
    Relation index = open_hnsw_index(oid, AccessShareLock);
    if (table == nullptr || IndexGetRelation(oid, false) != table_oid)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("could not open parent table of index \"%s\"", RelationGetRelationName(index))));
    if (all_rows && !index->rd_index->indisvalid) // left behind by CREATE INDEX CONCURRENTLY: it may lack rows
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" is not valid", RelationGetRelationName(index))));
    const char *name = RelationGetRelationName(index);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw check", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);
    PageStore store(index);
    const IndexFacts facts = index_facts(index);

    Status first;
    uint64_t findings = 0;
    auto report = [&](const Status &finding) {
        if (findings++ == 0)
            first = finding;
    };
    hnsw::CheckSummary summary{};
    if (facts.layout == hnsw::LayoutKind::plain) {
        const Measure measure = measure_of(facts);
        pg::check(hnsw::check(store, arena, &measure, report, &summary, TidInTable{table}), name);
    } else {
        pg::check(hnsw::inlined::check(store, arena, report, &summary, TidInTable{table}), name);
    }
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
    // Legal after a crash, and for a moment during an insert: a scan returns these rows in its final sweep, VACUUM links them.
    if (summary.reachable < summary.living_nodes)
        ereport(NOTICE, (errmsg("%llu of %llu living nodes of index \"%s\" cannot be reached from its entry point",
                                static_cast<unsigned long long>(summary.living_nodes - summary.reachable),
                                static_cast<unsigned long long>(summary.living_nodes), name),
                         errhint("VACUUM links them.")));
    if (all_rows)
        check_table(table, index, store, facts, arena);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    PG_RETURN_INT64(static_cast<int64>(summary.tids));
}
