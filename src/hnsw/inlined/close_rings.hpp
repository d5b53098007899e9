// VACUUM's look at the rings (ring.hpp): what crashes, errors and inserts that did not see each other left open or in two becomes
// one circle again.
#pragma once

#include <algorithm>

#include "base/array.hpp"
#include "hnsw/inlined/codes.hpp"
#include "hnsw/inlined/ring.hpp"

namespace vecx::hnsw::inlined {

template <NodeStore S>
class RingCloser {
  public:
    RingCloser(S &store, Arena &arena, const Shape &shape) : store_(&store), shape_(shape), members_(arena) {}

    // A living node. When `most_bytes` do not suffice only nodes in rings are kept, and none when these are too many.
    void add(Link link, uint64_t hash, bool in_ring, size_t most_bytes) {
        const size_t most = std::min(most_bytes, kMostMemory) / sizeof(Member);
        if (!in_ring && rings_only_)
            return;
        if (members_.size() >= most && !rings_only_) {
            rings_only_ = true;
            size_t kept = 0;
            for (const Member &m : members_)
                if ((m.hash & 1) != 0)
                    members_[kept++] = m;
            members_.resize_uninitialized(kept);
        }
        if (members_.size() < most && (in_ring || !rings_only_))
            members_.push_back(Member{(hash & ~uint64_t{1}) | (in_ring ? 1 : 0), link});
    }

    // Closes the rings of the nodes that were added. `result` counts them as linked again.
    Status close(CodeCache<S> &codes, Visitor<S> &visitor, uint64_t *relinked) {
        for (Member &m : members_)
            m.hash &= ~uint64_t{1};
        std::sort(members_.begin(), members_.end(), [](const Member &a, const Member &b) {
            return a.hash != b.hash ? a.hash < b.hash : a.link.key() < b.link.key();
        });
        for (size_t i = 0, end; i < members_.size(); i = end) {
            for (end = i + 1; end < members_.size() && members_[end].hash == members_[i].hash;)
                ++end;
            if (end - i < 2)
                continue;
            bool whole;
            VECX_TRY(is_whole(visitor, i, end, &whole));
            for (size_t k = i; k < end && !whole; ++k)
                VECX_TRY(lead_to(codes, visitor, i, end, members_[k].link, members_[k + 1 < end ? k + 1 : i].link, relinked));
        }
        return Status{};
    }

  private:
    static constexpr size_t kMostMemory = 32 << 20; // sorting so much cannot be cancelled
    static constexpr int kMostFresh = 1000;         // that came since, between two; more are no ring, or the next VACUUM's business

    struct Member {
        uint64_t hash; // of the vector; the lowest bit: in a ring
        Link link;
    };

    bool has(size_t first, size_t end, Link link) const {
        const Member *at = std::lower_bound(members_.begin() + first, members_.begin() + end, link.key(),
                                            [](const Member &m, uint64_t key) { return m.link.key() < key; });
        return at != members_.begin() + end && at->link == link;
    }

    Status next_of(Visitor<S> &visitor, Link link, Link *next) {
        bool found;
        *next = Link{};
        store_->poll();
        return visitor.look(link, &found, [&](const NodeView &view) {
            if (!view.dead() && view.in_ring() && view.links[0].slot < kMaxSlots)
                *next = view.links[0];
        });
    }

    // The last node before another of the group, or before the ring's end, from `link` on: itself, or one that came since.
    Status last_before(Visitor<S> &visitor, size_t first, size_t end, Link link, Link *last, Link *next) {
        *last = link;
        VECX_TRY(next_of(visitor, link, next));
        for (int fresh = 0; fresh < kMostFresh && !next->none() && !has(first, end, *next); ++fresh) {
            Link after;
            VECX_TRY(next_of(visitor, *next, &after));
            if (after.none())
                break; // gone, or in no ring
            *last = *next;
            *next = after;
        }
        return Status{};
    }

    // Whether one ring leads through all of a group.
    Status is_whole(Visitor<S> &visitor, size_t first, size_t end, bool *whole) {
        Link at = members_[first].link, last;
        for (size_t steps = 1; steps <= end - first; ++steps) {
            VECX_TRY(last_before(visitor, first, end, at, &last, &at));
            *whole = steps == end - first;
            if (at.none() || !has(first, end, at))
                *whole = false;
            if (at.none() || !has(first, end, at) || at == members_[first].link)
                return Status{};
        }
        *whole = false;
        return Status{};
    }

    // Makes `to` the next of the group behind `from`, and behind what came in between.
    Status lead_to(CodeCache<S> &codes, Visitor<S> &visitor, size_t first, size_t end, Link from, Link to, uint64_t *relinked) {
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            Link last, seen;
            VECX_TRY(last_before(visitor, first, end, from, &last, &seen));
            if (seen == to)
                return Status{};
            Code base, other;
            bool found, dead, other_found, other_dead;
            codes.unpin();
            VECX_TRY(codes.get(last, true, &base, &found, &dead));
            VECX_TRY(codes.get(to, true, &other, &other_found, &other_dead));
            if (!found || dead || !other_found || other_dead)
                return Status{};
            float add = 0, mul = 0;
            uint64_t code[kMaxDenseDim / 64];
            if (shape_.code_words > 0)
                encode_neighbour_coarse(shape_, base.coarse, base.bytes, other.coarse, other.bytes,
                                        coarse_distance2(shape_, base.coarse, base.bytes, other.coarse, other.bytes), &add, &mul, code);
            bool done = true;
            const char *fault = nullptr;
            VECX_CRASH_SITE("inlined.ring.close");
            VECX_TRY(store_->update(last.block, [&](MutablePage &page) {
                NodeView view;
                done = true;
                fault = node_fault(view_of(page), shape_, last.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != last.generation || view.dead())
                    return false;
                done = (view.in_ring() ? view.links[0] : Link{}) == seen;
                if (!done)
                    return false;
                NodeEdit edit = edit_node(page, shape_, view);
                set_ring_link(edit, shape_, to, add, mul, code);
                ++edit.head->links_version;
                ++*relinked;
                return true;
            }));
            if (fault != nullptr)
                return fault_status(last.block, fault);
            if (done)
                return Status{};
        }
        return Status{};
    }

    S *store_;
    Shape shape_;
    Array<Member> members_;
    bool rings_only_ = false;
};

} // namespace vecx::hnsw::inlined
