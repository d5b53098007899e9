// A set of heap rows that a filter lets through, made once from ascending pages, asked at random, and emptied row by row
// as rows are dealt with. What it still has at any time is what is left to do.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/array.hpp"
#include "base/flat_set.hpp"

namespace vecx::filter {

// A heap page, or a run of `run` pages of which all rows belong to the set ("whole").
struct MaskPage {
    uint32_t block;
    uint32_t run;   // 1 unless whole
    uint32_t first; // of its words
    uint8_t words;  // 0: whole
    bool recheck;   // the filter is to be tested again for each of its rows

    bool whole() const { return words == 0; }
};

// Memory: 16 bytes a page or run and 8 for each 64 offsets, below `memory_limit` as long as the rows removed from whole
// pages are not counted. Beyond the limit neighbouring pages become whole runs, which lets rows in that do not belong
// there: the caller tests the filter again for the rows of such pages (`recheck`).
class RowMask {
  public:
    static constexpr uint32_t kMostOffset = 2048; // of a page of 32 kB, with room to spare

    RowMask(Arena &arena, size_t memory_limit) : pages_(arena), words_(arena), starts_(arena), removed_(arena), memory_limit_(memory_limit) {}

    // Pages come in ascending order. Offsets count from 1, are ascending, and above kMostOffset make the page whole.
    void add_page(uint32_t block, const uint16_t *offsets, uint32_t count, bool recheck) {
        if (count == 0)
            return;
        if (offsets[count - 1] > kMostOffset || offsets[0] == 0) {
            add_whole(block);
            return;
        }
        MaskPage page{block, 1, static_cast<uint32_t>(words_.size()), static_cast<uint8_t>((offsets[count - 1] - 1u) / 64 + 1), recheck};
        for (uint32_t i = 0; i < page.words; ++i)
            words_.push_back(0);
        for (uint32_t i = 0; i < count; ++i)
            words_[page.first + (offsets[i] - 1u) / 64] |= 1ull << ((offsets[i] - 1u) % 64);
        rows_ += count;
        put(page);
    }
    void add_whole(uint32_t block) {
        ++whole_pages_;
        if (!pages_.empty() && pages_.back().whole() && pages_.back().block + pages_.back().run == block) {
            ++pages_.back().run;
            return;
        }
        put(MaskPage{block, 1, 0, 0, true});
    }
    // After the last page, and before the set is asked.
    void finish() {
        const size_t count = std::bit_ceil(std::max<size_t>(pages_.size(), 1));
        const uint32_t last = pages_.empty() ? 0 : pages_.back().block;
        shift_ = 0;
        while ((last >> shift_) >= count)
            ++shift_;
        const size_t buckets = (last >> shift_) + 1u;
        starts_.resize_uninitialized(buckets + 1);
        size_t at = 0;
        for (size_t i = 0; i < buckets; ++i) {
            while (at < pages_.size() && (pages_[at].block >> shift_) < i)
                ++at;
            starts_[i] = static_cast<uint32_t>(at);
        }
        starts_[buckets] = static_cast<uint32_t>(pages_.size());
    }

    // The page or run with `block`; null when none of its rows ever was in the set.
    const MaskPage *page_of(uint32_t block) const {
        const size_t bucket = block >> shift_;
        size_t low = 0, high = pages_.size();
        if (bucket + 1 < starts_.size()) {
            low = starts_[bucket];
            high = starts_[bucket + 1];
        }
        const MaskPage *end = std::upper_bound(pages_.begin() + low, pages_.begin() + high, block,
                                               [](uint32_t b, const MaskPage &page) { return b < page.block; });
        if (end == pages_.begin())
            return nullptr;
        const MaskPage *page = end - 1;
        return block - page->block < page->run ? page : nullptr;
    }
    bool has(uint32_t block, uint16_t offset) const {
        const MaskPage *page = page_of(block);
        return page != nullptr && has(*page, block, offset);
    }
    bool has(const MaskPage &page, uint32_t block, uint16_t offset) const {
        if (page.whole())
            return offset != 0 && (removed_.size() == 0 || !removed_.has(key(block, offset)));
        const uint32_t bit = offset - 1u;
        return bit / 64 < page.words && (words_[page.first + bit / 64] >> (bit % 64) & 1) != 0;
    }
    // Takes a row out; of a whole page, one that may not be there.
    void remove(uint32_t block, uint16_t offset) {
        const MaskPage *page = page_of(block);
        if (page == nullptr || !has(*page, block, offset))
            return;
        ++removed_rows_;
        if (page->whole())
            removed_.add(key(block, offset));
        else
            words_[page->first + (offset - 1u) / 64] &= ~(1ull << ((offset - 1u) % 64));
    }

    // Pages and runs in ascending order.
    size_t page_count() const { return pages_.size(); }
    const MaskPage &page(size_t i) const { return pages_[i]; }
    // f(offset) for the rows of a page that is not whole, ascending. f may remove the row that it is given.
    template <class F>
    void for_each_offset(const MaskPage &page, F f) const {
        for (uint32_t i = 0; i < page.words; ++i)
            for (uint64_t word = words_[page.first + i]; word != 0; word &= word - 1)
                f(static_cast<uint16_t>(64 * i + static_cast<uint32_t>(std::countr_zero(word)) + 1));
    }

    uint64_t exact_rows() const { return rows_; }         // added one by one
    uint64_t whole_pages() const { return whole_pages_; } // added, or made by want of memory
    uint64_t removed_rows() const { return removed_rows_; }
    size_t bytes() const { return pages_.capacity_bytes() + words_.capacity_bytes() + starts_.capacity_bytes() + removed_.bytes(); }

  private:
    static uint64_t key(uint32_t block, uint16_t offset) { return static_cast<uint64_t>(block) << 16 | offset; }

    void put(const MaskPage &page) {
        pages_.push_back(page);
        // Twice the array: it is copied when it grows. The directory has up to two entries a page.
        if (pages_.size() * 2 * (sizeof(MaskPage) + sizeof(uint32_t)) + words_.size() * 2 * sizeof(uint64_t) > memory_limit_ && pages_.size() > 64)
            coarsen();
    }

    // Halves the pages at least, by runs that close gaps: first between whole pages only, then between any.
    void coarsen() {
        const size_t wanted = pages_.size() / 2;
        for (uint32_t gap = 1; pages_.size() > wanted; gap *= 4) {
            merge(gap, false);
            if (pages_.size() > wanted && gap >= 16)
                merge(gap, true);
            if (gap > (1u << 29))
                break;
        }
    }
    // Makes one run of neighbours that are at most `gap` pages apart.
    void merge(uint32_t gap, bool any) {
        size_t kept = 0;
        uint32_t words = 0;
        for (size_t i = 0; i < pages_.size(); ++i) {
            MaskPage next = pages_[i];
            if (kept > 0) {
                MaskPage &last = pages_[kept - 1];
                const uint32_t between = next.block - (last.block + last.run);
                if (between <= gap && (any || (last.whole() && next.whole()))) {
                    for (MaskPage *page : {&last, &next})
                        if (!page->whole()) {
                            rows_ -= count(*page);
                            ++whole_pages_;
                        }
                    if (!last.whole()) {
                        words = last.first;
                        last.words = 0;
                        last.first = 0;
                        last.recheck = true;
                    }
                    whole_pages_ += between;
                    last.run += between + next.run;
                    continue;
                }
            }
            for (uint32_t w = 0; w < next.words; ++w)
                words_[words + w] = words_[next.first + w];
            next.first = next.whole() ? 0 : words;
            words += next.words;
            pages_[kept++] = next;
        }
        pages_.resize_uninitialized(kept);
        words_.resize_uninitialized(words);
    }
    uint64_t count(const MaskPage &page) const {
        uint64_t n = 0;
        for (uint32_t i = 0; i < page.words; ++i)
            n += static_cast<uint64_t>(std::popcount(words_[page.first + i]));
        return n;
    }

    Array<MaskPage> pages_;
    Array<uint64_t> words_;
    Array<uint32_t> starts_; // of buckets of 2^shift_ blocks: the first page in each
    mutable FlatSet<> removed_; // from whole pages
    size_t memory_limit_;
    uint64_t rows_ = 0, whole_pages_ = 0, removed_rows_ = 0;
    uint32_t shift_ = 0;
};

} // namespace vecx::filter
