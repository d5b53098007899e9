// Freeing records, and what vacuum counts.
#pragma once

#include <algorithm>

#include "base/array.hpp"
#include "base/crash.hpp"
#include "hnsw/page.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw {

struct VacuumResult {
    uint64_t tids_removed;
    uint64_t tids_left;
    uint64_t nodes_freed;
    uint64_t nodes_repaired; // lost links to dead nodes and got others
    uint64_t nodes_relinked; // had no living neighbour, or nobody linked to them, and were linked by a search
    uint64_t chunks_freed;
    uint64_t pages; // of nodes
};

// Frees the records that `links` name, one page write per run of links to the same block, and records the space.
// `allowed(page, slot, generation)` says, under the lock, whether a record may still be freed.
template <NodeStore S, class Allowed>
Status free_records(S &store, const Link *links, size_t count, Allowed allowed, uint64_t *freed) {
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && links[end].block == links[i].block)
            ++end;
        uint32_t left = 0;
        uint64_t n = 0;
        store.poll();
        VECX_CRASH_SITE("vacuum.free_records");
        VECX_TRY(store.update(links[i].block, [&](MutablePage &page) {
            n = 0;
            for (size_t k = i; k < end; ++k) {
                if (!allowed(view_of(page), links[k]))
                    continue;
                free_record(page, links[k].slot);
                ++n;
            }
            left = free_bytes(view_of(page));
            return n > 0;
        }));
        if (n > 0 && links[i].block != kMetaBlock)
            store.record_space(links[i].block, left);
        *freed += n;
        i = end;
    }
    return Status{};
}

// Whether a link still names a chunk; for free_records.
inline bool is_chunk(const PageView &page, Link link) {
    ChunkView chunk;
    return chunk_fault(page, link.slot, &chunk) == nullptr && chunk.head != nullptr && chunk.head->generation == link.generation;
}

// Appends the chunks of a list that starts at `next`, as far as it can be followed, to `out`. Ends on a damaged
// list that is a ring, too.
template <NodeStore S>
Status collect_chain(S &store, Link next, Array<Link> *out) {
    for (uint32_t n = 0; !next.none() && n < kMaxPayload; ++n) {
        store.poll();
        Link after{};
        bool found = false;
        const char *fault = nullptr;
        VECX_TRY(store.read(next.block, [&](const PageView &page) {
            ChunkView chunk;
            fault = chunk_fault(page, next.slot, &chunk);
            if (fault == nullptr && chunk.head != nullptr && chunk.head->generation == next.generation) {
                after = chunk.head->next;
                found = true;
            }
        }));
        if (fault != nullptr)
            return fault_status(next.block, fault);
        if (!found)
            break;
        out->push_back(next);
        next = after;
    }
    return Status{};
}

// Frees chunks, in the order of their blocks.
template <NodeStore S>
Status free_chunks(S &store, Array<Link> &chunks, uint64_t *freed) {
    std::sort(chunks.begin(), chunks.end(), [](const Link &a, const Link &b) { return a.key() < b.key(); });
    return free_records(store, chunks.data(), chunks.size(), is_chunk, freed);
}

} // namespace vecx::hnsw
