// Insertion into the layouts `inline` and `compact`. README.md has the order of the page writes and why each prefix of
// them is a legal index.
#pragma once

#include "base/crash.hpp"
#include "hnsw/inlined/entry.hpp"
#include "hnsw/inlined/link.hpp"
#include "hnsw/inlined/tids.hpp"

namespace vecx::hnsw::inlined {

constexpr uint32_t kMinInsertEf = 64; // a narrower search finds worse neighbours than ef_construction promises anywhere

// How many neighbours a new node chooses; links offered by later nodes fill the rest of its places.
inline uint32_t links_to_choose(const Shape &shape) { return shape.places * 3u / 4u; }

// To how many of these, the diverse ones first, it is offered in return: each offer is a page write. README.md has what
// more of them gain.
inline uint32_t links_to_offer(const Shape &shape) { return shape.places / 2u; }

// Finds the nearest living nodes: explorer.near. `meta` is read again when the entry point is gone; one that is gone for
// good, which only damage brings about, is replaced. Nothing is found when no node lives or can be reached.
template <NodeStore S>
Status find_near(S &store, Linker<S> &linker, MetaRecord *meta, const NewNode &node, Link ignore, size_t memory_limit) {
    Explorer<S> &explorer = linker.explorer;
    explorer.begin(node, std::max(candidates_for(meta->ef_construction, linker.shape().dim), kMinInsertEf), ignore, memory_limit);
    bool replaced = false;
    while (!meta->entry.none() && !explorer.entry_found) {
        store.poll();
        const Link entry = meta->entry;
        VECX_TRY(explorer.start(entry));
        if (explorer.entry_found)
            break;
        VECX_TRY(read_meta(store, meta));
        if (!(meta->entry == entry))
            continue;
        if (replaced)
            return Status{};
        VECX_TRY(replace_entry(store, linker.shape(), meta));
        replaced = true;
    }
    return explorer.equal.none() ? explorer.run() : Status{};
}

// Inserts one row; `attributes` are those of the row, of an index that has any. `scratch` may be released when it returns; its search uses about `memory_limit` bytes of it, or what
// a search through a sound graph needs. Takes one page lock at a time, and the chunk writers' lock, shared, where
// README.md says so. Errors: a payload that does not fit the index (Code::data_exception), a damaged page
// (Code::corrupted).
template <NodeStore S>
Status insert(S &store, Arena &scratch, const Shape &shape, Payload payload, HeapTid tid, Rng &rng,
              size_t memory_limit = SIZE_MAX / 2, const uint64_t *attributes = nullptr) {
    MetaRecord meta;
    uint32_t body_size;
    VECX_TRY(read_meta(store, &meta, &body_size));
    if (!payload_is_sound(shape.type, shape.dim, payload))
        return Status::make(Code::data_exception, "value does not have the shape of the index (%d dimensions)", shape.dim);
    using L = Linker<S>;
    L linker(store, scratch, shape);
    Explorer<S> &explorer = linker.explorer;
    NewNode node;
    linker.make(payload, &node, attributes);
    VECX_TRY(find_near(store, linker, &meta, node, Link{}, memory_limit));
    while (!explorer.equal.none()) {
        bool attached;
        VECX_TRY(attach_tid(store, shape, explorer.equal, tid, body_size, &attached));
        if (attached)
            return Status{};
        VECX_TRY(explorer.run());
    }
    explorer.finish();
    linker.choose(node, links_to_choose(shape));

    Link self{};
    Ring<S> ring(store, shape);
    typename Ring<S>::Gap gap{};
    RingCode ring_code;
    if (!explorer.alike.empty()) {
        linker.make_ring_code(node, &ring_code);
        VECX_TRY(ring.find_gap(explorer.all_alike(), rng, &gap));
    }
    VECX_TRY(linker.write_node(node, tid, gap.after, ring_code, &self));
    VECX_CRASH_POINT("inlined.insert.node_written");
    // Before anybody can find the node. A crash in between leaves one that nothing leads to, with a row that nobody sees.
    if (shape.attributes > 0)
        VECX_TRY(list_node(store, shape, self, attributes));
    bool joined = false;
    if (!gap.before.none())
        VECX_TRY(ring.join(self, explorer.all_alike(), &gap, ring_code, rng, &joined));
    for (int attempt = 0;; ++attempt) {
        bool taken = false, any = joined;
        for (uint32_t i = 0; i < linker.chosen.size() && i < links_to_offer(shape); ++i) {
            VECX_TRY(linker.offer(linker.chosen[i], node, self, L::Offer::choose, rng, &taken));
            any |= taken;
        }
        const bool wanted = any;
        for (uint32_t i = 0; i < linker.chosen.size() && !any; ++i) // the nearest that is there must, or no search would come here
            VECX_TRY(linker.offer(linker.chosen[i], node, self, L::Offer::force, rng, &any));
        VECX_CRASH_POINT("inlined.insert.linked");
        if (any)
            return tend_entry(store, scratch, linker, node, self, meta.entry, !wanted, body_size, rng);

        // The first node, or all others are dead, or died since the search. An entry node that leads to none of the living
        // is of use again when it leads to this one.
        bool done = false;
        if (!explorer.entry.none())
            VECX_TRY(offer_to_entry(store, linker, node, self, rng, &done));
        else if (linker.chosen.empty() && explorer.alike.empty() && !explorer.limited) // else others may live that the search did not get to
            VECX_TRY(set_entry(store, meta.entry, self, 0, &done, false));
        if (done || explorer.limited || attempt == kMaxRetries) // unlinked: the sweep of a scan finds it, VACUUM links it
            return Status{};
        // Another was first, or the entry is another: be linked like everybody else.
        VECX_TRY(read_meta(store, &meta));
        VECX_TRY(find_near(store, linker, &meta, node, self, memory_limit));
        while (!explorer.equal.none()) // the row is in the index already: an equal node is a neighbour
            VECX_TRY(explorer.run());
        explorer.finish();
        linker.forget_chosen();
        linker.choose(node, links_to_choose(shape));
        VECX_TRY(linker.write_links(node, self));
        if (!explorer.alike.empty()) {
            linker.make_ring_code(node, &ring_code);
            VECX_TRY(ring.move(self, explorer.all_alike(), &gap, ring_code, rng));
            VECX_TRY(ring.join(self, explorer.all_alike(), &gap, ring_code, rng, &joined));
        }
    }
}

} // namespace vecx::hnsw::inlined
