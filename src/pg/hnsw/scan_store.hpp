// The store of a scan: reads only, and pins pages ahead of their visits, so that the processor fetches them, or the kernel
// reads them, while other nodes are looked at.
#pragma once

#include "pg/compat.hpp"
#include "pg/hnsw/store.hpp"

namespace vecx::pg {

class ScanStore : public PageStore {
  public:
    // Records of `record_size` bytes are fetched ahead where they lie on a page that holds no others; 0: none are.
    ScanStore(Relation index, uint32_t record_size) : PageStore(index), index_(index), record_size_(record_size), shared_(!RelationUsesLocalBuffers(index)) {}

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

    // `slot` of `block` will be read soon: pins the page if it is in shared buffers, else asks the kernel for it. The
    // oldest of several such pins is given up.
    void prefetch(uint32_t block, uint16_t slot) {
        for (const Ahead &ahead : ahead_)
            if (ahead.buffer != InvalidBuffer && ahead.block == block)
                return;
        if (!shared_ || !exists(block))
            return;
        Buffer buffer = pin_hinted(block);
        if (buffer == InvalidBuffer) {
            buffer = PrefetchBuffer(index_, MAIN_FORKNUM, block).recent_buffer;
            if (buffer == InvalidBuffer || !pin_recent(index_, block, buffer))
                return;
            hint(block) = Hint{block, buffer};
        }
        Ahead &ahead = ahead_[oldest_++ % kAhead];
        if (ahead.buffer != InvalidBuffer)
            ReleaseBuffer(ahead.buffer);
        ahead = Ahead{block, buffer};
        const char *page = static_cast<const char *>(BufferGetPage(buffer));
        __builtin_prefetch(page);
        __builtin_prefetch(page + BLCKSZ - 64);
        const uint32_t from = kBodyOffset + static_cast<uint32_t>(sizeof(hnsw::PageHead)) + slot * record_size_;
        if (from + record_size_ <= BLCKSZ)
            for (uint32_t at = 0; at < record_size_; at += 64)
                __builtin_prefetch(page + from + at);
    }

    // A scan keeps no pin between rows.
    void release_pins() {
        for (Ahead &ahead : ahead_)
            if (ahead.buffer != InvalidBuffer) {
                ReleaseBuffer(ahead.buffer);
                ahead.buffer = InvalidBuffer;
            }
    }

  private:
    static constexpr uint32_t kAhead = 4;
    struct Ahead {
        uint32_t block;
        Buffer buffer;
    };

    Buffer pin(uint32_t block) {
        for (Ahead &ahead : ahead_)
            if (ahead.buffer != InvalidBuffer && ahead.block == block) {
                const Buffer buffer = ahead.buffer;
                ahead.buffer = InvalidBuffer;
                return buffer;
            }
        if (const Buffer buffer = pin_hinted(block); buffer != InvalidBuffer)
            return buffer;
        const Buffer buffer = ReadBufferExtended(index_, MAIN_FORKNUM, block, RBM_NORMAL, nullptr);
        if (shared_)
            hint(block) = Hint{block, buffer};
        return buffer;
    }

    // Where blocks were last, of any index: to look there first saves a search in the buffer manager's table. A buffer says
    // itself what it holds. Pins made this way do not count as use of a page, so some are made the ordinary way.
    struct Hint {
        uint32_t block;
        Buffer buffer;
    };
    static constexpr uint32_t kHints = 1 << 15;
    static constexpr uint32_t kOrdinary = 8; // one of so many
    static inline Hint hints_[kHints];

    static Hint &hint(uint32_t block) { return hints_[block % kHints]; }

    Buffer pin_hinted(uint32_t block) {
        const Hint known = hint(block);
        if (!shared_ || known.block != block || known.buffer == InvalidBuffer || ++pins_ % kOrdinary == 0)
            return InvalidBuffer;
        return pin_recent(index_, block, known.buffer) ? known.buffer : InvalidBuffer;
    }

    Relation index_;
    uint32_t record_size_;
    bool shared_; // buffers of temporary tables are the process's own
    uint32_t oldest_ = 0;
    uint32_t pins_ = 0;
    Ahead ahead_[kAhead] = {};
};

} // namespace vecx::pg
