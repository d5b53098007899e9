// A growable array over an Arena, for trivially copyable types only.
#pragma once

#include <cstring>
#include <type_traits>

#include "base/arena.hpp"

namespace vecx {

template <class T>
class Array {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
    explicit Array(Arena &arena) : arena_(&arena) {}

    T *data() { return data_; }
    const T *data() const { return data_; }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    size_t capacity() const { return capacity_; }
    size_t capacity_bytes() const { return capacity_ * sizeof(T); }
    T &operator[](size_t i) { return data_[i]; }
    const T &operator[](size_t i) const { return data_[i]; }
    T &back() { return data_[size_ - 1]; }
    T *begin() { return data_; }
    T *end() { return data_ + size_; }
    const T *begin() const { return data_; }
    const T *end() const { return data_ + size_; }

    void clear() { size_ = 0; }
    void pop_back() { --size_; }
    void resize_uninitialized(size_t n) {
        reserve(n);
        size_ = n;
    }
    void push_back(const T &value) {
        if (size_ == capacity_) {
            T copy = value; // `value` may live in the storage that is about to go
            grow(size_ + 1);
            data_[size_++] = copy;
            return;
        }
        data_[size_++] = value;
    }
    void reserve(size_t n) {
        if (n > capacity_)
            grow(n);
    }
    // What the array will occupy after `more` pushes, counting old and new storage while it is copied.
    size_t bytes_after(size_t more) const {
        return size_ + more <= capacity_ ? capacity_bytes() : capacity_bytes() + next_capacity(size_ + more) * sizeof(T);
    }
    void give_back() {
        arena_->give_back(data_);
        data_ = nullptr;
        size_ = capacity_ = 0;
    }

  private:
    size_t next_capacity(size_t least) const {
        size_t wanted = capacity_ < 8 ? 16 : capacity_ * 2;
        return wanted < least ? least : wanted;
    }
    void grow(size_t least) {
        size_t wanted = next_capacity(least);
        T *bigger = arena_->make_array<T>(wanted);
        if (size_ > 0)
            memcpy(static_cast<void *>(bigger), data_, size_ * sizeof(T));
        arena_->give_back(data_);
        data_ = bigger;
        capacity_ = wanted;
    }

    Arena *arena_;
    T *data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

} // namespace vecx
