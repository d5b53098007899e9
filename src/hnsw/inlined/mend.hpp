// New neighbours for nodes that lost some, a page at a time: decided from copies, written in one page change.
#pragma once

#include <span>

#include "base/crash.hpp"
#include "base/flat_set.hpp"
#include "base/heap.hpp"
#include "hnsw/inlined/codes.hpp"
#include "hnsw/inlined/map.hpp"
#include "hnsw/inlined/select.hpp"

namespace vecx::hnsw::inlined {

struct Scored {
    float key;
    Link link;
};
struct ScoredNearer {
    bool operator()(const Scored &a, const Scored &b) const { return a.key < b.key; }
};
struct ScoredFarther {
    bool operator()(const Scored &a, const Scored &b) const { return a.key > b.key; }
};

// That `source` would be a neighbour of `target`.
struct Offer {
    Link target, source;
};

template <NodeStore S>
class Mender {
  public:
    // A copy of a node's links.
    struct Node {
        Link link;
        uint32_t version;
        uint32_t first; // in links
        uint16_t count; // places
        bool entry;
        bool changed; // by plan
    };
    enum class Plan {
        mend,     // reselect if a link is broken; else offers take free places
        reselect, // among the neighbours and the offers
        force,    // the first offer is to be taken, whatever has to go
    };

    Mender(S &store, Arena &arena, const Shape &shape, uint32_t body_size, int ef, NodeMap &map)
        : visitor(store, shape), codes(visitor, arena), fresh(arena), store_(&store), shape_(shape), map_(&map), ef_(ef),
          nodes_(arena), links_(arena), changes_(arena), code_words_(arena), pool_(arena), chosen_(arena), memo_(arena),
          order_(arena), queue_(arena), roots_(arena), represented_(arena), met_(arena), frontier_(arena), best_(arena), visited_(arena), nearest_(arena) {
        nodes_.reserve(body_size / sizeof(Head));
        links_.reserve(body_size / sizeof(Link));
    }

    Visitor<S> visitor;
    CodeCache<S> codes;
    Array<Offer> fresh; // back links of the neighbours that the last plan chose anew

    // Copies the living nodes and the entry node of a block; or, of these, `only`.
    Status copy_block(uint32_t block, Link only = {}) {
        nodes_.clear();
        links_.clear();
        changes_.clear();
        code_words_.clear();
        return for_each_node(*store_, shape_, block, [&](uint16_t slot, const NodeView &node) {
            const Link link{block, slot, node.head->generation};
            if ((node.dead() && !node.is_entry()) || (!only.none() && link != only) || nodes_.size() == nodes_.capacity() ||
                links_.size() + node.head->places > links_.capacity())
                return;
            nodes_.push_back(Node{link, node.head->links_version, static_cast<uint32_t>(links_.size()), node.head->places,
                                  node.is_entry(), false});
            for (uint32_t i = 0; i < node.head->places; ++i)
                links_.push_back(node.links[i]);
        });
    }
    size_t size() const { return nodes_.size(); }
    const Node &node(size_t n) const { return nodes_[n]; }
    // With what plan has changed.
    std::span<const Link> links(size_t n) const { return {links_.data() + nodes_[n].first, nodes_[n].count}; }

    // Decides which links of node n of the block change. A node that comes out without any neighbour is searched some.
    Status plan(size_t n, Plan how, std::span<const Link> offers) {
        Node &node = nodes_[n];
        Link *links = links_.data() + node.first;
        codes.unpin();
        pool_.clear();
        queue_.clear();
        represented_.clear();
        met_.clear();
        met_.add(node.link.key());
        fresh.clear();
        bool broken = false;
        uint32_t open = 0;
        for (uint32_t i = 0; i < node.count; ++i) {
            NodeState state = NodeState::none;
            if (!links[i].none() && links[i].slot < kMaxSlots && met_.add(links[i].key()))
                VECX_TRY(state_of(links[i], &state));
            if (state == NodeState::living)
                pool_.push_back(Member{0, links[i], {}, static_cast<int>(i), kNobody});
            else if (links[i].none())
                ++open;
            else if (state != NodeState::entry)
                broken = true;
            if (state == NodeState::dead)
                queue_.push_back(links[i]);
        }
        if (node.entry)
            return broken ? replace_in_entry(n) : Status{};
        if (how == Plan::mend && !broken && (open == 0 || offers.empty()) && open < node.count)
            return Status{};

        bool found, dead;
        Code base;
        VECX_TRY(codes.get(node.link, true, &base, &found, &dead));
        if (!found || dead)
            return Status{};
        if (how != Plan::mend || broken)
            VECX_TRY(measure_pool(base));
        if (broken)
            VECX_TRY(gather_beyond(base, pool_.size() + 4 * size_t{shape_.places}));
        const size_t before_offers = pool_.size();
        for (const Link &offer : offers)
            if (met_.add(offer.key()))
                VECX_TRY(add_to_pool(offer, base, nullptr));
        if (how == Plan::mend && !broken && open > 0) {
            // Nothing but free places to fill.
            for (size_t i = before_offers; i < pool_.size(); ++i)
                for (uint32_t k = 0; k < node.count; ++k)
                    if (links[k].none()) {
                        change(n, base, k, &pool_[i]);
                        break;
                    }
            if (before_offers > 0 || pool_.size() > 0)
                return Status{};
        }
        if (pool_.empty()) {
            VECX_TRY(search(base, node.link));
            for (size_t i = 0; i < found_.size() && i < shape_.places; ++i)
                VECX_TRY(add_to_pool(found_[i].link, base, nullptr));
        }
        if (how == Plan::force) {
            if (before_offers < pool_.size())
                force(n, base, before_offers);
            return Status{};
        }
        choose(node.link, node.count);
        choose_heirs(node.count);
        replace_links(n, base);
        return Status{};
    }

    // Writes what the plans since copy_block have changed: `stale` when a node changed meanwhile, which was left out.
    Status write(uint32_t block, bool *stale) {
        *stale = false;
        if (changes_.empty())
            return Status{};
        const char *fault = nullptr;
        VECX_CRASH_SITE("inlined.repair.relink");
        VECX_TRY(store_->update(block, [&](MutablePage &page) {
            bool any = false;
            *stale = false;
            for (size_t i = 0; i < changes_.size();) {
                const Node &copy = nodes_[changes_[i].node];
                size_t end = i;
                while (end < changes_.size() && changes_[end].node == changes_[i].node)
                    ++end;
                NodeView view;
                if ((fault = node_fault(view_of(page), shape_, copy.link.slot, &view)) != nullptr)
                    return false;
                const bool there = view.head != nullptr && view.head->generation == copy.link.generation &&
                                   view.head->places == copy.count;
                if (there && view.head->links_version == copy.version) {
                    NodeEdit edit = edit_node(page, shape_, view);
                    for (; i < end; ++i) // first the places that become free: their factors need no room then
                        apply(edit, changes_[i]);
                    ++edit.head->links_version;
                    any = true;
                } else {
                    *stale |= there;
                }
                i = end;
            }
            return any;
        }));
        return fault == nullptr ? Status{} : fault_status(block, fault);
    }

    // The nearest living nodes to a node that a search from the entry point meets, nearest first, to found().
    Status search_around(Link link) {
        bool found, dead;
        Code base;
        codes.unpin();
        found_ = {};
        VECX_TRY(codes.get(link, true, &base, &found, &dead));
        return found ? search(base, link) : Status{};
    }
    std::span<const Scored> found() const { return found_; }

    // Living, dead, or gone. What another round looks after is believed to live.
    Status state_of(Link link, NodeState *state) {
        uint32_t at;
        *state = NodeState::none;
        if (map_->find(link, &at)) {
            *state = map_->state(at);
            return Status{};
        }
        if (link.slot >= kMaxSlots || link.block == kMetaBlock)
            return Status{};
        if (link.block >= blocks_ && link.block >= (blocks_ = store_->block_count()))
            return Status{}; // garbage
        if (!map_->covers(link.block) && link.block < range_blocks_) {
            *state = NodeState::living;
            return Status{};
        }
        bool found;
        return visitor.look(link, &found, [&](const NodeView &node) {
            *state = node.is_entry() ? NodeState::entry : node.dead() ? NodeState::dead : NodeState::living;
        });
    }
    // Blocks that this or another round surveys; nodes beyond are newer.
    void set_range_blocks(uint32_t blocks) { range_blocks_ = blocks_ = blocks; }

  private:
    static constexpr uint32_t kSpare = 1u << 31;

    struct Member { // of the pool
        float key;
        Link link;
        Code code;
        int place; // where the node has it; -1: nowhere yet
        uint32_t via; // the dead neighbour, by its place in roots_, that led here; kNobody: none
    };
    struct Change {
        uint16_t node, place;
        float add, mul;
        Link link; // none: the place becomes free
        uint32_t code;
    };

    Status measure_pool(const Code &base) {
        size_t kept = 0;
        for (size_t i = 0; i < pool_.size(); ++i) {
            Member m = pool_[i];
            bool found, dead;
            VECX_TRY(codes.get(m.link, true, &m.code, &found, &dead));
            if (found && dead)
                queue_.push_back(m.link);
            if (!found || dead)
                continue;
            m.key = key_between(shape_, base, m.code);
            pool_[kept++] = m;
        }
        pool_.resize_uninitialized(kept);
        return Status{};
    }

    Status add_to_pool(Link link, const Code &base, bool *dead_out, uint32_t via = kNobody) {
        Member m{0, link, {}, -1, via};
        bool found, dead;
        VECX_TRY(codes.get(link, true, &m.code, &found, &dead));
        if (dead_out != nullptr)
            *dead_out = found && dead;
        if (!found || dead)
            return Status{};
        m.key = key_between(shape_, base, m.code);
        pool_.push_back(m);
        return Status{};
    }

    // The living neighbours of the dead in queue_, and through further dead ones for a while, to the pool. Then
    // represented_ tells of each in queue_ as it was whether a living node that the pool had before is a neighbour of it.
    Status gather_beyond(const Code &base, size_t most) {
        const size_t roots = queue_.size(), before = pool_.size();
        roots_.resize_uninitialized(roots);
        represented_.resize_uninitialized(roots);
        for (size_t i = 0; i < roots; ++i) {
            roots_[i] = static_cast<uint32_t>(i);
            represented_[i] = 0;
        }
        for (size_t i = 0; i < queue_.size() && i < 2 * size_t{shape_.places} && pool_.size() < most; ++i) {
            uint32_t count;
            store_->poll();
            VECX_TRY(copy_links(queue_[i], &count));
            for (uint32_t k = 0; k < count; ++k)
                codes.prefetch(next_[k]);
            const uint32_t root = roots_[i];
            for (uint32_t k = 0; k < count; ++k) {
                const Link next = next_[k];
                NodeState state;
                if (!met_.add(next.key())) {
                    for (size_t at = 0; at < before && represented_[root] == 0; ++at)
                        represented_[root] = pool_[at].link == next;
                    continue;
                }
                VECX_TRY(state_of(next, &state));
                bool dead = state == NodeState::dead;
                if (state == NodeState::living)
                    VECX_TRY(take(next, &dead, root));
                if (dead) {
                    queue_.push_back(next);
                    roots_.push_back(root);
                }
            }
        }
        for (size_t i = before; i < pool_.size(); ++i)
            pool_[i].key = key_between(shape_, base, pool_[i].code);
        return Status{};
    }

    // A living node into the pool, its key to be computed yet.
    Status take(Link link, bool *dead, uint32_t via) {
        Member m{0, link, {}, -1, via};
        bool found;
        VECX_TRY(codes.get(link, true, &m.code, &found, dead));
        *dead = found && *dead;
        if (!found || *dead)
            return Status{};
        for (uint32_t at = 0; at < shape_.rotated_dim(); at += 64)
            __builtin_prefetch(m.code.bytes + at);
        pool_.push_back(m);
        return Status{};
    }

    // The links of a node that could name one, to next_.
    Status copy_links(Link link, uint32_t *count) {
        bool found;
        *count = 0;
        return visitor.look(link, &found, [&](const NodeView &node) {
            for (uint32_t k = 0; k < node.head->places; ++k)
                if (!node.links[k].none() && node.links[k].slot < kMaxSlots && node.links[k].block != kMetaBlock)
                    next_[(*count)++] = node.links[k];
        });
    }

    // Selects among the pool, which becomes sorted, to chosen_. Equal keys come in an order that differs from base to base:
    // among many equal vectors each then has its share of links.
    void choose(Link base, uint32_t places) {
        const uint64_t salt = mix64(base.key());
        std::sort(pool_.begin(), pool_.end(), [salt](const Member &a, const Member &b) {
            return a.key != b.key ? a.key < b.key : mix64(a.link.key() ^ salt) < mix64(b.link.key() ^ salt);
        });
        const size_t most = std::max<size_t>({static_cast<size_t>(ef_), 2 * size_t{places}});
        const uint32_t n = static_cast<uint32_t>(std::min(pool_.size(), most));
        // Both passes of the selection ask for the same distances: column r of the memo is for the r-th one chosen.
        memo_.resize_uninitialized(size_t{n} * places);
        order_.resize_uninitialized(n);
        for (float &m : memo_)
            m = -std::numeric_limits<float>::infinity();
        for (uint32_t &o : order_)
            o = kNobody;
        uint32_t columns = 0;
        chosen_.resize_uninitialized(places);
        chosen_.resize_uninitialized(select_diverse(
            shape_.metric, n, places, [&](uint32_t i) { return pool_[i].key; },
            [&](uint32_t i, uint32_t j) {
                if (order_[j] == kNobody)
                    order_[j] = columns++;
                float &m = memo_[size_t{i} * places + order_[j]];
                if (m == -std::numeric_limits<float>::infinity())
                    m = key_between(shape_, pool_[i].code, pool_[j].code);
                return m;
            },
            chosen_.data()));
    }

    // Where a dead neighbour led to, one of its neighbours must take its place, the nearest. The selection leaves all of
    // them out when a chosen one stands between: but that one never had to choose among them, and need not lead there. Over
    // the rounds of deletions a cluster would lose its links from outside.
    void choose_heirs(uint32_t places) {
        uint32_t top = places;
        for (uint32_t root = 0; root < represented_.size(); ++root) {
            if (represented_[root] != 0)
                continue;
            uint32_t heir = kNobody;
            bool chosen = false;
            for (uint32_t c : chosen_)
                chosen |= pool_[c].via == root;
            for (uint32_t i = 0; i < pool_.size() && heir == kNobody && !chosen; ++i)
                if (pool_[i].via == root)
                    heir = i;
            if (heir == kNobody)
                continue;
            if (chosen_.size() < places) {
                chosen_.push_back(heir);
                continue;
            }
            while (top > 0 && pool_[chosen_[top - 1]].place >= 0)
                --top;
            if (top > 0)
                chosen_[--top] = heir;
        }
    }

    // Makes the chosen ones links of node n. Those it has already stay where they are; others that it has stay as
    // long as their places are not needed, the nearest go first: a long link may be the only one that leads somewhere.
    void replace_links(size_t n, const Code &base) {
        Node &node = nodes_[n];
        Link *links = links_.data() + node.first;
        order_.resize_uninitialized(node.count);
        for (uint32_t &o : order_)
            o = kNobody;
        uint32_t wanted = 0, free = 0;
        for (uint32_t c : chosen_) {
            if (pool_[c].place >= 0)
                order_[static_cast<size_t>(pool_[c].place)] = c;
            else
                ++wanted;
        }
        // What stays without having been chosen; all else that is not a living neighbour goes.
        for (uint32_t i = 0; i < pool_.size(); ++i)
            if (pool_[i].place >= 0 && order_[static_cast<size_t>(pool_[i].place)] == kNobody)
                order_[static_cast<size_t>(pool_[i].place)] = kSpare | i;
        for (uint32_t k = 0; k < node.count; ++k)
            free += order_[k] == kNobody;
        for (uint32_t i = 0; i < pool_.size() && free < wanted; ++i)
            if (pool_[i].place >= 0 && order_[static_cast<size_t>(pool_[i].place)] == (kSpare | i)) {
                order_[static_cast<size_t>(pool_[i].place)] = kNobody;
                ++free;
            }
        uint32_t k = 0;
        for (uint32_t c : chosen_) {
            if (pool_[c].place >= 0)
                continue;
            while (k < node.count && order_[k] != kNobody)
                ++k;
            if (k == node.count)
                break;
            order_[k] = c;
            change(n, base, k, &pool_[c]);
        }
        for (k = 0; k < node.count; ++k)
            if (order_[k] == kNobody && !links[k].none())
                change(n, base, k, nullptr);
    }

    // The offered ones, of which pool_[offered] is the first, are a must for this one: in a free place, else over the
    // farthest neighbour that others still lead to.
    void force(size_t n, const Code &base, size_t offered) {
        const Link *links = links_.data() + nodes_[n].first;
        const Member *victim = nullptr;
        bool spare = false;
        for (size_t i = 0; i < offered; ++i) {
            uint32_t at;
            const Member &m = pool_[i];
            const bool others = map_->find(m.link, &at) && map_->in_links(at) > 1;
            if (victim == nullptr || (others && !spare) || (others == spare && m.key > victim->key)) {
                victim = &m;
                spare = others;
            }
        }
        for (uint32_t k = 0; k < nodes_[n].count; ++k)
            if (links[k].none()) {
                change(n, base, k, &pool_[offered]);
                return;
            }
        if (victim != nullptr)
            change(n, base, static_cast<uint32_t>(victim->place), &pool_[offered]);
    }

    // The entry node's neighbours are spread over the graph: each dead one is replaced by a living one near to it,
    // or, where its whole region died, by any.
    Status replace_in_entry(size_t n) {
        const Node &node = nodes_[n];
        Link *links = links_.data() + node.first;
        Code base;
        bool found, dead;
        VECX_TRY(codes.get(node.link, true, &base, &found, &dead));
        if (!found)
            return Status{};
        for (uint32_t i = 0; i < node.count; ++i) {
            if (links[i].none())
                continue;
            NodeState state = NodeState::none;
            bool twice = links[i].slot >= kMaxSlots;
            for (uint32_t k = 0; k < i; ++k)
                twice |= links[k] == links[i];
            if (!twice)
                VECX_TRY(state_of(links[i], &state));
            if (state == NodeState::living)
                continue;
            Code lost;
            Member best{0, {}, {}, -1, kNobody};
            pool_.clear();
            queue_.clear();
            met_.clear();
            for (uint32_t k = 0; k < node.count; ++k)
                if (!links[k].none())
                    met_.add(links[k].key());
            found = false;
            if (state == NodeState::dead) {
                queue_.push_back(links[i]);
                VECX_TRY(codes.get(links[i], true, &lost, &found, &dead));
            }
            if (found)
                VECX_TRY(gather_beyond(lost, 2 * size_t{shape_.places}));
            for (const Member &m : pool_)
                if (best.link.none() || m.key < best.key)
                    best = m;
            for (uint32_t tries = 0; best.link.none() && tries < 64 && map_->size() > 0; ++tries) {
                const uint32_t at = static_cast<uint32_t>(mix64(node.link.key() + 64 * i + tries) % map_->size());
                if (map_->state(at) == NodeState::living && met_.add(map_->link(at).key())) {
                    VECX_TRY(add_to_pool(map_->link(at), base, nullptr));
                    if (!pool_.empty())
                        best = pool_.back();
                }
            }
            change(n, base, i, best.link.none() ? nullptr : &best);
        }
        return Status{};
    }

    // Notes that place k of node n becomes `member`, or free.
    void change(size_t n, const Code &base, uint32_t k, const Member *member) {
        nodes_[n].changed = true;
        Change c{static_cast<uint16_t>(n), static_cast<uint16_t>(k), 0, 0, {}, static_cast<uint32_t>(code_words_.size())};
        if (member != nullptr) {
            c.link = member->link;
            fresh.push_back(Offer{member->link, nodes_[n].link});
            if (shape_.code_words > 0) {
                code_words_.resize_uninitialized(c.code + shape_.code_words);
                const float distance2 = coarse_distance2(shape_, base.coarse, base.bytes, member->code.coarse, member->code.bytes);
                encode_neighbour_coarse(shape_, base.coarse, base.bytes, member->code.coarse, member->code.bytes, distance2,
                                        &c.add, &c.mul, code_words_.data() + c.code);
            }
        }
        links_[nodes_[n].first + k] = c.link;
        changes_.push_back(c);
    }

    void apply(const NodeEdit &edit, const Change &c) {
        if (c.link.none())
            clear_neighbour(edit, shape_, c.place);
        else
            set_neighbour(edit, shape_, c.place, c.link, c.add, c.mul, code_words_.data() + c.code);
    }

    // Best-first search from the entry point by coarse keys, over pages; the dead lead on. To found_.
    Status search(const Code &query, Link except) {
        MetaRecord meta;
        found_ = {};
        VECX_TRY(read_meta(*store_, &meta));
        frontier_.clear();
        best_.clear();
        visited_.clear();
        if (meta.entry.none() || meta.entry.block >= store_->block_count())
            return Status{};
        const size_t ef = std::max<size_t>(static_cast<size_t>(ef_), shape_.places);
        frontier_.push(Scored{0, meta.entry});
        visited_.add(meta.entry.key());
        visited_.add(except.key());
        const size_t most = 16 * ef + 256;
        for (size_t hops = 0; !frontier_.empty() && hops < most; ++hops) {
            store_->poll();
            const Scored next = frontier_.pop();
            if (best_.size() >= ef && next.key > best_.top().key)
                break;
            uint32_t count;
            VECX_TRY(copy_links(next.link, &count));
            if (hops == 0)
                VECX_TRY(meet(next.link, query, ef));
            for (uint32_t k = 0; k < count; ++k)
                if (visited_.add(next_[k].key()))
                    VECX_TRY(meet(next_[k], query, ef));
        }
        nearest_.clear();
        while (!best_.empty())
            nearest_.push_back(best_.pop());
        std::reverse(nearest_.begin(), nearest_.end());
        found_ = {nearest_.data(), nearest_.size()};
        return Status{};
    }

    Status meet(Link link, const Code &query, size_t ef) {
        if (link.block >= blocks_ && link.block >= (blocks_ = store_->block_count()))
            return Status{};
        Code code;
        bool found, dead;
        VECX_TRY(codes.get(link, false, &code, &found, &dead));
        if (!found)
            return Status{};
        const float key = key_between(shape_, query, code);
        if (best_.size() < ef || key < best_.top().key)
            frontier_.push(Scored{key, link});
        if (dead)
            return Status{};
        best_.push(Scored{key, link});
        if (best_.size() > ef)
            best_.pop();
        return Status{};
    }

    S *store_;
    Shape shape_;
    NodeMap *map_;
    int ef_;
    uint32_t blocks_ = 0, range_blocks_ = 0;
    Array<Node> nodes_;
    Array<Link> links_;
    Array<Change> changes_;
    Array<uint64_t> code_words_;
    Array<Member> pool_;
    Array<uint32_t> chosen_;
    Array<float> memo_;
    Array<uint32_t> order_;
    Array<Link> queue_;
    Array<uint32_t> roots_;      // by place in queue_: the place of the neighbour that led there
    Array<uint8_t> represented_; // by the same, of neighbours
    FlatSet<kKeyStateMask> met_;
    Heap<Scored, ScoredNearer> frontier_;
    Heap<Scored, ScoredFarther> best_;
    FlatSet<kKeyStateMask> visited_;
    Array<Scored> nearest_;
    std::span<const Scored> found_;
    Link next_[256];
};

} // namespace vecx::hnsw::inlined
