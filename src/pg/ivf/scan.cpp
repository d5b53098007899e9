// Index scans: ORDER BY column <op> value, and conditions on further columns. A scan is a stream that ends with the last row of the index.
#include "ivf/stream.hpp"

#include <new>

#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/last_scan.hpp"
#include "pg/hnsw/sorter.hpp"
#include "pg/ivf/cache.hpp"
#include "pg/ivf/probes.hpp"
#include "pg/ivf/rows.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/relscan.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

namespace {

using Stream = ivf::Stream<ListPageStore, TableRows, TupleSorter>;

// All of one search, in the scan's memory context; a rescan makes a new one.
struct Search {
    Search(Relation index, Relation table, Snapshot snapshot, const ivf::Shape &shape, MemoryContext context,
           int sort_kilobytes)
        : store(index), rows(table, index, snapshot, shape), sorter(context, sort_kilobytes), arena(arena_over(context)) {}

    ListPageStore store;
    TableRows rows;
    TupleSorter sorter;
    Arena arena;
    Stream *stream = nullptr;
    filter::Predicate where; // conditions on the columns behind the vector
    bool empty = false;      // one that nothing fulfils
};

struct ScanState {
    MemoryContext context; // reset by a rescan
    Search *search;        // null until the first row is asked for
    Datum order_value;     // what xs_orderbyvals and xs_orderbynulls point to
    bool order_null;
};

ivf::StreamOptions stream_options(Relation index, const ivf::MetaRecord &meta) {
    const bool flat = is_ivfflat(index);
    const ListScanSettings settings = flat ? ivfflat_settings() : ivf_settings();
    ivf::StreamOptions options{};
    options.probes = probes_of(settings, meta);
    options.iterate = true;
    options.memory_limit = static_cast<size_t>(work_mem) * 1024;
    switch (settings.iterative) {
    case kIterativeOff:
        options.late = ivf::LateRows::after_all;
        break;
    case kIterativeRelaxed:
        options.late = ivf::LateRows::at_once;
        options.max_probes = settings.max_probes;
        break;
    case kIterativeStrict:
        options.late = ivf::LateRows::left_out;
        options.max_probes = settings.max_probes;
        break;
    }
    if (options.max_probes != 0 && options.max_probes < options.probes)
        options.max_probes = options.probes;
    return options;
}

// The caller has switched to the scan's memory context.
Search *start_search(IndexScanDesc scan, MemoryContext context) {
    Relation index = scan->indexRelation;
    if (scan->numberOfOrderBys == 0)
        elog(ERROR, "cannot scan %s index without order", access_method_name(index));
    // Heap TIDs are returned without a pin on their page, so VACUUM may remove them, and the heap reuse
    // them, before the executor looks. An MVCC snapshot does not see what is put there.
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("non-MVCC snapshots are not supported with %s", access_method_name(index))));
    pgstat_count_index_scan(index);
    count_search(scan);

    const ivf::Shape shape = shape_of(index);
    ScanKey order = &scan->orderByData[0];
    Payload query{nullptr, 0}; // NULL: every row, in any order
    bool indexable;
    if ((order->sk_flags & SK_ISNULL) == 0)
        query = payload_of(order->sk_argument, shape, true, &indexable);

    Search *search = new (palloc(sizeof(Search)))
        Search(index, scan->heapRelation, scan->xs_snapshot, shape, context, work_mem);
    for (int i = 0; i < scan->numberOfKeys; ++i) // of the vector: those that are NULL are not in the index
        search->empty |= scan->keyData[i].sk_attno == 1 && (scan->keyData[i].sk_flags & SK_SEARCHNULL) != 0;
    if (scan->numberOfKeys > 0)
        search->where = predicate_of(attribute_columns(index), scan->keyData, scan->numberOfKeys);
    search->empty |= search->where.never;
    CachedIndex *cached = cached_index(index, search->store, context);
    const ivf::StreamOptions options = stream_options(index, cached->directory->meta());
    search->rows.set_query(query, kernels::active);
    search->stream = new (palloc(sizeof(Stream)))
        Stream(search->store, search->rows, search->sorter, search->arena, *cached->directory, query, options,
               hnsw::EveryRow{}, search->where.count > 0 ? &search->where : nullptr);
    begin_last_list_scan(RelationGetRelid(index), options);
    return search;
}

void end_search(ScanState *state) {
    if (state->search != nullptr) {
        state->search->sorter.end();
        state->search->rows.end();
    }
    state->search = nullptr;
    MemoryContextReset(state->context);
}

} // namespace

IndexScanDesc ivf_begin_scan(Relation index, int nkeys, int norderbys) {
    if (norderbys > 1) // the planner is told never to ask (cost.cpp)
        elog(ERROR, "cannot scan %s index in more than one order", access_method_name(index));
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    ScanState *state = static_cast<ScanState *>(palloc(sizeof(ScanState)));
    state->context = AllocSetContextCreate(CurrentMemoryContext, "ivf scan", ALLOCSET_DEFAULT_SIZES);
    state->search = nullptr;
    state->order_value = Float8GetDatum(0);
    state->order_null = false;
    scan->opaque = state;
    scan->xs_orderbyvals = &state->order_value;
    scan->xs_orderbynulls = &state->order_null;
    return scan;
}

void ivf_rescan(IndexScanDesc scan, ScanKey keys, int, ScanKey orderbys, int) {
    end_search(static_cast<ScanState *>(scan->opaque));
    if (keys != nullptr && scan->numberOfKeys > 0)
        memmove(scan->keyData, keys, sizeof(ScanKeyData) * static_cast<size_t>(scan->numberOfKeys));
    if (orderbys != nullptr && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, sizeof(ScanKeyData) * static_cast<size_t>(scan->numberOfOrderBys));
}

bool ivf_get_tuple(IndexScanDesc scan, ScanDirection direction) {
    if (!ScanDirectionIsForward(direction))
        elog(ERROR, "%s index scans only go forward", access_method_name(scan->indexRelation));
    ScanState *state = static_cast<ScanState *>(scan->opaque);
    MemoryContext before = MemoryContextSwitchTo(state->context);
    if (state->search == nullptr)
        state->search = start_search(scan, state->context);
    Search &search = *state->search;
    ivf::Row row{};
    bool found = false;
    if (!search.empty)
        check(search.stream->next(&row, &found), RelationGetRelationName(scan->indexRelation));
    search.rows.rest();
    MemoryContextSwitchTo(before);
    note_last_list_scan(search.stream->counters(), found);
    if (!found)
        return false;
    memcpy(&scan->xs_heaptid, &row.tid, sizeof scan->xs_heaptid);
    scan->xs_recheck = !search.where.exact();
    scan->xs_recheckorderby = false; // distances are exact
    return true;
}

void ivf_end_scan(IndexScanDesc scan) {
    ScanState *state = static_cast<ScanState *>(scan->opaque);
    end_search(state);
    MemoryContextDelete(state->context);
    pfree(state);
    scan->opaque = nullptr;
}

} // namespace vecx::pg
