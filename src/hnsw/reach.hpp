// Which nodes of layout plain there were at a survey, and which of them a search can come to at level 0.
#pragma once

#include <span>

#include "hnsw/reader.hpp"

namespace vecx::hnsw {

// The living nodes of a survey, three bytes each at most: two for the generation, three bits for what is known of it.
class NodeMap {
  public:
    explicit NodeMap(Arena &arena) : block_start(arena), generations(arena), reached_(arena), followed_(arena), doubted_(arena) {}

    // Block b has generations[block_start[b - 1], block_start[b]), by slot; 0 where no living node is.
    Array<uint32_t> block_start;
    Array<uint16_t> generations;
    bool complete = false; // false: there was no memory for it

    // The place of a node in the map; false when it is not there: newer than the survey, dead or freed.
    bool find(Link link, size_t *at) const {
        if (!complete || link.block == 0 || link.block >= block_start.size())
            return false;
        *at = block_start[link.block - 1] + size_t{link.slot};
        return *at < block_start[link.block] && generations[*at] == link.generation;
    }

    // Nothing has been reached.
    void forget_reached() {
        for (Array<uint8_t> *bits : {&reached_, &followed_}) {
            bits->resize_uninitialized((generations.size() + 7) / 8);
            if (!bits->empty())
                memset(bits->data(), 0, bits->size());
        }
    }
    bool reached(size_t at) const { return (reached_[at / 8] >> (at % 8) & 1) != 0; }

    // Reached, but nobody has looked where it leads to.
    bool pending(size_t at) const { return ((reached_[at / 8] & ~followed_[at / 8]) >> (at % 8) & 1) != 0; }
    bool pending_in(uint32_t block) const {
        for (size_t at = block_start[block - 1]; at < block_start[block]; ++at)
            if (pending(at))
                return true;
        return false;
    }
    void reach(size_t at) { reached_[at / 8] |= static_cast<uint8_t>(1u << (at % 8)); }
    void follow(size_t at) { followed_[at / 8] |= static_cast<uint8_t>(1u << (at % 8)); }
    void reach(std::span<const Link> links) {
        size_t at;
        for (const Link &l : links)
            if (!l.none() && find(l, &at))
                reach(at);
    }

    // Nodes of which it is to be seen whether a search finds them.
    void doubt_none() {
        doubted_.resize_uninitialized((generations.size() + 7) / 8);
        if (!doubted_.empty())
            memset(doubted_.data(), 0, doubted_.size());
    }
    void doubt_all() {
        if (!doubted_.empty())
            memset(doubted_.data(), 0xff, doubted_.size());
    }
    bool doubted(size_t at) const { return (doubted_[at / 8] >> (at % 8) & 1) != 0; }
    void doubt(size_t at) { doubted_[at / 8] |= static_cast<uint8_t>(1u << (at % 8)); }
    void trust(size_t at) { doubted_[at / 8] &= static_cast<uint8_t>(~(1u << (at % 8))); }
    void doubt(std::span<const Link> links) {
        size_t at;
        for (const Link &l : links)
            if (!l.none() && find(l, &at))
                doubt(at);
    }

  private:
    Array<uint8_t> reached_, followed_, doubted_; // a bit for each place of generations
};

// Follows the links of all that is pending, until nothing is. The pages are read in order, those with nothing pending are
// passed over: on a small world a few passes are enough, and no page is asked for at random.
template <NodeStore S>
Status spread(S &store, NodeMap &map) {
    for (bool again = true; again;) {
        again = false;
        for (uint32_t block = 1; block < map.block_start.size(); ++block) {
            if (!map.pending_in(block))
                continue;
            store.poll();
            again = true;
            uint8_t here[(kMaxSlots + 7) / 8] = {};
            const size_t first = map.block_start[block - 1], count = map.block_start[block] - first;
            for (size_t i = 0; i < count; ++i)
                if (map.pending(first + i)) {
                    here[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
                    map.follow(first + i); // also when it has gone meanwhile
                }
            VECX_TRY(for_each_node(store, block, [&](uint16_t slot, const NodeView &node) {
                if (slot < count && (here[slot / 8] >> (slot % 8) & 1) != 0 && !node.dead())
                    map.reach(node.links_at(0));
            }));
        }
    }
    return Status{};
}

} // namespace vecx::hnsw
