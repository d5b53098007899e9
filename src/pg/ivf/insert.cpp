// aminsert: one row into the list of the nearest centroid.
#include "ivf/insert.hpp"

#include <new>

#include "pg/error.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/ivf/cache.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

// Lives as long as the statement, in IndexInfo.
struct StatementState {
    ivf::Shape shape;
    AttributeColumns columns;
    MemoryContext scratch; // reset after each row
};

StatementState *statement_state(Relation index, IndexInfo *info) {
    if (info->ii_AmCache == nullptr) {
        const ivf::Shape shape = shape_of(index);
        const AttributeColumns columns = attribute_columns(index);
        StatementState *state = static_cast<StatementState *>(MemoryContextAlloc(info->ii_Context, sizeof(StatementState)));
        state->shape = shape;
        state->columns = columns;
        state->scratch = AllocSetContextCreate(info->ii_Context, "ivf insert", ALLOCSET_DEFAULT_SIZES);
        info->ii_AmCache = state;
    }
    return static_cast<StatementState *>(info->ii_AmCache);
}

void insert_row(Relation index, ivf::HeapTid tid, Payload payload, const uint64_t *attributes) {
    ListPageStore store(index);
    for (;;) {
        CachedIndex *cached = cached_index(index, store, nullptr);
        if (cached->insert == nullptr)
            cached->insert = new (MemoryContextAlloc(cached->context, sizeof(ivf::InsertState)))
                ivf::InsertState(*cached->directory, cached->arena);
        bool stale = false;
        check(ivf::insert(store, *cached->insert, tid, payload, &stale, attributes), RelationGetRelationName(index));
        if (!stale)
            return;
        forget_cached(cached);
        CHECK_FOR_INTERRUPTS();
    }
}

} // namespace

bool ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation, IndexUniqueCheck, bool,
                IndexInfo *info) {
    if (isnull[0])
        return false;
    StatementState *state = statement_state(index, info);
    MemoryContext before = MemoryContextSwitchTo(state->scratch);
    bool indexable;
    Payload payload = payload_of(values[0], state->shape, false, &indexable);
    if (indexable) {
        ivf::HeapTid heap_tid;
        memcpy(&heap_tid, tid, sizeof heap_tid);
        uint64_t attributes[filter::attribute_words(filter::kMostAttributes)];
        encode_attributes(state->columns, values, isnull, attributes);
        insert_row(index, heap_tid, payload, attributes);
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(state->scratch);
    return false;
}

} // namespace vecx::pg
