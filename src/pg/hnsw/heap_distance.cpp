// See heap_distance.hpp.
#include "pg/hnsw/heap_distance.hpp"

#include <cmath>

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

bool HeapDistance::ask(void *self, hnsw::HeapTid tid, double *distance) {
    return static_cast<HeapDistance *>(self)->of(tid, distance);
}

void HeapDistance::begin() {
    MemoryContext before = MemoryContextSwitchTo(context_);
    info_ = BuildIndexInfo(scan_->indexRelation);
    estate_ = CreateExecutorState();
    slot_ = MakeSingleTupleTableSlot(RelationGetDescr(scan_->heapRelation), table_slot_callbacks(scan_->heapRelation));
    GetPerTupleExprContext(estate_)->ecxt_scantuple = slot_;
    fetch_ = table_index_fetch_begin(scan_->heapRelation);
    MemoryContextSwitchTo(before);
}

bool HeapDistance::of(hnsw::HeapTid tid, double *distance) {
    if (scan_->heapRelation == nullptr)
        return false;
    if (fetch_ == nullptr)
        begin();
    ItemPointerData pointer;
    static_assert(sizeof pointer == sizeof tid);
    memcpy(&pointer, &tid, sizeof pointer);
    bool again = false, found = false;
    if (table_index_fetch_tuple(fetch_, &pointer, scan_->xs_snapshot, slot_, &again, nullptr)) {
        MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate_));
        Datum values[INDEX_MAX_KEYS];
        bool nulls[INDEX_MAX_KEYS];
        FormIndexDatum(info_, slot_, estate_, values, nulls);
        if (!nulls[0]) {
            IndexFacts facts = index_facts(scan_->indexRelation);
            bool indexable;
            Payload payload = payload_of(values[0], facts, true, &indexable);
            Measure measure = measure_of(facts);
            double key = measure.distance(measure, payload, query_);
            *distance = facts.metric == Metric::l2 ? std::sqrt(key) : key; // as the operators show it
            found = true;
        }
        MemoryContextSwitchTo(before);
        ExecClearTuple(slot_);
    }
    ResetPerTupleExprContext(estate_);
    table_index_fetch_reset(fetch_); // keeps no page pinned
    return found;
}

void HeapDistance::end() {
    if (fetch_ == nullptr)
        return;
    table_index_fetch_end(fetch_);
    fetch_ = nullptr;
    ExecDropSingleTupleTableSlot(slot_);
    FreeExecutorState(estate_);
}

} // namespace vecx::pg
