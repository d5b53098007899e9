// What every layout's checker looks for in heap TIDs and in links that lead to no node.
#pragma once

#include <algorithm>

#include "base/array.hpp"
#include "base/flat_set.hpp"
#include "hnsw/page.hpp"

namespace vecx::hnsw {

// Whether a heap TID can be one; the shell has one that knows the table. Called with no page locked.
struct AnyTid {
    bool operator()(HeapTid tid) const { return tid.offset != 0; }
};

inline uint64_t key_of(HeapTid tid) {
    return static_cast<uint64_t>(tid.block_hi) << 32 | static_cast<uint64_t>(tid.block_lo) << 16 | tid.offset;
}

// Heap TIDs seen so far, and those seen twice. One that was met twice may have moved: VACUUM removed it, and a new row got
// it. So a second look at all pages, with add_again, tells which are wrong. Memory: about 16 bytes a heap TID.
class TidsSeen {
  public:
    explicit TidsSeen(Arena &arena) : seen_(arena), twice_(arena) {}

    void add(HeapTid tid) {
        if (!seen_.add(key_of(tid)))
            twice_.push_back(key_of(tid));
    }

    // Whether a second look is needed.
    bool any_twice() {
        std::sort(twice_.begin(), twice_.end());
        seen_.clear();
        return !twice_.empty();
    }
    // Whether this one was seen twice now and before.
    bool add_again(HeapTid tid) { return std::binary_search(twice_.begin(), twice_.end(), key_of(tid)) && !seen_.add(key_of(tid)); }

  private:
    FlatSet<> seen_;
    Array<uint64_t> twice_;
};

inline Status tid_twice(uint32_t block, HeapTid tid) {
    return Status::corrupt(block, "heap TID (%u,%u) is in the index twice, once on block %u",
                           static_cast<uint32_t>(tid.block_hi) << 16 | tid.block_lo, tid.offset, block);
}

// A link that leads to no node of `kind` may be stale: its node was freed. This tells what is wrong with one that cannot
// have led to a node ever, for slots stay and generations are not given twice; null otherwise. `page` is the link's.
inline const char *impossible_link(const PageView &page, Link link, RecordKind kind) {
    if (page_fault(page) != nullptr)
        return nullptr; // reported with its own page
    if (page_is_new(page) || link.slot >= slot_count(page))
        return "a link names a record that never was";
    for (RecordKind other : {RecordKind::node, RecordKind::chunk, RecordKind::inlined_node, RecordKind::tid_chunk, RecordKind::leaf,
                             RecordKind::fences}) {
        const uint8_t *record;
        uint32_t length;
        if (other != kind && record_fault(page, link.slot, other, &record, &length) == nullptr && record != nullptr) {
            uint16_t generation; // common to all kinds
            memcpy(&generation, record + 2, sizeof generation);
            if (generation == link.generation)
                return "a link names a record that is no node";
        }
    }
    return nullptr;
}

} // namespace vecx::hnsw
