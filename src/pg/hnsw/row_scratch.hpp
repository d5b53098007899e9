// Working memory of an insert, kept by the process from row to row and from statement to statement: what one row needs,
// the next one needs again, and a statement is often one row. Memory that malloc gives back to the kernel after each row
// costs more in page faults than choosing neighbours does.
#pragma once

#include "base/arena.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace vecx::pg {

// A stack in one block, and a memory context for what does not fit it. One row at a time uses it, from begin() to end(); an
// error may leave it in use, so begin() starts it anew. The block grows to what a row needed, up to kMostKept.
class RowScratch {
  public:
    // Everything given out before is void.
    void begin() {
        if (context_ == nullptr)
            context_ = AllocSetContextCreate(TopMemoryContext, "hnsw insert", ALLOCSET_DEFAULT_SIZES);
        MemoryContextReset(context_);
        if (size_ == 0 || (beyond_ > 0 && size_ < kMostKept))
            grow();
        used_ = last_ = beyond_ = 0;
    }
    void end() { MemoryContextReset(context_); }
    // For what is palloc'd for the row.
    MemoryContext context() const { return context_; }
    Arena arena() { return Arena{allocate, release, this}; }

  private:
    static constexpr size_t kFirst = 256 * 1024, kMostKept = 4 * 1024 * 1024, kAlign = 64;

    void grow() {
        size_t wanted = size_ == 0 ? kFirst : size_;
        while (wanted < used_ + beyond_ && wanted < kMostKept)
            wanted *= 2;
        if (wanted == size_)
            return;
        if (raw_ != nullptr)
            pfree(raw_);
        raw_ = nullptr;
        size_ = 0; // should there be no memory now
        raw_ = static_cast<uint8_t *>(MemoryContextAlloc(TopMemoryContext, wanted + kAlign));
        block_ = raw_ + (kAlign - reinterpret_cast<uintptr_t>(raw_) % kAlign) % kAlign;
        size_ = wanted;
    }
    static void *allocate(void *self, size_t bytes) {
        RowScratch *s = static_cast<RowScratch *>(self);
        if (bytes > s->size_ - s->used_ || bytes + kAlign > s->size_ - s->used_) {
            s->beyond_ += bytes < kMostKept ? bytes : kMostKept;
            return MemoryContextAllocExtended(s->context_, bytes, MCXT_ALLOC_HUGE);
        }
        s->last_ = s->used_;
        s->used_ += (bytes + kAlign - 1) / kAlign * kAlign;
        return s->block_ + s->last_;
    }
    static void release(void *self, void *pointer) {
        RowScratch *s = static_cast<RowScratch *>(self);
        const uint8_t *p = static_cast<const uint8_t *>(pointer);
        if (p < s->block_ || p >= s->block_ + s->size_)
            pfree(pointer);
        else if (p == s->block_ + s->last_)
            s->used_ = s->last_;
    }

    MemoryContext context_ = nullptr;
    uint8_t *raw_ = nullptr, *block_ = nullptr;
    size_t size_ = 0, used_ = 0;
    size_t last_ = 0;   // where the newest allocation of the block begins
    size_t beyond_ = 0; // bytes that did not fit the block
};

} // namespace vecx::pg
