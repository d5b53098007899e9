#include "pg/wal.hpp"

#include "base/page_delta.hpp"

extern "C" {
#include "access/rmgr.h"
#include "storage/bufmgr.h"
}

namespace vecx::pg {

namespace {

// Of the change in hand: there is one at a time, for `change` must not call PostgreSQL.
PGAlignedBlock copies[MAX_GENERIC_XLOG_PAGES];
uint8_t deltas[MAX_GENERIC_XLOG_PAGES][PageDelta::room(BLCKSZ)];

PageImage image_of(Page page) {
    const PageHeader header = reinterpret_cast<PageHeader>(page);
    return {reinterpret_cast<const uint8_t *>(page), header->pd_lower, header->pd_upper};
}

bool has_sound_hole(Page page) {
    const PageHeader header = reinterpret_cast<PageHeader>(page);
    return header->pd_lower >= SizeOfPageHeaderData && header->pd_lower <= header->pd_upper && header->pd_upper <= BLCKSZ;
}

// START_CRIT_SECTION and END_CRIT_SECTION, whose ++ of something volatile C++20 deprecates.
void begin_critical() { CritSectionCount = CritSectionCount + 1; }
void end_critical() {
    Assert(CritSectionCount > 0);
    CritSectionCount = CritSectionCount - 1;
}

} // namespace

Page page_copy(int i, Buffer buffer) {
    memcpy(copies[i].data, BufferGetPage(buffer), BLCKSZ);
    return copies[i].data;
}

void log_page_copies(Relation rel, const Buffer *buffers, int n) {
    const bool logged = RelationNeedsWAL(rel);
    size_t sizes[MAX_GENERIC_XLOG_PAGES];
    for (int i = 0; i < n; ++i) {
        Page page = BufferGetPage(buffers[i]), copy = copies[i].data;
        if (!has_sound_hole(page) || !has_sound_hole(copy))
            elog(ERROR, "page %u of an index has an impossible header", BufferGetBlockNumber(buffers[i]));
        sizes[i] = logged ? PageDelta::make(image_of(page), image_of(copy), BLCKSZ, deltas[i]) : 0;
    }
    if (logged)
        XLogBeginInsert();
    begin_critical();
    for (int i = 0; i < n; ++i) {
        Page page = BufferGetPage(buffers[i]);
        const PageImage copy = image_of(copies[i].data);
        memcpy(page, copy.bytes, copy.lower);
        memset(page + copy.lower, 0, copy.upper - copy.lower); // as replay leaves it
        memcpy(page + copy.upper, copy.bytes + copy.upper, BLCKSZ - copy.upper);
        MarkBufferDirty(buffers[i]);
        if (logged) {
            XLogRegisterBuffer(static_cast<uint8>(i), buffers[i], REGBUF_STANDARD);
            XLogRegisterBufData(static_cast<uint8>(i), reinterpret_cast<char *>(deltas[i]), static_cast<uint32>(sizes[i]));
        }
    }
    if (logged) {
        const XLogRecPtr end = XLogInsert(RM_GENERIC_ID, 0);
        for (int i = 0; i < n; ++i)
            PageSetLSN(BufferGetPage(buffers[i]), end);
    }
    end_critical();
}

} // namespace vecx::pg
