// k-means: Lloyd's iterations from k-means++ seeds (Arthur and Vassilvitskii, SODA 2007), drawn from a subset of the points. Centroids that lose their last point take the farthest one of the largest cluster.
#pragma once

#include "cluster/panels.hpp"
#include "cluster/team.hpp"

namespace vecx::cluster {

// Some rows of a matrix; plain memory that somebody else owns.
struct Points {
    const float *rows;
    size_t stride;       // floats from row to row
    const uint32_t *ids; // null: all rows, in order
    uint32_t count;

    uint32_t id(uint32_t i) const { return ids != nullptr ? ids[i] : i; }
    const float *row(uint32_t i) const { return rows + size_t{id(i)} * stride; }
};

// Shared by a team; of the sizes that are given.
struct Scratch {
    uint32_t *which;   // points: the column of each
    float *score;      // points: its score; half the square distance is slack - score
    float *slack;      // points: half the square of its norm
    uint32_t *order;   // points, by cluster
    uint32_t *start;   // columns + 1: where a cluster begins in `order`
    uint32_t *changes; // Team::kMostMembers
    uint32_t *flags;   // 1
};

struct FlatOptions {
    Geometry geometry;
    uint32_t iterations; // at most
    uint64_t seed;
};

// Sets the columns of `panels` from `points`. Columns stay unused where there are fewer different points. `sums` is one
// member's own: dim doubles.
void train_flat(const FlatOptions &options, const Points &points, const Panels &panels, const Scratch &scratch, double *sums,
                Arena &arena, const Team &team);

// The parts of an iteration, for those who find the nearest column in another way.
void measure_points(const Points &points, const Scratch &scratch, uint32_t dim, const Team &team); // slack
// After all members have set `which` and `score`: fills empty clusters, makes `order` and `start`. Ends with a barrier.
void sort_points(const Points &points, uint32_t columns, const Scratch &scratch, const Team &team);
// New centroids, each from its points; unused where there are none. Ends with a barrier.
void move_centroids(Geometry geometry, const Points &points, const Panels &panels, const Scratch &scratch, double *sums,
                    const Team &team);

} // namespace vecx::cluster
