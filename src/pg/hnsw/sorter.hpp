// The Sorter of src/hnsw/stream.hpp over PostgreSQL's tuplesort: rows that a scan finds in its final sweep,
// ordered by (late, low, heap TID); beyond its memory it spills to temporary files.
#pragma once

#include "hnsw/layout.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "storage/itemptr.h"
#include "utils/tuplesort.h"
}

namespace vecx::pg {

class TupleSorter {
  public:
    // Everything is allocated in `context`; `kilobytes` as work_mem.
    TupleSorter(MemoryContext context, int kilobytes) : context_(context), kilobytes_(kilobytes) {}

    void put(bool late, double low, double high, hnsw::HeapTid tid) { put_ranked(late ? 1 : 0, low, high, tid); }
    // The same with more ranks than two.
    void put_ranked(int rank, double low, double high, hnsw::HeapTid tid);
    void finish();
    bool next(hnsw::HeapTid *tid, double *low, double *high);

    // Closes temporary files. Needed even if `context` is about to be reset.
    void end();

  private:
    void begin();

    MemoryContext context_;
    int kilobytes_;
    Tuplesortstate *sort_ = nullptr; // made by the first put()
    TupleTableSlot *slot_ = nullptr;
    ItemPointerData tid_;
};

} // namespace vecx::pg
