// vecx_last_scan(): one row about the session's latest index scan, finished or not.
#include "pg/hnsw/last_scan.hpp"

#include "pg/export.hpp"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
}

namespace vecx::pg {

namespace {

struct LastScan {
    Oid index;
    hnsw::LayoutKind layout;
    int ef_search;
    hnsw::StreamCounters counters;
    int64 rows, rechecked;
    uint32_t probes; // 0: the index has no lists
    uint64_t lists;
};
LastScan last{};

} // namespace

const char *layout_name(hnsw::LayoutKind layout) {
    switch (layout) {
    case hnsw::LayoutKind::plain:
        return "plain";
    case hnsw::LayoutKind::inlined:
        return "inline";
    case hnsw::LayoutKind::compact:
        return "compact";
    }
    return "unknown";
}

void begin_last_scan(Oid index, hnsw::LayoutKind layout, const hnsw::StreamOptions &options) {
    last = LastScan{};
    last.index = index;
    last.layout = layout;
    last.ef_search = options.ef_search;
}

void note_last_scan(const hnsw::StreamCounters &counters, bool row, bool recheck) {
    last.counters = counters;
    last.rows += row;
    last.rechecked += recheck;
}

void begin_last_list_scan(Oid index, const ivf::StreamOptions &options) {
    last = LastScan{};
    last.index = index;
    last.probes = options.probes;
}

void note_last_list_scan(const ivf::StreamCounters &counters, bool row) {
    last.lists = counters.lists;
    last.counters.nodes = counters.fine;
    last.counters.estimates = counters.rows;
    last.counters.distances = counters.exact;
    last.counters.pages = counters.pages;
    last.counters.swept = counters.swept;
    last.rows += row;
}

} // namespace vecx::pg

VECX_FUNCTION(vecx_last_scan) {
    using namespace vecx::pg;

    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "vecx_last_scan must return a row");
    if (!OidIsValid(last.index))
        PG_RETURN_NULL();
    constexpr int kColumns = 13;
    if (desc->natts != kColumns)
        elog(ERROR, "vecx_last_scan must return a row of %d columns", kColumns);
    Datum values[kColumns] = {
        ObjectIdGetDatum(last.index),
        CStringGetTextDatum(last.probes > 0 ? "lists" : layout_name(last.layout)),
        Int32GetDatum(last.ef_search),
        Int64GetDatum(static_cast<int64>(last.counters.look_ahead)),
        Int64GetDatum(static_cast<int64>(last.counters.nodes)),
        Int64GetDatum(static_cast<int64>(last.counters.estimates)),
        Int64GetDatum(static_cast<int64>(last.counters.distances)),
        Int64GetDatum(static_cast<int64>(last.counters.pages)),
        Int64GetDatum(last.rows),
        Int64GetDatum(last.rechecked),
        BoolGetDatum(last.counters.swept),
        Int32GetDatum(static_cast<int32>(last.probes)),
        Int64GetDatum(static_cast<int64>(last.lists)),
    };
    bool nulls[kColumns] = {};
    const bool lists = last.probes > 0;
    nulls[2] = nulls[3] = lists;
    nulls[11] = nulls[12] = !lists;
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
