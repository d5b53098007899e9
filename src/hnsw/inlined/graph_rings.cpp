// The rings (ring.hpp) of a graph in memory, when all rows are in it. See graph.hpp.
#include <cstring>

#include "base/rng.hpp"
#include "hnsw/inlined/graph.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr uint32_t kPollEvery = 1024; // nodes

} // namespace

// `to` becomes the first neighbour. What was first moves to where `to` was, else behind the others, else over the last.
void Graph::set_ring_link(uint32_t id, uint32_t to) {
    Node *n = node(id);
    if (n->ring == 0) {
        uint32_t at = 0;
        while (at < n->count && neighbour(n, at) != to)
            ++at;
        if (at == n->count && n->count < places_)
            ++n->count;
        else if (at == n->count)
            --at;
        ids(n)[at] = ids(n)[0];
        if (options_.keep_keys)
            keys(n)[at] = keys(n)[0];
        n->ring = 1;
    }
    for (uint32_t at = 1; at < n->count; ++at) // none twice
        if (neighbour(n, at) == to) {
            --n->count;
            ids(n)[at] = ids(n)[n->count];
            if (options_.keep_keys)
                keys(n)[at] = keys(n)[n->count];
        }
    ids(n)[0] = to;
    if (options_.keep_keys)
        keys(n)[0] = 0;
}

// The buckets find nodes of one code now; nodes with equal rows are not looked for any more. Codes are coarse: in a ring may be nodes whose
// vectors are as good as equal.
void Graph::link_rings(const Poll &poll) {
    const uint32_t all = nodes();
    if (shape_.attributes == 0)
        return;
    for (uint32_t i = 0; i < options_.buckets; ++i)
        buckets_[i] = 0;
    for (uint32_t id = 0; id < all; ++id) {
        if (id % kPollEvery == 0)
            poll(id, all);
        Node *n = node(id);
        uint64_t hash = 0, word;
        for (uint32_t k = 0; k < code_size_; k += 8) {
            memcpy(&word, code(n) + k, 8);
            hash = mix64(hash ^ word);
        }
        uint32_t *bucket = &buckets_[hash & (options_.buckets - 1)], at = *bucket;
        for (; at != 0; at = node(at - 1)->next) {
            const Node *other = node(at - 1);
            if (other->scale == n->scale && other->extra == n->extra && memcmp(code(other), code(n), code_size_) == 0)
                break;
        }
        if (at == 0) {
            n->next = *bucket;
            *bucket = id + 1;
            continue;
        }
        const Node *other = node(at - 1);
        set_ring_link(id, other->ring != 0 ? neighbour(other, 0) : at - 1);
        set_ring_link(at - 1, id);
    }
}

} // namespace vecx::hnsw::inlined
