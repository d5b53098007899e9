// How many lists a search must look at: while all rows are given to their lists, some queries keep their nearest rows, exactly;
// afterwards it is known which lists these are in.
#pragma once

#include "cluster/train.hpp"

namespace vecx::cluster {

constexpr uint32_t kQueries = 128; // four panels
constexpr uint32_t kNeighbours = 10;
constexpr uint32_t kKept = kNeighbours + 1; // a query that is a row finds itself

struct Neighbour {
    float key; // infinity: there is none
    uint32_t list;
};

// Which row is near to a query.
enum class Nearness : uint8_t { distance, product }; // a small distance, a large inner product

// Two kinds of queries, for queries are seldom distributed as the rows are: even ones are rows, odd ones lie between two rows,
// where there are none. From a sample of *count rows of queries.dim floats, at least 1; where it is large, rows that become
// queries leave it, so that no centroid has learned from them. `unit`: they are made of norm 1. `queries` has kQueries columns;
// `scratch` dim floats.
void make_queries(float *rows, uint32_t *count, bool unit, uint64_t seed, const Panels &queries, float *scratch);
inline bool query_is_row(uint32_t query) { return query % 2 == 0; }

// The nearest rows of each query: kKept from query * kKept on, nearest first.
struct NearestRows {
    Neighbour *found; // kQueries * kKept

    void clear() const;
    // Rows with the lists that they are in.
    void add(const Panels &queries, Nearness nearness, const float *const *rows, const uint32_t *lists, uint32_t count) const;
    void merge(const NearestRows &other) const;
};

// Recall by the number of lists looked at.
class RecallCurve {
  public:
    // Where the lists of the queries' neighbours come in the order of the centroids' nearness. Memory from the arena: places only.
    RecallCurve(const Clustering &clustering, const Panels &queries, Nearness nearness, const NearestRows &nearest, Arena &arena);

    // The least number of lists with which the queries that are rows, or the others, find `wanted` of their neighbours
    // in the mean, less `errors` times the standard error of that mean; *mean is what they find. All lists where that is not reached;
    // 0 when there are no neighbours.
    uint32_t probes_for(bool rows, double wanted, double errors, double *mean) const;

  private:
    static constexpr uint32_t kNowhere = UINT32_MAX;
    uint32_t *places_; // kQueries * kNeighbours
    uint32_t lists_;
};

} // namespace vecx::cluster
