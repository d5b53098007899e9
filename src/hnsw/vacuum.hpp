// Taking rows out: heap TIDs are stripped (remove_tids), the graph is repaired around the nodes that died of it,
// and they are freed (repair). README.md, "Vacuum", has the order of the steps and why each may be the last.
#pragma once

#include "base/crash.hpp"
#include "hnsw/orphans.hpp"
#include "hnsw/repair.hpp"

namespace vecx::hnsw {

// Removes every heap TID for which is_dead(HeapTid) from its node; a node without any becomes dead: scans and
// inserts pass through it, nothing is added to it. At most one write per page. is_dead is called with no page
// locked. Adds to `result`.
template <NodeStore S, class IsDead>
Status remove_tids(S &store, Arena &arena, IsDead is_dead, VacuumResult *result) {
    struct Found {
        Link link;
        uint8_t count;
        HeapTid tids[kTidsPerNode];
    };
    MetaRecord meta;
    uint32_t body_size;
    VECX_TRY(read_meta(store, &meta, &body_size));
    Array<Found> found(arena);
    found.reserve(body_size / node_fixed_size(kMinM, 0) + 1);
    for (uint32_t block = 1; block < store.block_count(); ++block) {
        store.poll();
        ++result->pages;
        found.clear();
        VECX_TRY(for_each_node(store, block, [&](uint16_t slot, const NodeView &node) {
            if ((node.head->flags & kNodeDead) != 0 || found.size() == found.capacity())
                return;
            Found f{Link{block, slot, node.head->generation}, node.head->tid_count, {}};
            memcpy(f.tids, node.tids, sizeof f.tids);
            found.push_back(f);
        }));
        // Keep of each node only the TIDs that must go.
        size_t affected = 0;
        for (Found &f : found) {
            uint8_t gone = 0;
            const bool empty = f.count == 0;
            for (int i = 0; i < f.count; ++i) {
                HeapTid tid = f.tids[i];
                if (is_dead(tid))
                    f.tids[gone++] = tid;
            }
            result->tids_left += static_cast<uint64_t>(f.count - gone);
            f.count = gone;
            if (gone > 0 || empty)
                found[affected++] = f;
        }
        found.resize_uninitialized(affected);
        if (affected == 0)
            continue;
        const char *fault = nullptr;
        uint64_t removed = 0;
        VECX_CRASH_SITE("plain.vacuum.remove_tids");
        VECX_TRY(store.update(block, [&](MutablePage &page) {
            bool changed = false;
            removed = 0;
            for (const Found &f : found) {
                NodeView node;
                fault = node_fault(view_of(page), f.link.slot, &node);
                if (fault != nullptr)
                    return false;
                if (node.head == nullptr || node.head->generation != f.link.generation)
                    continue;
                NodeEdit out = edit(page, node);
                uint8_t kept = 0;
                for (int i = 0; i < out.head->tid_count; ++i) {
                    bool dead = false;
                    for (int k = 0; k < f.count; ++k)
                        dead |= out.tids[i] == f.tids[k];
                    if (!dead)
                        out.tids[kept++] = out.tids[i];
                }
                removed += static_cast<uint64_t>(out.head->tid_count - kept);
                for (int i = kept; i < out.head->tid_count; ++i)
                    out.tids[i] = HeapTid{};
                out.head->tid_count = kept;
                if (kept == 0)
                    out.head->flags |= kNodeDead;
                changed = true;
            }
            return changed;
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
        result->tids_removed += removed;
    }
    return Status{};
}

// Repairs the graph around dead nodes and frees them, with `memory_limit` bytes of working memory (more than one
// round when the dead do not fit), and frees what crashes left. Only one repair may run on an index at a time;
// inserts and scans may run beside it. Adds to `result`.
template <NodeStore S>
Status repair(S &store, Arena &arena, const Measure &measure, size_t memory_limit, Rng &, VacuumResult *result) {
    MetaRecord meta;
    uint32_t body_size;
    VECX_TRY(read_meta(store, &meta, &body_size));
    Repairer<S> repairer(store, arena, measure, meta, body_size, memory_limit, result);
    for (bool more = true; more;) {
        const uint64_t before = result->nodes_freed;
        VECX_TRY(repairer.round(&more));
        more = more && result->nodes_freed > before;
    }
    return repairer.chunks() == 0 ? Status{} : free_orphans(store, arena, repairer.chunks(), memory_limit, result);
}

} // namespace vecx::hnsw
