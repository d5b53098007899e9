// EXPLAIN (ANALYZE) of an index scan: one more line in text, a group of properties in the other formats. The figures are
// the sums over all loops of the node, as PostgreSQL's own "Index Searches" is. Scans that a parallel worker did
// are not seen: their counters are in another process.
#include "pg/explain.hpp"

#include "pg/compat.hpp"
#include "pg/hnsw/hnsw.hpp"

#ifdef VECX_EXPLAIN_HOOK

namespace vecx::pg {

namespace {

explain_per_node_hook_type next_hook = nullptr;

void show_as_text(const char *title, const ScanReport &report, ExplainState *es) {
    ExplainIndentText(es);
    appendStringInfo(es->str, "%s:", title);
    for (int i = 0; i < report.count; ++i) {
        const ScanReport::Item &item = report.items[i];
        if (item.text != nullptr)
            appendStringInfo(es->str, " %s=%s", item.name, item.text);
        else
            appendStringInfo(es->str, " %s=" INT64_FORMAT, item.name, item.number);
    }
    appendStringInfoChar(es->str, '\n');
}

void show_as_group(const char *title, const ScanReport &report, ExplainState *es) {
    ExplainOpenGroup(title, title, true, es);
    for (int i = 0; i < report.count; ++i) {
        const ScanReport::Item &item = report.items[i];
        if (item.text != nullptr)
            ExplainPropertyText(item.name, item.text, es);
        else
            ExplainPropertyInteger(item.name, nullptr, item.number, es);
    }
    ExplainCloseGroup(title, title, true, es);
}

void explain_node(PlanState *planstate, List *ancestors, const char *relationship, const char *plan_name, ExplainState *es) {
    if (next_hook != nullptr)
        next_hook(planstate, ancestors, relationship, plan_name, es);
    if (!es->analyze || !IsA(planstate, IndexScanState))
        return;
    IndexScanDesc scan = castNode(IndexScanState, planstate)->iss_ScanDesc;
    if (scan == nullptr) // never executed
        return;
    ScanReport report;
    if (!hnsw_report_scan(scan, &report))
        return;
    constexpr const char *title = "Vector Search";
    if (es->format == EXPLAIN_FORMAT_TEXT)
        show_as_text(title, report, es);
    else
        show_as_group(title, report, es);
}

} // namespace

void install_explain() {
    next_hook = explain_per_node_hook;
    explain_per_node_hook = explain_node;
}

} // namespace vecx::pg

#else

void vecx::pg::install_explain() {
}

#endif
