// The ListStore of src/ivf/store.hpp over the buffer manager. Nothing is pinned between calls, so an error anywhere leaves
// nothing to undo but what PostgreSQL undoes itself.
#pragma once

#include "ivf/page.hpp"
#include "ivf/store.hpp"
#include "pg/compat.hpp"
#include "pg/crash.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/page.hpp"
#include "pg/wal.hpp"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace vecx::pg {

// Writes::logged: every call that changes pages is one generic WAL record. Writes::bulk: for the session that builds the
// index and nobody else; call log_fork() when done.
template <Writes kWrites>
class BasicListStore {
  public:
    // `strategy` and `vacuum` are for VACUUM: its ring of buffers, and its cost delay in poll().
    explicit BasicListStore(Relation index, BufferAccessStrategy strategy = nullptr, bool vacuum = false,
                            ForkNumber fork = MAIN_FORKNUM)
        : index_(index), strategy_(strategy), fork_(fork), vacuum_(vacuum), shared_(!RelationUsesLocalBuffers(index)) {}

    template <class F>
    Status read(uint32_t block, F &&look) {
        if (!exists(block))
            return missing(block);
        const Buffer buffer = pin(block);
        LockBuffer(buffer, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        const bool sound = page_is_sound(page);
        if (sound)
            look(PageView{readable_body(page), kBodySize, block});
        UnlockReleaseBuffer(buffer);
        return sound ? Status{} : damaged_page(block);
    }

    template <class F>
    Status update(uint32_t block, F &&change) {
        if (!exists(block))
            return missing(block);
        const Buffer buffer = pin(block);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        VECX_CRASH_STAGE("before");
        bool sound = page_is_sound(BufferGetPage(buffer));
        if (sound)
            write(buffer, change);
        VECX_CRASH_CHANGE_ENDS();
        UnlockReleaseBuffer(buffer);
        return sound ? Status{} : damaged_page(block);
    }

    template <class F>
    Status update_all(const uint32_t *blocks, int n, F &&change) {
        if (n < 1 || n > kMostPages)
            elog(ERROR, "%d pages in one change of an index", n);
        for (int i = 0; i < n; ++i)
            if (!exists(blocks[i]))
                return missing(blocks[i]);
        Buffer buffers[kMostPages];
        int damaged = -1;
        for (int i = 0; i < n; ++i) {
            buffers[i] = pin(blocks[i]);
            LockBuffer(buffers[i], BUFFER_LOCK_EXCLUSIVE);
            if (!page_is_sound(BufferGetPage(buffers[i])))
                damaged = i;
        }
        VECX_CRASH_STAGE("before");
        if (damaged < 0)
            write_all(buffers, n, change);
        VECX_CRASH_CHANGE_ENDS();
        for (int i = n - 1; i >= 0; --i)
            UnlockReleaseBuffer(buffers[i]);
        return damaged < 0 ? Status{} : damaged_page(blocks[damaged]);
    }

    template <class F>
    Status extend(F &&fill, uint32_t *block) {
        Buffer buffer = extend_relation(index_, fork_);
        *block = BufferGetBlockNumber(buffer);
        VECX_CRASH_STAGE("extended");
        write(buffer, [&](MutablePage &page) {
            fill(page);
            return true;
        });
        VECX_CRASH_CHANGE_ENDS();
        UnlockReleaseBuffer(buffer);
        if (blocks_ <= *block)
            blocks_ = *block + 1;
        return {};
    }

    uint32_t block_count() { return blocks_ = RelationGetNumberOfBlocksInFork(index_, fork_); }

    uint32_t take_free() {
        if constexpr (kWrites == Writes::bulk)
            return ivf::kInvalidBlock;
        for (;;) {
            BlockNumber block = GetFreeIndexPage(index_);
            // The map is not WAL-logged: after a crash it may speak of pages that never came to be.
            if (block == InvalidBlockNumber || exists(block))
                return block;
        }
    }
    void give_free(uint32_t block) { RecordFreeIndexPage(index_, block); }

    void lock_allocation(bool exclusive) {
        if constexpr (kWrites == Writes::logged)
            LockPage(index_, 0, exclusive ? ExclusiveLock : ShareLock);
    }
    void unlock_allocation(bool exclusive) {
        if constexpr (kWrites == Writes::logged)
            UnlockPage(index_, 0, exclusive ? ExclusiveLock : ShareLock);
    }

    uint64_t horizon() { return U64FromFullTransactionId(ReadNextFullTransactionId()); }
    bool passed(uint64_t token) { return GlobalVisCheckRemovableFullXid(nullptr, FullTransactionIdFromU64(token)); }
    void announce_reuse(uint64_t token) {
        if (token <= announced_)
            return; // pages that one VACUUM has retired have much the same token
        log_page_reuse(index_, FullTransactionIdFromU64(token));
        announced_ = token;
    }

    // A page that will be read soon. What this process has read before is taken to be in shared buffers still: to ask would
    // cost a look into the buffer table.
    void prefetch(uint32_t block) {
        if (shared_ && hints_.knows(block))
            return;
        if (exists(block))
            PrefetchBuffer(index_, fork_, block);
    }

    void poll() {
        if (vacuum_)
            vacuum_delay();
        else
            CHECK_FOR_INTERRUPTS();
    }

  private:
    using MutablePage = ivf::MutablePage;
    using PageView = ivf::PageView;
    static constexpr int kMostPages = MAX_GENERIC_XLOG_PAGES;

    bool exists(uint32_t block) { return block < blocks_ || block < block_count(); }
    Status missing(uint32_t block) const {
        return Status::corrupt(block, "block %u is named, but there are only %u blocks", block, blocks_);
    }

    Buffer pin(uint32_t block) {
        // Also under VACUUM: what is in memory is no business of its ring, and it comes to most pages more than once.
        if (shared_ && fork_ == MAIN_FORKNUM)
            if (const Buffer buffer = hints_.pin(index_, block); buffer != InvalidBuffer)
                return buffer;
        const Buffer buffer = ReadBufferExtended(index_, fork_, block, RBM_NORMAL, strategy_);
        if (shared_)
            hints_.note(block, buffer);
        return buffer;
    }

    // Where blocks were last, of any index: to look there first saves a search in the buffer manager's table. A buffer says
    // itself what it holds. Pins made this way do not count as use of a page, so some are made the ordinary way.
    struct Hints {
        static constexpr uint32_t kEntries = 1 << 14;
        static constexpr uint32_t kOrdinary = 8; // one of so many
        struct Entry {
            uint32_t block;
            Buffer buffer;
        };
        Entry entries[kEntries];
        uint32_t pins;

        Buffer pin(Relation index, uint32_t block) {
            const Entry known = entries[block % kEntries];
            if (known.block != block || known.buffer == InvalidBuffer || ++pins % kOrdinary == 0)
                return InvalidBuffer;
            return pin_recent(index, block, known.buffer) ? known.buffer : InvalidBuffer;
        }
        bool knows(uint32_t block) const {
            const Entry &known = entries[block % kEntries];
            return known.block == block && known.buffer != InvalidBuffer;
        }
        void note(uint32_t block, Buffer buffer) { entries[block % kEntries] = Entry{block, buffer}; }
    };
    static inline Hints hints_;

    static void finish(Page page) {
        const uint8_t *body = page_body(page);
        set_free_range(page, ivf::page_low(body, kBodySize), ivf::page_high(body, kBodySize));
    }

    template <class F>
    void write(Buffer buffer, F &&change) {
        const uint32_t block = BufferGetBlockNumber(buffer);
        auto body_change = [&](Page page) {
            MutablePage body{page_body(page), kBodySize, block};
            if (!change(body))
                return false;
            finish(page);
            return true;
        };
        if constexpr (kWrites == Writes::logged)
            change_page_logged(index_, buffer, false, body_change);
        else
            change_page_unlogged(buffer, body_change);
    }

    // All buffers are locked exclusively; the change works on copies.
    template <class F>
    void write_all(const Buffer *buffers, int n, F &&change) {
        if constexpr (kWrites == Writes::logged)
            change_pages_logged(index_, buffers, n, [&](Page *pages) { return change_bodies(buffers, pages, n, change); });
        else
            change_pages_unlogged(buffers, n, [&](Page *pages) { return change_bodies(buffers, pages, n, change); });
    }

    template <class F>
    static bool change_bodies(const Buffer *buffers, Page *pages, int n, F &&change) {
        MutablePage bodies[kMostPages] = {};
        for (int i = 0; i < n; ++i)
            bodies[i] = MutablePage{page_body(pages[i]), kBodySize, BufferGetBlockNumber(buffers[i])};
        if (!change(bodies))
            return false;
        for (int i = 0; i < n; ++i)
            finish(pages[i]);
        return true;
    }

    Relation index_;
    BufferAccessStrategy strategy_;
    ForkNumber fork_;
    bool vacuum_;
    bool shared_;         // buffers of temporary tables are the process's own
    uint32_t blocks_ = 0; // known to exist; an index does not shrink while it is open
    uint64_t announced_ = 0;
};

using ListPageStore = BasicListStore<Writes::logged>;
using ListBulkStore = BasicListStore<Writes::bulk>;
static_assert(ivf::ListStore<ListPageStore> && ivf::ListStore<ListBulkStore>);

} // namespace vecx::pg
