// Node records of the layouts `inline` and `compact` on a page: found with every byte checked, and changed. These
// work on the bytes only; which lock is held is the caller's business.
#pragma once

#include <span>

#include "hnsw/inlined/shape.hpp"
#include "hnsw/page.hpp"

namespace vecx::hnsw::inlined {

// Pointers into the page, good as long as its lock is held.
struct NodeView {
    const Head *head = nullptr; // null: the slot holds no such node
    const HeapTid *tids;        // shape.tid_places, the first head->tid_count in use
    const uint64_t *attributes; // filter::attribute_words(shape.attributes) of them
    const Link *links;          // head->places; any may be none
    const uint16_t *add;        // binary16, times head->add_scale; null in `compact`
    const uint16_t *mul;        // binary16, times head->mul_scale; null in `compact`
    const uint64_t *codes;      // groups of kGroup neighbours, word by word: see code_word
    const uint8_t *own;         // shape.own_size() bytes; of an entry node, the mean of many vectors

    bool is_entry() const { return (head->flags & kNodeEntry) != 0; }
    bool in_ring() const { return (head->flags & kNodeRing) != 0; }
    // No row: leads on, is not a result. VACUUM frees it unless it is the entry node.
    bool dead() const {
        return (head->flags & (kNodeDead | kNodeEntry)) != 0 || (head->tid_count == 0 && head->more_tids.none());
    }
};

// The same on a page that may be changed.
struct NodeEdit {
    Head *head;
    HeapTid *tids;
    uint64_t *attributes;
    Link *links;
    uint16_t *add;
    uint16_t *mul;
    uint64_t *codes;
    uint8_t *own;
};

struct TidChunkView {
    const TidChunkHead *head = nullptr;
    const HeapTid *tids; // head->capacity, the first head->count in use
};

// Where word `word` of the code of neighbour `i` is in NodeView::codes.
inline uint32_t code_index(uint32_t i, uint32_t word, uint32_t code_words) {
    return (i / kGroup * code_words + word) * kGroup + i % kGroup;
}

// The node in `slot`; `head` is null, and nothing is wrong, when the slot does not exist, is free, or holds another
// kind of record: links may be stale. A text that lives for ever when the page is damaged. Links are not looked
// at: their users check slot < kMaxSlots, and the store the block.
const char *node_fault(const PageView &page, const Shape &shape, uint16_t slot, NodeView *out);
const char *tid_chunk_fault(const PageView &page, uint16_t slot, TidChunkView *out);

// The parts of a record that add_record has just made or node_fault accepted; `record` is its first byte.
NodeEdit edit_record(uint8_t *record, const Shape &shape, int places);
// `page` must be the page that `view` was decoded from.
NodeEdit edit_node(MutablePage &page, const Shape &shape, const NodeView &view);

// Makes the record of the entry node on the metapage, over one that nothing names, and names it there: all that a search
// needs of it changes in one page write. `edit` receives its parts: places, flags and version are set, all else is zero.
// False, with the page as it was, when the metapage no longer names `before`, or is damaged (then `fault` says how).
bool add_entry_node(MutablePage &page, const Shape &shape, Link before, NodeEdit *edit, const char **fault);

// Changes neighbour `i` of a node: link, factors and code (shape.code_words words; null when compact). Rescales the
// factors of all neighbours when these do not fit the scale. Counts no version: the caller does.
void set_neighbour(const NodeEdit &node, const Shape &shape, uint32_t i, Link link, float add, float mul,
                   const uint64_t *code);
// Puts what is in place `from` into `to` as well: link, factors and code.
void copy_neighbour(const NodeEdit &node, const Shape &shape, uint32_t from, uint32_t to);
// Empties place `i`; its code and factors become zero.
void clear_neighbour(const NodeEdit &node, const Shape &shape, uint32_t i);

} // namespace vecx::hnsw::inlined
