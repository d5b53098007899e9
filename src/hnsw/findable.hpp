// Whether a search for a node's own vector comes to the node, and if not, where it ends.
#pragma once

#include "hnsw/search.hpp"

namespace vecx::hnsw {

// How many nodes such a search keeps: half of what a scan keeps by default, so that a scan has some to spare.
constexpr uint32_t kFindWidth = 20;

// Searches for `payload`, which is `node`'s and `self_key` away from itself, as a scan does: down from the entry point, then
// from the nearest node found there. Stops where it meets `node`. `missed_at` is -1 when it does, or when so many others are
// as near (copies, inner products) that a search may do without it; also in an empty graph. Otherwise it is the level on
// which the search misses it: 1 when the node is on that level and the descent does not come to it, else 0; s.points are
// then the nodes found on that level, nearest first, on level 1 dead ones too. Reads only.
template <NodeStore S>
Status seek(SearchState<S> &s, MetaRecord *meta, Payload payload, Link node, int level, double self_key, int *missed_at) {
    *missed_at = -1;
    VECX_TRY(enter_graph(s, meta, payload, 0));
    if (s.points.empty())
        return Status{};
    auto misses = [&](uint32_t width) { return s.points.size() < width || s.points[s.points.size() - 1].key > self_key; };
    if (level > 0 && meta->entry_level > 0) {
        bool met = false;
        for (const Candidate &c : s.points)
            met |= c.link == node;
        if (!met && misses(kDescentWidth)) {
            *missed_at = 1;
            return Status{};
        }
    }
    s.points.resize_uninitialized(1);
    s.sought = node;
    const Status status = search_layer(s, payload, 0, kFindWidth, DeadNodes::pass);
    s.sought = Link{};
    VECX_TRY(status);
    if (!s.met && misses(kFindWidth))
        *missed_at = 0;
    return Status{};
}

} // namespace vecx::hnsw
