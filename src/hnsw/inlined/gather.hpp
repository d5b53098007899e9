// What lies around a node that lost neighbours: those it has left, and the living ones that the dead led to. All decided
// from copies: nothing here holds a lock when it returns.
#pragma once

#include "base/flat_set.hpp"
#include "hnsw/inlined/codes.hpp"
#include "hnsw/inlined/map.hpp"

namespace vecx::hnsw::inlined {

// A candidate for a place among the neighbours of a node.
struct Member {
    float key; // from that node
    Link link;
    Code code;
    int place;    // where the node has it; -1: nowhere yet
    uint32_t via; // the dead neighbour, by its place among Gatherer::lost, that led here; kNobody: none
};

template <NodeStore S>
class Gatherer {
  public:
    Gatherer(S &store, Arena &arena, const Shape &shape, NodeMap &map)
        : visitor(store, shape), codes(visitor, arena), pool(arena), lost(arena), represented(arena), store_(&store),
          shape_(shape), map_(&map), roots_(arena), met_(arena), dead_links_(arena), dead_keys_(arena) {}

    Visitor<S> visitor;
    CodeCache<S> codes;
    Array<Member> pool;
    Array<Link> lost;           // dead neighbours; beyond() appends further dead nodes behind them
    Array<uint8_t> represented; // of each of `lost` as it was before beyond(): a living neighbour of the node is next to it

    // Forgets all but pinned codes. `node`, whose surroundings are wanted, is left out of them.
    void start(Link node) {
        pool.clear();
        lost.clear();
        represented.clear();
        met_.clear();
        met_.add(node.key());
    }
    // False when it was met before.
    bool meet(Link link) { return met_.add(link.key()); }
    // A living neighbour that the node has in `place`; its key and code come with measure().
    void keep(Link link, uint32_t place) {
        uint64_t *entry = met_.find(link.key());
        if (entry != nullptr)
            *entry |= kKept;
        pool.push_back(Member{0, link, {}, static_cast<int>(place), kNobody});
    }

    // Keys and codes of what was kept. Those that died since leave the pool.
    Status measure(const Code &base) {
        size_t kept = 0;
        for (const Member &m : pool) // three passes, so that the memory has many of these codes to fetch at a time
            codes.prefetch(m.link);
        for (size_t i = 0; i < pool.size(); ++i) {
            Member m = pool[i];
            bool found, dead;
            VECX_TRY(codes.get(m.link, true, &m.code, &found, &dead));
            if (found && dead)
                lost.push_back(m.link);
            if (!found || dead)
                continue;
            codes.prefetch(m.code);
            pool[kept++] = m;
        }
        pool.resize_uninitialized(kept);
        for (Member &m : pool)
            m.key = key_between(shape_, base, m.code);
        return Status{};
    }

    // One node into the pool if it lives.
    Status add(Link link, const Code &base) {
        Member m{0, link, {}, -1, kNobody};
        bool found, dead;
        VECX_TRY(codes.get(link, true, &m.code, &found, &dead));
        if (!found || dead)
            return Status{};
        m.key = key_between(shape_, base, m.code);
        pool.push_back(m);
        return Status{};
    }

    // The living neighbours of the dead in `lost`, and through further dead ones for a while, to the pool, until it has
    // `most` members. Sets `represented`.
    Status beyond(const Code &base, size_t most) {
        const size_t roots = lost.size(), before = pool.size();
        roots_.resize_uninitialized(roots);
        represented.resize_uninitialized(roots);
        for (size_t i = 0; i < roots; ++i) {
            roots_[i] = static_cast<uint32_t>(i);
            represented[i] = 0;
        }
        for (size_t i = 0; i < lost.size() && i < 2 * size_t{shape_.places} && pool.size() < most; ++i) {
            uint32_t count;
            VECX_TRY(copy_links(lost[i], &count));
            for (uint32_t k = 0; k < count; ++k)
                codes.prefetch(next_[k]);
            const uint32_t root = roots_[i];
            for (uint32_t k = 0; k < count; ++k) {
                const Link next = next_[k];
                NodeState state;
                bool fresh;
                const uint64_t met = *met_.insert(next.key(), &fresh);
                if (!fresh) {
                    represented[root] |= (met & kKept) != 0;
                    continue;
                }
                VECX_TRY(state_of(next, &state));
                bool dead = state == NodeState::dead;
                if (state == NodeState::living)
                    VECX_TRY(take(next, &dead, root));
                if (dead) {
                    lost.push_back(next);
                    roots_.push_back(root);
                }
            }
        }
        for (size_t i = before; i < pool.size(); ++i)
            pool[i].key = key_between(shape_, base, pool[i].code);
        return Status{};
    }

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
        store_->poll();
        return visitor.look(link, &found, [&](const NodeView &node) {
            *state = node.is_entry() ? NodeState::entry : node.dead() ? NodeState::dead : NodeState::living;
        });
    }
    // Keeps the links of the dead in memory, of which there are `nodes`, as far as they fit `bytes`. Forgets those it has.
    void keep_dead(uint64_t nodes, size_t bytes) {
        const size_t each = sizeof(uint64_t) + shape_.places * sizeof(Link);
        const size_t entries = static_cast<size_t>(std::min<uint64_t>(nodes + nodes / 2, bytes / each));
        dead_links_.resize_uninitialized(entries * shape_.places);
        dead_keys_.resize_uninitialized(entries);
        if (entries > 0)
            memset(dead_keys_.data(), 0, entries * sizeof(uint64_t));
    }
    // Blocks that this or another round surveys; nodes beyond are newer.
    void set_range_blocks(uint32_t blocks) { range_blocks_ = blocks_ = blocks; }

  private:
    static constexpr uint64_t kKept = 1ull << 29; // one of the bits of kKeyStateMask
    static_assert((kKept & kKeyStateMask) != 0);

    // A living node into the pool, its key to be computed yet.
    Status take(Link link, bool *dead, uint32_t via) {
        Member m{0, link, {}, -1, via};
        bool found;
        VECX_TRY(codes.get(link, true, &m.code, &found, dead));
        *dead = found && *dead;
        if (!found || *dead)
            return Status{};
        codes.prefetch(m.code);
        pool.push_back(m);
        return Status{};
    }

    // The links of a dead node that could name one, to next_. All its neighbours ask for them, and nobody changes them any more.
    Status copy_links(Link link, uint32_t *count) {
        const size_t at = static_cast<size_t>((mix64(link.key()) >> 32) * dead_keys_.size() >> 32);
        Link *kept = dead_links_.data() + at * shape_.places;
        *count = 0;
        if (!dead_keys_.empty() && dead_keys_[at] == link.key()) {
            while (*count < shape_.places && !kept[*count].none()) {
                next_[*count] = kept[*count];
                ++*count;
            }
            return Status{};
        }
        bool found;
        store_->poll();
        VECX_TRY(visitor.look(link, &found, [&](const NodeView &node) {
            for (uint32_t k = 0; k < node.head->places; ++k)
                if (!node.links[k].none() && node.links[k].slot < kMaxSlots && node.links[k].block != kMetaBlock)
                    next_[(*count)++] = node.links[k];
        }));
        if (!found || dead_keys_.empty() || *count > shape_.places)
            return Status{};
        dead_keys_[at] = link.key();
        std::copy(next_, next_ + *count, kept);
        if (*count < shape_.places)
            kept[*count] = Link{};
        return Status{};
    }

    S *store_;
    Shape shape_;
    NodeMap *map_;
    uint32_t blocks_ = 0, range_blocks_ = 0;
    Array<uint32_t> roots_; // by place in `lost`: the place of the neighbour that led there
    FlatSet<kKeyStateMask> met_;
    Array<Link> dead_links_; // shape_.places for each of dead_keys_; the first ones, up to one that is none
    Array<uint64_t> dead_keys_; // by their hashes; 0: empty
    Link next_[256];
};

} // namespace vecx::hnsw::inlined
