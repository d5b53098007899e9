// Building a graph in memory and writing it to pages at once. The same algorithms as search.hpp, select.hpp and
// insert.hpp over 32-bit node numbers; what makes it fast is that a list of neighbours remembers its distances
// and which of its members are diverse, so that taking in one more costs a few distances instead of all.
#pragma once

#include <cfloat>

#include "base/array.hpp"
#include "base/crash.hpp"
#include "base/rng.hpp"
#include "hnsw/meta.hpp"
#include "hnsw/page.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw {

class BuildGraph {
  public:
    // m and ef_construction as in the metapage; `seed` makes the levels repeatable; `body_size` is that of the
    // pages write() will fill.
    BuildGraph(Arena &arena, const Measure &measure, int m, int ef_construction, uint64_t seed, uint32_t body_size);

    // Adds one row; copies the payload. Short: one search and its links. Errors: a payload that does not fit
    // (Code::data_exception), more nodes than 32 bits can number (Code::limit_exceeded).
    Status add(Payload payload, HeapTid tid);

    // Bytes taken from the arena so far, and what write() will take on top.
    size_t memory_used() const;

    // Rows added.
    uint64_t size() const { return rows_; }
    uint64_t nodes() const { return node_count_; }

    // Writes all nodes to new pages behind the metapage, which is block 0 of an otherwise empty index, and sets
    // the entry point last. Calls progress(nodes written so far) after each page. `insert` can go on from there.
    // The store must be no one else's until it returns.
    template <NodeStore S, class Progress>
    Status write(S &store, Progress progress);

  private:
    static constexpr uint32_t kNone = 0xFFFFFFFFu;
    static constexpr uint32_t kDiverse = 0x80000000u; // flag on a neighbour's number

    struct Near {
        float key;
        uint32_t id;
    };

    // A node; behind it in memory its list at level 0 and, when of fixed size, its payload.
    struct Node {
        uint32_t *upper; // lists of the levels above 0
        const uint8_t *payload;
        uint32_t payload_size;
        uint32_t more_tids; // index into tids_ + 1; 0: none
        float inverse_norm; // cosine of dense types only
        HeapTid tid;
        uint8_t level;
        uint8_t tid_count;
    };
    static_assert(sizeof(Node) == 40);

    struct MoreTid {
        HeapTid tid;
        uint32_t next; // index + 1
    };

    // The neighbours of one node at one level, nearest first: count, numbers with kDiverse, keys.
    struct List {
        uint32_t *count;
        uint32_t *ids;
        float *keys;
        uint32_t capacity;
    };

    // Where a node's record is written; its generation is 1, as for all records of a new page.
    struct Place {
        uint32_t block;
        uint16_t slot;
    };

    // One record of a page to be written: a node with the first bytes of its payload, or a chunk of it. A record
    // that leaves some of the payload over fills its page, and the rest goes on as slot 0 of the next page.
    struct Piece {
        uint32_t id;
        uint32_t offset; // in the payload
        uint32_t size;
        bool chunk;
    };

    // How far the walk over all nodes, in the order of order_, has come.
    struct Walk {
        uint32_t at = 0;
        uint32_t offset = 0; // of the payload of order_[at] already placed
    };

    Node *node(uint32_t id) { return reinterpret_cast<Node *>(slabs_[id >> slab_shift_] + (id & slab_mask_) * stride_); }
    List list(uint32_t id, int level) {
        if (level == 0) {
            uint32_t *count = reinterpret_cast<uint32_t *>(node(id) + 1);
            uint32_t capacity = hnsw::links_at(m_, 0);
            return List{count, count + 1, reinterpret_cast<float *>(count + 1 + capacity), capacity};
        }
        uint32_t capacity = hnsw::links_at(m_, level);
        uint32_t *count = node(id)->upper + static_cast<size_t>(level - 1) * (1 + 2 * capacity);
        return List{count, count + 1, reinterpret_cast<float *>(count + 1 + capacity), capacity};
    }

    float key_between(const Node *a, const Node *b) const {
        double distance;
        if (dot_ != nullptr)
            distance = 1.0 - static_cast<double>(dot_(measure_, a->payload, b->payload)) *
                                 (static_cast<double>(a->inverse_norm) * static_cast<double>(b->inverse_norm));
        else
            distance = measure_.distance(measure_, Payload{a->payload, a->payload_size}, Payload{b->payload, b->payload_size});
        return distance <= FLT_MAX ? static_cast<float>(distance) : __builtin_inff();
    }

    void allocate(uint32_t id, Payload payload, int level);
    uint8_t *bump(size_t bytes);
    void descend(const Node *query, int level, Near *best);
    void search(const Node *query, int level);
    void choose(uint32_t id, int level, const Near *pool, uint32_t count);
    void offer(uint32_t target, int level, Near offered);
    bool attach_to_equal(const Node *query, HeapTid tid);
    void add_tid(Node *to, HeapTid tid);

    void order_breadth_first();
    bool next_page(Walk &walk);
    void assign_places(uint32_t first_block);
    void fill_page(MutablePage &page);
    void write_links(const Node &node, uint32_t id, uint8_t *record);

    Arena *arena_;
    Measure measure_;
    float (*dot_)(const Measure &, const uint8_t *, const uint8_t *) = nullptr;
    int m_;
    uint32_t ef_;
    Rng rng_;
    uint32_t body_size_;
    uint32_t dense_size_;
    int level_cap_;

    Array<uint8_t *> slabs_;
    size_t stride_ = 0;         // from node to node in a slab
    size_t payload_offset_ = 0; // from a node to its payload, if dense
    uint32_t slab_shift_ = 0, slab_mask_ = 0;
    uint8_t *bump_ = nullptr; // for what is not in slabs: upper lists, payloads of varying size
    size_t bump_left_ = 0;
    uint8_t *bump_start_ = nullptr; // of its block
    size_t bump_size_ = 0;
    size_t bytes_ = 0;

    uint32_t node_count_ = 0;
    uint64_t rows_ = 0;
    uint32_t entry_ = kNone;
    int entry_level_ = 0;
    Array<MoreTid> tids_;

    Array<uint32_t> seen_; // stamp of the search that saw the node last
    uint32_t stamp_ = 0;
    Near *pool_ = nullptr; // of a search: ascending, at most ef_; the top bit marks ids that were expanded
    uint32_t pool_count_ = 0;
    Array<Near> upper_pools_; // results of the searches above level 0, one after the other

    Array<uint32_t> order_; // for writing
    Array<Place> places_;
    Array<Piece> pieces_; // of the page in hand
};

template <NodeStore S, class Progress>
Status BuildGraph::write(S &store, Progress progress) {
    if (entry_ == kNone)
        return Status{};
    const uint32_t first_block = store.block_count();
    order_breadth_first();
    assign_places(first_block);
    Walk walk;
    uint32_t expected = first_block, left = 0;
    while (next_page(walk)) {
        uint32_t block;
        store.poll();
        VECX_CRASH_EXTEND("plain.build.page");
        VECX_TRY(store.extend(
            [&](MutablePage &page) {
                page.block = expected; // links were given out for it; checked below
                fill_page(page);
                left = free_bytes(view_of(page));
            },
            &block));
        if (block != expected)
            return Status::make(Code::internal, "hnsw build got block %u for block %u", block, expected);
        ++expected;
        progress(static_cast<uint64_t>(walk.at));
    }
    if (left > 0)
        store.record_space(expected - 1, left);
    VECX_CRASH_POINT("plain.build.written");
    bool done;
    const Place &place = places_[entry_];
    VECX_TRY(set_entry(store, Link{}, Link{place.block, place.slot, 1}, entry_level_, &done));
    if (!done)
        return Status::make(Code::internal, "hnsw build found an index that is not empty");
    return Status{};
}

} // namespace vecx::hnsw
