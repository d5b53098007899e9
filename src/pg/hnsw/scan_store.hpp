// The store of a scan: reads only, and pins pages ahead of their visits, so that the processor fetches them, or the kernel
// reads them, while other nodes are looked at.
#pragma once

#include "pg/compat.hpp"
#include "pg/hnsw/store.hpp"

namespace vecx::pg {

class ScanStore : public PageStore {
  public:
    // Records of `record_size` bytes are fetched ahead where they lie on a page that holds no others; 0: none are.
    ScanStore(Relation index, uint32_t record_size) : PageStore(index), index_(index), record_size_(record_size) {}

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
        if (!exists(block))
            return;
        const PrefetchBufferResult where = PrefetchBuffer(index_, MAIN_FORKNUM, block);
        if (!BufferIsValid(where.recent_buffer) || !pin_recent(index_, block, where.recent_buffer))
            return;
        Ahead &ahead = ahead_[oldest_++ % kAhead];
        if (ahead.buffer != InvalidBuffer)
            ReleaseBuffer(ahead.buffer);
        ahead = Ahead{block, where.recent_buffer};
        const char *page = static_cast<const char *>(BufferGetPage(where.recent_buffer));
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
        return ReadBufferExtended(index_, MAIN_FORKNUM, block, RBM_NORMAL, nullptr);
    }

    Relation index_;
    uint32_t record_size_;
    uint32_t oldest_ = 0;
    Ahead ahead_[kAhead] = {};
};

} // namespace vecx::pg
