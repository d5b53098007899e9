// Clustering of a sample into lists, flat or through a tree: k-means of a few tops, k-means of each top's points into its
// share of the lists, then Lloyd's iterations over all lists, in which a point looks at the lists below its nearest tops only.
// The lists below a top are numbered one after the other.
#pragma once

#include "base/status.hpp"
#include "cluster/flat.hpp"

namespace vecx::cluster {

struct TrainOptions {
    uint32_t lists; // wanted, at least 1; there are fewer where the sample has fewer different points
    uint32_t dim;
    uint32_t count; // points of the sample
    Geometry geometry;
    uint64_t seed;
    double flat_work = 2e9; // multiplications in an iteration over all points and lists; a tree does more with less
};

// How a clustering of these options is done; the same for all members.
struct Plan {
    TrainOptions options;
    uint32_t lists; // at most `count`, at least 1
    uint32_t tops;  // 0: lists are found without
    bool through_tree;
    size_t workspace_bytes; // shared by the members, aligned to 64 bytes; the sample is not part of it
    size_t member_bytes;    // about what each member takes from its arena
};
Plan make_plan(const TrainOptions &options);

// The largest sample for which plan and sample fit `bytes` with that many members; 0 when not even one point does.
uint32_t sample_that_fits(const TrainOptions &options, uint32_t members, size_t bytes);

// How many points a sample should have.
uint32_t sample_wanted(uint32_t lists, double rows);

// Centroids and how to find the nearest ones; lives in the workspace.
struct Clustering {
    Panels lists;
    Panels tops;           // no columns: none
    uint32_t *first_child; // tops + 1
};
Clustering clustering_in(const Plan &plan, void *workspace);

// `rows`: options.count rows of options.dim floats each, `stride` floats apart, finite; of norm 1 with Geometry::spherical, of
// zeroes and ones with majority. All members of the team call it. Afterwards lists.columns of the clustering are the lists that
// came to be: returned through *lists, the same for all members; all columns below it are in use; none when count is 0, or where the squares of all points
// overflow.
void train(const Plan &plan, const float *rows, size_t stride, void *workspace, Arena &arena, const Team &team,
           uint32_t *lists);

// Finds the lists of batches of rows; one for each process. Reads the clustering only.
class Assigner {
  public:
    // Rows of one call, at most.
    static constexpr uint32_t kMostRows = 1024;

    // `breadth`: below how many tops to look; 0: as many as make a miss rare.
    Assigner(const Clustering &clustering, Arena &arena, uint32_t breadth = 0);

    // which[i], the list of row i, and its score: half of (norm^2 - distance^2).
    void assign(const float *const *rows, uint32_t count, float *score, uint32_t *which, const Team &team);

  private:
    Clustering clustering_;
    uint32_t breadth_;
    uint32_t *near_;         // kMostRows * breadth_ tops
    float *near_score_;      //
    uint32_t *start_;        // tops + 1
    uint32_t *order_;        // kMostRows * breadth_ rows, by top
};

} // namespace vecx::cluster
