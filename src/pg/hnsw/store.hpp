// The NodeStore of src/hnsw/store.hpp over the buffer manager. One page is locked at a time and nothing is
// pinned between calls, so an error anywhere leaves nothing to undo but what PostgreSQL undoes itself.
#pragma once

#include "hnsw/page.hpp"
#include "hnsw/store.hpp"
#include "pg/crash.hpp"
#include "pg/page.hpp"
#include "pg/postgres.hpp"
#include "pg/wal.hpp"

extern "C" {
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
}

namespace vecx::pg {

enum class Writes { logged, bulk };

// Writes::logged: every change is one generic WAL record. Writes::bulk: for the session that builds the index
// and nobody else; call log_fork() when done.
template <Writes kWrites>
class BasicStore {
  public:
    // `strategy` and `vacuum` are for VACUUM: its ring of buffers, and its cost delay in poll().
    explicit BasicStore(Relation index, BufferAccessStrategy strategy = nullptr, bool vacuum = false,
                        ForkNumber fork = MAIN_FORKNUM)
        : index_(index), strategy_(strategy), fork_(fork), vacuum_(vacuum) {}

    template <class F>
    Status read(uint32_t block, F &&look) {
        if (!exists(block))
            return missing(block);
        return with_page_shared(index_, block, strategy_, [&](const uint8_t *body) {
            look(hnsw::PageView{body, kBodySize, block});
        });
    }

    template <class F>
    Status update(uint32_t block, F &&change) {
        if (!exists(block))
            return missing(block);
        if constexpr (kWrites == Writes::bulk)
            if (runs_ended_ && block > 0 && block < first_changed_)
                first_changed_ = block;
        Buffer buffer = ReadBufferExtended(index_, fork_, block, RBM_NORMAL, strategy_);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        VECX_CRASH_STAGE("before");
        bool sound = page_is_sound(BufferGetPage(buffer));
        if (sound)
            write(buffer, false, change);
        VECX_CRASH_CHANGE_ENDS();
        UnlockReleaseBuffer(buffer);
        return sound ? Status{} : damaged_page(block);
    }

    template <class F>
    Status extend(F &&fill, uint32_t *block) {
        Buffer buffer = extend_relation(index_, fork_);
        *block = BufferGetBlockNumber(buffer);
        VECX_CRASH_STAGE("extended");
        write(buffer, true, [&](hnsw::MutablePage &page) {
            fill(page);
            return true;
        });
        VECX_CRASH_CHANGE_ENDS();
        UnlockReleaseBuffer(buffer);
        if (blocks_ <= *block)
            blocks_ = *block + 1;
        return {};
    }

    // For builds, several processes at a time: hnsw/inlined/graph_write.hpp.
    Status extend_run(uint32_t most, uint32_t end, uint32_t *first, uint32_t *count) {
        LockRelationForExtension(index_, ExclusiveLock);
        *first = block_count();
        *count = *first < end ? most < end - *first ? most : end - *first : 0;
        extend_relation_by(index_, fork_, *count);
        UnlockRelationForExtension(index_, ExclusiveLock);
        blocks_ = *first + *count;
        return {};
    }
    void finish_run(uint32_t first, uint32_t count) {
        if (log_runs_)
            log_newpage_range(index_, fork_, first, first + count, true);
    }
    // Whether finish_run logs: then log_fork() need not, but for pages that change afterwards.
    void log_runs(bool log) { log_runs_ = log; }
    // All runs are made. Of the pages that change from now on (the last one has room, for a start) the first is kept in mind.
    void end_runs() { runs_ended_ = true; }
    uint32_t first_changed() const { return first_changed_; }

    uint32_t block_count() { return blocks_ = RelationGetNumberOfBlocksInFork(index_, fork_); }

    uint32_t find_space(uint32_t bytes) {
        for (;;) {
            BlockNumber block = GetPageWithFreeSpace(index_, bytes);
            if (block == InvalidBlockNumber || exists(block))
                return block;
            // The map is not WAL-logged: after a crash it may speak of pages that never came to be.
            RecordPageWithFreeSpace(index_, block, 0);
        }
    }

    // The map counts in steps, rounding what a page has down and what is asked for up: so a page with room for
    // exactly one record would never be found for it, and one filled by a single record not at all. Hence what is
    // recorded is rounded up. What the map already says, rounded either way, is left alone.
    void record_space(uint32_t block, uint32_t bytes) {
        constexpr uint32_t kStep = BLCKSZ / 256;
        Size known = GetRecordedFreeSpace(index_, block);
        if (known + kStep > bytes && known < bytes + kStep)
            return;
        uint32_t rounded = bytes + kStep - 1;
        correct_space(block, rounded < BLCKSZ ? rounded : BLCKSZ - 1);
    }

    // The upper levels of the map are brought up to date too, for searches start there.
    void correct_space(uint32_t block, uint32_t bytes) {
        RecordPageWithFreeSpace(index_, block, bytes);
        VECX_CRASH_POINT("space.recorded");
        FreeSpaceMapVacuumRange(index_, block, block + 1);
    }

    void poll() {
        if (vacuum_)
            vacuum_delay();
        else
            CHECK_FOR_INTERRUPTS();
    }

    // Payloads that span pages are written in several steps. Their writers hold this lock shared while they do,
    // and the sweep for chunks without a node holds it exclusively. An error releases it with the transaction.
    void lock_chunk_writers(bool exclusive) { LockPage(index_, 0, exclusive ? ExclusiveLock : ShareLock); }
    void unlock_chunk_writers(bool exclusive) { UnlockPage(index_, 0, exclusive ? ExclusiveLock : ShareLock); }

  protected:
    bool exists(uint32_t block) { return block < blocks_ || block < block_count(); }

    Status missing(uint32_t block) const {
        return Status::corrupt(block, "block %u is named, but there are only %u blocks", block, blocks_);
    }

  private:

    template <class F>
    void write(Buffer buffer, bool whole, F &&change) {
        uint32_t block = BufferGetBlockNumber(buffer);
        auto body_change = [&](Page page) {
            hnsw::MutablePage body{page_body(page), kBodySize, block};
            if (!change(body))
                return false;
            set_free_range(page, hnsw::page_low(body.body, body.size), hnsw::page_high(body.body, body.size));
            return true;
        };
        if constexpr (kWrites == Writes::logged)
            change_page_logged(index_, buffer, whole, body_change);
        else
            change_page_unlogged(buffer, body_change);
    }

    Relation index_;
    BufferAccessStrategy strategy_;
    ForkNumber fork_;
    bool vacuum_;
    bool log_runs_ = false, runs_ended_ = false;
    uint32_t first_changed_ = InvalidBlockNumber;
    uint32_t blocks_ = 0; // known to exist; an index does not shrink while it is open
};

using PageStore = BasicStore<Writes::logged>;
using BulkStore = BasicStore<Writes::bulk>;

} // namespace vecx::pg
