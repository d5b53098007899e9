// Inserting a row: the nearest list is found in memory, the row goes to the list's last page with one page write (two or three
// pages, one WAL record, where codes or vectors have pages of their own).
#pragma once

#include "ivf/directory.hpp"
#include "ivf/postings.hpp"

namespace vecx::ivf {

constexpr uint32_t kInsertWidth = 3; // branches looked at for the nearest list

// What an inserting backend keeps between rows, of one statement or longer, in one arena: encoder, scratch, and where lists
// end. Bound to one Directory, which must outlive it.
class InsertState {
  public:
    InsertState(const Directory &directory, Arena &arena)
        : encoder(directory.shape(), directory.mean(), arena, &directory.codebook()), scratch(arena.make_array<float>(directory.nearest_scratch())),
          code(arena.make_array<int8_t>(directory.shape().centroid_dim())),
          row(arena.make_array<uint8_t>(directory.shape().row_size())), directory_(&directory), tails_(arena.make_array<Tail>(kTails)) {
        memset(static_cast<void *>(tails_), 0, kTails * sizeof(Tail));
    }

    const Directory &directory() const { return *directory_; }

    // Where list `id` ended when last seen, or none.
    Link tail(uint32_t id) const { return tails_[id % kTails].list == id ? tails_[id % kTails].page : Link{}; }
    void set_tail(uint32_t id, Link page) { tails_[id % kTails] = Tail{id, page}; }

    RowEncoder encoder;
    float *scratch; // as Directory::nearest wants it
    int8_t *code;
    uint8_t *row;

  private:
    static constexpr uint32_t kTails = 1024;
    struct Tail {
        uint32_t list;
        Link page;
    };
    const Directory *directory_;
    Tail *tails_;
};

// Inserts a row. `payload` must be sound for the shape; `attributes`, where the shape has any, are filter::attribute_words of them.
// `stale` is set, and nothing was inserted, when the directory is no longer the index's (MetaRecord::structure): load it anew, make a
// new state, and call again.
template <ListStore S>
Status insert(S &store, InsertState &state, HeapTid tid, Payload payload, bool *stale, const uint64_t *attributes = nullptr);

// The same for a row that is encoded already, relative to the centroid of the list.
template <ListStore S>
Status append(S &store, InsertState &state, const CentroidHead &list, HeapTid tid, const uint8_t *row, bool *stale);

} // namespace vecx::ivf

#include "ivf/insert.inl.hpp"
