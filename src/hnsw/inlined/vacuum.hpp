// Taking rows out of the layouts `inline` and `compact`: heap TIDs are stripped (remove_tids), lists of them are
// tidied, the graph is repaired around the nodes that died of it, and they are freed (repair). ../README.md,
// "Vacuum", has the order of the steps and why each may be the last.
#pragma once

#include "base/crash.hpp"
#include "hnsw/inlined/repair.hpp"

namespace vecx::hnsw::inlined {

// Removes every heap TID for which is_dead(HeapTid), from nodes and from their lists. A node without any is dead:
// scans and inserts pass through it, nothing is added to it. A chunk without any is closed: its capacity becomes 0, so
// that nothing can be added between this and its leaving the list. At most one write per page. is_dead is called with
// no page locked. Adds to `result`. Relies on TIDs being appended only: their positions change by VACUUM alone.
template <NodeStore S, class IsDead>
Status remove_tids(S &store, Arena &arena, IsDead is_dead, VacuumResult *result) {
    struct Record {
        uint16_t slot, generation;
        bool chunk, touched;
        uint32_t first, count; // in `tids`
    };
    MetaRecord meta;
    Shape shape;
    uint32_t body_size;
    VECX_TRY(read_shape(store, &meta, &shape, &body_size));
    Array<Record> records(arena);
    Array<HeapTid> tids(arena);
    Array<uint8_t> gone(arena);
    const uint32_t most_tids = body_size / sizeof(HeapTid), most_records = body_size / sizeof(TidChunkHead);
    records.reserve(most_records);
    tids.reserve(most_tids);
    gone.resize_uninitialized(most_tids);
    for (uint32_t block = 1; block < store.block_count(); ++block) {
        store.poll();
        ++result->pages;
        records.clear();
        tids.clear();
        const char *fault = nullptr;
        VECX_TRY(store.read(block, [&](const PageView &page) {
            if ((fault = page_fault(page)) != nullptr)
                return;
            for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                const uint16_t slot = static_cast<uint16_t>(i);
                NodeView node;
                TidChunkView chunk;
                if ((fault = node_fault(page, shape, slot, &node)) != nullptr ||
                    (fault = tid_chunk_fault(page, slot, &chunk)) != nullptr)
                    return;
                if ((node.head == nullptr || node.is_entry()) && chunk.head == nullptr)
                    continue;
                const uint32_t count = node.head != nullptr ? node.head->tid_count : chunk.head->count;
                const HeapTid *begin = node.head != nullptr ? node.tids : chunk.tids;
                if (records.size() == most_records || tids.size() + count > most_tids) {
                    fault = "records overlap"; // more heap TIDs than a page has bytes for
                    return;
                }
                records.push_back(Record{slot, node.head != nullptr ? node.head->generation : chunk.head->generation,
                                         chunk.head != nullptr, false, static_cast<uint32_t>(tids.size()), count});
                for (uint32_t k = 0; k < count; ++k)
                    tids.push_back(begin[k]);
            }
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
        bool any = false;
        for (Record &r : records) {
            for (uint32_t k = r.first; k < r.first + r.count; ++k) {
                gone[k] = is_dead(tids[k]);
                r.touched |= gone[k] != 0;
                result->tids_left += gone[k] == 0;
            }
            any |= r.touched;
        }
        if (!any)
            continue;
        uint64_t removed = 0;
        VECX_CRASH_SITE("inlined.vacuum.remove_tids");
        VECX_TRY(store.update(block, [&](MutablePage &page) {
            bool changed = false;
            removed = 0;
            for (const Record &r : records) {
                if (!r.touched)
                    continue;
                NodeView node;
                TidChunkView chunk;
                fault = r.chunk ? tid_chunk_fault(view_of(page), r.slot, &chunk) : node_fault(view_of(page), shape, r.slot, &node);
                if (fault != nullptr)
                    return false;
                const void *head = r.chunk ? static_cast<const void *>(chunk.head) : node.head;
                if (head == nullptr || (r.chunk ? chunk.head->generation : node.head->generation) != r.generation)
                    continue;
                const HeapTid *at = r.chunk ? chunk.tids : node.tids;
                HeapTid *list = reinterpret_cast<HeapTid *>(page.body + (reinterpret_cast<const uint8_t *>(at) - page.body));
                const uint32_t count = r.chunk ? chunk.head->count : node.head->tid_count;
                uint32_t kept = 0;
                for (uint32_t i = 0; i < count; ++i)
                    if (i >= r.count || gone[r.first + i] == 0 || list[i] != tids[r.first + i])
                        list[kept++] = list[i];
                for (uint32_t i = kept; i < count; ++i)
                    list[i] = HeapTid{};
                removed += count - kept;
                changed |= count != kept;
                if (r.chunk) {
                    TidChunkHead *out = reinterpret_cast<TidChunkHead *>(
                        page.body + (reinterpret_cast<const uint8_t *>(chunk.head) - page.body));
                    out->count = static_cast<uint16_t>(kept);
                    if (kept == 0)
                        out->capacity = 0;
                } else {
                    Head *out = edit_node(page, shape, node).head;
                    out->tid_count = static_cast<uint8_t>(kept);
                    if (kept == 0 && out->more_tids.none())
                        out->flags |= kNodeDead;
                }
            }
            return changed;
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
        result->tids_removed += removed;
    }
    return Status{};
}

// Repairs the graph around dead nodes and frees them, with about `memory_limit` bytes of working memory, tidies lists
// of heap TIDs, and frees what crashes left. An index larger than the memory suffices for is repaired one range of
// blocks after the other, with a pass over all pages each. Only one repair may run on an index at a time; inserts and
// scans may run beside it. Writes nothing when there is nothing to do. Adds to `result`.
template <NodeStore S>
Status repair(S &store, Arena &arena, size_t memory_limit, VacuumResult *result) {
    MetaRecord meta;
    Shape shape;
    uint32_t body_size;
    VECX_TRY(read_shape(store, &meta, &shape, &body_size));
    uint64_t chunks = 0, closed = 0;
    VECX_TRY(count_chunks(store, &chunks, &closed));
    if (closed > 0)
        VECX_TRY(tidy_lists(store, arena, shape, chunks, memory_limit, result));
    VECX_CRASH_POINT("inlined.vacuum.lists_tidied");
    if (chunks > 0)
        VECX_TRY(free_orphans(store, arena, shape, chunks, memory_limit, result));
    VECX_CRASH_POINT("inlined.vacuum.orphans_freed");
    Repairer<S> repairer(store, arena, meta, shape, body_size, memory_limit, result);
    for (uint32_t block = kMetaBlock; block < store.block_count();) // there is the entry node
        VECX_TRY(repairer.round(&block));
    return shape.attributes > 0 ? repairer.close_rings() : Status{};
}

} // namespace vecx::hnsw::inlined
