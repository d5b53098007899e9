// Exact neighbours by brute force, and recall measured against them with ties counted fairly.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dataset.hpp"

namespace vecx::bench {

// The exact distance in double precision, ordered as the SQL operator orders: squared for l2 (the
// root changes no order), negative for the inner product. A zero vector is at cosine distance 1.
double exact_distance(Metric metric, std::span<const float> a, std::span<const float> b);

// For each query the k-th smallest exact distance: what a returned row must reach to count as found.
struct Truth {
    size_t k = 0;
    std::vector<double> limits; // one per query; infinity when fewer than k rows exist
    std::vector<size_t> counts; // min(k, rows): the number of results that recall is a share of
};

// Brute force on all cores over the base rows listed in `ids` (all when empty), for the queries listed
// in `which` (all when empty). Ids of the k nearest, ties by lower id.
std::vector<std::vector<int32_t>> nearest_rows(const Dataset &set, size_t k, std::span<const int32_t> ids,
                                               std::span<const size_t> which);

// The k nearest rows of one query on the calling thread, in single precision.
void nearest_of(const Dataset &set, size_t query, size_t k, std::vector<int32_t> *ids);

// The truth from lists of exact neighbours.
Truth truth_of(const Dataset &set, size_t k, const std::vector<std::vector<int32_t>> &neighbours,
               std::span<const size_t> which);

// The truth over the whole base: the set's own lists when they hold k, else computed once and kept
// in `cache_directory`.
Truth whole_truth(const Dataset &set, size_t k, const std::string &cache_directory);

// The share of the k true results that were found: a returned row counts when its exact distance is at
// most `limit` times (1 + 1e-6) (for negative limits: the same slack upwards). A row returned twice
// counts once; at most `count` rows count.
double recall_of(const Dataset &set, std::span<const float> query, std::span<const int32_t> returned, double limit,
                 size_t count);

// Checks the functions above on small cases with known answers; prints a line each; false on failure.
bool check_recall();

} // namespace vecx::bench
