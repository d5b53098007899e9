#include "pg/hnsw/masked_stream.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "hnsw/inlined/scorer.hpp"
#include "hnsw/inlined/stream.hpp"
#include "hnsw/stream.hpp"

#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/last_scan.hpp"
#include "pg/hnsw/row_places.hpp"
#include "pg/hnsw/scan_store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/relscan.h"
#include "pgstat.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

// Twice the usual one, for queries that turn out to be hard (kPatience). For rows far down the order it is no more than their usual
// one, so it costs little where filters are dear.
size_t hnsw_filtered_least_ahead() {
    return 2 * static_cast<size_t>(hnsw_ef_search());
}

namespace {

// A query is hard when one of its rows was met in the second half of the search: more are likely to follow. README.md, "Easy and hard
// queries", has what that brings.
constexpr double kPatience = 2;

// What the core is given of a RowFilter.
struct FilterMask {
    static constexpr bool kMasks = true;
    const RowFilter *filter = nullptr;

    bool has(hnsw::HeapTid tid) const {
        return filter->mask == nullptr || filter->mask->has(static_cast<uint32_t>(tid.block_hi) << 16 | tid.block_lo, tid.offset);
    }
    bool give_up(uint64_t nodes, uint64_t met) const { return filter->budget.spent(nodes, met); }
    bool collects() const { return filter->collects; }
};

using PlainStream = hnsw::Stream<ScanStore, hnsw::NoSorter, FilterMask>;
using InlinedStream = hnsw::inlined::Stream<ScanStore, hnsw::NoSorter, FilterMask>;
using InlinedScorer = hnsw::inlined::MaskScorer<ScanStore>;

struct MaskedSearch {
    MaskedSearch(Relation relation, MemoryContext context, uint32_t record_size, uint32_t first, uint32_t lead = 0)
        : index(relation), store(relation, nullptr, record_size, first, lead), arena(arena_over(context)) {}

    Relation index;
    ScanStore store;
    Arena arena;
    hnsw::NoSorter sorter;
    PlainStream *plain = nullptr; // one of the three
    InlinedStream *inlined = nullptr;
    InlinedScorer *scorer = nullptr;
    const kernels::KernelTable *table = kernels::active; // its bounds are for these kernels

    const hnsw::StreamCounters &counters() const {
        return plain != nullptr ? plain->counters() : inlined != nullptr ? inlined->counters() : scorer->counters();
    }
};

// Heap TIDs come without a pin on their page, as in hnsw_get_tuple.
void require_mvcc(Snapshot snapshot) {
    if (!IsMVCCSnapshot(snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("non-MVCC snapshots are not supported with hnsw")));
}

hnsw::StreamOptions stream_options() {
    hnsw::StreamOptions options{};
    options.ef_search = hnsw_ef_search();
    options.max_tuples = -1; // the budget is the limit
    options.memory_limit = hnsw_scan_memory();
    // A row that comes late stays in the mask, whose rest is scored at the end.
    options.late = hnsw_iterative_scan() == kIterativeRelaxed ? hnsw::LateRows::at_once : hnsw::LateRows::left_out;
    options.least_ahead = hnsw_filtered_least_ahead();
    options.patience = kPatience;
    return options;
}

void *begin(Relation index, Relation, Snapshot snapshot, MemoryContext context, Datum query, bool query_null, const RowFilter *filter) {
    require_mvcc(snapshot);
    pgstat_count_index_scan(index);
    IndexFacts facts = index_facts(index);
    Payload payload{nullptr, 0};
    bool indexable;
    if (!query_null)
        payload = payload_of(query, facts, true, &indexable);

    const bool plain = facts.layout == hnsw::LayoutKind::plain;
    MaskedSearch *search = new (palloc(sizeof(MaskedSearch)))
        MaskedSearch(index, context, plain ? 0 : facts.shape.record_size(facts.shape.places),
                     plain ? 0 : facts.shape.own_offset(facts.shape.places));
    const hnsw::StreamOptions options = stream_options();
    FilterMask mask{filter};
    if (plain)
        search->plain = new (palloc(sizeof(PlainStream)))
            PlainStream(search->store, search->arena, measure_of(facts), payload, options, search->sorter, mask);
    else
        search->inlined = new (palloc(sizeof(InlinedStream)))
            InlinedStream(search->store, search->arena, facts.shape, payload, options, search->sorter, hnsw::inlined::ExactDistance{}, mask);
    begin_last_scan(RelationGetRelid(index), facts.layout, options);
    return search;
}

void *begin_each(Relation index, Snapshot snapshot, MemoryContext context, Datum query, const RowFilter *filter, double rows, Cost saved) {
    const IndexFacts facts = index_facts(index);
    if (facts.layout == hnsw::LayoutKind::plain || filter->mask->whole_pages() > 0 ||
        rows * static_cast<double>(InlinedScorer::kBytesPerRow) > static_cast<double>(hnsw_scan_memory()))
        return nullptr;
    const filter::RowPlaces *places = row_places(index, facts, rows * saved);
    if (places == nullptr)
        return nullptr;
    require_mvcc(snapshot);
    pgstat_count_index_scan(index);
    bool indexable;
    const Payload payload = payload_of(query, facts, true, &indexable);
    const uint32_t lead = facts.shape.links_offset();
    MaskedSearch *search = new (palloc(sizeof(MaskedSearch)))
        MaskedSearch(index, context, facts.shape.record_size(facts.shape.places), facts.shape.own_offset(facts.shape.places), lead);
    search->scorer = new (palloc(sizeof(InlinedScorer))) InlinedScorer(search->store, search->arena, facts.shape);
    begin_last_scan(RelationGetRelid(index), facts.layout, stream_options());
    check(search->scorer->score(payload, *filter->mask, static_cast<size_t>(rows), *places), RelationGetRelationName(index));
    row_places_missed(index, static_cast<double>(search->scorer->unknown()) * saved);
    return search;
}

bool next(void *stream, MaskedRow *out) {
    MaskedSearch &search = *static_cast<MaskedSearch *>(stream);
    hnsw::inlined::Row row{};
    bool found = false;
    Status status;
    if (search.plain != nullptr) {
        status = search.plain->next(&row.tid, &row.distance, &found);
        row.certain = true;
    } else {
        if (search.scorer != nullptr)
            search.scorer->next(&row, &found);
        else
            status = search.inlined->next(&row, &found);
        if (search.table != kernels::active) { // as in hnsw_get_tuple
            row.certain = false;
            row.distance = -std::numeric_limits<double>::infinity();
        }
    }
    check(status, RelationGetRelationName(search.index));
    note_last_scan(search.counters(), found, found && !row.certain);
    if (!found)
        return false;
    memcpy(&out->tid, &row.tid, sizeof out->tid);
    out->certain = row.certain;
    out->low = row.distance;
    return true;
}

MaskedCounters counters(const void *stream) {
    const hnsw::StreamCounters &counters = static_cast<const MaskedSearch *>(stream)->counters();
    return MaskedCounters{counters.nodes, counters.pages};
}

double look_ahead(double n) {
    return static_cast<double>(
        std::max(hnsw_filtered_least_ahead(), hnsw::look_ahead(static_cast<size_t>(hnsw_ef_search()), static_cast<size_t>(n))));
}

} // namespace

const MaskedStreamRoutine hnsw_masked_stream = {begin, begin_each, knows_row_places, next, counters, nullptr, look_ahead, hnsw_masked_estimate, true};

} // namespace vecx::pg
