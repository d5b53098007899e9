// What a repair knows of the nodes of a range of blocks: a number for each, its state, and its links as numbers.
#pragma once

#include <algorithm>

#include "base/array.hpp"
#include "hnsw/layout.hpp"

namespace vecx::hnsw::inlined {

enum class NodeState : uint8_t {
    none,    // no node
    living,
    dead,    // to be freed
    entry,   // the entry node that the metapage names: no row, but not to be freed
};

constexpr uint32_t kNobody = 0xFFFFFFFFu;

class NodeMap {
  public:
    explicit NodeMap(Arena &arena)
        : starts_(arena), generations_(arena), states_(arena), free_places_(arena), rows_(arena), queue_(arena), in_(arena) {}

    // Forgets everything; blocks from `first` on follow, in order: begin_block, add for each node in slot order.
    void start(uint32_t first) {
        first_ = first;
        starts_.clear();
        generations_.clear();
        states_.clear();
        has_rows_ = false;
    }
    // What it will occupy after another block of `slots` slots.
    size_t bytes_after(size_t slots) const {
        return starts_.bytes_after(2) + generations_.bytes_after(slots) + 3 * states_.bytes_after(slots);
    }
    void begin_block() { starts_.push_back(static_cast<uint32_t>(states_.size())); }
    void add(uint16_t slot, uint16_t generation, NodeState state) {
        while (states_.size() < starts_.back() + size_t{slot} + 1) {
            generations_.push_back(0);
            states_.push_back(NodeState::none);
        }
        generations_.back() = generation;
        states_.back() = state;
    }
    // `row_places`: links of a node to be remembered; 0: none are. Calls poll() now and then.
    template <class Poll>
    void finish(uint32_t row_places, Poll poll) {
        starts_.push_back(static_cast<uint32_t>(states_.size()));
        free_places_.resize_uninitialized(size());
        in_.resize_uninitialized(size());
        if (size() > 0) {
            memset(free_places_.data(), 0xFF, size());
            memset(in_.data(), 0, size());
        }
        row_places_ = row_places;
        has_rows_ = row_places > 0;
        if (!has_rows_) {
            rows_.give_back();
            queue_.give_back();
            return;
        }
        rows_.resize_uninitialized(size() * row_places);
        queue_.resize_uninitialized(size());
        for (size_t at = 0; at < rows_.size(); at += kStretch) {
            poll();
            std::fill_n(rows_.data() + at, std::min(kStretch, rows_.size() - at), kNobody);
        }
    }
    static size_t row_bytes(size_t nodes, uint32_t places) { return nodes * (places + 1) * sizeof(uint32_t); }

    uint32_t first_block() const { return first_; }
    uint32_t end_block() const { return first_ + static_cast<uint32_t>(starts_.size()) - 1; }
    uint32_t end_block_after_finish() const { return first_ + static_cast<uint32_t>(starts_.size()); }
    uint32_t end_of(uint32_t block) const { return starts_[block - first_ + 1]; } // numbers of a block end before it
    bool covers(uint32_t block) const { return block >= first_ && block < end_block(); }
    size_t size() const { return states_.size(); }

    // The number of a node; false when it is not there: newer than the survey, or gone, or in another range.
    bool find(Link link, uint32_t *at) const {
        if (!covers(link.block))
            return false;
        const size_t i = starts_[link.block - first_] + size_t{link.slot};
        *at = static_cast<uint32_t>(i);
        return i < starts_[link.block - first_ + 1] && states_[i] != NodeState::none && generations_[i] == link.generation;
    }
    Link link(uint32_t at) const {
        const uint32_t *next = std::upper_bound(starts_.begin(), starts_.end(), at);
        const uint32_t block = static_cast<uint32_t>(next - starts_.begin()) - 1;
        return Link{first_ + block, static_cast<uint16_t>(at - starts_[block]), generations_[at]};
    }
    NodeState state(uint32_t at) const { return states_[at]; }
    uint8_t &free_places(uint32_t at) { return free_places_[at]; } // 255: not known yet

    // Remembers the links of a node, and that its neighbours have one more link to them.
    void set_row(Link node, const Link *links, uint32_t count) {
        uint32_t at, n = 0, to;
        const bool known = find(node, &at);
        uint32_t *row = known && has_rows_ ? rows_.data() + size_t{at} * row_places_ : nullptr;
        for (uint32_t i = 0; i < count; ++i)
            if (!links[i].none() && find(links[i], &to)) {
                in_[to] = static_cast<uint8_t>((in_[to] & kMany) < kMany ? in_[to] + 1 : in_[to]);
                if (row != nullptr && n < row_places_)
                    row[n++] = to;
            }
        if (row != nullptr)
            std::fill(row + n, row + row_places_, kNobody);
    }
    bool has_rows() const { return has_rows_; }
    // Links that lead to a node, as far as known; kMany stands for more.
    uint8_t in_links(uint32_t at) const { return in_[at] & kMany; }

    // Marks a node, and with rows all that its links lead to. Calls poll() now and then.
    template <class Poll>
    void reach(uint32_t at, Poll poll) {
        if (reached(at))
            return;
        in_[at] |= kReached;
        if (!has_rows_)
            return;
        size_t begin = 0, end = 0;
        queue_[end++] = at; // every node gets there once at most
        while (begin < end) {
            if (begin % kNodes == 0)
                poll();
            const uint32_t *row = rows_.data() + size_t{queue_[begin++]} * row_places_;
            for (uint32_t i = 0; i < row_places_ && row[i] != kNobody; ++i)
                if (!reached(row[i])) {
                    in_[row[i]] |= kReached;
                    queue_[end++] = row[i];
                }
        }
    }
    bool reached(uint32_t at) const { return (in_[at] & kReached) != 0; }
    template <class Poll>
    void forget_reached(Poll poll) {
        for (size_t at = 0; at < in_.size(); ++at) {
            if (at % kStretch == 0)
                poll();
            in_[at] &= kMany;
        }
    }

  private:
    static constexpr uint8_t kReached = 0x80, kMany = 0x7F;
    static constexpr size_t kStretch = 1 << 20, kNodes = 1 << 14; // between two polls

    uint32_t first_ = 1;
    Array<uint32_t> starts_; // block first_ + b has numbers [starts_[b], starts_[b + 1]): one per slot
    Array<uint16_t> generations_;
    Array<NodeState> states_;
    Array<uint8_t> free_places_;
    Array<uint32_t> rows_;
    Array<uint32_t> queue_;
    Array<uint8_t> in_;
    uint32_t row_places_ = 0;
    bool has_rows_ = false;
};

} // namespace vecx::hnsw::inlined
