// A scan: the rows of the index one after the other, nearest first, until all have been returned. README.md, "Search".
#pragma once

#include "ivf/directory.hpp"
#include "ivf/scan.hpp"

namespace vecx::ivf {

// `rows` is used only where exact distances are not in the index (quantizer none and rerank = index keep the vectors); what it
// reports as not found is left out. Sorter: hnsw/scan.hpp.
template <ListStore S, RowSource R, Sorter T>
class Stream {
  public:
    // `query` must outlive the stream and be sound for the shape; bytes == nullptr is the NULL query, whose distance to
    // everything is 0. The directory must be of the metapage that was read when the scan began, and outlive the stream.
    Stream(S &store, R &rows, T &sorter, Arena &arena, const Directory &directory, Payload query, StreamOptions options);

    // The next row; `found` is false at the end. Takes share locks of single pages and holds none when it returns.
    Status next(Row *row, bool *found);

    const StreamCounters &counters() const;
};

} // namespace vecx::ivf
