// Writing new records: where they go, and the chunks of a payload that spans pages.
#pragma once

#include <cstring>

#include "base/crash.hpp"
#include "hnsw/meta.hpp"
#include "hnsw/page.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw {

constexpr int kSpaceHints = 3; // hints of free space to follow before the relation is extended

// Puts a record of `length` bytes (a multiple of 8, at most max_record) on a page with room, or on a new one.
// fill(record, generation) writes it in place, kind and generation excepted, under the exclusive lock. One page
// write; `out` names the record.
template <NodeStore S, class Fill>
Status place_record(S &store, uint32_t length, RecordKind kind, Fill fill, Link *out) {
    uint32_t left = 0;
    bool placed = false;
    auto put = [&](MutablePage &page) {
        placed = add_record(page, length, kind, &out->slot, &out->generation);
        if (placed) {
            fill(page.body + slot_at(page.body, page.size, out->slot)->offset, out->generation);
            out->block = page.block;
        }
        left = free_bytes(view_of(page));
        return placed;
    };
    for (int i = 0; i < kSpaceHints; ++i) {
        uint32_t block = store.find_space(length);
        if (block == kInvalidBlock || block == kMetaBlock || block >= store.block_count())
            break;
        VECX_CRASH_SITE("place.on_page");
        VECX_TRY(store.update(block, put));
        // As long as the page has room for another like this one, the hint may stay too high: who follows it
        // in vain puts it right.
        if (!placed)
            store.correct_space(block, left);
        else if (left < length)
            store.record_space(block, left);
        if (placed)
            return Status{};
    }
    uint32_t block;
    VECX_CRASH_EXTEND("place.on_new_page");
    VECX_TRY(store.extend([&](MutablePage &page) { put(page); }, &block));
    if (!placed)
        return Status::make(Code::internal, "hnsw record of %u bytes does not fit an empty page", length);
    if (left > 0)
        store.record_space(block, left);
    return Status{};
}

// Writes the bytes of `payload` from `from` on as chunks, the last one first, so that each can name its
// successor. The caller holds the chunk writers' lock. `first` receives the head of the list.
template <NodeStore S>
Status write_chunks(S &store, Payload payload, uint32_t from, uint32_t body_size, Link *first) {
    const uint32_t most = max_record(body_size) - static_cast<uint32_t>(sizeof(ChunkHead));
    Link next{};
    for (uint32_t end = payload.size; end > from;) {
        uint32_t size = (end - from) % most; // the odd piece is the last of the list
        if (size == 0)
            size = most;
        store.poll();
        Link link{};
        VECX_TRY(place_record(
            store, align8(static_cast<uint32_t>(sizeof(ChunkHead)) + size), RecordKind::chunk,
            [&](uint8_t *record, uint16_t) {
                ChunkHead *head = reinterpret_cast<ChunkHead *>(record);
                head->size = size;
                head->next = next;
                memcpy(record + sizeof(ChunkHead), payload.bytes + end - size, size);
            },
            &link));
        VECX_CRASH_POINT("place.chunk_written");
        next = link;
        end -= size;
    }
    *first = next;
    return Status{};
}

} // namespace vecx::hnsw
