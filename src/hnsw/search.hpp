// Search of one level (Algorithm 2 of the paper) and the descent from the entry point, on the page store.
#pragma once

#include "base/heap.hpp"
#include "hnsw/reader.hpp"

namespace vecx::hnsw {

// What searches need besides the store; made once per operation, so that no hop allocates.
template <NodeStore S>
struct SearchState {
    NodeReader<S> reader;
    FlatSet<kKeyStateMask> visited;
    Heap<Candidate, Nearer> frontier;
    Heap<Candidate, Farther> best;
    Array<Candidate> points; // in: where to start; out: what was found, nearest first
    Link links[2 * kMaxM];

    // For insertion: nodes met at exactly this distance (NaN: none) that have room for another heap TID. Of many
    // equal nodes most are full, and those with room need not be among the results.
    double self_key = std::numeric_limits<double>::quiet_NaN();
    static constexpr uint32_t kMaxOpen = 8;
    Link open[kMaxOpen];
    uint32_t open_count = 0;

    // A search of a level ends where it meets this node (none: it goes on), and tells that it has met it.
    Link sought{};
    bool met = false;

    SearchState(S &store, Arena &arena, const Measure &measure)
        : reader(store, arena, measure), visited(arena), frontier(arena), best(arena), points(arena) {}
};

enum class DeadNodes : uint8_t {
    pass, // they lead on but are not among the results
    keep, // they are results like others: for descending
};

// The `ef` nodes nearest to `query` among those reachable from s.points at `level`; they replace s.points, in
// ascending order. With DeadNodes::pass, `except` and dead nodes are left out. Leaves s.points empty when it
// finds none. Ends on any graph, also on one made of garbage: each link is followed once.
template <NodeStore S>
Status search_layer(SearchState<S> &s, Payload query, int level, uint32_t ef, DeadNodes dead, Link except = {}) {
    s.visited.clear();
    s.frontier.clear();
    s.best.clear();
    s.open_count = 0;
    s.met = false;
    auto meet = [&](Link link, const Visit &visit) {
        s.met |= link == s.sought;
        if (visit.key == s.self_key && visit.tid_count < kTidsPerNode && !visit.dead && s.open_count < s.kMaxOpen)
            s.open[s.open_count++] = link;
        if (s.best.size() >= ef && visit.key >= s.best.top().key)
            return;
        s.frontier.push(Candidate{visit.key, link});
        if (dead == DeadNodes::pass && (visit.dead || link == except))
            return;
        s.best.push(Candidate{visit.key, link});
        if (s.best.size() > ef)
            s.best.pop();
    };
    Visit visit;
    for (const Candidate &point : s.points) {
        if (!s.visited.add(point.link.key()))
            continue;
        // Read again: it may have died, or been found by a search that kept the dead.
        VECX_TRY(s.reader.distance(point.link, query, &visit));
        if (visit.found)
            meet(point.link, visit);
    }
    while (!s.frontier.empty() && !s.met) {
        if (s.best.size() >= ef && s.frontier.top().key > s.best.top().key)
            break;
        Candidate nearest = s.frontier.pop();
        s.reader.store().poll();
        uint32_t count;
        VECX_TRY(s.reader.links(nearest.link, level, s.links, &count));
        for (uint32_t i = 0; i < count; ++i) {
            if (!s.visited.add(s.links[i].key()))
                continue;
            VECX_TRY(s.reader.distance(s.links[i], query, &visit));
            if (visit.found && visit.level >= level)
                meet(s.links[i], visit);
        }
    }
    s.points.resize_uninitialized(s.best.size());
    for (size_t i = s.best.size(); i-- > 0;)
        s.points[i] = s.best.pop();
    return Status{};
}

// How many nodes the descent keeps on each level. The paper's one is lost in clustered data: where the neighbours of a node
// are of its own cluster and a few others none of which lies towards the query, it stops in the wrong cluster, and the search
// of level 0 ends there. README.md, "The descent", has what was measured.
constexpr uint32_t kDescentWidth = 8;

// From the entry point down to `target` + 1: leaves in s.points the nearest nodes found there, dead or alive, nearest first,
// at most kDescentWidth. Leaves it empty when the entry point is gone.
template <NodeStore S>
Status greedy_descend(SearchState<S> &s, Payload query, Link entry, int entry_level, int target) {
    s.points.clear();
    Visit visit;
    VECX_TRY(s.reader.distance(entry, query, &visit));
    if (!visit.found)
        return Status{};
    s.points.push_back(Candidate{visit.key, entry});
    for (int level = entry_level; level > target; --level) {
        Candidate before = s.points[0];
        VECX_TRY(search_layer(s, query, level, kDescentWidth, DeadNodes::keep));
        if (s.points.empty()) // freed while we looked
            s.points.push_back(before);
    }
    return Status{};
}

// greedy_descend from the entry point that the metapage names. VACUUM names another before it frees one: so when it
// is gone, the metapage is read again. s.points stays empty when the graph is empty or its entry point is gone for
// good, which only damage can bring about.
template <NodeStore S>
Status enter_graph(SearchState<S> &s, MetaRecord *meta, Payload query, int target) {
    for (;;) {
        s.points.clear();
        if (meta->entry.none())
            return Status{};
        VECX_TRY(greedy_descend(s, query, meta->entry, meta->entry_level, target));
        if (!s.points.empty())
            return Status{};
        const Link gone = meta->entry;
        VECX_TRY(read_meta(s.reader.store(), meta));
        if (meta->entry == gone)
            return Status{};
        s.reader.store().poll();
    }
}

} // namespace vecx::hnsw
