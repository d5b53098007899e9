// Rows of the table behind an index: where exact distances come from (ivf::RowSource).
#pragma once

#include "ivf/store.hpp"
#include "pg/ivf/ivf.hpp"

extern "C" {
#include "access/tableam.h"
#include "executor/executor.h"
}

namespace vecx::pg {

// The indexed value of the version of a row that a snapshot sees: a column, or an expression over the row.
class TableRows {
  public:
    // Memory comes from the current context. `snapshot` must stay registered or active.
    TableRows(Relation table, Relation index, Snapshot snapshot, const ivf::Shape &shape);
    TableRows(const TableRows &) = delete;
    TableRows &operator=(const TableRows &) = delete;

    // The distances asked for are to this; it must outlive their use.
    void set_query(Payload query, const kernels::KernelTable *table);

    Status distance(ivf::HeapTid tid, double *d, bool *found);
    // Good until the next call.
    Status fetch(ivf::HeapTid tid, Payload *payload, bool *found);

    // Lets go of the table's pages; the next call takes them again.
    void rest();
    void end();

  private:
    bool value_of_row(Datum *value);

    Relation table_, index_;
    Snapshot snapshot_;
    ivf::Shape shape_;
    MemoryContext context_; // of the fetch and the slot
    MemoryContext row_;     // reset for each row
    IndexFetchTableData *fetch_ = nullptr;
    TupleTableSlot *slot_ = nullptr;
    AttrNumber column_;      // 0: an expression
    EState *estate_ = nullptr;
    ExprState *expression_ = nullptr;
    Payload query_{nullptr, 0};
    Measure measure_{};
};

} // namespace vecx::pg
