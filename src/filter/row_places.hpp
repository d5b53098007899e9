// Where in an index the rows of a table are: heap TID -> page and slot. What somebody saw who read the index once; it may have
// changed since, so it is a hint: whoever goes there looks whether the row is still there, and rows that came later are missing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/array.hpp"

namespace vecx::filter {

// Made in two passes over the index, so that it takes no more memory than it keeps: 4 bytes for each page of the table up to the
// last one with a row, and 4 for each offset of a page up to its last row.
class RowPlaces {
  public:
    struct Place {
        uint32_t block;
        uint16_t slot;
    };

    // `slots` is more than the number of any slot of the index.
    RowPlaces(Arena arena, uint32_t slots, size_t memory_limit)
        : arena_(arena), starts_(arena_), places_(arena_), slots_(slots), memory_limit_(memory_limit) {}

    // First pass: every row, in any order.
    void count(uint32_t block, uint16_t offset) {
        if (offset == 0 || too_big_ || (static_cast<size_t>(block) + 2) * sizeof(uint32_t) > memory_limit_) {
            too_big_ |= offset != 0;
            return;
        }
        if (block >= starts_.size()) {
            if (block >= starts_.capacity()) // no more than half as much again: the array is copied
                starts_.reserve(static_cast<size_t>(block) + block / 2 + 16);
            const size_t before = starts_.size();
            starts_.resize_uninitialized(static_cast<size_t>(block) + 1);
            std::fill(starts_.begin() + before, starts_.end(), 0u);
        }
        starts_[block] = std::max<uint32_t>(starts_[block], offset);
    }
    // Between the passes. False when there is not memory enough; nothing can be put then.
    bool make_room() {
        uint64_t sum = 0;
        for (uint32_t &entry : starts_) {
            const uint32_t here = entry;
            entry = static_cast<uint32_t>(sum);
            sum += here;
            too_big_ |= sum * sizeof(uint32_t) > memory_limit_;
        }
        if (too_big_ || sum * sizeof(uint32_t) + starts_.capacity_bytes() > memory_limit_) {
            starts_.give_back();
            return false;
        }
        starts_.push_back(static_cast<uint32_t>(sum));
        places_.resize_uninitialized(sum);
        std::fill(places_.begin(), places_.end(), 0u);
        return true;
    }
    // Second pass. A row that the first one did not see is left out.
    void put(uint32_t block, uint16_t offset, Place place) {
        uint32_t *at = find(block, offset);
        const uint64_t number = static_cast<uint64_t>(place.block) * slots_ + place.slot + 1;
        if (at == nullptr || place.slot >= slots_ || number > UINT32_MAX)
            return;
        rows_ += *at == 0;
        *at = static_cast<uint32_t>(number);
    }

    bool find(uint32_t block, uint16_t offset, Place *out) const {
        const uint32_t *at = const_cast<RowPlaces *>(this)->find(block, offset);
        if (at == nullptr || *at == 0)
            return false;
        out->block = (*at - 1) / slots_;
        out->slot = static_cast<uint16_t>((*at - 1) % slots_);
        return true;
    }

    size_t rows() const { return rows_; }
    size_t bytes() const { return starts_.capacity_bytes() + places_.capacity_bytes(); }

  private:
    uint32_t *find(uint32_t block, uint16_t offset) {
        if (static_cast<size_t>(block) + 1 >= starts_.size() || offset == 0 || offset > starts_[block + 1] - starts_[block])
            return nullptr;
        return &places_[starts_[block] + offset - 1u];
    }

    Arena arena_;
    Array<uint32_t> starts_; // of the pages in places_; in the first pass, the last offset of each
    Array<uint32_t> places_; // block * slots_ + slot + 1; 0: not known
    uint32_t slots_;
    size_t memory_limit_;
    size_t rows_ = 0;
    bool too_big_ = false;
};

} // namespace vecx::filter
