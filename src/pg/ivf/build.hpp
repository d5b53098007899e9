// What the parts of a build share: sample, clustering, rows into lists, pages.
#pragma once

#include <atomic>

#include "cluster/neighbours.hpp"
#include "cluster/train.hpp"
#include "ivf/encode.hpp"
#include "ivf/layout.hpp"
#include "pg/ivf/ivf.hpp"

extern "C" {
#include "access/tableam.h"
#include "utils/tuplesort.h"
}

namespace vecx::pg {

// build_sample.cpp
struct TableEstimate {
    double rows;       // for the index
    double block_rows; // in a block
};
TableEstimate estimate_rows(Relation heap, Relation index, IndexInfo *info);
// Rows of `dim` floats (ivf::to_geometry) into `out`, at most `wanted`, a random part of the table; their number. Under the
// snapshot of the build.
uint32_t sample_rows(Relation heap, Relation index, IndexInfo *info, const ivf::Shape &shape, const TableEstimate &estimate,
                     uint32_t wanted, uint64_t seed, float *out);

// What all participants of a build must agree on; plain bytes.
struct ListPlan {
    ivf::Shape shape;
    cluster::Plan clusters;
    uint32_t lists;      // that came of it; at least 1
    int sort_kilobytes;  // of each participant
    uint32_t batch_rows;
};

// What they read besides; the same memory for all.
struct ListData {
    cluster::Clustering clustering; // lists.columns == 0: there was no sample, all rows go to list 0
    const float *mean;              // shape.dim
    const uint8_t *centroids;       // plan.lists times shape.centroid_size(), by list
    const uint8_t *codebook;        // shape.codebook_size(), of a learnt() shape
    cluster::Panels queries;        // cluster::kQueries, to see how many lists a search needs; no columns: not asked
};

// Memory that the leader fills before rows are loaded.
struct ListDataSpace {
    float *mean;
    uint8_t *centroids;
    uint8_t *codebook; // room for one in any case
    cluster::Panels queries;
};

struct ListCounters {
    std::atomic<uint64_t> seen; // rows of the table
    std::atomic<uint64_t> rows; // of the index
};

inline cluster::Nearness nearness_of(const ivf::Shape &shape) {
    return shape.metric == Metric::ip ? cluster::Nearness::product : cluster::Nearness::distance;
}

// build_load.cpp
// Sorts encoded rows by list and heap TID.
Tuplesortstate *begin_row_sort(int kilobytes, SortCoordinate coordinate);
TupleTableSlot *row_slot(const TupleTableSlotOps *ops);

// One participant's part of the table, with the nearest rows of the queries, into `sort`, whose sorting is left to the caller. Returns the number of heap tuples.
// `scan` is null when there is one participant only.
double load_rows(Relation heap, Relation index, IndexInfo *info, const ListPlan &plan, const ListData &data,
                 ListCounters *counters, const cluster::NearestRows &nearest, Tuplesortstate *sort, TableScanDescData *scan,
                 bool report);

// The next row in order; false at the end. `row` is good until the next call; 8-byte aligned memory of shape.row_size().
bool next_row(Tuplesortstate *sort, TupleTableSlot *slot, const ivf::Shape &shape, uint32_t *list, ivf::HeapTid *tid,
              uint8_t *row);

// build_parallel.cpp
// Everything that may be shared with workers: they cluster, then they load. Without workers, one process's memory.
struct ListBuild;
ListBuild *begin_list_build(Relation heap, Relation index, IndexInfo *info, const ListPlan &plan, uint32_t sample_rows, int workers);
ListPlan &plan_of(ListBuild *build);
float *sample_of(ListBuild *build);
int participants_of(const ListBuild *build);
// Clusters the sample that is now there, plan_of(build).clusters.options.count rows.
cluster::Clustering cluster_sample(ListBuild *build);
// The sample's memory is given back; space for what loading needs, plan.lists centroids among it.
ListDataSpace make_list_data(ListBuild *build);
// All of the table into lists; the result is sorted.
Tuplesortstate *load_table(ListBuild *build, double *heap_tuples, double *index_tuples);
// After load_table: the nearest rows of the queries.
cluster::NearestRows nearest_of(ListBuild *build);
void end_list_build(ListBuild *build, Tuplesortstate *sorted);

} // namespace vecx::pg
