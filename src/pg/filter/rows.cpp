// The rows of a filtered scan: the mask, the choice between the two ways, and changing from one to the other.
#include <algorithm>
#include <limits>
#include <new>

#include "pg/filter/scan_state.hpp"

#include "pg/guc.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
}

namespace vecx::pg {

namespace {

// A LIMIT up to this is collected before the first row is returned, which allows to change the way without a trace.
constexpr double kMostCollected = 10000;
// The index must promise to be so much cheaper: its price is an estimate, the other's is not.
constexpr double kIndexMargin = 0.7;

void build_mask(FilteredScan *scan) {
    Run *run = scan->run;
    Node *result = MultiExecProcNode(static_cast<PlanState *>(linitial(scan->css.custom_ps)));
    if (result == nullptr || !IsA(result, TIDBitmap))
        elog(ERROR, "unrecognized result from subplan");
    TIDBitmap *bitmap = reinterpret_cast<TIDBitmap *>(result);
    // An index that knows pages only (brin) may name some that do not exist.
    const BlockNumber blocks = RelationGetNumberOfBlocks(scan->css.ss.ss_currentRelation);
    uint64_t pages = 0;
    for_each_bitmap_page(bitmap, [&](BlockNumber block, const OffsetNumber *offsets, int count, bool recheck) {
        CHECK_FOR_INTERRUPTS(); // no page is pinned; a lossy bitmap may name millions
        if (block >= blocks)
            return;
        if (count < 0) {
            run->mask.add_whole(block);
            return;
        }
        run->mask.add_page(block, offsets, static_cast<uint32_t>(count), recheck);
        ++pages;
    });
    tbm_free(bitmap);
    run->mask.finish();
    scan->totals.mask_exact_pages += pages;
    scan->totals.mask_lossy_pages += run->mask.whole_pages();
}

double mask_rows(const FilteredScan *scan) {
    const filter::RowMask &mask = scan->run->mask;
    return static_cast<double>(mask.exact_rows()) + static_cast<double>(mask.whole_pages()) * std::max(1.0, scan->facts.page_rows);
}

// Chooses a way for `rows` rows; sets the budget for the index.
bool index_is_cheaper(FilteredScan *scan, double rows) {
    const ScanFacts &facts = scan->facts;
    const double total = std::max(facts.index_rows, rows);
    const double wanted = std::min(rows, facts.wanted / std::clamp(facts.passing, 1e-6, 1.0));
    const double ahead = scan->routine->look_ahead(std::max(1.0, wanted));
    const double exact = rows * facts.row_cost;
    // The planner's number of nodes, for the rows that there are instead of those that it thought of.
    const double nodes = std::min(total, facts.wanted_nodes * std::max(1.0, facts.mask_rows) / std::max(1.0, rows));
    const double index = nodes * facts.visit_cost;
    filter::SearchBudget &budget = scan->run->filter.budget;
    budget.most = exact / facts.visit_cost;
    budget.wanted = ahead;
    if (rows < 1)
        return false;
    switch (filter_strategy()) {
    case kFilterExact:
        return false;
    case kFilterIndex:
        budget.most = std::numeric_limits<double>::infinity();
        return true;
    case kFilterAuto:
        break;
    }
    return index < kIndexMargin * exact;
}

void start_stream(FilteredScan *scan) {
    Run *run = scan->run;
    ExprContext *context = scan->css.ss.ps.ps_ExprContext;
    bool isnull;
    Datum query = ExecEvalExprSwitchContext(scan->query, context, &isnull);
    MemoryContext before = MemoryContextSwitchTo(scan->context);
    if (!isnull)
        query = datumCopy(query, false, -1); // of all types of vecx
    run->stream = scan->routine->begin(scan->index, scan->css.ss.ps.state->es_snapshot, scan->context, query, isnull, &run->filter);
    MemoryContextSwitchTo(before);
}

// The next row in order from the index. It is in the slot if `*loaded`.
bool next_from_index(FilteredScan *scan, ScoredRow *out, bool *loaded) {
    Run *run = scan->run;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (!run->waiting.empty() && run->waiting.top().rank == kRankUsual && run->waiting.top().distance <= run->low) {
            *out = run->waiting.pop();
            *loaded = false;
            return true;
        }
        if (run->stream_ended)
            return false;
        MaskedRow row;
        MemoryContext before = MemoryContextSwitchTo(scan->context);
        const bool found = scan->routine->next(run->stream, &row);
        MemoryContextSwitchTo(before);
        if (!found) {
            run->stream_ended = true;
            return false;
        }
        run->low = std::max(run->low, row.low);
        const BlockNumber block = ItemPointerGetBlockNumber(&row.tid);
        const OffsetNumber offset = ItemPointerGetOffsetNumber(&row.tid);
        const filter::MaskPage *page = run->mask.page_of(block);
        run->mask.remove(block, offset);
        if (!fetch_filtered_row(scan, &row.tid) || !passes_filter(scan, page == nullptr || page->recheck))
            continue;
        *out = ScoredRow{row.low, kRankUsual, false, row.tid};
        if (row.certain && run->waiting.empty()) {
            *loaded = true;
            return true;
        }
        compute_distance(scan, out);
        run->waiting.push(*out);
    }
}

void start(FilteredScan *scan) {
    Run *run = scan->run;
    build_mask(scan);
    const double rows = mask_rows(scan);
    scan->totals.mask_rows += rows;
    run->filter.mask = &run->mask;
    const double limit = scan->facts.limit;
    const size_t most = limit >= 1 && limit <= kMostCollected ? static_cast<size_t>(limit) : 0;
    if (!index_is_cheaper(scan, rows)) {
        ++scan->totals.exact;
        score_rest(scan, most);
        return;
    }
    ++scan->totals.index;
    start_stream(scan);
    run->phase = RunPhase::index;
    if (most == 0)
        return;
    while (run->ready.size() < most) {
        ScoredRow row;
        bool loaded;
        if (!next_from_index(scan, &row, &loaded)) {
            ++scan->totals.switched;
            score_rest(scan, most);
            return;
        }
        run->ready.push_back(row);
    }
    run->phase = RunPhase::ready;
    run->rest_left = true;
}

bool emit(FilteredScan *scan, const ItemPointerData *tid) {
    scan->run->emitted = true;
    scan->run->last = *tid;
    return fetch_filtered_row(scan, tid);
}

} // namespace

Run::Run(MemoryContext context, size_t mask_memory, int sort_kilobytes)
    : arena(arena_over(context)), mask(arena, mask_memory), waiting(arena), ready(arena), sorter(context, sort_kilobytes) {}

bool next_filtered_row(FilteredScan *scan) {
    // Only what is the run's own is allocated in its context: below, indexes and subqueries keep memory from run to run.
    if (scan->run == nullptr)
        scan->run = new (MemoryContextAlloc(scan->context, sizeof(Run))) Run(scan->context, static_cast<size_t>(work_mem) * 1024, work_mem);
    Run *run = scan->run;
    bool found = false;
    while (!found && run->phase != RunPhase::end) {
        switch (run->phase) {
        case RunPhase::start:
            start(scan);
            break;
        case RunPhase::ready:
            if (run->ready_at < run->ready.size())
                found = emit(scan, &run->ready[run->ready_at++].tid);
            else if (!run->rest_left)
                run->phase = RunPhase::end;
            else if (run->stream != nullptr && !run->stream_ended)
                run->phase = RunPhase::index;
            else
                score_rest(scan, 0); // more than was thought
            break;
        case RunPhase::index: {
            ScoredRow row;
            bool loaded;
            if (!next_from_index(scan, &row, &loaded)) {
                ++scan->totals.switched;
                score_rest(scan, 0);
                break;
            }
            run->emitted = true;
            run->last = row.tid;
            found = loaded || fetch_filtered_row(scan, &row.tid);
            break;
        }
        case RunPhase::sorted: {
            hnsw::HeapTid tid;
            double low, high;
            ItemPointerData at;
            if (!run->sorter.next(&tid, &low, &high)) {
                run->phase = RunPhase::end;
                break;
            }
            memcpy(&at, &tid, sizeof at);
            found = fetch_filtered_row(scan, &at);
            break;
        }
        case RunPhase::end:
            break;
        }
    }
    return found;
}

void end_run(FilteredScan *scan) {
    Run *run = scan->run;
    if (run != nullptr) {
        if (run->stream != nullptr) {
            const MaskedCounters counters = scan->routine->counters(run->stream);
            scan->totals.nodes += counters.nodes;
            scan->totals.index_pages += counters.pages;
        }
        run->sorter.end();
    }
    scan->run = nullptr;
    MemoryContextReset(scan->context);
}

} // namespace vecx::pg
