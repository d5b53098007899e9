// The directory of attributes: an entry for every node of an index with further columns, its link and its attributes, close
// together. So a scan whose conditions leave few rows finds them without reading the graph. README.md, "Attributes".
//
// Two parts. The *sorted part* is made by a build and by VACUUM (fold.hpp): leaves in the order of the first column, and
// fences, which name them and say what lies in them. The *log* is a list of leaves, newest first, to which inserts add.
// An entry may be stale, or there twice: readers compare generations and ask the node itself.
#pragma once

#include <cstring>

#include "base/crash.hpp"
#include "hnsw/inlined/visitor.hpp"
#include "hnsw/place.hpp"

namespace vecx::hnsw::inlined {

struct LeafHead {
    uint8_t kind; // RecordKind::leaf
    uint8_t pad0;
    uint16_t generation;
    uint16_t count;    // entries, the first ones
    uint16_t capacity; // that may be used; a full leaf stays full
    uint32_t older;    // log: leaves behind this one in the list
    uint32_t pad1;
    Link next; // log: the older one
};
static_assert(sizeof(LeafHead) == 24);

struct FencesHead {
    uint8_t kind; // RecordKind::fences
    uint8_t pad0;
    uint16_t generation;
    uint16_t count;
    uint16_t pad1;
    Link next;
};
static_assert(sizeof(FencesHead) == 16);

// A leaf of the sorted part, and the keys of its first column: from `low` to `high`, none if low > high.
struct Fence {
    Link leaf;
    uint64_t low, high;
    uint32_t count;
    uint32_t nulls; // of the first column
};
static_assert(sizeof(Fence) == 32);

constexpr uint32_t kFirstLogLeaf = 16;

// An entry is a link and the attributes.
inline uint32_t entry_size(const Shape &shape) { return static_cast<uint32_t>(sizeof(Link)) + shape.attributes_size(); }
inline uint32_t leaf_size(const Shape &shape, uint32_t capacity) {
    return static_cast<uint32_t>(sizeof(LeafHead)) + capacity * entry_size(shape);
}
inline uint32_t most_entries(const Shape &shape, uint32_t body_size) {
    return (max_record(body_size) - static_cast<uint32_t>(sizeof(LeafHead))) / entry_size(shape);
}
inline uint32_t most_fences(uint32_t body_size) {
    return (max_record(body_size) - static_cast<uint32_t>(sizeof(FencesHead))) / static_cast<uint32_t>(sizeof(Fence));
}

struct LeafView {
    const LeafHead *head = nullptr; // null: the slot holds no leaf
    const uint8_t *entries;         // head->count of them
    uint32_t each;

    Link link(uint32_t i) const {
        Link out;
        memcpy(&out, entries + size_t{i} * each, sizeof out);
        return out;
    }
    const uint64_t *attributes(uint32_t i) const {
        return reinterpret_cast<const uint64_t *>(entries + size_t{i} * each + sizeof(Link));
    }
};

struct FencesView {
    const FencesHead *head = nullptr;
    const Fence *fences;
};

// As node_fault.
const char *leaf_fault(const PageView &page, const Shape &shape, uint16_t slot, LeafView *out);
const char *fences_fault(const PageView &page, uint16_t slot, FencesView *out);

// f(const LeafView &) or f(const FencesView &) under the share lock, if the record is there.
template <NodeStore S, class F>
Status look_at_leaf(S &store, const Shape &shape, Link link, bool *found, F f) {
    const char *fault = nullptr;
    *found = false;
    if (link.slot >= kMaxSlots || link.block == kMetaBlock || link.block >= store.block_count())
        return Status{};
    VECX_TRY(store.read(link.block, [&](const PageView &page) {
        LeafView leaf;
        fault = leaf_fault(page, shape, link.slot, &leaf);
        if (fault != nullptr || leaf.head == nullptr || leaf.head->generation != link.generation)
            return;
        *found = true;
        f(leaf);
    }));
    return fault == nullptr ? Status{} : fault_status(link.block, fault);
}
template <NodeStore S, class F>
Status look_at_fences(S &store, Link link, bool *found, F f) {
    const char *fault = nullptr;
    *found = false;
    if (link.slot >= kMaxSlots || link.block == kMetaBlock || link.block >= store.block_count())
        return Status{};
    VECX_TRY(store.read(link.block, [&](const PageView &page) {
        FencesView fences;
        fault = fences_fault(page, link.slot, &fences);
        if (fault != nullptr || fences.head == nullptr || fences.head->generation != link.generation)
            return;
        *found = true;
        f(fences);
    }));
    return fault == nullptr ? Status{} : fault_status(link.block, fault);
}

// Whether the metapage still names the fences that it named when somebody began to read the directory: if so, the log has not
// been cut off since, for that comes after.
template <NodeStore S>
Status fences_are_still(S &store, Link fences, bool *whole) {
    MetaRecord meta;
    VECX_TRY(read_meta(store, &meta));
    *whole = meta.fences == fences;
    return Status{};
}

// Calls each(Link, const Fence *) -> Status for every leaf, with no page locked; the fence is null in the log.
// on_fences(Link) -> Status is called for the records that hold the fences. `whole` is false when VACUUM took away part of it
// meanwhile, or a link leads to nothing: then the caller begins again, or does without.
template <NodeStore S, class OnFences, class Each>
Status walk_directory(S &store, const Shape &shape, Arena &arena, bool *whole, OnFences on_fences, Each each) {
    MetaRecord meta;
    uint32_t body_size;
    VECX_TRY(read_meta(store, &meta, &body_size));
    *whole = false;
    Array<Fence> fences(arena);
    uint64_t steps = 0;
    for (Link at = meta.fences; !at.none();) {
        if (++steps > 8ull * store.block_count())
            return Status::corrupt(at.block, "directory of attributes is a ring");
        store.poll();
        Link next{};
        bool found;
        fences.clear();
        fences.reserve(most_fences(body_size));
        VECX_TRY(look_at_fences(store, at, &found, [&](const FencesView &view) {
            next = view.head->next;
            for (uint32_t i = 0; i < view.head->count && fences.size() < fences.capacity(); ++i)
                fences.push_back(view.fences[i]);
        }));
        if (!found) {
            fences.give_back();
            return Status{};
        }
        VECX_TRY(on_fences(at));
        for (const Fence &fence : fences)
            VECX_TRY(each(fence.leaf, &fence));
        at = next;
    }
    fences.give_back();
    for (Link at = meta.log; !at.none();) {
        if (++steps > 600ull * store.block_count())
            return Status::corrupt(at.block, "directory of attributes is a ring");
        store.poll();
        Link next{};
        bool found;
        VECX_TRY(look_at_leaf(store, shape, at, &found, [&](const LeafView &leaf) { next = leaf.head->next; }));
        if (!found)
            return Status{};
        VECX_TRY(each(at, nullptr));
        at = next;
    }
    return fences_are_still(store, meta.fences, whole);
}

// Names another first leaf of the log, if the metapage still names `before`.
template <NodeStore S>
Status set_log(S &store, Link before, Link log, bool *done) {
    const char *fault = nullptr;
    *done = false;
    VECX_CRASH_SITE("inlined.directory.name_leaf");
    VECX_TRY(store.update(kMetaBlock, [&](MutablePage &page) {
        MetaRecord meta;
        fault = meta_fault(view_of(page), &meta);
        if (fault != nullptr || !(meta.log == before))
            return false;
        reinterpret_cast<MetaRecord *>(page.body + sizeof(PageHead))->log = log;
        *done = true;
        return true;
    }));
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

// Puts a new leaf in front of the log, with one entry or, if `attributes` is null, none. `done` is false, and nothing
// changed, when another was faster. Two page writes, with the chunk writers' lock, shared, over both: between them nobody
// names the leaf.
template <NodeStore S>
Status begin_log_leaf(S &store, const Shape &shape, Link before, uint32_t older, uint32_t capacity, Link node,
                      const uint64_t *attributes, Link *out, bool *done) {
    const char *fault = nullptr;
    *done = false;
    store.lock_chunk_writers(false);
    Status status = place_record(
        store, leaf_size(shape, capacity), RecordKind::leaf,
        [&](uint8_t *record, uint16_t) {
            LeafHead *head = reinterpret_cast<LeafHead *>(record);
            head->capacity = static_cast<uint16_t>(capacity);
            head->older = older;
            head->next = before;
            if (attributes == nullptr)
                return;
            head->count = 1;
            memcpy(record + sizeof(LeafHead), &node, sizeof node);
            memcpy(record + sizeof(LeafHead) + sizeof node, attributes, shape.attributes_size());
        },
        out);
    VECX_CRASH_POINT("inlined.directory.leaf_written");
    if (status.ok())
        status = set_log(store, before, *out, done);
    VECX_CRASH_SITE("inlined.directory.give_up_leaf");
    if (status.ok() && !*done)
        status = store.update(out->block, [&](MutablePage &page) {
            LeafView leaf;
            fault = leaf_fault(view_of(page), shape, out->slot, &leaf);
            if (fault != nullptr || leaf.head == nullptr || leaf.head->generation != out->generation)
                return false;
            free_record(page, out->slot);
            return true;
        });
    store.unlock_chunk_writers(false);
    VECX_TRY(status);
    return fault == nullptr ? Status{} : fault_status(out->block, fault);
}

// Adds an entry for `node` to the log. One page write, three with a new leaf. Each turn of the loop that is in vain means
// that another session has written.
template <NodeStore S>
Status list_node(S &store, const Shape &shape, Link node, const uint64_t *attributes) {
    for (;;) {
        MetaRecord meta;
        uint32_t body_size, older = 0, capacity = 0;
        store.poll();
        VECX_TRY(read_meta(store, &meta, &body_size));
        bool done = false;
        if (!meta.log.none() && meta.log.block < store.block_count()) {
            const char *fault = nullptr;
            VECX_CRASH_SITE("inlined.directory.add_entry");
            VECX_TRY(store.update(meta.log.block, [&](MutablePage &page) {
                LeafView leaf;
                fault = leaf_fault(view_of(page), shape, meta.log.slot, &leaf);
                if (fault != nullptr || leaf.head == nullptr || leaf.head->generation != meta.log.generation)
                    return false;
                older = leaf.head->older + 1;
                capacity = leaf.head->capacity;
                if (leaf.head->count >= capacity)
                    return false;
                uint8_t *record = page.body + (reinterpret_cast<const uint8_t *>(leaf.head) - page.body);
                LeafHead *head = reinterpret_cast<LeafHead *>(record);
                uint8_t *entry = record + sizeof(LeafHead) + size_t{head->count} * leaf.each;
                memcpy(entry, &node, sizeof node);
                memcpy(entry + sizeof node, attributes, shape.attributes_size());
                ++head->count;
                done = true;
                return true;
            }));
            if (fault != nullptr)
                return fault_status(meta.log.block, fault);
            if (done)
                return Status{};
        }
        const uint32_t most = most_entries(shape, body_size);
        const uint32_t room = capacity == 0 ? kFirstLogLeaf : 4 * capacity;
        Link leaf{};
        VECX_TRY(begin_log_leaf(store, shape, meta.log, older, room < most ? room : most, node, attributes, &leaf, &done));
        if (done)
            return Status{};
    }
}

// Before a row is added to a node that somebody else has written: see kNodeUnlisted. Nothing to do for most nodes.
template <NodeStore S>
Status ensure_listed(S &store, const Shape &shape, Link node) {
    uint64_t attributes[filter::attribute_words(filter::kMostAttributes)];
    bool unlisted = false;
    const char *fault = nullptr;
    VECX_TRY(store.read(node.block, [&](const PageView &page) {
        NodeView view;
        fault = node_fault(page, shape, node.slot, &view);
        if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation)
            return;
        unlisted = (view.head->flags & kNodeUnlisted) != 0;
        memcpy(attributes, view.attributes, shape.attributes_size());
    }));
    if (fault != nullptr)
        return fault_status(node.block, fault);
    if (!unlisted)
        return Status{};
    VECX_TRY(list_node(store, shape, node, attributes));
    VECX_CRASH_SITE("inlined.directory.node_is_listed");
    VECX_TRY(store.update(node.block, [&](MutablePage &page) {
        NodeView view;
        fault = node_fault(view_of(page), shape, node.slot, &view);
        if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation ||
            (view.head->flags & kNodeUnlisted) == 0)
            return false;
        edit_node(page, shape, view).head->flags &= static_cast<uint8_t>(~kNodeUnlisted);
        return true;
    }));
    return fault == nullptr ? Status{} : fault_status(node.block, fault);
}

} // namespace vecx::hnsw::inlined
