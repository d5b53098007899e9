// Stored vectors outside their pages, and the distances between them: for choosing neighbours without going back to a
// page. Also the map of the links that an operation has met.
#pragma once

#include <cfloat>

#include "base/array.hpp"
#include "hnsw/inlined/node.hpp"
#include "kernels/kernels.hpp"

namespace vecx::hnsw::inlined {

// Comparisons of keys and distances stay plain ones: what is not a finite number becomes the largest.
inline float finite_key(float key) { return key <= FLT_MAX ? (key >= -FLT_MAX ? key : -FLT_MAX) : FLT_MAX; }

// The stored vector of a node.
struct Stored {
    const uint8_t *own; // shape.own_size() bytes
    float scale;        // Head::own_scale
    float norm;         // Head::norm
    float square;       // |x|^2 of the stored vector
};

// <x, y> of two stored vectors.
inline float stored_dot(const Shape &shape, const Stored &a, const Stored &b) {
    const size_t n = static_cast<size_t>(shape.dim);
    float sum = shape.own == OwnKind::f16
                    ? kernels::active->dot_f16(reinterpret_cast<const uint16_t *>(a.own), reinterpret_cast<const uint16_t *>(b.own), n)
                    : static_cast<float>(kernels::active->dot_i8(reinterpret_cast<const int8_t *>(a.own),
                                                                 reinterpret_cast<const int8_t *>(b.own), n));
    return sum * a.scale * b.scale;
}

inline Stored stored_of(const Shape &shape, const Head &head, const uint8_t *own) {
    Stored s{own, head.own_scale, head.norm, 0};
    s.square = stored_dot(shape, s, s);
    return s;
}

// |g(x) - g(y)|^2 (codec.hpp has the geometry), finite.
inline float stored_distance2(const Shape &shape, const Stored &a, const Stored &b) {
    float d;
    if (shape.metric == Metric::cosine) {
        d = a.norm > 0 && b.norm > 0 ? 2 - 2 * (stored_dot(shape, a, b) / (a.norm * b.norm)) : 2.0f;
    } else if (a.scale == b.scale) { // no cancellation
        const size_t n = static_cast<size_t>(shape.dim);
        float sum = shape.own == OwnKind::f16
                        ? kernels::active->l2sq_f16(reinterpret_cast<const uint16_t *>(a.own),
                                                    reinterpret_cast<const uint16_t *>(b.own), n)
                        : static_cast<float>(kernels::active->l2sq_i8(reinterpret_cast<const int8_t *>(a.own),
                                                                      reinterpret_cast<const int8_t *>(b.own), n));
        d = sum * a.scale * a.scale;
    } else {
        d = a.square + b.square - 2 * stored_dot(shape, a, b);
    }
    d = finite_key(d);
    return d > 0 ? d : 0;
}

// The key between two stored vectors: what search sees when one of them is the query.
inline float stored_key(const Shape &shape, const Stored &a, const Stored &b) {
    if (shape.metric == Metric::ip)
        return finite_key(-stored_dot(shape, a, b));
    float d = stored_distance2(shape, a, b);
    return shape.metric == Metric::cosine ? d / 2 : d;
}

// Room for copies of stored vectors, which stay where they are until all are given up.
class CopyPool {
  public:
    CopyPool(Arena &arena, const Shape &shape) : arena_(&arena), blocks_(arena), size_(shape.own_size()) {}

    // Where the next copy goes. May allocate: not under a page lock.
    uint8_t *next() {
        if (used_ == blocks_.size() * kPerBlock)
            blocks_.push_back(arena_->make_array<uint8_t>(static_cast<size_t>(size_) * kPerBlock));
        return blocks_[used_ / kPerBlock] + used_ % kPerBlock * static_cast<size_t>(size_);
    }
    void keep() { ++used_; }
    void clear() { used_ = 0; }
    size_t bytes() const { return blocks_.size() * kPerBlock * size_ + blocks_.capacity_bytes(); }

  private:
    static constexpr size_t kPerBlock = 32;
    Arena *arena_;
    Array<uint8_t *> blocks_;
    size_t used_ = 0;
    uint32_t size_;
};

// A number for each link met, with linear probing in one flat array.
class LinkMap {
  public:
    explicit LinkMap(Arena &arena) : arena_(&arena) {}

    void clear() {
        if (size_ > 0)
            memset(static_cast<void *>(table_), 0, capacity_ * sizeof(Entry));
        size_ = 0;
    }
    size_t bytes() const { return capacity_ * sizeof(Entry); }
    // The number of `link`, made with `value` when it was not there. Good until the next insertion.
    uint32_t *insert(Link link, uint32_t value, bool *fresh) {
        if ((size_ + 1) * 3 > capacity_ * 2)
            grow();
        Entry *entry = entry_of(link.key());
        *fresh = entry->key == 0;
        if (*fresh) {
            *entry = Entry{link.key(), value, 0};
            ++size_;
        }
        return &entry->value;
    }
    uint32_t *find(Link link) {
        if (size_ == 0)
            return nullptr;
        Entry *entry = entry_of(link.key());
        return entry->key == 0 ? nullptr : &entry->value;
    }

  private:
    struct Entry {
        uint64_t key;
        uint32_t value, pad;
    };
    Entry *entry_of(uint64_t key) {
        const size_t mask = capacity_ - 1;
        const uint64_t hash = key * 0x9E3779B97F4A7C15ull;
        for (size_t i = static_cast<size_t>(hash ^ (hash >> 32)) & mask;; i = (i + 1) & mask)
            if (table_[i].key == 0 || table_[i].key == key)
                return table_ + i;
    }
    void grow() {
        Entry *old = table_;
        const size_t before = capacity_;
        capacity_ = before == 0 ? 4096 : 2 * before;
        table_ = arena_->make_array<Entry>(capacity_);
        memset(static_cast<void *>(table_), 0, capacity_ * sizeof(Entry));
        for (size_t i = 0; i < before; ++i)
            if (old[i].key != 0)
                *entry_of(old[i].key) = old[i];
        arena_->give_back(old);
    }

    Arena *arena_;
    Entry *table_ = nullptr;
    size_t capacity_ = 0;
    size_t size_ = 0;
};

} // namespace vecx::hnsw::inlined
