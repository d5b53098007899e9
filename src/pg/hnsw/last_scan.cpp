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

} // namespace vecx::pg

VECX_FUNCTION(vecx_last_scan) {
    using namespace vecx::pg;

    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "vecx_last_scan must return a row");
    if (!OidIsValid(last.index))
        PG_RETURN_NULL();
    constexpr int kColumns = 11;
    if (desc->natts != kColumns)
        elog(ERROR, "vecx_last_scan must return a row of %d columns", kColumns);
    Datum values[kColumns] = {
        ObjectIdGetDatum(last.index),
        CStringGetTextDatum(layout_name(last.layout)),
        Int32GetDatum(last.ef_search),
        Int64GetDatum(static_cast<int64>(last.counters.look_ahead)),
        Int64GetDatum(static_cast<int64>(last.counters.nodes)),
        Int64GetDatum(static_cast<int64>(last.counters.estimates)),
        Int64GetDatum(static_cast<int64>(last.counters.distances)),
        Int64GetDatum(static_cast<int64>(last.counters.pages)),
        Int64GetDatum(last.rows),
        Int64GetDatum(last.rechecked),
        BoolGetDatum(last.counters.swept),
    };
    bool nulls[kColumns] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
