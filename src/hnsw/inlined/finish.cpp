// What is done to a graph in memory when all rows are in it: where searches enter, that they reach everything, and
// the order in which nodes are written. See graph.hpp.
#include <algorithm>
#include <cstring>

#include "base/rng.hpp"
#include "hnsw/inlined/graph.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr uint64_t kSeed = 0x656e7472; // two builds of one graph have the same entry
constexpr uint32_t kSampleFor = 16;    // nodes looked at for each place of the entry node
constexpr uint32_t kPollEvery = 1024;  // nodes

struct Closer {
    float distance;
    uint32_t id;
};

} // namespace

// As k-means++ chooses its centres (Arthur and Vassilvitskii, SODA 2007), from a sample: each with a probability in
// proportion to its squared distance from those already chosen.
void Graph::choose_entries(uint32_t places, Array<uint32_t> *out, const Poll &poll) {
    out->clear();
    const uint32_t all = nodes();
    const uint32_t n = static_cast<uint32_t>(std::min<uint64_t>(all, static_cast<uint64_t>(kSampleFor) * places));
    if (n == 0)
        return;
    auto sampled = [&](uint32_t i) { return static_cast<uint32_t>(static_cast<uint64_t>(i) * all / n); };
    float *away = arena_->make_array<float>(n);
    for (uint32_t i = 0; i < n; ++i)
        away[i] = __FLT_MAX__;
    Rng rng(kSeed);
    uint32_t chosen = static_cast<uint32_t>(rng.below(n));
    for (;;) {
        out->push_back(sampled(chosen));
        if (out->size() == std::min(places, n))
            break;
        poll(0, all);
        const Node *c = node(sampled(chosen));
        unpack_for(c);
        double sum = 0;
        for (uint32_t i = 0; i < n; ++i) {
            away[i] = i == chosen ? 0 : std::min(away[i], distance(node(sampled(i)), c));
            sum += static_cast<double>(away[i]);
        }
        if (!(sum > 0))
            break; // the others are where these are
        double at = rng.uniform() * sum;
        for (chosen = 0; chosen + 1 < n && (at -= static_cast<double>(away[chosen])) > 0; ++chosen) {
        }
        while (away[chosen] == 0) // rounding led past the last
            chosen = chosen == 0 ? n - 1 : chosen - 1;
    }
    arena_->give_back(away);
}

// Marks what can be reached from `id`; Node::next remembers from where.
void Graph::reach_from(uint32_t id, Array<uint32_t> *queue, uint64_t *reached, const Poll &poll) {
    queue->clear();
    queue->push_back(id);
    while (!queue->empty()) {
        uint32_t from = queue->back();
        queue->pop_back();
        const Node *n = node(from);
        if (++*reached % kPollEvery == 0)
            poll(*reached, nodes());
        for (uint32_t i = 0; i < n->count; ++i) {
            uint32_t to = neighbour(n, i);
            Node *other = node(to);
            if (other->mark != 0)
                continue;
            other->mark = 1;
            other->next = from;
            queue->push_back(to);
        }
    }
}

// Links a node that nothing leads to from the nearest one that is reached and can spare a place: a free one, or one
// whose neighbour is reached another way.
bool Graph::link_reachable(uint32_t id) {
    Node *n = node(id);
    search(n, id);
    for (uint32_t i = 0; i < pool_count_; ++i) {
        Node *from = node(pool_[i].id);
        if (from->mark == 0)
            continue;
        uint32_t place = from->count;
        if (place == places_) {
            place = kNone;
            uint32_t lowest = 0;
            for (uint32_t k = places_; k-- > 0;) {
                uint32_t entry = ids(from)[k], rank = entry >> kRankShift;
                if (node(entry & kIdMask)->next == pool_[i].id || (place != kNone && rank <= lowest))
                    continue;
                place = k;
                lowest = rank;
            }
            if (place == kNone)
                continue;
        } else {
            ++from->count;
        }
        ids(from)[place] = id; // the list is no longer sorted: nobody minds from here on
        if (options_.keep_keys)
            keys(from)[place] = pool_[i].key;
        n->mark = 1;
        n->next = pool_[i].id;
        return true;
    }
    return false;
}

void Graph::make_reachable(const Array<uint32_t> &entries, const Poll &poll) {
    Array<uint32_t> queue(*arena_);
    uint64_t reached = 0;
    const uint32_t all = nodes();
    for (uint32_t id = 0; id < all; ++id) {
        node(id)->mark = 0;
        node(id)->next = kNone;
    }
    starts_ = &entries;
    for (uint32_t id : entries)
        node(id)->mark = 1;
    for (uint32_t id : entries)
        reach_from(id, &queue, &reached, poll);
    for (uint32_t id = 0; id < all; ++id) {
        if (node(id)->mark != 0)
            continue;
        poll(reached, all);
        // If not one place is free, the node is left to the sweep at the end of a scan and to the next VACUUM.
        if (link_reachable(id))
            reach_from(id, &queue, &reached, poll);
    }
    starts_ = nullptr;
    queue.give_back();
}

void Graph::order_nodes(const Array<uint32_t> &entries, uint32_t per_page, Array<uint32_t> *order, const Poll &poll) {
    const uint32_t all = nodes();
    Array<uint32_t> queue(*arena_); // breadth first from the entries
    Array<uint8_t> queued(*arena_);
    Array<Closer> close(*arena_);
    order->clear();
    order->reserve(all);
    queue.reserve(all);
    queued.resize_uninitialized(all);
    close.reserve(places_);
    for (uint32_t id = 0; id < all; ++id) {
        node(id)->next = kNone;
        queued[id] = 0;
    }
    auto meet = [&](uint32_t id) {
        if (queued[id] == 0) {
            queued[id] = 1;
            queue.push_back(id);
        }
    };
    auto place = [&](uint32_t id) {
        node(id)->next = static_cast<uint32_t>(order->size());
        order->push_back(id);
    };
    // The rest of the page goes to the nearest neighbours of the node that it begins with, then to those of the others on it.
    auto fill_page = [&](uint32_t first) {
        for (size_t at = first; at < order->size() && order->size() % per_page != 0; ++at) {
            const Node *n = node((*order)[at]);
            unpack_for(n);
            close.clear();
            for (uint32_t i = 0; i < n->count; ++i) {
                const uint32_t id = neighbour(n, i);
                if (node(id)->next == kNone)
                    close.push_back(Closer{distance(node(id), n), id});
            }
            std::sort(close.begin(), close.end(), [](const Closer &x, const Closer &y) {
                return x.distance != y.distance ? x.distance < y.distance : x.id < y.id;
            });
            for (size_t i = 0; i < close.size() && order->size() % per_page != 0; ++i)
                if (node(close[i].id)->next == kNone) // a list that others read while it changed may have one twice
                    place(close[i].id);
        }
    };
    uint32_t done = 0;
    auto follow = [&] {
        for (; done < queue.size(); ++done) {
            if (done % kPollEvery == 0)
                poll(done, all);
            const Node *n = node(queue[done]);
            for (uint32_t i = 0; i < n->count; ++i)
                meet(neighbour(n, i));
            if (n->next == kNone) {
                const uint32_t first = static_cast<uint32_t>(order->size());
                place(queue[done]);
                fill_page(first);
            }
        }
    };
    for (uint32_t id : entries)
        meet(id);
    follow();
    for (uint32_t id = 0; id < all; ++id) {
        meet(id);
        follow();
    }
    queue.give_back();
    queued.give_back();
    close.give_back();
}

} // namespace vecx::hnsw::inlined
