// The search of a repair, for nodes that nothing leads to any more.
#pragma once

#include <span>

#include "base/flat_set.hpp"
#include "base/heap.hpp"
#include "hnsw/inlined/codes.hpp"

namespace vecx::hnsw::inlined {

struct Scored {
    float key;
    Link link;
};
struct ScoredNearer {
    bool operator()(const Scored &a, const Scored &b) const { return a.key < b.key; }
};
struct ScoredFarther {
    bool operator()(const Scored &a, const Scored &b) const { return a.key > b.key; }
};

// Best-first from the entry point by coarse keys, over pages; the dead lead on. Ends after a number of hops that depends
// on `ef` only.
template <NodeStore S>
class Seeker {
  public:
    Seeker(S &store, Visitor<S> &visitor, CodeCache<S> &codes, Arena &arena, const Shape &shape)
        : store_(&store), visitor_(&visitor), codes_(&codes), shape_(shape), frontier_(arena), best_(arena), visited_(arena),
          nearest_(arena) {}

    // The nearest living nodes that a search of width `ef` meets, nearest first, `except` left out. `query` must be pinned.
    Status search(const Code &query, Link except, size_t ef) {
        MetaRecord meta;
        nearest_.clear();
        VECX_TRY(read_meta(*store_, &meta));
        frontier_.clear();
        best_.clear();
        visited_.clear();
        blocks_ = store_->block_count();
        if (meta.entry.none() || meta.entry.block >= blocks_)
            return Status{};
        frontier_.push(Scored{0, meta.entry});
        visited_.add(meta.entry.key());
        visited_.add(except.key());
        const size_t most = 16 * ef + 256;
        for (size_t hops = 0; !frontier_.empty() && hops < most; ++hops) {
            const Scored next = frontier_.pop();
            if (best_.size() >= ef && next.key > best_.top().key)
                break;
            uint32_t count = 0;
            bool found;
            store_->poll();
            VECX_TRY(visitor_->look(next.link, &found, [&](const NodeView &node) {
                for (uint32_t k = 0; k < node.head->places; ++k)
                    if (!node.links[k].none() && node.links[k].slot < kMaxSlots && node.links[k].block != kMetaBlock)
                        next_[count++] = node.links[k];
            }));
            if (hops == 0 && next.link != except) // in a small index the entry point is a node with a row
                VECX_TRY(meet(next.link, query, ef));
            for (uint32_t k = 0; k < count; ++k)
                codes_->prefetch(next_[k]);
            for (uint32_t k = 0; k < count; ++k)
                if (visited_.add(next_[k].key()))
                    VECX_TRY(meet(next_[k], query, ef));
        }
        while (!best_.empty())
            nearest_.push_back(best_.pop());
        std::reverse(nearest_.begin(), nearest_.end());
        return Status{};
    }
    std::span<const Scored> found() const { return {nearest_.data(), nearest_.size()}; }
    void forget() { nearest_.clear(); }

  private:
    Status meet(Link link, const Code &query, size_t ef) {
        if (link.block >= blocks_ && link.block >= (blocks_ = store_->block_count()))
            return Status{};
        Code code;
        bool found, dead;
        VECX_TRY(codes_->get(link, false, &code, &found, &dead));
        if (!found)
            return Status{};
        const float key = key_between(shape_, query, code);
        if (best_.size() < ef || key < best_.top().key)
            frontier_.push(Scored{key, link});
        if (dead)
            return Status{};
        best_.push(Scored{key, link});
        if (best_.size() > ef)
            best_.pop();
        return Status{};
    }

    S *store_;
    Visitor<S> *visitor_;
    CodeCache<S> *codes_;
    Shape shape_;
    uint32_t blocks_ = 0;
    Heap<Scored, ScoredNearer> frontier_;
    Heap<Scored, ScoredFarther> best_;
    FlatSet<kKeyStateMask> visited_;
    Array<Scored> nearest_;
    Link next_[256];
};

} // namespace vecx::hnsw::inlined
