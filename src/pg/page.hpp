// PostgreSQL's page header around a core body. Index pages are standard pages without special space:
// the header's 24 bytes are PostgreSQL's, the rest is the core's (see src/hnsw/README.md).
#pragma once

#include "base/status.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
}

namespace vecx::pg {

constexpr uint32_t kBodyOffset = SizeOfPageHeaderData;
constexpr uint32_t kBodySize = BLCKSZ - kBodyOffset;
static_assert(kBodyOffset % 8 == 0 && kBodySize % 8 == 0, "records in a body are 8-byte aligned");

// What a page reads as that was added to the file and never written (a crash leaves such pages).
inline constexpr uint8_t kZeroBody[kBodySize] = {};

inline uint8_t *page_body(Page page) { return reinterpret_cast<uint8_t *>(page) + kBodyOffset; }

// Whether the header is one that vecx writes, or the page is new. The caller holds a lock on the page.
inline bool page_is_sound(Page page) {
    if (PageIsNew(page))
        return true;
    const PageHeaderData *head = reinterpret_cast<const PageHeaderData *>(page);
    return PageGetPageSize(page) == BLCKSZ && PageGetPageLayoutVersion(page) == PG_PAGE_LAYOUT_VERSION &&
           head->pd_special == BLCKSZ && head->pd_lower >= kBodyOffset && head->pd_lower <= head->pd_upper &&
           head->pd_upper <= BLCKSZ;
}

inline const uint8_t *readable_body(Page page) { return PageIsNew(page) ? kZeroBody : page_body(page); }

inline Status damaged_page(BlockNumber block) { return Status::corrupt(block, "page header is damaged"); }

// Marks the bytes [low, high) of the body as free, so that WAL leaves them out.
inline void set_free_range(Page page, uint32_t low, uint32_t high) {
    if (low > high || high > kBodySize)
        elog(ERROR, "free range %u to %u of an index page is impossible", low, high);
    PageHeader head = reinterpret_cast<PageHeader>(page);
    head->pd_lower = static_cast<LocationIndex>(kBodyOffset + low);
    head->pd_upper = static_cast<LocationIndex>(kBodyOffset + high);
}

// Pins and share-locks a block, gives its page to `look`, and lets go of it. `look` must not call PostgreSQL.
// The block must exist.
template <class F>
Status with_page_shared(Relation rel, BlockNumber block, BufferAccessStrategy strategy, F &&look) {
    Buffer buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    bool sound = page_is_sound(page);
    if (sound)
        look(readable_body(page));
    UnlockReleaseBuffer(buffer);
    return sound ? Status{} : damaged_page(block);
}

} // namespace vecx::pg
