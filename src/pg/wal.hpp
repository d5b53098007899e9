// How an index page changes: the only users of GenericXLog, of its resource manager and of unlogged page writes in the project.
// Both take a buffer that the caller has pinned and locked exclusively and keeps so; `change(Page)` works on
// a copy of the page, so that a change given up half way, or an error, leaves nothing behind. It must not
// call PostgreSQL; it returns whether the page is to be written.
#pragma once

#include "pg/crash.hpp"
#include "pg/page.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "access/generic_xlog.h"
#include "access/nbtxlog.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "utils/rel.h"
}

namespace vecx::pg {

// Changes of pages that are there go this way: their copies, changed, become the pages, and a record of generic WAL says where they
// differ (base/page_delta.hpp). It is the record that GenericXLogFinish would write, replayed by generic_redo and checked
// by wal_consistency_checking like any other.
Page page_copy(int i, Buffer buffer);
void log_page_copies(Relation rel, const Buffer *buffers, int n);

// One page, one WAL record (none when the relation needs no WAL). A new page is initialised first and logged
// as a whole, for replay has nothing to apply a difference to; so is any page when `whole` is set.
template <class F>
bool change_page_logged(Relation rel, Buffer buffer, bool whole, F &&change) {
    bool fresh = PageIsNew(BufferGetPage(buffer));
    if (!fresh && !whole) {
        if (!change(page_copy(0, buffer)))
            return false;
        VECX_CRASH_STAGE("changed");
        log_page_copies(rel, &buffer, 1);
        VECX_CRASH_STAGE("logged");
        return true;
    }
    GenericXLogState *record = GenericXLogStart(rel);
    Page page = GenericXLogRegisterBuffer(record, buffer, whole || fresh ? GENERIC_XLOG_FULL_IMAGE : 0);
    if (fresh)
        PageInit(page, BLCKSZ, 0);
    if (!change(page)) {
        GenericXLogAbort(record);
        return false;
    }
    VECX_CRASH_STAGE("changed");
    GenericXLogFinish(record);
    VECX_CRASH_STAGE("logged");
    return true;
}

// For relations that nobody else can see yet (a build); log_fork() at its end makes it durable.
template <class F>
bool change_page_unlogged(Buffer buffer, F &&change) {
    PGAlignedBlock copy;
    Page page = copy.data;
    if (PageIsNew(BufferGetPage(buffer)))
        PageInit(page, BLCKSZ, 0);
    else
        memcpy(page, BufferGetPage(buffer), BLCKSZ);
    if (!change(page))
        return false;
    VECX_CRASH_STAGE("changed");
    memcpy(BufferGetPage(buffer), page, BLCKSZ);
    MarkBufferDirty(buffer);
    VECX_CRASH_STAGE("logged");
    return true;
}

// The same for several pages that change together, in one WAL record; `change(Page *)` has copies of all of them.
template <class F>
bool change_pages_logged(Relation rel, const Buffer *buffers, int n, F &&change) {
    Page pages[MAX_GENERIC_XLOG_PAGES];
    bool any_fresh = false;
    for (int i = 0; i < n; ++i)
        any_fresh = any_fresh || PageIsNew(BufferGetPage(buffers[i]));
    if (!any_fresh) {
        for (int i = 0; i < n; ++i)
            pages[i] = page_copy(i, buffers[i]);
        if (!change(pages))
            return false;
        VECX_CRASH_STAGE("changed");
        log_page_copies(rel, buffers, n);
        VECX_CRASH_STAGE("logged");
        return true;
    }
    GenericXLogState *record = GenericXLogStart(rel);
    for (int i = 0; i < n; ++i) {
        bool fresh = PageIsNew(BufferGetPage(buffers[i]));
        pages[i] = GenericXLogRegisterBuffer(record, buffers[i], fresh ? GENERIC_XLOG_FULL_IMAGE : 0);
        if (fresh)
            PageInit(pages[i], BLCKSZ, 0);
    }
    if (!change(pages)) {
        GenericXLogAbort(record);
        return false;
    }
    VECX_CRASH_STAGE("changed");
    GenericXLogFinish(record);
    VECX_CRASH_STAGE("logged");
    return true;
}

template <class F>
bool change_pages_unlogged(const Buffer *buffers, int n, F &&change) {
    PGAlignedBlock copies[MAX_GENERIC_XLOG_PAGES];
    Page pages[MAX_GENERIC_XLOG_PAGES];
    for (int i = 0; i < n; ++i) {
        pages[i] = copies[i].data;
        if (PageIsNew(BufferGetPage(buffers[i])))
            PageInit(pages[i], BLCKSZ, 0);
        else
            memcpy(pages[i], BufferGetPage(buffers[i]), BLCKSZ);
    }
    if (!change(pages))
        return false;
    VECX_CRASH_STAGE("changed");
    for (int i = 0; i < n; ++i) {
        memcpy(BufferGetPage(buffers[i]), pages[i], BLCKSZ);
        MarkBufferDirty(buffers[i]);
    }
    VECX_CRASH_STAGE("logged");
    return true;
}

// Before pages of an index are used anew that nobody can reach since `horizon`: on a standby, replay waits for queries whose
// snapshots are as old, for max_standby_streaming_delay, and then cancels them. Generic WAL has no such record, and a resource
// manager of an extension's own must be preloaded wherever the log is read. nbtree's record for the same purpose names an
// index and a horizon and touches no page, so it says what is meant for any access method.
inline void log_page_reuse(Relation index, FullTransactionId horizon) {
    if (!XLogStandbyInfoActive() || !RelationNeedsWAL(index))
        return;
    xl_btree_reuse_page record;
    memset(&record, 0, sizeof record);
    record.block = 0; // told to nobody but readers of the log: many pages
    fill_page_reuse(index, horizon, &record);
    XLogBeginInsert();
    XLogRegisterData(reinterpret_cast<char *>(&record), SizeOfBtreeReusePage);
    XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

// Logs every page of a fork that was written without WAL. The init fork of an unlogged relation is always
// logged: it is what recovery and a promoted standby start from.
inline void log_fork(Relation rel, ForkNumber fork) {
    VECX_CRASH_POINT("build.not_logged");
    if (RelationNeedsWAL(rel) || fork == INIT_FORKNUM)
        log_newpage_range(rel, fork, 0, RelationGetNumberOfBlocksInFork(rel, fork), true);
    VECX_CRASH_POINT("build.logged");
}

} // namespace vecx::pg
