// What a scan knows of the order of its rows: nodes that wait, how far the search has to look ahead of the next one, and whether
// the place of the one in hand is certain. README.md, "Order".
#pragma once

#include <algorithm>
#include <limits>

#include "base/heap.hpp"
#include "hnsw/inlined/node.hpp"
#include "hnsw/scan.hpp"

namespace vecx::hnsw::inlined {

// A node with rows that was met and not yet returned.
struct Known {
    double low, high; // where its exact distance lies
    Link link;
    HeapTid tid;
    bool single; // `tid` is its only heap TID
    bool many;   // it has a list of them, and nobody has asked the table for its distance
    bool maybe;  // its attributes do not tell whether it passes the conditions
    uint32_t met_at; // nodes visited before it
};
struct NearerKnown {
    bool operator()(const Known &a, const Known &b) const { return a.low < b.low; }
};
using KnownHeap = Heap<Known, NearerKnown>;

// How many of the nearest nodes the search has to have found before the next one may leave.
class LookAhead {
  public:
    LookAhead(const StreamOptions &options, Arena &arena)
        : ef_(static_cast<size_t>(std::max(options.ef_search, 1))), least_(options.least_ahead), is_hard_(options.patience <= 0), open_(arena) {}

    // Rows whose places nobody knows yet, for their distances may be the same, count for the next one's place only up to
    // kOpenRows: hundreds of them, of which a query that is near to nothing has many, would have the search look ahead as if
    // the caller had taken them.
    size_t target() const {
        const size_t spare = ef_ > 10 ? ef_ - 10 : 0;
        const size_t place = settled_ + std::min(taken_ - settled_, kOpenRows) + 1;
        return std::max({kLeastTarget, is_hard_ ? least_ : 0, look_ahead(ef_, place), taken_ + 1 + spare});
    }

    // A node leaves. Those before it are settled whose distances are at most its lower bound.
    void take(const Known &node, bool late) {
        ++taken_;
        for (; !open_.empty() && open_.top() <= node.low; ++settled_)
            open_.pop();
        if (late || !(node.low < node.high))
            ++settled_;
        else
            open_.push(node.high);
    }

    // A hard query looks least_ahead far at least.
    bool is_hard() const { return is_hard_; }
    void set_hard() { is_hard_ = true; }

    size_t bytes_after_take() const { return open_.bytes_after(1); }
    void give_back() { open_.give_back(); }

  private:
    // A shorter look-ahead returns far rows first and then has to wait, where late rows do, for all that is nearer.
    static constexpr size_t kLeastTarget = 8;
    static constexpr size_t kOpenRows = 32;

    struct Less {
        bool operator()(double a, double b) const { return a < b; }
    };

    size_t ef_, least_;
    bool is_hard_;
    size_t taken_ = 0;   // nodes that have left
    size_t settled_ = 0; // of them, those that have their places
    Heap<double, Less> open_; // upper bounds of the nodes that left and may still belong behind the next
};

// The place of the row in hand. Rows are certain that no row which follows can displace.
class Placing {
  public:
    bool is_late(double low) const { return low < floor_; }
    bool certain() const { return certain_; }
    double low() const { return low_; }
    double high() const { return high_; }

    // A row that is not late: whether it is certain, which it cannot be when nothing is known of what follows.
    void place(double low, double high, bool next_known, double next_low) {
        certain_ = low >= ceiling_ && next_known && high <= next_low;
        low_ = low;
        high_ = high;
        ceiling_ = std::max(ceiling_, high);
        floor_ = std::max(floor_, certain_ ? high : low);
    }
    void place_late(double low, double high, bool certain) {
        certain_ = certain;
        low_ = low;
        high_ = high;
    }
    void place_unordered() { place_late(0, 0, true); }

    // Those that were late follow in an order of their own.
    void begin_second_run() { floor_ = ceiling_ = -kInfinity; }

  private:
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();

    bool certain_ = false;
    double low_ = -kInfinity, high_ = kInfinity;
    double floor_ = -kInfinity;   // what is below is late
    double ceiling_ = -kInfinity; // the greatest distance that a row returned can have
};

} // namespace vecx::hnsw::inlined
