// CREATE INDEX: what all layouts share, and layout plain (build_inlined.cpp has the others). The graph is built in memory
// as long as it fits into maintenance_work_mem, written out, and continued on disk by ordinary inserts. Pages are
// WAL-logged when they change no more.
#include "base/crash.hpp"
#include "hnsw/build.hpp"
#include "hnsw/insert.hpp"
#include "hnsw/meta.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/build.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/memory.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

// What layout = auto means where layout inline is possible.
constexpr bool kAutoInlines = true;
constexpr int32_t kLeastInlineDim = 16; // shorter vectors are not worth a code: they are as short themselves

constexpr uint64_t kSeed = 0x76656378; // fixed: two builds of one table give the same index

struct Build {
    Relation index;
    IndexFacts facts;
    Measure measure;
    BulkStore *store;
    MemoryContext tuple_context; // reset after each tuple
    MemoryContext graph_context;
    Arena arena;
    hnsw::BuildGraph *graph; // null once it was written
    Rng rng;                 // of the inserts that follow
    size_t memory_limit;
    int64 seen, indexed;
};

void write_graph(Build &build) {
    VECX_CRASH_POINT("plain.build.loaded");
    report_phase(kPhaseWrite);
    const uint64_t nodes = build.graph->nodes();
    int64 pages = 0;
    auto progress = [&](uint64_t written) { // after each page; the total is an estimate until the end
        ++pages;
        if (written > 0)
            report_blocks(pages, pages + static_cast<int64>(static_cast<double>(pages) *
                                                            static_cast<double>(nodes - written) /
                                                            static_cast<double>(written)));
    };
    check(build.graph->write(*build.store, progress), RelationGetRelationName(build.index));
    build.graph = nullptr;
    MemoryContextReset(build.graph_context);
}

void add_tuple(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool, void *opaque) {
    Build &build = *static_cast<Build *>(opaque);
    if (++build.seen % kReportEvery == 0)
        report_tuples_done(build.seen);
    if (isnull[0])
        return;

    MemoryContext before = MemoryContextSwitchTo(build.tuple_context);
    bool indexable;
    Payload payload = payload_of(values[0], build.facts, false, &indexable);
    if (indexable) {
        hnsw::HeapTid heap_tid;
        memcpy(&heap_tid, tid, sizeof heap_tid);
        if (build.graph != nullptr) {
            check(build.graph->add(payload, heap_tid), RelationGetRelationName(index));
            if (build.graph->memory_used() > build.memory_limit) {
                ereport(NOTICE,
                        (errmsg("hnsw graph no longer fits into maintenance_work_mem after " INT64_FORMAT " tuples",
                                build.indexed + 1),
                         errdetail("Building will take significantly more time."),
                         errhint("Increase maintenance_work_mem to speed up builds.")));
                write_graph(build);
                report_phase(kPhaseLoad);
            }
        } else {
            Arena scratch = arena_over(build.tuple_context);
            check(hnsw::insert(*build.store, scratch, build.measure, payload, heap_tid, build.rng),
                  RelationGetRelationName(index));
        }
        ++build.indexed;
        VECX_CRASH_POINT("plain.build.row");
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(build.tuple_context);
}

} // namespace

IndexFacts facts_of_new(Relation index) {
    const OpclassInfo *info = opclass_info(index);
    HnswOptions options = options_of(index);
    IndexFacts facts{info->type, info->metric, column_dimensions(index, max_dimensions(info->type)), options.m,
                     options.ef_construction, options.layout, {}};
    if (options.ef_construction < 2 * options.m)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("ef_construction must be greater than or equal to 2 * m")));
    if (measure_of(facts).distance == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("there is no %s distance for type %s", metric_name(facts.metric),
                               element_type_name(facts.type))));
    const int attributes = attribute_columns(index).count;
    const hnsw::LayoutKind asked = facts.layout;
    if (asked == hnsw::LayoutKind{})
        facts.layout = kAutoInlines && (facts.dim >= kLeastInlineDim || attributes > 0) ? hnsw::LayoutKind::inlined : hnsw::LayoutKind::plain;
    if (attributes > 0 && facts.layout == hnsw::LayoutKind::plain)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("layout \"plain\" of an hnsw index cannot have further columns"),
                        errhint("Use layout = auto, inline or compact.")));
    if (facts.layout != hnsw::LayoutKind::plain &&
        !hnsw::inlined::choose_shape(facts.layout, facts.type, facts.metric, facts.dim, facts.m, kBodySize, &facts.shape, attributes)) {
        if (attributes > 0 && asked == hnsw::LayoutKind{})
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("hnsw index for %s distance of %s with %d dimensions cannot have further columns",
                                   metric_name(facts.metric), element_type_name(facts.type), facts.dim)));
        if (asked != hnsw::LayoutKind{})
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("layout \"%s\" is not possible for %s distance of %s with %d dimensions",
                                   asked == hnsw::LayoutKind::compact ? "compact" : "inline", metric_name(facts.metric),
                                   element_type_name(facts.type), facts.dim),
                            errhint("Use layout = auto or plain.")));
        facts.layout = hnsw::LayoutKind::plain;
    }
    return facts;
}

void write_metapage(BulkStore &store, const IndexFacts &facts) {
    hnsw::MetaRecord meta{};
    meta.layout = static_cast<uint8_t>(facts.layout);
    if (facts.layout != hnsw::LayoutKind::plain)
        hnsw::inlined::shape_to_meta(facts.shape, &meta);
    meta.element_type = static_cast<uint8_t>(facts.type);
    meta.metric = static_cast<uint8_t>(facts.metric);
    meta.m = static_cast<uint8_t>(facts.m);
    meta.ef_construction = static_cast<uint16_t>(facts.ef_construction);
    meta.dim = facts.dim;
    uint32_t block;
    VECX_CRASH_EXTEND("build.metapage");
    check(store.extend([&](hnsw::MutablePage &page) { hnsw::init_meta(page, meta); }, &block));
    if (block != hnsw::kMetaBlock)
        elog(ERROR, "metapage of an index was given block %u", block);
}

IndexBuildResult *hnsw_build(Relation heap, Relation index, IndexInfo *info) {
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

    IndexFacts facts = facts_of_new(index);
    BulkStore store(index);
    if (facts.layout != hnsw::LayoutKind::plain) {
        write_metapage(store, facts);
        return build_inlined(heap, index, info, facts);
    }
    MemoryContext graph_context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw build graph", ALLOCSET_DEFAULT_SIZES);
    MemoryContext tuple_context =
        AllocSetContextCreate(CurrentMemoryContext, "hnsw build tuple", ALLOCSET_DEFAULT_SIZES);
    Build build{index,
                facts,
                measure_of(facts),
                &store,
                tuple_context,
                graph_context,
                arena_over(graph_context),
                nullptr,
                Rng(kSeed + 1),
                static_cast<size_t>(maintenance_work_mem) * 1024,
                0,
                0};
    hnsw::BuildGraph graph(build.arena, build.measure, facts.m, facts.ef_construction, kSeed, kBodySize);
    build.graph = &graph;

    write_metapage(store, facts);
    report_phase(kPhaseLoad);
    if (heap->rd_rel->reltuples > 0)
        report_tuples_total(static_cast<int64>(heap->rd_rel->reltuples));
    // No synchronized scan: it would start at a block of chance, and the index would depend on it.
    double tuples = table_index_build_scan(heap, index, info, false, true, add_tuple, &build, nullptr);
    report_tuples_done(build.seen);
    if (build.graph != nullptr)
        write_graph(build);
    log_fork(index, MAIN_FORKNUM);

    MemoryContextDelete(graph_context);
    MemoryContextDelete(tuple_context);
    IndexBuildResult *result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
    result->heap_tuples = tuples;
    result->index_tuples = static_cast<double>(build.indexed);
    return result;
}

void hnsw_build_empty(Relation index) {
    BulkStore store(index, nullptr, false, INIT_FORKNUM);
    write_metapage(store, facts_of_new(index));
    log_fork(index, INIT_FORKNUM);
}

char *hnsw_build_phase_name(int64 phase) {
    switch (phase) {
    case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
        return pstrdup("initializing");
    case kPhaseLoad:
        return pstrdup("loading tuples");
    case kPhaseWrite:
        return pstrdup("writing pages");
    case kPhaseLink:
        return pstrdup("linking what nothing leads to");
    case kPhaseOrder:
        return pstrdup("ordering nodes");
    case kPhaseInsert:
        return pstrdup("inserting tuples beyond maintenance_work_mem");
    }
    return nullptr;
}

} // namespace vecx::pg
