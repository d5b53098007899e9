// Offers the planner a filtered vector scan for every table that has both a vector index for the ORDER BY and bitmaps for the
// WHERE clause, and one without a bitmap where there are none. PostgreSQL's own code makes both parts: it is asked for the index paths once more, each time with only
// those indexes in sight.
#include "pg/filter/filter.hpp"

#include "pg/filter/masked_stream.hpp"
#include "pg/guc.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/table.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/rel.h"
}

namespace vecx::pg {

namespace {

set_rel_pathlist_hook_type next_hook = nullptr;

const MaskedStreamRoutine *routine_of(const IndexOptInfo *info) {
    return masked_stream_routine(reinterpret_cast<const void *>(info->amcostestimate));
}

// The paths that PostgreSQL makes of `indexes` alone. For bitmaps, indexes are shown as unable to do anything else, so that no
// bitmap is left out for an index scan that is cheaper without the order. All that is changed is the planner's own and short-lived:
// an error in between leaves nothing behind.
List *paths_of(PlannerInfo *root, RelOptInfo *rel, List *indexes, bool bitmaps) {
    RelOptInfo saved = *rel;
    rel->indexlist = indexes;
    rel->pathlist = NIL;
    rel->partial_pathlist = NIL;
    rel->consider_parallel = false;
    const int count = list_length(indexes);
    bool *gettuple = static_cast<bool *>(palloc(sizeof(bool) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) {
        IndexOptInfo *info = static_cast<IndexOptInfo *>(list_nth(indexes, i));
        gettuple[i] = info->amhasgettuple;
        if (bitmaps)
            info->amhasgettuple = false;
    }
    create_index_paths(root, rel);
    for (int i = 0; i < count; ++i)
        static_cast<IndexOptInfo *>(list_nth(indexes, i))->amhasgettuple = gettuple[i];
    List *paths = rel->pathlist;
    rel->indexlist = saved.indexlist;
    rel->pathlist = saved.pathlist;
    rel->partial_pathlist = saved.partial_pathlist;
    rel->consider_parallel = saved.consider_parallel;
    return paths;
}

// Of a vector index whose order the query wants.
bool is_ordered(const Path *path) {
    return IsA(path, IndexPath) && reinterpret_cast<const IndexPath *>(path)->indexorderbys != NIL &&
           list_length(reinterpret_cast<const IndexPath *>(path)->indexorderbys) == 1 && path->param_info == nullptr &&
           path->pathkeys != NIL && exprType(static_cast<Node *>(linitial(reinterpret_cast<const IndexPath *>(path)->indexorderbys))) == FLOAT8OID;
}

// Whether rows that come in this order are tested for conditions that the index does not know; and for all that it does not imply.
bool tests_rows(const IndexPath *path) {
    if (path->indexclauses != NIL || !enable_indexscan)
        return false;
    ListCell *cell;
    foreach (cell, path->indexinfo->indrestrictinfo)
        if (!lfirst_node(RestrictInfo, cell)->pseudoconstant)
            return true;
    return false;
}

Plan *plan_filtered_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *columns, List *clauses, List *plans);

const CustomPathMethods path_methods = {"VecxScan", plan_filtered_scan, nullptr};

// `bitmap` may be null.
CustomPath *make_path(PlannerInfo *root, RelOptInfo *rel, BitmapHeapPath *bitmap, IndexPath *order, double page_rows) {
    CustomPath *path = makeNode(CustomPath);
    path->path.pathtype = T_CustomScan;
    path->path.parent = rel;
    path->path.pathtarget = rel->reltarget;
    path->path.param_info = nullptr;
    path->path.parallel_safe = rel->consider_parallel;
    path->path.rows = bitmap != nullptr ? bitmap->path.rows : order->path.rows;
    path->path.pathkeys = order->path.pathkeys;
    path->flags = CUSTOMPATH_SUPPORT_PROJECTION; // neither backwards nor mark and restore
    path->custom_paths = bitmap != nullptr ? list_make1(bitmap) : NIL;
    path->methods = &path_methods;

    ScanFacts facts{};
    facts.index = order->indexinfo->indexoid;
    facts.index_rows = order->indexinfo->tuples;
    facts.page_rows = page_rows;
    if (bitmap != nullptr)
        cost_filtered_path(root, path, bitmap, order, &facts);
    else
        cost_streamed_path(root, path, order, &facts);
    // With an exponent: where plans are written out for a parallel worker, a number without comes back as an integer.
    List *numbers = NIL;
    for (double number : {facts.limit, facts.wanted, facts.index_rows, facts.page_rows, facts.mask_rows, facts.passing, facts.wanted_nodes, facts.visit_cost, facts.row_cost, facts.each_cost, facts.bitmap_cost,
                          facts.stream_rows, facts.stream_nodes})
        numbers = lappend(numbers, makeFloat(psprintf("%.9e", number)));
    path->custom_private = list_make3(list_make1_oid(facts.index), numbers, linitial(order->indexorderbys));
    return path;
}

void add_filtered_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte) {
    if (next_hook != nullptr)
        next_hook(root, rel, rti, rte);
    if (!enable_bitmap_filter() || !enable_bitmapscan || root->query_pathkeys == NIL || rel->indexlist == NIL)
        return;
    if (rte->rtekind != RTE_RELATION || rte->inh || rte->tablesample != nullptr ||
        (rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_MATVIEW) ||
        (rel->reloptkind != RELOPT_BASEREL && rel->reloptkind != RELOPT_OTHER_MEMBER_REL) || is_dummy_rel(rel))
        return;
    List *vectors = NIL, *filters = NIL;
    ListCell *cell;
    foreach (cell, rel->indexlist) {
        IndexOptInfo *info = static_cast<IndexOptInfo *>(lfirst(cell));
        if (routine_of(info) != nullptr)
            vectors = lappend(vectors, info);
        else if (info->amhasgetbitmap)
            filters = lappend(filters, info);
    }
    // Without a bitmap for the rows of the query's LIMIT only: of a join or of partitions, fewer or more may be asked for.
    const bool collects = root->limit_tuples > 0 && root->limit_tuples <= kMostCollected && rel->reloptkind == RELOPT_BASEREL &&
                          bms_membership(root->all_baserels) == BMS_SINGLETON;
    if (vectors == NIL || (filters == NIL && !collects))
        return;
    // Rows are found by heap TIDs of pages; what another kind of table means by them is not known.
    Relation table = table_open(rte->relid, NoLock);
    const bool is_heap = table->rd_tableam == GetHeapamTableAmRoutine();
    table_close(table, NoLock);
    if (!is_heap)
        return;

    List *orders = NIL;
    foreach (cell, paths_of(root, rel, vectors, false))
        if (is_ordered(static_cast<Path *>(lfirst(cell))))
            orders = lappend(orders, lfirst(cell));
    if (orders == NIL)
        return;
    const double page_rows = rel->pages > 0 ? rel->tuples / rel->pages : 1;
    bool filtered = false;
    foreach (cell, filters != NIL ? paths_of(root, rel, filters, true) : NIL) {
        if (!IsA(lfirst(cell), BitmapHeapPath))
            continue;
        // With a parameter of the same query level it is the inner side of a nested loop, whose order is nobody's.
        if (static_cast<Path *>(lfirst(cell))->param_info != nullptr)
            continue;
        // A bitmap of all rows filters nothing: an index without conditions and predicate.
        const Path *tree = static_cast<BitmapHeapPath *>(lfirst(cell))->bitmapqual;
        if (IsA(tree, IndexPath) && reinterpret_cast<const IndexPath *>(tree)->indexclauses == NIL &&
            reinterpret_cast<const IndexPath *>(tree)->indexinfo->indpred == NIL)
            continue;
        filtered = true;
        ListCell *other;
        foreach (other, orders)
            add_path(rel, reinterpret_cast<Path *>(make_path(root, rel, static_cast<BitmapHeapPath *>(lfirst(cell)),
                                                             static_cast<IndexPath *>(lfirst(other)), page_rows)));
    }
    if (filtered || !collects)
        return;
    foreach (cell, orders)
        if (tests_rows(static_cast<IndexPath *>(lfirst(cell))))
            add_path(rel, reinterpret_cast<Path *>(make_path(root, rel, nullptr, static_cast<IndexPath *>(lfirst(cell)), page_rows)));
}

// The plan of the bitmap heap scan lends its parts: the bitmap's tree, the conditions that it stands for, and the others.
// Without a bitmap all conditions are others.
Plan *plan_filtered_scan(PlannerInfo *, RelOptInfo *rel, CustomPath *path, List *columns, List *clauses, List *plans) {
    BitmapHeapScan *heap = nullptr;
    if (plans != NIL) {
        Plan *plan = static_cast<Plan *>(linitial(plans));
        while (!IsA(plan, BitmapHeapScan)) { // a Result with conditions on no table; this scan gets the same above it
            plan = outerPlan(plan);
            if (plan == nullptr)
                elog(ERROR, "no bitmap heap scan to take apart");
        }
        heap = castNode(BitmapHeapScan, plan);
    }
    OpExpr *distance = castNode(OpExpr, lthird(path->custom_private));
    if (list_length(distance->args) != 2)
        elog(ERROR, "ORDER BY operator with %d arguments", list_length(distance->args));

    CustomScan *scan = makeNode(CustomScan);
    scan->scan.plan.targetlist = columns;
    scan->scan.plan.qual = heap != nullptr ? heap->scan.plan.qual : extract_actual_clauses(clauses, false);
    scan->scan.scanrelid = rel->relid;
    scan->flags = path->flags;
    scan->custom_plans = heap != nullptr ? list_make1(outerPlan(heap)) : NIL;
    scan->custom_exprs = list_make3(distance, lsecond(distance->args), heap != nullptr ? heap->bitmapqualorig : NIL);
    scan->custom_private = list_make2(linitial(path->custom_private), lsecond(path->custom_private));
    scan->methods = &filtered_scan_methods;
    return &scan->scan.plan;
}

} // namespace

ScanFacts scan_facts_of(const CustomScan *scan) {
    ScanFacts facts{};
    facts.index = linitial_oid(static_cast<List *>(linitial(scan->custom_private)));
    const List *numbers = static_cast<const List *>(lsecond(scan->custom_private));
    double *const places[] = {&facts.limit, &facts.wanted, &facts.index_rows, &facts.page_rows, &facts.mask_rows, &facts.passing, &facts.wanted_nodes, &facts.visit_cost, &facts.row_cost, &facts.each_cost, &facts.bitmap_cost, &facts.stream_rows, &facts.stream_nodes};
    for (int i = 0; i < static_cast<int>(lengthof(places)); ++i)
        *places[i] = floatVal(list_nth(numbers, i));
    return facts;
}

bool is_filtered_scan(const Plan *plan) {
    return IsA(plan, CustomScan) && reinterpret_cast<const CustomScan *>(plan)->methods == &filtered_scan_methods;
}

Node *filtered_scan_order(const Plan *plan) {
    return static_cast<Node *>(list_nth(reinterpret_cast<const CustomScan *>(plan)->custom_exprs, kExprDistance));
}

void install_filtered_scan() {
    RegisterCustomScanMethods(&filtered_scan_methods);
    next_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = add_filtered_paths;
}

} // namespace vecx::pg
