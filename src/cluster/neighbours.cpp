#include "cluster/neighbours.hpp"

#include <cmath>
#include <limits>

#include "base/rng.hpp"

#include "base/core_only.hpp"

namespace vecx::cluster {

namespace {

constexpr float kNone = std::numeric_limits<float>::infinity();
constexpr float kWeight = 2.0f / 3; // of the first of two rows that a query lies between

void keep(Neighbour *found, Neighbour fresh) {
    uint32_t at = kKept - 1;
    for (; at > 0 && fresh.key < found[at - 1].key; --at)
        found[at] = found[at - 1];
    found[at] = fresh;
}

} // namespace

void make_queries(const float *rows, uint32_t count, bool unit, uint64_t seed, const Panels &queries, float *scratch) {
    Rng rng(mix64(seed + 1000));
    const uint32_t dim = queries.dim;
    for (uint32_t q = 0; q < kQueries; ++q) {
        const float *a = rows + rng.below(count) * dim, *b = rows + rng.below(count) * dim;
        double square = 0;
        for (uint32_t j = 0; j < dim; ++j) {
            scratch[j] = query_is_row(q) ? a[j] : kWeight * a[j] + (1 - kWeight) * b[j];
            square += static_cast<double>(scratch[j]) * scratch[j];
        }
        if (unit && square > 0)
            for (uint32_t j = 0; j < dim; ++j)
                scratch[j] = static_cast<float>(scratch[j] / std::sqrt(square));
        queries.set(q, scratch, Geometry::euclidean);
        queries.bias[q] = 0;
    }
}

void NearestRows::clear() const {
    for (uint32_t i = 0; i < kQueries * kKept; ++i)
        found[i] = Neighbour{kNone, 0};
}

void NearestRows::add(const Panels &queries, Nearness nearness, const float *const *rows, const uint32_t *lists,
                      uint32_t count) const {
    alignas(64) float scores[kBlock * Panels::kColumns];
    for (uint32_t begin = 0; begin < count; begin += kBlock) {
        const uint32_t n = count - begin < kBlock ? count - begin : kBlock;
        float half[kBlock]; // of the square of a row's norm
        for (uint32_t i = 0; i < n; ++i)
            half[i] = nearness == Nearness::product
                          ? 0.0f
                          : 0.5f * kernels::active->dot_f32(rows[begin + i], rows[begin + i], queries.dim);
        for (uint32_t p = 0; p < queries.panels(); ++p) {
            kernels::active->panel_scores(rows + begin, n, queries.dim, queries.panel(p),
                                          queries.bias + size_t{p} * Panels::kColumns, scores);
            for (uint32_t i = 0; i < n; ++i)
                for (uint32_t c = 0; c < Panels::kColumns; ++c) {
                    Neighbour *of_query = found + size_t{p * Panels::kColumns + c} * kKept;
                    const float key = half[i] - scores[i * Panels::kColumns + c];
                    if (key < of_query[kKept - 1].key)
                        keep(of_query, Neighbour{key, lists[begin + i]});
                }
        }
    }
}

void NearestRows::merge(const NearestRows &other) const {
    for (uint32_t q = 0; q < kQueries; ++q)
        for (uint32_t i = 0; i < kKept; ++i)
            if (other.found[q * kKept + i].key < found[q * kKept + kKept - 1].key)
                keep(found + q * kKept, other.found[q * kKept + i]);
}

uint32_t probes_for(double wanted, const Clustering &clustering, const Panels &queries, Nearness nearness,
                    const NearestRows &nearest, Arena &arena, double *reached) {
    const Panels &lists = clustering.lists;
    *reached = 0;
    if (lists.columns == 0)
        return 0;
    float *query = arena.make_array<float>(queries.dim);
    float *score = arena.make_array<float>(lists.panels() * Panels::kColumns);
    float *zeroes = arena.make_array<float>(Panels::kColumns);
    uint32_t *found_at = arena.make_array<uint32_t>(size_t{lists.columns} + 1); // neighbours by the place of their list
    for (uint32_t c = 0; c < Panels::kColumns; ++c)
        zeroes[c] = 0;
    for (uint32_t p = 0; p <= lists.columns; ++p)
        found_at[p] = 0;
    uint64_t all = 0;
    for (uint32_t q = 0; q < kQueries; ++q) {
        queries.get(q, query);
        for (uint32_t p = 0; p < lists.panels(); ++p) {
            const float *row = query;
            kernels::active->panel_scores(&row, 1, lists.dim, lists.panel(p),
                                          nearness == Nearness::product ? zeroes : lists.bias + size_t{p} * Panels::kColumns,
                                          score + size_t{p} * Panels::kColumns);
        }
        const bool itself = query_is_row(q) && nearness == Nearness::distance;
        for (uint32_t i = itself ? 1 : 0; i < (itself ? kKept : kNeighbours); ++i) {
            const Neighbour &neighbour = nearest.found[q * kKept + i];
            if (!(neighbour.key < kNone) || neighbour.list >= lists.columns)
                continue;
            uint32_t before = 0;
            for (uint32_t c = 0; c < lists.columns; ++c)
                before += score[c] > score[neighbour.list];
            ++found_at[before];
            ++all;
        }
    }
    uint32_t probes = 0;
    uint64_t sum = 0;
    while (all > 0 && probes < lists.columns && static_cast<double>(sum) < wanted * static_cast<double>(all))
        sum += found_at[probes++];
    if (all > 0)
        *reached = static_cast<double>(sum) / static_cast<double>(all);
    arena.give_back(found_at);
    arena.give_back(zeroes);
    arena.give_back(score);
    arena.give_back(query);
    return probes;
}

} // namespace vecx::cluster
