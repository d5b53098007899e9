// PostgreSQL 15 and 16 never use `column = ANY (array)` on any but the first column of an index for a scan that is ordered: there
// it would break the order of a btree. It does not break the order by distance. So each such path is offered once more, with
// these conditions added to those that the planner found itself.
#include "pg/hnsw/plan_array.hpp"

#include "pg/hnsw/hnsw.hpp"

extern "C" {
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
int column_of(const IndexOptInfo *info, const RestrictInfo *rinfo) {
    if (rinfo->pseudoconstant || !IsA(rinfo->clause, ScalarArrayOpExpr))
        return 0;
    const ScalarArrayOpExpr *clause = reinterpret_cast<const ScalarArrayOpExpr *>(rinfo->clause);
    if (!clause->useOr || list_length(clause->args) != 2)
        return 0;
    Node *left = static_cast<Node *>(linitial(clause->args)), *right = static_cast<Node *>(lsecond(clause->args));
    if (bms_is_member(static_cast<int>(info->rel->relid), pull_varnos(nullptr, right)) || contain_volatile_functions(right))
        return 0;
    for (int i = 1; i < info->nkeycolumns; ++i)
        if (match_index_to_operand(left, i, const_cast<IndexOptInfo *>(info)) && op_in_opfamily(clause->opno, info->opfamily[i]) &&
            (!OidIsValid(info->indexcollations[i]) || info->indexcollations[i] == clause->inputcollid))
            return i;
    return 0;
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
    for (int column = 1; column < info->nkeycolumns; ++column) {
        ListCell *cell;
        foreach (cell, info->indrestrictinfo) {
            RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
            if (has_clause(clauses, rinfo) || !restriction_is_securely_promotable(rinfo, info->rel) || column_of(info, rinfo) != column)
                continue;
            IndexClause *clause = makeNode(IndexClause);
            clause->rinfo = rinfo;
            clause->indexquals = list_make1(rinfo);
            clause->lossy = false;
            clause->indexcol = static_cast<AttrNumber>(column);
            clause->indexcols = NIL;
            // Scan keys come in the order of columns.
            int at = 0;
            while (at < list_length(clauses) && list_nth_node(IndexClause, clauses, at)->indexcol <= column)
                ++at;
            clauses = list_insert_nth(clauses, at, clause);
            added = true;
        }
    }
    if (!added)
        return nullptr;
    IndexPath *out = makeNode(IndexPath);
    memcpy(out, path, sizeof *out);
    out->indexclauses = clauses;
    cost_index(out, root, 1.0, false);
    return out;
}

void add_array_conditions(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte) {
    if (next_hook != nullptr)
        next_hook(root, rel, rti, rte);
    List *found = NIL;
    ListCell *cell;
    foreach (cell, rel->pathlist) {
        if (!IsA(lfirst(cell), IndexPath))
            continue;
        const IndexPath *path = static_cast<const IndexPath *>(lfirst(cell));
        if (path->path.pathtype != T_IndexScan || path->path.param_info != nullptr || path->indexorderbys == NIL ||
            reinterpret_cast<const void *>(path->indexinfo->amcostestimate) != reinterpret_cast<const void *>(hnsw_cost_estimate))
            continue;
        if (IndexPath *more = with_arrays(root, path); more != nullptr)
            found = lappend(found, more);
    }
    foreach (cell, found) // add_path may take some of the others away
        add_path(rel, static_cast<Path *>(lfirst(cell)));
}

} // namespace

void install_array_conditions() {
    next_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = add_array_conditions;
}

} // namespace vecx::pg
