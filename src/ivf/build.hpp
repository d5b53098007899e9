// Writing a new index: the directory first, then the rows, list by list. Memory: about 1 MB and the encoder's vectors,
// however many rows and lists there are.
#pragma once

#include "ivf/chain.hpp"
#include "ivf/directory.hpp"

namespace vecx::ivf {

struct BuildStatistics {
    uint64_t rows;
    uint32_t auto_probes; // 0: not measured
    float auto_recall;
};

// The store is of an empty relation that nobody else sees (or of the init fork: begin, one branch, one list, finish).
//   begin, { add_branch, add_list as often as it has children } as often as needed, finish_directory, add for each row in
//   ascending order of lists, finish.
// Without rows to cluster: one branch and one list, both with a centroid of zeroes.
template <ListStore S>
class Builder {
  public:
    Builder(S &store, Arena &arena, const Shape &shape);

    // Block 0, and the mean: shape.dim coordinates in the geometry of encode.hpp, or null for zero.
    Status begin(const float *mean, uint32_t wanted_lists);
    // Centroids in the same geometry, not less the mean. At most 4,096 children make a branch cheap to search.
    Status add_branch(const float *centroid, uint32_t children);
    Status add_list(const float *centroid);
    // From here on meta() can be given to Directory::load, also by other processes: they place and encode rows with
    // Directory::nearest and RowEncoder::encode.
    Status finish_directory();

    // A row of list `list` (CentroidHead::id: lists count from 0 in the order of add_list) as RowEncoder wrote it.
    Status add(uint32_t list, HeapTid tid, const uint8_t *row);
    Status finish(const BuildStatistics &statistics);

    const MetaRecord &meta() const { return meta_; }

  private:
    MetaRecord meta_{};
};

} // namespace vecx::ivf
