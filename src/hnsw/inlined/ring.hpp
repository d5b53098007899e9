// Rings: nodes that have one vector and differ in their attributes are linked in a circle, each to the next by its first
// neighbour (kNodeRing). Selection takes one of many equals for all of them, which is right for the way to the vector and
// wrong for who wants all its rows: a search that has met one node of a ring meets the others next, at the same distance.
//
// A new node is written with a link to the next and then named by the one before: two writes, and a crash in between leaves a node that leads
// into the ring and is not in it, whose row no one sees. VACUUM leads past the dead (mend.hpp) and closes a ring that is
// open or in two (close_rings.hpp).
#pragma once

#include <span>

#include "base/crash.hpp"
#include "base/rng.hpp"
#include "hnsw/inlined/explore.hpp"
#include "kernels/convert.hpp"

namespace vecx::hnsw::inlined {

// How a node sees its own vector as that of a neighbour.
struct RingCode {
    float add = 0, mul = 0;
    uint64_t words[kMaxDenseDim / 64];
};

// The next of a node's ring; none: it is in no ring.
inline Link next_in_ring(const NodeView &view) {
    return view.in_ring() && view.links[0].slot < kMaxSlots ? view.links[0] : Link{};
}

// Makes `next` the first neighbour of a node and the next of its ring. What was there, if it was no ring's, moves to a free
// place or takes that of the farthest, as far as codes tell that. Counts no version.
// None is there twice afterwards.
inline void set_ring_link(const NodeEdit &edit, const Shape &shape, Link next, float add, float mul, const uint64_t *code) {
    if ((edit.head->flags & kNodeRing) == 0 && !edit.links[0].none()) {
        uint32_t to = edit.head->places - 1u;
        float most = -1;
        for (uint32_t i = 1; i < edit.head->places; ++i) {
            if (edit.links[i].none() || edit.links[i] == next) {
                to = i;
                break;
            }
            const float d = shape.code_words > 0 ? neighbour_distance(shape, f16_to_float(edit.mul[i])) : 0.0f;
            if (shape.code_words > 0 && d > most) {
                most = d;
                to = i;
            }
        }
        if (edit.links[0] != next)
            copy_neighbour(edit, shape, 0, to);
    }
    for (uint32_t i = 1; i < edit.head->places; ++i)
        if (edit.links[i] == next)
            clear_neighbour(edit, shape, i);
    set_neighbour(edit, shape, 0, next, add, mul, code);
    edit.head->flags |= kNodeRing;
}

template <NodeStore S>
class Ring {
  public:
    Ring(S &store, const Shape &shape) : store_(&store), shape_(shape), visitor_(store, shape) {}

    // Where a new node goes in: between `before` and `after`, which are one if there was no ring. `before` is none: nowhere.
    struct Gap {
        Link before, after;
        Link seen; // what `before` names as its next, dead or not; none: it was in no ring
    };

    // The gap behind one of the nodes, chosen by chance: many inserts at a time seldom meet.
    Status find_gap(std::span<const Link> alike, Rng &rng, Gap *gap) {
        *gap = Gap{};
        const size_t n = alike.size(), first = n > 0 ? static_cast<size_t>(rng.below(n)) : 0;
        for (size_t i = 0; i < n && i < kMostTried && gap->before.none(); ++i) {
            const Link before = alike[(first + i) % n];
            bool living, found;
            Link seen{};
            VECX_TRY(next_of(before, &seen, &living, &found));
            if (!living)
                continue;
            gap->before = gap->after = before;
            gap->seen = seen;
            if (!seen.none())
                VECX_TRY(first_living(seen, before, &gap->after));
        }
        return Status{};
    }

    // Lets the ring pass through `self`, which was written with at->after as its next; `at` becomes the gap that it is in. Not
    // `joined` when all of `alike` died, or others were always faster.
    Status join(Link self, std::span<const Link> alike, Gap *at, const RingCode &code, Rng &rng, bool *joined) {
        *joined = false;
        for (int attempt = 0; attempt < kMaxRetries && !at->before.none(); ++attempt) {
            const Gap gap = *at;
            store_->poll();
            const char *fault = nullptr;
            VECX_CRASH_SITE("inlined.ring.join");
            VECX_TRY(store_->update(gap.before.block, [&](MutablePage &page) {
                NodeView view;
                fault = node_fault(view_of(page), shape_, gap.before.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != gap.before.generation || view.dead() ||
                    next_in_ring(view) != gap.seen)
                    return false;
                NodeEdit edit = edit_node(page, shape_, view);
                set_ring_link(edit, shape_, self, code.add, code.mul, code.words);
                ++edit.head->links_version;
                return *joined = true;
            }));
            if (fault != nullptr)
                return fault_status(gap.before.block, fault);
            if (*joined)
                return lead_past_dead(self, gap, code);
            VECX_TRY(move(self, alike, at, code, rng));
        }
        return Status{};
    }

    // Another gap for a node that has got into none yet.
    Status move(Link self, std::span<const Link> alike, Gap *gap, const RingCode &code, Rng &rng) {
        const Link after = gap->after;
        VECX_TRY(find_gap(alike, rng, gap));
        return gap->after == after ? Status{} : change_own(self, after, gap->after, code);
    }

  private:
    static constexpr size_t kMostTried = 16;
    static constexpr uint32_t kMostDead = 4096; // followed; behind more of them the ring is left as it is

    // The next one in the ring; none when the node is in none, or is gone.
    Status next_of(Link link, Link *next, bool *living, bool *found) {
        *living = *found = false;
        *next = Link{};
        if (link.slot >= kMaxSlots)
            return Status{};
        return visitor_.look(link, found, [&](const NodeView &view) {
            *living = !view.dead();
            *next = next_in_ring(view);
        });
    }

    // The first living node from `at` on; `home` where the ring ends, or is back there.
    Status first_living(Link at, Link home, Link *out) {
        for (uint32_t steps = 0; steps < kMostDead; ++steps) {
            bool living, found;
            Link next;
            store_->poll();
            VECX_TRY(next_of(at, &next, &living, &found));
            *out = found && living ? at : home;
            if (!found || living || next.none() || at == home)
                return Status{};
            at = next;
        }
        *out = at;
        return Status{};
    }

    // The next one may have died between the look at it and the write that names it, and VACUUM have passed by here already.
    // What dies from now on it finds named.
    Status lead_past_dead(Link self, const Gap &gap, const RingCode &code) {
        Link after;
        VECX_TRY(first_living(gap.after, gap.before, &after));
        return after == gap.after ? Status{} : change_own(self, gap.after, after, code);
    }

    // The next of a new node becomes `to` if it was `from`. None: it has no next.
    Status change_own(Link self, Link from, Link to, const RingCode &code) {
        const char *fault = nullptr;
        VECX_CRASH_SITE("inlined.ring.own");
        VECX_TRY(store_->update(self.block, [&](MutablePage &page) {
            NodeView view;
            fault = node_fault(view_of(page), shape_, self.slot, &view);
            if (fault != nullptr || view.head == nullptr || view.head->generation != self.generation ||
                next_in_ring(view) != from)
                return false;
            NodeEdit edit = edit_node(page, shape_, view);
            if (to.none()) {
                clear_neighbour(edit, shape_, 0);
                edit.head->flags &= static_cast<uint8_t>(~kNodeRing);
            } else {
                set_ring_link(edit, shape_, to, code.add, code.mul, code.words);
            }
            ++edit.head->links_version;
            return true;
        }));
        return fault == nullptr ? Status{} : fault_status(self.block, fault);
    }

    S *store_;
    Shape shape_;
    Visitor<S> visitor_;
};

} // namespace vecx::hnsw::inlined
