// Pages: their heads checked when read, allocated, given back. Which lock is held is the caller's business.
#pragma once

#include "base/crash.hpp"
#include "ivf/layout.hpp"

namespace vecx::ivf {

struct Shape;

inline PageView view_of(const MutablePage &page) { return PageView{page.body, page.size, page.block}; }
inline const PageHead *page_head(const PageView &page) { return reinterpret_cast<const PageHead *>(page.body); }
inline PageHead *page_head(MutablePage &page) { return reinterpret_cast<PageHead *>(page.body); }

// Never written: zeroes where the head would be. Free space, not a fault.
bool page_is_new(const PageView &page);
// Where the part of a page starts and ends that WAL may leave out, for pd_lower and pd_upper: 0 and `size` for a page never
// written, `size` twice for a page without such a part or with a damaged head.
uint32_t page_low(const uint8_t *body, uint32_t size);
uint32_t page_high(const uint8_t *body, uint32_t size);

// Null when the head is one of this index (of any kind but the metapage), also for a page never written.
const char *page_fault(const PageView &page);
// The rest name what is wrong with the page that `link` names, null when nothing is; kGone when the link is stale: the page is in
// another life, or freed. A text lives for ever. For inside a callback.
extern const char *const kGone;
const char *live_fault(const PageView &page, PageKind kind, Link link);
// A page of the mean, of centroids or of the codebook.
const char *chain_fault(const PageView &page, PageKind kind, Link link, uint32_t list);
// A page of postings; `out` is the head, good as long as the lock is held.
const char *postings_fault(const PageView &page, const Shape &shape, Link link, uint32_t list, const PostingsHead **out);
// A page of codes or vectors.
const char *cold_page_fault(const PageView &page, PageKind kind, Link link, uint32_t list);

// Code::corrupted, or Code::conflict for kGone.
Status fault_status(uint32_t block, const char *fault);

// Makes the head of a page that was new or freed; the rest of the body becomes zero. Its life goes up by one.
void renew_page(MutablePage &page, PageKind kind, uint32_t list, uint32_t born);

// A page to write: one that was freed, or a new one. It can be reached by nobody yet, so the caller holds the
// allocation lock (shared) until it can. `born` is MetaRecord::sweep, read under that lock.
template <ListStore S>
Status allocate(S &store, PageKind kind, uint32_t list, uint32_t born, Link *out) {
    for (;;) {
        const uint32_t block = store.take_free();
        if (block == kInvalidBlock)
            break;
        bool ok = false;
        VECX_CRASH_SITE("ivf.page.reuse");
        VECX_TRY(store.update(block, [&](MutablePage &page) {
            PageView view = view_of(page);
            if (block == kMetaBlock || (!page_is_new(view) && (page_fault(view) != nullptr ||
                                                               page_head(view)->kind != static_cast<uint16_t>(PageKind::freed))))
                return false;
            renew_page(page, kind, list, born);
            *out = Link{block, page_head(page)->life};
            ok = true;
            return true;
        }));
        if (ok)
            return Status{};
        store.poll();
    }
    uint32_t block;
    VECX_CRASH_EXTEND("ivf.page.add");
    VECX_TRY(store.extend([&](MutablePage &page) { renew_page(page, kind, list, born); }, &block));
    *out = Link{block, 1};
    return Status{};
}

// Gives back a page that nobody can reach.
template <ListStore S>
Status free_page(S &store, Link link) {
    bool freed = false;
    VECX_CRASH_SITE("ivf.page.free");
    VECX_TRY(store.update(link.block, [&](MutablePage &page) {
        PageView view = view_of(page);
        if (page_is_new(view) || page_fault(view) != nullptr || page_head(view)->life != link.life)
            return false;
        page_head(page)->kind = static_cast<uint16_t>(PageKind::freed);
        page_head(page)->flags = 0;
        page_head(page)->low = sizeof(PageHead);
        freed = true;
        return true;
    }));
    if (freed) {
        VECX_CRASH_POINT("ivf.page.freed");
        store.give_free(link.block);
    }
    return Status{};
}

} // namespace vecx::ivf
