// The exact distance of a row of the table to the value that an index scan is ordered by.
#pragma once

#include "hnsw/inlined/stream.hpp"
#include "pg/hnsw/hnsw.hpp"

extern "C" {
#include "access/relscan.h"
}

namespace vecx::pg {

// Made in the scan's memory context when it is first asked, and of no use after the search has ended.
class HeapDistance {
  public:
    // `query` must outlive it.
    HeapDistance(IndexScanDesc scan, MemoryContext context, Payload query) : scan_(scan), context_(context), query_(query) {}

    hnsw::inlined::ExactDistance callback() { return {ask, this}; }
    // Lets go of the table's pages. Not needed after an error.
    void end();

  private:
    static bool ask(void *self, hnsw::HeapTid tid, double *distance);
    void begin();
    bool of(hnsw::HeapTid tid, double *distance);

    IndexScanDesc scan_;
    MemoryContext context_;
    Payload query_;
    struct IndexFetchTableData *fetch_ = nullptr; // null: not begun
    TupleTableSlot *slot_ = nullptr;
    IndexInfo *info_ = nullptr;
    EState *estate_ = nullptr; // for indexes on expressions
};

} // namespace vecx::pg
