#include "pg/ivf/rows.hpp"

#include <cmath>

extern "C" {
#include "executor/tuptable.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace vecx::pg {

TableRows::TableRows(Relation table, Relation index, Snapshot snapshot, const ivf::Shape &shape)
    : table_(table), index_(index), snapshot_(snapshot), shape_(shape), context_(CurrentMemoryContext),
      row_(AllocSetContextCreate(CurrentMemoryContext, "ivf row", ALLOCSET_DEFAULT_SIZES)),
      column_(index->rd_index->indkey.values[0]) {}

void TableRows::set_query(Payload query, const kernels::KernelTable *table) {
    query_ = query;
    measure_ = make_measure(shape_.type, shape_.metric, shape_.dim, table);
}

// False when it is NULL.
bool TableRows::value_of_row(Datum *value) {
    bool isnull;
    if (column_ != 0) {
        *value = slot_getattr(slot_, column_, &isnull);
        return !isnull;
    }
    if (expression_ == nullptr) {
        MemoryContext before = MemoryContextSwitchTo(context_);
        estate_ = CreateExecutorState();
        expression_ = ExecPrepareExpr(static_cast<Expr *>(linitial(RelationGetIndexExpressions(index_))), estate_);
        MemoryContextSwitchTo(before);
    }
    ExprContext *expression_context = GetPerTupleExprContext(estate_);
    ResetExprContext(expression_context);
    expression_context->ecxt_scantuple = slot_;
    *value = ExecEvalExprSwitchContext(expression_, expression_context, &isnull);
    return !isnull;
}

Status TableRows::fetch(ivf::HeapTid tid, Payload *payload, bool *found) {
    *found = false;
    if (fetch_ == nullptr) {
        MemoryContext before = MemoryContextSwitchTo(context_);
        fetch_ = table_index_fetch_begin(table_);
        slot_ = table_slot_create(table_, nullptr);
        MemoryContextSwitchTo(before);
    }
    ItemPointerData item;
    memcpy(&item, &tid, sizeof item);
    bool again = false, all_dead = false;
    if (!table_index_fetch_tuple(fetch_, &item, snapshot_, slot_, &again, &all_dead))
        return {};
    MemoryContextReset(row_);
    MemoryContext before = MemoryContextSwitchTo(row_);
    Datum value;
    if (value_of_row(&value)) {
        bool indexable;
        *payload = payload_of(value, shape_, false, &indexable);
        *found = true;
    }
    MemoryContextSwitchTo(before);
    return {};
}

Status TableRows::distance(ivf::HeapTid tid, double *d, bool *found) {
    Payload payload;
    VECX_TRY(fetch(tid, &payload, found));
    if (*found) {
        const double x = measure_.distance(measure_, query_, payload);
        *d = shape_.metric == Metric::l2 ? std::sqrt(x) : x;
    }
    return {};
}

void TableRows::rest() {
    if (fetch_ == nullptr)
        return;
    ExecClearTuple(slot_);
    table_index_fetch_reset(fetch_);
}

void TableRows::end() {
    if (fetch_ != nullptr) {
        ExecDropSingleTupleTableSlot(slot_);
        table_index_fetch_end(fetch_);
        fetch_ = nullptr;
    }
    if (estate_ != nullptr)
        FreeExecutorState(estate_);
    estate_ = nullptr;
    expression_ = nullptr;
}

} // namespace vecx::pg
