// The metapage: what the index is, and where its directory starts. To write it is what commits a change of structure.
#pragma once

#include "base/crash.hpp"
#include "ivf/page.hpp"
#include "ivf/shape.hpp"

namespace vecx::ivf {

// Fills the metapage, which must be zeroed and becomes block 0.
void init_meta(MutablePage &page, const MetaRecord &record);
// Null, or what is wrong; then nothing is set. For inside a callback.
const char *meta_fault(const PageView &page, MetaRecord *out, Shape *shape);

// Reads and validates the metapage.
template <ListStore S>
Status read_meta(S &store, MetaRecord *out, Shape *shape) {
    const char *fault = nullptr;
    VECX_TRY(store.read(kMetaBlock, [&](const PageView &page) { fault = meta_fault(page, out, shape); }));
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

// change(MetaRecord &) under the exclusive lock of block 0.
template <ListStore S, class F>
Status update_meta(S &store, F change) {
    const char *fault = nullptr;
    VECX_CRASH_SITE("ivf.meta.change");
    VECX_TRY(store.update(kMetaBlock, [&](MutablePage &page) {
        MetaRecord meta;
        Shape shape;
        fault = meta_fault(view_of(page), &meta, &shape);
        if (fault != nullptr)
            return false;
        change(reinterpret_cast<MetaPage *>(page.body)->record);
        return true;
    }));
    return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
}

} // namespace vecx::ivf
