// Chunks that no node refers to, left by a crash in the middle of an insert or of a vacuum.
#pragma once

#include "hnsw/free.hpp"
#include "hnsw/reader.hpp"

namespace vecx::hnsw {

// Finds and frees them. `chunks` is how many there are in the index, about. Works on a part of all chunks at a time,
// so that what it notes of them stays within the memory limit; each part costs a look at all pages.
// One partition of all chunks at a time, so that the sets stay within the memory limit.
// Only for one caller at a time (VACUUM); takes the chunk writers' lock exclusively for a moment if it must.
template <NodeStore S>
Status free_orphans(S &store, Arena &arena, uint64_t chunks, size_t memory_limit, VacuumResult *result) {
    Array<Link> queue(arena);
    constexpr uint64_t kPresent = 1ull << 29, kReferred = 1ull << 30;
    // Notes references from nodes and chunks, and with `present` the chunks themselves, of one partition.
    auto sweep = [&](FlatSet<kKeyStateMask> &set, uint64_t part, uint64_t parts, bool present) -> Status {
        struct Seen {
            Link chunk, next; // chunk is none for a node
        };
        Array<Seen> seen(arena);
        seen.reserve(kMaxSlots);
        auto note = [&](Link link, uint64_t bit) {
            if (link.none() || link.slot >= kMaxSlots || mix64(link.key()) % parts != part)
                return;
            if (!present) {
                if (uint64_t *entry = set.find(link.key()); entry != nullptr)
                    *entry |= bit;
                return;
            }
            bool fresh;
            *set.insert(link.key(), &fresh) |= bit;
        };
        for (uint32_t block = 1; block < store.block_count(); ++block) {
            store.poll();
            seen.clear();
            const char *fault = nullptr;
            VECX_TRY(store.read(block, [&](const PageView &page) {
                if ((fault = page_fault(page)) != nullptr)
                    return;
                for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                    const uint16_t slot = static_cast<uint16_t>(i);
                    NodeView node;
                    ChunkView chunk;
                    if ((fault = node_fault(page, slot, &node)) != nullptr || (fault = chunk_fault(page, slot, &chunk)) != nullptr)
                        return;
                    if (node.head != nullptr && !node.head->first_chunk.none())
                        seen.push_back(Seen{{}, node.head->first_chunk});
                    if (chunk.head != nullptr)
                        seen.push_back(Seen{Link{block, slot, chunk.head->generation}, chunk.head->next});
                }
            }));
            if (fault != nullptr)
                return fault_status(block, fault);
            for (const Seen &s : seen) {
                if (present)
                    note(s.chunk, kPresent);
                note(s.next, kReferred);
            }
        }
        return Status{};
    };

    const uint64_t bytes = chunks * 4 * sizeof(uint64_t), room = std::max<uint64_t>(memory_limit / 2, 1 << 20);
    const uint64_t parts = bytes / room + 1;
    for (uint64_t part = 0; part < parts; ++part) {
        FlatSet<kKeyStateMask> set(arena);
        VECX_TRY(sweep(set, part, parts, true));
        FlatSet<kKeyStateMask> orphans(arena);
        set.for_each([&](uint64_t &entry) {
            if ((entry & (kPresent | kReferred)) == kPresent)
                orphans.add(entry & ~kKeyStateMask);
        });
        set.give_back();
        if (orphans.size() == 0) {
            orphans.give_back();
            continue;
        }
        // Who was writing these when the sweep passed has written the node when this lock is granted.
        store.lock_chunk_writers(true);
        store.unlock_chunk_writers(true);
        VECX_TRY(sweep(orphans, part, parts, false));
        queue.clear();
        Array<Link> heads(arena);
        orphans.for_each([&](uint64_t &entry) {
            if ((entry & kReferred) == 0)
                heads.push_back(link_of_key(entry));
        });
        for (const Link &head : heads)
            VECX_TRY(collect_chain(store, head, &queue)); // the rest of a list goes with its head
        VECX_TRY(free_chunks(store, queue, &result->chunks_freed));
        heads.give_back();
        orphans.give_back();
    }
    return Status{};
}

} // namespace vecx::hnsw
