// Neighbour selection of the layouts `inline` and `compact`: the diverse ones first (Algorithm 4 of arXiv 1603.09320),
// then places that are left go to those that a relaxed form of the rule admits (alpha of DiskANN, Subramanya et al.,
// NeurIPS 2019). A larger alpha from the start loses, and so does filling with the nearest: ../experiments.md, section 3.
#pragma once

#include <cstdint>

#include "hnsw/select.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw::inlined {

constexpr float kFillAlpha = 1.2f; // of distances

constexpr int32_t kWideDim = 256; // dimensions from which on a wider search for neighbours pays; ../experiments.md, section 11

// How many candidates neighbours are chosen from, and so how wide the search for them is, in builds, inserts and repairs.
inline uint32_t candidates_for(uint32_t ef_construction, int32_t dim) {
    return dim < kWideDim ? ef_construction : ef_construction + ef_construction / 2;
}

// The largest key between a candidate and a chosen neighbour at which the second rule still leaves the candidate out,
// whose own key is `key`: under l2 and cosine keys are squares.
inline float fill_bound(Metric metric, float key) {
    const float factor = metric == Metric::ip ? kFillAlpha : kFillAlpha * kFillAlpha;
    return key > 0 ? key / factor : key * factor;
}

// Chooses up to `places` of `n` candidates; `key(i)` is the key (codec.hpp) from the base to candidate i, ascending in
// i; `between(i, j)` that between two candidates. `chosen` has room for `places` and receives the indices, those of
// the first rule before those of the second, each ascending. Returns how many: places may stay free, which later
// nodes fill. All of them are chosen when there are not more than half the places.
template <class Key, class Between>
uint32_t select_diverse(Metric metric, uint32_t n, uint32_t places, Key key, Between between, uint32_t *chosen) {
    uint32_t count = 0;
    if (n <= places / 2) {
        for (uint32_t i = 0; i < n; ++i)
            chosen[count++] = i;
        return count;
    }
    for (uint32_t i = 0; i < n && count < places; ++i) {
        bool left_out = false;
        for (uint32_t r = 0; r < count && !left_out; ++r)
            left_out = stands_between(between(i, chosen[r]), key(i), key(chosen[r]));
        if (!left_out)
            chosen[count++] = i;
    }
    const uint32_t diverse = count;
    for (uint32_t i = 0, next = 0; i < n && count < places; ++i) {
        if (next < diverse && chosen[next] == i) {
            ++next;
            continue;
        }
        const float bound = fill_bound(metric, key(i));
        bool left_out = false;
        for (uint32_t r = 0; r < count && !left_out; ++r) {
            const float d = between(i, chosen[r]);
            left_out = d < bound || (d == bound && d == key(chosen[r]));
        }
        if (!left_out)
            chosen[count++] = i;
    }
    return count;
}

} // namespace vecx::hnsw::inlined
