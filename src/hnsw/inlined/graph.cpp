// Adding nodes to a graph in memory. See graph.hpp.
#include "hnsw/inlined/graph.hpp"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "hnsw/inlined/coarse4.hpp"
#include "hnsw/select.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr uint32_t kExpanded = 0x80000000u;
constexpr uint32_t kMaxUnpacked = (kMaxDenseDim + 63) / 64 * 64;
constexpr uint32_t kAhead = 3; // codes under way while one is looked at
constexpr size_t kMostAhead = 512; // bytes of one record; what follows the processor foresees

// Held for a few distances at most, and never while anything is called that may wait or fail.
class NodeLock {
  public:
    explicit NodeLock(uint8_t *lock) : lock_(lock) {
        for (int tries = 1; __atomic_test_and_set(lock_, __ATOMIC_ACQUIRE); ++tries)
            if (tries % 64 == 0)
                sched_yield(); // the holder may be waiting for our processor
    }
    ~NodeLock() { __atomic_clear(lock_, __ATOMIC_RELEASE); }
    NodeLock(const NodeLock &) = delete;

  private:
    uint8_t *lock_;
};

void prefetch(const void *p, size_t bytes) {
    const char *c = static_cast<const char *>(p);
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(c + i);
}

} // namespace

size_t Graph::shared_size(const GraphOptions &options) {
    return sizeof(GraphShared) + static_cast<size_t>(options.buckets) * sizeof(uint32_t);
}

size_t Graph::node_size(const Shape &shape, const GraphOptions &options) {
    size_t place = sizeof(uint32_t) + (options.keep_keys ? sizeof(float) : 0);
    size_t size = sizeof(Node) + code_size(shape, options) + options.places * place;
    return (size + 7) & ~size_t{7};
}

size_t Graph::slab_size(const Shape &shape, const GraphOptions &options, Slabs::Kind kind) {
    size_t size = node_size(shape, options);
    if (kind == Slabs::tids)
        return kTidsPerSlab * sizeof(TidItem);
    while (2 * size <= kSlabBytes)
        size *= 2;
    return size;
}

Graph::Graph(Arena &arena, const Shape &shape, const Frame &frame, const GraphOptions &options, void *shared, Slabs slabs)
    : shape_(shape), frame_(frame), options_(options), shared_(static_cast<GraphShared *>(shared)),
      buckets_(reinterpret_cast<uint32_t *>(shared_ + 1)), slabs_(slabs), arena_(&arena), dot_(kernels::active->dot_i8),
      code_size_(code_size(shape, options)), places_(options.places), fill2_(options.fill * options.fill),
      stride_(node_size(shape, options)), tid_slabs_(arena) {
    if (options_.max_nodes > kMaxNodes)
        options_.max_nodes = kMaxNodes;
    while ((stride_ << (slab_shift_ + 1)) <= kSlabBytes)
        ++slab_shift_;
    slab_mask_ = (1u << slab_shift_) - 1;
    size_t slab_count = (static_cast<size_t>(options_.max_nodes) >> slab_shift_) + 1;
    node_slabs_ = arena.make_array<uint8_t *>(slab_count);
    memset(node_slabs_, 0, slab_count * sizeof *node_slabs_);
    unpacked_ = arena.make_array<int8_t>(shape.rotated_dim());
    other_ = arena.make_array<int8_t>(shape.rotated_dim());
    pool_ = arena.make_array<Near>(std::max(options_.ef, kStarts) + 1);
    rank_ = arena.make_array<uint8_t>(std::max(options_.ef, kStarts) + 1);
    visited_mask_ = 2047;
    visited_ = arena.make_array<Visited>(visited_mask_ + 1);
}

uint8_t *Graph::tid_slab(uint32_t index) {
    while (tid_slabs_.size() <= index)
        tid_slabs_.push_back(nullptr);
    if (tid_slabs_[index] == nullptr)
        tid_slabs_[index] = slabs_.get(slabs_.context, Slabs::tids, index, kTidsPerSlab * sizeof(TidItem));
    return tid_slabs_[index];
}

int32_t Graph::dot4(const Node *a, const Node *b) const {
    const uint32_t n = shape_.rotated_dim();
    if (b == unpacked_of_)
        std::swap(a, b);
    const int8_t *left = unpacked_;
    int8_t buffer[kMaxUnpacked];
    if (a != unpacked_of_) {
        unpack_coarse4(code(a), n, buffer);
        left = buffer;
    }
    unpack_coarse4(code(b), n, other_);
    return dot_(left, other_, n);
}

// For the distances that follow, of `n` from others.
void Graph::unpack(const Node *n) {
    unpacked_of_ = n;
    unpack_coarse4(code(n), shape_.rotated_dim(), unpacked_);
}

void Graph::prefetch_lists(uint32_t id) {
    const Node *n = node(id);
    prefetch(n, sizeof(Node));
    prefetch(ids(n), places_ * sizeof(uint32_t));
}

void Graph::prefetch_neighbours(uint32_t id) {
    const Node *n = node(id);
    const size_t bytes = std::min<size_t>(sizeof(Node) + code_size_, kMostAhead);
    for (uint32_t i = 0; i < n->count; ++i)
        prefetch(node(neighbour(n, i)), bytes);
}

void Graph::decode(const Node *n, float *rotated) const {
    const int8_t *code = bytes(n);
    if (options_.bits != 8) {
        unpack_coarse4(this->code(n), shape_.rotated_dim(), other_);
        code = other_;
    }
    place_coarse(n->scale, code, frame_.centre, shape_.rotated_dim(), rotated);
}

uint32_t Graph::find_equal(const Row &row, const uint8_t *code) {
    uint32_t at = __atomic_load_n(&buckets_[row.identity & (options_.buckets - 1)], __ATOMIC_ACQUIRE);
    while (at != 0) {
        Node *n = node(at - 1);
        if (n->identity == row.identity && memcmp(this->code(n), code, code_size_) == 0)
            return at - 1;
        at = n->next;
    }
    return kNone;
}

bool Graph::add_tid(uint32_t id, HeapTid tid) {
    if (tids_full_) // else numbers would be used up, and come round at last, by rows that get none
        return false;
    uint32_t index = shared_->tids.fetch_add(1, std::memory_order_relaxed);
    if (index >= kMaxTids || tid_slab(index / kTidsPerSlab) == nullptr) {
        tids_full_ = true;
        shared_->full.store(1, std::memory_order_relaxed);
        return false;
    }
    TidItem *item = tid_item(index);
    Node *n = node(id);
    item->tid = tid;
    item->pad0 = 0;
    {
        NodeLock lock(&n->lock);
        item->next = n->more_tids;
        n->more_tids = index + 1;
    }
    shared_->rows.fetch_add(1, std::memory_order_relaxed);
    return true;
}

uint32_t Graph::take_node() {
    uint32_t id = shared_->nodes.load(std::memory_order_relaxed);
    do {
        if (id >= options_.max_nodes || full() || slab(id >> slab_shift_) == nullptr) {
            shared_->full.store(1, std::memory_order_relaxed);
            return kNone;
        }
    } while (!shared_->nodes.compare_exchange_weak(id, id + 1, std::memory_order_relaxed));
    return slab(id >> slab_shift_) != nullptr ? id : kNone;
}

void Graph::link(uint32_t id, const Row &row, const uint8_t *code, HeapTid tid, uint8_t participant, uint32_t spill) {
    Node *n = node(id);
    *n = Node{};
    n->identity = row.identity;
    n->spill = spill;
    n->tid = tid;
    n->participant = participant;
    n->extra = row.extra;
    n->scale = row.coarse.scale;
    n->norm2 = row.coarse.norm2;
    memcpy(n + 1, code, code_size_);
    search(n, id);
    // Others may add to the list from the first offer on: what was chosen is what is offered.
    Near chosen[kMaxPlaces];
    const uint32_t count = choose(n, chosen);
    __atomic_store_n(&n->ready, uint8_t{1}, __ATOMIC_RELEASE);
    uint32_t *bucket = &buckets_[row.identity & (options_.buckets - 1)];
    n->next = __atomic_load_n(bucket, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(bucket, &n->next, id + 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    shared_->rows.fetch_add(1, std::memory_order_relaxed);
    for (uint32_t i = 0; i < count; ++i)
        offer(chosen[i].id, Near{chosen[i].key, id});
}

// make_room() must have been called for it. `key` receives where its distance belongs, until the next make_room().
bool Graph::visit_first(uint32_t id, float **key) {
    uint32_t at = (id * 0x9E3779B1u) >> 7 & visited_mask_;
    for (; visited_[at].id != 0; at = (at + 1) & visited_mask_)
        if (visited_[at].id == id + 1)
            return false;
    visited_[at] = Visited{id + 1, std::numeric_limits<float>::quiet_NaN()};
    ++visited_count_;
    if (key != nullptr)
        *key = &visited_[at].key;
    return true;
}

void Graph::make_room(uint32_t more) {
    const uint32_t old_size = visited_mask_ + 1;
    uint32_t size = old_size;
    while (2 * (visited_count_ + more) > size)
        size *= 2;
    if (size == old_size)
        return;
    Visited *old = visited_;
    visited_ = arena_->make_array<Visited>(size);
    memset(visited_, 0, size * sizeof *visited_);
    visited_mask_ = size - 1;
    visited_count_ = 0;
    for (uint32_t i = 0; i < old_size; ++i) {
        float *key;
        if (old[i].id != 0 && visit_first(old[i].id - 1, &key))
            *key = old[i].key;
    }
    arena_->give_back(old);
}

// The distance between the node last searched for and another: the search mostly knows it.
float Graph::distance_from(const Node *fresh, uint32_t id) {
    uint32_t at = (id * 0x9E3779B1u) >> 7 & visited_mask_;
    for (; visited_[at].id != 0; at = (at + 1) & visited_mask_)
        if (visited_[at].id == id + 1) {
            if (visited_[at].key == visited_[at].key)
                return visited_[at].key;
            break;
        }
    if (unpacked_of_ != fresh)
        unpack_for(fresh);
    ++distances_;
    return distance(fresh, node(id));
}

// Behind all that are not farther. Nobody can foretell which way the halves go: so without branches.
uint32_t Graph::place_in_pool(float key) const {
    uint32_t at = 0, left = pool_count_;
    while (left > 0) {
        const uint32_t half = (left + 1) / 2;
        at += key < pool_[at + half - 1].key ? 0 : half;
        left -= half;
    }
    return at;
}

// Algorithm 2 from a few nodes spread over all, with one sorted pool in place of two heaps: what falls out of the pool
// is farther than its worst and would never be expanded. Result: pool_, without `self`.
void Graph::search(const Node *query, uint32_t self) {
    memset(visited_, 0, (visited_mask_ + 1) * sizeof *visited_);
    visited_count_ = 0;
    pool_count_ = 0;
    unpack_for(query);
    static_assert(kStarts <= kMaxPlaces); // as are the starts of a finished graph
    make_room(1 + kMaxPlaces);
    visit_first(self);
    uint32_t fresh[kMaxPlaces];
    float *known_at[kMaxPlaces];
    uint32_t count = 0, next = 0;
    auto look = [&] {
        const size_t head = sizeof(Node) + code_size_;
        for (uint32_t i = 0; i < count && i < kAhead; ++i)
            prefetch(node(fresh[i]), head);
        for (uint32_t i = 0; i < count; ++i) {
            if (i + kAhead < count)
                prefetch(node(fresh[i + kAhead]), head);
            const uint32_t ef = options_.ef;
            const float key = distance(query, node(fresh[i]));
            *known_at[i] = key;
            ++distances_;
            if (pool_count_ == ef && !(key < pool_[ef - 1].key))
                continue;
            const uint32_t at = place_in_pool(key);
            uint32_t end = pool_count_ < ef ? pool_count_++ : ef - 1;
            memmove(pool_ + at + 1, pool_ + at, (end - at) * sizeof(Near));
            pool_[at] = Near{key, fresh[i]};
            next = std::min(next, at);
        }
    };
    auto meet = [&](uint32_t id) {
        if (visit_first(id, known_at + count))
            fresh[count++] = id;
    };
    if (starts_ != nullptr)
        for (uint32_t id : *starts_)
            meet(id);
    // The numbers below `settled` were given out a while ago: all but those of stalled processes are ready.
    const uint32_t known = nodes(), settled = known <= kStarts ? known : std::bit_floor(known - 1);
    const uint32_t step = settled <= kStarts ? 1 : settled / kStarts;
    for (uint32_t id = 0; id < settled && starts_ == nullptr; id += step)
        if (__atomic_load_n(&node(id)->ready, __ATOMIC_ACQUIRE) != 0)
            meet(id);
    look();
    while (next < pool_count_) {
        if (pool_[next].id & kExpanded) {
            ++next;
            continue;
        }
        const Node *n = node(pool_[next].id);
        pool_[next].id |= kExpanded;
        count = 0;
        make_room(kMaxPlaces);
        for (uint32_t i = 0, all = neighbour_count(n); i < all; ++i)
            meet(neighbour(n, i));
        look();
    }
    for (uint32_t i = 0; i < pool_count_; ++i)
        pool_[i].id &= ~kExpanded;
}

// Fills the list of a new node from the pool. `chosen` receives what it holds; returns how many.
uint32_t Graph::choose(Node *fresh, Near *chosen) {
    const uint32_t most = std::min(options_.own, places_);
    constexpr uint8_t kMember = 0xFF, kOut = 0xFE; // else the first member that it was not compared with
    static_assert(kMaxPlaces < kOut);
    float nearest[kMaxPlaces];
    uint32_t members[kMaxPlaces]; // indices into pool_, in the order they were taken
    uint32_t count = 0;
    for (uint32_t i = 0; i < pool_count_ && count < most; ++i) {
        const Node *candidate = node(pool_[i].id);
        unpack_for(candidate);
        rank_[i] = kMember;
        for (uint32_t r = 0; r < count && rank_[i] == kMember; ++r) {
            float d = distance(candidate, node(pool_[members[r]].id));
            ++distances_;
            if (stands_between(d, pool_[i].key, pool_[members[r]].key))
                rank_[i] = fill2_ * d < pool_[i].key ? kOut : static_cast<uint8_t>(r + 1);
        }
        if (rank_[i] == kMember)
            members[count++] = i;
    }
    // Those that were pruned narrowly, nearest first.
    const uint32_t diverse = count;
    for (uint32_t i = 0; i < pool_count_ && count < most && fill2_ > 1; ++i) {
        if (rank_[i] >= kOut)
            continue;
        const Node *candidate = node(pool_[i].id);
        unpack_for(candidate);
        bool pruned = false;
        for (uint32_t r = rank_[i]; r < count && !pruned; ++r) {
            if (members[r] > i && r < diverse)
                continue; // only nearer ones stand between
            ++distances_;
            pruned = fill2_ * distance(candidate, node(pool_[members[r]].id)) < pool_[i].key;
        }
        if (!pruned)
            members[count++] = i;
    }
    for (uint32_t i = 0; i < count; ++i)
        nearest[i] = pool_[members[i]].key;
    // Ascending, by insertion: both parts are.
    uint32_t total = 0;
    for (uint32_t a = 0, b = diverse; a < diverse || b < count; ++total) {
        bool first = b == count || (a < diverse && nearest[a] <= nearest[b]);
        uint32_t from = first ? a++ : b++;
        chosen[total] = Near{nearest[from], pool_[members[from]].id};
        ids(fresh)[total] = chosen[total].id | (first ? 0 : 1u << kRankShift);
        if (options_.keep_keys)
            keys(fresh)[total] = nearest[from];
    }
    fresh->count = static_cast<uint8_t>(total);
    return total;
}

// The rank of a node at `key` from another among the first `count` neighbours of that.
uint32_t Graph::rank_among(const Node *x, float key, const uint32_t *ids, const float *keys, uint32_t count) {
    uint32_t rank = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t other = ids[i] >> kRankShift;
        if (other == kPruned)
            continue;
        const float d = distance_from(x, ids[i] & kIdMask);
        if (fill2_ * d < key)
            return kPruned;
        if (other == 0 && stands_between(d, key, keys[i]))
            rank = 1;
    }
    return rank;
}

// Takes the lock of `target` when all of its neighbours are at hand: to find memory that another process made may wait, or
// fail, and whoever waits for this lock cannot be cancelled.
void Graph::offer(uint32_t target, Near offered) {
    Node *t = node(target);
    const Node *fresh = node(offered.id);
    for (;;) {
        uint32_t missing = kNone;
        {
            NodeLock lock(&t->lock);
            for (uint32_t i = 0; i < t->count && missing == kNone; ++i)
                if (node_slabs_[(ids(t)[i] & kIdMask) >> slab_shift_] == nullptr)
                    missing = ids(t)[i] & kIdMask;
            if (missing == kNone) {
                take(t, fresh, offered);
                return;
            }
        }
        (void)node(missing);
    }
}

// Offers a neighbour to the list of a node, whose lock is held. Ranks depend on nearer members only: so the newcomer is compared with
// those that have one, and takes the place of the farthest of the lowest rank when the list is full.
void Graph::take(Node *t, const Node *fresh, Near offered) {
    uint32_t *id = ids(t);
    float computed[kMaxPlaces], *key = options_.keep_keys ? keys(t) : computed;
    const uint32_t count = t->count;
    computed[0] = 0; // an empty list has no distances, which gcc 15 takes for a mistake
    if (!options_.keep_keys) {
        unpack_for(t);
        for (uint32_t i = 0; i < count; ++i)
            computed[i] = distance(t, node(id[i] & kIdMask));
        distances_ += count;
    }
    uint32_t at = static_cast<uint32_t>(std::upper_bound(key, key + count, offered.key) - key);
    const bool is_full = count == places_;
    if (is_full && at == count) { // farther than all: only worth a look if there is one to replace
        bool any = false;
        for (uint32_t i = 0; i < count && !any; ++i)
            any = id[i] >> kRankShift != 0;
        if (!any)
            return;
    }
    const uint32_t rank = rank_among(fresh, offered.key, id, key, at);
    uint32_t victim = count, lowest = rank;
    bool own = true; // the newcomer is the one to go
    // What the newcomer does to the farther ones shows who goes: look at them first.
    uint32_t ranks[kMaxPlaces];
    for (uint32_t i = 0; i < count; ++i) {
        ranks[i] = id[i] >> kRankShift;
        if (i < at || ranks[i] == kPruned || rank == kPruned)
            continue;
        const float d = distance_from(fresh, id[i] & kIdMask);
        if (fill2_ * d < key[i])
            ranks[i] = kPruned;
        else if (ranks[i] == 0 && rank == 0 && stands_between(d, key[i], offered.key))
            ranks[i] = 1;
    }
    if (is_full) {
        for (uint32_t i = count; i-- > 0;) {
            if (ranks[i] > lowest || (ranks[i] == lowest && own && i >= at)) {
                lowest = ranks[i];
                victim = i;
                own = false;
            }
        }
        if (own)
            return;
    }
    for (uint32_t i = at; i < count; ++i)
        __atomic_store_n(id + i, (id[i] & kIdMask) | ranks[i] << kRankShift, __ATOMIC_RELAXED);
    // Readers do not lock: they may see a neighbour twice or miss one, but never a number that is none.
    auto put = [&](uint32_t i, uint32_t value, float k) {
        __atomic_store_n(id + i, value, __ATOMIC_RELEASE);
        key[i] = k;
    };
    if (victim >= at) {
        for (uint32_t i = victim; i > at; --i)
            put(i, id[i - 1], key[i - 1]);
    } else {
        for (uint32_t i = victim; i + 1 < at; ++i)
            put(i, id[i + 1], key[i + 1]);
        --at;
    }
    put(at, offered.id | rank << kRankShift, offered.key);
    if (!is_full)
        __atomic_store_n(&t->count, static_cast<uint8_t>(count + 1), __ATOMIC_RELEASE);
}

} // namespace vecx::hnsw::inlined
