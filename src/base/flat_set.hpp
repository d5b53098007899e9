// A set of 64-bit keys with linear probing in one flat array, over an Arena. Key 0 is not allowed. Bits in
// `StateMask` are not part of the key: they belong to the owner, who changes them in place.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/arena.hpp"

namespace vecx {

template <uint64_t StateMask = 0>
class FlatSet {
  public:
    explicit FlatSet(Arena &arena) : arena_(&arena) {}

    size_t size() const { return size_; }
    size_t bytes() const { return capacity_ * sizeof(uint64_t); }
    // What the set will occupy after `more` insertions, counting old and new storage while it is rehashed.
    size_t bytes_after(size_t more) const {
        size_t capacity = capacity_for(size_ + more);
        return (capacity > capacity_ ? capacity + capacity_ : capacity_) * sizeof(uint64_t);
    }
    // Makes room for `n` keys.
    void reserve(size_t n) {
        if (capacity_for(n) > capacity_)
            rehash(capacity_for(n));
    }
    void clear() {
        if (size_ > 0)
            memset(table_, 0, bytes());
        size_ = 0;
    }
    void give_back() {
        arena_->give_back(table_);
        table_ = nullptr;
        capacity_ = size_ = 0;
    }

    // The entry of `key`, made with state 0 when it was not there. The pointer is good until the next insertion.
    uint64_t *insert(uint64_t key, bool *fresh) {
        if ((size_ + 1) * 3 > capacity_ * 2)
            rehash(capacity_for(size_ + 1));
        uint64_t *entry = slot_of(key);
        *fresh = *entry == 0;
        if (*fresh) {
            *entry = key;
            ++size_;
        }
        return entry;
    }
    bool add(uint64_t key) {
        bool fresh;
        insert(key, &fresh);
        return fresh;
    }
    // Null when the key is absent.
    uint64_t *find(uint64_t key) {
        if (size_ == 0)
            return nullptr;
        uint64_t *entry = slot_of(key);
        return *entry == 0 ? nullptr : entry;
    }
    bool has(uint64_t key) { return find(key) != nullptr; }

    // f(uint64_t &entry) for every entry, in no useful order.
    template <class F>
    void for_each(F f) {
        for (size_t i = 0; i < capacity_; ++i)
            if (table_[i] != 0)
                f(table_[i]);
    }

  private:
    static size_t capacity_for(size_t n) {
        size_t capacity = 64;
        while (n * 3 > capacity * 2)
            capacity *= 2;
        return capacity;
    }
    uint64_t *slot_of(uint64_t key) {
        size_t mask = capacity_ - 1;
        uint64_t hash = key * 0x9E3779B97F4A7C15ull;
        for (size_t i = static_cast<size_t>(hash ^ (hash >> 32)) & mask;; i = (i + 1) & mask)
            if (table_[i] == 0 || (table_[i] & ~StateMask) == key)
                return table_ + i;
    }
    void rehash(size_t capacity) {
        uint64_t *old = table_;
        size_t old_capacity = capacity_;
        table_ = arena_->make_array<uint64_t>(capacity);
        memset(table_, 0, capacity * sizeof(uint64_t));
        capacity_ = capacity;
        for (size_t i = 0; i < old_capacity; ++i)
            if (old[i] != 0)
                *slot_of(old[i] & ~StateMask) = old[i];
        arena_->give_back(old);
    }

    Arena *arena_;
    uint64_t *table_ = nullptr;
    size_t capacity_ = 0; // a power of two, or 0
    size_t size_ = 0;
};

} // namespace vecx
