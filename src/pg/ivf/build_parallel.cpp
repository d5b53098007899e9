// A build's memory and processes. The leader samples the table; then all cluster the sample together; the leader writes the
// directory; then each sorts its part of the table by list, and the leader merges.
#include <algorithm>
#include <new>

#include "pg/export.hpp"
#include "pg/hnsw/build_parallel.hpp"
#include "pg/ivf/build.hpp"
#include "pg/memory.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "pgstat.h"
#include "storage/barrier.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "tcop/tcopprot.h"
#include "utils/dsa.h"
#include "utils/snapmgr.h"

#pragma GCC visibility push(default)
void vecx_ivf_build_worker(dsm_segment *segment, shm_toc *toc);
#pragma GCC visibility pop
}

namespace vecx::pg {

namespace {

enum Key : uint64 { kKeyShared = 1, kKeyScan, kKeySort, kKeyQuery, kKeyWal, kKeyBuffers };

constexpr int kTranche = LWTRANCHE_PARALLEL_QUERY_DSA;

struct PartResult {
    double heap_tuples;
    bool broken_hot_chain;
};

struct Shared {
    Oid heap, index;
    bool concurrent;
    dsa_handle area;
    LWLock lock; // of started, finished_count and results
    ConditionVariable changed;
    bool started;
    int participants;
    Barrier barrier;
    int finished_count;
    // Written by the leader between two barriers.
    ListPlan plan;
    dsa_pointer sample, workspace, mean, centroids, codebook, queries, nearest;
    uint32_t clustered; // lists of the clustering
    ListCounters counters;
    PartResult results[FLEXIBLE_ARRAY_MEMBER]; // by participant; the leader is 0
};

void meet(void *context) {
    BarrierArriveAndWait(&static_cast<Shared *>(context)->barrier, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
}
void poll(void *) { CHECK_FOR_INTERRUPTS(); }

cluster::Team team_of(Shared *shared, int participant) {
    cluster::Team team;
    team.members = static_cast<uint32_t>(shared->participants);
    team.rank = static_cast<uint32_t>(participant);
    team.context = shared;
    team.poll = poll;
    team.barrier = meet;
    return team;
}

// Memory for the clustering's own use goes when it is over.
uint32_t train(const ListPlan &plan, const float *sample, void *workspace, const cluster::Team &team) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf build clustering", ALLOCSET_DEFAULT_SIZES);
    Arena arena = arena_over(context);
    uint32_t lists;
    cluster::train(plan.clusters, sample, static_cast<size_t>(plan.shape.dim), workspace, arena, team, &lists);
    MemoryContextDelete(context);
    return lists;
}

constexpr size_t kNearest = size_t{cluster::kQueries} * cluster::kKept; // neighbours of one participant

size_t query_bytes(const ivf::Shape &shape) {
    return (cluster::Panels::element_count(cluster::kQueries, static_cast<uint32_t>(shape.dim)) +
            cluster::Panels::bias_count(cluster::kQueries)) * sizeof(float);
}
cluster::Panels queries_at(void *memory, const ivf::Shape &shape) {
    const uint32_t dim = static_cast<uint32_t>(shape.dim);
    float *elements = static_cast<float *>(memory);
    return {elements, elements + cluster::Panels::element_count(cluster::kQueries, dim), cluster::kQueries, dim};
}

ListData data_of(const Shared *shared, dsa_area *area) {
    ListData data{};
    data.clustering = cluster::clustering_in(shared->plan.clusters, dsa_get_address(area, shared->workspace));
    data.clustering.lists.columns = shared->clustered;
    data.mean = static_cast<const float *>(dsa_get_address(area, shared->mean));
    data.centroids = static_cast<const uint8_t *>(dsa_get_address(area, shared->centroids));
    data.codebook = static_cast<const uint8_t *>(dsa_get_address(area, shared->codebook));
    data.queries = queries_at(dsa_get_address(area, shared->queries), shared->plan.shape);
    return data;
}

cluster::NearestRows nearest_at(const Shared *shared, dsa_area *area, int participant) {
    return {static_cast<cluster::Neighbour *>(dsa_get_address(area, shared->nearest)) +
            static_cast<size_t>(participant) * kNearest};
}

PartResult load_part(Relation heap, Relation index, IndexInfo *info, Shared *shared, shm_toc *toc, dsa_area *area, int participant) {
    SortCoordinate coordinate = static_cast<SortCoordinate>(palloc0(sizeof(SortCoordinateData)));
    coordinate->isWorker = true;
    coordinate->nParticipants = -1;
    coordinate->sharedsort = static_cast<Sharedsort *>(shm_toc_lookup(toc, kKeySort, false));
    Tuplesortstate *sort = begin_row_sort(shared->plan.sort_kilobytes, coordinate);
    ParallelTableScanDesc scan = static_cast<ParallelTableScanDesc>(shm_toc_lookup(toc, kKeyScan, false));
    PartResult result;
    const cluster::NearestRows nearest = nearest_at(shared, area, participant);
    nearest.clear();
    result.heap_tuples = load_rows(heap, index, info, shared->plan, data_of(shared, area), &shared->counters, nearest, sort,
                                   table_beginscan_parallel(heap, scan), participant == 0);
    result.broken_hot_chain = info->ii_BrokenHotChain;
    tuplesort_performsort(sort);
    tuplesort_end(sort);
    return result;
}

} // namespace

struct ListBuild {
    Relation heap, index;
    IndexInfo *info;
    // With workers:
    ParallelContext *context;
    Snapshot snapshot;
    dsa_area *area;
    Shared *shared;
    WalUsage *wal;
    BufferUsage *buffers;
    // Without:
    ListPlan plan;
    float *sample;
    void *workspace;
    float *mean;
    uint8_t *centroids, *codebook;
    cluster::Panels queries;
    cluster::NearestRows nearest;
    uint32_t clustered;
    ListCounters counters;
};

namespace {

// The memory of one process, where there are no workers.
ListBuild *alone(ListBuild *build, const ListPlan &plan, size_t sample_bytes) {
    build->plan = plan;
    build->sample = static_cast<float *>(MemoryContextAllocHuge(CurrentMemoryContext, std::max<size_t>(sample_bytes, 8)));
    void *workspace = MemoryContextAllocHuge(CurrentMemoryContext, plan.clusters.workspace_bytes + 64);
    build->workspace = reinterpret_cast<void *>(TYPEALIGN(64, reinterpret_cast<uintptr_t>(workspace)));
    return build;
}

void start_workers(ListBuild *build) {
    Shared *shared = build->shared;
    LaunchParallelWorkers(build->context);
    WaitForParallelWorkersToAttach(build->context); // one that died before this would be waited for in vain
    LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
    shared->participants = build->context->nworkers_launched + 1;
    BarrierInit(&shared->barrier, shared->participants);
    shared->started = true;
    LWLockRelease(&shared->lock);
    ConditionVariableBroadcast(&shared->changed);
}

} // namespace

ListBuild *begin_list_build(Relation heap, Relation index, IndexInfo *info, const ListPlan &plan, uint32_t sample_rows, int workers) {
    ListBuild *build = new (palloc0(sizeof(ListBuild))) ListBuild{};
    build->heap = heap;
    build->index = index;
    build->info = info;
    const size_t sample_bytes = size_t{sample_rows} * static_cast<size_t>(plan.shape.dim) * sizeof(float);
    if (workers == 0)
        return alone(build, plan, sample_bytes);

    EnterParallelMode();
    ParallelContext *context = CreateParallelContext("vecx", "vecx_ivf_build_worker", workers);
    Snapshot snapshot = info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
    const size_t workers_size = static_cast<size_t>(workers);
    const size_t shared_size = offsetof(Shared, results) + (workers_size + 1) * sizeof(PartResult);
    const size_t scan_size = table_parallelscan_estimate(heap, snapshot);
    const size_t sort_size = tuplesort_estimate_shared(workers + 1);
    const size_t query_size = debug_query_string != nullptr ? strlen(debug_query_string) + 1 : 0;
    for (size_t size : {shared_size, scan_size, sort_size, workers_size * sizeof(WalUsage), workers_size * sizeof(BufferUsage),
                        query_size})
        if (size > 0) {
            shm_toc_estimate_chunk(&context->estimator, size);
            shm_toc_estimate_keys(&context->estimator, 1);
        }
    InitializeParallelDSM(context);
    if (context->seg == nullptr) { // no shared memory: alone, then
        if (IsMVCCSnapshot(snapshot))
            UnregisterSnapshot(snapshot);
        DestroyParallelContext(context);
        ExitParallelMode();
        return alone(build, plan, sample_bytes);
    }
    auto chunk = [&](Key key, size_t size) {
        void *memory = shm_toc_allocate(context->toc, size);
        memset(memory, 0, size);
        shm_toc_insert(context->toc, key, memory);
        return memory;
    };
    build->context = context;
    build->snapshot = snapshot;
    Shared *shared = static_cast<Shared *>(chunk(kKeyShared, shared_size));
    shared->heap = RelationGetRelid(heap);
    shared->index = RelationGetRelid(index);
    shared->concurrent = info->ii_Concurrent;
    shared->plan = plan;
    LWLockInitialize(&shared->lock, kTranche);
    ConditionVariableInit(&shared->changed);
    build->area = dsa_create(kTranche);
    shared->area = dsa_get_handle(build->area);
    build->shared = shared;
    table_parallelscan_initialize(heap, static_cast<ParallelTableScanDesc>(chunk(kKeyScan, scan_size)), snapshot);
    tuplesort_initialize_shared(static_cast<Sharedsort *>(chunk(kKeySort, sort_size)), workers + 1, context->seg);
    build->wal = static_cast<WalUsage *>(chunk(kKeyWal, workers_size * sizeof(WalUsage)));
    build->buffers = static_cast<BufferUsage *>(chunk(kKeyBuffers, workers_size * sizeof(BufferUsage)));
    if (query_size > 0)
        memcpy(chunk(kKeyQuery, query_size), debug_query_string, query_size);
    shared->sample = dsa_allocate_extended(build->area, std::max<size_t>(sample_bytes, 8), DSA_ALLOC_HUGE);
    // Large pieces start on a page of the segment, so 64 bytes are no question.
    shared->workspace = dsa_allocate_extended(build->area, std::max<size_t>(plan.clusters.workspace_bytes, 16384), DSA_ALLOC_HUGE);
    return build;
}

ListPlan &plan_of(ListBuild *build) { return build->shared != nullptr ? build->shared->plan : build->plan; }

float *sample_of(ListBuild *build) {
    return build->shared != nullptr ? static_cast<float *>(dsa_get_address(build->area, build->shared->sample)) : build->sample;
}

int participants_of(const ListBuild *build) { return build->shared != nullptr ? build->shared->participants : 1; }

cluster::Clustering cluster_sample(ListBuild *build) {
    Shared *shared = build->shared;
    if (shared == nullptr) {
        cluster::Team team;
        team.poll = poll;
        build->clustered = train(build->plan, build->sample, build->workspace, team);
        cluster::Clustering clustering = cluster::clustering_in(build->plan.clusters, build->workspace);
        clustering.lists.columns = build->clustered;
        return clustering;
    }
    start_workers(build);
    shared->clustered = train(shared->plan, sample_of(build), dsa_get_address(build->area, shared->workspace), team_of(shared, 0));
    cluster::Clustering clustering =
        cluster::clustering_in(shared->plan.clusters, dsa_get_address(build->area, shared->workspace));
    clustering.lists.columns = shared->clustered;
    return clustering;
}

ListDataSpace make_list_data(ListBuild *build) {
    const ListPlan &plan = plan_of(build);
    const size_t mean_bytes = static_cast<size_t>(plan.shape.dim) * sizeof(float);
    const size_t centroid_bytes = size_t{plan.lists} * plan.shape.centroid_size();
    if (build->shared == nullptr) {
        pfree(build->sample);
        build->sample = nullptr;
        build->mean = static_cast<float *>(palloc(mean_bytes));
        build->centroids = static_cast<uint8_t *>(MemoryContextAllocHuge(CurrentMemoryContext, centroid_bytes));
        build->codebook = static_cast<uint8_t *>(palloc(plan.shape.codebook_size()));
        build->queries = queries_at(palloc(query_bytes(plan.shape)), plan.shape);
        build->nearest = {static_cast<cluster::Neighbour *>(palloc(kNearest * sizeof(cluster::Neighbour)))};
        build->nearest.clear();
        return {build->mean, build->centroids, build->codebook, build->queries};
    }
    Shared *shared = build->shared;
    dsa_area *area = build->area;
    dsa_free(area, shared->sample);
    shared->sample = InvalidDsaPointer;
    dsa_trim(area);
    shared->mean = dsa_allocate(area, mean_bytes);
    shared->centroids = dsa_allocate_extended(area, centroid_bytes, DSA_ALLOC_HUGE);
    shared->codebook = dsa_allocate(area, plan.shape.codebook_size());
    shared->queries = dsa_allocate(area, query_bytes(plan.shape));
    shared->nearest =
        dsa_allocate(area, static_cast<size_t>(shared->participants) * kNearest * sizeof(cluster::Neighbour));
    return {static_cast<float *>(dsa_get_address(area, shared->mean)),
            static_cast<uint8_t *>(dsa_get_address(area, shared->centroids)),
            static_cast<uint8_t *>(dsa_get_address(area, shared->codebook)),
            queries_at(dsa_get_address(area, shared->queries), plan.shape)};
}

cluster::NearestRows nearest_of(ListBuild *build) {
    if (build->shared == nullptr)
        return build->nearest;
    const cluster::NearestRows all = nearest_at(build->shared, build->area, 0);
    for (int i = 1; i < build->shared->participants; ++i)
        all.merge(nearest_at(build->shared, build->area, i));
    return all;
}

Tuplesortstate *load_table(ListBuild *build, double *heap_tuples, double *index_tuples) {
    Shared *shared = build->shared;
    if (shared == nullptr) {
        const ListPlan &plan = build->plan;
        ListData data{};
        data.clustering = cluster::clustering_in(plan.clusters, build->workspace);
        data.clustering.lists.columns = build->clustered;
        data.mean = build->mean;
        data.centroids = build->centroids;
        data.codebook = build->codebook;
        data.queries = build->queries;
        Tuplesortstate *sort = begin_row_sort(plan.sort_kilobytes, nullptr);
        *heap_tuples = load_rows(build->heap, build->index, build->info, plan, data, &build->counters, build->nearest, sort,
                                 nullptr, true);
        *index_tuples = static_cast<double>(build->counters.rows.load());
        tuplesort_performsort(sort);
        return sort;
    }
    meet(shared); // the workers may begin
    shared->results[0] = load_part(build->heap, build->index, build->info, shared, build->context->toc, build->area, 0);
    for (;;) {
        LWLockAcquire(&shared->lock, LW_SHARED);
        const bool done = shared->finished_count == build->context->nworkers_launched;
        LWLockRelease(&shared->lock);
        if (done)
            break;
        report_tuples_done(static_cast<int64>(shared->counters.seen.load()));
        ConditionVariableTimedSleep(&shared->changed, 500, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
    report_tuples_done(static_cast<int64>(shared->counters.seen.load()));
    *heap_tuples = 0;
    for (int i = 0; i < shared->participants; ++i) {
        *heap_tuples += shared->results[i].heap_tuples;
        build->info->ii_BrokenHotChain |= shared->results[i].broken_hot_chain;
    }
    *index_tuples = static_cast<double>(shared->counters.rows.load());
    SortCoordinate coordinate = static_cast<SortCoordinate>(palloc0(sizeof(SortCoordinateData)));
    coordinate->isWorker = false;
    coordinate->nParticipants = shared->participants;
    coordinate->sharedsort = static_cast<Sharedsort *>(shm_toc_lookup(build->context->toc, kKeySort, false));
    Tuplesortstate *sort = begin_row_sort(shared->plan.sort_kilobytes, coordinate);
    tuplesort_performsort(sort);
    return sort;
}

void end_list_build(ListBuild *build, Tuplesortstate *sorted) {
    tuplesort_end(sorted);
    if (build->shared == nullptr)
        return;
    WaitForParallelWorkersToFinish(build->context);
    for (int i = 0; i < build->context->nworkers_launched; ++i)
        InstrAccumParallelQuery(&build->buffers[i], &build->wal[i]);
    if (IsMVCCSnapshot(build->snapshot))
        UnregisterSnapshot(build->snapshot);
    dsa_detach(build->area);
    DestroyParallelContext(build->context);
    ExitParallelMode();
}

} // namespace vecx::pg

// Where a worker starts.
void vecx_ivf_build_worker(dsm_segment *segment, shm_toc *toc) {
    using namespace vecx::pg;
    Shared *shared = static_cast<Shared *>(shm_toc_lookup(toc, kKeyShared, false));
    debug_query_string = static_cast<const char *>(shm_toc_lookup(toc, kKeyQuery, true));
    pgstat_report_activity(STATE_RUNNING, debug_query_string);

    // The locks of CREATE INDEX, which the leader has; as members of its group workers do not conflict.
    Relation heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
    Relation index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
    dsa_area *area = dsa_attach(shared->area);
    tuplesort_attach_shared(static_cast<Sharedsort *>(shm_toc_lookup(toc, kKeySort, false)), segment);
    InstrStartParallelQuery();

    for (;;) {
        LWLockAcquire(&shared->lock, LW_SHARED);
        const bool started = shared->started;
        LWLockRelease(&shared->lock);
        if (started)
            break;
        ConditionVariableSleep(&shared->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
    const int participant = ParallelWorkerNumber + 1;
    train(shared->plan, static_cast<const float *>(dsa_get_address(area, shared->sample)),
          dsa_get_address(area, shared->workspace), team_of(shared, participant));
    meet(shared); // the leader has written the directory

    IndexInfo *info = BuildIndexInfo(index);
    info->ii_Concurrent = shared->concurrent;
    const PartResult result = load_part(heap, index, info, shared, toc, area, participant);

    InstrEndParallelQuery(static_cast<BufferUsage *>(shm_toc_lookup(toc, kKeyBuffers, false)) + ParallelWorkerNumber,
                          static_cast<WalUsage *>(shm_toc_lookup(toc, kKeyWal, false)) + ParallelWorkerNumber);
    LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
    shared->results[participant] = result;
    ++shared->finished_count;
    LWLockRelease(&shared->lock);
    ConditionVariableSignal(&shared->changed);

    dsa_detach(area);
    index_close(index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
    table_close(heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
}
