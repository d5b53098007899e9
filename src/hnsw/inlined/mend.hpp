// New neighbours for nodes that lost some, a page at a time: decided from copies, written in one page change.
#pragma once

#include <span>

#include "base/crash.hpp"
#include "hnsw/inlined/gather.hpp"
#include "hnsw/inlined/reselect.hpp"
#include "hnsw/inlined/seek.hpp"

namespace vecx::hnsw::inlined {

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
        bool ring;    // the first neighbour is the next of its ring
        bool changed; // by plan
    };
    enum class Plan {
        mend,     // reselect if a link is broken; else offers take free places
        reselect, // among the neighbours and the offers
        force,    // the first offer is to be taken, whatever has to go
    };

    // Searches are `ef` wide, and so many candidates take part in a selection.
    Mender(S &store, Arena &arena, const Shape &shape, uint32_t body_size, size_t ef, NodeMap &map)
        : gather(store, arena, shape, map), fresh(arena), store_(&store), shape_(shape), map_(&map),
          ef_(std::max<size_t>(ef, shape.places)), seek_(store, gather.visitor, gather.codes, arena, shape),
          select_(arena, shape, ef), nodes_(arena), links_(arena), changes_(arena), code_words_(arena), order_(arena) {
        nodes_.reserve(body_size / sizeof(Head));
        links_.reserve(body_size / sizeof(Link));
    }

    Gatherer<S> gather;
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
                                  node.is_entry(), node.in_ring() && !node.is_entry(), false});
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
        gather.codes.unpin();
        gather.start(node.link);
        fresh.clear();
        bool broken = false;
        uint32_t open = 0;
        if (node.ring)
            VECX_TRY(lead_ring_on(n, &broken));
        const uint32_t first = node.ring ? 1 : 0;
        for (uint32_t i = first; i < node.count; ++i) {
            NodeState state = NodeState::none;
            if (!links[i].none() && links[i].slot < kMaxSlots && gather.meet(links[i]))
                VECX_TRY(gather.state_of(links[i], &state));
            if (state == NodeState::living)
                gather.keep(links[i], i);
            else if (links[i].none())
                ++open;
            else if (state != NodeState::entry)
                broken = true;
            if (state == NodeState::dead)
                gather.lost.push_back(links[i]);
        }
        if (node.entry)
            return broken ? replace_in_entry(n) : Status{};
        if (how == Plan::mend && !broken && (open == 0 || offers.empty()) && open < node.count)
            return Status{};

        bool found, dead;
        Code base;
        VECX_TRY(gather.codes.get(node.link, true, &base, &found, &dead));
        if (!found || dead)
            return Status{};
        Array<Member> &pool = gather.pool;
        if (how != Plan::mend || broken)
            VECX_TRY(gather.measure(base));
        if (broken)
            VECX_TRY(gather.beyond(base, pool.size() + 4 * size_t{shape_.places}));
        const size_t before_offers = pool.size();
        for (const Link &offer : offers)
            if (gather.meet(offer))
                VECX_TRY(gather.add(offer, base));
        if (how == Plan::mend && !broken && open > 0) {
            // Nothing but free places to fill.
            for (size_t i = before_offers; i < pool.size(); ++i)
                for (uint32_t k = 0; k < node.count; ++k)
                    if (links[k].none()) {
                        change(n, base, k, &pool[i]);
                        break;
                    }
            if (before_offers > 0 || pool.size() > 0)
                return Status{};
        }
        if (pool.empty()) {
            VECX_TRY(seek_.search(base, node.link, ef_));
            for (size_t i = 0; i < seek_.found().size() && i < shape_.places; ++i)
                VECX_TRY(gather.add(seek_.found()[i].link, base));
        }
        if (how == Plan::force) {
            if (before_offers < pool.size())
                force(n, base, before_offers);
            return Status{};
        }
        select_.choose(node.link, node.count - first, pool);
        select_.choose_heirs(node.count - first, pool, gather.represented);
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
        gather.codes.unpin();
        seek_.forget();
        VECX_TRY(gather.codes.get(link, true, &base, &found, &dead));
        return found ? seek_.search(base, link, ef_) : Status{};
    }
    std::span<const Scored> found() const { return seek_.found(); }

  private:
    static constexpr uint32_t kSpare = 1u << 31;
    static constexpr uint32_t kNext = kNobody - 1; // the place is for the next of the ring
    static constexpr uint32_t kMostDead = 1u << 20; // of a ring, followed at a time

    struct Change {
        uint16_t node, place;
        bool leaves; // its ring: the place is for any neighbour again
        float add, mul;
        Link link; // none: the place becomes free
        uint32_t code;
    };

    // When the next of the ring of node n is dead, the next living one takes its place; a node that is left alone, or where the ring
    // ends, leaves it. The dead one counts as a neighbour that was lost.
    Status lead_ring_on(size_t n, bool *broken) {
        Node &node = nodes_[n];
        const Link lost = links_[node.first];
        Link next = lost;
        NodeState state = NodeState::none;
        for (uint32_t steps = 0; steps < kMostDead && next != node.link; ++steps) {
            state = NodeState::none;
            if (!next.none() && next.slot < kMaxSlots)
                VECX_TRY(gather.state_of(next, &state));
            if (state != NodeState::dead)
                break;
            bool found, in_ring = false;
            Link after{};
            store_->poll();
            VECX_TRY(gather.visitor.look(next, &found, [&](const NodeView &view) {
                in_ring = view.in_ring();
                after = view.links[0];
            }));
            next = in_ring ? after : Link{};
        }
        if (next == lost && state == NodeState::living) {
            gather.meet(lost);
            return Status{};
        }
        *broken = true;
        if (!lost.none() && lost.slot < kMaxSlots && gather.meet(lost)) {
            NodeState before;
            VECX_TRY(gather.state_of(lost, &before));
            if (before == NodeState::dead)
                gather.lost.push_back(lost);
        }
        Member m{0, next, {}, 0, kNobody};
        Code base;
        bool found = false, dead = false, base_found, base_dead;
        VECX_TRY(gather.codes.get(node.link, true, &base, &base_found, &base_dead));
        if (next != node.link && state == NodeState::living && base_found && gather.meet(next))
            VECX_TRY(gather.codes.get(next, true, &m.code, &found, &dead));
        if (found && !dead) {
            change(n, base, 0, &m);
            return Status{};
        }
        change(n, base, 0, nullptr);
        changes_[changes_.size() - 1].leaves = true;
        node.ring = false;
        return Status{};
    }

    // Makes the chosen ones links of node n. Those it has already stay where they are; others that it has stay as
    // long as their places are not needed, the nearest go first: a long link may be the only one that leads somewhere.
    void replace_links(size_t n, const Code &base) {
        Node &node = nodes_[n];
        Link *links = links_.data() + node.first;
        const Array<Member> &pool = gather.pool;
        order_.resize_uninitialized(node.count);
        for (uint32_t &o : order_)
            o = kNobody;
        if (node.ring)
            order_[0] = kNext;
        uint32_t wanted = 0, free = 0;
        for (uint32_t c : select_.chosen) {
            if (pool[c].place >= 0)
                order_[static_cast<size_t>(pool[c].place)] = c;
            else
                ++wanted;
        }
        // What stays without having been chosen; all else that is not a living neighbour goes.
        for (uint32_t i = 0; i < pool.size(); ++i)
            if (pool[i].place >= 0 && order_[static_cast<size_t>(pool[i].place)] == kNobody)
                order_[static_cast<size_t>(pool[i].place)] = kSpare | i;
        for (uint32_t k = 0; k < node.count; ++k)
            free += order_[k] == kNobody;
        for (uint32_t i = 0; i < pool.size() && free < wanted; ++i)
            if (pool[i].place >= 0 && order_[static_cast<size_t>(pool[i].place)] == (kSpare | i)) {
                order_[static_cast<size_t>(pool[i].place)] = kNobody;
                ++free;
            }
        uint32_t k = 0;
        for (uint32_t c : select_.chosen) {
            if (pool[c].place >= 0)
                continue;
            while (k < node.count && order_[k] != kNobody)
                ++k;
            if (k == node.count)
                break;
            order_[k] = c;
            change(n, base, k, &pool[c]);
        }
        for (k = 0; k < node.count; ++k)
            if (order_[k] == kNobody && !links[k].none())
                change(n, base, k, nullptr);
    }

    // The offered ones, of which pool[offered] is the first, are a must for this one: in a free place, else over the
    // farthest neighbour that others still lead to.
    void force(size_t n, const Code &base, size_t offered) {
        const Link *links = links_.data() + nodes_[n].first;
        const Array<Member> &pool = gather.pool;
        const Member *victim = nullptr;
        bool spare = false;
        for (size_t i = 0; i < offered; ++i) {
            uint32_t at;
            const Member &m = pool[i];
            const bool others = map_->find(m.link, &at) && map_->in_links(at) > 1;
            if (victim == nullptr || (others && !spare) || (others == spare && m.key > victim->key)) {
                victim = &m;
                spare = others;
            }
        }
        for (uint32_t k = 0; k < nodes_[n].count; ++k)
            if (links[k].none()) {
                change(n, base, k, &pool[offered]);
                return;
            }
        if (victim != nullptr)
            change(n, base, static_cast<uint32_t>(victim->place), &pool[offered]);
    }

    // The entry node's neighbours are spread over the graph: each dead one is replaced by a living one near to it,
    // or, where its whole region died, by any.
    Status replace_in_entry(size_t n) {
        const Node &node = nodes_[n];
        Link *links = links_.data() + node.first;
        Code base;
        bool found, dead;
        VECX_TRY(gather.codes.get(node.link, true, &base, &found, &dead));
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
                VECX_TRY(gather.state_of(links[i], &state));
            if (state == NodeState::living)
                continue;
            Code lost;
            Member best{0, {}, {}, -1, kNobody};
            gather.start(node.link);
            for (uint32_t k = 0; k < node.count; ++k)
                if (!links[k].none())
                    gather.meet(links[k]);
            found = false;
            if (state == NodeState::dead) {
                gather.lost.push_back(links[i]);
                VECX_TRY(gather.codes.get(links[i], true, &lost, &found, &dead));
            }
            if (found)
                VECX_TRY(gather.beyond(lost, 2 * size_t{shape_.places}));
            for (const Member &m : gather.pool)
                if (best.link.none() || m.key < best.key)
                    best = m;
            for (uint32_t tries = 0; best.link.none() && tries < 64 && map_->size() > 0; ++tries) {
                const uint32_t at = static_cast<uint32_t>(mix64(node.link.key() + 64 * i + tries) % map_->size());
                if (map_->state(at) == NodeState::living && gather.meet(map_->link(at))) {
                    VECX_TRY(gather.add(map_->link(at), base));
                    if (!gather.pool.empty())
                        best = gather.pool.back();
                }
            }
            change(n, base, i, best.link.none() ? nullptr : &best);
        }
        return Status{};
    }

    // Notes that place k of node n becomes `member`, or free.
    void change(size_t n, const Code &base, uint32_t k, const Member *member) {
        nodes_[n].changed = true;
        Change c{static_cast<uint16_t>(n), static_cast<uint16_t>(k), false, 0, 0, {}, static_cast<uint32_t>(code_words_.size())};
        if (member != nullptr) {
            c.link = member->link;
            if (!nodes_[n].ring || k > 0)
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
        if (c.leaves)
            edit.head->flags &= static_cast<uint8_t>(~kNodeRing);
        if (c.link.none())
            clear_neighbour(edit, shape_, c.place);
        else
            set_neighbour(edit, shape_, c.place, c.link, c.add, c.mul, code_words_.data() + c.code);
    }

    S *store_;
    Shape shape_;
    NodeMap *map_;
    size_t ef_;
    Seeker<S> seek_;
    Reselection select_;
    Array<Node> nodes_;
    Array<Link> links_;
    Array<Change> changes_;
    Array<uint64_t> code_words_;
    Array<uint32_t> order_;
};

} // namespace vecx::hnsw::inlined
