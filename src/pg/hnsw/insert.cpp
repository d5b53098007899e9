// aminsert: one row into the graph.
#include "hnsw/inlined/insert.hpp"
#include "hnsw/insert.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/row_scratch.hpp"
#include "pg/hnsw/scan_store.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "miscadmin.h"
}

namespace vecx::pg {

namespace {

// Lives as long as the statement, in IndexInfo.
struct InsertState {
    IndexFacts facts;
    AttributeColumns columns;
    Rng rng;
};

RowScratch row_scratch;

InsertState *insert_state(Relation index, IndexInfo *info) {
    if (info->ii_AmCache == nullptr) {
        IndexFacts facts = index_facts(index);
        AttributeColumns columns = attribute_columns(index);
        MemoryContext before = MemoryContextSwitchTo(info->ii_Context);
        InsertState *state = static_cast<InsertState *>(palloc(sizeof(InsertState)));
        state->facts = facts;
        state->columns = columns;
        state->rng = Rng(pg_prng_uint64(&pg_global_prng_state));
        info->ii_AmCache = state;
        MemoryContextSwitchTo(before);
    }
    return static_cast<InsertState *>(info->ii_AmCache);
}

} // namespace

bool hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation, IndexUniqueCheck, bool,
                 IndexInfo *info) {
    if (isnull[0])
        return false;
    InsertState *state = insert_state(index, info);
    row_scratch.begin();
    MemoryContext before = MemoryContextSwitchTo(row_scratch.context());
    bool indexable;
    Payload payload = payload_of(values[0], state->facts, false, &indexable);
    if (indexable) {
        Arena scratch = row_scratch.arena();
        hnsw::HeapTid heap_tid;
        memcpy(&heap_tid, tid, sizeof heap_tid);
        Status status;
        if (state->facts.layout == hnsw::LayoutKind::plain) {
            PageStore store(index);
            status = hnsw::insert(store, scratch, measure_of(state->facts), payload, heap_tid, state->rng);
        } else {
            const hnsw::inlined::Shape &shape = state->facts.shape;
            ScanStore store(index, nullptr, shape.record_size(shape.places), shape.own_offset(shape.places)); // its search is that of a scan
            uint64_t attributes[filter::attribute_words(filter::kMostAttributes)];
            encode_attributes(state->columns, values, isnull, attributes);
            status = hnsw::inlined::insert(store, scratch, shape, payload, heap_tid, state->rng,
                                           static_cast<size_t>(work_mem) * 1024, attributes);
        }
        check(status, RelationGetRelationName(index));
    }
    MemoryContextSwitchTo(before);
    row_scratch.end();
    return false;
}

} // namespace vecx::pg
