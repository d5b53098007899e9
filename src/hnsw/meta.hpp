// The metapage: what the index is, and where its graph is entered.
#pragma once

#include "base/crash.hpp"
#include "hnsw/page.hpp"

namespace vecx::hnsw {

// Fills the metapage, which must be zeroed and becomes block 0.
void init_meta(MutablePage &page, const MetaRecord &record);

// What is wrong with the metapage; null when nothing is, and then `out` is filled. For inside a callback.
const char *meta_fault(const PageView &page, MetaRecord *out);

// Bytes of a dense payload; 0 for sparse ones, whose size varies.
uint32_t dense_payload_size(ElementType type, int32_t dim);

// Reads and validates the metapage. `body_size`, when not null, receives the size of a page's body.
template <NodeStore S>
Status read_meta(S &store, MetaRecord *out, uint32_t *body_size = nullptr) {
    const char *fault = nullptr;
    VECX_TRY(store.read(kMetaBlock, [&](const PageView &page) {
        fault = meta_fault(page, out);
        if (body_size != nullptr)
            *body_size = page.size;
    }));
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

// Makes `entry` the entry point when the present one is still `replaced` (none: the graph must still be empty),
// or when `replaced` is a node and the graph is empty now, or, if `or_higher`, `entry` is on a higher level than the
// present one: only for a node that has links, for without them it would be the way to nothing but itself. `done`
// tells whether it did. Takes the exclusive lock of block 0.
template <NodeStore S>
Status set_entry(S &store, Link replaced, Link entry, int level, bool *done, bool or_higher = true) {
    const char *fault = nullptr;
    *done = false;
    VECX_CRASH_SITE("meta.entry");
    VECX_TRY(store.update(kMetaBlock, [&](MutablePage &page) {
        MetaRecord meta;
        fault = meta_fault(view_of(page), &meta);
        if (fault != nullptr)
            return false;
        bool higher = !replaced.none() && (meta.entry.none() || (or_higher && level > meta.entry_level));
        if (meta.entry != replaced && !higher)
            return false;
        MetaRecord *record = reinterpret_cast<MetaRecord *>(page.body + sizeof(PageHead));
        record->entry = entry;
        record->entry_level = static_cast<uint16_t>(level);
        *done = true;
        return true;
    }));
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

} // namespace vecx::hnsw
