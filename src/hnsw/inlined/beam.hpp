// Best-first search over the nodes of the layouts `inline` and `compact`, which can be continued: what scans and inserts
// are made of. README.md, "Search", has the picture.
#pragma once

#include <algorithm>

#include "base/flat_set.hpp"
#include "base/heap.hpp"
#include "hnsw/inlined/frontier.hpp"
#include "hnsw/inlined/visitor.hpp"

namespace vecx::hnsw::inlined {

// Who searches. look() runs under the share lock of the node's page: it only looks and copies; it may declare the node
// dead, one that leads on and counts for nothing. met() follows for the same node with no page locked, and may allocate.
template <class T>
concept Searcher = requires(T &t, const NodeView &node, Link link, Visit &visit) {
    { t.look(node, link, visit) };
    { t.met(link, visit) };
};

// A search visits nodes nearest first. The look-ahead T ("target") says when it may stop: when T living nodes have
// been visited that are nearer than everything known and not yet followed. With codes, a node is followed when it
// is visited, and where to go next is told by estimates; a neighbour is estimated anew by each node that leads to
// it, and the best estimate counts. Without codes a node is visited to learn its key, and followed by reading it again.
// Each node is visited once, so a search ends on any graph. Nothing is allocated in a hop but when an array grows.
template <NodeStore S>
class Beam {
  public:
    Beam(Visitor<S> &visitor, Arena &arena)
        : visitor_(&visitor), coded_(visitor.shape().code_words > 0), visited_(arena), frontier_(arena), best_(arena),
          outside_(arena) {
        visited_.reserve(kUsualNodes);
    }

    // Forgets everything and starts at `entry`. `found` is false when nothing is there.
    template <Searcher T>
    Status start(Link entry, const Query &query, size_t target, T &searcher, bool *found) {
        visited_.clear();
        frontier_.clear();
        best_.clear();
        outside_.clear();
        nodes_ = 0;
        set_target(target);
        visited_.add(entry.key());
        return coded_ ? follow(entry, query, searcher, found) : learn(entry, query, searcher, found);
    }

    // T may only grow.
    void set_target(size_t target) {
        target_ = target;
        while (best_.size() < target_ && !outside_.empty())
            best_.push(outside_.pop());
        frontier_.set_bound(bound(), std::min<size_t>(target_, Frontier::kMost));
    }

    // Nothing is left to follow: all that can be reached has been visited.
    bool exhausted() const { return frontier_.empty(); }
    // The T nearest are found, as far as this search can know.
    bool done() const { return frontier_.empty() || (best_.size() >= target_ && frontier_.nearest() >= best_.top()); }
    bool full() const { return best_.size() >= target_; }
    // What tidy() took away would have to be followed now that T has grown.
    bool lost() const { return frontier_.dropped() < bound(); }

    // One step: follows the nearest node, if there is one.
    template <Searcher T>
    Status hop(const Query &query, T &searcher) {
        if (frontier_.empty()) // tidy() took the last
            return Status{};
        const Link link = frontier_.pop();
        bool found;
        visitor_->store().poll(); // also for what is dropped: at the end of a long scan it is all that is left, millions of it
        if (coded_) {
            if (!visited_.add(link.key()))
                return Status{}; // it came with several estimates; the best was taken before
            visitor_->prefetch(link, true);
            frontier_.peek(visitor_->ahead(), [&](Link next) { visitor_->prefetch(next); });
        }
        return follow(link, query, searcher, &found);
    }

    uint64_t nodes() const { return nodes_; } // visited since start()
    // The state of a visited node's entry: kKeyStateMask is the caller's. Null when it was not visited.
    uint64_t *state(Link link) { return visited_.find(link.key()); }
    // Notes something else (a node returned by other means) as visited.
    uint64_t *note(Link link) {
        bool fresh;
        return visited_.insert(link.key(), &fresh);
    }

    // What the search will occupy at most after one more hop.
    size_t bytes_after_hop() const {
        return visited_.bytes_after(kMaxPlaces) + frontier_.bytes_after(kMaxPlaces) + best_.bytes_after(kMaxPlaces) +
               outside_.bytes_after(kMaxPlaces);
    }
    // Makes room in what it occupies; false when that did not help much. Nothing may be left to follow then. Without codes
    // all of the frontier was visited, and is still to be followed.
    bool tidy() {
        return coded_ && frontier_.purge([&](Link n) { return visited_.has(n.key()); });
    }
    // Gives back all but the visited set.
    void give_back() {
        frontier_.give_back();
        best_.give_back();
        outside_.give_back();
    }

  private:
    static constexpr size_t kUsualNodes = 160;

    struct Less {
        bool operator()(float a, float b) const { return a < b; }
    };
    struct Greater {
        bool operator()(float a, float b) const { return a > b; }
    };

    // NaN sorts last.
    static float ordered(float key) { return key == key ? key : std::numeric_limits<float>::infinity(); }

    float bound() const { return full() ? best_.top() : std::numeric_limits<float>::infinity(); }

    // Reads a node and offers its neighbours; with codes, this is its visit.
    template <Searcher T>
    Status follow(Link link, const Query &query, T &searcher, bool *found) {
        Visit visit;
        if (coded_) {
            VECX_TRY(visitor_->visit(link, query, &visit, neighbours_,
                                     [&](const NodeView &node, float) { searcher.look(node, link, visit); }));
        } else {
            VECX_TRY(visitor_->links(link, &visit, neighbours_));
        }
        *found = visit.found;
        if (!visit.found)
            return Status{};
        if (coded_) {
            count(link, visit, searcher);
            frontier_.offer_all(neighbours_, visit.count, [&](Link n) { return visited_.has(n.key()); });
            return Status{};
        }
        uint32_t fresh = 0;
        for (uint32_t i = 0; i < visit.count; ++i)
            if (visited_.add(neighbours_[i].link.key()))
                neighbours_[fresh++] = neighbours_[i];
        for (uint32_t i = 0; i < fresh && i < kKeysAhead; ++i)
            visitor_->prefetch(neighbours_[i].link);
        for (uint32_t i = 0; i < fresh; ++i) {
            if (i + kKeysAhead < fresh)
                visitor_->prefetch(neighbours_[i + kKeysAhead].link);
            bool there;
            visitor_->store().poll(); // each may have to come from the disk
            VECX_TRY(learn(neighbours_[i].link, query, searcher, &there));
        }
        return Status{};
    }

    // Without codes: visits a node for its key.
    template <Searcher T>
    Status learn(Link link, const Query &query, T &searcher, bool *found) {
        Visit visit;
        VECX_TRY(visitor_->key(link, query, &visit, [&](const NodeView &node) { searcher.look(node, link, visit); }));
        *found = visit.found;
        if (!visit.found)
            return Status{};
        count(link, visit, searcher);
        frontier_.offer(ordered(visit.key), link);
        return Status{};
    }

    template <Searcher T>
    void count(Link link, const Visit &visit, T &searcher) {
        ++nodes_;
        searcher.met(link, visit);
        if (visit.dead)
            return;
        const float key = ordered(visit.key);
        if (best_.size() < target_) {
            best_.push(key);
        } else if (key < best_.top()) {
            outside_.push(best_.pop());
            best_.push(key);
        } else {
            outside_.push(key);
            return;
        }
        if (full())
            frontier_.tighten(best_.top());
    }

    static constexpr uint32_t kKeysAhead = 2; // nodes fetched while another is visited, without codes: this order is certain

    Visitor<S> *visitor_;
    bool coded_;
    size_t target_ = 1;
    uint64_t nodes_ = 0;
    FlatSet<kKeyStateMask> visited_;
    Frontier frontier_;
    Heap<float, Greater> best_;  // keys of the T nearest living nodes visited, the farthest on top
    LazyHeap<float, Less> outside_; // keys of the other living nodes visited
    Neighbour neighbours_[kMaxPlaces];
};

} // namespace vecx::hnsw::inlined
