// CREATE INDEX: a sample of the table is clustered, the centroids are written, each row is encoded as its list wants it, and
// the sorted rows become pages. Nothing is WAL-logged before the end.
#include "ivf/build.hpp"

#include <algorithm>
#include <cmath>

#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/build_parallel.hpp"
#include "pg/ivf/build.hpp"
#include "pg/ivf/probes.hpp"
#include "pg/ivf/store.hpp"
#include "pg/memory.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

constexpr double kListsPerRoot = 2;        // automatic lists: so many times the root of the number of rows
constexpr uint32_t kMostAutoLists = 65536;
constexpr double kLeastPages = 3;          // of postings that a list fills: half of a page at its end stays empty, one of codes as well
constexpr size_t kBatchBytes = 4 << 20;    // coordinates of rows that find their lists together, at most
constexpr size_t kCodebookPart = 12;       // of the memory, to learn a codebook with
constexpr int kLeastSortKilobytes = 64;    // tuplesort takes no less

uint32_t lists_wanted(const IvfOptions &options, const ivf::Shape &shape, double rows) {
    if (options.lists != 0)
        return options.lists;
    const double lists = std::min(kListsPerRoot * std::sqrt(rows), rows / (kLeastPages * shape.page_rows));
    return static_cast<uint32_t>(std::clamp<double>(std::ceil(lists), 1, kMostAutoLists));
}

size_t memory_limit() { return static_cast<size_t>(maintenance_work_mem) * 1024; }

// Sample and clustering within the memory there is; the sample may be empty.
ListPlan make_plan(const ivf::Shape &shape, uint32_t lists, double rows, int participants, uint64_t seed) {
    ListPlan plan{};
    plan.shape = shape;
    cluster::TrainOptions options{lists, static_cast<uint32_t>(shape.dim), 0, cluster::Geometry::euclidean, seed};
    options.count = cluster::sample_wanted(lists, rows);
    options.count = cluster::sample_that_fits(options, static_cast<uint32_t>(participants), memory_limit() / 8 * 7);
    plan.clusters = cluster::make_plan(options);
    return plan;
}

// What loading may take, once the lists are known.
void plan_loading(ListPlan *plan, uint32_t lists, int participants) {
    plan->lists = lists;
    const size_t row = static_cast<size_t>(plan->shape.dim) * sizeof(float) + plan->shape.payload_size + plan->shape.attributes_size();
    const size_t queries = cluster::Panels::element_count(cluster::kQueries, static_cast<uint32_t>(plan->shape.dim)) * sizeof(float);
    const size_t shared = plan->clusters.workspace_bytes + size_t{lists} * plan->shape.centroid_size() + 2 * queries;
    const size_t left = memory_limit() > shared ? memory_limit() - shared : 0;
    const size_t each = left / static_cast<size_t>(participants);
    plan->batch_rows = static_cast<uint32_t>(
        std::clamp<size_t>(std::min(kBatchBytes, each / 4) / row, 1, cluster::Assigner::kMostRows));
    const size_t batch = plan->batch_rows * row;
    const size_t sort = each > batch ? each - batch : 0;
    plan->sort_kilobytes = static_cast<int>(std::clamp<size_t>(sort / 1024, kLeastSortKilobytes, MAX_KILOBYTES));
}

void find_mean(const float *rows, uint32_t count, uint32_t dim, float *mean) {
    double *sums = static_cast<double *>(palloc0(dim * sizeof(double)));
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t j = 0; j < dim; ++j)
            sums[j] += rows[size_t{i} * dim + j];
        if (i % 1024 == 0)
            CHECK_FOR_INTERRUPTS();
    }
    for (uint32_t j = 0; j < dim; ++j)
        mean[j] = count > 0 ? static_cast<float>(sums[j] / count) : 0.0f;
    pfree(sums);
}

// Queries are taken out of the sample: *count may be less afterwards.
cluster::Panels choose_queries(const ivf::Shape &shape, float *sample, uint32_t *count, uint64_t seed) {
    const uint32_t dim = static_cast<uint32_t>(shape.dim);
    const cluster::Panels queries{
        static_cast<float *>(palloc(cluster::Panels::element_count(cluster::kQueries, dim) * sizeof(float))),
        static_cast<float *>(palloc(cluster::Panels::bias_count(cluster::kQueries) * sizeof(float))), cluster::kQueries, dim};
    queries.clear();
    if (*count > 0)
        cluster::make_queries(sample, count, shape.metric == Metric::cosine, seed, queries,
                              static_cast<float *>(palloc(dim * sizeof(float))));
    return queries;
}

// What the codes of a learnt() shape are made with, from rows all over the sample. Null for the others.
uint8_t *learn_codebook(const ivf::Shape &shape, const cluster::Clustering &clustering, const float *mean, const float *sample,
                        uint32_t count, const cluster::Panels &queries, uint64_t seed) {
    if (!shape.learnt())
        return nullptr;
    uint8_t *bytes = static_cast<uint8_t *>(palloc(shape.codebook_size()));
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf codebook", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);
    const size_t dim = static_cast<size_t>(shape.dim);
    // Beside the sample, which leaves an eighth.
    ivf::CodebookTeacher teacher(shape, mean, seed, memory_limit() / kCodebookPart, arena);
    if (clustering.lists.columns > 0) {
        const uint32_t wanted = std::min(count, teacher.rows_wanted());
        constexpr uint32_t kBatch = 256;
        const float **rows = arena.make_array<const float *>(kBatch);
        float *score = arena.make_array<float>(kBatch), *centroid = arena.make_array<float>(dim);
        uint32_t *which = arena.make_array<uint32_t>(kBatch);
        cluster::Assigner assigner(clustering, arena);
        cluster::Team team;
        team.poll = [](void *) { CHECK_FOR_INTERRUPTS(); };
        for (uint32_t done = 0; done < wanted;) {
            const uint32_t now = std::min(wanted - done, kBatch);
            for (uint32_t i = 0; i < now; ++i)
                rows[i] = sample + static_cast<size_t>(uint64_t{done + i} * count / wanted) * dim;
            assigner.assign(rows, now, score, which, team);
            for (uint32_t i = 0; i < now; ++i) {
                clustering.lists.get(which[i], centroid);
                teacher.add_row(rows[i], centroid);
            }
            done += now;
        }
        for (uint32_t q = 0; q < queries.columns && q < teacher.queries_wanted(); ++q) {
            // Every other one is a row, the rest lie between two.
            queries.get(q, centroid);
            teacher.add_query(centroid);
        }
    }
    teacher.learn(bytes, {[](void *) { CHECK_FOR_INTERRUPTS(); }, nullptr});
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return bytes;
}

// Branches and lists; without a clustering one of each, at the mean.
void write_directory(ivf::Builder<ListBulkStore> &builder, const cluster::Clustering &clustering, const float *mean,
                     uint32_t dim, uint32_t wanted, const char *name) {
    check(builder.begin(mean, wanted), name);
    const uint32_t lists = clustering.lists.columns;
    float *centroid = static_cast<float *>(palloc(dim * sizeof(float)));
    if (lists == 0) {
        check(builder.add_branch(mean, 1), name);
        check(builder.add_list(mean), name);
    } else if (clustering.tops.columns == 0) {
        check(builder.add_branch(mean, lists), name);
        for (uint32_t c = 0; c < lists; ++c) {
            clustering.lists.get(c, centroid);
            check(builder.add_list(centroid), name);
        }
    } else {
        for (uint32_t t = 0; t < clustering.tops.columns; ++t) {
            const uint32_t first = clustering.first_child[t], last = clustering.first_child[t + 1];
            if (first == last)
                continue;
            clustering.tops.get(t, centroid);
            check(builder.add_branch(centroid, last - first), name);
            for (uint32_t c = first; c < last; ++c) {
                clustering.lists.get(c, centroid);
                check(builder.add_list(centroid), name);
            }
        }
    }
    pfree(centroid);
    check(builder.finish_directory(), name);
}

// Centroids as the directory has them, by list.
void read_centroids(ListBulkStore &store, const ivf::MetaRecord &meta, const ivf::Shape &shape, uint8_t *out, const char *name) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf directory", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);
    ivf::Directory directory(arena);
    check(directory.load(store, meta, shape, 0), name);
    for (uint32_t b = 0; b < directory.branches(); ++b)
        check(directory.for_each_list(store, b, [&](const ivf::CentroidHead &head, const int8_t *code) {
            uint8_t *to = out + size_t{head.id} * shape.centroid_size();
            memcpy(to, &head, sizeof head);
            memcpy(to + sizeof head, code, shape.centroid_dim());
        }), name);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}

void write_lists(ivf::Builder<ListBulkStore> &builder, Tuplesortstate *sorted, const ivf::Shape &shape, double rows,
                 const ivf::BuildStatistics &statistics, const char *name) {
    report_phase(kPhaseLoadLists);
    report_tuples_total(static_cast<int64>(rows));
    uint8_t *row = reinterpret_cast<uint8_t *>(palloc((shape.row_size() + 7) / 8 * 8));
    TupleTableSlot *slot = row_slot(&TTSOpsMinimalTuple);
    uint32_t list;
    ivf::HeapTid tid;
    int64 done = 0;
    while (next_row(sorted, slot, shape, &list, &tid, row)) {
        if (++done % 128 == 0) {
            CHECK_FOR_INTERRUPTS();
            report_tuples_done(done);
        }
        check(builder.add(list, tid, row), name);
    }
    report_tuples_done(done);
    ExecDropSingleTupleTableSlot(slot);
    check(builder.finish(statistics), name);
}

// How many lists a search needs for the recall aimed at.
ivf::BuildStatistics find_probes(ListBuild *build, const cluster::Clustering &clustering, const cluster::Panels &queries,
                                 Arena &arena) {
    if (clustering.lists.columns == 0 || !plan_of(build).asks)
        return {};
    const cluster::RecallCurve curve(clustering, queries, nearness_of(plan_of(build).shape), nearest_of(build), arena);
    ivf::BuildStatistics out{};
    for (uint32_t i = 0; i < ivf::ProbesCurve::kPoints; ++i) {
        double rows, between; // mean recalls
        out.curve.rows[i] = curve.probes_for(true, ivf::ProbesCurve::kRecall[i], kAutoErrors, &rows);
        out.curve.between[i] = curve.probes_for(false, ivf::ProbesCurve::kRecall[i], kAutoErrors, &between);
        if (i == kAutoPoint) {
            const bool harder = out.curve.between[i] > out.curve.rows[i];
            out.auto_probes = harder ? out.curve.between[i] : out.curve.rows[i];
            out.auto_recall = static_cast<float>(harder ? between : rows);
        }
    }
    out.curve.queries = cluster::kQueries;
    return out;
}

} // namespace

IndexBuildResult *ivf_build(Relation heap, Relation index, IndexInfo *info) {
    const char *name = RelationGetRelationName(index);
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", name);
    IvfOptions options;
    const ivf::Shape shape = shape_of_new(index, &options);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Arena arena = arena_over(context);

    report_phase(kPhaseKmeans);
    const TableEstimate estimate = estimate_rows(heap, index, info);
    const uint32_t lists = lists_wanted(options, shape, estimate.rows);
    const int workers = build_workers(heap, index);
    const uint64_t seed = static_cast<uint64_t>(ivf_seed());
    const ListPlan first_plan = make_plan(shape, lists, estimate.rows, workers + 1, seed);
    const uint32_t wanted = first_plan.clusters.options.count;
    ListBuild *build = begin_list_build(heap, index, info, first_plan, wanted, workers);
    uint32_t sampled = sample_rows(heap, index, info, shape, estimate, wanted, seed, sample_of(build));
    if (is_ivfflat(index) && sampled < lists)
        ereport(NOTICE, (errmsg("ivfflat index created with little data"), errdetail("This will cause low recall."),
                         errhint("Drop the index until the table has more data.")));
    float *mean = static_cast<float *>(palloc(static_cast<size_t>(shape.dim) * sizeof(float)));
    find_mean(sample_of(build), sampled, static_cast<uint32_t>(shape.dim), mean);
    uint32_t not_asked = 0;
    const cluster::Panels queries = choose_queries(shape, sample_of(build), is_ivfflat(index) ? &not_asked : &sampled, seed);
    ListPlan &plan = plan_of(build);
    plan.asks = !is_ivfflat(index); // its probes are never automatic
    plan.clusters.options.count = sampled;
    plan.clusters = cluster::make_plan(plan.clusters.options);
    const cluster::Clustering clustering = cluster_sample(build);

    ListBulkStore store(index);
    ivf::Builder<ListBulkStore> builder(store, arena, shape);
    write_directory(builder, clustering, mean, static_cast<uint32_t>(shape.dim), options.lists, name);
    const uint8_t *codebook = learn_codebook(shape, clustering, mean, sample_of(build), sampled, queries, seed);
    check(builder.add_codebook(codebook), name);
    plan_loading(&plan, builder.meta().lists, workers + 1);
    const ListDataSpace space = make_list_data(build);
    memcpy(space.mean, mean, static_cast<size_t>(shape.dim) * sizeof(float));
    if (codebook != nullptr)
        memcpy(space.codebook, codebook, shape.codebook_size());
    memcpy(space.queries.elements, queries.elements,
           cluster::Panels::element_count(cluster::kQueries, queries.dim) * sizeof(float));
    memcpy(space.queries.bias, queries.bias, cluster::Panels::bias_count(cluster::kQueries) * sizeof(float));
    read_centroids(store, builder.meta(), shape, space.centroids, name);

    report_phase(kPhaseAssign);
    report_tuples_total(static_cast<int64>(estimate.rows));
    double heap_tuples, index_tuples;
    Tuplesortstate *sorted = load_table(build, &heap_tuples, &index_tuples);
    write_lists(builder, sorted, shape, index_tuples, find_probes(build, clustering, queries, arena), name);
    end_list_build(build, sorted);
    log_fork(index, MAIN_FORKNUM);

    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    IndexBuildResult *result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
    result->heap_tuples = heap_tuples;
    result->index_tuples = index_tuples;
    return result;
}

void ivf_build_empty(Relation index) {
    IvfOptions options;
    const ivf::Shape shape = shape_of_new(index, &options);
    const char *name = RelationGetRelationName(index);
    Arena arena = arena_over(CurrentMemoryContext);
    ListBulkStore store(index, nullptr, false, INIT_FORKNUM);
    ivf::Builder<ListBulkStore> builder(store, arena, shape);
    const float *mean = static_cast<const float *>(palloc0(static_cast<size_t>(shape.dim) * sizeof(float)));
    write_directory(builder, cluster::Clustering{}, mean, static_cast<uint32_t>(shape.dim), options.lists, name);
    check(builder.add_codebook(learn_codebook(shape, cluster::Clustering{}, nullptr, nullptr, 0, cluster::Panels{}, 0)), name);
    check(builder.finish(ivf::BuildStatistics{}), name);
    log_fork(index, INIT_FORKNUM);
}

char *ivf_build_phase_name(int64 phase) {
    switch (phase) {
    case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
        return pstrdup("initializing");
    case kPhaseKmeans:
        return pstrdup("performing k-means");
    case kPhaseAssign:
        return pstrdup("assigning tuples");
    case kPhaseLoadLists:
        return pstrdup("loading tuples");
    }
    return nullptr;
}

} // namespace vecx::pg
