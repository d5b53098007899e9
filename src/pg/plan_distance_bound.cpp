// `WHERE v <-> $1 < 0.5` compares two numbers, so PostgreSQL offers it to no index of v. Here it becomes
// `v <<->> (($1, 0.5)::sphere_vector)`, which an index of v can answer, with ORDER BY by the same distance and without: the
// scan ends at the radius. Each of the index's ordered paths gets a twin with the condition, and there is one that is not
// ordered; cost decides. (A support function cannot do it: PostgreSQL asks those of the comparison, which is its own.)
#include "pg/plan_distance_bound.hpp"

#include <limits>
#include <utility>

#include "pg/hnsw/hnsw.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace vecx::pg {

namespace {

set_rel_pathlist_hook_type next_hook = nullptr;

// The operators of an index's class for its first column.
struct Operators {
    Oid distance_function; // behind the ORDER BY operator
    Oid within;            // the condition
    Oid sphere;            // type of its right side
};

bool find_operators(const IndexOptInfo *index, Operators *out) {
    Oid family = index->opfamily[0], type = index->opcintype[0];
    Oid distance = get_opfamily_member(family, type, type, kDistanceStrategy);
    if (!OidIsValid(distance))
        return false;
    out->distance_function = get_opcode(distance);
    out->within = InvalidOid;
    CatCList *members = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
    for (int i = 0; i < members->n_members; ++i) {
        const FormData_pg_amop *member = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&members->members[i]->tuple));
        if (member->amoplefttype == type && member->amopstrategy == kSphereStrategy) {
            out->within = member->amopopr;
            out->sphere = member->amoprighttype;
        }
    }
    ReleaseCatCacheList(members);
    return OidIsValid(out->within);
}

// Both sides of a binary function or operator call; false for any other expression.
bool two_arguments(Node *node, Oid *function, Node **left, Node **right) {
    List *arguments = NIL;
    if (node != nullptr && IsA(node, OpExpr)) {
        set_opfuncid(castNode(OpExpr, node));
        *function = castNode(OpExpr, node)->opfuncid;
        arguments = castNode(OpExpr, node)->args;
    } else if (node != nullptr && IsA(node, FuncExpr)) {
        *function = castNode(FuncExpr, node)->funcid;
        arguments = castNode(FuncExpr, node)->args;
    }
    if (list_length(arguments) != 2)
        return false;
    *left = static_cast<Node *>(linitial(arguments));
    *right = static_cast<Node *>(lsecond(arguments));
    return true;
}

// Whether the value is the same for all rows of the table.
bool is_fixed(PlannerInfo *root, const RelOptInfo *rel, Node *node) {
    return !bms_is_member(static_cast<int>(rel->relid), pull_varnos(root, node)) && !contain_volatile_functions(node);
}

// What `distance < radius` and its like say about a distance: at most the radius.
struct Bound {
    Node *column, *center, *radius;
    bool exact; // the condition says no more and no less
};

// Takes a distance from the index's column apart; false for any other expression.
bool find_distance(PlannerInfo *root, IndexOptInfo *index, const Operators &operators, Node *node, Bound *out) {
    Oid function;
    Node *left, *right;
    if (!two_arguments(node, &function, &left, &right) || function != operators.distance_function)
        return false;
    if (!match_index_to_operand(left, 0, index))
        std::swap(left, right);
    out->column = left;
    out->center = right;
    return match_index_to_operand(left, 0, index) && is_fixed(root, index->rel, right);
}

bool find_bound(PlannerInfo *root, IndexOptInfo *index, const Operators &operators, Node *clause, Bound *out) {
    Oid function;
    Node *left, *right;
    if (!two_arguments(clause, &function, &left, &right))
        return false;
    bool strict = function == F_FLOAT8LT || function == F_FLOAT8GT;
    if (function == F_FLOAT8GT || function == F_FLOAT8GE)
        std::swap(left, right);
    else if (function != F_FLOAT8LT && function != F_FLOAT8LE)
        return false;
    if (!find_distance(root, index, operators, left, out) || !is_fixed(root, index->rel, right))
        return false;
    out->radius = right;
    out->exact = !strict;
    if (!IsA(right, Const) || castNode(Const, right)->constisnull)
        return true;
    double radius = DatumGetFloat8(castNode(Const, right)->constvalue);
    if (std::isnan(radius)) // everything is at most NaN
        return false;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (strict && radius > -kInfinity) { // less than this number: at most the one before
        radius = std::nextafter(radius, -kInfinity);
        out->radius = reinterpret_cast<Node *>(
            makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(radius), false, FLOAT8PASSBYVAL));
        out->exact = true;
    }
    return true;
}

IndexClause *make_condition(PlannerInfo *root, IndexOptInfo *index, const Operators &operators, RestrictInfo *from,
                            const Bound &bound) {
    RowExpr *row = makeNode(RowExpr);
    row->args = list_make2(copyObjectImpl(bound.center), copyObjectImpl(bound.radius));
    row->row_typeid = operators.sphere;
    row->row_format = COERCE_EXPLICIT_CAST;
    row->location = -1;
    Expr *sphere = reinterpret_cast<Expr *>(eval_const_expressions(root, reinterpret_cast<Node *>(row)));
    Expr *within = make_opclause(operators.within, BOOLOID, false, static_cast<Expr *>(copyObjectImpl(bound.column)), sphere,
                                 InvalidOid, InvalidOid);
    set_opfuncid(castNode(OpExpr, within));
    IndexClause *condition = makeNode(IndexClause);
    condition->rinfo = from;
    condition->indexquals = list_make1(make_simple_restrictinfo(root, within));
    condition->lossy = !bound.exact;
    condition->indexcol = 0;
    condition->indexcols = NIL;
    return condition;
}

// PostgreSQL knows nothing of how distances are distributed and takes a comparison for a third of the rows. The sphere's estimate
// takes the place of that where it knows the sphere, and what has been made of it by now is made anew: the table's number of rows,
// and those of its paths.
void correct_estimates(PlannerInfo *root, RelOptInfo *rel, List *conditions) {
    const double before = rel->rows;
    bool corrected = false;
    ListCell *cell;
    foreach (cell, conditions) {
        const IndexClause *condition = lfirst_node(IndexClause, cell);
        const OpExpr *within = castNode(OpExpr, linitial_node(RestrictInfo, condition->indexquals)->clause);
        if (!IsA(lsecond(within->args), Const))
            continue;
        corrected = true;
        condition->rinfo->norm_selec =
            clauselist_selectivity(root, condition->indexquals, static_cast<int>(rel->relid), JOIN_INNER, nullptr);
    }
    if (!corrected)
        return;
    set_baserel_size_estimates(root, rel);
    const double change = rel->rows / before;
    for (List *paths : {rel->pathlist, rel->partial_pathlist})
        foreach (cell, paths) {
            Path *path = static_cast<Path *>(lfirst(cell));
            path->rows = clamp_row_est(path->rows * change);
        }
}

List *conditions_of(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index) {
    Operators operators{};
    List *conditions = NIL;
    if (rel->baserestrictinfo == NIL || !find_operators(index, &operators))
        return NIL;
    ListCell *cell;
    foreach (cell, rel->baserestrictinfo) {
        RestrictInfo *clause = lfirst_node(RestrictInfo, cell);
        Bound bound;
        // Not before a security barrier or a policy: a distance's error messages tell something about the row.
        if (clause->pseudoconstant || !restriction_is_securely_promotable(clause, rel))
            continue;
        if (find_bound(root, index, operators, reinterpret_cast<Node *>(clause->clause), &bound))
            conditions = lappend(conditions, make_condition(root, index, operators, clause, bound));
    }
    return conditions;
}

// Of a query without a LIMIT all rows within the radius come, those that the graph finds too late behind the others: in order only
// after a sort. So scans with a radius do not say that they are ordered, and do not order.
bool all_rows_wanted(const PlannerInfo *root) {
    return root->tuple_fraction == 0 && root->limit_tuples <= 0;
}
bool has_radius(const IndexPath *path) {
    ListCell *cell;
    foreach (cell, path->indexclauses) {
        const IndexClause *clause = lfirst_node(IndexClause, cell);
        if (clause->indexcol == 0 && !IsA(clause->rinfo->clause, NullTest)) // other columns have no radius, nor has IS NOT NULL
            return true;
    }
    return false;
}
void leave_order_to_sort(RelOptInfo *rel, const IndexOptInfo *index) {
    ListCell *cell;
    foreach (cell, rel->pathlist) {
        IndexPath *path = static_cast<IndexPath *>(lfirst(cell));
        if (!IsA(path, IndexPath) || path->indexinfo != index || !has_radius(path) || path->indexorderbys == NIL)
            continue;
        path->indexorderbys = path->indexorderbycols = NIL;
        path->path.pathkeys = NIL;
    }
}

void add_bounded_paths(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index, List *conditions) {
    List *ordered = NIL; // add_path changes the list that is read
    ListCell *cell;
    foreach (cell, rel->pathlist) {
        Path *path = static_cast<Path *>(lfirst(cell));
        if (IsA(path, IndexPath) && castNode(IndexPath, path)->indexinfo == index && path->param_info == nullptr &&
            castNode(IndexPath, path)->indexorderbys != NIL)
            ordered = lappend(ordered, path);
    }
    if (all_rows_wanted(root))
        ordered = NIL;
    foreach (cell, ordered) {
        IndexPath *twin = makeNode(IndexPath);
        *twin = *lfirst_node(IndexPath, cell);
        twin->indexclauses = list_concat_copy(twin->indexclauses, conditions);
        cost_index(twin, root, 1.0, false);
        add_path(rel, &twin->path);
    }
    IndexPath *unordered = create_index_path(root, index, conditions, NIL, NIL, NIL, ForwardScanDirection, false, nullptr,
                                             1.0, false);
    add_path(rel, &unordered->path);
}

void add_paths(PlannerInfo *root, RelOptInfo *rel, Index relid, RangeTblEntry *entry) {
    if (next_hook != nullptr)
        next_hook(root, rel, relid, entry);
    if (entry->rtekind != RTE_RELATION || IS_DUMMY_REL(rel))
        return;
    ListCell *cell;
    foreach (cell, rel->indexlist) {
        IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
        if (index->amcostestimate != reinterpret_cast<decltype(index->amcostestimate)>(hnsw_cost_estimate) || index->hypothetical ||
            (index->indpred != NIL && !index->predOK))
            continue;
        if (all_rows_wanted(root))
            leave_order_to_sort(rel, index);
        List *conditions = conditions_of(root, rel, index);
        if (conditions == NIL)
            continue;
        correct_estimates(root, rel, conditions);
        add_bounded_paths(root, rel, index, conditions);
    }
}

} // namespace

void install_distance_bound() {
    next_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = add_paths;
}

} // namespace vecx::pg
