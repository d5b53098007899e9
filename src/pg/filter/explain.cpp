// What EXPLAIN shows of a filtered scan besides the bitmap's tree.
#include "pg/filter/scan_state.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
}

namespace vecx::pg {

namespace {

const char *name_of(Way way) {
    switch (way) {
    case Way::stream:
        return "stream";
    case Way::index:
        return "index";
    case Way::exact:
        return "exact";
    case Way::none:
        break;
    }
    return "";
}

// The ways of a run in turn, or of several runs that went different ones.
const char *strategy(const RunTotals &totals) {
    StringInfoData text;
    initStringInfo(&text);
    auto add = [&](Way way, const char *between) {
        if (way != Way::none)
            appendStringInfo(&text, "%s%s", text.len > 0 ? between : "", name_of(way));
    };
    if (!totals.differ) {
        for (const Way way : totals.ways)
            add(way, ", then ");
        return text.data;
    }
    for (const Way way : {Way::exact, Way::index, Way::stream})
        if ((totals.any & 1u << static_cast<int>(way)) != 0)
            add(way, " or ");
    appendStringInfoString(&text, ", by run");
    return text.data;
}

double percent(double part, double all) {
    return all > 0 ? 100 * part / all : 0;
}

} // namespace

void explain_filtered_scan(CustomScanState *node, List *ancestors, ExplainState *es) {
    FilteredScan *scan = reinterpret_cast<FilteredScan *>(node);
    const CustomScan *plan = castNode(CustomScan, node->ss.ps.plan);
    const ScanFacts facts = scan_facts_of(plan);
    List *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, ancestors);
    auto show = [&](const char *label, int which) {
        Node *expr = static_cast<Node *>(list_nth(plan->custom_exprs, which));
        if (expr != nullptr && IsA(expr, List))
            expr = reinterpret_cast<Node *>(make_ands_explicit(reinterpret_cast<List *>(expr)));
        if (expr != nullptr)
            ExplainPropertyText(label, deparse_expression(expr, context, es->verbose, false), es);
    };
    show("Order By", kExprDistance);
    show("Recheck Cond", kExprRecheck);
    ExplainPropertyText("Vector Index", get_rel_name(facts.index), es);
    if (es->costs)
        ExplainPropertyFloat("Estimated Selectivity", "%", percent(has_bitmap(scan) ? facts.mask_rows : facts.mask_rows * facts.passing, facts.index_rows), 3, es);
    if (!es->analyze || scan->index == nullptr)
        return;
    end_run(scan); // counts the last run
    const RunTotals &totals = scan->totals;
    if (totals.runs == 0)
        return;
    ExplainPropertyText("Strategy", strategy(totals), es);
    if (totals.tested > 0)
        ExplainPropertyInteger("Rows Tested", nullptr, static_cast<int64>(totals.tested), es);
    if (totals.bitmaps > 0) {
        const double bitmaps = static_cast<double>(totals.bitmaps);
        ExplainPropertyFloat("Actual Selectivity", "%", percent(totals.mask_rows / bitmaps, facts.index_rows), 3, es);
        ExplainPropertyFloat("Bitmap Rows", nullptr, totals.mask_rows / bitmaps, 0, es);
        ExplainPropertyInteger("Exact Heap Blocks", nullptr, static_cast<int64>(totals.mask_exact_pages), es);
        if (totals.mask_lossy_pages > 0)
            ExplainPropertyInteger("Lossy Heap Blocks", nullptr, static_cast<int64>(totals.mask_lossy_pages), es);
    }
    if (totals.nodes > 0)
        ExplainPropertyInteger("Index Nodes Visited", nullptr, static_cast<int64>(totals.nodes), es);
    if (totals.index_pages > 0)
        ExplainPropertyInteger("Index Pages Read", nullptr, static_cast<int64>(totals.index_pages), es);
    if (totals.each > 0)
        ExplainPropertyInteger("Distances From Index", nullptr, static_cast<int64>(totals.each), es);
    ExplainPropertyInteger("Distances From Rows", nullptr, static_cast<int64>(totals.scored), es);
    if (totals.rechecked > 0)
        ExplainPropertyInteger("Rows Removed by Index Recheck", nullptr, static_cast<int64>(totals.rechecked), es);
}

} // namespace vecx::pg
