// Building a graph in memory. See build.hpp.
#include "hnsw/build.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "hnsw/insert.hpp"
#include "hnsw/select.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw {

namespace {

constexpr size_t kSlabBytes = 1 << 18;
constexpr uint32_t kExpanded = 0x80000000u;
constexpr uint32_t kMaxNodes = 0x7FFFFFF0u; // the top bit of a number is a flag
constexpr uint32_t kLeastPiece = 64;        // bytes of payload worth starting a record for on a used page

float dot_f32(const Measure &m, const uint8_t *a, const uint8_t *b) {
    return m.table->dot_f32(reinterpret_cast<const float *>(a), reinterpret_cast<const float *>(b), static_cast<size_t>(m.dim));
}
float dot_f16(const Measure &m, const uint8_t *a, const uint8_t *b) {
    return m.table->dot_f16(reinterpret_cast<const uint16_t *>(a), reinterpret_cast<const uint16_t *>(b),
                            static_cast<size_t>(m.dim));
}
float dot_bf16(const Measure &m, const uint8_t *a, const uint8_t *b) {
    return m.table->dot_bf16(reinterpret_cast<const uint16_t *>(a), reinterpret_cast<const uint16_t *>(b),
                             static_cast<size_t>(m.dim));
}
float dot_i8(const Measure &m, const uint8_t *a, const uint8_t *b) {
    return static_cast<float>(m.table->dot_i8(reinterpret_cast<const int8_t *>(a), reinterpret_cast<const int8_t *>(b),
                                              static_cast<size_t>(m.dim)));
}

void prefetch(const uint8_t *p) {
    __builtin_prefetch(p);
    __builtin_prefetch(p + 64);
    __builtin_prefetch(p + 128);
    __builtin_prefetch(p + 192);
}

} // namespace

BuildGraph::BuildGraph(Arena &arena, const Measure &measure, int m, int ef_construction, uint64_t seed, uint32_t body_size)
    : arena_(&arena), measure_(measure), m_(m), ef_(static_cast<uint32_t>(ef_construction)), rng_(seed),
      body_size_(body_size), dense_size_(dense_payload_size(measure.type, measure.dim)),
      level_cap_(hnsw::level_cap(m, body_size)), slabs_(arena), tids_(arena), seen_(arena), upper_pools_(arena),
      order_(arena), places_(arena), pieces_(arena) {
    if (measure.metric == Metric::cosine) {
        switch (measure.type) {
        case ElementType::f32:
            dot_ = dot_f32;
            break;
        case ElementType::f16:
            dot_ = dot_f16;
            break;
        case ElementType::bf16:
            dot_ = dot_bf16;
            break;
        case ElementType::i8:
            dot_ = dot_i8;
            break;
        default:
            break;
        }
    }
    stride_ = sizeof(Node) + sizeof(uint32_t) * (1 + 2 * static_cast<size_t>(links_at(m, 0)));
    stride_ = (stride_ + 7) & ~size_t{7};
    payload_offset_ = stride_;
    stride_ += align8(dense_size_);
    while ((stride_ << (slab_shift_ + 1)) <= kSlabBytes)
        ++slab_shift_;
    slab_mask_ = (1u << slab_shift_) - 1;
    // One more than ef: a search may put the entry point there before it looks at the size.
    pool_ = arena.make_array<Near>(ef_ + 1);
}

size_t BuildGraph::memory_used() const {
    return bytes_ + slabs_.capacity_bytes() + tids_.capacity_bytes() + seen_.capacity_bytes() +
           (ef_ + 1 + upper_pools_.size()) * sizeof(Near) + node_count_ * (sizeof(uint32_t) + sizeof(Place));
}

uint8_t *BuildGraph::bump(size_t bytes) {
    bytes = (bytes + 7) & ~size_t{7};
    if (bytes > bump_left_) {
        size_t block = std::max(bytes, kSlabBytes / 4);
        bump_ = bump_start_ = arena_->make_array<uint8_t>(block);
        bump_left_ = bump_size_ = block;
        bytes_ += block;
    }
    uint8_t *result = bump_;
    bump_ += bytes;
    bump_left_ -= bytes;
    return result;
}

void BuildGraph::allocate(uint32_t id, Payload payload, int level) {
    if ((id >> slab_shift_) >= slabs_.size()) {
        size_t bytes = stride_ << slab_shift_;
        slabs_.push_back(arena_->make_array<uint8_t>(bytes));
        bytes_ += bytes;
    }
    if (id >= seen_.size())
        seen_.push_back(0);
    Node *n = node(id);
    *n = Node{};
    n->level = static_cast<uint8_t>(level);
    n->payload_size = payload.size;
    uint8_t *place = dense_size_ != 0 ? reinterpret_cast<uint8_t *>(n) + payload_offset_ : bump(payload.size);
    memcpy(place, payload.bytes, payload.size);
    n->payload = place;
    if (level > 0) {
        size_t words = static_cast<size_t>(level) * (1 + 2 * static_cast<size_t>(links_at(m_, 1)));
        n->upper = reinterpret_cast<uint32_t *>(bump(words * sizeof(uint32_t)));
    }
    for (int at = 0; at <= level; ++at)
        *list(id, at).count = 0;
    if (dot_ != nullptr)
        n->inverse_norm = 1.0f / std::sqrt(dot_(measure_, place, place));
}

Status BuildGraph::add(Payload payload, HeapTid tid) {
    if (!payload_is_sound(measure_.type, measure_.dim, payload))
        return Status::make(Code::data_exception, "value does not have the shape of the index (%d dimensions)", measure_.dim);
    if (node_count_ >= kMaxNodes)
        return Status::make(Code::limit_exceeded, "too many rows for an hnsw index built in memory");
    const uint32_t id = node_count_;
    const int level = draw_level(rng_, m_, level_cap_);
    uint8_t *const mark = bump_;
    const size_t mark_left = bump_left_;
    uint8_t *const mark_start = bump_start_;
    allocate(id, payload, level);
    Node *fresh = node(id);
    if (entry_ != kNone) {
        Near best{key_between(fresh, node(entry_)), entry_};
        for (int at = entry_level_; at > level; --at)
            descend(fresh, at, &best);
        const int top = std::min(level, entry_level_);
        uint32_t starts[kMaxLevel + 2];
        upper_pools_.clear();
        pool_[0] = best;
        pool_count_ = 1;
        for (int at = top; at >= 0; --at) {
            search(fresh, at);
            starts[at] = static_cast<uint32_t>(upper_pools_.size());
            if (at > 0)
                for (uint32_t i = 0; i < pool_count_; ++i)
                    upper_pools_.push_back(pool_[i]);
        }
        if (attach_to_equal(fresh, tid)) {
            // The next node takes the place of this one.
            bump_ = bump_start_ == mark_start ? mark : bump_start_;
            bump_left_ = bump_start_ == mark_start ? mark_left : bump_size_;
            ++rows_;
            return Status{};
        }
        choose(id, 0, pool_, pool_count_);
        for (int at = 1; at <= top; ++at)
            choose(id, at, upper_pools_.data() + starts[at], starts[at - 1] - starts[at]);
        for (int at = top; at >= 0; --at) {
            List own = list(id, at);
            for (uint32_t i = 0; i < *own.count; ++i)
                offer(own.ids[i] & ~kDiverse, at, Near{own.keys[i], id});
        }
    }
    ++node_count_;
    ++rows_;
    add_tid(fresh, tid);
    if (entry_ == kNone || level > entry_level_) {
        entry_ = id;
        entry_level_ = level;
    }
    return Status{};
}

void BuildGraph::add_tid(Node *to, HeapTid tid) {
    if (to->tid_count == 0) {
        to->tid = tid;
    } else {
        tids_.push_back(MoreTid{tid, to->more_tids});
        to->more_tids = static_cast<uint32_t>(tids_.size());
    }
    ++to->tid_count;
}

// Walks to the nearest node of one level, from *best.
void BuildGraph::descend(const Node *query, int level, Near *best) {
    for (bool moved = true; moved;) {
        moved = false;
        List near = list(best->id, level);
        uint32_t count = *near.count;
        for (uint32_t i = 0; i < count; ++i)
            prefetch(node(near.ids[i] & ~kDiverse)->payload);
        for (uint32_t i = 0; i < count; ++i) {
            uint32_t id = near.ids[i] & ~kDiverse;
            float key = key_between(query, node(id));
            if (key < best->key) {
                *best = Near{key, id};
                moved = true;
            }
        }
    }
}

// Algorithm 2 with one sorted pool in place of two heaps: what falls out of the pool is farther than its worst
// and would never be expanded. In: pool_ holds the points to start from, ascending; out: the result.
void BuildGraph::search(const Node *query, int level) {
    if (++stamp_ == 0) { // wrapped
        memset(seen_.data(), 0, seen_.size() * sizeof(uint32_t));
        stamp_ = 1;
    }
    for (uint32_t i = 0; i < pool_count_; ++i) {
        pool_[i].id &= ~kExpanded;
        seen_[pool_[i].id] = stamp_;
    }
    uint32_t fresh[2 * kMaxM];
    uint32_t next = 0;
    while (next < pool_count_) {
        if (pool_[next].id & kExpanded) {
            ++next;
            continue;
        }
        List near = list(pool_[next].id, level);
        pool_[next].id |= kExpanded;
        uint32_t count = 0;
        for (uint32_t i = 0, n = *near.count; i < n; ++i) {
            uint32_t id = near.ids[i] & ~kDiverse;
            if (seen_[id] == stamp_)
                continue;
            seen_[id] = stamp_;
            fresh[count++] = id;
            prefetch(reinterpret_cast<const uint8_t *>(node(id)) + payload_offset_);
        }
        for (uint32_t i = 0; i < count; ++i) {
            const Node *other = node(fresh[i]);
            float key = key_between(query, other);
            if (pool_count_ == ef_ && !(key < pool_[ef_ - 1].key))
                continue;
            uint32_t at = static_cast<uint32_t>(
                std::upper_bound(pool_, pool_ + pool_count_, key, [](float k, const Near &p) { return k < p.key; }) - pool_);
            uint32_t end = pool_count_ < ef_ ? pool_count_++ : ef_ - 1;
            memmove(pool_ + at + 1, pool_ + at, (end - at) * sizeof(Near));
            pool_[at] = Near{key, fresh[i]};
            next = std::min(next, at);
        }
    }
    for (uint32_t i = 0; i < pool_count_; ++i)
        pool_[i].id &= ~kExpanded;
}

bool BuildGraph::attach_to_equal(const Node *query, HeapTid tid) {
    const float self = key_between(query, query);
    for (uint32_t i = 0; i < pool_count_; ++i) {
        Node *other = node(pool_[i].id);
        if (pool_[i].key == self && other->tid_count < kTidsPerNode && other->payload_size == query->payload_size &&
            memcmp(other->payload, query->payload, query->payload_size) == 0) {
            add_tid(other, tid);
            return true;
        }
    }
    return false;
}

// Algorithm 4: fills the list of a new node from a pool.
void BuildGraph::choose(uint32_t id, int level, const Near *pool, uint32_t count) {
    const uint32_t most = links_to_choose(m_, level);
    uint32_t diverse[2 * kMaxM]; // indices into pool
    uint32_t diverse_count = 0;
    for (uint32_t i = 0; i < count && diverse_count < most; ++i) {
        bool pruned = false;
        for (uint32_t r = 0; r < diverse_count && !pruned; ++r)
            pruned = stands_between(key_between(node(pool[i].id), node(pool[diverse[r]].id)), pool[i].key,
                                    pool[diverse[r]].key);
        if (!pruned)
            diverse[diverse_count++] = i;
    }
    List own = list(id, level);
    uint32_t fill = most - diverse_count, n = 0;
    for (uint32_t i = 0, next = 0; i < count && (next < diverse_count || fill > 0); ++i) {
        bool is_diverse = next < diverse_count && diverse[next] == i;
        if (is_diverse)
            ++next;
        else if (fill > 0)
            --fill;
        else
            continue;
        own.ids[n] = pool[i].id | (is_diverse ? kDiverse : 0);
        own.keys[n++] = pool[i].key;
    }
    *own.count = n;
}

// Offers a neighbour to the list of `target`. The list knows which of its members are diverse, and that depends
// only on nearer ones: so the newcomer is compared with the diverse ones alone. A member that was pruned because
// of one that the newcomer now prunes keeps its rank; it is near to the newcomer too.
void BuildGraph::offer(uint32_t target, int level, Near offered) {
    List near = list(target, level);
    const Node *fresh = node(offered.id);
    const uint32_t count = *near.count;
    uint32_t at = static_cast<uint32_t>(std::upper_bound(near.keys, near.keys + count, offered.key) - near.keys);
    // Among equal ones any place will do; a random one gives each of many equal vectors its share of links.
    if (at > 0 && near.keys[at - 1] == offered.key) {
        uint32_t first = static_cast<uint32_t>(std::lower_bound(near.keys, near.keys + count, offered.key) - near.keys);
        at = first + static_cast<uint32_t>(rng_.below(at - first + 1));
    }
    bool diverse = true;
    for (uint32_t i = 0; i < at && diverse; ++i)
        if (near.ids[i] & kDiverse)
            diverse = !stands_between(key_between(fresh, node(near.ids[i] & ~kDiverse)), offered.key, near.keys[i]);
    uint32_t victim = count; // what goes when the list is full
    if (count == near.capacity) {
        uint32_t i = count;
        while (i > 0 && (near.ids[i - 1] & kDiverse))
            --i;
        // The farthest pruned one, which may be the newcomer; if all are diverse, the farthest.
        if (i > 0 ? (!diverse && i <= at) : (!diverse || at == count))
            return;
        victim = i > 0 ? i - 1 : count - 1;
    }
    if (diverse)
        for (uint32_t i = at; i < count; ++i)
            if ((near.ids[i] & kDiverse) && i != victim &&
                stands_between(key_between(fresh, node(near.ids[i] & ~kDiverse)), near.keys[i], offered.key))
                near.ids[i] &= ~kDiverse;
    auto move = [&](uint32_t from, uint32_t to, uint32_t n) {
        memmove(near.ids + to, near.ids + from, n * sizeof *near.ids);
        memmove(near.keys + to, near.keys + from, n * sizeof *near.keys);
    };
    if (victim >= at) {
        move(at, at + 1, victim - at);
    } else {
        move(victim + 1, victim, at - victim - 1);
        --at;
    }
    near.ids[at] = offered.id | (diverse ? kDiverse : 0);
    near.keys[at] = offered.key;
    if (count < near.capacity)
        *near.count = count + 1;
}

// --- writing ------------------------------------------------------------------------------------------------

// Neighbours close together in the file, and unreached nodes at the end.
void BuildGraph::order_breadth_first() {
    order_.clear();
    order_.reserve(node_count_);
    memset(seen_.data(), 0, seen_.size() * sizeof(uint32_t));
    stamp_ = 1;
    auto take = [&](uint32_t id) {
        if (seen_[id] != stamp_) {
            seen_[id] = stamp_;
            order_.push_back(id);
        }
    };
    take(entry_);
    for (size_t i = 0; i < order_.size(); ++i) {
        List near = list(order_[i], 0);
        for (uint32_t k = 0; k < *near.count; ++k)
            take(near.ids[k] & ~kDiverse);
    }
    for (uint32_t id = 0; id < node_count_; ++id)
        take(id);
}

// The records of the next page into pieces_; false when there are none left.
bool BuildGraph::next_page(Walk &walk) {
    pieces_.clear();
    uint32_t left = body_size_ - static_cast<uint32_t>(sizeof(PageHead));
    while (walk.at < node_count_) {
        const uint32_t id = order_[walk.at];
        const Node *n = node(id);
        const uint32_t rest = n->payload_size - walk.offset;
        const bool chunk = walk.offset > 0;
        const uint32_t fixed = chunk ? static_cast<uint32_t>(sizeof(ChunkHead)) : node_fixed_size(m_, n->level);
        const bool whole = !chunk && align8(fixed + rest) <= max_record(body_size_);
        const uint32_t room = left < sizeof(Slot) ? 0 : (left - static_cast<uint32_t>(sizeof(Slot))) & ~7u;
        if (room < (whole ? align8(fixed + rest) : fixed + kLeastPiece))
            break;
        const uint32_t size = std::min(rest, room - fixed);
        pieces_.push_back(Piece{id, walk.offset, size, chunk});
        left -= align8(fixed + size) + static_cast<uint32_t>(sizeof(Slot));
        if (size == rest) {
            ++walk.at;
            walk.offset = 0;
        } else {
            walk.offset += size;
            break; // the page is full
        }
    }
    return !pieces_.empty();
}

void BuildGraph::assign_places(uint32_t first_block) {
    places_.resize_uninitialized(node_count_);
    Walk walk;
    for (uint32_t block = first_block; next_page(walk); ++block)
        for (size_t i = 0; i < pieces_.size(); ++i)
            if (!pieces_[i].chunk)
                places_[pieces_[i].id] = Place{block, static_cast<uint16_t>(i)};
}

void BuildGraph::fill_page(MutablePage &page) {
    init_page(page, PageKind::nodes);
    for (const Piece &piece : pieces_) {
        const Node *n = node(piece.id);
        const uint32_t fixed = piece.chunk ? static_cast<uint32_t>(sizeof(ChunkHead)) : node_fixed_size(m_, n->level);
        uint16_t slot, generation;
        if (!add_record(page, align8(fixed + piece.size), piece.chunk ? RecordKind::chunk : RecordKind::node, &slot, &generation))
            return; // cannot be: next_page counted
        uint8_t *record = page.body + slot_at(page.body, page.size, slot)->offset;
        const bool more = piece.offset + piece.size < n->payload_size;
        const Link next = more ? Link{page.block + 1, 0, 1} : Link{};
        if (piece.chunk) {
            ChunkHead *head = reinterpret_cast<ChunkHead *>(record);
            head->size = piece.size;
            head->next = next;
        } else {
            NodeHead *head = reinterpret_cast<NodeHead *>(record);
            head->level = n->level;
            head->tid_count = n->tid_count;
            head->m = static_cast<uint8_t>(m_);
            head->links_version = 1;
            head->payload_size = n->payload_size;
            head->inline_size = piece.size;
            head->first_chunk = next;
            write_links(*n, piece.id, record);
        }
        memcpy(record + fixed, n->payload + piece.offset, piece.size);
    }
}

void BuildGraph::write_links(const Node &n, uint32_t id, uint8_t *record) {
    HeapTid *tids = reinterpret_cast<HeapTid *>(record + sizeof(NodeHead));
    tids[0] = n.tid;
    int count = 1;
    for (uint32_t more = n.more_tids; more != 0; more = tids_[more - 1].next)
        tids[count++] = tids_[more - 1].tid;
    Link *links = reinterpret_cast<Link *>(record + sizeof(NodeHead) + kTidBytes);
    for (int at = 0; at <= n.level; ++at) {
        List near = list(id, at);
        for (uint32_t i = 0; i < *near.count; ++i) {
            const Place &place = places_[near.ids[i] & ~kDiverse];
            links[link_start(m_, at) + i] = Link{place.block, place.slot, 1};
        }
    }
}

} // namespace vecx::hnsw
