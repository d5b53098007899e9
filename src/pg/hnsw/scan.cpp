// Index scans: ORDER BY column <op> value, conditions column <<op>> sphere, and conditions on further columns. A scan is a
// stream that ends with the last row of the index, or of the sphere.
#include <cfloat>
#include <limits>
#include <new>

#include "hnsw/inlined/stream.hpp"
#include "hnsw/stream.hpp"

#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/heap_distance.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/last_scan.hpp"
#include "pg/hnsw/scan_store.hpp"
#include "pg/hnsw/sorter.hpp"
#include "pg/memory.hpp"
#include "pg/types/sphere.hpp"

extern "C" {
#include "access/relscan.h"
#include "catalog/pg_type_d.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

namespace {

using PlainStream = hnsw::Stream<ScanStore, TupleSorter>;
using InlinedStream = hnsw::inlined::Stream<ScanStore, TupleSorter>;

// All of one search, in the scan's memory context; a rescan makes a new one.
struct Search {
    Search(IndexScanDesc scan, MemoryContext context, uint32_t record_size, uint32_t first, int sort_kilobytes)
        : store(scan->indexRelation, scan->heapRelation, record_size, first), arena(arena_over(context)), sorter(context, sort_kilobytes) {}

    ScanStore store;
    Arena arena;
    TupleSorter sorter;
    PlainStream *plain = nullptr; // one of the two
    InlinedStream *inlined = nullptr;
    HeapDistance *heap = nullptr; // of inlined
    const kernels::KernelTable *table = kernels::active; // its bounds are for these kernels
    double radius;       // NaN: there is none
    bool recheck;        // there are conditions on the vector besides the radius
    filter::Predicate where; // conditions on the other columns
    bool squared;        // distances of layout plain are squares of what SQL shows
    bool empty = false;  // a condition that nothing fulfils

    const hnsw::StreamCounters &counters() const { return plain != nullptr ? plain->counters() : inlined->counters(); }
};

// What the searches of a scan did, for EXPLAIN.
struct ScanTotals {
    int64 searches, rechecked;
    int ef_search; // of the latest
    uint64_t nodes, matches, estimates, distances, pages, sweeps;

    void add(const hnsw::StreamCounters &c) {
        nodes += c.nodes;
        matches += c.matches;
        estimates += c.estimates;
        distances += c.distances;
        pages += c.pages;
        sweeps += c.swept;
    }
};

struct ScanState {
    MemoryContext context; // reset by a rescan
    Search *search;        // null until the first row is asked for
    ScanTotals totals;     // counters of searches that have ended
    Datum order_value;     // what xs_orderbyvals and xs_orderbynulls point to
    bool order_null;
};

hnsw::LateRows late_rows() {
    switch (hnsw_iterative_scan()) {
    case kIterativeRelaxed:
        return hnsw::LateRows::at_once;
    case kIterativeStrict:
        return hnsw::LateRows::left_out;
    case kIterativeOff:
        break;
    }
    return hnsw::LateRows::after_all;
}

} // namespace

size_t hnsw_scan_memory() {
    double bytes = static_cast<double>(work_mem) * 1024 * hnsw_scan_mem_multiplier();
    return bytes < static_cast<double>(SIZE_MAX / 2) ? static_cast<size_t>(bytes) : SIZE_MAX / 2;
}

namespace {

// What a scan looks for.
struct Target {
    Datum value; // the distances are to this one
    bool null;   // it is NULL: everything lies at the same distance
    double radius = std::numeric_limits<double>::quiet_NaN(); // NaN: no radius
    bool recheck = false; // there are conditions which the radius does not say
    bool empty = false;   // a condition that nothing fulfils
};

bool same_value(Datum a, Datum b) {
    if (a == b)
        return true;
    const varlena *first = pg_detoast_datum(reinterpret_cast<varlena *>(DatumGetPointer(a)));
    const varlena *second = pg_detoast_datum(reinterpret_cast<varlena *>(DatumGetPointer(b)));
    return VARSIZE(first) == VARSIZE(second) && memcmp(first, second, VARSIZE(first)) == 0;
}

// Reads the keys. Of the spheres around the value that rows are ordered by the smallest bounds the scan; without an order
// the smallest of all does, around its own center. The others are left to the executor.
Target read_keys(IndexScanDesc scan, Metric metric) {
    Target target{};
    bool ordered = scan->numberOfOrderBys > 0 && (scan->orderByData[0].sk_flags & SK_ISNULL) == 0;
    target.null = !ordered;
    if (ordered)
        target.value = scan->orderByData[0].sk_argument;
    for (int i = 0; i < scan->numberOfKeys; ++i) {
        const ScanKeyData &key = scan->keyData[i];
        if (key.sk_attno != 1) // predicate_of
            continue;
        if ((key.sk_flags & SK_SEARCHNOTNULL) != 0) // there are no others in the index
            continue;
        if ((key.sk_flags & SK_SEARCHNULL) != 0) { // the planner is told never to ask (cost.cpp)
            target.empty = true;
            return target;
        }
        if (key.sk_strategy != kSphereStrategy)
            elog(ERROR, "unrecognized hnsw strategy number: %d", key.sk_strategy);
        Sphere sphere{};
        if ((key.sk_flags & SK_ISNULL) == 0)
            sphere = read_sphere(key.sk_argument);
        if ((key.sk_flags & SK_ISNULL) != 0 || sphere.null) {
            target.empty = true;
            return target;
        }
        if (std::isnan(sphere.radius)) {
            // Every distance is at most NaN, also that of a zero vector, which is not in the index.
            if (metric == Metric::cosine)
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                                errmsg("radius of a search by cosine distance cannot be NaN")));
            if (target.null) {
                target.value = sphere.center;
                target.null = false;
            }
            target.recheck = true;
            continue;
        }
        bool smaller = std::isnan(target.radius) || sphere.radius < target.radius;
        if (!target.null && same_value(sphere.center, target.value)) {
            if (smaller)
                target.radius = sphere.radius;
        } else if (!ordered && smaller) {
            target.recheck |= !target.null;
            target.value = sphere.center;
            target.null = false;
            target.radius = sphere.radius;
        } else {
            target.recheck = true;
        }
    }
    return target;
}

// The caller has switched to the scan's memory context.
Search *start_search(IndexScanDesc scan, MemoryContext context) {
    Relation index = scan->indexRelation;
    if (scan->numberOfOrderBys == 0 && scan->numberOfKeys == 0)
        elog(ERROR, "cannot scan hnsw index without order");
    // Heap TIDs are returned without a pin on their page, so VACUUM may remove them, and the heap reuse
    // them, before the executor looks. An MVCC snapshot does not see what is put there.
    if (!IsMVCCSnapshot(scan->xs_snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("non-MVCC snapshots are not supported with hnsw")));
    pgstat_count_index_scan(index);
    count_search(scan);

    IndexFacts facts = index_facts(index);
    Target target = read_keys(scan, facts.metric);
    Payload query{nullptr, 0}; // NULL: every row, in any order
    bool indexable;
    if (!target.null)
        query = payload_of(target.value, facts, true, &indexable);

    const bool plain = facts.layout == hnsw::LayoutKind::plain;
    size_t memory = hnsw_scan_memory();
    size_t sort_kilobytes = memory / 1024 < MAX_KILOBYTES ? memory / 1024 : MAX_KILOBYTES;
    const hnsw::inlined::Shape &shape = facts.shape;
    Search *search = new (palloc(sizeof(Search)))
        Search(scan, context, plain ? 0 : shape.record_size(shape.places), plain ? 0 : shape.own_offset(shape.places),
               static_cast<int>(sort_kilobytes));
    hnsw::StreamOptions options{};
    options.ef_search = hnsw_ef_search();
    options.max_tuples = hnsw_max_scan_tuples();
    options.memory_limit = memory;
    options.late = scan->numberOfOrderBys > 0 ? late_rows() : hnsw::LateRows::at_once;
    options.radius = search->radius = target.radius;
    search->recheck = target.recheck;
    search->squared = facts.metric == Metric::l2;
    search->empty = target.empty;
    const AttributeColumns columns = attribute_columns(index);
    if (scan->numberOfKeys > 0 && columns.count > 0)
        search->where = predicate_of(columns, scan->keyData, scan->numberOfKeys);
    search->empty |= search->where.never;
    if (plain)
        search->plain = new (palloc(sizeof(PlainStream)))
            PlainStream(search->store, search->arena, measure_of(facts), query, options, search->sorter);
    else {
        search->heap = new (palloc(sizeof(HeapDistance))) HeapDistance(scan, context, query);
        search->inlined = new (palloc(sizeof(InlinedStream)))
            InlinedStream(search->store, search->arena, facts.shape, query, options, search->sorter, search->heap->callback(),
                          hnsw::EveryRow{}, search->where.count > 0 ? &search->where : nullptr);
    }
    begin_last_scan(RelationGetRelid(index), facts.layout, options);
    return search;
}

void end_search(ScanState *state) {
    if (state->search != nullptr) {
        state->totals.add(state->search->counters());
        state->search->sorter.end();
        if (state->search->heap != nullptr)
            state->search->heap->end();
    }
    state->search = nullptr;
    MemoryContextReset(state->context);
}

} // namespace

IndexScanDesc hnsw_begin_scan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    ScanState *state = static_cast<ScanState *>(palloc(sizeof(ScanState)));
    state->context = AllocSetContextCreate(CurrentMemoryContext, "hnsw scan", ALLOCSET_DEFAULT_SIZES);
    state->search = nullptr;
    state->totals = ScanTotals{};
    state->order_value = Float8GetDatum(0);
    state->order_null = false;
    scan->opaque = state;
    scan->xs_orderbyvals = &state->order_value;
    scan->xs_orderbynulls = &state->order_null;
    return scan;
}

void hnsw_rescan(IndexScanDesc scan, ScanKey keys, int, ScanKey orderbys, int) {
    end_search(static_cast<ScanState *>(scan->opaque));
    if (keys != nullptr && scan->numberOfKeys > 0)
        memmove(scan->keyData, keys, sizeof(ScanKeyData) * static_cast<size_t>(scan->numberOfKeys));
    if (orderbys != nullptr && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, sizeof(ScanKeyData) * static_cast<size_t>(scan->numberOfOrderBys));
}

bool hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction) {
    if (!ScanDirectionIsForward(direction))
        elog(ERROR, "hnsw index scans only go forward");
    ScanState *state = static_cast<ScanState *>(scan->opaque);
    MemoryContext before = MemoryContextSwitchTo(state->context);
    if (state->search == nullptr) {
        state->search = start_search(scan, state->context);
        ++state->totals.searches;
        state->totals.ef_search = hnsw_ef_search();
    }

    Search &search = *state->search;
    hnsw::inlined::Row row{};
    bool found = false;
    Status status;
    if (search.empty) {
        // not even the first row is asked for
    } else if (search.plain != nullptr) {
        status = search.plain->next(&row.tid, &row.distance, &found);
        row.certain = true; // distances of layout plain are exact
        row.farthest = search.squared ? std::sqrt(row.distance) : row.distance;
        if (search.table != kernels::active)
            row.farthest = std::numeric_limits<double>::infinity();
    } else {
        status = search.inlined->next(&row, &found);
        // vecx.simd was set meanwhile, between two rows of a cursor: other kernels round differently, so that a distance
        // computed by them could lie outside its bounds. From here on the executor sorts.
        if (search.table != kernels::active) {
            row.certain = false;
            row.distance = -std::numeric_limits<double>::infinity();
            row.farthest = std::numeric_limits<double>::infinity();
        }
    }
    check(status, RelationGetRelationName(scan->indexRelation));
    MemoryContextSwitchTo(before);
    note_last_scan(search.counters(), found, found && !row.certain);
    state->totals.rechecked += found && !row.certain;
    if (!found)
        return false;
    memcpy(&scan->xs_heaptid, &row.tid, sizeof scan->xs_heaptid);
    // A row whose distance may be larger than the radius, or be NaN, is for the executor to decide.
    scan->xs_recheck = search.recheck || row.maybe || (!std::isnan(search.radius) && !(row.farthest <= search.radius &&
                                                                          row.farthest <= DBL_MAX));
    if (search.inlined != nullptr && scan->numberOfOrderBys > 0) {
        // The executor puts rows that are not certain into the order of their exact distances: it keeps each until the
        // index has reached its distance.
        IndexOrderByDistance distance{row.distance, false};
        Oid type = FLOAT8OID;
        index_store_float8_orderby_distances(scan, &type, &distance, !row.certain);
    } else {
        scan->xs_recheckorderby = false;
    }
    return true;
}

void hnsw_end_scan(IndexScanDesc scan) {
    ScanState *state = static_cast<ScanState *>(scan->opaque);
    end_search(state);
    MemoryContextDelete(state->context);
    pfree(state);
    scan->opaque = nullptr;
}

bool hnsw_report_scan(IndexScanDesc scan, ScanReport *report) {
    if (scan->indexRelation->rd_indam->ambeginscan != hnsw_begin_scan)
        return false;
    const ScanState *state = static_cast<const ScanState *>(scan->opaque);
    ScanTotals sum = state->totals;
    if (sum.searches == 0)
        return false;
    if (state->search != nullptr)
        sum.add(state->search->counters());
    report->add("layout", layout_name(index_facts(scan->indexRelation).layout));
    report->add("ef_search", sum.ef_search);
    report->add("nodes", static_cast<int64>(sum.nodes));
    if (index_facts(scan->indexRelation).attributes() > 0)
        report->add("matches", static_cast<int64>(sum.matches)); // nodes that the directory led to
    report->add("estimates", static_cast<int64>(sum.estimates));
    report->add("distances", static_cast<int64>(sum.distances));
    report->add("rechecked", sum.rechecked);
    report->add("pages", static_cast<int64>(sum.pages));
    report->add("sweeps", static_cast<int64>(sum.sweeps));
    return true;
}

} // namespace vecx::pg
