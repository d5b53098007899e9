// Rows of a table into a graph in memory. See build_load.hpp.
#include <new>

#include "base/crash.hpp"
#include "hnsw/meta.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/build.hpp"
#include "pg/hnsw/build_load.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace inlined = hnsw::inlined;

namespace {

struct FileName {
    char text[32];
    FileName(const char *what, int participant) { snprintf(text, sizeof text, "%s.%d", what, participant); }
};

} // namespace

uint32_t Loader::waiting_size(const IndexFacts &facts) {
    return static_cast<uint32_t>(8 + facts.shape.attributes_size() + hnsw::dense_payload_size(facts.type, facts.dim));
}

Loader::Loader(Relation index, const BuildPlan &plan, const inlined::Frame &frame, void *shared, inlined::Slabs slabs,
               BuildCounters *counters, FileSet *files, int participant)
    : index_(index), columns_(attribute_columns(index)), plan_(plan),
      tuple_context_(AllocSetContextCreate(CurrentMemoryContext, "hnsw build tuple", ALLOCSET_DEFAULT_SIZES)),
      arena_(arena_over(CurrentMemoryContext)), coder_(plan.facts.shape, frame, plan.options.bits, arena_),
      graph_(arena_, plan.facts.shape, frame, plan.options, shared, slabs), counters_(counters), files_(files),
      participant_(participant),
      vectors_(files, FileName("vectors", participant).text, inlined::RowCoder::stored_size(plan.facts.shape)),
      waiting_(files, FileName("waiting", participant).text, waiting_size(plan.facts)) {}

LoadResult Loader::run(Relation heap, IndexInfo *info, TableScanDescData *scan) {
    LoadResult result{};
    // A parallel scan shares its blocks anyway. A serial one is not synchronized with others: it would start at a block
    // of chance, and the index would depend on it.
    result.heap_tuples = table_index_build_scan(heap, index_, info, scan != nullptr, participant_ == 0, add_tuple, this, scan);
    vectors_.publish();
    waiting_.publish();
    result.vectors = vectors_.count();
    result.waiting = waiting_.count();
    result.broken_hot_chain = info->ii_BrokenHotChain;
    return result;
}

void Loader::add_tuple(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *opaque) {
    Loader &loader = *static_cast<Loader *>(opaque);
    uint64_t seen = loader.counters_->seen.fetch_add(1, std::memory_order_relaxed) + 1;
    if (loader.participant_ == 0 && seen % 16 == 0)
        report_tuples_done(static_cast<int64>(seen));
    if (isnull[0])
        return;
    MemoryContext before = MemoryContextSwitchTo(loader.tuple_context_);
    bool indexable;
    Payload payload = payload_of(values[0], loader.plan_.facts, false, &indexable);
    if (indexable) {
        uint64_t attributes[filter::attribute_words(filter::kMostAttributes)];
        encode_attributes(loader.columns_, values, isnull, attributes);
        loader.add(tid, payload, attributes);
    }
    VECX_CRASH_POINT("inlined.build.row");
    MemoryContextSwitchTo(before);
    MemoryContextReset(loader.tuple_context_);
}

void Loader::add(ItemPointer tid, Payload payload, const uint64_t *attributes) {
    hnsw::HeapTid heap_tid;
    memcpy(&heap_tid, tid, sizeof heap_tid);
    coder_.code(payload, attributes);
    // Files live longer than a tuple.
    MemoryContext tuple = MemoryContextSwitchTo(static_cast<MemoryContext>(arena_.context));
    auto added = graph_.add(coder_, heap_tid, static_cast<uint8_t>(participant_), [&] { return vectors_.append(coder_.stored()); });
    if (added == inlined::Graph::Added::full) {
        if (counters_->told.exchange(1) == 0) {
            const bool shared = counters_->no_shared_memory.load() != 0;
            ereport(NOTICE, (errmsg("hnsw graph no longer fits into %s after " UINT64_FORMAT " tuples",
                                    shared ? "shared memory" : "maintenance_work_mem", static_cast<uint64>(graph_.rows())),
                             errdetail("Building will take significantly more time."),
                             shared ? errhint("Make more available, with docker by --shm-size, or set max_parallel_maintenance_workers to 0.")
                                    : errhint("Increase maintenance_work_mem to speed up builds.")));
        }
        const uint32_t size = waiting_size(plan_.facts);
        uint8_t *item = static_cast<uint8_t *>(MemoryContextAllocZero(tuple, size));
        memcpy(item, &heap_tid, sizeof heap_tid);
        const uint32_t attributes_size = plan_.facts.shape.attributes_size();
        memcpy(item + 8, attributes, attributes_size);
        memcpy(item + 8 + attributes_size, payload.bytes, payload.size);
        waiting_.append(item);
    }
    counters_->rows.fetch_add(1, std::memory_order_relaxed);
    MemoryContextSwitchTo(tuple);
}

void Loader::report_pages(uint32_t made, uint64_t total) {
    const uint64_t done = counters_->pages.fetch_add(made, std::memory_order_relaxed) + made;
    if (participant_ == 0)
        report_blocks(static_cast<int64>(done), static_cast<int64>(total));
}

void Loader::open_files(const LoadResult *results, int participants) {
    participants_ = participants;
    vectors_of_ = static_cast<SpillFile *>(palloc(sizeof(SpillFile) * static_cast<size_t>(participants)));
    waiting_of_ = static_cast<SpillFile *>(palloc(sizeof(SpillFile) * static_cast<size_t>(participants)));
    for (int i = 0; i < participants; ++i) {
        if (i == participant_) { // its own are open
            new (vectors_of_ + i) SpillFile(vectors_);
            new (waiting_of_ + i) SpillFile(waiting_);
            continue;
        }
        new (vectors_of_ + i)
            SpillFile(files_, FileName("vectors", i).text, inlined::RowCoder::stored_size(plan_.facts.shape));
        new (waiting_of_ + i) SpillFile(files_, FileName("waiting", i).text, waiting_size(plan_.facts));
        vectors_of_[i].open(results[i].vectors);
        waiting_of_[i].open(results[i].waiting);
    }
}

void Loader::close_files() {
    for (int i = 0; i < participants_; ++i) {
        vectors_of_[i].close();
        waiting_of_[i].close();
    }
}

} // namespace vecx::pg
