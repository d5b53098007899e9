// The executor's callbacks of a filtered scan.
#include "pg/filter/scan_state.hpp"

extern "C" {
#include "access/amapi.h"
#include "executor/executor.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

FilteredScan *of(CustomScanState *node) {
    return reinterpret_cast<FilteredScan *>(node);
}

void begin(CustomScanState *node, EState *estate, int eflags) {
    FilteredScan *scan = of(node);
    CustomScan *plan = castNode(CustomScan, node->ss.ps.plan);
    scan->facts = scan_facts_of(plan);

    // The slot that was made for the scan takes no rows of tables; so it is made anew, and what was compiled for it.
    Relation table = node->ss.ss_currentRelation;
    ExecInitScanTupleSlot(estate, &node->ss, RelationGetDescr(table), table_slot_callbacks(table));
    node->ss.ps.subPlan = NIL;
    ExecAssignScanProjectionInfo(&node->ss);
    node->ss.ps.qual = ExecInitQual(plan->scan.plan.qual, &node->ss.ps);
    scan->distance = ExecInitExpr(static_cast<Expr *>(list_nth(plan->custom_exprs, kExprDistance)), &node->ss.ps);
    scan->query = ExecInitExpr(static_cast<Expr *>(list_nth(plan->custom_exprs, kExprQuery)), &node->ss.ps);
    scan->recheck = ExecInitQual(static_cast<List *>(list_nth(plan->custom_exprs, kExprRecheck)), &node->ss.ps);

    if (plan->custom_plans != NIL) {
        Plan *bitmap = static_cast<Plan *>(linitial(plan->custom_plans));
        node->custom_ps = list_make1(ExecInitNode(bitmap, estate, eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK)));
    }
    scan->context = AllocSetContextCreate(CurrentMemoryContext, "filtered scan", ALLOCSET_DEFAULT_SIZES);
    if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
        return;
    scan->index = index_open(scan->facts.index, exec_rt_fetch(plan->scan.scanrelid, estate)->rellockmode);
    scan->routine = masked_stream_routine(reinterpret_cast<const void *>(scan->index->rd_indam->amcostestimate));
    if (scan->routine == nullptr)
        elog(ERROR, "index \"%s\" has no masked scans", RelationGetRelationName(scan->index));
    scan->fetch = table_index_fetch_begin(table);
}

// For ExecScan, which tests rows again for EvalPlanQual.
TupleTableSlot *access(ScanState *node) {
    FilteredScan *scan = of(reinterpret_cast<CustomScanState *>(node));
    return next_filtered_row(scan) ? node->ss_ScanTupleSlot : ExecClearTuple(node->ss_ScanTupleSlot);
}
bool recheck(ScanState *node, TupleTableSlot *slot) {
    FilteredScan *scan = of(reinterpret_cast<CustomScanState *>(node));
    ExprContext *context = node->ps.ps_ExprContext;
    context->ecxt_scantuple = slot;
    return ExecQualAndReset(scan->recheck, context);
}

TupleTableSlot *exec(CustomScanState *node) {
    if (node->ss.ps.state->es_epq_active != nullptr)
        return ExecScan(&node->ss, access, recheck);
    // All conditions have been tested, each once: ExecScan would do it again.
    ExprContext *context = node->ss.ps.ps_ExprContext;
    ProjectionInfo *projection = node->ss.ps.ps_ProjInfo;
    ResetExprContext(context);
    const bool found = next_filtered_row(of(node));
    TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
    if (!found) {
        ExecClearTuple(slot);
        return projection != nullptr ? ExecClearTuple(projection->pi_state.resultslot) : slot;
    }
    ResetExprContext(context);
    context->ecxt_scantuple = slot;
    return projection != nullptr ? ExecProject(projection) : slot;
}

void end(CustomScanState *node) {
    FilteredScan *scan = of(node);
    end_run(scan);
    ExecClearTuple(node->ss.ss_ScanTupleSlot);
    if (scan->fetch != nullptr)
        table_index_fetch_end(scan->fetch);
    if (scan->index != nullptr)
        index_close(scan->index, NoLock);
    MemoryContextDelete(scan->context);
    if (has_bitmap(scan))
        ExecEndNode(static_cast<PlanState *>(linitial(node->custom_ps)));
}

void rescan(CustomScanState *node) {
    FilteredScan *scan = of(node);
    end_run(scan);
    ExecScanReScan(&node->ss);
    if (scan->fetch != nullptr)
        table_index_fetch_reset(scan->fetch);
    if (!has_bitmap(scan))
        return;
    PlanState *bitmap = static_cast<PlanState *>(linitial(node->custom_ps));
    if (node->ss.ps.chgParam != nullptr)
        UpdateChangedParamSet(bitmap, node->ss.ps.chgParam);
    if (bitmap->chgParam == nullptr)
        ExecReScan(bitmap);
}

const CustomExecMethods exec_methods = {
    "VecxScan", begin, exec, end, rescan, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, explain_filtered_scan,
};

Node *create(CustomScan *) {
    FilteredScan *scan = static_cast<FilteredScan *>(palloc0(sizeof(FilteredScan)));
    NodeSetTag(scan, T_CustomScanState);
    scan->css.methods = &exec_methods;
    return reinterpret_cast<Node *>(scan);
}

} // namespace

const CustomScanMethods filtered_scan_methods = {"VecxScan", create};

} // namespace vecx::pg
