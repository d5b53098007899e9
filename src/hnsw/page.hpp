// Records on a page: finding them with every byte checked, adding and freeing them. These work on the bytes
// only; which lock is held is the caller's business (a MutablePage is exclusively locked).
#pragma once

#include <cstdint>
#include <span>

#include "base/status.hpp"
#include "hnsw/layout.hpp"
#include "hnsw/store.hpp"

namespace vecx::hnsw {

// A node record on a page: pointers into the page, good as long as its lock is held.
struct NodeView {
    const NodeHead *head = nullptr; // null: the slot holds no node
    const HeapTid *tids = nullptr;  // kTidsPerNode, the first head->tid_count in use
    const Link *links = nullptr;    // of all levels
    const uint8_t *payload = nullptr; // head->inline_size bytes, 8-byte aligned

    // The places for links at one level; empty above the node's level.
    std::span<const Link> links_at(int level) const {
        if (level > head->level)
            return {};
        return {links + link_start(head->m, level), hnsw::links_at(head->m, level)};
    }
    bool dead() const { return (head->flags & kNodeDead) != 0 || head->tid_count == 0; }
};

// The same on a page that may be changed.
struct NodeEdit {
    NodeHead *head;
    HeapTid *tids;
    Link *links;
};

struct ChunkView {
    const ChunkHead *head = nullptr; // null: the slot holds no chunk
    const uint8_t *bytes = nullptr;  // head->size bytes
};

inline const PageHead *page_head(const PageView &page) { return reinterpret_cast<const PageHead *>(page.body); }
// Offset in the body of the first record: on the metapage, behind what the index is.
inline uint32_t records_start(const PageHead *head) {
    return static_cast<uint32_t>(sizeof(PageHead)) +
           (head->kind == static_cast<uint16_t>(PageKind::meta) ? static_cast<uint32_t>(sizeof(MetaRecord)) : 0u);
}
inline PageView view_of(const MutablePage &page) { return PageView{page.body, page.size, page.block}; }

// Slot `i` of the directory, which must lie in the page.
inline const Slot *slot_at(const uint8_t *body, uint32_t size, uint32_t i) {
    return reinterpret_cast<const Slot *>(body + size) - 1 - i;
}
inline Slot *slot_at(uint8_t *body, uint32_t size, uint32_t i) { return reinterpret_cast<Slot *>(body + size) - 1 - i; }

// Never written: zeroes where the head would be. Free space, not a fault.
bool page_is_new(const PageView &page);

// Writes the head of an empty page. The rest of the body must be zero, as the store's extend leaves it.
void init_page(MutablePage &page, PageKind kind);

// Where free space starts and ends, as offsets in the body, for pd_lower and pd_upper: 0 and `size` for a page
// never written and for one whose head is damaged (so that nothing of it is taken for a hole).
uint32_t page_low(const uint8_t *body, uint32_t size);
uint32_t page_high(const uint8_t *body, uint32_t size);

// What is wrong with the head of a page of records: null when nothing is, also for a page never written; else a
// text that lives for ever. Block 0 is one too: the entry node of the layouts that have one is on the metapage.
const char *page_fault(const PageView &page);

// The length of the longest record that add_record would accept; 0 when the page is damaged.
uint32_t free_bytes(const PageView &page);

// Makes room for a record of `length` bytes (a multiple of 8), zeroed but for its kind and generation, and names
// its slot. False, with the page as it was, when there is no room. A page never written is initialised first.
bool add_record(MutablePage &page, uint32_t length, RecordKind kind, uint16_t *slot, uint16_t *generation);

// Frees the record in `slot`, which decode_node or decode_chunk has just accepted.
void free_record(MutablePage &page, uint16_t slot);

// The node or chunk in `slot`, with all its bounds checked; `head` is null, and nothing is wrong, when the slot
// does not exist, is free, or holds a record of another kind: links may be stale. The `fault` forms are for
// inside a page callback and give a text that lives for ever; the others make it a Status::corrupt.
const char *node_fault(const PageView &page, uint16_t slot, NodeView *out);
const char *chunk_fault(const PageView &page, uint16_t slot, ChunkView *out);
Status decode_node(const PageView &page, uint16_t slot, NodeView *out);

// The bytes of the record of `kind` in `slot`: its bounds, kind and generation are checked, its contents are not.
// `record` is null, and nothing is wrong, when the slot holds nothing or something else. For inside a callback.
const char *record_fault(const PageView &page, uint16_t slot, RecordKind kind, const uint8_t **record, uint32_t *length);
Status decode_chunk(const PageView &page, uint16_t slot, ChunkView *out);

// Slots in the directory; 0 for a page never written. The page must have passed page_fault.
inline uint32_t slot_count(const PageView &page) { return page_is_new(page) ? 0 : page_head(page)->slot_count; }

// `page` must be the page that `view` was decoded from.
inline NodeEdit edit(MutablePage &page, const NodeView &view) {
    auto at = [&](const void *p) { return page.body + (static_cast<const uint8_t *>(p) - page.body); };
    return NodeEdit{reinterpret_cast<NodeHead *>(at(view.head)), reinterpret_cast<HeapTid *>(at(view.tids)),
                    reinterpret_cast<Link *>(at(view.links))};
}

// The Status of a fault that page_fault, node_fault or chunk_fault named.
Status fault_status(uint32_t block, const char *fault);

} // namespace vecx::hnsw
