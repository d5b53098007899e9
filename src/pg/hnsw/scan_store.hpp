// The store of a scan: reads only, and asks the processor, or the kernel, for records ahead of
// their visits. README.md of src/hnsw/inlined, "Search", has what that is worth.
#pragma once

#include "pg/compat.hpp"
#include "pg/hnsw/store.hpp"
extern "C" {
#include "access/htup_details.h"
#include "access/tableam.h"
#include "storage/buf_internals.h"
}

namespace vecx::pg {

class ScanStore : public PageStore {
  public:
    // Records of `record_size` bytes are fetched ahead where they lie on a page that holds no
    // others, from the byte `first` on, where reading begins; record_size 0: none are.
    // `heap` has the rows; null: they are not fetched ahead. Of what lies before `first`, only so many bytes are wanted as `lead`
    // says (0: all).
    ScanStore(Relation index, Relation heap, uint32_t record_size, uint32_t first, uint32_t lead = 0)
        : PageStore(index), index_(index), heap_(has_heap_pages(heap) ? heap : nullptr),
          record_size_(record_size), first_(first), lead_(lead > 0 ? lead : first), salt_(salt_of(index)),
          heap_salt_(heap_ == nullptr ? 0 : salt_of(heap_)),
          shared_(!RelationUsesLocalBuffers(index)) {}

    template <class F>
    Status read(uint32_t block, F &&look) {
        if (!exists(block))
            return missing(block);
        const Buffer buffer = pin(block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        const bool sound = page_is_sound(page);
        if (sound)
            look(hnsw::PageView{readable_body(page), kBodySize, block});
        UnlockReleaseBuffer(buffer);
        return sound ? Status{} : damaged_page(block);
    }

    // Record `slot` of `block` is about to be read (`now`) or will be read soon: fetches it into
    // the processor's caches, as far as it is known where in shared buffers it is. What will be
    // read soon and may not be there is asked of the kernel.
    void prefetch(uint32_t block, uint16_t slot, bool now) {
        if (!shared_ || !exists(block))
            return;
        const uint64_t record = static_cast<uint64_t>(block) << 16 | slot;
        for (const uint64_t known : fetched_)
            if (known == record)
                return;
        Hint &known = hint(block);
        Buffer buffer = known.mark == mark(block) && doubts_ == 0 ? known.buffer : InvalidBuffer;
        if (buffer == InvalidBuffer) {
            if (now)
                return;
            buffer = PrefetchBuffer(index_, MAIN_FORKNUM, block).recent_buffer;
            if (buffer != InvalidBuffer)
                known = Hint{mark(block), buffer};
            else
                misses_ = kMisses;
        }
        fetched_[oldest_++ % kFetched] = record;
        if (buffer != InvalidBuffer)
            fetch(buffer, slot);
    }

    // How many records to ask for while another is read: several when pages had to be read lately,
    // so that the disk has more than one to do.
    uint32_t ahead() const { return misses_ > 0 ? kAheadCold : 1; }

    // The row at `row` may be returned soon; `next`: it is likely the one after the row that is
    // being returned. What the executor will touch is fetched in these two steps, for where in
    // its page a row lies is in the page. A page that may not be in shared buffers is asked of
    // the kernel.
    void prefetch_row(hnsw::HeapTid row, bool next) {
        if (heap_ == nullptr || !shared_)
            return;
        ItemPointerData tid;
        static_assert(sizeof tid == sizeof row);
        memcpy(&tid, &row, sizeof tid);
        const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&tid);
        const OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&tid);
        if (offset == InvalidOffsetNumber || offset > MaxHeapTuplesPerPage)
            return;
        const uint32_t wanted = block + heap_salt_;
        Hint &known = hints_[wanted % kHints];
        Buffer buffer = known.mark == wanted ? known.buffer : InvalidBuffer;
        if (buffer == InvalidBuffer) {
            if (next || !heap_has(block))
                return;
            buffer = PrefetchBuffer(heap_, MAIN_FORKNUM, block).recent_buffer;
            if (buffer == InvalidBuffer)
                return;
            known = Hint{wanted, buffer};
        }
        const char *page = static_cast<const char *>(BufferGetPage(buffer));
        const char *line = page + SizeOfPageHeaderData + (offset - 1) * sizeof(ItemIdData);
        if (!next) {
            __builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
            __builtin_prefetch(page);
            __builtin_prefetch(line);
            return;
        }
        // Read without a pin: whatever it says, it is only used to choose what to fetch.
        const volatile BufferTag *tag = &GetBufferDescriptor(buffer - 1)->tag;
        if (tag->blockNum != block) {
            known.buffer = InvalidBuffer;
            return;
        }
        const uint32_t word = *reinterpret_cast<const volatile uint32_t *>(line);
        ItemIdData item;
        memcpy(&item, &word, sizeof item);
        if (item.lp_off < BLCKSZ)
            __builtin_prefetch(page + item.lp_off);
    }

  private:
    static bool has_heap_pages(Relation heap) {
        return heap != nullptr && heap->rd_tableam == GetHeapamTableAmRoutine();
    }
    static uint32_t salt_of(Relation relation) {
        return static_cast<uint32_t>(RelationGetRelid(relation)) * 0x9E3779B9u;
    }
    bool heap_has(BlockNumber block) {
        if (block >= heap_blocks_)
            heap_blocks_ = RelationGetNumberOfBlocks(heap_);
        return block < heap_blocks_;
    }

    // All that a visit touches, in its order: what the buffer manager knows of the page, its head,
    // the slot, the record. Into the second level, but for the first touches: the first level takes
    // less than half a record's lines at a time, and the processor waits when more are asked for.
    // The buffer may hold another page by now, or none. (Not inlined, a function that only fetches
    // ahead would have no effect that the compiler knows, and be left out.)
    [[gnu::always_inline]] void fetch(Buffer buffer, uint16_t slot) const {
        __builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
        const char *page = static_cast<const char *>(BufferGetPage(buffer));
        __builtin_prefetch(page);
        __builtin_prefetch(page + BLCKSZ - 64);
        const uint32_t from =
            kBodyOffset + static_cast<uint32_t>(sizeof(hnsw::PageHead)) + slot * record_size_;
        if (from + record_size_ > BLCKSZ)
            return;
        const char *record = page + from;
        __builtin_prefetch(record);
        for (uint32_t at = first_; at < record_size_; at += kLine)
            __builtin_prefetch(record + at, 0, 2);
        for (uint32_t at = kLine; at < lead_; at += kLine)
            __builtin_prefetch(record + at, 0, 2);
    }

    Buffer pin(uint32_t block) {
        Hint &known = hint(block);
        if (misses_ > 0)
            --misses_;
        if (shared_ && known.mark == mark(block) && known.buffer != InvalidBuffer &&
            ++pins_ % kOrdinary != 0) {
            if (pin_recent(index_, block, known.buffer))
                return known.buffer;
            doubts_ = kDoubts;
        }
        if (doubts_ > 0)
            --doubts_;
        const Buffer buffer = ReadBufferExtended(index_, MAIN_FORKNUM, block, RBM_NORMAL, nullptr);
        if (shared_)
            known = Hint{mark(block), buffer};
        return buffer;
    }

    // Where blocks were last, of any index: to look there first saves a search in the buffer
    // manager's table. A buffer says itself what it holds. Pins made this way do not count as use
    // of a page, so some are made the ordinary way. When one of them fails, pages are being
    // evicted: for a while the table is asked before a record is fetched ahead.
    struct Hint {
        uint32_t mark;
        Buffer buffer; // InvalidBuffer: nothing is known
    };
    static constexpr uint32_t kHints = 1 << 17; // pages of 1 GB
    static constexpr uint32_t kOrdinary = 16;   // one of so many
    static constexpr uint32_t kDoubts = 64;     // reads
    static constexpr uint32_t kMisses = 16;     // reads
    static constexpr uint32_t kAheadCold = 6;
    static constexpr uint32_t kFetched = 16;
    static constexpr uint32_t kLine = 64;
    static inline Hint hints_[kHints];

    uint32_t mark(uint32_t block) const { return block + salt_; }
    Hint &hint(uint32_t block) const { return hints_[mark(block) % kHints]; }

    Relation index_, heap_;
    uint32_t record_size_, first_, lead_;
    uint32_t salt_, heap_salt_; // keep relations apart
    BlockNumber heap_blocks_ = 0; // known to exist
    bool shared_;   // buffers of temporary tables are the process's own
    uint32_t oldest_ = 0;
    uint32_t pins_ = 0;
    uint32_t doubts_ = 0;
    uint32_t misses_ = 0;
    uint64_t fetched_[kFetched] = {}; // block and slot of the latest; block 0 is the metapage
};

} // namespace vecx::pg
