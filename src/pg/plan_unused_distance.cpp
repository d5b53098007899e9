// `SELECT id FROM t ORDER BY v <-> $1 LIMIT 10` has a hidden second column, the distance: a sort
// would read it. An index scan that returns its rows in order reads it nowhere, and yet the
// executor fetches every returned row's vector, mostly from the TOAST table, and computes its
// distance again: 4 to 5 us a row of 784 dimensions. Where the finished plan shows that nobody
// reads the column, it is taken out of the plan here.
#include "pg/plan_unused_distance.hpp"

#include "pg/filter/filter.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
}

namespace vecx::pg {

namespace {

planner_hook_type next_planner = nullptr;

// The scan at the top of the plan, or directly below its LIMIT, if it is of an index or a filtered one; null for every other plan. So
// there is no node that could read a hidden column: a sort, a merge of partitions, DISTINCT, a
// window, an aggregate, a join, a subquery's scan, a projection, a Gather, or the Material of a
// scrollable cursor would stand above the scan, and none of them is looked through. Whoever runs
// the plan (a portal, a cursor, CREATE TABLE AS, a function, EXPLAIN) gets rows from which hidden
// columns have been taken off unread.
Plan *scan_on_top(const PlannedStmt *statement) {
    // INSERT ... SELECT and its like have a ModifyTable on top, but this says it at once.
    if (statement->commandType != CMD_SELECT || statement->hasModifyingCTE)
        return nullptr;
    // FOR UPDATE and FOR SHARE may run parts of the plan again for the newest version of a row.
    if (statement->rowMarks != NIL)
        return nullptr;
    Plan *top = statement->planTree;
    if (IsA(top, Limit)) {
        // WITH TIES compares the ORDER BY columns of two rows; any other LIMIT only counts rows,
        // and hands on the tuple of the node below as it is.
        if (castNode(Limit, top)->limitOption != LIMIT_OPTION_COUNT)
            return nullptr;
        top = outerPlan(top);
    }
    return top != nullptr && (IsA(top, IndexScan) || is_filtered_scan(top)) ? top : nullptr;
}

// Whether the index is one of this library's, whatever its access method is called: plans of other
// libraries' indexes are none of its business. The planner has locked the index.
bool is_ours(Oid index_oid) {
    Relation index = index_open(index_oid, NoLock);
    bool ours = index->rd_indam->amgettuple == hnsw_get_tuple || index->rd_indam->amgettuple == ivf_get_tuple;
    index_close(index, NoLock);
    return ours;
}

// Whether the last column is the hidden distance. It must be the index's own ORDER BY expression:
// of this one it is known that it has no side effects (a volatile expression is no index's order),
// and subqueries in it are evaluated for the scan itself all the same. A column that the query
// selects is not hidden, even when ORDER BY means it, too. An access method that is not sure of its
// order has the executor compute distances from `indexorderbyorig`, not from here; a filtered scan has
// its own copy as well.
bool ends_with_distance(Plan *scan) {
    List *columns = scan->targetlist;
    List *order = IsA(scan, IndexScan) ? castNode(IndexScan, scan)->indexorderbyorig : list_make1(filtered_scan_order(scan));
    if (columns == NIL || order == NIL)
        return false;
    const TargetEntry *last = llast_node(TargetEntry, columns);
    return last->resjunk && list_member(order, last->expr);
}

List *without_last(List *columns) {
    return list_truncate(list_copy(columns), list_length(columns) - 1);
}

void drop_unused_distance(PlannedStmt *statement) {
    Plan *scan = scan_on_top(statement);
    if (scan == nullptr || !ends_with_distance(scan) || (IsA(scan, IndexScan) && !is_ours(castNode(IndexScan, scan)->indexid)))
        return;
    Plan *limit = statement->planTree; // unless it is the scan itself
    if (limit != scan) {
        // A LIMIT has the columns of the node below, one to one. That is asked, not believed.
        if (list_length(limit->targetlist) != list_length(scan->targetlist) ||
            !llast_node(TargetEntry, limit->targetlist)->resjunk)
            return;
        limit->targetlist = without_last(limit->targetlist);
    }
    scan->targetlist = without_last(scan->targetlist);
}

// Plans that are kept (prepared statements, PL/pgSQL) pass here when they are made, and then stay
// as they are when the setting changes.
PlannedStmt *plan_statement(Query *query, const char *text, int cursor_options,
                            ParamListInfo parameters) {
    planner_hook_type plan = next_planner != nullptr ? next_planner : standard_planner;
    PlannedStmt *statement = plan(query, text, cursor_options, parameters);
    if (skip_unused_distance())
        drop_unused_distance(statement);
    return statement;
}

} // namespace

void install_unused_distance() {
    next_planner = planner_hook;
    planner_hook = plan_statement;
}

} // namespace vecx::pg
