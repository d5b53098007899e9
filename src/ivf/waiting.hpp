// The rows of a scan that wait for their turn: most of them in no order, the nearest in a heap. README.md, "Search".
#pragma once

#include <algorithm>
#include <limits>

#include "base/array.hpp"
#include "base/heap.hpp"
#include "ivf/store.hpp"

namespace vecx::ivf {

// What is known of a row that waits: its place, and a lower bound of its key or the key itself.
enum class Known : uint8_t { coarse, fine, exact };

struct Waiting {
    double key;    // or a lower bound
    Link page;     // of postings; none: not known
    uint32_t list; // its number among the lists in hand, as long as the bound is a coarse one
    uint32_t id;   // of the list
    uint16_t row;
    Known known;
    HeapTid tid;
};
struct NearerWaiting {
    bool operator()(const Waiting &a, const Waiting &b) const {
        return a.key != b.key ? a.key < b.key : a.known > b.known; // an exact one first
    }
};
using WaitingHeap = Heap<Waiting, NearerWaiting>;

// Rows below a window that narrows as they come, so that as many as are wanted are kept, the nearest, and at most some twice as many.
// They leave it in order, some more at a time.
class WaitingPool {
  public:
    explicit WaitingPool(Arena &arena) : rows_(arena) {}

    void begin_lists() { wanted_ = kWindow; } // others than before
    void widen() { wanted_ *= kGrowth; }      // the same once more, for the rows beyond the window
    void begin_round() {                      // before lists are read from the first
        open();
        pick_ = kFirstPick;
    }
    void open() { window_ = kInfinity; }

    double window() const { return window_; } // rows with a bound of this or more are not kept
    bool is_open() const { return window_ == kInfinity; }
    size_t bytes() const { return rows_.capacity_bytes(); }
    size_t bytes_of_round() const { return 3 * wanted_ * sizeof(Waiting); } // about
    const Array<Waiting> &rows() const { return rows_; }

    // Room for `count` rows, if need be by narrowing the window; then as many add().
    void make_room(size_t count) {
        if (rows_.size() > 2 * wanted_)
            narrow();
        rows_.reserve(rows_.size() + count);
    }
    void add(const Waiting &row) { rows_.push_back(row); }
    void clear() { rows_.clear(); }
    // Rows have been added: nothing is known of the least bound.
    void forget_least() { least_ = -kInfinity; }

    // Sees to it that the least of all that is kept is on top of the heap.
    void fill(WaitingHeap *heap) {
        while (!rows_.empty() && (heap->empty() || heap->top().key > least_)) {
            const size_t count = std::min(pick_, rows_.size());
            pick_ *= 2;
            if (count < rows_.size()) {
                std::nth_element(rows_.begin(), rows_.begin() + (rows_.size() - count), rows_.end(),
                                 [](const Waiting &a, const Waiting &b) { return NearerWaiting{}(b, a); });
                for (size_t i = 0; i < count; ++i) {
                    heap->push(rows_.back());
                    rows_.pop_back();
                }
            } else {
                for (const Waiting &row : rows_)
                    heap->push(row);
                rows_.clear();
            }
            least_ = kInfinity;
            for (const Waiting &row : rows_)
                least_ = std::min(least_, row.key);
        }
    }

  private:
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr size_t kWindow = 512;   // rows wanted at first
    static constexpr size_t kGrowth = 4;     // of the window, each time the same lists are read again
    static constexpr size_t kFirstPick = 48; // rows that go to the heap at first

    void narrow() {
        Waiting *middle = rows_.begin() + wanted_;
        std::nth_element(rows_.begin(), middle, rows_.end(), NearerWaiting{});
        const double limit = middle->key;
        size_t kept = 0;
        for (const Waiting &row : rows_)
            if (row.key < limit)
                rows_[kept++] = row;
        if (kept == 0) { // all alike: they are all needed
            wanted_ *= 2;
            return;
        }
        rows_.resize_uninitialized(kept);
        window_ = limit;
    }

    Array<Waiting> rows_;
    double window_ = kInfinity;
    double least_ = kInfinity; // no bound in the pool is less
    size_t wanted_ = kWindow, pick_ = kFirstPick;
};

} // namespace vecx::ivf
