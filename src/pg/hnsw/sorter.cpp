#include "pg/hnsw/sorter.hpp"

extern "C" {
#include "access/tupdesc.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {
constexpr int kColumns = 4; // rank, low, tid; high is not sorted by
constexpr int kSortColumns = 3;
static_assert(sizeof(hnsw::HeapTid) == sizeof(ItemPointerData));
} // namespace

void TupleSorter::begin() {
    MemoryContext before = MemoryContextSwitchTo(context_);
    TupleDesc desc = CreateTemplateTupleDesc(kColumns);
    TupleDescInitEntry(desc, 1, "rank", INT4OID, -1, 0);
    TupleDescInitEntry(desc, 2, "low", FLOAT8OID, -1, 0);
    TupleDescInitEntry(desc, 3, "tid", TIDOID, -1, 0);
    TupleDescInitEntry(desc, 4, "high", FLOAT8OID, -1, 0);
    AttrNumber columns[kSortColumns] = {1, 2, 3};
    Oid operators[kSortColumns] = {Int4LessOperator, Float8LessOperator, TIDLessOperator};
    Oid collations[kSortColumns] = {InvalidOid, InvalidOid, InvalidOid};
    bool nulls_first[kSortColumns] = {false, false, false};
    sort_ = tuplesort_begin_heap(desc, kSortColumns, columns, operators, collations, nulls_first, kilobytes_, nullptr,
                                 TUPLESORT_NONE);
    slot_ = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
    MemoryContextSwitchTo(before);
}

void TupleSorter::put_ranked(int rank, double low, double high, hnsw::HeapTid tid) {
    if (sort_ == nullptr)
        begin();
    memcpy(&tid_, &tid, sizeof tid_);
    ExecClearTuple(slot_);
    slot_->tts_values[0] = Int32GetDatum(rank);
    slot_->tts_values[1] = Float8GetDatum(low);
    slot_->tts_values[2] = PointerGetDatum(&tid_);
    slot_->tts_values[3] = Float8GetDatum(high);
    memset(slot_->tts_isnull, 0, kColumns * sizeof(bool));
    ExecStoreVirtualTuple(slot_);
    tuplesort_puttupleslot(sort_, slot_);
}

void TupleSorter::finish() {
    if (sort_ == nullptr)
        return;
    tuplesort_performsort(sort_);
    MemoryContext before = MemoryContextSwitchTo(context_);
    TupleDesc desc = slot_->tts_tupleDescriptor;
    ExecDropSingleTupleTableSlot(slot_);
    slot_ = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
    MemoryContextSwitchTo(before);
}

bool TupleSorter::next(hnsw::HeapTid *tid, double *low, double *high) {
    if (sort_ == nullptr || !tuplesort_gettupleslot(sort_, true, false, slot_, nullptr))
        return false;
    bool isnull;
    *low = DatumGetFloat8(slot_getattr(slot_, 2, &isnull));
    *high = DatumGetFloat8(slot_getattr(slot_, 4, &isnull));
    memcpy(tid, DatumGetPointer(slot_getattr(slot_, 3, &isnull)), sizeof *tid);
    return true;
}

void TupleSorter::end() {
    if (sort_ == nullptr)
        return;
    tuplesort_end(sort_);
    sort_ = nullptr;
    slot_ = nullptr; // goes with the context
}

} // namespace vecx::pg
