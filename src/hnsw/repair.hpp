// Repair of the graph around nodes that died: their neighbours find others, and then they are freed.
#pragma once

#include <span>

#include "base/crash.hpp"
#include "hnsw/findable.hpp"
#include "hnsw/free.hpp"
#include "hnsw/link.hpp"
#include "hnsw/reach.hpp"

namespace vecx::hnsw {

// The state of one repair. See repair() in vacuum.hpp.
template <NodeStore S>
class Repairer {
  public:
    Repairer(S &store, Arena &arena, const Measure &measure, const MetaRecord &meta, uint32_t body_size,
             size_t memory_limit, VacuumResult *result)
        : linker_(store, arena, measure, meta, std::min(kPayloadCacheBytes, memory_limit / 8)), store_(&store), body_size_(body_size),
          memory_limit_(memory_limit), result_(result), dead_(arena), dead_set_(arena), map_(arena), nodes_(arena), links_(arena), queue_(arena), pool_(arena), met_(arena),
          payload_(arena) {}

    // One round: as many dead nodes as fit the memory, from `block_` on. `more` tells whether any are left over.
    Status round(bool *more) {
        VECX_TRY(survey());
        VECX_TRY(mend_entry());
        VECX_TRY(mend_links());
        if (map_.complete) {
            VECX_TRY(link_the_unreached());
            bool linked;
            VECX_TRY(find_the_missed(&linked));
            if (linked) // which may, rarely, have cost another node its last link
                VECX_TRY(link_the_unreached());
        }
        VECX_TRY(free_dead());
        *more = dead_left_over_;
        return Status{};
    }

    // Chunks in the index when it was last surveyed.
    uint64_t chunks() const { return chunks_; }

  private:
    static constexpr uint32_t kBridges = 4; // links to a node that nothing led to
    static constexpr uint64_t kFewNodes = 10000; // that can be searched for one by one in about a second
    static constexpr uint32_t kWays = 2;    // links to a node that a search missed
    static constexpr int kReachPasses = 4;  // mending for one node can, rarely, be at the cost of another

    struct Node { // copy of a node's links
        Link link;
        uint32_t version;
        uint32_t first; // in links_
        uint16_t count;
        uint8_t level, m;
    };

    size_t limit_of_each() const { return memory_limit_ / 4; }

    // Collects dead nodes, and the generation of every living one if memory allows.
    Status survey() {
        dead_.clear();
        dead_set_.clear();
        map_.block_start.clear();
        map_.generations.clear();
        map_.complete = true;
        dead_left_over_ = false;
        best_ = Link{};
        best_level_ = -1;
        living_ = 0;
        chunks_ = 0;
        const uint32_t blocks = store_->block_count();
        nodes_.reserve(kMaxSlots);
        for (uint32_t block = 1; block < blocks; ++block) {
            store_->poll();
            nodes_.clear();
            VECX_TRY(survey_page(block));
            if (map_.complete && map_.block_start.bytes_after(2) + map_.generations.bytes_after(kMaxSlots) > limit_of_each()) {
                map_.complete = false;
                map_.block_start.give_back();
                map_.generations.give_back();
            }
            if (map_.complete)
                map_.block_start.push_back(static_cast<uint32_t>(map_.generations.size()));
            for (const Node &n : nodes_) {
                const bool dead = n.version != 0;
                if (!dead) {
                    ++living_;
                    if (n.level > best_level_) {
                        best_ = n.link;
                        best_level_ = n.level;
                    }
                } else if (dead_.bytes_after(1) + dead_set_.bytes_after(1) > memory_limit_ / 2 && !dead_.empty()) {
                    dead_left_over_ = true;
                } else {
                    dead_.push_back(n.link);
                    dead_set_.add(n.link.key());
                }
                if (!map_.complete || dead)
                    continue;
                while (map_.generations.size() < map_.block_start.back() + size_t{n.link.slot} + 1)
                    map_.generations.push_back(0);
                map_.generations.back() = n.link.generation;
            }
        }
        if (map_.complete) {
            map_.block_start.push_back(static_cast<uint32_t>(map_.generations.size()));
            map_.doubt_none();
        }
        return Status{};
    }

    // The nodes of a page to nodes_, with `version` telling the dead (1) from the living (0); counts its chunks. Tells
    // the map of free space what it may have lost in a crash, or never had on a standby.
    Status survey_page(uint32_t block) {
        const char *fault = nullptr;
        uint32_t left = 0;
        VECX_TRY(store_->read(block, [&](const PageView &page) {
            if ((fault = page_fault(page)) != nullptr)
                return;
            for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                const uint16_t slot = static_cast<uint16_t>(i);
                NodeView node;
                ChunkView chunk;
                if ((fault = node_fault(page, slot, &node)) != nullptr || (fault = chunk_fault(page, slot, &chunk)) != nullptr)
                    return;
                chunks_ += chunk.head != nullptr;
                if (node.head != nullptr) // there is room for kMaxSlots
                    nodes_.push_back(Node{Link{block, slot, node.head->generation}, node.dead() ? 1u : 0u, 0, 0,
                                          node.head->level, 0});
            }
            left = free_bytes(page);
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
        if (left >= node_fixed_size(linker_.meta().m, 0))
            store_->record_space(block, left);
        return Status{};
    }

    Status mend_entry() {
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        bool found = false, living = false, done;
        if (!meta.entry.none())
            VECX_TRY(linker_.search.reader.look(meta.entry, &found, [&](const NodeView &node) { living = !node.dead(); }));
        if (living || (meta.entry.none() && best_.none()))
            return Status{};
        return set_entry(*store_, meta.entry, best_, best_level_ < 0 ? 0 : best_level_, &done);
    }

    // Copies the living nodes of a block with all their links.
    Status copy_nodes(uint32_t block) {
        nodes_.clear();
        links_.clear();
        // Nothing may grow under the lock: a page has at most this many links.
        links_.reserve(body_size_ / sizeof(Link));
        return for_each_node(*store_, block, [&](uint16_t slot, const NodeView &node) {
            const uint32_t n = link_count(node.head->m, node.head->level);
            if (node.dead() || nodes_.size() == nodes_.capacity() || links_.size() + n > body_size_ / sizeof(Link))
                return;
            nodes_.push_back(Node{Link{block, slot, node.head->generation}, node.head->links_version,
                                  static_cast<uint32_t>(links_.size()), static_cast<uint16_t>(n), node.head->level,
                                  node.head->m});
            for (uint32_t i = 0; i < n; ++i)
                links_.push_back(node.links[i]);
        });
    }

    // Whether a link still leads to a living node.
    Status is_living(Link link, bool *living) {
        size_t at;
        *living = map_.find(link, &at);
        if (*living || dead_set_.has(link.key()))
            return Status{};
        if (link.slot >= kMaxSlots)
            return Status{};
        bool found;
        return linker_.search.reader.look(link, &found, [&](const NodeView &node) { *living = !node.dead(); });
    }

    Status mend_links() {
        const uint32_t blocks = store_->block_count();
        for (uint32_t block = 1; block < blocks; ++block) {
            store_->poll();
            VECX_TRY(copy_nodes(block));
            for (size_t i = 0; i < nodes_.size(); ++i) {
                const Node node = nodes_[i];
                bool broken = false;
                for (uint32_t k = 0; k < node.count && !broken; ++k) {
                    const Link l = links_[node.first + k];
                    if (l.none())
                        continue;
                    // Without the map only links to nodes known to be dead are looked for.
                    bool living = !dead_set_.has(l.key());
                    if (living && map_.complete)
                        VECX_TRY(is_living(l, &living));
                    broken = !living;
                }
                const std::span<const Link> ground{links_.data() + node.first, links_at(node.m, 0)};
                const bool lonely = std::all_of(ground.begin(), ground.end(), [](const Link &l) { return l.none(); });
                const bool mend = broken || (lonely && living_ > 1);
                if (mend || node.level > 0)
                    map_.doubt({&node.link, 1});
                if (mend)
                    VECX_TRY(mend_node(node.link));
            }
        }
        return Status{};
    }

    // Gives one node living neighbours in place of dead ones, level by level, chosen among its other neighbours and
    // the neighbours of the dead.
    Status mend_node(Link link) {
        NodeReader<S> &reader = linker_.search.reader;
        linker_.cache.trim();
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            Visit visit;
            Array<uint8_t> &bytes = payload_;
            uint32_t size = 0;
            bool fits = false;
            do { // the copy is made under the lock, its space before
                bytes.reserve(size);
                VECX_TRY(reader.with_payload(link, &visit, [&](Payload p) {
                    size = p.size;
                    fits = p.size <= bytes.capacity_bytes();
                    if (fits) {
                        bytes.resize_uninitialized(p.size);
                        memcpy(bytes.data(), p.bytes, p.size);
                    }
                }));
                if (!visit.found || visit.dead)
                    return Status{};
            } while (!fits);
            const Payload base{bytes.data(), size};

            Link old[(2 + kMaxLevel) * kMaxM];
            uint32_t version = 0;
            int m = 0, level = 0;
            bool found;
            VECX_TRY(reader.look(link, &found, [&](const NodeView &node) {
                version = node.head->links_version;
                m = node.head->m;
                level = node.head->level;
                memcpy(old, node.links, link_count(m, level) * sizeof(Link));
            }));
            if (!found)
                return Status{};

            linker_.chosen.clear();
            memset(linker_.chosen_count, 0, sizeof linker_.chosen_count);
            bool changed = false;
            for (int at = level; at >= 0; --at)
                VECX_TRY(choose_level(link, base, at, old + link_start(m, at), links_at(m, at), &changed));
            if (linker_.chosen_count[0] == 0 && living_ > 1) {
                ++result_->nodes_relinked;
                return linker_.link_node(link, base, level);
            }
            if (!changed)
                return Status{};
            bool done;
            VECX_TRY(write_chosen(link, version, &done));
            if (!done)
                continue;
            ++result_->nodes_repaired;
            map_.doubt({old, link_count(m, level)}); // also those that the selection has dropped
            // Offer it to those that are new to it.
            for (int at = level; at >= 0; --at)
                for (uint32_t i = 0; i < linker_.chosen_count[at]; ++i) {
                    const Candidate c = linker_.chosen[linker_.chosen_at[at] + i];
                    const Link *begin = old + link_start(m, at), *end = begin + links_at(m, at);
                    if (std::find(begin, end, c.link) == end) {
                        store_->poll();
                        linker_.cache.trim();
                        VECX_TRY(linker_.offer(c, at, link));
                        map_.doubt(linker_.displaced());
                    }
                }
            return Status{};
        }
        return Status{};
    }

    // The links of one level to linker_.chosen: unchanged when none of them is broken.
    Status choose_level(Link self, Payload base, int level, const Link *old, uint32_t places, bool *changed) {
        NodeReader<S> &reader = linker_.search.reader;
        linker_.chosen_at[level] = static_cast<uint32_t>(linker_.chosen.size());
        pool_.clear();
        queue_.clear();
        met_.clear();
        met_.add(self.key());
        bool broken = false;
        for (uint32_t i = 0; i < places; ++i) {
            if (old[i].none())
                continue;
            if (old[i].slot >= kMaxSlots || !met_.add(old[i].key())) {
                broken = true; // garbage, or a link twice
                continue;
            }
            Visit visit;
            VECX_TRY(reader.distance(old[i], base, &visit));
            if (visit.found && !visit.dead && visit.level >= level) {
                pool_.push_back(Candidate{visit.key, old[i]});
                continue;
            }
            broken = true;
            if (visit.found)
                queue_.push_back(old[i]);
        }
        if (broken) {
            *changed = true;
            // Where the dead lie close together, go on through them for a while.
            const size_t most = pool_.size() + 4 * size_t{places};
            for (size_t i = 0; i < queue_.size() && i < 2 * size_t{places} && pool_.size() < most; ++i) {
                store_->poll();
                Link next[2 * kMaxM];
                uint32_t count;
                VECX_TRY(reader.links(queue_[i], level, next, &count));
                for (uint32_t k = 0; k < count; ++k) {
                    if (!met_.add(next[k].key()))
                        continue;
                    Visit visit;
                    VECX_TRY(reader.distance(next[k], base, &visit));
                    if (!visit.found || visit.level < level)
                        continue;
                    if (visit.dead)
                        queue_.push_back(next[k]);
                    else
                        pool_.push_back(Candidate{visit.key, next[k]});
                }
            }
            Linker<S>::sort_for(self, pool_);
            // The selection reads a copy of each: not of more than an insert would look at.
            pool_.resize_uninitialized(std::min<size_t>(pool_.size(), std::max<size_t>(linker_.meta().ef_construction, places)));
            VECX_TRY(linker_.pick(pool_, places));
            for (uint32_t i : linker_.picks())
                linker_.chosen.push_back(pool_[i]);
        } else {
            for (const Candidate &c : pool_)
                linker_.chosen.push_back(c);
        }
        linker_.chosen_count[level] = static_cast<uint32_t>(linker_.chosen.size()) - linker_.chosen_at[level];
        return Status{};
    }

    // Replaces all links of a node by the chosen ones, if they are still those of `version`.
    Status write_chosen(Link link, uint32_t version, bool *done) {
        const char *fault = nullptr;
        *done = true;
        VECX_CRASH_SITE("plain.repair.relink");
        VECX_TRY(store_->update(link.block, [&](MutablePage &page) {
            NodeView node;
            fault = node_fault(view_of(page), link.slot, &node);
            if (fault != nullptr || node.head == nullptr || node.head->generation != link.generation)
                return false;
            if (node.head->links_version != version) {
                *done = false;
                return false;
            }
            NodeEdit out = edit(page, node);
            for (int at = 0; at <= node.head->level; ++at) {
                const uint32_t places = links_at(node.head->m, at);
                Link *begin = out.links + link_start(node.head->m, at);
                const Candidate *chosen = linker_.chosen_begin(at);
                uint32_t n = 0;
                for (; n < linker_.chosen_count[at] && n < places; ++n)
                    begin[n] = chosen[n].link;
                std::fill(begin + n, begin + places, Link{});
            }
            ++out.head->links_version;
            return true;
        }));
        return fault == nullptr ? Status{} : fault_status(link.block, fault);
    }

    // Links by a search what cannot be reached at level 0 from the entry point: such nodes have lost their links to the dead,
    // or to other nodes that were preferred to them, and whole clusters may have. Each node of such a cluster is linked
    // from where a search for it ends: a bridge to one of them is not on the way to the others.
    Status link_the_unreached() {
        for (int pass = 0; pass < kReachPasses; ++pass) {
            const uint64_t before = result_->nodes_relinked;
            VECX_TRY(link_the_unreached_once());
            if (result_->nodes_relinked == before)
                break;
        }
        return Status{};
    }

    Status link_the_unreached_once() {
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        if (living_ < 2 || meta.entry.none())
            return Status{};
        map_.forget_reached();
        size_t at;
        if (map_.find(meta.entry, &at))
            map_.reach(at);
        bool found;
        Link next[2 * kMaxM]; // of an entry point that is newer than the survey
        uint32_t count = 0;
        VECX_TRY(linker_.search.reader.look(meta.entry, &found, [&](const NodeView &node) {
            count = NodeReader<S>::copy_links(node, 0, next);
        }));
        map_.reach({next, count});
        VECX_TRY(spread(*store_, map_));
        for (uint32_t block = 1; block < map_.block_start.size(); ++block)
            for (at = map_.block_start[block - 1]; at < map_.block_start[block]; ++at) {
                if (map_.generations[at] == 0 || map_.reached(at))
                    continue;
                const Link link{block, static_cast<uint16_t>(at - map_.block_start[block - 1]), map_.generations[at]};
                VECX_TRY(relink(link));
            }
        return Status{};
    }

    // A living node's payload, to payload_ (the cache may forget it during a search), and its level.
    Status copy_payload(Link link, Payload *payload, int *level, bool *found) {
        store_->poll();
        linker_.cache.trim();
        bool dead;
        *level = 0;
        VECX_TRY(linker_.cache.get(link, payload, found, &dead));
        *found = *found && !dead;
        if (!*found)
            return Status{};
        payload_.clear();
        payload_.resize_uninitialized(payload->size);
        memcpy(payload_.data(), payload->bytes, payload->size);
        *payload = Payload{payload_.data(), payload->size};
        return linker_.search.reader.look(link, found, [&](const NodeView &node) { *level = node.head->level; });
    }

    Status relink(Link link) {
        Payload payload;
        bool found;
        int level;
        VECX_TRY(copy_payload(link, &payload, &level, &found));
        if (!found)
            return Status{};
        ++result_->nodes_relinked;
        // It is not offered as an insert would: what its neighbours gave up for it might be lost in turn.
        VECX_TRY(linker_.find(payload, level, link));
        VECX_TRY(linker_.choose_ground());
        VECX_TRY(linker_.write_links(link, level));
        return be_linked_to(link, payload);
    }

    // The nearest of the chosen neighbours that can be reached must link to it, whether they want or not. With none such the
    // search has come to all of them by an upper level, as not all searches will: then the nearest that one on level 0 finds.
    Status be_linked_to(Link link, Payload payload) {
        uint32_t links = 0;
        for (uint32_t i = 0; i < linker_.chosen_count[0] && links < kBridges; ++i) {
            const Candidate c = linker_.chosen_begin(0)[i];
            size_t at;
            if (map_.find(c.link, &at) && !map_.reached(at))
                continue;
            ++links;
            VECX_TRY(linker_.insist(c, link));
        }
        if (links > 0)
            return Status{};
        SearchState<S> &search = linker_.search;
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        search.points.clear();
        if (!meta.entry.none())
            search.points.push_back(Candidate{0, meta.entry});
        VECX_TRY(search_layer(search, payload, 0, linker_.meta().ef_construction, DeadNodes::pass, link));
        return search.points.empty() ? Status{} : linker_.insist(search.points[0], link);
    }

    // To be reachable is not yet to be found. Searches for the vectors of the nodes in doubt, and links those that are missed
    // from where the search for them ends. In doubt are the nodes that were mended or lost a link, and those above level 0, which
    // all searches go by; all, when these are many or the graph is small, for inserts cost nodes links too. The neighbours of
    // a missed node and what lost a link for it are looked at in turn: who is missed usually lies in a cluster that is.
    // By the inner product a vector is not the nearest to itself: there is nothing to be seen by such a search.
    Status find_the_missed(bool *linked) {
        *linked = false;
        if (living_ < 2 || linker_.search.reader.measure().metric == Metric::ip)
            return Status{};
        uint64_t doubted = 0;
        for (size_t at = 0; at < map_.generations.size(); ++at)
            doubted += map_.generations[at] != 0 && map_.doubted(at);
        if (living_ <= kFewNodes || doubted >= living_ / 8)
            map_.doubt_all();
        bool again = true;
        for (int pass = 0; pass < kReachPasses && again; ++pass) {
            again = false;
            for (uint32_t block = 1; block < map_.block_start.size(); ++block)
                for (size_t at = map_.block_start[block - 1]; at < map_.block_start[block]; ++at) {
                    if (map_.generations[at] == 0 || !map_.doubted(at))
                        continue;
                    map_.trust(at);
                    bool missed;
                    const Link link{block, static_cast<uint16_t>(at - map_.block_start[block - 1]), map_.generations[at]};
                    VECX_TRY(find_or_link(link, &missed));
                    again |= missed;
                }
            *linked |= again;
        }
        return Status{};
    }

    Status find_or_link(Link link, bool *missed) {
        *missed = false;
        Payload payload;
        int level, missed_at;
        bool found;
        VECX_TRY(copy_payload(link, &payload, &level, &found));
        if (!found)
            return Status{};
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        SearchState<S> &search = linker_.search;
        const Measure &measure = search.reader.measure();
        const double self_key = order_key(measure.distance(measure, payload, payload));
        VECX_TRY(seek(search, &meta, payload, link, level, self_key, &missed_at));
        if (missed_at < 0)
            return Status{};
        *missed = true;
        ++result_->nodes_relinked;
        linker_.chosen.clear();
        memset(linker_.chosen_count, 0, sizeof linker_.chosen_count);
        uint32_t links = 0;
        for (size_t i = 0; i < search.points.size() && links < kWays; ++i) {
            const Candidate c = search.points[i];
            bool living;
            VECX_TRY(is_living(c.link, &living));
            if (!living || c.link == link)
                continue;
            ++links;
            VECX_TRY(linker_.insist(c, link, missed_at));
            map_.doubt(linker_.displaced());
        }
        Link next[2 * kMaxM];
        uint32_t count = 0;
        VECX_TRY(search.reader.look(link, &found, [&](const NodeView &node) { count = NodeReader<S>::copy_links(node, 0, next); }));
        map_.doubt({next, count});
        map_.doubt({&link, 1});
        return Status{};
    }

    static bool is_dead_node(const PageView &page, Link link) {
        NodeView node;
        return node_fault(page, link.slot, &node) == nullptr && node.head != nullptr &&
               node.head->generation == link.generation && node.dead();
    }

    // Nodes first, then their chunks: a crash in between leaves orphans, never a node without its chunks.
    Status free_dead() {
        for (size_t i = 0; i < dead_.size();) {
            // In portions, so that the lists of chunks stay small.
            size_t end = i;
            queue_.clear();
            for (; end < dead_.size() && queue_.size() < 4096; ++end) {
                Link next{};
                bool found;
                VECX_TRY(linker_.search.reader.look(dead_[end], &found, [&](const NodeView &n) { next = n.head->first_chunk; }));
                VECX_TRY(collect_chain(*store_, next, &queue_));
            }
            VECX_TRY(free_records(*store_, dead_.data() + i, end - i, is_dead_node, &result_->nodes_freed));
            VECX_TRY(free_chunks(*store_, queue_, &result_->chunks_freed));
            i = end;
        }
        return Status{};
    }

    Linker<S> linker_;
    S *store_;
    uint32_t body_size_;
    size_t memory_limit_;
    VacuumResult *result_;

    Array<Link> dead_; // in the order of blocks
    FlatSet<kKeyStateMask> dead_set_;
    bool dead_left_over_ = false;
    NodeMap map_; // of the living nodes
    Link best_{};
    int best_level_ = -1;
    uint64_t living_ = 0;
    uint64_t chunks_ = 0;

    Array<Node> nodes_;
    Array<Link> links_;
    Array<Link> queue_;
    Array<Candidate> pool_;
    FlatSet<kKeyStateMask> met_;
    Array<uint8_t> payload_;
};

} // namespace vecx::hnsw
