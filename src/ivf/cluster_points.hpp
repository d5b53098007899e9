// k-means of points that VACUUM has in memory, by one process.
#pragma once

#include <algorithm>
#include <limits>

#include "cluster/train.hpp"
#include "ivf/store.hpp"

namespace vecx::ivf {

inline cluster::TrainOptions options_of_points(uint32_t count, uint32_t dim, uint32_t lists, uint64_t seed) {
    cluster::TrainOptions options{};
    options.lists = lists;
    options.dim = dim;
    options.count = count;
    options.geometry = cluster::Geometry::euclidean;
    options.seed = seed;
    return options;
}

// The nearest centroid of each point into `which` (null: not asked); what the points lose as these centroids, but for what does
// not depend on them: to compare.
template <ListStore S>
double assign_points(S &store, const cluster::Panels &centroids, const float *points, uint32_t count, uint32_t *which) {
    const float *rows[cluster::kBlock];
    float score[cluster::kBlock];
    uint32_t column[cluster::kBlock];
    double loss = 0;
    for (uint32_t begin = 0; begin < count; begin += cluster::kBlock) {
        store.poll();
        const uint32_t size = std::min(count - begin, cluster::kBlock);
        for (uint32_t i = 0; i < size; ++i) {
            rows[i] = points + size_t{begin + i} * centroids.dim;
            score[i] = -std::numeric_limits<float>::infinity();
            column[i] = 0;
        }
        cluster::find_best(centroids, 0, centroids.panels(), rows, size, score, column);
        for (uint32_t i = 0; i < size; ++i) {
            loss -= static_cast<double>(score[i]);
            if (which != nullptr)
                which[begin + i] = column[i];
        }
    }
    return loss;
}

// centroid(const float *) for each that came to be, in the order of `which`. k-means ends where its seeds lead it: the best of
// `attempts`. `points`: count times dim floats, finite. Memory: the points' and what sample_that_fits counts.
template <ListStore S, class F>
void cluster_points(S &store, Arena &arena, const cluster::TrainOptions &options, uint32_t attempts, const float *points, uint32_t *which, F centroid) {
    cluster::Plan plan = cluster::make_plan(options);
    uint8_t *room = arena.make_array<uint8_t>(plan.workspace_bytes + 64);
    uint8_t *workspace = room + (64 - reinterpret_cast<uintptr_t>(room) % 64) % 64;
    cluster::Team team;
    team.context = &store;
    team.poll = [](void *context) { static_cast<S *>(context)->poll(); };
    uint32_t made = 0;
    uint64_t best = options.seed;
    double least = 0;
    for (uint32_t attempt = 0; attempt < attempts; ++attempt) {
        plan.options.seed = options.seed + attempt;
        cluster::train(plan, points, options.dim, workspace, arena, team, &made);
        const double loss = assign_points(store, cluster::clustering_in(plan, workspace).lists, points, options.count, nullptr);
        if (attempt == 0 || loss < least) {
            least = loss;
            best = plan.options.seed;
        }
    }
    if (attempts == 0 || best != plan.options.seed) {
        plan.options.seed = best;
        cluster::train(plan, points, options.dim, workspace, arena, team, &made);
    }
    cluster::Panels found = cluster::clustering_in(plan, workspace).lists;
    found.columns = made;
    float *row = arena.make_array<float>(options.dim);
    for (uint32_t i = 0; i < made; ++i) {
        found.get(i, row);
        centroid(row);
    }
    if (which != nullptr)
        assign_points(store, found, points, options.count, which);
    arena.give_back(row);
    arena.give_back(room);
}

} // namespace vecx::ivf
