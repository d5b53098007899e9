// aminsert: one row into the graph.
#include "hnsw/inlined/insert.hpp"
#include "hnsw/insert.hpp"

#include "pg/error.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

// Lives as long as the statement, in IndexInfo.
struct InsertState {
    IndexFacts facts;
    MemoryContext scratch; // reset after each row
    Rng rng;
};

InsertState *insert_state(Relation index, IndexInfo *info) {
    if (info->ii_AmCache == nullptr) {
        IndexFacts facts = index_facts(index);
        MemoryContext before = MemoryContextSwitchTo(info->ii_Context);
        InsertState *state = static_cast<InsertState *>(palloc(sizeof(InsertState)));
        state->facts = facts;
        state->scratch = AllocSetContextCreate(info->ii_Context, "hnsw insert", ALLOCSET_DEFAULT_SIZES);
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
    MemoryContext before = MemoryContextSwitchTo(state->scratch);
    bool indexable;
    Payload payload = payload_of(values[0], state->facts, false, &indexable);
    if (indexable) {
        PageStore store(index);
        Arena scratch = arena_over(state->scratch);
        hnsw::HeapTid heap_tid;
        memcpy(&heap_tid, tid, sizeof heap_tid);
        Status status = state->facts.layout == hnsw::LayoutKind::plain
                            ? hnsw::insert(store, scratch, measure_of(state->facts), payload, heap_tid, state->rng)
                            : hnsw::inlined::insert(store, scratch, state->facts.shape, payload, heap_tid, state->rng);
        check(status, RelationGetRelationName(index));
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->scratch);
    return false;
}

} // namespace vecx::pg
