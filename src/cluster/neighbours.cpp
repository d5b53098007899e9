#include "cluster/neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.hpp"

#include "base/core_only.hpp"

namespace vecx::cluster {

namespace {

constexpr float kNone = std::numeric_limits<float>::infinity();
constexpr float kWeight = 2.0f / 3; // of the first of two rows that a query lies between
constexpr uint32_t kHoldOutFrom = 20; // rows of a sample for each query

void keep(Neighbour *found, Neighbour fresh) {
    uint32_t at = kKept - 1;
    for (; at > 0 && fresh.key < found[at - 1].key; --at)
        found[at] = found[at - 1];
    found[at] = fresh;
}

} // namespace

void make_queries(float *rows, uint32_t *count, bool unit, uint64_t seed, const Panels &queries, float *scratch) {
    Rng rng(mix64(seed + 1000));
    const uint32_t dim = queries.dim;
    const bool hold_out = *count >= kQueries * kHoldOutFrom;
    for (uint32_t q = 0; q < kQueries; ++q) {
        const uint32_t at = static_cast<uint32_t>(rng.below(*count));
        float *a = rows + size_t{at} * dim;
        const float *b = rows + rng.below(*count) * dim;
        double square = 0;
        for (uint32_t j = 0; j < dim; ++j) {
            scratch[j] = query_is_row(q) ? a[j] : kWeight * a[j] + (1 - kWeight) * b[j];
            square += static_cast<double>(scratch[j]) * scratch[j];
        }
        if (query_is_row(q) && hold_out) {
            --*count;
            if (at != *count)
                memcpy(a, rows + size_t{*count} * dim, dim * sizeof(float));
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

RecallCurve::RecallCurve(const Clustering &clustering, const Panels &queries, Nearness nearness, const NearestRows &nearest,
                         Arena &arena)
    : places_(arena.make_array<uint32_t>(size_t{kQueries} * kNeighbours)), lists_(clustering.lists.columns) {
    const Panels &lists = clustering.lists;
    float *query = arena.make_array<float>(queries.dim);
    float *score = arena.make_array<float>(size_t{lists.panels()} * Panels::kColumns);
    float *zeroes = arena.make_array<float>(Panels::kColumns);
    for (uint32_t c = 0; c < Panels::kColumns; ++c)
        zeroes[c] = 0;
    for (uint32_t q = 0; q < kQueries; ++q) {
        queries.get(q, query);
        for (uint32_t p = 0; p < lists.panels(); ++p) {
            const float *row = query;
            kernels::active->panel_scores(&row, 1, lists.dim, lists.panel(p),
                                          nearness == Nearness::product ? zeroes : lists.bias + size_t{p} * Panels::kColumns,
                                          score + size_t{p} * Panels::kColumns);
        }
        const uint32_t skip = query_is_row(q) && nearness == Nearness::distance ? 1 : 0; // itself
        for (uint32_t i = 0; i < kNeighbours; ++i) {
            const Neighbour &neighbour = nearest.found[q * kKept + skip + i];
            uint32_t before = kNowhere;
            if (neighbour.key < kNone && neighbour.list < lists.columns) {
                before = 0;
                for (uint32_t c = 0; c < lists.columns; ++c)
                    before += score[c] > score[neighbour.list];
            }
            places_[q * kNeighbours + i] = before;
        }
    }
    arena.give_back(zeroes);
    arena.give_back(score);
    arena.give_back(query);
}

uint32_t RecallCurve::probes_for(bool rows, double wanted, double errors, double *mean) const {
    uint32_t steps[kQueries * kNeighbours], count = 0; // where recall rises
    for (uint32_t q = 0; q < kQueries; ++q)
        for (uint32_t i = 0; query_is_row(q) == rows && i < kNeighbours; ++i)
            if (places_[q * kNeighbours + i] != kNowhere)
                steps[count++] = places_[q * kNeighbours + i];
    std::sort(steps, steps + count);
    *mean = 0;
    for (uint32_t step = 0; step < count; ++step) {
        if (step + 1 < count && steps[step + 1] == steps[step])
            continue;
        double sum = 0, squares = 0, asked = 0;
        for (uint32_t q = 0; q < kQueries; ++q) {
            uint32_t found = 0, all = 0;
            for (uint32_t i = 0; query_is_row(q) == rows && i < kNeighbours; ++i) {
                const uint32_t place = places_[q * kNeighbours + i];
                all += place != kNowhere;
                found += place <= steps[step];
            }
            if (all == 0)
                continue;
            const double recall = static_cast<double>(found) / all;
            sum += recall;
            squares += recall * recall;
            ++asked;
        }
        *mean = sum / asked;
        const double variance = asked > 1 ? std::max(0.0, (squares - sum * sum / asked) / (asked - 1)) : 0;
        if (*mean - errors * std::sqrt(variance / asked) >= wanted)
            return steps[step] + 1;
    }
    return count > 0 ? lists_ : 0;
}

} // namespace vecx::cluster
