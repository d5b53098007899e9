// vecx_check_index(regclass, boolean): every page, record and link of an index against what must hold, and every row of
// its table against the index.
#include "hnsw/check.hpp"

#include "hnsw/inlined/check.hpp"
#include "ivf/check.hpp"
#include "pg/error.hpp"
#include "pg/export.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/info.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/store.hpp"
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
    ElementType type;
    Metric metric;
    int32_t dim;
    AttributeColumns columns;
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

// What the filter has of a row: its heap TID, and its columns beside the vector, so that a row with other values is missed.
struct Entry {
    hnsw::HeapTid tid{};
    uint16_t pad = 0;
    uint64_t attributes[filter::attribute_words(filter::kMostAttributes)]{};

    unsigned char *bytes() { return reinterpret_cast<unsigned char *>(this); }
    static size_t size(int columns) { return offsetof(Entry, attributes) + filter::attribute_bytes(static_cast<uint32_t>(columns)); }
};

void add_tid(bloom_filter *tids, hnsw::HeapTid tid) {
    Entry entry;
    entry.tid = tid;
    bloom_add_element(tids, entry.bytes(), Entry::size(0));
}

// Notes every heap TID of the index. A page is copied under its lock and looked at without it.
Status note_tids(PageStore &store, const IndexFacts &facts, Arena &arena, bloom_filter *filter) {
    struct Record { // a node or a list of more heap TIDs of one
        bool list;
        hnsw::Link node; // of a list
        uint32_t first, count;
        uint32_t attributes; // of a node, in `attributes`
    };
    const size_t words = filter::attribute_words(static_cast<uint32_t>(facts.attributes()));
    Array<Record> records(arena);
    Array<uint64_t> attributes(arena);
    records.reserve(BLCKSZ / sizeof(uint64_t)); // no record is as short
    attributes.reserve(BLCKSZ / sizeof(uint64_t));
    Array<hnsw::HeapTid> tids(arena);
    tids.reserve(BLCKSZ / sizeof(hnsw::HeapTid));
    auto copy = [&](const hnsw::HeapTid *begin, uint32_t count) {
        for (uint32_t i = 0; i < count && tids.size() < tids.capacity(); ++i)
            tids.push_back(begin[i]);
    };
    hnsw::inlined::Visitor<PageStore> visitor(store, facts.shape);
    for (uint32_t block = 1; block < store.block_count(); ++block) {
        store.poll();
        tids.clear();
        records.clear();
        attributes.clear();
        if (facts.layout == hnsw::LayoutKind::plain) {
            VECX_TRY(hnsw::for_each_node(store, block, [&](uint16_t, const hnsw::NodeView &node) {
                copy(node.tids, node.head->tid_count);
            }));
        } else {
            VECX_TRY(hnsw::inlined::for_each_node(store, facts.shape, block, [&](uint16_t, const hnsw::inlined::NodeView &node) {
                const uint32_t first = static_cast<uint32_t>(tids.size()), at = static_cast<uint32_t>(attributes.size());
                copy(node.tids, node.head->tid_count);
                if (words == 0 || records.size() == records.capacity() || at + words > attributes.capacity())
                    return;
                attributes.resize_uninitialized(at + words);
                memcpy(&attributes[at], node.attributes, words * sizeof(uint64_t));
                records.push_back(Record{false, hnsw::Link{}, first, static_cast<uint32_t>(tids.size()) - first, at});
            }));
            VECX_TRY(hnsw::inlined::for_each_chunk(store, block, [&](uint16_t, const hnsw::inlined::TidChunkView &chunk) {
                const uint32_t first = static_cast<uint32_t>(tids.size());
                copy(chunk.tids, chunk.head->count);
                if (words > 0 && records.size() < records.capacity())
                    records.push_back(Record{true, chunk.head->node, first, static_cast<uint32_t>(tids.size()) - first, 0});
            }));
        }
        if (words == 0)
            for (const hnsw::HeapTid &tid : tids)
                add_tid(filter, tid);
        for (const Record &record : records) {
            Entry entry;
            bool found = true;
            if (!record.list) {
                memcpy(entry.attributes, &attributes[record.attributes], words * sizeof(uint64_t));
            } else {
                VECX_TRY(visitor.look(record.node, &found, [&](const hnsw::inlined::NodeView &node) {
                    memcpy(entry.attributes, node.attributes, words * sizeof(uint64_t));
                }));
            }
            store.poll();
            for (uint32_t i = record.first; i < record.first + record.count && found; ++i) { // a node that is gone has no rows
                entry.tid = tids[i];
                bloom_add_element(filter, entry.bytes(), Entry::size(facts.attributes()));
            }
        }
    }
    return {};
}

// For table_index_build_scan.
void check_row(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *state) {
    TableCheck *check = static_cast<TableCheck *>(state);
    if (isnull[0])
        return;
    ++check->rows;
    Entry entry;
    memcpy(&entry.tid, tid, sizeof entry.tid);
    MemoryContext before = MemoryContextSwitchTo(check->scratch);
    bool indexable = false;
    if (check->columns.count > 0)
        encode_attributes(check->columns, values, isnull, entry.attributes);
    if (bloom_lacks_element(check->tids, entry.bytes(), Entry::size(check->columns.count)))
        payload_of(values[0], check->type, check->metric, check->dim, false, &indexable);
    MemoryContextSwitchTo(before);
    MemoryContextReset(check->scratch);
    if (indexable && check->missing++ == 0)
        check->first_missing = *tid;
}

// Every row that a snapshot taken before the index is read can see must be in the index, as amcheck has it: a row's heap
// TID is in the index before the row is committed, and leaves it when nobody can see the row any more.
// note(bloom_filter *) -> Status notes the heap TIDs of the index.
template <class Note>
void check_table(Relation table, Relation index, ElementType type, Metric metric, int32_t dim, const AttributeColumns &columns, Note note) {
    Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    // An index built in a transaction of its own may lack rows that an older snapshot still sees.
    if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), snapshot->xmin))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("index \"%s\" cannot be verified using transaction snapshot", RelationGetRelationName(index))));
    double rows = table->rd_rel->reltuples;
    TableCheck check{index, type, metric, dim, columns, nullptr,
                     AllocSetContextCreate(CurrentMemoryContext, "vecx check row", ALLOCSET_DEFAULT_SIZES), 0, 0, {}};
    check.tids = bloom_create(static_cast<int64>(rows > 1000 ? 2 * rows : 2000), maintenance_work_mem, 0);
    pg::check(note(check.tids), RelationGetRelationName(index));

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

// What a checker reports: the first finding, and how many there are.
struct Findings {
    Status first;
    uint64_t count = 0;

    void operator()(const Status &finding) {
        if (count++ == 0)
            first = finding;
    }
    void raise(const char *name) const {
        if (count > 1)
            ereport(NOTICE, (errmsg("index \"%s\" has %llu findings; the error is the first", name,
                                    static_cast<unsigned long long>(count))));
        pg::check(first, name);
    }
};

// The number of heap TIDs; with `all_rows`, the table's rows are looked up as well.
uint64_t check_graph(Relation table, Relation index, bool all_rows, Arena &arena) {
    const char *name = RelationGetRelationName(index);
    PageStore store(index);
    const IndexFacts facts = index_facts(index);
    Findings findings;
    auto report = [&](const Status &finding) { findings(finding); };
    hnsw::CheckSummary summary{};
    if (facts.layout == hnsw::LayoutKind::plain) {
        const Measure measure = measure_of(facts);
        pg::check(hnsw::check(store, arena, &measure, report, &summary, TidInTable{table}), name);
    } else {
        pg::check(hnsw::inlined::check(store, arena, report, &summary, TidInTable{table}), name);
    }
    findings.raise(name);
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
        check_table(table, index, facts.type, facts.metric, facts.dim, attribute_columns(index),
                    [&](bloom_filter *filter) { return note_tids(store, facts, arena, filter); });
    return summary.tids;
}

uint64_t check_lists(Relation table, Relation index, bool all_rows, Arena &arena) {
    const char *name = RelationGetRelationName(index);
    ListPageStore store(index);
    const ivf::Shape shape = shape_of(index);
    Findings findings;
    ivf::CheckSummary summary{};
    // Who looks for pages holds a snapshot, so that none is freed meanwhile.
    TidInTable in_table{table};
    auto look_up = [&](ivf::HeapTid tid, const uint64_t *) {
        if (!in_table(tid))
            findings(Status::corrupt(0, "heap TID (%u,%u) lies outside the table",
                                     static_cast<uint32_t>(tid.block_hi) << 16 | tid.block_lo, static_cast<uint32_t>(tid.offset)));
    };
    pg::check(ivf::check(store, arena, [&](const Status &finding) { findings(finding); }, look_up, &summary), name);
    findings.raise(name);
    ereport(DEBUG1, (errmsg_internal("index \"%s\": %llu lists in %llu branches, %llu rows removed, %llu orphan pages", name,
                                     static_cast<unsigned long long>(summary.lists),
                                     static_cast<unsigned long long>(summary.branches),
                                     static_cast<unsigned long long>(summary.dead),
                                     static_cast<unsigned long long>(summary.orphan_pages))));
    if (all_rows)
        check_table(table, index, shape.type, shape.metric, shape.dim, attribute_columns(index), [&](bloom_filter *filter) {
            return ivf::check(store, arena, [](const Status &) {}, [&](ivf::HeapTid tid, const uint64_t *attributes) {
                Entry entry;
                entry.tid = tid;
                if (shape.attributes > 0)
                    memcpy(entry.attributes, attributes, shape.attributes_size());
                bloom_add_element(filter, entry.bytes(), Entry::size(shape.attributes));
            });
        });
    return summary.tids;
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
    Relation index = open_vecx_index(oid, AccessShareLock);
    if (table == nullptr || IndexGetRelation(oid, false) != table_oid)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("could not open parent table of index \"%s\"", RelationGetRelationName(index))));
    if (all_rows && !index->rd_index->indisvalid) // left behind by CREATE INDEX CONCURRENTLY: it may lack rows
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" is not valid", RelationGetRelationName(index))));
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecx check", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);
    const uint64_t tids =
        is_ivf_method(index) ? check_lists(table, index, all_rows, arena) : check_graph(table, index, all_rows, arena);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    PG_RETURN_INT64(static_cast<int64>(tids));
}
