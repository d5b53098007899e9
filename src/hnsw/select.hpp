// Neighbour selection, Algorithm 4 of the paper, without extendCandidates and with keepPrunedConnections.
#pragma once

#include <cstdint>

namespace vecx::hnsw {

// Whether a chosen neighbour at `base_to_chosen` stands between the base and a candidate at `base_to_candidate`:
// it does when it is nearer to the candidate than the base is. On a tie it does only when all three distances
// are equal: so one of many equal vectors is enough, and it does not shut out the rest of the world.
template <class T>
bool stands_between(T candidate_to_chosen, T base_to_candidate, T base_to_chosen) {
    return candidate_to_chosen < base_to_candidate ||
           (candidate_to_chosen == base_to_candidate && base_to_candidate == base_to_chosen);
}

// Chooses up to `m` of `n` candidates; `key(i)` is the distance from the base to candidate i, ascending in i;
// `between(i, j, &d)` computes that between two candidates (bool: false stops, and so does the selection, with
// false). `chosen` receives the indices: first the diverse ones, then the nearest of the pruned ones.
template <class Key, class Between>
bool select_neighbours(uint32_t n, uint32_t m, Key key, Between between, uint32_t *chosen, uint32_t *count) {
    *count = 0;
    if (n <= m) { // all of them, whatever their places
        for (uint32_t i = 0; i < n; ++i)
            chosen[(*count)++] = i;
        return true;
    }
    uint32_t diverse = 0;
    for (uint32_t i = 0; i < n && diverse < m; ++i) {
        bool pruned = false;
        for (uint32_t r = 0; r < diverse && !pruned; ++r) {
            double d;
            if (!between(i, chosen[r], &d))
                return false;
            pruned = stands_between(d, key(i), key(chosen[r]));
        }
        if (!pruned)
            chosen[diverse++] = i;
    }
    // The chosen ones are ascending: one walk finds the nearest of the others.
    uint32_t total = diverse;
    for (uint32_t i = 0, next = 0; i < n && total < m; ++i) {
        if (next < diverse && chosen[next] == i)
            ++next;
        else
            chosen[total++] = i;
    }
    *count = total;
    return true;
}

} // namespace vecx::hnsw
