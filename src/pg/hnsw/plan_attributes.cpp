// PostgreSQL 15 and 16 never use `column = ANY (array)` on any but the first column of an index for a scan that is ordered: there
// it would break the order of a btree. It does not break the order by distance. And 15 recognises `flag`, `NOT flag` and `flag IS
// TRUE` as conditions on a boolean column for its own operator families only. So each such path is offered once more, with these
// conditions added to those that the planner found itself.
#include "pg/hnsw/plan_attributes.hpp"

#include "pg/hnsw/hnsw.hpp"
#include "pg/ivf/ivf.hpp"

extern "C" {
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
}

namespace vecx::pg {

namespace {

set_rel_pathlist_hook_type next_hook = nullptr;

// The column of the index, from 1, that the condition compares with any element of something constant during the scan; else 0.
int column_of_array(PlannerInfo *root, const IndexOptInfo *info, const RestrictInfo *rinfo) {
    if (!IsA(rinfo->clause, ScalarArrayOpExpr))
        return 0;
    const ScalarArrayOpExpr *clause = reinterpret_cast<const ScalarArrayOpExpr *>(rinfo->clause);
    if (!clause->useOr || list_length(clause->args) != 2)
        return 0;
    Node *left = static_cast<Node *>(linitial(clause->args)), *right = static_cast<Node *>(lsecond(clause->args));
    if (bms_is_member(static_cast<int>(info->rel->relid), pull_varnos(root, right)) || contain_volatile_functions(right))
        return 0;
    for (int i = 1; i < info->nkeycolumns; ++i)
        if (match_index_to_operand(left, i, const_cast<IndexOptInfo *>(info)) && op_in_opfamily(clause->opno, info->opfamily[i]) &&
            (!OidIsValid(info->indexcollations[i]) || info->indexcollations[i] == clause->inputcollid))
            return i;
    return 0;
}

// The same of a condition that says that a boolean column is true, or, then `*value` is false, that it is false.
int column_of_boolean(const IndexOptInfo *info, const RestrictInfo *rinfo, bool *value) {
    Node *operand = reinterpret_cast<Node *>(rinfo->clause);
    *value = true;
    if (is_notclause(operand)) {
        *value = false;
        operand = reinterpret_cast<Node *>(get_notclausearg(operand));
    } else if (IsA(operand, BooleanTest)) {
        const BooleanTest *test = reinterpret_cast<const BooleanTest *>(operand);
        if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
            return 0;
        *value = test->booltesttype == IS_TRUE;
        operand = reinterpret_cast<Node *>(test->arg);
    }
    for (int i = 1; i < info->nkeycolumns; ++i)
        if (info->opcintype[i] == BOOLOID && match_index_to_operand(operand, i, const_cast<IndexOptInfo *>(info)) &&
            op_in_opfamily(BooleanEqualOperator, info->opfamily[i]))
            return i;
    return 0;
}

// What the index can do with a condition; null: nothing that the planner would not have found.
IndexClause *clause_of(PlannerInfo *root, const IndexOptInfo *info, RestrictInfo *rinfo) {
    if (rinfo->pseudoconstant || !restriction_is_securely_promotable(rinfo, info->rel))
        return nullptr;
    bool value;
    RestrictInfo *condition = rinfo;
    int column = column_of_array(root, info, rinfo);
    if (column == 0 && (column = column_of_boolean(info, rinfo, &value)) != 0) {
        Node *operand = reinterpret_cast<Node *>(rinfo->clause);
        if (is_notclause(operand))
            operand = reinterpret_cast<Node *>(get_notclausearg(operand));
        else if (IsA(operand, BooleanTest))
            operand = reinterpret_cast<Node *>(reinterpret_cast<BooleanTest *>(operand)->arg);
        Expr *equal = make_opclause(BooleanEqualOperator, BOOLOID, false, reinterpret_cast<Expr *>(operand),
                                    reinterpret_cast<Expr *>(makeBoolConst(value, false)), InvalidOid, InvalidOid);
        condition = make_simple_restrictinfo(root, equal);
    }
    if (column == 0)
        return nullptr;
    IndexClause *clause = makeNode(IndexClause);
    clause->rinfo = rinfo;
    clause->indexquals = list_make1(condition);
    clause->lossy = false;
    clause->indexcol = static_cast<AttrNumber>(column);
    clause->indexcols = NIL;
    return clause;
}

bool has_clause(const List *clauses, const RestrictInfo *rinfo) {
    ListCell *cell;
    foreach (cell, clauses)
        if (lfirst_node(IndexClause, cell)->rinfo == rinfo)
            return true;
    return false;
}

// The path with what can be added to it; null when that is nothing.
IndexPath *with_arrays(PlannerInfo *root, const IndexPath *path) {
    const IndexOptInfo *info = path->indexinfo;
    List *clauses = list_copy(path->indexclauses);
    bool added = false;
    ListCell *cell;
    foreach (cell, info->indrestrictinfo) {
        RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
        IndexClause *clause = has_clause(clauses, rinfo) ? nullptr : clause_of(root, info, rinfo);
        if (clause == nullptr)
            continue;
        int at = 0; // scan keys come in the order of columns
        while (at < list_length(clauses) && list_nth_node(IndexClause, clauses, at)->indexcol <= clause->indexcol)
            ++at;
        clauses = list_insert_nth(clauses, at, clause);
        added = true;
    }
    if (!added)
        return nullptr;
    IndexPath *out = makeNode(IndexPath);
    memcpy(out, path, sizeof *out);
    out->indexclauses = clauses;
    cost_index(out, root, 1.0, false);
    return out;
}

// An index of hnsw or ivf; those of ivfflat have one column.
bool has_attributes(const IndexOptInfo *info) {
    const void *estimate = reinterpret_cast<const void *>(info->amcostestimate);
    return info->nkeycolumns > 1 && (estimate == reinterpret_cast<const void *>(hnsw_cost_estimate) ||
                                     estimate == reinterpret_cast<const void *>(ivf_cost_estimate));
}

void add_attribute_conditions(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte) {
    if (next_hook != nullptr)
        next_hook(root, rel, rti, rte);
    List *found = NIL;
    ListCell *cell;
    foreach (cell, rel->pathlist) {
        if (!IsA(lfirst(cell), IndexPath))
            continue;
        const IndexPath *path = static_cast<const IndexPath *>(lfirst(cell));
        if (path->path.pathtype != T_IndexScan || path->path.param_info != nullptr || path->indexorderbys == NIL ||
            !has_attributes(path->indexinfo))
            continue;
        if (IndexPath *more = with_arrays(root, path); more != nullptr)
            found = lappend(found, more);
    }
    foreach (cell, found) // add_path may take some of the others away
        add_path(rel, static_cast<Path *>(lfirst(cell)));
}

} // namespace

void install_attribute_conditions() {
    next_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = add_attribute_conditions;
}

} // namespace vecx::pg
