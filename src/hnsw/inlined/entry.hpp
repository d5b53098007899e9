// The entry node: a record without a row on the metapage whose neighbours are a sample of all nodes, where searches start. A build makes one;
// an index that grew from nothing gets one from an insert. README.md, "Entry".
#pragma once

#include "base/crash.hpp"
#include "hnsw/inlined/link.hpp"

namespace vecx::hnsw::inlined {

constexpr uint32_t kEntryNodes = 256; // nodes, about, from which on an index is to have an entry node
constexpr uint32_t kEntryChance = 16; // one insert in so many makes it then: two at once do the work twice
constexpr uint32_t kFreeChance = 8;   // one new node in so many gets a free place of the entry node

// About how many nodes an index has: as if its pages were full.
inline uint64_t nodes_in(const Shape &shape, uint32_t blocks, uint32_t body_size) {
    const uint32_t a_page = nodes_per_page(shape, body_size);
    return static_cast<uint64_t>(blocks > 0 ? blocks - 1 : 0) * (a_page > 0 ? a_page : 1);
}

// Names any living node in the metapage as the entry point, which was seen to be gone, or none when no node lives. Reads all
// pages. `meta` is read again.
template <NodeStore S>
Status replace_entry(S &store, const Shape &shape, MetaRecord *meta) {
    Link living{};
    for (uint32_t block = 1; block < store.block_count() && living.none(); ++block) {
        store.poll();
        VECX_TRY(for_each_node(store, shape, block, [&](uint16_t slot, const NodeView &node) {
            if (!node.dead())
                living = Link{block, slot, node.head->generation};
        }));
    }
    bool done;
    VECX_TRY(set_entry(store, meta->entry, living, 0, &done));
    return read_meta(store, meta);
}

// Gives the new node a place among the entry node's neighbours, over one of chance if need be.
template <NodeStore S>
Status offer_to_entry(S &store, Linker<S> &linker, const NewNode &node, Link self, Rng &rng, bool *taken) {
    *taken = false;
    const Shape &shape = linker.shape();
    const Link entry = linker.explorer.entry;
    uint8_t *copy = linker.explorer.pool.next();
    Stored stored{};
    bool found;
    store.poll();
    VECX_TRY(linker.explorer.visitor.look(entry, &found, [&](const NodeView &view) {
        memcpy(copy, view.own, shape.own_size());
        stored = Stored{copy, view.head->own_scale, view.head->norm, 0};
    }));
    if (!found)
        return Status{};
    linker.explorer.pool.keep();
    stored.square = stored_dot(shape, stored, stored);
    Chosen target{entry, stored_distance2(shape, stored, node.stored), {}};
    linker.place(stored, &target.placed);
    return linker.offer(target, node, self, Linker<S>::Offer::chance, rng, taken);
}

// Makes an entry node on the metapage, with a sample of the living as its neighbours, if `before` is still what searches enter
// at. Reads as many pages as it has neighbours, or twice as many. One page write.
template <NodeStore S>
Status make_entry(S &store, Arena &scratch, Linker<S> &linker, Link before, uint32_t body_size, Rng &rng) {
    const Shape &shape = linker.shape();
    const uint32_t blocks = store.block_count();
    const uint32_t places = entry_places(shape, body_size);
    if (blocks < 2)
        return Status{};
    CopyPool pool(scratch, shape);
    LinkMap taken(scratch);
    Array<Near> sample(scratch);
    for (uint32_t i = 0; i < 2 * places && sample.size() < places; ++i) {
        store.poll();
        const uint32_t block = 1 + static_cast<uint32_t>(rng.below(blocks - 1));
        uint8_t *copy = pool.next();
        Near one{};
        uint64_t living = 0;
        VECX_TRY(for_each_node(store, shape, block, [&](uint16_t slot, const NodeView &node) {
            if (node.dead() || rng.below(++living) != 0)
                return;
            one.link = Link{block, slot, node.head->generation};
            memcpy(copy, node.own, shape.own_size());
            one.stored = Stored{copy, node.head->own_scale, node.head->norm, 0};
        }));
        bool fresh = false;
        if (living > 0)
            taken.insert(one.link, 0, &fresh);
        if (!fresh)
            continue;
        pool.keep();
        one.stored.square = stored_dot(shape, one.stored, one.stored);
        sample.push_back(one);
    }
    if (sample.empty())
        return Status{};

    const size_t n = static_cast<size_t>(shape.dim);
    float *mean = scratch.make_array<float>(n), *one = scratch.make_array<float>(n);
    memset(mean, 0, n * sizeof(float));
    for (const Near &s : sample) {
        Head head{};
        head.own_scale = s.stored.scale;
        decode_own(shape, head, s.stored.own, one);
        to_geometry(shape, one, s.stored.norm, one);
        for (size_t i = 0; i < n; ++i)
            mean[i] += one[i] / static_cast<float>(sample.size());
    }
    if (shape.metric == Metric::cosine) { // only its direction counts, which whole numbers hold when they are large
        float largest = 0;
        for (size_t i = 0; i < n; ++i)
            largest = std::max(largest, std::fabs(mean[i]));
        for (size_t i = 0; i < n && largest > 0; ++i)
            mean[i] *= 127 / largest;
    }
    Head head{};
    uint8_t *own = scratch.make_array<uint8_t>(shape.own_size());
    encode_own(shape, mean, own, &head);
    const Stored centre = stored_of(shape, head, own);
    Placed placed;
    linker.place(centre, &placed);
    const uint32_t words = shape.code_words, count = static_cast<uint32_t>(sample.size());
    float *factors = scratch.make_array<float>(2 * count);
    uint64_t *codes = scratch.make_array<uint64_t>(static_cast<size_t>(count) * words + 1);
    memset(factors, 0, 2 * count * sizeof(float));
    for (uint32_t i = 0; i < count && words > 0; ++i) {
        Placed neighbour;
        linker.place(sample[i].stored, &neighbour);
        encode_neighbour(shape, placed, neighbour, stored_distance2(shape, centre, sample[i].stored), &factors[2 * i],
                         &factors[2 * i + 1], codes + static_cast<size_t>(i) * words);
        scratch.give_back(const_cast<float *>(neighbour.rotated));
    }

    VECX_CRASH_POINT("inlined.entry.sampled");
    const char *fault = nullptr;
    VECX_CRASH_SITE("inlined.entry.write");
    VECX_TRY(store.update(kMetaBlock, [&](MutablePage &page) {
        NodeEdit edit;
        if (!add_entry_node(page, shape, before, &edit, &fault))
            return false; // another made one, or the graph was emptied
        edit.head->own_scale = head.own_scale;
        edit.head->own_error = head.own_error;
        edit.head->norm = head.norm;
        memcpy(edit.own, own, shape.own_size());
        for (uint32_t i = 0; i < count; ++i)
            set_neighbour(edit, shape, i, sample[i].link, factors[2 * i], factors[2 * i + 1],
                          codes + static_cast<size_t>(i) * words);
        return true;
    }));
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

// What an insert does for the entry node, last: makes one when the index has grown enough; else lets the new node be one of
// its neighbours with the chance that keeps these a uniform sample of all nodes (reservoir sampling), and always when
// nobody else wanted it.
template <NodeStore S>
Status tend_entry(S &store, Arena &scratch, Linker<S> &linker, const NewNode &node, Link self, Link entry, bool lonely,
                  uint32_t body_size, Rng &rng) {
    const Shape &shape = linker.shape();
    const uint64_t nodes = nodes_in(shape, store.block_count(), body_size);
    if (linker.explorer.entry.none()) {
        if (nodes < kEntryNodes || rng.below(kEntryChance) != 0)
            return Status{};
        return make_entry(store, scratch, linker, entry, body_size, rng);
    }
    const uint32_t places = entry_places(shape, body_size);
    const bool drawn = rng.below(nodes > places ? nodes : places) < places;
    if (!drawn && !lonely && !(linker.explorer.entry_has_room && rng.below(kFreeChance) == 0))
        return Status{};
    bool taken;
    return offer_to_entry(store, linker, node, self, rng, &taken);
}

} // namespace vecx::hnsw::inlined
