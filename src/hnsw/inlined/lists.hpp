// Lists of heap TIDs of nodes with more rows than their record has room for: empty chunks leave them, and chunks that
// no list has are freed.
//
// A list is newest first. Inserts push chunks in front, under the node's lock; only VACUUM takes chunks out, and only
// closed ones (capacity 0), to which nothing can be added. A chunk is written before the node or chunk that names it,
// under the chunk writers' lock, and leaves its list before it is freed: who walks a list and finds a chunk gone starts
// again at the node.
#pragma once

#include "base/crash.hpp"
#include "base/flat_set.hpp"
#include "base/rng.hpp"
#include "hnsw/free.hpp"
#include "hnsw/inlined/visitor.hpp"

namespace vecx::hnsw::inlined {

// The metapage and the shape that it names, which read_meta has checked.
template <NodeStore S>
Status read_shape(S &store, MetaRecord *meta, Shape *shape, uint32_t *body_size) {
    VECX_TRY(read_meta(store, meta, body_size));
    if (meta->layout == static_cast<uint8_t>(LayoutKind::plain))
        return Status::make(vecx::Code::internal, "index has layout plain");
    const char *fault = shape_from_meta(*meta, *body_size, shape);
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

inline bool is_closed(const TidChunkHead &head) { return head.count == 0 && head.capacity == 0; }

// f(slot, const TidChunkView &) for every chunk of a block, under its share lock.
template <NodeStore S, class F>
Status for_each_chunk(S &store, uint32_t block, F f) {
    const char *fault = nullptr;
    VECX_TRY(store.read(block, [&](const PageView &page) {
        if ((fault = page_fault(page)) != nullptr)
            return;
        for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
            TidChunkView chunk;
            if ((fault = tid_chunk_fault(page, static_cast<uint16_t>(i), &chunk)) != nullptr)
                return;
            if (chunk.head != nullptr)
                f(static_cast<uint16_t>(i), chunk);
        }
    }));
    return fault == nullptr ? Status{} : fault_status(block, fault);
}

template <NodeStore S>
Status count_chunks(S &store, uint64_t *chunks, uint64_t *closed) {
    for (uint32_t block = 1; block < store.block_count(); ++block) {
        store.poll();
        VECX_TRY(for_each_chunk(store, block, [&](uint16_t, const TidChunkView &chunk) {
            ++*chunks;
            *closed += is_closed(*chunk.head);
        }));
    }
    return Status{};
}

// The head of a chunk; `found` is false when the link does not lead to one (any more).
template <NodeStore S>
Status look_at_chunk(S &store, Link link, TidChunkHead *head, bool *found) {
    const char *fault = nullptr;
    *found = false;
    if (link.slot >= kMaxSlots)
        return Status{};
    VECX_TRY(store.read(link.block, [&](const PageView &page) {
        TidChunkView chunk;
        fault = tid_chunk_fault(page, link.slot, &chunk);
        if (fault != nullptr || chunk.head == nullptr || chunk.head->generation != link.generation)
            return;
        *head = *chunk.head;
        *found = true;
    }));
    return fault == nullptr ? Status{} : fault_status(link.block, fault);
}

// For free_records: whether a link names a closed chunk.
inline bool is_closed_chunk(const PageView &page, Link link) {
    TidChunkView chunk;
    return tid_chunk_fault(page, link.slot, &chunk) == nullptr && chunk.head != nullptr &&
           chunk.head->generation == link.generation && is_closed(*chunk.head);
}
inline bool is_tid_chunk(const PageView &page, Link link) {
    TidChunkView chunk;
    return tid_chunk_fault(page, link.slot, &chunk) == nullptr && chunk.head != nullptr && chunk.head->generation == link.generation;
}

// Takes the closed chunks out of the list of `owner`, and appends them to `out`: they may be freed then. A list has at
// most `most` chunks. One write per chunk.
template <NodeStore S>
Status unlink_closed(S &store, const Shape &shape, Link owner, uint64_t most, Array<Link> *out) {
    const char *fault = nullptr;
    Link at{}, before{};
    for (uint64_t steps = 0; steps <= 2 * most + kMaxRetries; ++steps) {
        store.poll();
        if (steps == 0) { // the head of the list
            VECX_TRY(store.read(owner.block, [&](const PageView &page) {
                NodeView node;
                fault = node_fault(page, shape, owner.slot, &node);
                if (fault == nullptr && node.head != nullptr && node.head->generation == owner.generation)
                    at = node.head->more_tids;
            }));
            if (fault != nullptr)
                return fault_status(owner.block, fault);
        }
        if (at.none())
            return Status{};
        TidChunkHead chunk;
        bool found;
        VECX_TRY(look_at_chunk(store, at, &chunk, &found));
        if (!found)
            return Status{}; // a list that ends in nothing: the checker's business
        if (chunk.node != owner)
            return fault_status(at.block, "list of heap TIDs of another node");
        if (!is_closed(chunk)) {
            before = at;
            at = chunk.next;
            continue;
        }
        // An insert may push a chunk in front of this one meanwhile: then that is the one before it.
        bool done = false;
        const Link place = before.none() ? owner : before;
        Link head{};
        VECX_CRASH_SITE("inlined.lists.take_out");
        VECX_TRY(store.update(place.block, [&](MutablePage &page) {
            done = false;
            head = Link{};
            if (before.none()) {
                NodeView node;
                fault = node_fault(view_of(page), shape, owner.slot, &node);
                if (fault != nullptr || node.head == nullptr || node.head->generation != owner.generation)
                    return false;
                head = node.head->more_tids;
                if (head != at)
                    return false;
                Head *edit = edit_node(page, shape, node).head;
                edit->more_tids = chunk.next;
                if (edit->tid_count == 0 && chunk.next.none())
                    edit->flags |= kNodeDead;
            } else {
                TidChunkView previous;
                fault = tid_chunk_fault(view_of(page), before.slot, &previous);
                if (fault != nullptr || previous.head == nullptr || previous.head->generation != before.generation ||
                    previous.head->next != at)
                    return false;
                reinterpret_cast<TidChunkHead *>(page.body + (reinterpret_cast<const uint8_t *>(previous.head) - page.body))
                    ->next = chunk.next;
            }
            done = true;
            return true;
        }));
        if (fault != nullptr)
            return fault_status(place.block, fault);
        if (done) {
            out->push_back(at);
            at = chunk.next;
        } else if (before.none() && !head.none()) {
            at = head; // once more from the front
        } else {
            return Status{};
        }
    }
    return fault_status(owner.block, "list of heap TIDs is a ring");
}

// Takes all closed chunks out of their lists and frees them. `chunks` is how many chunks there are, about.
template <NodeStore S>
Status tidy_lists(S &store, Arena &arena, const Shape &shape, uint64_t chunks, size_t memory_limit, VacuumResult *result) {
    Array<Link> owners(arena), loose(arena);
    // Not more than can be sorted while nobody polls.
    const size_t most = std::min<size_t>(std::max<size_t>(memory_limit / 8 / sizeof(Link), kMaxSlots), 1 << 19);
    const uint32_t blocks = store.block_count();
    for (uint32_t block = 1; block < blocks; ++block) {
        store.poll();
        owners.reserve(owners.size() + kMaxSlots);
        VECX_TRY(for_each_chunk(store, block, [&](uint16_t, const TidChunkView &chunk) {
            const Link owner = chunk.head->node;
            if (is_closed(*chunk.head) && !owner.none() && owner.slot < kMaxSlots)
                owners.push_back(owner);
        }));
        if (owners.size() < most && block + 1 < blocks)
            continue;
        std::sort(owners.begin(), owners.end(), [](const Link &a, const Link &b) { return a.key() < b.key(); });
        for (size_t i = 0; i < owners.size(); ++i)
            if (i == 0 || owners[i] != owners[i - 1]) {
                loose.clear();
                VECX_TRY(unlink_closed(store, shape, owners[i], chunks, &loose));
                std::sort(loose.begin(), loose.end(), [](const Link &a, const Link &b) { return a.key() < b.key(); });
                VECX_TRY(free_records(store, loose.data(), loose.size(), is_closed_chunk, &result->chunks_freed));
            }
        owners.clear();
    }
    owners.give_back();
    loose.give_back();
    return Status{};
}

// Whether `chunk` is in the list of `owner`, which may be gone.
template <NodeStore S>
Status is_in_list(S &store, const Shape &shape, Link owner, Link chunk, uint64_t most, bool *yes) {
    *yes = false;
    if (owner.none() || owner.slot >= kMaxSlots || owner.block == kMetaBlock || owner.block >= store.block_count())
        return Status{};
    const char *fault = nullptr;
    Link at{};
    VECX_TRY(store.read(owner.block, [&](const PageView &page) {
        NodeView node;
        fault = node_fault(page, shape, owner.slot, &node);
        if (fault == nullptr && node.head != nullptr && node.head->generation == owner.generation)
            at = node.head->more_tids;
    }));
    if (fault != nullptr)
        return fault_status(owner.block, fault);
    for (uint64_t steps = 0; !at.none(); ++steps) {
        if (at == chunk) {
            *yes = true;
            return Status{};
        }
        if (steps > 2 * most + kMaxRetries)
            return fault_status(owner.block, "list of heap TIDs is a ring");
        store.poll();
        TidChunkHead head;
        bool found;
        VECX_TRY(look_at_chunk(store, at, &head, &found));
        if (!found)
            break;
        at = head.next;
    }
    return Status{};
}

// Frees chunks that are in no list, which a crash left behind: of those that nothing is seen to name, whoever is not
// found in the list of its owner. They may belong to an insert under way, so it takes the chunk writers' lock
// exclusively for a moment first, which waits for all of these. Works on a part of all chunks at a time, so that what
// it notes of them stays within the memory limit. For one caller at a time.
template <NodeStore S>
Status free_orphans(S &store, Arena &arena, const Shape &shape, uint64_t chunks, size_t memory_limit, VacuumResult *result) {
    constexpr uint64_t kPresent = 1ull << 29, kReferred = 1ull << 30;
    struct Seen {
        Link chunk, next; // chunk is none for a node
    };
    Array<Seen> seen(arena);
    seen.reserve(2 * kMaxSlots);
    const uint64_t bytes = chunks * 4 * sizeof(uint64_t), room = std::max<uint64_t>(memory_limit / 2, 1 << 20);
    const uint64_t parts = bytes / room + 1;
    Array<Link> loose(arena);
    for (uint64_t part = 0; part < parts; ++part) {
        FlatSet<kKeyStateMask> set(arena);
        auto note = [&](Link link, uint64_t bit) {
            if (link.none() || link.slot >= kMaxSlots || mix64(link.key()) % parts != part)
                return;
            bool fresh;
            *set.insert(link.key(), &fresh) |= bit;
        };
        for (uint32_t block = 1; block < store.block_count(); ++block) {
            store.poll();
            seen.clear();
            VECX_TRY(for_each_chunk(store, block, [&](uint16_t slot, const TidChunkView &chunk) {
                seen.push_back(Seen{Link{block, slot, chunk.head->generation}, chunk.head->next});
            }));
            VECX_TRY(for_each_node(store, shape, block, [&](uint16_t, const NodeView &node) {
                if (!node.head->more_tids.none())
                    seen.push_back(Seen{{}, node.head->more_tids});
            }));
            for (const Seen &s : seen) {
                note(s.chunk, kPresent);
                note(s.next, kReferred);
            }
        }
        loose.clear();
        set.for_each([&](uint64_t &entry) {
            if ((entry & (kPresent | kReferred)) == kPresent)
                loose.push_back(link_of_key(entry));
        });
        set.give_back();
        if (loose.empty())
            continue;
        store.lock_chunk_writers(true);
        store.unlock_chunk_writers(true);
        size_t kept = 0;
        for (size_t i = 0; i < loose.size(); ++i) { // what only such a chunk names goes with it
            const Link chunk = loose[i];
            TidChunkHead head;
            bool found, listed = false;
            store.poll();
            if (chunk.block >= store.block_count())
                continue;
            VECX_TRY(look_at_chunk(store, chunk, &head, &found));
            if (found)
                VECX_TRY(is_in_list(store, shape, head.node, chunk, chunks, &listed));
            if (!found || listed)
                continue;
            loose[kept++] = chunk;
            if (!head.next.none() && head.next.slot < kMaxSlots && loose.size() < 2 * chunks)
                loose.push_back(head.next);
        }
        loose.resize_uninitialized(kept);
        std::sort(loose.begin(), loose.end(), [](const Link &a, const Link &b) { return a.key() < b.key(); });
        VECX_TRY(free_records(store, loose.data(), loose.size(), is_tid_chunk, &result->chunks_freed));
    }
    loose.give_back();
    seen.give_back();
    return Status{};
}

} // namespace vecx::hnsw::inlined
