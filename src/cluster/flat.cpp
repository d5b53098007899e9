#include "cluster/flat.hpp"

#include <cmath>
#include <limits>

#include "base/rng.hpp"

#include "base/core_only.hpp"

namespace vecx::cluster {

namespace {

constexpr uint32_t kSeedPool = 10;  // points for each seed
constexpr uint32_t kSeedGrowth = 4; // a part of those there are, drawn at a time
constexpr double kRounding = 1e-6;  // of the difference of two squares that are equal

// Lowers the square distances of a pool of points to the nearest seed by some more seeds; their sum.
double approach_seeds(const Points &points, const uint32_t *pool, uint32_t pool_size, const Panels &seeds, double *nearest,
                      const Team &team) {
    const float *rows[kBlock];
    float score[kBlock];
    uint32_t which[kBlock];
    double sum = 0;
    for (uint32_t begin = 0; begin < pool_size; begin += kBlock) {
        team.check();
        const uint32_t n = pool_size - begin < kBlock ? pool_size - begin : kBlock;
        for (uint32_t i = 0; i < n; ++i) {
            rows[i] = points.row(pool[begin + i]);
            score[i] = -std::numeric_limits<float>::infinity();
        }
        find_best(seeds, 0, seeds.panels(), rows, n, score, which);
        for (uint32_t i = 0; i < n; ++i) {
            const double square = static_cast<double>(kernels::active->dot_f32(rows[i], rows[i], seeds.dim));
            double d = square - 2.0 * static_cast<double>(score[i]);
            if (!(d > kRounding * square)) // the same point, up to rounding
                d = 0;
            if (d < nearest[begin + i])
                nearest[begin + i] = d;
            if (nearest[begin + i] < std::numeric_limits<double>::max()) // neither infinite nor NaN
                sum += nearest[begin + i];
        }
    }
    return sum;
}

// Draws up to `wanted` different places of the pool in proportion to `nearest`; how many there were.
uint32_t draw_seeds(const double *nearest, uint32_t pool_size, uint32_t wanted, Rng &rng, uint32_t *seeds) {
    double sum = 0;
    for (uint32_t i = 0; i < pool_size; ++i)
        if (nearest[i] < std::numeric_limits<double>::max())
            sum += nearest[i];
    if (!(sum > 0))
        return 0;
    double aims[Panels::kColumns];
    for (uint32_t k = 0; k < wanted; ++k) { // ascending
        const double aim = rng.uniform() * sum;
        uint32_t at = k;
        for (; at > 0 && aims[at - 1] > aim; --at)
            aims[at] = aims[at - 1];
        aims[at] = aim;
    }
    uint32_t drawn = 0, last = UINT32_MAX, k = 0;
    double passed = 0;
    for (uint32_t i = 0; i < pool_size && k < wanted; ++i) {
        if (!(nearest[i] < std::numeric_limits<double>::max()) || !(nearest[i] > 0))
            continue;
        last = i;
        passed += nearest[i];
        if (aims[k] <= passed) {
            seeds[drawn++] = i;
            while (k < wanted && aims[k] <= passed)
                ++k;
        }
    }
    if (drawn == 0 && last != UINT32_MAX) // rounding left something of the aim
        seeds[drawn++] = last;
    return drawn;
}

// Of one member. Each next seed is a point of a random pool, with a probability in proportion to the square of its distance
// to the nearest seed so far.
void seed_centroids(const FlatOptions &options, const Points &points, const Panels &panels, Arena &arena, const Team &team) {
    panels.clear();
    if (points.count == 0 || panels.columns == 0)
        return;
    Rng rng(options.seed);
    uint32_t pool_size = panels.columns < UINT32_MAX / kSeedPool ? panels.columns * kSeedPool : UINT32_MAX;
    pool_size = pool_size < points.count ? pool_size : points.count;
    uint32_t *pool = arena.make_array<uint32_t>(points.count);
    double *nearest = arena.make_array<double>(pool_size);
    float *centroid = arena.make_array<float>(panels.dim);
    float *batch = arena.make_array<float>(Panels::element_count(Panels::kColumns, panels.dim));
    float *batch_bias = arena.make_array<float>(Panels::bias_count(Panels::kColumns));
    for (uint32_t i = 0; i < points.count; ++i)
        pool[i] = i;
    for (uint32_t i = 0; i < pool_size; ++i) {
        const uint32_t j = i + static_cast<uint32_t>(rng.below(points.count - i));
        const uint32_t kept = pool[i];
        pool[i] = pool[j];
        pool[j] = kept;
        nearest[i] = std::numeric_limits<double>::infinity();
    }
    // The first seeds are chosen one by one; then several at a time, as k-means|| does (Bahmani et al., VLDB 2012), which are
    // compared with the pool together.
    uint32_t seeds[Panels::kColumns] = {0}; // the pool is in random order
    uint32_t round = 1;
    for (uint32_t c = 0; c < panels.columns;) {
        Panels fresh{batch, batch_bias, round, panels.dim};
        fresh.clear();
        for (uint32_t i = 0; i < round; ++i) {
            const float *seed = points.row(pool[seeds[i]]);
            for (uint32_t j = 0; j < panels.dim; ++j)
                centroid[j] = seed[j];
            panels.set(c + i, centroid, options.geometry);
            fresh.set(i, centroid, Geometry::euclidean);
        }
        c += round;
        const double sum = approach_seeds(points, pool, pool_size, fresh, nearest, team);
        for (uint32_t i = 0; i < round; ++i)
            nearest[seeds[i]] = 0; // exactly
        if (!(sum > 0)) // all that differ are seeds
            break;
        uint32_t next = c / kSeedGrowth;
        next = next < 1 ? 1 : next < Panels::kColumns ? next : Panels::kColumns;
        next = next < panels.columns - c ? next : panels.columns - c;
        round = draw_seeds(nearest, pool_size, next, rng, seeds);
        if (round == 0)
            break;
    }
    arena.give_back(batch_bias);
    arena.give_back(batch);
    arena.give_back(centroid);
    arena.give_back(nearest);
    arena.give_back(pool);
}

void assign_slice(const Points &points, const Panels &panels, const Scratch &scratch, bool first, const Team &team) {
    const uint32_t end = team.slice_end(points.count);
    uint32_t changes = 0;
    const float *rows[kBlock];
    uint32_t which[kBlock];
    for (uint32_t begin = team.slice_begin(points.count); begin < end; begin += kBlock) {
        team.check();
        const uint32_t n = end - begin < kBlock ? end - begin : kBlock;
        for (uint32_t i = 0; i < n; ++i) {
            rows[i] = points.row(begin + i);
            which[i] = 0;
            scratch.score[begin + i] = -std::numeric_limits<float>::infinity();
        }
        find_best(panels, 0, panels.panels(), rows, n, scratch.score + begin, which);
        for (uint32_t i = 0; i < n; ++i) {
            changes += first || scratch.which[begin + i] != which[i];
            scratch.which[begin + i] = which[i];
        }
    }
    scratch.changes[team.rank] = changes;
}

// Gives each cluster without points the farthest point of the largest one. Of one member; `start` has the clusters' sizes.
void fill_empty(const Points &points, uint32_t columns, const Scratch &scratch, const Team &team) {
    uint32_t *sizes = scratch.start;
    for (uint32_t c = 0; c < columns; ++c) {
        if (sizes[c] > 0)
            continue;
        team.check();
        uint32_t largest = 0;
        for (uint32_t d = 1; d < columns; ++d)
            if (sizes[d] > sizes[largest])
                largest = d;
        if (sizes[largest] < 2)
            return;
        uint32_t farthest = UINT32_MAX;
        float distance = 0;
        for (uint32_t i = 0; i < points.count; ++i)
            if (scratch.which[i] == largest && scratch.slack[i] - scratch.score[i] > distance) {
                distance = scratch.slack[i] - scratch.score[i];
                farthest = i;
            }
        // Points like their centroid, up to rounding, are not worth another list.
        if (farthest == UINT32_MAX || !(distance > 1e-5f * scratch.slack[farthest]))
            return;
        scratch.which[farthest] = c;
        scratch.score[farthest] = scratch.slack[farthest];
        --sizes[largest];
        ++sizes[c];
    }
}

} // namespace

void measure_points(const Points &points, const Scratch &scratch, uint32_t dim, const Team &team) {
    const uint32_t end = team.slice_end(points.count);
    for (uint32_t i = team.slice_begin(points.count); i < end; ++i) {
        const float *row = points.row(i);
        scratch.slack[i] = 0.5f * kernels::active->dot_f32(row, row, dim);
        if (i % 4096 == 0)
            team.check();
    }
    team.meet();
}

void sort_points(const Points &points, uint32_t columns, const Scratch &scratch, const Team &team) {
    team.meet();
    if (team.leads()) {
        for (uint32_t c = 0; c <= columns; ++c)
            scratch.start[c] = 0;
        for (uint32_t i = 0; i < points.count; ++i)
            ++scratch.start[scratch.which[i]];
        fill_empty(points, columns, scratch, team);
        uint32_t sum = 0;
        for (uint32_t c = 0; c < columns; ++c) {
            const uint32_t size = scratch.start[c];
            scratch.start[c] = sum;
            sum += size;
        }
        for (uint32_t i = 0; i < points.count; ++i)
            scratch.order[scratch.start[scratch.which[i]]++] = i;
        for (uint32_t c = columns; c > 0; --c) // each has moved to the next one's begin
            scratch.start[c] = scratch.start[c - 1];
        scratch.start[0] = 0;
    }
    team.meet();
}

void move_centroids(Geometry geometry, const Points &points, const Panels &panels, const Scratch &scratch, double *sums,
                    const Team &team) {
    const uint32_t dim = panels.dim;
    const uint32_t end = team.slice_end(panels.columns);
    for (uint32_t c = team.slice_begin(panels.columns); c < end; ++c) {
        const uint32_t first = scratch.start[c], last = scratch.start[c + 1];
        if (first == last) {
            panels.disable(c);
            continue;
        }
        for (uint32_t j = 0; j < dim; ++j)
            sums[j] = 0;
        for (uint32_t i = first; i < last; ++i) {
            const float *row = points.row(scratch.order[i]);
            for (uint32_t j = 0; j < dim; ++j)
                sums[j] += row[j];
            if (i % 256 == 0)
                team.check();
        }
        double factor = 1.0 / (last - first);
        if (geometry == Geometry::spherical) {
            double square = 0;
            for (uint32_t j = 0; j < dim; ++j)
                square += sums[j] * sums[j];
            if (!(square > 0)) // they cancel out: the old direction is as good as any
                continue;
            factor = 1.0 / std::sqrt(square);
        }
        float *to = panels.column(c);
        double square = 0;
        for (uint32_t j = 0; j < dim; ++j) {
            float x = static_cast<float>(sums[j] * factor);
            if (geometry == Geometry::majority)
                x = x > 0.5f ? 1.0f : 0.0f;
            to[size_t{j} * Panels::kColumns] = x;
            square += static_cast<double>(x) * x;
        }
        panels.bias[c] = geometry == Geometry::spherical ? 0.5f : static_cast<float>(0.5 * square);
    }
    team.meet();
}

void train_flat(const FlatOptions &options, const Points &points, const Panels &panels, const Scratch &scratch, double *sums,
                Arena &arena, const Team &team) {
    if (team.leads())
        seed_centroids(options, points, panels, arena, team);
    measure_points(points, scratch, panels.dim, team);
    for (uint32_t round = 0; round < options.iterations; ++round) {
        assign_slice(points, panels, scratch, round == 0, team);
        sort_points(points, panels.columns, scratch, team);
        uint64_t changes = 0; // everybody counts the same
        for (uint32_t r = 0; r < team.members; ++r)
            changes += scratch.changes[r];
        move_centroids(options.geometry, points, panels, scratch, sums, team);
        if (changes * 200 <= points.count)
            break;
    }
}

} // namespace vecx::cluster
