// Making links: finding neighbours for a node, and offering it to them. What insert and VACUUM's repair share.
#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "base/crash.hpp"
#include "base/rng.hpp"
#include "hnsw/search.hpp"
#include "hnsw/select.hpp"

namespace vecx::hnsw {

constexpr size_t kPayloadCacheBytes = 8 << 20;

// How many neighbours a new node chooses at a level; links offered by later nodes fill the rest of its places.
constexpr uint32_t links_to_choose(int m, int) { return static_cast<uint32_t>(m); }

template <NodeStore S>
class Linker {
  public:
    // Keeps copies of at most about `cache_bytes` of vectors.
    Linker(S &store, Arena &arena, const Measure &measure, const MetaRecord &meta, size_t cache_bytes = kPayloadCacheBytes)
        : search(store, arena, measure), cache(search.reader, cache_bytes), chosen(arena), store_(&store),
          meta_(meta), pool_(arena), payloads_(arena), picks_(arena) {}

    SearchState<S> search;
    PayloadCache<S> cache;
    Array<Candidate> chosen;            // neighbours of the node in hand, level by level from the top
    uint32_t chosen_at[kMaxLevel + 1];  // where a level starts in `chosen`
    uint32_t chosen_count[kMaxLevel + 1];

    const MetaRecord &meta() const { return meta_; }

    // Searches for the neighbours of `query` from `level` down to 0, and chooses them above level 0. What the
    // search of level 0 found stays in search.points, so that insert can look for equal nodes before it pays
    // for choosing (choose_ground). Everything is empty when the graph has no living node to offer. Reads the
    // metapage again; an entry point that is gone is replaced.
    Status find(Payload query, int level, Link except) {
        VECX_TRY(read_meta(*store_, &meta_));
        chosen.clear();
        memset(chosen_count, 0, sizeof chosen_count);
        cache.trim();
        VECX_TRY(enter_graph(search, &meta_, query, level));
        if (search.points.empty()) {
            if (meta_.entry.none())
                return Status{};
            VECX_TRY(replace_entry());
            VECX_TRY(enter_graph(search, &meta_, query, level));
            if (search.points.empty())
                return Status{};
        }
        const Candidate start = search.points[0];
        for (int at = std::min<int>(level, meta_.entry_level); at >= 0; --at) {
            VECX_TRY(search_layer(search, query, at, meta_.ef_construction, DeadNodes::pass, except));
            if (at > 0) {
                VECX_TRY(choose(at));
                if (search.points.empty())
                    search.points.push_back(start);
            }
        }
        return search.points.empty() ? fall_back_to_entry(query, except) : Status{};
    }

    // Chooses among search.points for level 0.
    Status choose_ground() { return choose(0); }

    const Candidate *chosen_begin(int level) const { return chosen.data() + chosen_at[level]; }

    // Chooses up to `most` of `pool` (ascending keys) into picks(); those that are dead or gone drop out.
    Status pick(Array<Candidate> &pool, uint32_t most) {
        picks_.clear();
        if (pool.size() > most) {
            payloads_.clear();
            size_t kept = 0;
            for (size_t i = 0; i < pool.size(); ++i) {
                Payload payload;
                bool found, dead;
                VECX_TRY(cache.get(pool[i].link, &payload, &found, &dead));
                if (!found || dead)
                    continue;
                pool[kept++] = pool[i];
                payloads_.push_back(payload);
            }
            pool.resize_uninitialized(kept);
        }
        picks_.resize_uninitialized(most);
        uint32_t count;
        const Measure &measure = search.reader.measure();
        select_neighbours(
            static_cast<uint32_t>(pool.size()), most, [&](uint32_t i) { return pool[i].key; },
            [&](uint32_t i, uint32_t j, double *d) {
                *d = order_key(measure.distance(measure, payloads_[i], payloads_[j]));
                return true;
            },
            picks_.data(), &count);
        picks_.resize_uninitialized(count);
        return Status{};
    }
    const Array<uint32_t> &picks() const { return picks_; }

    // Offers `node` to all neighbours in `chosen`, from `level` down.
    Status link_back(Link node, int level) {
        for (int at = level; at >= 0; --at)
            for (uint32_t i = 0; i < chosen_count[at]; ++i) {
                store_->poll();
                cache.trim();
                VECX_TRY(offer(chosen[chosen_at[at] + i], at, node));
            }
        return Status{};
    }

    // Offers `node` as a neighbour to `target.link`, `target.key` away, at one level. The target takes it when
    // it has a free place, or when the selection among its neighbours and `node` prefers it to one of them.
    Status offer(Candidate target, int level, Link node) {
        displaced_[0] = displaced_[1] = Link{};
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            bool found, fits = false, known = false, open = false;
            uint32_t count = 0, places = 0, version = 0;
            VECX_TRY(search.reader.look(target.link, &found, [&](const NodeView &view) {
                fits = !view.dead() && level <= view.head->level;
                for (const Link &l : view.links_at(level)) {
                    known |= l == node;
                    open |= l.none() || l.slot >= kMaxSlots;
                    ++places;
                }
                count = NodeReader<S>::copy_links(view, level, old_);
                version = view.head->links_version;
            }));
            if (!found || !fits || known)
                return Status{};
            Link victim{};
            bool tie = false;
            if (!open) {
                bool wanted;
                VECX_TRY(find_victim(target, node, count, places, &victim, &wanted, &tie));
                if (!wanted)
                    return Status{};
            }
            bool done;
            VECX_TRY(replace_link(target.link, level, version, victim, node, &done));
            if (!done)
                continue;
            displaced_[0] = victim;
            // Among equal nodes the newest would push all others out of the lists of those that a search meets
            // first; so it takes over the links it displaces.
            if (tie) {
                VECX_TRY(search.reader.look(node, &found, [&](const NodeView &view) { version = view.head->links_version; }));
                VECX_TRY(replace_link(node, level, version, Link{}, victim, &done));
            }
            return Status{};
        }
        return Status{};
    }

    // Makes `target` link to `node` at `level`, whatever the selection says: in a free place, or over its farthest neighbour,
    // which `node` then links to in its place, if need be over the farthest of `chosen`, and with none chosen over its own
    // farthest neighbour. So nothing is lost that could be reached before.
    Status insist(Candidate target, Link node, int level = 0) {
        displaced_[0] = displaced_[1] = Link{};
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            bool found, fits = false, open = false;
            uint32_t count = 0, version = 0;
            VECX_TRY(search.reader.look(target.link, &found, [&](const NodeView &view) {
                fits = look_at_places(view, level, &open, &count, &version);
                for (uint32_t i = 0; i < count && fits; ++i)
                    fits = !(old_[i] == node);
            }));
            if (!found || !fits)
                return Status{};
            Link victim{};
            bool gone = open;
            if (!open) {
                VECX_TRY(farthest_of_old(target.link, count, &victim, &gone));
                if (victim.none())
                    return Status{};
            }
            bool done;
            VECX_TRY(replace_link(target.link, level, version, victim, node, &done));
            if (!done)
                continue;
            displaced_[0] = gone ? Link{} : victim;
            for (done = gone; !done && attempt < kMaxRetries; ++attempt) {
                Link instead{};
                VECX_TRY(search.reader.look(node, &found, [&](const NodeView &view) {
                    fits = look_at_places(view, level, &open, &count, &version);
                }));
                if (!found || !fits)
                    return Status{};
                if (!open && chosen_count[level] > 0) // the farthest: others lead to it, or it would not have been found
                    instead = chosen_begin(level)[chosen_count[level] - 1].link;
                else if (!open)
                    VECX_TRY(farthest_of_old(node, count, &instead, &gone));
                VECX_TRY(replace_link(node, level, version, instead, victim, &done));
                displaced_[1] = instead;
            }
            return Status{};
        }
        return Status{};
    }

    // The nodes that lost a link by the last offer() or insist(), or none.
    std::span<const Link> displaced() const { return displaced_; }

    // Puts the chosen neighbours into the node's own record; links that it has and that still find a place stay.
    Status write_links(Link node, int level) {
        const char *fault = nullptr;
        VECX_CRASH_SITE("plain.link.own_links");
        VECX_TRY(store_->update(node.block, [&](MutablePage &page) {
            NodeView view;
            fault = node_fault(view_of(page), node.slot, &view);
            if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation)
                return false;
            NodeEdit out = edit(page, view);
            for (int at = std::min<int>(level, view.head->level); at >= 0; --at) {
                if (chosen_count[at] == 0)
                    continue;
                std::span<const Link> places = view.links_at(at);
                Link *begin = out.links + (places.data() - view.links);
                memcpy(old_, begin, places.size_bytes());
                uint32_t n = 0;
                for (; n < chosen_count[at] && n < places.size(); ++n)
                    begin[n] = chosen[chosen_at[at] + n].link;
                uint32_t fresh = n;
                for (uint32_t i = 0; i < places.size() && n < places.size(); ++i)
                    if (!old_[i].none() && std::find(begin, begin + fresh, old_[i]) == begin + fresh)
                        begin[n++] = old_[i];
                std::fill(begin + n, begin + places.size(), Link{});
            }
            ++out.head->links_version;
            return true;
        }));
        return fault == nullptr ? Status{} : fault_status(node.block, fault);
    }

    // Links a node that is already written: searches, writes its links, offers it to its neighbours.
    Status link_node(Link node, Payload payload, int level) {
        VECX_TRY(find(payload, level, node));
        VECX_TRY(choose_ground());
        VECX_TRY(write_links(node, level));
        return link_back(node, level);
    }

    // Finds a living node of the highest level by looking at all pages and makes it the entry point, which was
    // seen to be gone; with no living node the graph becomes empty.
    Status replace_entry() {
        Link best{};
        int best_level = -1;
        for (uint32_t block = 1; block < store_->block_count(); ++block) {
            store_->poll();
            VECX_TRY(for_each_node(*store_, block, [&](uint16_t slot, const NodeView &node) {
                if (node.dead() || node.head->level <= best_level)
                    return;
                best = Link{block, slot, node.head->generation};
                best_level = node.head->level;
            }));
        }
        bool done;
        VECX_TRY(set_entry(*store_, meta_.entry, best, best_level < 0 ? 0 : best_level, &done));
        return read_meta(*store_, &meta_);
    }

    // Sorts by key, equal ones in a random but repeatable order that differs from base to base: among many equal
    // vectors every one then has its share of incoming links.
    static void sort_for(Link base, Array<Candidate> &pool) {
        uint64_t salt = base.key() * 0x9E3779B97F4A7C15ull;
        std::sort(pool.begin(), pool.end(), [salt](const Candidate &a, const Candidate &b) {
            if (a.key != b.key)
                return a.key < b.key;
            return mix64(a.link.key() ^ salt) < mix64(b.link.key() ^ salt);
        });
    }

  private:
    // The links of a node at one level to old_, for insist(); false when it is dead or not on that level.
    bool look_at_places(const NodeView &view, int level, bool *open, uint32_t *count, uint32_t *version) {
        *open = false;
        *count = 0;
        *version = view.head->links_version;
        if (view.dead() || level > view.head->level)
            return false;
        for (const Link &l : view.links_at(level))
            *open |= l.none() || l.slot >= kMaxSlots;
        *count = NodeReader<S>::copy_links(view, level, old_);
        return true;
    }

    // Which of the `count` nodes in old_ is farthest from `base`; one that is dead or gone comes before all (`gone`). None when
    // `base` itself is.
    Status farthest_of_old(Link base, uint32_t count, Link *out, bool *gone) {
        Payload from, payload;
        bool found, dead;
        *out = Link{};
        *gone = false;
        cache.trim();
        VECX_TRY(cache.get(base, &from, &found, &dead));
        if (!found || dead)
            return Status{};
        const Measure &measure = search.reader.measure();
        double farthest = -std::numeric_limits<double>::infinity();
        for (uint32_t i = 0; i < count && !*gone; ++i) {
            VECX_TRY(cache.get(old_[i], &payload, &found, &dead));
            *gone = !found || dead;
            const double key = *gone ? 0 : order_key(measure.distance(measure, from, payload));
            if (*gone || key >= farthest) {
                *out = old_[i];
                farthest = key;
            }
        }
        return Status{};
    }

    // The search ended among dead nodes that lead nowhere: an entry point that lives is a neighbour all the same.
    Status fall_back_to_entry(Payload query, Link except) {
        Visit visit;
        VECX_TRY(search.reader.distance(meta_.entry, query, &visit));
        if (visit.found && !visit.dead && meta_.entry != except)
            search.points.push_back(Candidate{visit.key, meta_.entry});
        return Status{};
    }

    Status choose(int level) {
        chosen_at[level] = static_cast<uint32_t>(chosen.size());
        chosen_count[level] = 0;
        pool_.clear();
        for (const Candidate &c : search.points)
            pool_.push_back(c);
        VECX_TRY(pick(pool_, links_to_choose(meta_.m, level)));
        for (uint32_t i : picks_)
            chosen.push_back(pool_[i]);
        chosen_count[level] = static_cast<uint32_t>(picks_.size());
        return Status{};
    }

    // Which of the `count` links in old_ of a full target has to go for `node`: one that is dead or gone, else the one
    // that the selection leaves out; `wanted` is false when that is `node` itself, and `tie` true when it is just
    // as far from the target as `node`.
    Status find_victim(Candidate target, Link node, uint32_t count, uint32_t places, Link *victim, bool *wanted, bool *tie) {
        *wanted = true;
        Payload base, payload;
        bool found, dead;
        VECX_TRY(cache.get(target.link, &base, &found, &dead));
        if (!found || dead) {
            *wanted = false;
            return Status{};
        }
        const Measure &measure = search.reader.measure();
        pool_.clear();
        for (uint32_t i = 0; i < count; ++i) {
            VECX_TRY(cache.get(old_[i], &payload, &found, &dead));
            if (!found || dead) {
                *victim = old_[i];
                return Status{};
            }
            pool_.push_back(Candidate{order_key(measure.distance(measure, base, payload)), old_[i]});
        }
        pool_.push_back(Candidate{target.key, node});
        sort_for(target.link, pool_);
        // An equal vector comes first among those as far: it has room for heap TIDs, and must be found by the next of
        // its kind. Left to chance it would have ever less of it as their number grows.
        if (target.key == search.self_key) {
            Candidate *mine = std::find_if(pool_.begin(), pool_.end(), [&](const Candidate &c) { return c.link == node; });
            Candidate *first = std::find_if(pool_.begin(), pool_.end(), [&](const Candidate &c) { return c.key == mine->key; });
            std::rotate(first, mine, mine + 1);
        }
        VECX_TRY(pick(pool_, places));
        std::sort(picks_.begin(), picks_.end());
        uint32_t left_out = 0;
        while (left_out < picks_.size() && picks_[left_out] == left_out)
            ++left_out;
        if (left_out >= pool_.size() || pool_[left_out].link == node)
            *wanted = false;
        else
            *victim = pool_[left_out].link;
        *tie = *wanted && pool_[left_out].key == target.key;
        return Status{};
    }

    // Writes `node` over `victim` (none: into a free place) in the target's record. `done` is false when the
    // target's links are no longer those of `version` and the choice must be made again.
    Status replace_link(Link target, int level, uint32_t version, Link victim, Link node, bool *done) {
        const char *fault = nullptr;
        *done = true;
        VECX_CRASH_SITE("plain.link.back_link");
        VECX_TRY(store_->update(target.block, [&](MutablePage &page) {
            NodeView view;
            fault = node_fault(view_of(page), target.slot, &view);
            if (fault != nullptr || view.head == nullptr || view.head->generation != target.generation || view.dead())
                return false;
            if (view.head->links_version != version) {
                *done = false;
                return false;
            }
            NodeEdit out = edit(page, view);
            std::span<const Link> places = view.links_at(level);
            if (std::find(places.begin(), places.end(), node) != places.end())
                return false;
            for (const Link &place : places)
                if (victim.none() ? place.none() || place.slot >= kMaxSlots : place == victim) {
                    out.links[&place - view.links] = node;
                    ++out.head->links_version;
                    return true;
                }
            return false;
        }));
        return fault == nullptr ? Status{} : fault_status(target.block, fault);
    }

    S *store_;
    MetaRecord meta_;
    Array<Candidate> pool_;
    Array<Payload> payloads_;
    Array<uint32_t> picks_;
    Link old_[2 * kMaxM];
    Link displaced_[2] = {};
};

} // namespace vecx::hnsw
