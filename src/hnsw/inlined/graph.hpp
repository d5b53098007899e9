// A graph in memory, from which the pages of a new index are written: nodes with 32-bit numbers, distances between
// coarse codes (codec.hpp), any number of processes that add nodes at the same time to memory they share.
//
// Insertion is Algorithm 1 of the HNSW paper on a single level. A node's neighbours are chosen as in ../select.hpp
// ("diverse": no chosen one is nearer to it than the node is), and free places are then filled by the same rule with
// distances to chosen ones stretched by GraphOptions::fill (the alpha of Subramanya et al., DiskANN, NeurIPS 2019, but
// as the second choice: as the first it loses, see ../experiments.md). Lists remember the distance and rank of each member,
// so that taking in one more costs a few distances.
#pragma once

#include <atomic>
#include <cstring>

#include "base/array.hpp"
#include "hnsw/inlined/load.hpp"

namespace vecx::hnsw::inlined {

// Memory in pieces that any process of the build can find: pieces of nodes and pieces of heap TIDs, numbered from 0.
// Returns the piece, made when it did not exist, and zeroed then if there are several processes; null when no more
// memory may be used. Never moves a piece.
struct Slabs {
    enum Kind : uint32_t { nodes = 0, tids = 1 };
    static constexpr uint32_t kKinds = 2;
    uint8_t *(*get)(void *context, Kind kind, uint32_t index, size_t bytes);
    void *context;
};

struct GraphOptions {
    uint32_t ef;       // nodes that a search for neighbours keeps
    uint32_t own;      // neighbours that a node is given when it is new; the other places are for those who choose it
    uint32_t places;   // of a node while the graph is in memory; at most Shape::places
    float fill;        // 1: free places stay free
    uint8_t bits;      // of a coordinate in coarse codes: 8, or 4 where memory is short
    bool keep_keys;    // lists remember distances; else they are computed again, which takes time and saves memory
    uint32_t max_nodes; // 32-bit numbers, less if memory is for less: sizes the tables
    uint32_t buckets;  // for finding equal vectors; a power of two, best about the number of nodes
};

// Called between steps of finite length; may not return (a cancelled build).
struct Poll {
    void (*call)(void *context, uint64_t done, uint64_t total);
    void *context;
    void operator()(uint64_t done, uint64_t total) const { call(context, done, total); }
};

// What the processes of a build share beside the slabs.
struct GraphShared {
    std::atomic<uint32_t> nodes; // numbers given out
    std::atomic<uint32_t> tids;
    std::atomic<uint64_t> rows;
    std::atomic<uint32_t> full; // no memory for another node
    uint32_t pad0;
};

class Graph {
  public:
    static constexpr uint32_t kNone = 0xFFFFFFFFu;
    static constexpr uint32_t kMaxNodes = 1u << 30; // two bits of a neighbour's number are its rank
    static constexpr size_t kSlabBytes = 1 << 20; // at most; a power of two of nodes
    // Bytes of one slab of a kind.
    static size_t slab_size(const Shape &shape, const GraphOptions &options, Slabs::Kind kind);
    static constexpr uint32_t kTidsPerSlab = 5461; // 64 kB
    static constexpr uint32_t kMaxTids = 0xFFFF0000u; // each process may use up one number beyond

    // Behind it in memory: the code, then neighbours' numbers, then their distances if these are kept.
    struct Node {
        uint64_t identity;
        uint32_t next;      // of the same bucket; when writing: the position among the records
        uint32_t more_tids; // index + 1 of the next TidItem; 0: none
        uint32_t spill;     // number of the stored vector in the spill file of `participant`
        HeapTid tid;
        uint8_t participant;
        uint8_t lock;
        uint8_t ready; // may be searched from
        uint8_t count; // neighbours
        uint8_t mark;  // reached from the entry
        uint8_t ring;  // the first neighbour is the next of its ring (ring.hpp)
        float extra;
        float scale, norm2;
    };
    static_assert(sizeof(Node) == 48);

    struct TidItem {
        HeapTid tid;
        uint16_t pad0;
        uint32_t next; // index + 1; 0: none
    };
    static_assert(sizeof(TidItem) == 12);

    enum class Added { node, duplicate, full };

    // Bytes of the shared part for `options`; the caller zeroes them before the first Graph stands over them.
    static size_t shared_size(const GraphOptions &options);
    // Bytes of one node, of its code.
    static size_t node_size(const Shape &shape, const GraphOptions &options);
    static uint32_t code_size(const Shape &shape, const GraphOptions &options) { return shape.rotated_dim() * options.bits / 8; }
    // `arena` is this process's own.
    Graph(Arena &arena, const Shape &shape, const Frame &frame, const GraphOptions &options, void *shared, Slabs slabs);

    // An equal row that is already there takes the TID: duplicate. Else, unless memory is full, node.
    // `spill` is called, if it becomes a node, for the number under which the stored vector is kept.
    template <class Spill>
    Added add(const RowCoder &coder, HeapTid tid, uint8_t participant, Spill spill) {
        if (uint32_t same = find_equal(coder.row(), coder.coarse_code()); same != kNone)
            return add_tid(same, tid) ? Added::duplicate : Added::full;
        uint32_t id = take_node();
        if (id == kNone)
            return Added::full;
        link(id, coder.row(), coder.coarse_code(), tid, participant, spill());
        return Added::node;
    }

    uint32_t nodes() const { return shared_->nodes.load(std::memory_order_relaxed); }
    uint64_t rows() const { return shared_->rows.load(std::memory_order_relaxed); }
    bool full() const { return shared_->full.load(std::memory_order_relaxed) != 0; }
    uint64_t distances() const { return distances_; } // computed by this object
    const Shape &shape() const { return shape_; }
    const Frame &frame() const { return frame_; }

    // --- when all have been added; one process ---

    // Links nodes of one vector that differ in their attributes. Before make_reachable, for it takes places of others.
    void link_rings(const Poll &poll);
    // Chooses up to `places` nodes spread over the whole graph, for the entry node.
    void choose_entries(uint32_t places, Array<uint32_t> *out, const Poll &poll);
    // Makes every node reachable from `entries` through links.
    void make_reachable(const Array<uint32_t> &entries, const Poll &poll);
    // All nodes such that of each `per_page` in turn many are neighbours of each other; Node::next becomes the index in `order`.
    void order_nodes(const Array<uint32_t> &entries, uint32_t per_page, Array<uint32_t> *order, const Poll &poll);
    bool any_more_tids() const { return shared_->tids.load(std::memory_order_relaxed) > 0; }

    Node *node(uint32_t id) { return reinterpret_cast<Node *>(slab(id >> slab_shift_) + (id & slab_mask_) * stride_); }
    // Finds the memory of all nodes, so that node() need not ask for any.
    void find_nodes() {
        for (uint32_t id = 0, all = nodes(); id < all; id += slab_mask_ + 1)
            slab(id >> slab_shift_);
    }
    // Asks for what making the record of a node needs first: what has the number of its neighbours, then what these are.
    void prefetch_lists(uint32_t id);
    void prefetch_neighbours(uint32_t id);
    const uint8_t *code(const Node *n) const { return reinterpret_cast<const uint8_t *>(n + 1); }
    // R g(x) as the code has it.
    void decode(const Node *n, float *rotated) const;
    uint32_t neighbour_count(const Node *n) const { return __atomic_load_n(&n->count, __ATOMIC_RELAXED); }
    uint32_t neighbour(const Node *n, uint32_t i) const { return __atomic_load_n(ids(n) + i, __ATOMIC_ACQUIRE) & kIdMask; }
    // |g(x) - g(y)|^2 for each neighbour; null where they are not kept, or have the additional coordinate in them.
    const float *distances2(const Node *n) const {
        return options_.keep_keys && shape_.metric != Metric::ip ? reinterpret_cast<const float *>(ids(n) + places_) : nullptr;
    }
    // f(HeapTid) for every row of a node, as long as it returns true. The same by hand: next_tid(Node::more_tids)...
    template <class F>
    void for_each_tid(const Node *n, F f) {
        bool more = f(n->tid);
        for (uint32_t i = n->more_tids; i != 0 && more; i = next_tid(i))
            more = f(tid_at(i));
    }
    HeapTid tid_at(uint32_t i) { return tid_item(i - 1)->tid; }
    uint32_t next_tid(uint32_t i) { return tid_item(i - 1)->next; } // 0 after the last
    // |g(x) - g(y)|^2, with the additional coordinate of inner products.
    float distance(const Node *a, const Node *b) const {
        int32_t dot = options_.bits == 8 ? dot_(bytes(a), bytes(b), code_size_) : dot4(a, b);
        float d = a->norm2 + b->norm2 - 2 * (a->scale * b->scale) * static_cast<float>(dot);
        float e = a->extra - b->extra;
        return (d > 0 ? d : 0) + e * e;
    }

  private:
    static constexpr uint32_t kIdMask = kMaxNodes - 1;
    static constexpr uint32_t kRankShift = 30; // 0: diverse, 1: by the second rule
    static constexpr uint32_t kPruned = 2;
    static constexpr uint32_t kStarts = 64;

    struct Near {
        float key;
        uint32_t id;
    };

    const int8_t *bytes(const Node *n) const { return reinterpret_cast<const int8_t *>(n + 1); }
    void unpack_for(const Node *n) {
        if (options_.bits != 8)
            unpack(n);
    }
    void unpack(const Node *n);
    int32_t dot4(const Node *a, const Node *b) const;
    uint32_t *ids(Node *n) const { return reinterpret_cast<uint32_t *>(reinterpret_cast<uint8_t *>(n + 1) + code_size_); }
    const uint32_t *ids(const Node *n) const {
        return reinterpret_cast<const uint32_t *>(reinterpret_cast<const uint8_t *>(n + 1) + code_size_);
    }
    float *keys(Node *n) const { return reinterpret_cast<float *>(ids(n) + places_); }
    const float *keys(const Node *n) const { return reinterpret_cast<const float *>(ids(n) + places_); }

    uint8_t *slab(uint32_t index) {
        uint8_t *p = node_slabs_[index];
        return p != nullptr ? p : (node_slabs_[index] = slabs_.get(slabs_.context, Slabs::nodes, index, stride_ << slab_shift_));
    }
    TidItem *tid_item(uint32_t i) { return reinterpret_cast<TidItem *>(tid_slab(i / kTidsPerSlab)) + i % kTidsPerSlab; }
    uint8_t *tid_slab(uint32_t index);

    uint32_t find_equal(const Row &row, const uint8_t *code);
    bool add_tid(uint32_t id, HeapTid tid);
    uint32_t take_node();
    void link(uint32_t id, const Row &row, const uint8_t *code, HeapTid tid, uint8_t participant, uint32_t spill);
    uint32_t place_in_pool(float key) const;
    void search(const Node *query, uint32_t self);
    uint32_t choose(Node *fresh, Near *chosen);
    void offer(uint32_t target, Near offered);
    void take(Node *t, const Node *fresh, Near offered);
    uint32_t rank_among(const Node *x, float key, const uint32_t *ids, const float *keys, uint32_t count);
    bool visit_first(uint32_t id, float **key = nullptr);
    void make_room(uint32_t more);
    float distance_from(const Node *fresh, uint32_t id);
    void reach_from(uint32_t id, Array<uint32_t> *queue, uint64_t *reached, const Poll &poll);
    bool link_reachable(uint32_t id);
    void set_ring_link(uint32_t id, uint32_t to);

    Shape shape_;
    Frame frame_;
    GraphOptions options_;
    GraphShared *shared_;
    uint32_t *buckets_;
    Slabs slabs_;
    Arena *arena_;
    int32_t (*dot_)(const int8_t *, const int8_t *, size_t);
    uint32_t code_size_;
    uint32_t places_;
    float fill2_;
    size_t stride_;
    uint32_t slab_shift_ = 0, slab_mask_;
    uint8_t **node_slabs_;
    Array<uint8_t *> tid_slabs_;
    bool tids_full_ = false; // this process was refused a number

    // With 4 bits: the code last unpacked, of the node that is compared with many, and room for another.
    int8_t *unpacked_, *other_;
    const Node *unpacked_of_ = nullptr;
    Near *pool_; // of a search: ascending, at most ef; the top bit marks ids that were expanded
    uint32_t pool_count_ = 0;
    const Array<uint32_t> *starts_ = nullptr; // of searches when all nodes are in; else these are drawn
    uint8_t *rank_; // of each of the pool, while neighbours are chosen
    // What the last search met. It expands all that it keeps, so it has looked at all neighbours of those it leads to.
    struct Visited {
        uint32_t id; // + 1
        float key;   // distance from the one searched for; NaN: not known
    };
    Visited *visited_; // open addressing
    uint32_t visited_mask_, visited_count_ = 0;
    uint64_t distances_ = 0;
};

} // namespace vecx::hnsw::inlined
