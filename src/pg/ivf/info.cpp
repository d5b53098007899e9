#include "pg/ivf/info.hpp"

#include "ivf/info.hpp"
#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/ivf/probes.hpp"
#include "pg/ivf/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "utils/builtins.h"
}

namespace vecx::pg {

namespace {

// How the number of lists that a scan looks at was found.
const char *reason_of(const ivf::MetaRecord &meta) {
    if (meta.auto_probes == 0)
        return psprintf("the root of %u lists: nothing was measured when the index was built", meta.lists);
    const ivf::ProbesCurve &curve = meta.curve;
    return psprintf("measured when the index was built, with %u queries that the clustering did not see: "
                    "recall 0.90, 0.95 and 0.99 take %u, %u and %u lists for rows, %u, %u and %u for points between two rows "
                    "(with 95 %% confidence); %u found %.3f in the mean",
                    curve.queries, curve.rows[0], curve.rows[1], curve.rows[2], curve.between[0], curve.between[1],
                    curve.between[2], meta.auto_probes, static_cast<double>(meta.auto_recall));
}

} // namespace

void ivf_index_info(Relation index, Datum *values, bool *nulls) {
    ListPageStore store(index);
    ivf::MetaRecord meta;
    ivf::Shape shape;
    check(ivf::read_meta(store, &meta, &shape), RelationGetRelationName(index));
    memset(nulls, 1, kInfoColumns * sizeof(bool));
    auto set = [&](int column, Datum value) {
        values[column] = value;
        nulls[column] = false;
    };
    const bool keeps = !shape.coded() || shape.rerank == ivf::RerankKind::index;
    set(0, CStringGetTextDatum("lists"));
    set(1, CStringGetTextDatum(element_type_name(shape.type)));
    set(2, CStringGetTextDatum(metric_name(shape.metric)));
    set(3, Int32GetDatum(shape.dim));
    set(7, Int64GetDatum(store.block_count()));
    set(8, CStringGetTextDatum(quantizer_name(shape.quantizer)));
    if (shape.coded())
        set(9, Int32GetDatum(static_cast<int32>(8 * (shape.near_code_size() + shape.planes_size()))));
    set(10, CStringGetTextDatum(keeps ? "exact" : "none"));
    set(13, Int32GetDatum(static_cast<int32>(meta.lists)));
    set(14, Int32GetDatum(static_cast<int32>(meta.branches)));
    set(15, CStringGetTextDatum(keeps ? "index" : "heap"));
    set(kInfoColumns - 1, Int32GetDatum(shape.attributes));
    if (is_ivfflat(index)) // ivfflat.probes is never auto
        return;
    ListScanSettings automatic{};
    set(16, Int32GetDatum(static_cast<int32>(probes_of(automatic, meta))));
    set(17, CStringGetTextDatum(reason_of(meta)));
}

void ivf_index_stats(Relation index, Datum *values, bool *nulls) {
    ListPageStore store(index);
    Arena arena = arena_over(CurrentMemoryContext);
    shape_of(index);
    ivf::Info info{};
    check(ivf::collect_info(store, arena, &info), RelationGetRelationName(index));
    memset(nulls, 0, kStatsColumns * sizeof(bool));
    values[0] = Int64GetDatum(store.block_count());
    values[1] = Int64GetDatum(info.meta.lists);
    values[2] = Int64GetDatum(static_cast<int64>(info.dead));
    values[3] = Int64GetDatum(static_cast<int64>(info.rows - info.dead));
    values[4] = Int64GetDatum(static_cast<int64>(info.code_pages + info.vector_pages));
    nulls[5] = true;
    values[6] = Int64GetDatum(static_cast<int64>(info.free_pages) * BLCKSZ);
}

} // namespace vecx::pg
