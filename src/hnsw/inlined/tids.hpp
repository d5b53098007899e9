// More heap TIDs for a node: in its record, else in its list of chunks. Only the first chunk of the list is ever looked
// at, and chunks grow with the list: so a million rows of one vector cost a few pages each.
//
// A chunk without heap TIDs is closed: VACUUM, which made it so, is about to take it out of the list, and nothing is
// added to it. So a node whose record and chunks VACUUM found empty stays empty unless `more_tids` changes, which the
// lock on the node's page tells.
#pragma once

#include "base/crash.hpp"
#include "hnsw/inlined/directory.hpp"
#include "hnsw/inlined/visitor.hpp"
#include "hnsw/place.hpp"

namespace vecx::hnsw::inlined {

constexpr uint32_t kFirstTidChunk = 16;

// How many heap TIDs the chunk in front of one of `capacity` (0: none) has room for.
inline uint32_t next_chunk_capacity(uint32_t capacity, uint32_t body_size) {
    const uint32_t most = (max_record(body_size) - static_cast<uint32_t>(sizeof(TidChunkHead))) / static_cast<uint32_t>(sizeof(HeapTid));
    const uint32_t wanted = capacity == 0 ? kFirstTidChunk : 4 * capacity;
    return wanted < most ? wanted : most;
}

// Adds `tid` to `node`, whose vector and attributes the caller has found equal (they never change during a generation). `attached` is
// false when the node is gone or dead. At most three page writes: a chunk, the node, and the chunk again if another
// session was faster. Takes the chunk writers' lock, shared, when a chunk is made.
template <NodeStore S>
Status attach_tid(S &store, const Shape &shape, Link node, HeapTid tid, uint32_t body_size, bool *attached) {
    *attached = false;
    if (shape.attributes > 0)
        VECX_TRY(ensure_listed(store, shape, node));
    for (int attempt = 0; attempt < kMaxRetries && !*attached; ++attempt) {
        store.poll();
        const char *fault = nullptr;
        bool gone = true, full = false;
        Link first{};
        // Look first: when the record is full, as it is for all but a few of many, it need not be locked to change it.
        VECX_TRY(store.read(node.block, [&](const PageView &page) {
            NodeView view;
            fault = node_fault(page, shape, node.slot, &view);
            gone = fault != nullptr || view.head == nullptr || view.head->generation != node.generation || view.dead();
            if (gone)
                return;
            full = view.head->tid_count >= shape.tid_places;
            first = view.head->more_tids;
        }));
        if (fault != nullptr)
            return fault_status(node.block, fault);
        if (gone)
            return Status{};
        if (!full) {
            VECX_CRASH_SITE("inlined.tids.node");
            VECX_TRY(store.update(node.block, [&](MutablePage &page) {
                NodeView view;
                fault = node_fault(view_of(page), shape, node.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation || view.dead() ||
                    view.head->tid_count >= shape.tid_places)
                    return false;
                NodeEdit out = edit_node(page, shape, view);
                out.tids[out.head->tid_count++] = tid;
                *attached = true;
                return true;
            }));
            if (fault != nullptr)
                return fault_status(node.block, fault);
            continue;
        }
        uint32_t capacity = 0;
        if (!first.none()) {
            VECX_CRASH_SITE("inlined.tids.chunk");
            VECX_TRY(store.update(first.block, [&](MutablePage &page) {
                TidChunkView view;
                fault = tid_chunk_fault(view_of(page), first.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != first.generation || !(view.head->node == node))
                    return false;
                capacity = view.head->capacity;
                if (view.head->count == 0 || view.head->count >= view.head->capacity)
                    return false;
                uint8_t *record = page.body + (reinterpret_cast<const uint8_t *>(view.head) - page.body);
                TidChunkHead *head = reinterpret_cast<TidChunkHead *>(record);
                memcpy(record + sizeof(TidChunkHead) + head->count * sizeof(HeapTid), &tid, sizeof tid);
                ++head->count;
                *attached = true;
                return true;
            }));
            if (fault != nullptr)
                return fault_status(first.block, fault);
            if (*attached)
                return Status{};
        }
        // A new chunk, then the node names it. Between the two it is an orphan, hence the lock.
        const uint32_t room = next_chunk_capacity(capacity, body_size);
        Link chunk{};
        store.lock_chunk_writers(false);
        Status status = place_record(
            store, tid_chunk_size(room), RecordKind::tid_chunk,
            [&](uint8_t *record, uint16_t) {
                TidChunkHead *head = reinterpret_cast<TidChunkHead *>(record);
                head->count = 1;
                head->capacity = static_cast<uint16_t>(room);
                head->next = first;
                head->node = node;
                memcpy(record + sizeof(TidChunkHead), &tid, sizeof tid);
            },
            &chunk);
        VECX_CRASH_POINT("inlined.tids.chunk_written");
        VECX_CRASH_SITE("inlined.tids.name_chunk");
        if (status.ok())
            status = store.update(node.block, [&](MutablePage &page) {
                NodeView view;
                fault = node_fault(view_of(page), shape, node.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation || view.dead() ||
                    !(view.head->more_tids == first))
                    return false;
                edit_node(page, shape, view).head->more_tids = chunk;
                *attached = true;
                return true;
            });
        VECX_CRASH_SITE("inlined.tids.give_up_chunk");
        if (status.ok() && fault == nullptr && !*attached)
            status = store.update(chunk.block, [&](MutablePage &page) {
                TidChunkView view;
                fault = tid_chunk_fault(view_of(page), chunk.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != chunk.generation)
                    return false;
                free_record(page, chunk.slot);
                return true;
            });
        store.unlock_chunk_writers(false);
        VECX_TRY(status);
        if (fault != nullptr)
            return fault_status(node.block, fault);
    }
    return Status{};
}

} // namespace vecx::hnsw::inlined
