#include "pg/ivf/masked_stream.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include "ivf/stream.hpp"

#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/last_scan.hpp"
#include "pg/ivf/cache.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/probes.hpp"
#include "pg/ivf/rows.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/relscan.h"
#include "pgstat.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

uint32_t masked_probes(uint32_t probes, uint32_t lists, double rank) {
    const double wanted = static_cast<double>(probes) * std::sqrt(std::max(rank / 10, 1.0));
    return static_cast<uint32_t>(std::clamp(std::ceil(wanted), 1.0, static_cast<double>(std::max<uint32_t>(lists, 1))));
}

namespace {

// What the core is given of a RowFilter.
struct FilterMask {
    static constexpr bool kMasks = true;
    const RowFilter *filter = nullptr;

    bool has(hnsw::HeapTid tid) const {
        return filter->mask == nullptr || filter->mask->has(static_cast<uint32_t>(tid.block_hi) << 16 | tid.block_lo, tid.offset);
    }
    bool give_up(uint64_t lists, uint64_t) const { return static_cast<double>(lists) >= filter->budget.most; }
    bool collects() const { return filter->collects; }
};

using Stream = ivf::Stream<ListPageStore, TableRows, hnsw::NoSorter, FilterMask>;

struct MaskedSearch {
    MaskedSearch(Relation relation, Relation table, Snapshot snapshot, const ivf::Shape &shape, MemoryContext context)
        : index(relation), store(relation), rows(table, relation, snapshot, shape), arena(arena_over(context)) {}

    Relation index;
    ListPageStore store;
    TableRows rows;
    Arena arena;
    hnsw::NoSorter sorter;
    Stream *stream = nullptr;
};

void *begin(Relation index, Relation table, Snapshot snapshot, MemoryContext context, Datum query, bool query_null,
            const RowFilter *filter) {
    // Heap TIDs come without a pin on their page, as in ivf_get_tuple.
    if (!IsMVCCSnapshot(snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("non-MVCC snapshots are not supported with %s", access_method_name(index))));
    pgstat_count_index_scan(index);
    const ivf::Shape shape = shape_of(index);
    Payload payload{nullptr, 0};
    bool indexable;
    if (!query_null)
        payload = payload_of(query, shape, true, &indexable);
    MaskedSearch *search = new (palloc(sizeof(MaskedSearch))) MaskedSearch(index, table, snapshot, shape, context);
    CachedIndex *cached = cached_index(index, search->store, context);
    const ivf::MetaRecord &meta = cached->directory->meta();
    const ListScanSettings settings = is_ivfflat(index) ? ivfflat_settings() : ivf_settings();
    ivf::StreamOptions options{};
    options.probes = masked_probes(probes_of(settings, meta), meta.lists, filter->rank);
    options.iterate = true;
    options.memory_limit = static_cast<size_t>(work_mem) * 1024;
    // A row that comes late stays in the mask, whose rest is scored at the end.
    options.late = settings.iterative == kIterativeRelaxed ? ivf::LateRows::at_once : ivf::LateRows::left_out;
    search->rows.set_query(payload, kernels::active);
    search->stream = new (palloc(sizeof(Stream)))
        Stream(search->store, search->rows, search->sorter, search->arena, *cached->directory, payload, options, FilterMask{filter});
    begin_last_list_scan(RelationGetRelid(index), options);
    return search;
}

bool next(void *stream, MaskedRow *out) {
    MaskedSearch &search = *static_cast<MaskedSearch *>(stream);
    ivf::Row row{};
    bool found = false;
    check(search.stream->next(&row, &found), RelationGetRelationName(search.index));
    search.rows.rest();
    note_last_list_scan(search.stream->counters(), found);
    if (!found)
        return false;
    memcpy(&out->tid, &row.tid, sizeof out->tid);
    out->certain = true; // distances are exact
    out->low = row.distance;
    return true;
}

MaskedCounters counters(const void *stream) {
    const ivf::StreamCounters &counters = static_cast<const MaskedSearch *>(stream)->stream->counters();
    return MaskedCounters{counters.lists, counters.pages};
}

void end(void *stream) {
    static_cast<MaskedSearch *>(stream)->rows.end();
}

double look_ahead(double n) {
    return n;
}

} // namespace

const MaskedStreamRoutine ivf_masked_stream = {begin, nullptr, nullptr, next, counters, end, look_ahead, ivf_masked_estimate, false};

} // namespace vecx::pg
