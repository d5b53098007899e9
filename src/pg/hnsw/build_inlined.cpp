// CREATE INDEX of the layouts inline and compact. A sample of the table first; then the graph in memory, on coarse codes,
// while the stored vectors go to a temporary file in the order of arrival; then the pages, in the order of the graph;
// then, one by one, the rows for which there was no memory.
#include <algorithm>
#include <bit>
#include <new>

#include "base/crash.hpp"
#include "hnsw/inlined/fold.hpp"
#include "hnsw/inlined/graph_write.hpp"
#include "hnsw/inlined/insert.hpp"
#include "hnsw/inlined/slabs.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/build.hpp"
#include "pg/hnsw/build_parallel.hpp"
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

constexpr uint64_t kSeed = 0x76656378;       // fixed: two serial builds of one table give the same index
constexpr BlockNumber kSampleBlocks = 16;    // at least; up to four times as many while there are few rows
constexpr uint64_t kSampleRows = 256;
constexpr float kFill = 1.2f;                // src/hnsw/experiments.md, section 3
constexpr double kSureRows = 1.02;           // for how many times the estimated rows there should be room

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

// What memory is enough for: the best form that holds all rows as far as their number is known, else the smallest.
void fit_to_memory(BuildPlan &plan, size_t memory) {
    const inlined::Shape &shape = plan.facts.shape;
    const uint32_t least = std::min<uint32_t>(shape.places, inlined::kMinPlaces);
    struct Form {
        uint8_t bits;
        bool keep_keys;
        uint32_t places;
    } forms[] = {{8, true, shape.places}, {8, false, shape.places}, {4, true, shape.places},
                 {4, false, shape.places}, {4, false, (shape.places + least) / 2}, {4, false, least}};
    inlined::GraphOptions &options = plan.options;
    for (const Form &form : forms) {
        options.bits = form.bits;
        options.keep_keys = form.keep_keys;
        options.places = form.places;
        const size_t slot = inlined::Graph::node_size(shape, options);
        const size_t each = slot + 2 * sizeof(uint32_t); // the order of writing, and its copy for workers
        options.max_nodes = static_cast<uint32_t>(std::min<size_t>(memory / each + 1, inlined::Graph::kMaxNodes));
        const double nodes = std::clamp(plan.expected_rows, 1024.0, 1024.0 + options.max_nodes);
        options.buckets = std::bit_floor(static_cast<uint32_t>(nodes));
        plan.shared_size = inlined::Graph::shared_size(options);
        plan.slab_memory = memory > plan.shared_size ? (memory - plan.shared_size) / each * slot : 0;
        const size_t slab = inlined::Graph::slab_size(shape, options, inlined::Slabs::nodes);
        if (plan.expected_rows * kSureRows <= static_cast<double>(plan.slab_memory / slab * (slab / slot)))
            break;
    }
    options.own = options.places;
}

BuildPlan make_plan(const IndexFacts &facts, const inlined::Frame &frame, double expected_rows) {
    BuildPlan plan{};
    plan.facts = facts;
    plan.bound2 = frame.bound2;
    memcpy(plan.secret, frame.secret, sizeof plan.secret);
    plan.expected_rows = expected_rows;
    plan.options.ef = inlined::candidates_for(static_cast<uint32_t>(facts.ef_construction), facts.shape.dim);
    plan.options.fill = kFill;
    fit_to_memory(plan, static_cast<size_t>(maintenance_work_mem) * 1024);
    return plan;
}

// `parallel` is null if this process is alone. Pages are logged at once if `log`.
void write_pages(Relation index, Arena &arena, BulkStore &store, Loader &loader, ParallelBuild *parallel, bool log) {
    store.log_runs(log);
    auto progress = [&](uint32_t made, uint64_t total) { loader.report_pages(made, total); };
    auto share = [&](const Array<uint32_t> &order, uint32_t first_block, auto make) {
        report_phase(kPhaseWrite);
        if (parallel != nullptr)
            offer_pages(parallel, order.data(), static_cast<uint32_t>(order.size()), first_block, log);
        Status made = make();
        if (made.ok() && parallel != nullptr)
            wait_for_pages(parallel);
        store.end_runs();
        return made;
    };
    check(inlined::write_graph(arena, loader.graph(), store, loader, kBodySize, report_poll(kPhaseLink),
                               report_poll(kPhaseOrder), share, progress),
          RelationGetRelationName(index));
}

// Rows for which there was no memory, one after the other into the pages.
void insert_waiting(Relation index, const IndexFacts &facts, BulkStore &store, Loader &loader, int participants,
                    uint32_t total) {
    if (total == 0)
        return;
    report_phase(kPhaseInsert);
    report_tuples_total(total);
    Rng rng(kSeed);
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "hnsw build insert", ALLOCSET_DEFAULT_SIZES);
    const uint32_t size = Loader::waiting_size(facts);
    uint8_t *item = static_cast<uint8_t *>(palloc(size));
    int64 done = 0;
    for (int i = 0; i < participants; ++i) {
        SpillFile &rows = loader.waiting_of(i);
        for (uint32_t k = 0; k < rows.count(); ++k) {
            CHECK_FOR_INTERRUPTS();
            check(rows.read(k, item));
            hnsw::HeapTid tid;
            memcpy(&tid, item, sizeof tid);
            MemoryContext before = MemoryContextSwitchTo(scratch);
            Arena arena = arena_over(scratch);
            const uint32_t before_payload = 8 + facts.shape.attributes_size();
            check(inlined::insert(store, arena, facts.shape, Payload{item + before_payload, size - before_payload}, tid, rng, SIZE_MAX / 2,
                                  reinterpret_cast<const uint64_t *>(item + 8)),
                  RelationGetRelationName(index));
            MemoryContextSwitchTo(before);
            MemoryContextReset(scratch);
            report_tuples_done(++done);
            VECX_CRASH_POINT("inlined.build.row_inserted");
        }
    }
    MemoryContextDelete(scratch);
}

} // namespace

IndexBuildResult *build_inlined(Relation heap, Relation index, IndexInfo *info, const IndexFacts &facts) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);
    report_phase(kPhaseLoad);

    inlined::FrameMaker maker(facts.shape, arena);
    Sample sample{&facts, &maker, AllocSetContextCreate(context, "hnsw build sample", ALLOCSET_DEFAULT_SIZES), 0};
    const double expected = sample_table(heap, index, info, sample);
    inlined::Frame frame = maker.make();
    if (!pg_strong_random(frame.secret, sizeof frame.secret))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    const BuildPlan plan = make_plan(facts, frame, expected);
    report_tuples_total(static_cast<int64>(expected));

    LoadResult loaded{};
    Loader *loader;
    BuildCounters counters{};
    const int workers = build_workers(heap, index);
    ParallelBuild *parallel = workers > 0 ? start_parallel_build(heap, index, info, plan, frame, workers) : nullptr;
    if (parallel != nullptr) {
        loader = run_parallel_build(parallel, &loaded);
        info->ii_BrokenHotChain |= loaded.broken_hot_chain;
    } else {
        void *shared = arena.make_array<uint64_t>((plan.shared_size + 7) / 8);
        memset(shared, 0, plan.shared_size);
        inlined::ArenaSlabs *slabs = new (palloc(sizeof(inlined::ArenaSlabs))) inlined::ArenaSlabs(arena, plan.slab_memory);
        loader = new (palloc(sizeof(Loader))) Loader(index, plan, frame, shared, slabs->slabs(), &counters, nullptr, 0);
        loaded = loader->run(heap, info, nullptr);
        loader->open_files(&loaded, 1);
    }
    const double indexed = static_cast<double>(loader->graph().rows()) + loaded.waiting;

    BulkStore store(index);
    VECX_CRASH_POINT("inlined.build.loaded");
    // What is inserted afterwards changes pages: then all are logged when that is done.
    const bool log = loaded.waiting == 0 && RelationNeedsWAL(index);
    const BlockNumber first_page = store.block_count();
    write_pages(index, arena, store, *loader, parallel, log);
    const BlockNumber pages_made = static_cast<BlockNumber>(loader->pages_made());
    insert_waiting(index, facts, store, *loader, parallel != nullptr ? parallel_participants(parallel) : 1, loaded.waiting);
    if (parallel != nullptr)
        end_parallel_build(parallel);
    else
        loader->close_files();
    VECX_CRASH_POINT("inlined.build.before_directory");
    check(inlined::make_directory(store, arena, facts.shape, kBodySize, static_cast<size_t>(maintenance_work_mem) * 1024),
          RelationGetRelationName(index));
    log_fork(index, MAIN_FORKNUM, log ? first_page : 0, log ? std::min(first_page + pages_made, store.first_changed()) : 0);

    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    IndexBuildResult *result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
    result->heap_tuples = loaded.heap_tuples;
    result->index_tuples = indexed;
    return result;
}

} // namespace vecx::pg
