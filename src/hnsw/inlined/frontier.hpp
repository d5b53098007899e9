// What a search knows and has not followed yet: the nearest in a small sorted window, all others in a heap that is put in
// order only when it is asked. Most of what is offered is never looked at again.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "hnsw/inlined/visitor.hpp"

namespace vecx::hnsw::inlined {

// A binary heap whose newest members lie unsorted behind it until something is taken out.
template <class T, class Before>
class LazyHeap {
  public:
    explicit LazyHeap(Arena &arena) : items_(arena) {}

    bool empty() const { return items_.empty(); }
    size_t size() const { return items_.size(); }
    void clear() {
        items_.clear();
        sorted_ = 0;
    }
    void push(const T &value) { items_.push_back(value); }
    const T &top() {
        settle();
        return items_[0];
    }
    T pop() {
        settle();
        std::pop_heap(items_.begin(), items_.end(), After{});
        T value = items_.back();
        items_.pop_back();
        sorted_ = items_.size();
        return value;
    }
    // Room for `n` more, to be written by the caller; take_back() says how many of them it did not need.
    T *append(size_t n) {
        const size_t before = items_.size();
        if (before + n > items_.capacity())
            items_.reserve(std::max(before + n, 2 * items_.capacity()));
        items_.resize_uninitialized(before + n);
        return items_.data() + before;
    }
    void take_back(size_t n) { items_.resize_uninitialized(items_.size() - n); }
    size_t bytes_after(size_t more) const { return items_.bytes_after(more); }
    void give_back() {
        items_.give_back();
        sorted_ = 0;
    }

  private:
    struct After {
        bool operator()(const T &a, const T &b) const { return Before{}(b, a); }
    };
    void settle() {
        const size_t n = items_.size();
        if (sorted_ == n)
            return;
        if (sorted_ < 2 * (n - sorted_)) {
            std::make_heap(items_.begin(), items_.end(), After{});
        } else {
            for (size_t i = sorted_ + 1; i <= n; ++i)
                std::push_heap(items_.begin(), items_.begin() + i, After{});
        }
        sorted_ = n;
    }

    Array<T> items_;
    size_t sorted_ = 0; // the first ones that are a heap
};

class Frontier {
  public:
    static constexpr size_t kMost = 512; // of the window
    static constexpr size_t kLeast = 64;

    explicit Frontier(Arena &arena) : rest_(arena) {}

    // nearest() is exact below the bound; what lies at the bound or beyond need not be followed before it grows.
    bool empty() const { return head_ == tail_ && rest_.empty(); }
    float nearest() const { return head_ < tail_ ? window_[head_].key : rest_low_; }
    size_t size() const { return tail_ - head_ + rest_.size(); }

    void clear() {
        head_ = tail_ = 0;
        rest_.clear();
        rest_low_ = limit_ = bound_ = std::numeric_limits<float>::infinity();
    }

    // Members at `bound` or beyond may stay unsorted; the window has room for `wide`.
    void set_bound(float bound, size_t wide) {
        wide_ = std::clamp(2 * wide, kLeast, kMost);
        bound_ = bound;
        // What the old bound kept away may now be nearer than some of the window.
        while (head_ < tail_ && window_[tail_ - 1].key > rest_low_)
            spill();
        limit_ = std::min(bound_, rest_low_);
    }
    // The same, for a bound that has fallen.
    void tighten(float bound) {
        bound_ = bound;
        limit_ = std::min(limit_, bound);
    }

    // Whether an offer would be sorted in: then it is worth asking whether the node was visited.
    bool wants(float key) const { return key < limit_; }

    void offer(float key, Link link) {
        if (!(key < limit_)) {
            rest_.push(Member{key, link});
            rest_low_ = std::min(rest_low_, key);
            return;
        }
        if (tail_ - head_ == wide_) {
            if (!(key < window_[tail_ - 1].key)) {
                rest_.push(Member{key, link});
                rest_low_ = std::min(rest_low_, key);
                limit_ = std::min(limit_, rest_low_);
                return;
            }
            spill();
            limit_ = std::min(limit_, rest_low_);
        }
        insert(Member{key, link});
    }

    // Offers `n` neighbours at once: `seen(link)` is asked of those that would be sorted in. What lies beyond the limit
    // is set aside without a branch that depends on its key: of most offers nobody can foretell on which side they fall.
    template <class Seen>
    void offer_all(const Neighbour *neighbours, uint32_t n, Seen seen) {
        uint32_t near[kMaxPlaces], count = 0;
        Member *far = rest_.append(n);
        size_t kept = 0;
        float low = rest_low_;
        const float limit = limit_;
        for (uint32_t i = 0; i < n; ++i) {
            const float key = neighbours[i].key;
            const bool is_near = key < limit;
            near[count] = i;
            count += is_near;
            far[kept] = Member{key, neighbours[i].link};
            kept += !is_near;
            low = is_near ? low : std::min(low, key);
        }
        rest_.take_back(n - kept);
        rest_low_ = low;
        for (uint32_t i = 0; i < count; ++i) {
            const Neighbour &neighbour = neighbours[near[i]];
            if (!seen(neighbour.link))
                offer(neighbour.key, neighbour.link);
        }
    }

    // The nearest; there must be one.
    Link pop() {
        if (head_ == tail_)
            refill();
        return window_[head_++].link;
    }

    // f(Link) for the next `n`, as far as they are sorted and below the bound.
    template <class F>
    void peek(size_t n, F f) const {
        for (size_t i = head_; i < tail_ && i < head_ + n && window_[i].key < bound_; ++i)
            f(window_[i].link);
    }

    size_t bytes_after(size_t more) const { return rest_.bytes_after(more + kMost); }
    void give_back() {
        head_ = tail_ = 0;
        rest_.give_back();
        rest_low_ = std::numeric_limits<float>::infinity();
    }

  private:
    struct Member {
        float key;
        Link link;
    };
    struct Nearer {
        bool operator()(const Member &a, const Member &b) const { return a.key < b.key; }
    };

    void spill() {
        const Member &last = window_[--tail_];
        rest_.push(last);
        rest_low_ = std::min(rest_low_, last.key);
    }

    void insert(const Member &member) {
        if (tail_ == kRoom) {
            memmove(window_, window_ + head_, (tail_ - head_) * sizeof(Member));
            tail_ -= head_;
            head_ = 0;
        }
        size_t from = head_, n = tail_ - head_;
        while (n > 0) { // without branches that depend on the key
            const size_t half = n / 2;
            const bool right = !(member.key < window_[from + half].key);
            from = right ? from + half + 1 : from;
            n = right ? n - half - 1 : half;
        }
        memmove(window_ + from + 1, window_ + from, (tail_ - from) * sizeof(Member));
        window_[from] = member;
        ++tail_;
    }

    // Fills the empty window from the heap.
    void refill() {
        head_ = tail_ = 0;
        while (!rest_.empty() && tail_ < wide_ / 2)
            window_[tail_++] = rest_.pop();
        rest_low_ = rest_.empty() ? std::numeric_limits<float>::infinity() : rest_.top().key;
        limit_ = std::min(bound_, rest_low_);
    }

    static constexpr size_t kRoom = 2 * kMost;

    LazyHeap<Member, Nearer> rest_;
    float rest_low_ = std::numeric_limits<float>::infinity(); // the nearest of rest_
    float limit_ = std::numeric_limits<float>::infinity();    // what is not nearer goes to rest_
    float bound_ = std::numeric_limits<float>::infinity();
    size_t wide_ = kLeast;
    size_t head_ = 0, tail_ = 0; // the window, ascending
    Member window_[kRoom];
};

} // namespace vecx::hnsw::inlined
