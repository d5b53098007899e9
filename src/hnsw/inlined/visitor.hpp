// Visiting nodes of the layouts `inline` and `compact` through links: one page access tells a node's key and, with
// codes, the estimated keys of all its neighbours.
#pragma once

#include <limits>

#include "base/array.hpp"
#include "hnsw/inlined/codec.hpp"
#include "hnsw/meta.hpp"

namespace vecx::hnsw::inlined {

// The rest is only set when `found`: when the link still meets the node it was made for.
struct Visit {
    bool found;
    bool dead;  // no row: leads on
    float key;  // of the stored vector; +infinity for the entry node, whose vector is no row's
    uint32_t count; // neighbours
};

// A neighbour that a visit saw: `key` is estimated (0 in layout compact, which has no codes).
struct Neighbour {
    Link link;
    float key;
};

// Reads nodes of one index for one operation. Every method takes and releases the share lock of a single page;
// "gone" (found == false) is no error.
template <NodeStore S>
class Visitor {
  public:
    Visitor(S &store, const Shape &shape) : store_(&store), shape_(shape) {}

    S &store() { return *store_; }
    const Shape &shape() const { return shape_; }
    uint64_t visits() const { return visits_; }
    uint64_t estimates() const { return estimates_; }
    uint64_t keys() const { return keys_; } // computed from stored vectors

    // A node that will be visited soon, or is the next one (`now`).
    void prefetch(Link link, bool now = false) {
        if constexpr (requires { store_->prefetch(link.block, link.slot, now); })
            store_->prefetch(link.block, link.slot, now);
    }

    // How many nodes to fetch while another is visited: one, for what comes next often changes, or what the store says.
    uint32_t ahead() const {
        if constexpr (requires { store_->ahead(); })
            return store_->ahead();
        return 1;
    }

    // f(const NodeView &) under the share lock, if the node is there. f must not go back to the store.
    template <class F>
    Status look(Link link, bool *found, F f) {
        const char *fault = nullptr;
        *found = false;
        ++visits_;
        VECX_TRY(store_->read(link.block, [&](const PageView &page) {
            NodeView node;
            fault = node_fault(page, shape_, link.slot, &node);
            if (fault != nullptr || node.head == nullptr || node.head->generation != link.generation)
                return;
            *found = true;
            f(node);
        }));
        return fault == nullptr ? Status{} : fault_status(link.block, fault);
    }

    // Visits a node: its key, and its neighbours (without the empty places) to `out`, which has room for kMaxPlaces.
    // f(const NodeView &, float key) runs under the lock, for what else the caller wants of it.
    template <class F>
    Status visit(Link link, const Query &query, Visit *visit, Neighbour *out, F f) {
        return look(link, &visit->found, [&](const NodeView &node) {
            float keys[kMaxPlaces];
            const float base = learn(node, query, visit);
            if (shape_.code_words > 0) {
                estimate(shape_, query, node, base, keys);
                estimates_ += node.head->places;
            }
            visit->count = 0;
            for (uint32_t i = 0; i < node.head->places; ++i)
                if (!node.links[i].none() && node.links[i].slot < kMaxSlots)
                    out[visit->count++] = Neighbour{node.links[i], shape_.code_words > 0 ? keys[i] : 0.0f};
            f(node, visit->key);
        });
    }

    // Only the key of a node: visit->count stays 0. f(const NodeView &) runs under the lock.
    template <class F>
    Status key(Link link, const Query &query, Visit *visit, F f) {
        return look(link, &visit->found, [&](const NodeView &node) {
            (void)learn(node, query, visit);
            visit->count = 0;
            f(node);
        });
    }

    // Only the neighbours of a node, without keys; visit->key is not set.
    Status links(Link link, Visit *visit, Neighbour *out) {
        return look(link, &visit->found, [&](const NodeView &node) {
            visit->dead = node.dead();
            visit->count = 0;
            for (uint32_t i = 0; i < node.head->places; ++i)
                if (!node.links[i].none() && node.links[i].slot < kMaxSlots)
                    out[visit->count++] = Neighbour{node.links[i], 0.0f};
        });
    }

  private:
    float learn(const NodeView &node, const Query &query, Visit *visit) {
        const float key = own_key(shape_, query, *node.head, node.own);
        ++keys_;
        visit->dead = node.dead();
        visit->key = node.is_entry() ? std::numeric_limits<float>::infinity() : key;
        return key;
    }

    S *store_;
    Shape shape_;
    uint64_t visits_ = 0;
    uint64_t estimates_ = 0;
    uint64_t keys_ = 0;
};

// Calls f(slot, const NodeView &) for every node of a block, under its share lock.
template <NodeStore S, class F>
Status for_each_node(S &store, const Shape &shape, uint32_t block, F f) {
    const char *fault = nullptr;
    VECX_TRY(store.read(block, [&](const PageView &page) {
        if ((fault = page_fault(page)) != nullptr)
            return;
        for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
            NodeView node;
            if ((fault = node_fault(page, shape, static_cast<uint16_t>(i), &node)) != nullptr)
                return;
            if (node.head != nullptr)
                f(static_cast<uint16_t>(i), node);
        }
    }));
    return fault == nullptr ? Status{} : fault_status(block, fault);
}

} // namespace vecx::hnsw::inlined
