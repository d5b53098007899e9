// CREATE INDEX of the layouts inline and compact. A sample of the table first; then the graph in memory, on coarse codes,
// while the stored vectors go to a temporary file in the order of arrival; then the pages, in the order of the graph.
#include <algorithm>
#include <bit>

#include "hnsw/inlined/graph_write.hpp"
#include "hnsw/inlined/slabs.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/build.hpp"
#include "pg/hnsw/spill.hpp"
#include "pg/memory.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

namespace inlined = hnsw::inlined;

constexpr BlockNumber kSampleBlocks = 16;    // at least; up to four times as many while there are few rows
constexpr uint64_t kSampleRows = 256;
constexpr float kFill = 1.2f;                // src/hnsw/experiments.md, section 3
constexpr double kLookAhead = 1.5;           // nodes kept for each of ef_construction

struct Sample {
    const IndexFacts *facts;
    inlined::FrameMaker *maker;
    MemoryContext context; // reset after each tuple
    uint64_t rows;
};

void sample_tuple(Relation, ItemPointer, Datum *values, bool *isnull, bool, void *opaque) {
    Sample &sample = *static_cast<Sample *>(opaque);
    if (isnull[0])
        return;
    MemoryContext before = MemoryContextSwitchTo(sample.context);
    bool indexable;
    Payload payload = payload_of(values[0], *sample.facts, false, &indexable);
    if (indexable) {
        ++sample.rows;
        sample.maker->add(payload);
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(sample.context);
}

// Looks at a few blocks spread over the table; returns about how many rows it has for the index.
double sample_table(Relation heap, Relation index, IndexInfo *info, Sample &sample) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    BlockNumber seen = 0;
    for (BlockNumber part = 0; part < 4 && seen < blocks; ++part) {
        if (part > 0 && sample.rows >= kSampleRows)
            break;
        for (BlockNumber i = 0; i < kSampleBlocks && seen < blocks; ++i, ++seen) {
            BlockNumber block = seen; // a small table: all of it
            if (blocks > 4 * kSampleBlocks)
                block = static_cast<BlockNumber>(static_cast<uint64_t>(4 * i + part) * blocks / (4 * kSampleBlocks));
            table_index_build_range_scan(heap, index, info, false, false, false, block, 1, sample_tuple, &sample, nullptr);
        }
    }
    return seen == 0 ? 0 : static_cast<double>(sample.rows) * blocks / seen;
}

struct Build {
    Relation index;
    const IndexFacts *facts;
    MemoryContext tuple_context; // reset after each tuple
    inlined::RowCoder *coder;
    inlined::Graph *graph;
    SpillFile *vectors;
    int64 seen, indexed;
};

void add_tuple(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool, void *opaque) {
    Build &build = *static_cast<Build *>(opaque);
    if (++build.seen % kReportEvery == 0)
        report_tuples_done(build.seen);
    if (isnull[0])
        return;
    MemoryContext before = MemoryContextSwitchTo(build.tuple_context);
    bool indexable;
    Payload payload = payload_of(values[0], *build.facts, false, &indexable);
    if (indexable) {
        hnsw::HeapTid heap_tid;
        memcpy(&heap_tid, tid, sizeof heap_tid);
        build.coder->code(payload);
        auto added = build.graph->add(*build.coder, heap_tid, 0, [&] { return build.vectors->append(build.coder->stored()); });
        if (added == inlined::Graph::Added::full)
            ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
                            errmsg("hnsw graph no longer fits into maintenance_work_mem after " INT64_FORMAT " tuples",
                                   build.indexed),
                            errhint("Increase maintenance_work_mem.")));
        ++build.indexed;
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(build.tuple_context);
}

inlined::Poll report_poll(int64 phase) {
    static int64 phases[] = {kPhaseLink, kPhaseOrder};
    return inlined::Poll{[](void *context, uint64_t done, uint64_t total) {
                             CHECK_FOR_INTERRUPTS();
                             if (done == 0)
                                 report_phase(*static_cast<int64 *>(context));
                             report_tuples_total(static_cast<int64>(total));
                             report_tuples_done(static_cast<int64>(done));
                         },
                         &phases[phase == kPhaseLink ? 0 : 1]};
}

} // namespace

IndexBuildResult *build_inlined(Relation heap, Relation index, IndexInfo *info, const IndexFacts &facts) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext tuple_context = AllocSetContextCreate(context, "hnsw build tuple", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);
    const inlined::Shape &shape = facts.shape;
    report_phase(kPhaseLoad);

    inlined::FrameMaker maker(shape, arena);
    Sample sample{&facts, &maker, tuple_context, 0};
    const double estimate = sample_table(heap, index, info, sample);
    const inlined::Frame frame = maker.make();
    if (estimate > 0)
        report_tuples_total(static_cast<int64>(estimate));

    // When pages are written each node takes four bytes more.
    const size_t memory = static_cast<size_t>(maintenance_work_mem) * 1024;
    const size_t each = inlined::Graph::node_size(shape) + sizeof(uint32_t);
    inlined::GraphOptions options{};
    options.ef = static_cast<uint32_t>(facts.ef_construction * kLookAhead);
    options.own = shape.places;
    options.fill = kFill;
    options.max_nodes = static_cast<uint32_t>(std::min<size_t>(memory / each + 1, inlined::Graph::kMaxNodes));
    options.buckets = std::bit_ceil(static_cast<uint32_t>(std::clamp(estimate, 1024.0, static_cast<double>(options.max_nodes))));
    const size_t shared_size = inlined::Graph::shared_size(options);
    void *shared = arena.make_array<uint64_t>((shared_size + 7) / 8);
    memset(shared, 0, shared_size);
    inlined::ArenaSlabs slabs(arena, (memory > shared_size ? memory - shared_size : 0) / each * (each - sizeof(uint32_t)));
    inlined::Graph graph(arena, shape, frame, options, shared, slabs.slabs());
    inlined::RowCoder coder(shape, frame, arena);
    SpillFile vectors(inlined::RowCoder::stored_size(shape));
    Build build{index, &facts, tuple_context, &coder, &graph, &vectors, 0, 0};

    // No synchronized scan: it would start at a block of chance, and the index would depend on it.
    double tuples = table_index_build_scan(heap, index, info, false, true, add_tuple, &build, nullptr);
    report_tuples_done(build.seen);

    BulkStore store(index);
    bool writing = false;
    check(inlined::write_graph(arena, graph, store, vectors, kBodySize, report_poll(kPhaseLink), report_poll(kPhaseOrder),
                               [&](uint64_t done, uint64_t total) {
                                   if (!writing)
                                       report_phase(kPhaseWrite);
                                   writing = true;
                                   report_blocks(static_cast<int64>(done), static_cast<int64>(total));
                               }),
          RelationGetRelationName(index));
    vectors.close();

    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    IndexBuildResult *result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
    result->heap_tuples = tuples;
    result->index_tuples = static_cast<double>(build.indexed);
    return result;
}

} // namespace vecx::pg
