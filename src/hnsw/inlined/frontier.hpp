// What a search knows and has not followed yet: the nearest in a small window, all others in a heap that is put in
// order only when it is asked. Most of what is offered is never looked at again.
#pragma once

#include <algorithm>
#include <bit>
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
    // Whether a quarter of the array is free.
    bool roomy() const { return items_.size() <= items_.capacity() / 4 * 3; }
    // Forgets all for which f(value) holds.
    template <class F>
    void purge(F f) {
        size_t kept = 0;
        for (const T &value : items_)
            if (!f(value))
                items_[kept++] = value;
        items_.resize_uninitialized(kept);
        sorted_ = 0;
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

// The window is not sorted: finding its least member again for each hop costs less than keeping an order among
// members of which most are never taken.
class Frontier {
  public:
    static constexpr size_t kMost = 256;  // what the window keeps when it overflows
    static constexpr size_t kLeast = 48;

    explicit Frontier(Arena &arena) : rest_(arena) { clear(); }

    // nearest() is exact below the bound; what lies at the bound or beyond need not be followed before it grows.
    bool empty() const { return count_ == 0 && rest_.empty(); }
    float nearest() const { return count_ > 0 ? from_order(keys_[least()]) : rest_low_; }
    size_t size() const { return count_ + rest_.size(); }

    void clear() {
        forget_window();
        rest_.clear();
        rest_low_ = limit_ = bound_ = dropped_ = kInfinity;
    }

    // Members at `bound` or beyond may be set aside; the window keeps `wide` at least.
    void set_bound(float bound, size_t wide) {
        wide_ = std::clamp(wide + wide / 2, kLeast, kMost);
        bound_ = bound;
        // What the old bound kept away may now be nearer than some of the window.
        if (rest_low_ < kInfinity)
            set_aside(to_order(rest_low_));
        limit_ = std::min(bound_, rest_low_);
    }
    // The same, for a bound that has fallen.
    void tighten(float bound) {
        bound_ = bound;
        limit_ = std::min(limit_, bound);
    }

    void offer(float key, Link link) {
        if (!(key < limit_)) {
            rest_.push(Member{key, link});
            rest_low_ = std::min(rest_low_, key);
            return;
        }
        if (count_ == kRoom || count_ == 2 * wide_) {
            halve();
            offer(key, link);
            return;
        }
        add(key, link);
    }

    // Offers `n` neighbours at once: `seen(link)` is asked of those that would come into the window. What lies beyond the
    // limit is set aside without a branch that depends on its key: nobody can foretell on which side an offer falls.
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
        if (count_ == 0)
            refill();
        const uint32_t at = least();
        const Link link = links_[at];
        remove(at);
        return link;
    }

    static constexpr size_t kPeek = 8;

    // f(Link) for the next `n` (at most kPeek), as far as they are in the window and below the bound.
    template <class F>
    void peek(size_t n, F f) {
        const int32_t bound = to_order(bound_);
        if (n == 0 || count_ == 0 || keys_[least()] >= bound)
            return;
        f(links_[least()]);
        uint32_t places[kPeek];
        int32_t keys[kPeek];
        size_t hidden = 0;
        for (uint32_t at = least(); hidden + 1 < std::min(n, kPeek);) {
            places[hidden] = at;
            keys[hidden++] = keys_[at];
            keys_[at] = kTop;
            at = scan();
            if (keys_[at] >= bound)
                break;
            f(links_[at]);
        }
        while (hidden > 0) {
            --hidden;
            keys_[places[hidden]] = keys[hidden];
        }
    }

    // Forgets what was visited since it was offered: nodes are offered by many neighbours, so that of a long search most lie
    // here several times more. If that makes little room, what lies at the bound or beyond goes, too, which only a bound that
    // grows would ask for: dropped(). False when all that made little room.
    template <class Seen>
    bool purge(Seen seen) {
        rest_.purge([&](const Member &member) { return seen(member.link); });
        if (!rest_.roomy())
            rest_.purge([&](const Member &member) {
                const bool far = member.key >= bound_;
                if (far)
                    dropped_ = std::min(dropped_, member.key);
                return far;
            });
        return rest_.roomy();
    }
    // The nearest of those that were forgotten without having been followed; infinity when none was.
    float dropped() const { return dropped_; }

    size_t bytes_after(size_t more) const { return rest_.bytes_after(more + kRoom); }
    void give_back() {
        forget_window();
        rest_.give_back();
        rest_low_ = kInfinity;
    }

  private:
    struct Member {
        float key;
        Link link;
    };
    struct Nearer {
        bool operator()(const Member &a, const Member &b) const { return a.key < b.key; }
    };

    static constexpr float kInfinity = std::numeric_limits<float>::infinity();
    static constexpr size_t kRoom = 2 * kMost;
    static constexpr int32_t kTop = std::numeric_limits<int32_t>::max(); // above every key; fills unused places
    static constexpr uint32_t kLanes = 4;
    static constexpr uint32_t kSample = 9;
    static constexpr uint32_t kUnknown = 0xFFFFFFFFu;

    // Floats (not NaN) as integers of the same order.
    static int32_t to_order(float key) {
        const int32_t bits = std::bit_cast<int32_t>(key);
        return bits ^ ((bits >> 31) & 0x7FFFFFFF);
    }
    static float from_order(int32_t order) { return std::bit_cast<float>(order ^ ((order >> 31) & 0x7FFFFFFF)); }

    void forget_window() {
        for (uint32_t i = 0; i < count_ + kLanes && i < kRoom; ++i)
            keys_[i] = kTop;
        count_ = 0;
        least_ = kUnknown;
    }

    // The place of the least key, four lanes at a time; places behind the last are full of kTop.
    uint32_t scan() const {
        typedef int32_t Lanes __attribute__((vector_size(4 * kLanes)));
        Lanes best, at = {0, 1, 2, 3}, best_at = at;
        memcpy(&best, keys_, sizeof best);
        for (uint32_t i = kLanes; i < count_; i += kLanes) {
            Lanes keys;
            memcpy(&keys, keys_ + i, sizeof keys);
            at += static_cast<int32_t>(kLanes);
            const Lanes less = keys < best;
            best = (keys & less) | (best & ~less);
            best_at = (at & less) | (best_at & ~less);
        }
        uint32_t lane = 0;
        for (uint32_t i = 1; i < kLanes; ++i)
            if (best[i] < best[lane])
                lane = i;
        return static_cast<uint32_t>(best_at[lane]);
    }
    uint32_t least() const {
        if (least_ == kUnknown)
            least_ = scan();
        return least_;
    }

    void add(float key, Link link) {
        const int32_t order = to_order(key);
        if (least_ != kUnknown && order < keys_[least_])
            least_ = count_;
        keys_[count_] = order;
        links_[count_++] = link;
    }
    void remove(uint32_t at) {
        --count_;
        keys_[at] = keys_[count_];
        links_[at] = links_[count_];
        keys_[count_] = kTop;
        least_ = kUnknown;
    }

    // Sets aside all of the window above `order`, without a branch that depends on keys.
    void set_aside(int32_t order) {
        const uint32_t before = count_;
        Member *far = rest_.append(before);
        size_t away = 0;
        uint32_t kept = 0;
        int32_t low = to_order(rest_low_);
        for (uint32_t i = 0; i < before; ++i) {
            const int32_t key = keys_[i];
            const Link link = links_[i];
            const bool stays = key <= order;
            far[away] = Member{from_order(key), link};
            away += !stays;
            low = stays ? low : std::min(low, key);
            keys_[kept] = key;
            links_[kept] = link;
            kept += stays;
        }
        rest_.take_back(before - away);
        rest_low_ = from_order(low);
        for (uint32_t i = kept; i < before; ++i)
            keys_[i] = kTop;
        count_ = kept;
        least_ = kUnknown;
    }

    // Keeps about the nearer half of a full window: those below the middle one of a sample. Of many equal ones it keeps
    // less, or none.
    void halve() {
        int32_t sample[kSample];
        const uint32_t step = count_ / kSample;
        for (uint32_t i = 0; i < kSample; ++i)
            sample[i] = keys_[i * step];
        for (uint32_t i = 1; i < kSample; ++i)
            for (uint32_t k = i; k > 0; --k) {
                const int32_t a = sample[k - 1], b = sample[k];
                sample[k - 1] = std::min(a, b);
                sample[k] = std::max(a, b);
            }
        const int32_t middle = sample[kSample / 2];
        set_aside(middle == std::numeric_limits<int32_t>::min() ? middle : middle - 1);
        limit_ = std::min(limit_, rest_low_);
    }

    // Fills the empty window from the heap.
    void refill() {
        while (!rest_.empty() && count_ < wide_ / 2) {
            const Member member = rest_.pop();
            add(member.key, member.link);
        }
        rest_low_ = rest_.empty() ? kInfinity : rest_.top().key;
        limit_ = std::min(bound_, rest_low_);
    }

    LazyHeap<Member, Nearer> rest_;
    float rest_low_ = kInfinity; // the nearest of rest_
    float limit_ = kInfinity;    // what is not nearer goes to rest_
    float bound_ = kInfinity;
    float dropped_ = kInfinity;
    size_t wide_ = kLeast;
    uint32_t count_ = kRoom; // so that the first clear() fills all
    mutable uint32_t least_ = kUnknown;
    int32_t keys_[kRoom]; // of the window, as integers of the same order
    Link links_[kRoom];
};

} // namespace vecx::hnsw::inlined
