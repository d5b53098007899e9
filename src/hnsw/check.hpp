// The index checker: every page, record and link against the invariants of README.md. Read-only.
#pragma once

#include "hnsw/check_tids.hpp"
#include "hnsw/search.hpp"

namespace vecx::hnsw {

// What an index holds. States that a crash may leave are counted here and are no findings.
struct CheckSummary {
    uint64_t pages, new_pages;
    uint64_t nodes, dead_nodes, tids;
    uint64_t chunks, orphan_chunks;
    uint64_t links, stale_links;
    uint64_t reachable;    // living nodes reached from the entry point, along the links of all levels
    uint64_t living_nodes; // all of them
    int top_level;
};

// Calls report(const Status &) for each thing that is wrong and goes on; returns an error only when it cannot go on
// (metapage, I/O). `measure`, when not null, must be the index's, and payloads are then checked too. Inserts, VACUUM and
// scans may run beside it: what they can change between two looks is looked at again before it counts as wrong.
// `tid_sound(HeapTid)` tells whether a heap TID can be one.
template <NodeStore S, class Report, class TidSound = AnyTid>
Status check(S &store, Arena &arena, const Measure *measure, Report report, CheckSummary *summary = nullptr,
             TidSound tid_sound = {}) {
    struct Copy { // of a record, to look at with the page unlocked
        Link self;
        bool node, dead;
        uint8_t level, m;
        uint32_t first, count; // its links in `links`
        uint32_t tid_first, tid_count;
        Link chunk;            // first or next
    };
    CheckSummary sum{};
    sum.top_level = -1;
    MetaRecord meta;
    uint32_t body_size;
    VECX_TRY(read_meta(store, &meta, &body_size));
    const Measure fallback = make_measure(static_cast<ElementType>(meta.element_type), static_cast<Metric>(meta.metric),
                                          meta.dim, kernels::active);
    NodeReader<S> reader(store, arena, measure != nullptr ? *measure : fallback);
    FlatSet<kKeyStateMask> chunks(arena);
    constexpr uint64_t kPresent = 1ull << 29, kReferred = 1ull << 30;
    Array<Copy> copies(arena);
    Array<Link> links(arena);
    FlatSet<kKeyStateMask> once(arena);
    copies.reserve(kMaxSlots);
    links.reserve(body_size / sizeof(Link));
    Array<HeapTid> tids(arena);
    tids.reserve(body_size / sizeof(HeapTid));
    TidsSeen tids_seen(arena);
    const uint32_t blocks = store.block_count();
    uint32_t known_blocks = blocks;
    // VACUUM frees a node before its chunks.
    auto still_lives = [&](Link link) {
        bool found, dead = true;
        Status s = reader.look(link, &found, [&](const NodeView &node) { dead = node.dead(); });
        return s.ok() && found && !dead;
    };

    for (uint32_t block = 1; block < blocks; ++block) {
        store.poll();
        ++sum.pages;
        copies.clear();
        links.clear();
        tids.clear();
        const char *fault = nullptr;
        bool overlap = false;
        VECX_TRY(store.read(block, [&](const PageView &page) {
            if ((fault = page_fault(page)) != nullptr)
                return;
            sum.new_pages += page_is_new(page);
            uint32_t live_bytes = 0;
            for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                const uint16_t slot = static_cast<uint16_t>(i);
                NodeView node;
                ChunkView chunk;
                if ((fault = node_fault(page, slot, &node)) != nullptr || (fault = chunk_fault(page, slot, &chunk)) != nullptr)
                    return;
                if (node.head == nullptr && chunk.head == nullptr)
                    continue;
                live_bytes += slot_at(page.body, page.size, i)->length;
                if (node.head != nullptr) {
                    const uint32_t count = link_count(node.head->m, node.head->level);
                    if ((node.head->flags & ~kNodeDead) != 0)
                        fault = "unknown flags of a node";
                    if ((node.head->flags & kNodeDead) != 0 && node.head->tid_count > 0)
                        fault = "dead node with heap TIDs";
                    if (fault != nullptr)
                        return;
                    if (links.size() + count > links.capacity() || tids.size() + node.head->tid_count > tids.capacity()) {
                        overlap = true;
                        return;
                    }
                    copies.push_back(Copy{Link{block, slot, node.head->generation}, true, node.dead(), node.head->level,
                                          node.head->m, static_cast<uint32_t>(links.size()), count,
                                          static_cast<uint32_t>(tids.size()), node.head->tid_count, node.head->first_chunk});
                    for (uint32_t k = 0; k < node.head->tid_count; ++k)
                        tids.push_back(node.tids[k]);
                    for (uint32_t k = 0; k < count; ++k)
                        links.push_back(node.links[k]);
                } else {
                    copies.push_back(Copy{Link{block, slot, chunk.head->generation}, false, false, 0, 0, 0, 0, 0, 0, chunk.head->next});
                }
            }
            // Records, dead bytes and nothing else lie below data_end.
            if (!page_is_new(page) && live_bytes + page_head(page)->dead_bytes + sizeof(PageHead) != page_head(page)->data_end)
                overlap = true;
        }));
        if (fault != nullptr) {
            report(fault_status(block, fault));
            continue;
        }
        if (overlap)
            report(Status::corrupt(block, "records overlap or free space is miscounted on block %u", block));
        for (const Copy &c : copies) {
            if (!c.chunk.none() && c.chunk.slot < kMaxSlots) {
                bool fresh;
                *chunks.insert(c.chunk.key(), &fresh) |= kReferred;
            }
            if (!c.node) {
                ++sum.chunks;
                bool fresh;
                *chunks.insert(c.self.key(), &fresh) |= kPresent;
                continue;
            }
            ++sum.nodes;
            sum.dead_nodes += c.dead;
            sum.living_nodes += !c.dead;
            if (!c.dead && c.level > sum.top_level)
                sum.top_level = c.level;
            for (uint32_t k = 0; k < c.tid_count; ++k) {
                const HeapTid tid = tids[c.tid_first + k];
                if (!tid_sound(tid)) {
                    report(Status::corrupt(block, "heap TID out of range: node %u/%u", block, c.self.slot));
                    continue;
                }
                ++sum.tids;
                tids_seen.add(tid);
            }
            if (c.m != meta.m)
                report(Status::corrupt(block, "node %u/%u has m %u, the index %u", block, c.self.slot, c.m, meta.m));
            Visit visit;
            if (measure != nullptr) {
                if (Status s = reader.with_payload(c.self, &visit, [](Payload) {}); !s.ok())
                    report(s);
                else if (!visit.found && !c.dead && still_lives(c.self))
                    report(Status::corrupt(block, "node %u/%u lacks chunks of its payload", block, c.self.slot));
            }
            for (int level = 0; level <= c.level; ++level) {
                once.clear();
                const Link *begin = links.data() + c.first + link_start(c.m, level);
                for (uint32_t k = 0; k < links_at(c.m, level); ++k) {
                    const Link l = begin[k];
                    if (l.none())
                        continue;
                    ++sum.links;
                    if (l == c.self)
                        report(Status::corrupt(block, "node %u/%u links to itself", block, c.self.slot));
                    if (l.block >= known_blocks)
                        known_blocks = store.block_count();
                    if (l.block == kMetaBlock || l.block >= known_blocks || l.slot >= kMaxSlots) {
                        report(Status::corrupt(block, "node %u/%u links outside the index", block, c.self.slot));
                        continue;
                    }
                    if (!once.add(l.key()))
                        report(Status::corrupt(block, "node %u/%u links to %u/%u twice at level %d", block, c.self.slot,
                                               l.block, l.slot, level));
                    bool found;
                    uint8_t its_level = 0;
                    Status s = reader.look(l, &found, [&](const NodeView &node) { its_level = node.head->level; });
                    if (!s.ok())
                        continue; // reported with its own page
                    sum.stale_links += !found;
                    if (!found) {
                        s = store.read(l.block, [&](const PageView &page) { fault = impossible_link(page, l, RecordKind::node); });
                        if (s.ok() && fault != nullptr)
                            report(Status::corrupt(block, "%s: node %u/%u to %u/%u", fault, block, c.self.slot, l.block, l.slot));
                    }
                    if (found && its_level < level)
                        report(Status::corrupt(block, "node %u/%u links at level %d to %u/%u of level %u", block,
                                               c.self.slot, level, l.block, l.slot, its_level));
                }
            }
        }
    }

    if (tids_seen.any_twice())
        for (uint32_t block = 1; block < blocks; ++block) {
            store.poll();
            tids.clear();
            if (Status s = for_each_node(store, block, [&](uint16_t, const NodeView &node) {
                    for (uint32_t k = 0; k < node.head->tid_count && tids.size() < tids.capacity(); ++k)
                        tids.push_back(node.tids[k]);
                });
                !s.ok())
                continue; // reported above
            for (const HeapTid &tid : tids)
                if (tids_seen.add_again(tid))
                    report(tid_twice(block, tid));
        }

    chunks.for_each([&](uint64_t &entry) { sum.orphan_chunks += (entry & (kPresent | kReferred)) == kPresent; });

    // Reachability, through the dead as a search goes.
    if (!meta.entry.none()) {
        bool found;
        int its_level = -1;
        VECX_TRY(reader.look(meta.entry, &found, [&](const NodeView &node) { its_level = node.head->level; }));
        if (found && its_level != meta.entry_level)
            report(Status::corrupt(kMetaBlock, "entry point %u/%u has level %d, the metapage says %u", meta.entry.block,
                                   meta.entry.slot, its_level, meta.entry_level));
        once.clear();
        Array<Link> queue(arena);
        queue.push_back(meta.entry);
        once.add(meta.entry.key());
        for (size_t i = 0; i < queue.size(); ++i) {
            store.poll();
            bool dead = true;
            links.clear();
            Status s = reader.look(queue[i], &found, [&](const NodeView &node) {
                dead = node.dead();
                const uint32_t count = link_count(node.head->m, node.head->level);
                for (uint32_t k = 0; k < count && links.size() < links.capacity(); ++k)
                    links.push_back(node.links[k]);
            });
            if (!s.ok() || !found)
                continue;
            sum.reachable += !dead;
            for (const Link &l : links)
                if (!l.none() && l.slot < kMaxSlots && once.add(l.key()))
                    queue.push_back(l);
        }
    }
    if (summary != nullptr)
        *summary = sum;
    return Status{};
}

} // namespace vecx::hnsw
