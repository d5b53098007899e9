// How many lists a search must look at: while all rows are given to their lists, some queries keep their nearest rows, exactly;
// afterwards it is known which lists these are in.
#pragma once

#include "cluster/train.hpp"

namespace vecx::cluster {

constexpr uint32_t kQueries = 64; // two panels
constexpr uint32_t kNeighbours = 10;
constexpr uint32_t kKept = kNeighbours + 1; // a query that is a row finds itself

struct Neighbour {
    float key; // infinity: there is none
    uint32_t list;
};

// Which row is near to a query.
enum class Nearness : uint8_t { distance, product }; // a small distance, a large inner product

// Queries from a sample (`count` rows of queries.dim floats, at least 1): every second one a row, the others between two rows,
// where there are none: queries are seldom distributed as the rows are. `unit`: they are made of norm 1. `queries` has kQueries
// columns; `scratch` dim floats.
void make_queries(const float *rows, uint32_t count, bool unit, uint64_t seed, const Panels &queries, float *scratch);
inline bool query_is_row(uint32_t query) { return query % 2 == 0; }

// The nearest rows of each query: kKept from query * kKept on, nearest first.
struct NearestRows {
    Neighbour *found; // kQueries * kKept

    void clear() const;
    // Rows with the lists that they are in.
    void add(const Panels &queries, Nearness nearness, const float *const *rows, const uint32_t *lists, uint32_t count) const;
    void merge(const NearestRows &other) const;
};

// The least number of lists with which the queries find `wanted` of their nearest rows (of kNeighbours each), lists being in the
// order of their centroids' nearness; *reached is what they find. 0 when there are no rows.
uint32_t probes_for(double wanted, const Clustering &clustering, const Panels &queries, Nearness nearness,
                    const NearestRows &nearest, Arena &arena, double *reached);

} // namespace vecx::cluster
