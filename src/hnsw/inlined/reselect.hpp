// Choosing among what was gathered around a node that lost neighbours.
#pragma once

#include <algorithm>
#include <limits>

#include "hnsw/inlined/gather.hpp"
#include "hnsw/inlined/select.hpp"

namespace vecx::hnsw::inlined {

class Reselection {
  public:
    Reselection(Arena &arena, const Shape &shape, size_t candidates)
        : chosen(arena), shape_(shape), candidates_(candidates), sorted_(arena), ranked_(arena), memo_(arena), order_(arena) {}

    Array<uint32_t> chosen; // indices into the pool

    // Selects up to `places` of the pool, which becomes sorted. Equal keys come in an order that differs from base to base:
    // among many equal vectors each then has its share of links.
    void choose(Link base, uint32_t places, Array<Member> &pool) {
        sort(base, pool);
        const uint32_t n = static_cast<uint32_t>(std::min(pool.size(), std::max(candidates_, 2 * size_t{places})));
        // Both passes of the selection ask for the same distances: column r of the memo is for the r-th one chosen.
        constexpr float kUnknown = -std::numeric_limits<float>::infinity();
        memo_.resize_uninitialized(size_t{n} * places);
        order_.resize_uninitialized(n);
        std::fill(memo_.begin(), memo_.end(), kUnknown);
        std::fill(order_.begin(), order_.end(), kNobody);
        uint32_t columns = 0;
        chosen.resize_uninitialized(places);
        chosen.resize_uninitialized(select_diverse(
            shape_.metric, n, places, [&](uint32_t i) { return pool[i].key; },
            [&](uint32_t i, uint32_t j) {
                if (order_[j] == kNobody)
                    order_[j] = columns++;
                float &m = memo_[size_t{i} * places + order_[j]];
                if (m == kUnknown)
                    m = key_between(shape_, pool[i].code, pool[j].code);
                return m;
            },
            chosen.data()));
    }

    // Where a dead neighbour led to, one of its neighbours must take its place, the nearest. The selection leaves all of
    // them out when a chosen one stands between: but that one never had to choose among them, and need not lead there. Over
    // the rounds of deletions a cluster would lose its links from outside.
    void choose_heirs(uint32_t places, const Array<Member> &pool, const Array<uint8_t> &represented) {
        uint32_t top = places;
        for (uint32_t root = 0; root < represented.size(); ++root) {
            if (represented[root] != 0)
                continue;
            uint32_t heir = kNobody;
            bool there = false;
            for (uint32_t c : chosen)
                there |= pool[c].via == root;
            for (uint32_t i = 0; i < pool.size() && heir == kNobody && !there; ++i)
                if (pool[i].via == root)
                    heir = i;
            if (heir == kNobody)
                continue;
            if (chosen.size() < places) {
                chosen.push_back(heir);
                continue;
            }
            while (top > 0 && pool[chosen[top - 1]].place >= 0)
                --top;
            if (top > 0)
                chosen[--top] = heir;
        }
    }

  private:
    struct Ranked {
        float key;
        uint32_t at;
    };

    void sort(Link base, Array<Member> &pool) {
        const uint64_t salt = mix64(base.key());
        ranked_.resize_uninitialized(pool.size());
        for (uint32_t i = 0; i < pool.size(); ++i)
            ranked_[i] = Ranked{pool[i].key, i};
        std::sort(ranked_.begin(), ranked_.end(), [&](const Ranked &a, const Ranked &b) {
            return a.key != b.key ? a.key < b.key : mix64(pool[a.at].link.key() ^ salt) < mix64(pool[b.at].link.key() ^ salt);
        });
        sorted_.resize_uninitialized(pool.size());
        for (size_t i = 0; i < pool.size(); ++i)
            sorted_[i] = pool[ranked_[i].at];
        std::copy(sorted_.begin(), sorted_.end(), pool.begin());
    }

    Shape shape_;
    size_t candidates_;
    Array<Member> sorted_;
    Array<Ranked> ranked_;
    Array<float> memo_;
    Array<uint32_t> order_;
};

} // namespace vecx::hnsw::inlined
