// Repair of the graph around nodes that died: their neighbours find others, nodes that nothing leads to any more are
// linked again, and the dead are freed.
#pragma once

#include "hnsw/inlined/lists.hpp"
#include "hnsw/inlined/mend.hpp"

namespace vecx::hnsw::inlined {

// The state of one repair. See repair() in vacuum.hpp.
template <NodeStore S>
class Repairer {
  public:
    Repairer(S &store, Arena &arena, const MetaRecord &meta, const Shape &shape, uint32_t body_size, size_t memory_limit,
             VacuumResult *result)
        : store_(&store), shape_(shape), body_size_(body_size), limit_(std::max(memory_limit, kLeastMemory)), result_(result), map_(arena),
          mender_(store, arena, shape, body_size, candidates_for(meta.ef_construction, shape.dim), map_), seen_(arena), early_(arena), late_(arena),
          here_(arena), links_(arena), dead_(arena) {
        seen_.reserve(kMaxSlots);
    }

    // One round: the nodes of as many blocks from `*block` on as fit the memory. Moves it on.
    Status round(uint32_t *block) {
        VECX_TRY(survey(*block));
        *block = map_.end_block();
        VECX_TRY(mend_entry());
        VECX_TRY(mend_links());
        VECX_TRY(take_late_offers());
        VECX_TRY(link_the_unreached());
        return free_dead();
    }

  private:
    static constexpr size_t kLeastMemory = 256 * 1024;
    static constexpr int kReachPasses = 3;
    static constexpr size_t kTargets = 16; // nodes that are asked for a free place
    using Plan = typename Mender<S>::Plan;

    struct Seen {
        uint16_t slot, generation;
        NodeState state;
    };
    struct OfferBefore {
        bool operator()(const Offer &a, const Offer &b) const { return a.target.key() < b.target.key(); }
    };

    // Fills the map. Tells the map of free space what it may have lost in a crash, or never had on a standby.
    Status survey(uint32_t first) {
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        const uint32_t blocks = store_->block_count();
        map_.start(first);
        living_ = dead_count_ = 0;
        for (uint32_t block = first; block < blocks; ++block) {
            if (block > first && map_.bytes_after(kMaxSlots) > limit_ / 4)
                break;
            store_->poll();
            seen_.clear();
            const char *fault = nullptr;
            uint32_t left = 0;
            VECX_TRY(store_->read(block, [&](const PageView &page) {
                if ((fault = page_fault(page)) != nullptr)
                    return;
                for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                    NodeView node;
                    if ((fault = node_fault(page, shape_, static_cast<uint16_t>(i), &node)) != nullptr)
                        return;
                    if (node.head == nullptr)
                        continue;
                    const Link link{block, static_cast<uint16_t>(i), node.head->generation};
                    NodeState state = node.dead() ? NodeState::dead : NodeState::living;
                    if (node.is_entry() && link == meta.entry)
                        state = NodeState::entry;
                    seen_.push_back(Seen{link.slot, link.generation, state});
                }
                left = free_bytes(page);
            }));
            if (fault != nullptr)
                return fault_status(block, fault);
            if (left >= shape_.record_size(shape_.places) && block != kMetaBlock)
                store_->record_space(block, left);
            map_.begin_block();
            for (const Seen &s : seen_) {
                map_.add(s.slot, s.generation, s.state);
                living_ += s.state == NodeState::living;
                dead_count_ += s.state == NodeState::dead;
            }
        }
        const bool whole = first == kMetaBlock && map_.end_block_after_finish() == blocks;
        const size_t rows = NodeMap::row_bytes(map_.size(), shape_.places);
        const size_t used = map_.bytes_after(0);
        const bool with_rows = whole && used + rows < limit_ / 8 * 5;
        map_.finish(with_rows ? shape_.places : 0, poll());
        mender_.gather.set_range_blocks(blocks);
        const size_t spare = limit_ - std::min(limit_, used + (with_rows ? rows : 0));
        mender_.gather.keep_dead(dead_count_, spare / 16);
        mender_.gather.codes.reserve(std::max(spare / 8 * 7, limit_ / 8), whole ? living_ : spare);
        return whole ? fill_codes(blocks) : Status{};
    }

    // When the dead have so many neighbours, and these so many again, that nearly all nodes will be looked at, their codes are made
    // page by page.
    Status fill_codes(uint32_t blocks) {
        if (living_ > dead_count_ * shape_.places * shape_.places / 4 || !mender_.gather.codes.has_room_for(living_))
            return Status{};
        for (uint32_t block = kMetaBlock + 1; block < blocks; ++block) {
            store_->poll();
            VECX_TRY(mender_.gather.codes.fill(block, body_size_));
        }
        return Status{};
    }

    // An entry point that is gone, or a node without rows but not made to be entered, is replaced by a living node.
    Status mend_entry() {
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        bool found = false, sound = false, done;
        Link next{};
        if (!meta.entry.none() && meta.entry.block < store_->block_count()) {
            links_.clear();
            links_.reserve(kMaxPlaces + kGroup);
            VECX_TRY(mender_.gather.visitor.look(meta.entry, &found, [&](const NodeView &node) {
                sound = node.is_entry() || !node.dead();
                for (uint32_t i = 0; i < node.head->places; ++i)
                    links_.push_back(node.links[i]);
            }));
            if (sound)
                return Status{};
            for (size_t i = 0; i < links_.size() && next.none(); ++i) {
                NodeState state = NodeState::none;
                if (!links_[i].none())
                    VECX_TRY(mender_.gather.state_of(links_[i], &state));
                bool there = false, dead = true;
                if (state == NodeState::living)
                    VECX_TRY(mender_.gather.visitor.look(links_[i], &there, [&](const NodeView &node) { dead = node.dead(); }));
                if (there && !dead)
                    next = links_[i];
            }
        }
        for (uint32_t block = 1; block < store_->block_count() && next.none(); ++block) {
            store_->poll();
            VECX_TRY(for_each_node(*store_, shape_, block, [&](uint16_t slot, const NodeView &node) {
                if (!node.dead())
                    next = Link{block, slot, node.head->generation};
            }));
        }
        if (meta.entry.none() && next.none())
            return Status{};
        return set_entry(*store_, meta.entry, next, 0, &done, false);
    }

    // All pages in order: nodes with links to dead or stale nodes get others. Each chosen anew is offered the link back:
    // those of later blocks consider it in their turn, those of earlier ones when all are through.
    Status mend_links() {
        early_.clear();
        late_.clear();
        const uint32_t blocks = store_->block_count();
        for (uint32_t block = kMetaBlock; block < blocks; ++block) {
            store_->poll();
            here_.clear();
            while (!early_.empty() && early_.top().target.block <= block)
                here_.push_back(early_.pop());
            VECX_TRY(mend_block(block, Plan::mend));
        }
        return Status{};
    }

    Status take_late_offers() {
        while (!late_.empty()) { // a heap: to sort them all at once could not be cancelled
            const uint32_t block = late_.top().target.block;
            here_.clear();
            while (!late_.empty() && late_.top().target.block == block)
                here_.push_back(late_.pop());
            store_->poll();
            VECX_TRY(mend_block(block, Plan::mend, true));
        }
        return Status{};
    }

    // Mends a block with the offers in here_, in one write if no insert is in the way.
    Status mend_block(uint32_t block, Plan how, bool last = false) {
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            VECX_TRY(mender_.copy_block(block));
            uint64_t changed = 0;
            for (size_t n = 0; n < mender_.size(); ++n) {
                const Link link = mender_.node(n).link;
                links_.clear();
                for (const Offer &o : here_)
                    if (o.target == link)
                        links_.push_back(o.source);
                if (last && links_.empty())
                    continue;
                store_->poll();
                VECX_TRY(mender_.plan(n, how, {links_.data(), links_.size()}));
                changed += mender_.node(n).changed;
                if (!last)
                    for (const Offer &o : mender_.fresh)
                        if (std::find(links_.begin(), links_.end(), o.target) == links_.end())
                            offer(o, block);
            }
            bool stale;
            VECX_TRY(mender_.write(block, &stale));
            result_->nodes_repaired += last ? 0 : changed;
            if (!stale)
                break;
        }
        for (size_t n = 0; n < mender_.size(); ++n)
            note(n);
        return Status{};
    }

    // Remembers what became of node n of the mender's block.
    void note(size_t n) {
        const std::span<const Link> links = mender_.links(n);
        map_.set_row(mender_.node(n).link, links.data(), static_cast<uint32_t>(links.size()));
        uint32_t at;
        if (map_.find(mender_.node(n).link, &at))
            map_.free_places(at) = static_cast<uint8_t>(
                std::min<std::ptrdiff_t>(254, std::count_if(links.begin(), links.end(), [](const Link &l) { return l.none(); })));
    }

    // Back links are wanted but not needed: beyond the memory, and where no place is free, they are dropped.
    void offer(const Offer &o, uint32_t block) {
        uint32_t at;
        if (!map_.find(o.target, &at) || (early_.size() + late_.size() + 1) * sizeof(Offer) > limit_ / 16)
            return;
        if (o.target.block > block) {
            early_.push(o);
        } else if (map_.free_places(at) > 0) {
            if (map_.free_places(at) < 255) // of this very block it is not known yet
                --map_.free_places(at);
            late_.push(o);
        }
    }

    // With the links of all nodes in memory: whatever cannot be reached from the entry point; else what nothing links to.
    Status link_the_unreached() {
        if (living_ < 2)
            return Status{};
        for (int pass = 0; pass < kReachPasses; ++pass) {
            MetaRecord meta;
            VECX_TRY(read_meta(*store_, &meta));
            if (meta.entry.none())
                return Status{};
            map_.forget_reached(poll());
            if (map_.has_rows()) {
                links_.clear();
                links_.reserve(kMaxPlaces + kGroup);
                bool found;
                VECX_TRY(mender_.gather.visitor.look(meta.entry, &found, [&](const NodeView &node) {
                    for (uint32_t i = 0; i < node.head->places; ++i)
                        links_.push_back(node.links[i]);
                }));
                links_.push_back(meta.entry);
                uint32_t at;
                for (const Link &link : links_)
                    if (!link.none() && map_.find(link, &at))
                        map_.reach(at, poll());
            }
            uint64_t relinked = 0;
            for (uint32_t block = map_.first_block(), at = 0; block < map_.end_block(); ++block)
                for (; at < map_.end_of(block); ++at) {
                    if (map_.state(at) != NodeState::living || map_.link(at) == meta.entry ||
                        (map_.has_rows() ? map_.reached(at) : map_.in_links(at) > 0))
                        continue;
                    store_->poll();
                    VECX_TRY(relink(map_.link(at)));
                    map_.reach(at, poll());
                    ++relinked;
                }
            result_->nodes_relinked += relinked;
            if (relinked == 0 || !map_.has_rows())
                break;
        }
        return Status{};
    }

    // Finds neighbours for a node by a search, and one of these that takes a link to it.
    Status relink(Link link) {
        VECX_TRY(mender_.search_around(link));
        here_.clear();
        links_.clear();
        for (const Scored &s : mender_.found())
            links_.push_back(s.link);
        if (links_.empty())
            return Status{};
        VECX_TRY(change_one(link, Plan::reselect, {links_.data(), links_.size()}));
        Link target = links_[0];
        for (size_t i = 0; i < links_.size() && i < kTargets; ++i) {
            uint32_t at;
            if (map_.find(links_[i], &at) && map_.free_places(at) > 0 && map_.free_places(at) < 255) {
                target = links_[i];
                break;
            }
        }
        return change_one(target, Plan::force, {&link, 1});
    }

    Status change_one(Link link, Plan how, std::span<const Link> offers) {
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            bool stale;
            VECX_TRY(mender_.copy_block(link.block, link));
            if (mender_.size() == 0)
                return Status{};
            VECX_TRY(mender_.plan(0, how, offers));
            VECX_TRY(mender_.write(link.block, &stale));
            if (!stale)
                break;
        }
        note(0);
        return Status{};
    }

    Status free_dead() {
        if (dead_count_ == 0)
            return Status{};
        MetaRecord meta; // an entry node that it does not name it will never name
        VECX_TRY(read_meta(*store_, &meta));
        auto may_go = [&](const PageView &page, Link link) {
            NodeView node;
            return node_fault(page, shape_, link.slot, &node) == nullptr && node.head != nullptr &&
                   node.head->generation == link.generation && node.dead() && !(node.is_entry() && link == meta.entry);
        };
        dead_.clear();
        for (uint32_t block = map_.first_block(), at = 0; block < map_.end_block(); ++block) {
            for (; at < map_.end_of(block); ++at)
                if (map_.state(at) == NodeState::dead)
                    dead_.push_back(map_.link(at));
            if (dead_.size() < kMaxSlots && block + 1 < map_.end_block())
                continue;
            VECX_TRY(free_records(*store_, dead_.data(), dead_.size(), may_go, &result_->nodes_freed));
            dead_.clear();
        }
        return Status{};
    }

    // For loops over what is in memory.
    auto poll() {
        return [this] { store_->poll(); };
    }

    S *store_;
    Shape shape_;
    uint32_t body_size_;
    size_t limit_;
    VacuumResult *result_;
    NodeMap map_;
    Mender<S> mender_;
    Array<Seen> seen_;
    Heap<Offer, OfferBefore> early_;
    Heap<Offer, OfferBefore> late_;
    Array<Offer> here_;
    Array<Link> links_;
    Array<Link> dead_;
    uint64_t living_ = 0, dead_count_ = 0;
};

} // namespace vecx::hnsw::inlined
