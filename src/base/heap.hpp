// A binary heap over an Array. `Before(a, b)`: a leaves the heap before b.
#pragma once

#include <algorithm>

#include "base/array.hpp"

namespace vecx {

template <class T, class Before>
class Heap {
  public:
    explicit Heap(Arena &arena) : items_(arena) {}

    bool empty() const { return items_.empty(); }
    size_t size() const { return items_.size(); }
    const T &top() const { return items_[0]; }
    // All members: the top first, the others in no useful order.
    const T *begin() const { return items_.begin(); }
    const T *end() const { return items_.end(); }
    void clear() { items_.clear(); }

    void push(const T &value) {
        items_.push_back(value);
        std::push_heap(items_.begin(), items_.end(), After{});
    }
    T pop() {
        std::pop_heap(items_.begin(), items_.end(), After{});
        T value = items_.back();
        items_.pop_back();
        return value;
    }

    size_t bytes() const { return items_.capacity_bytes(); }
    // What the heap will occupy after `more` pushes, counting old and new storage while it is copied.
    size_t bytes_after(size_t more) const { return items_.bytes_after(more); }
    void give_back() { items_.give_back(); }

  private:
    struct After { // the standard library keeps the greatest on top
        bool operator()(const T &a, const T &b) const { return Before{}(b, a); }
    };

    Array<T> items_;
};

} // namespace vecx
