// Parallel builds. The graph lives in dynamic shared memory, in slabs that whoever needs the next one makes; rows go
// from the table to it as in nbtree's parallel builds, each participant scanning its share of the blocks.
#include <sys/statvfs.h>

#include <algorithm>
#include <new>

#include "pg/error.hpp"
#include "pg/hnsw/build.hpp"
#include "pg/hnsw/build_parallel.hpp"
#include "pg/hnsw/store.hpp"
#include "hnsw/inlined/graph_write.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/dsm_impl.h"
#include "storage/sharedfileset.h"
#include "tcop/tcopprot.h"
#include "utils/dsa.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#pragma GCC visibility push(default)
void vecx_hnsw_build_worker(dsm_segment *segment, shm_toc *toc);
#pragma GCC visibility pop
}

namespace vecx::pg {

namespace inlined = hnsw::inlined;

namespace {

enum Key : uint64 { kKeyShared = 1, kKeyScan, kKeyFrame, kKeyGraph, kKeySlabs, kKeyQuery, kKeyWal, kKeyBuffers };

constexpr int kTranche = LWTRANCHE_PARALLEL_QUERY_DSA;
constexpr size_t kLeastBatch = 1 << 20; // bytes of slabs that are made together
constexpr size_t kMostBatch = 64 << 20; // or an eighth of what there is
constexpr double kOtherShared = 2 << 20; // queues, snapshots and whatever else parallel processes share
constexpr size_t kSegmentWaste = 2;     // a segment of shared memory is at most so many times what was asked for

struct SlabTable {
    uint32_t capacity[inlined::Slabs::kKinds]; // entries of each kind, one kind behind the other
    uint32_t made[inlined::Slabs::kKinds];
    size_t used;                              // bytes
    pg_atomic_uint64 slabs[FLEXIBLE_ARRAY_MEMBER]; // dsa_pointer

    uint32_t base(inlined::Slabs::Kind kind) const { return kind == inlined::Slabs::nodes ? 0 : capacity[0]; }
};

enum class Stage { load, pages, nothing }; // what workers do, or do next

struct Shared {
    Oid heap, index;
    bool concurrent;
    LWLock lock; // of all below that is not atomic, and of the slab table
    ConditionVariable finished; // the leader sleeps on it: a participant has loaded, or made its pages
    ConditionVariable ordered;  // workers do, when they have loaded
    int finished_count, made_count;
    Stage stage;
    bool log;            // pages
    uint32_t nodes, first_block;
    dsa_pointer order;   // uint32_t of each node
    int participants;
    SharedFileSet files;
    dsa_handle area;
    BuildPlan plan;
    BuildCounters counters;
    LoadResult results[FLEXIBLE_ARRAY_MEMBER]; // by participant; the leader is 0
};

// Where shared memory comes from and how much is left there: SIZE_MAX where that is not known. In a container it is
// often little, 64 MB with docker.
size_t shared_memory_left(const char **where) {
    *where = dynamic_shared_memory_type == DSM_IMPL_POSIX ? "/dev/shm" : PG_DYNSHMEM_DIR;
    struct statvfs room;
    if ((dynamic_shared_memory_type != DSM_IMPL_POSIX && dynamic_shared_memory_type != DSM_IMPL_MMAP) || statvfs(*where, &room) != 0)
        return SIZE_MAX;
    return static_cast<size_t>(room.f_bavail) * room.f_frsize;
}

// Around what makes shared memory: others may take what seemed to be left, and then the error says what to do.
void add_hint(void *) {
    const int code = geterrcode();
    if (code == ERRCODE_DISK_FULL || code == ERRCODE_OUT_OF_MEMORY || code == ERRCODE_INSUFFICIENT_RESOURCES)
        errhint("A parallel build keeps the graph in shared memory: make more of it available, or set "
                "max_parallel_maintenance_workers to 0.");
}
ErrorContextCallback *hint_on_error(ErrorContextCallback *callback) {
    callback->callback = add_hint;
    callback->arg = nullptr;
    callback->previous = error_context_stack;
    return callback;
}

// How a participant finds slabs.
struct SharedSlabs {
    Shared *shared;
    SlabTable *table;
    dsa_area *area;
};

// Makes some slabs, from the first that is missing: those that the expected rows will need, and further ones by and
// by. Not too many at once, for they are zeroed, and nobody can cancel that.
void make_slabs(SharedSlabs *s, inlined::Slabs::Kind kind, size_t bytes) {
    SlabTable *table = s->table;
    const BuildPlan &plan = s->shared->plan;
    const uint32_t first = table->made[kind];
    const size_t made = first * bytes;
    size_t wanted = std::max(kLeastBatch, made / 8);
    if (kind == inlined::Slabs::nodes) {
        double expected = plan.expected_rows * 1.02 * static_cast<double>(inlined::Graph::node_size(plan.facts.shape, plan.options));
        if (expected > static_cast<double>(made + wanted))
            wanted = static_cast<size_t>(std::min(expected - static_cast<double>(made),
                                                  static_cast<double>(std::max(kMostBatch, made / 8))));
    }
    size_t count = std::max<size_t>(1, (wanted + bytes - 1) / bytes);
    count = std::min(count, (plan.slab_memory - table->used) / bytes);
    count = std::min<size_t>(count, table->capacity[kind] - first);
    if (count == 0)
        return;
    // When there is no more, the rest of the rows waits in files; PostgreSQL would raise an error.
    const char *where;
    if (shared_memory_left(&where) / kSegmentWaste < count * bytes) {
        s->shared->counters.no_shared_memory.store(1);
        return;
    }
    ErrorContextCallback hint;
    error_context_stack = hint_on_error(&hint);
    dsa_pointer batch = dsa_allocate_extended(s->area, count * bytes, DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM | DSA_ALLOC_ZERO);
    error_context_stack = hint.previous;
    if (!DsaPointerIsValid(batch))
        return;
    const uint32_t base = table->base(kind);
    for (size_t i = 0; i < count; ++i)
        pg_atomic_write_u64(&table->slabs[base + first + i], batch + i * bytes);
    table->made[kind] = first + static_cast<uint32_t>(count);
    table->used += count * bytes;
}

uint8_t *find_slab(void *context, inlined::Slabs::Kind kind, uint32_t index, size_t bytes) {
    SharedSlabs *s = static_cast<SharedSlabs *>(context);
    if (index >= s->table->capacity[kind])
        return nullptr;
    pg_atomic_uint64 *entry = &s->table->slabs[s->table->base(kind) + index];
    dsa_pointer slab = pg_atomic_read_u64(entry);
    if (!DsaPointerIsValid(slab)) {
        LWLockAcquire(&s->shared->lock, LW_EXCLUSIVE);
        // Numbers are given out one by one, but who got one may come here before who got the one before.
        while (s->table->made[kind] <= index) {
            uint32_t before = s->table->made[kind];
            make_slabs(s, kind, bytes);
            if (s->table->made[kind] == before)
                break;
        }
        LWLockRelease(&s->shared->lock);
        slab = pg_atomic_read_u64(entry);
        if (!DsaPointerIsValid(slab))
            return nullptr;
    }
    return static_cast<uint8_t *>(dsa_get_address(s->area, slab));
}

inlined::Frame frame_of(const BuildPlan &plan, const float *floats) {
    return inlined::Frame{floats, floats + plan.facts.shape.rotated_dim(), plan.bound2, {plan.secret[0], plan.secret[1]}};
}

Loader *make_loader(Relation index, Shared *shared, shm_toc *toc, dsa_area *area, int participant) {
    SharedSlabs *slabs = static_cast<SharedSlabs *>(palloc0(sizeof(SharedSlabs)));
    slabs->shared = shared;
    slabs->table = static_cast<SlabTable *>(shm_toc_lookup(toc, kKeySlabs, false));
    slabs->area = area;
    return new (palloc(sizeof(Loader)))
        Loader(index, shared->plan, frame_of(shared->plan, static_cast<float *>(shm_toc_lookup(toc, kKeyFrame, false))),
               shm_toc_lookup(toc, kKeyGraph, false), inlined::Slabs{find_slab, slabs}, &shared->counters,
               &shared->files.fs, participant);
}

// In a worker that has loaded its share: what the leader says comes next.
Stage wait_for_order(Shared *shared) {
    Stage stage;
    for (;;) {
        LWLockAcquire(&shared->lock, LW_SHARED);
        stage = shared->stage;
        LWLockRelease(&shared->lock);
        if (stage != Stage::load)
            break;
        ConditionVariableTimedSleep(&shared->ordered, 500, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
    return stage;
}

// In a worker: its share of the pages of nodes.
void make_pages(Relation index, Shared *shared, dsa_area *area, Loader &loader) {
    loader.open_files(shared->results, shared->participants);
    Arena arena = arena_over(CurrentMemoryContext);
    const inlined::Poll poll{[](void *, uint64_t, uint64_t) { CHECK_FOR_INTERRUPTS(); }, nullptr};
    inlined::PageMaker pages(arena, loader.graph(), static_cast<uint32_t *>(dsa_get_address(area, shared->order)),
                             shared->nodes, kBodySize, shared->first_block, poll);
    BulkStore store(index);
    store.log_runs(shared->log);
    check(inlined::write_nodes(pages, loader.graph(), store, loader, arena.make_array<uint8_t>(pages.stored_room()),
                               [&](uint32_t made, uint64_t total) { loader.report_pages(made, total); }),
          RelationGetRelationName(index));
    loader.close_files();
}

} // namespace

struct ParallelBuild {
    Relation heap, index;
    IndexInfo *info;
    ParallelContext *context;
    Snapshot snapshot;
    dsa_area *area;
    Shared *shared;
    Loader *loader;
    WalUsage *wal;
    BufferUsage *buffers;
};

int build_workers(Relation heap, Relation index) {
    if (!IsUnderPostmaster || IsInParallelMode() || max_parallel_maintenance_workers == 0 ||
        heap->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        return 0;
    // As plan_create_index_workers: expressions and predicates must be fit for workers.
    PlannerInfo *root = makeNode(PlannerInfo);
    root->parse = makeNode(Query);
    root->parse->commandType = CMD_SELECT;
    root->glob = makeNode(PlannerGlobal);
    root->query_level = 1;
    root->planner_cxt = CurrentMemoryContext;
    if (!is_parallel_safe(root, reinterpret_cast<Node *>(RelationGetIndexExpressions(index))) ||
        !is_parallel_safe(root, reinterpret_cast<Node *>(RelationGetIndexPredicate(index))))
        return 0;
    int workers = RelationGetParallelWorkers(heap, -1);
    if (workers < 0) {
        double pages = RelationGetNumberOfBlocks(heap);
        if (OidIsValid(heap->rd_rel->reltoastrelid)) {
            Relation toast = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);
            pages += RelationGetNumberOfBlocks(toast);
            table_close(toast, AccessShareLock);
        }
        // One for the least size, one more for each time that it triples: PostgreSQL's rule for scans.
        workers = 0;
        double threshold = std::max(1, min_parallel_table_scan_size);
        for (double least = threshold; pages >= least && workers < max_parallel_maintenance_workers; least *= 3)
            ++workers;
    }
    return std::min({workers, max_parallel_maintenance_workers, kMaxParticipants - 1});
}

ParallelBuild *start_parallel_build(Relation heap, Relation index, IndexInfo *info, const BuildPlan &plan,
                                    const inlined::Frame &frame, int workers) {
    const double needed = 1.25 * (static_cast<double>(plan.shared_size) +
                                  std::min(static_cast<double>(plan.slab_memory),
                                           plan.expected_rows * static_cast<double>(inlined::Graph::node_size(plan.facts.shape, plan.options)))) +
                          kOtherShared;
    const char *where;
    const size_t left = shared_memory_left(&where);
    if (needed > static_cast<double>(left)) {
        ereport(NOTICE, (errmsg("not enough shared memory for a parallel build of index \"%s\"", RelationGetRelationName(index)),
                         errdetail("About %.0f MB are needed, %s has %.0f MB left. One process builds the index.",
                                   needed / 0x100000, where, static_cast<double>(left) / 0x100000),
                         errhint("Make more available to speed up builds, with docker by --shm-size.")));
        return nullptr;
    }
    EnterParallelMode();
    ParallelContext *context = CreateParallelContext("vecx", "vecx_hnsw_build_worker", workers);
    Snapshot snapshot = info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;

    const size_t workers_size = static_cast<size_t>(workers);
    const inlined::Shape &shape = plan.facts.shape;
    const size_t node_slab = inlined::Graph::slab_size(shape, plan.options, inlined::Slabs::nodes);
    const size_t tid_slab = inlined::Graph::slab_size(shape, plan.options, inlined::Slabs::tids);
    SlabTable sizes{};
    sizes.capacity[inlined::Slabs::nodes] = static_cast<uint32_t>(plan.slab_memory / node_slab + 1);
    sizes.capacity[inlined::Slabs::tids] = static_cast<uint32_t>(plan.slab_memory / tid_slab + 1);
    const size_t slab_entries = sizes.capacity[0] + size_t{sizes.capacity[1]};
    const size_t shared_size = offsetof(Shared, results) + (workers_size + 1) * sizeof(LoadResult);
    const size_t scan_size = table_parallelscan_estimate(heap, snapshot);
    const size_t frame_floats = shape.rotated_dim() + static_cast<size_t>(shape.dim);
    const size_t slabs_size = offsetof(SlabTable, slabs) + slab_entries * sizeof(pg_atomic_uint64);
    const size_t query_size = debug_query_string != nullptr ? strlen(debug_query_string) + 1 : 0;
    const size_t sizes_of_chunks[] = {shared_size,          scan_size,
                                      frame_floats * sizeof(float), plan.shared_size,
                                      slabs_size,           workers_size * sizeof(WalUsage),
                                      workers_size * sizeof(BufferUsage), query_size};
    for (size_t size : sizes_of_chunks)
        if (size > 0) {
            shm_toc_estimate_chunk(&context->estimator, size);
            shm_toc_estimate_keys(&context->estimator, 1);
        }
    ErrorContextCallback hint;
    error_context_stack = hint_on_error(&hint);
    InitializeParallelDSM(context);
    error_context_stack = hint.previous;
    if (context->seg == nullptr) { // no shared memory: alone, then
        if (IsMVCCSnapshot(snapshot))
            UnregisterSnapshot(snapshot);
        DestroyParallelContext(context);
        ExitParallelMode();
        return nullptr;
    }
    auto chunk = [&](Key key, size_t size) {
        void *memory = shm_toc_allocate(context->toc, size);
        memset(memory, 0, size);
        shm_toc_insert(context->toc, key, memory);
        return memory;
    };
    ParallelBuild *build = static_cast<ParallelBuild *>(palloc0(sizeof(ParallelBuild)));
    build->heap = heap;
    build->index = index;
    build->info = info;
    build->context = context;
    build->snapshot = snapshot;

    Shared *shared = static_cast<Shared *>(chunk(kKeyShared, shared_size));
    shared->heap = RelationGetRelid(heap);
    shared->index = RelationGetRelid(index);
    shared->concurrent = info->ii_Concurrent;
    shared->plan = plan;
    LWLockInitialize(&shared->lock, kTranche);
    ConditionVariableInit(&shared->finished);
    ConditionVariableInit(&shared->ordered);
    SharedFileSetInit(&shared->files, context->seg);
    error_context_stack = hint_on_error(&hint);
    build->area = dsa_create(kTranche);
    error_context_stack = hint.previous;
    shared->area = dsa_get_handle(build->area);
    build->shared = shared;
    table_parallelscan_initialize(heap, static_cast<ParallelTableScanDesc>(chunk(kKeyScan, scan_size)), snapshot);
    float *floats = static_cast<float *>(chunk(kKeyFrame, frame_floats * sizeof(float)));
    memcpy(floats, frame.centre, shape.rotated_dim() * sizeof(float));
    memcpy(floats + shape.rotated_dim(), frame.mean, static_cast<size_t>(shape.dim) * sizeof(float));
    chunk(kKeyGraph, plan.shared_size);
    SlabTable *table = static_cast<SlabTable *>(chunk(kKeySlabs, slabs_size));
    memcpy(table->capacity, sizes.capacity, sizeof table->capacity);
    for (size_t i = 0; i < slab_entries; ++i)
        pg_atomic_init_u64(&table->slabs[i], InvalidDsaPointer);
    build->wal = static_cast<WalUsage *>(chunk(kKeyWal, workers_size * sizeof(WalUsage)));
    build->buffers = static_cast<BufferUsage *>(chunk(kKeyBuffers, workers_size * sizeof(BufferUsage)));
    if (query_size > 0)
        memcpy(chunk(kKeyQuery, query_size), debug_query_string, query_size);

    LaunchParallelWorkers(context);
    if (context->nworkers_launched == 0) {
        end_parallel_build(build);
        return nullptr;
    }
    return build;
}

Loader *run_parallel_build(ParallelBuild *build, LoadResult *result) {
    Shared *shared = build->shared;
    WaitForParallelWorkersToAttach(build->context); // one that died before this would be waited for in vain
    build->loader = make_loader(build->index, shared, build->context->toc, build->area, 0);
    ParallelTableScanDesc scan =
        static_cast<ParallelTableScanDesc>(shm_toc_lookup(build->context->toc, kKeyScan, false));
    shared->results[0] = build->loader->run(build->heap, build->info, table_beginscan_parallel(build->heap, scan));

    for (;;) {
        LWLockAcquire(&shared->lock, LW_SHARED);
        bool done = shared->finished_count == build->context->nworkers_launched;
        LWLockRelease(&shared->lock);
        if (done)
            break;
        report_tuples_done(static_cast<int64>(shared->counters.seen.load()));
        ConditionVariableTimedSleep(&shared->finished, 500, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
    report_tuples_done(static_cast<int64>(shared->counters.seen.load()));
    const int participants = build->context->nworkers_launched + 1;
    *result = LoadResult{};
    for (int i = 0; i < participants; ++i) {
        result->heap_tuples += shared->results[i].heap_tuples;
        result->waiting += shared->results[i].waiting;
        result->vectors += shared->results[i].vectors;
        result->broken_hot_chain |= shared->results[i].broken_hot_chain;
    }
    build->loader->open_files(shared->results, participants);
    return build->loader;
}

namespace {

void set_stage(Shared *shared, Stage stage) {
    LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
    shared->stage = stage;
    LWLockRelease(&shared->lock);
    ConditionVariableBroadcast(&shared->ordered);
}

} // namespace

void offer_pages(ParallelBuild *build, const uint32_t *order, uint32_t nodes, uint32_t first_block, bool log) {
    Shared *shared = build->shared;
    const size_t bytes = nodes * sizeof(uint32_t);
    const char *where;
    if (shared_memory_left(&where) / kSegmentWaste < bytes)
        return;
    ErrorContextCallback hint;
    error_context_stack = hint_on_error(&hint);
    shared->order = dsa_allocate_extended(build->area, bytes, DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM);
    error_context_stack = hint.previous;
    if (!DsaPointerIsValid(shared->order))
        return;
    memcpy(dsa_get_address(build->area, shared->order), order, bytes);
    shared->nodes = nodes;
    shared->first_block = first_block;
    shared->log = log;
    shared->participants = parallel_participants(build);
    set_stage(shared, Stage::pages);
}

void wait_for_pages(ParallelBuild *build) {
    Shared *shared = build->shared;
    while (shared->stage == Stage::pages) { // only this process changes it
        LWLockAcquire(&shared->lock, LW_SHARED);
        const bool done = shared->made_count == build->context->nworkers_launched;
        LWLockRelease(&shared->lock);
        if (done)
            break;
        ConditionVariableTimedSleep(&shared->finished, 500, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
}

int parallel_participants(const ParallelBuild *build) { return build->context->nworkers_launched + 1; }

void end_parallel_build(ParallelBuild *build) {
    if (build->shared->stage == Stage::load)
        set_stage(build->shared, Stage::nothing);
    WaitForParallelWorkersToFinish(build->context);
    for (int i = 0; i < build->context->nworkers_launched; ++i)
        InstrAccumParallelQuery(&build->buffers[i], &build->wal[i]);
    if (build->loader != nullptr)
        build->loader->close_files();
    if (IsMVCCSnapshot(build->snapshot))
        UnregisterSnapshot(build->snapshot);
    dsa_detach(build->area);
    DestroyParallelContext(build->context);
    ExitParallelMode();
}

} // namespace vecx::pg

// Where a worker starts.
void vecx_hnsw_build_worker(dsm_segment *segment, shm_toc *toc) {
    using namespace vecx::pg;
    Shared *shared = static_cast<Shared *>(shm_toc_lookup(toc, kKeyShared, false));
    debug_query_string = static_cast<const char *>(shm_toc_lookup(toc, kKeyQuery, true));
    pgstat_report_activity(STATE_RUNNING, debug_query_string);

    // The locks of CREATE INDEX, which the leader has; as members of its group workers do not conflict.
    Relation heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
    Relation index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
    SharedFileSetAttach(&shared->files, segment);
    dsa_area *area = dsa_attach(shared->area);

    InstrStartParallelQuery();
    IndexInfo *info = BuildIndexInfo(index);
    info->ii_Concurrent = shared->concurrent;
    Loader *loader = make_loader(index, shared, toc, area, ParallelWorkerNumber + 1);
    ParallelTableScanDesc scan = static_cast<ParallelTableScanDesc>(shm_toc_lookup(toc, kKeyScan, false));
    LoadResult result = loader->run(heap, info, table_beginscan_parallel(heap, scan));
    LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
    shared->results[ParallelWorkerNumber + 1] = result;
    ++shared->finished_count;
    LWLockRelease(&shared->lock);
    ConditionVariableSignal(&shared->finished);

    if (wait_for_order(shared) == Stage::pages)
        make_pages(index, shared, area, *loader);
    else
        loader->leave_files();
    InstrEndParallelQuery(static_cast<BufferUsage *>(shm_toc_lookup(toc, kKeyBuffers, false)) + ParallelWorkerNumber,
                          static_cast<WalUsage *>(shm_toc_lookup(toc, kKeyWal, false)) + ParallelWorkerNumber);
    LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
    ++shared->made_count;
    LWLockRelease(&shared->lock);
    ConditionVariableSignal(&shared->finished);

    dsa_detach(area);
    index_close(index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
    table_close(heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
}
