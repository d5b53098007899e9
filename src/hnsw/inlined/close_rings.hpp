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
    RingCloser(S &store, Arena &arena, const Shape &shape) : store_(&store), shape_(shape), members_(arena), next_(arena), steps_(arena), walk_(arena) {}

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
            VECX_TRY(close_one(codes, visitor, i, end, relinked));
        }
        return Status{};
    }

  private:
    static constexpr size_t kMostMemory = 32 << 20; // sorting so much cannot be cancelled
    static constexpr uint32_t kNone = 0xFFFFFFFFu, kUnderWay = 0xFFFFFFFEu;
    static constexpr int kMostFresh = 1000;         // that came since, between two; more are no ring, or the next VACUUM's business

    struct Member {
        uint64_t hash; // of the vector; the lowest bit: in a ring
        Link link;
    };

    // Of a node among members_[first, end); kNone: not there.
    uint32_t number_of(size_t first, size_t end, Link link) const {
        const Member *at = std::lower_bound(members_.begin() + first, members_.begin() + end, link.key(),
                                            [](const Member &m, uint64_t key) { return m.link.key() < key; });
        return at != members_.begin() + end && at->link == link ? static_cast<uint32_t>(at - members_.begin() - first) : kNone;
    }

    Status next_of(Visitor<S> &visitor, Link link, Link *next) {
        bool found;
        *next = Link{};
        store_->poll();
        return visitor.look(link, &found, [&](const NodeView &view) {
            if (!view.dead())
                *next = next_in_ring(view);
        });
    }

    // The last node before another of the group, or before the ring's end, from `link` on: itself, or one that came since.
    Status last_before(Visitor<S> &visitor, size_t first, size_t end, Link link, Link *last, Link *next) {
        *last = link;
        VECX_TRY(next_of(visitor, link, next));
        for (int fresh = 0; fresh < kMostFresh && !next->none() && number_of(first, end, *next) == kNone; ++fresh) {
            Link after;
            VECX_TRY(next_of(visitor, *next, &after));
            if (after.none())
                break; // gone, or in no ring
            *last = *next;
            *next = after;
        }
        return Status{};
    }

    // The group [first, end) of members_ becomes one ring. What is one already is never torn: the others are put into it one by one.
    Status close_one(CodeCache<S> &codes, Visitor<S> &visitor, size_t first, size_t end, uint64_t *relinked) {
        const uint32_t n = static_cast<uint32_t>(end - first);
        next_.resize_uninitialized(n);
        for (uint32_t k = 0; k < n; ++k) {
            Link last, next;
            VECX_TRY(last_before(visitor, first, end, members_[first + k].link, &last, &next));
            next_[k] = next.none() ? kNone : number_of(first, end, next);
        }
        uint32_t start, length;
        bool circle;
        longest(n, &start, &length, &circle);
        if (circle && length == n)
            return Status{};
        // Steps from each node are not needed any more: who is in the ring that is to be.
        std::fill(steps_.begin(), steps_.end(), 0u);
        uint32_t at = start, tail = start;
        for (uint32_t i = 0; i < length; ++i, at = next_[at])
            steps_[tail = at] = 1;
        const Link home = members_[first + start].link;
        bool done;
        if (!circle && length > 1) {
            Link last, seen;
            VECX_TRY(last_before(visitor, first, end, members_[first + tail].link, &last, &seen));
            VECX_TRY(name_next(codes, last, seen, home, &done, relinked));
        }
        for (uint32_t k = 0; k < n; ++k) {
            if (steps_[k] != 0)
                continue;
            const Link self = members_[first + k].link;
            done = false;
            for (int attempt = 0; attempt < kMaxRetries && !done; ++attempt) {
                Link seen, own;
                VECX_TRY(next_of(visitor, home, &seen));
                VECX_TRY(next_of(visitor, self, &own));
                const Link after = seen.none() || seen == self ? home : seen;
                done = own == after;
                if (!done)
                    VECX_TRY(name_next(codes, self, own, after, &done, relinked));
                if (done && seen != self)
                    VECX_TRY(name_next(codes, home, seen, self, &done, relinked));
            }
        }
        return Status{};
    }

    // The longest circle of next_, or, if there is none, the longest way that ends somewhere: where it starts, and its nodes.
    void longest(uint32_t n, uint32_t *start, uint32_t *length, bool *circle) {
        steps_.resize_uninitialized(n); // of each: to the end of its way; while its way is followed: kUnderWay
        walk_.resize_uninitialized(n);
        std::fill(steps_.begin(), steps_.end(), 0u);
        *start = *length = 0;
        *circle = false;
        for (uint32_t k = 0; k < n; ++k) {
            if (k % 1024 == 0)
                store_->poll();
            uint32_t count = 0, at = k;
            for (; at != kNone && steps_[at] == 0; at = next_[at]) {
                steps_[at] = kUnderWay;
                walk_[count++] = at;
            }
            uint32_t beyond = at == kNone || steps_[at] == kUnderWay ? 0 : steps_[at];
            if (at != kNone && steps_[at] == kUnderWay) {
                uint32_t from = count;
                while (walk_[from - 1] != at)
                    --from;
                if (!*circle || count - from + 1 > *length) {
                    *start = at;
                    *length = count - from + 1;
                }
                *circle = true;
            }
            while (count > 0)
                steps_[walk_[--count]] = ++beyond;
            if (!*circle && beyond > *length) {
                *start = k;
                *length = beyond;
            }
        }
    }

    // Makes `to` the next of `node`, whose next was `seen`. `done` is false when it is another meanwhile, true when either node is gone.
    Status name_next(CodeCache<S> &codes, Link node, Link seen, Link to, bool *done, uint64_t *relinked) {
        Code base, other;
        bool found, dead, other_found, other_dead;
        *done = true;
        codes.unpin();
        VECX_TRY(codes.get(node, true, &base, &found, &dead));
        VECX_TRY(codes.get(to, true, &other, &other_found, &other_dead));
        if (!found || dead || !other_found || other_dead || node == to)
            return Status{};
        float add = 0, mul = 0;
        uint64_t code[kMaxDenseDim / 64];
        if (shape_.code_words > 0)
            encode_neighbour_coarse(shape_, base.coarse, base.bytes, other.coarse, other.bytes,
                                    coarse_distance2(shape_, base.coarse, base.bytes, other.coarse, other.bytes), &add, &mul, code);
        bool changed = false;
        const char *fault = nullptr;
        VECX_CRASH_SITE("inlined.ring.close");
        VECX_TRY(store_->update(node.block, [&](MutablePage &page) {
            NodeView view;
            *done = true;
            changed = false;
            fault = node_fault(view_of(page), shape_, node.slot, &view);
            if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation || view.dead())
                return false;
            *done = next_in_ring(view) == seen;
            if (!*done)
                return false;
            NodeEdit edit = edit_node(page, shape_, view);
            set_ring_link(edit, shape_, to, add, mul, code);
            ++edit.head->links_version;
            return changed = true;
        }));
        *relinked += changed;
        return fault == nullptr ? Status{} : fault_status(node.block, fault);
    }

    S *store_;
    Shape shape_;
    Array<Member> members_;
    Array<uint32_t> next_, steps_, walk_; // by number in a group
    bool rings_only_ = false;
};

} // namespace vecx::hnsw::inlined
