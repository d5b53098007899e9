// The rows of a filtered scan: the mask, the choice between the ways, and changing from one to another.
#include <algorithm>
#include <limits>
#include <new>

#include "pg/filter/scan_state.hpp"

#include "pg/guc.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/datum.h"
}

namespace vecx::pg {

namespace {

// The index must promise to be so much cheaper: its price is an estimate, the other's is not.
constexpr double kIndexMargin = 0.7;
// A stream of whose rows so much less passed than of the table's has shown that those wanted are far.
constexpr double kFarAway = 0.3;
// Of the bitmap's rows so many pass the other conditions, as the planner thinks, when there are no others to speak of.
constexpr double kAllPass = 0.95;
// A stream without a mask may cost so many times what was expected of it before the bitmap is made, however dear that is.
constexpr double kStreamMargin = 2;

void take_way(FilteredScan *scan, Way way) {
    scan->totals.any |= 1u << static_cast<int>(way);
    for (Way &place : scan->totals.now)
        if (place == Way::none || place == way) {
            place = way;
            return;
        }
}

double mask_rows(const FilteredScan *scan) {
    const filter::RowMask &mask = scan->run->mask;
    return static_cast<double>(mask.exact_rows()) + static_cast<double>(mask.whole_pages()) * std::max(1.0, scan->facts.page_rows);
}

// All that passed before leaves the mask.
void finish_mask(FilteredScan *scan) {
    Run *run = scan->run;
    run->mask.finish();
    for (const ItemPointerData &tid : run->seen)
        run->mask.remove(ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid));
    run->seen.give_back();
}

// The table, as it is now: rows that come later are not the snapshot's.
void build_mask_of_table(FilteredScan *scan) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(scan->css.ss.ss_currentRelation);
    for (BlockNumber block = 0; block < blocks; ++block) {
        CHECK_FOR_INTERRUPTS();
        scan->run->mask.add_whole(block);
    }
    finish_mask(scan);
    scan->run->filter.mask = &scan->run->mask;
}

void build_mask(FilteredScan *scan) {
    if (!has_bitmap(scan)) {
        build_mask_of_table(scan);
        return;
    }
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
        run->unsure |= recheck;
        ++pages;
    });
    tbm_free(bitmap);
    finish_mask(scan);
    run->filter.mask = &run->mask;
    ++scan->totals.bitmaps;
    scan->totals.mask_exact_pages += pages;
    scan->totals.mask_lossy_pages += run->mask.whole_pages();
    scan->totals.mask_rows += mask_rows(scan);
}

// How many rows of a mask of `rows` will be wanted.
double wanted_of(const FilteredScan *scan, double rows) {
    return std::min(rows, scan->facts.wanted / std::clamp(scan->facts.passing, 1e-6, 1.0));
}

// Of a row by its distance.
Cost exact_price(const FilteredScan *scan) {
    const ScanFacts &facts = scan->facts;
    const bool looks = facts.each_cost > 0 && scan->routine->knows_each != nullptr && scan->routine->knows_each(scan->index);
    return looks ? facts.each_cost : facts.row_cost;
}

// Whether a search in the index would notice soon that the rows wanted are far: only when all that the mask has are wanted.
bool notices_far_rows(const FilteredScan *scan) {
    const Run *run = scan->run;
    return scan->routine->forecasts && !run->unsure && run->mask.whole_pages() == 0 && scan->facts.passing > kAllPass;
}

// Chooses a way for `rows` rows; sets the budget for the index.
bool index_is_cheaper(FilteredScan *scan, double rows) {
    const ScanFacts &facts = scan->facts;
    const double total = std::max(facts.index_rows, rows);
    const double wanted = wanted_of(scan, rows);
    const double ahead = scan->routine->look_ahead(std::max(1.0, wanted));
    const double exact = rows * exact_price(scan);
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
    case kFilterStream:
        break;
    }
    const Run *run = scan->run;
    const double expected = static_cast<double>(run->tested) * std::min(1.0, facts.passing) * rows / total;
    if (!notices_far_rows(scan) && static_cast<double>(run->passed) + 0.5 < kFarAway * expected)
        return false;
    return index < kIndexMargin * exact;
}

void evaluate_query(FilteredScan *scan) {
    Run *run = scan->run;
    run->query = ExecEvalExprSwitchContext(scan->query, scan->css.ss.ps.ps_ExprContext, &run->query_null);
    MemoryContext before = MemoryContextSwitchTo(scan->context);
    if (!run->query_null)
        run->query = datumCopy(run->query, false, -1); // of all types of vecx
    MemoryContextSwitchTo(before);
}

// A stream in a context of its own, so that what it has visited is given back when it is left.
template <class F>
bool begin_stream(FilteredScan *scan, F begin) {
    Run *run = scan->run;
    MemoryContext context = AllocSetContextCreate(scan->context, "filtered stream", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    run->stream = begin(context);
    MemoryContextSwitchTo(before);
    if (run->stream == nullptr) {
        MemoryContextDelete(context);
        return false;
    }
    run->stream_context = context;
    run->stream_ended = false;
    run->unsorted = false;
    run->low = -std::numeric_limits<double>::infinity();
    run->phase = RunPhase::index;
    return true;
}
void search(FilteredScan *scan) {
    Run *run = scan->run;
    begin_stream(scan, [&](MemoryContext context) {
        return scan->routine->begin(scan->index, scan->css.ss.ss_currentRelation, scan->css.ss.ps.state->es_snapshot, context, run->query, run->query_null, &run->filter);
    });
}
// False when the index cannot do that.
bool look_at_each(FilteredScan *scan, double rows) {
    Run *run = scan->run;
    if (scan->routine->begin_each == nullptr || run->query_null || scan->facts.each_cost <= 0)
        return false;
    const Cost saved = scan->facts.row_cost - scan->facts.each_cost;
    if (!begin_stream(scan, [&](MemoryContext context) {
            return scan->routine->begin_each(scan->index, scan->css.ss.ps.state->es_snapshot, context, run->query, &run->filter, rows, saved);
        }))
        return false;
    run->all_looked_at = true;
    return true;
}

void end_stream(FilteredScan *scan) {
    Run *run = scan->run;
    if (run->stream == nullptr)
        return;
    const MaskedCounters counters = scan->routine->counters(run->stream);
    if (run->all_looked_at)
        scan->totals.each += counters.nodes;
    else
        scan->totals.nodes += counters.nodes;
    scan->totals.index_pages += counters.pages;
    if (scan->routine->end != nullptr)
        scan->routine->end(run->stream);
    MemoryContextDelete(run->stream_context);
    run->stream = nullptr;
    run->stream_context = nullptr;
    run->stream_ended = true;
}

bool too_many_tested(const FilteredScan *scan) {
    const Run *run = scan->run;
    return run->most > 0 && !run->emitted &&
           run->filter.budget.spent_testing(scan->routine->counters(run->stream).nodes, run->tested, run->passed,
                                            static_cast<double>(run->most), run->step);
}

// The next row in order from the stream. It is in the slot if `*loaded`.
bool next_from_stream(FilteredScan *scan, ScoredRow *out, bool *loaded) {
    Run *run = scan->run;
    const bool masked = run->filter.mask != nullptr;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (!run->waiting.empty() && run->waiting.top().rank == kRankUsual && run->waiting.top().distance <= run->low) {
            *out = run->waiting.pop();
            *loaded = false;
            return true;
        }
        if (run->stream_ended)
            return false;
        // What has passed is kept to be taken out of a mask that may be made later; without memory for that it is made now.
        if (!masked && (too_many_tested(scan) || run->seen.bytes_after(1) > static_cast<size_t>(work_mem) * 1024)) {
            run->stream_ended = true;
            return false;
        }
        MaskedRow row;
        MemoryContext before = MemoryContextSwitchTo(run->stream_context);
        const bool found = scan->routine->next(run->stream, &row);
        MemoryContextSwitchTo(before);
        if (!found) {
            run->stream_ended = true;
            return false;
        }
        run->unsorted |= row.low < run->low;
        run->low = std::max(run->low, row.low);
        bool recheck = true;
        if (masked) {
            const BlockNumber block = ItemPointerGetBlockNumber(&row.tid);
            const filter::MaskPage *page = run->mask.page_of(block);
            run->mask.remove(block, ItemPointerGetOffsetNumber(&row.tid));
            recheck = page == nullptr || page->recheck;
        } else {
            ++run->tested;
        }
        if (!fetch_filtered_row(scan, &row.tid) || !passes_filter(scan, recheck))
            continue;
        if (!masked) {
            ++run->passed;
            run->seen.push_back(row.tid);
        }
        *out = ScoredRow{row.low, kRankUsual, false, row.tid};
        if (row.certain && run->waiting.empty()) {
            *loaded = true;
            return true;
        }
        compute_distance(scan, out);
        run->waiting.push(*out);
    }
}

// The distance of a row that has met the conditions, if it is not known yet; false when the row is no longer visible.
bool know_distance(FilteredScan *scan, ScoredRow *row) {
    if (row->known)
        return true;
    if (!fetch_filtered_row(scan, &row->tid))
        return false;
    ResetExprContext(scan->css.ss.ps.ps_ExprContext);
    compute_distance(scan, row);
    return true;
}

// Rows that came after farther ones to their places.
void sort_ready(FilteredScan *scan) {
    Run *run = scan->run;
    for (ScoredRow &row : run->ready)
        know_distance(scan, &row); // the snapshot has seen it
    std::sort(run->ready.begin(), run->ready.end(), BeforeRow{});
    run->unsorted = false;
}

// Collects the rows of the LIMIT; false when the stream has not so many. As long as that lasts, a row that the stream finds after
// it has given a farther one is welcome.
bool collect(FilteredScan *scan) {
    Run *run = scan->run;
    run->filter.collects = true;
    while (run->ready.size() < run->most) {
        ScoredRow row;
        bool loaded;
        if (!next_from_stream(scan, &row, &loaded)) {
            run->filter.collects = false;
            return false;
        }
        run->ready.push_back(row);
    }
    run->filter.collects = false;
    if (run->unsorted)
        sort_ready(scan);
    run->phase = RunPhase::ready;
    run->rest_left = true;
    return true;
}

// The rest of a stream that has ended.
void leave_stream(FilteredScan *scan, size_t most) {
    Run *run = scan->run;
    if (run->filter.mask == nullptr)
        build_mask(scan);
    if (!run->all_looked_at)
        take_way(scan, Way::exact);
    end_stream(scan);
    score_rest(scan, most);
}

// Ends the stream before the LIMIT has been collected. What has been collected waits for what another way finds.
void start_over(FilteredScan *scan) {
    Run *run = scan->run;
    end_stream(scan);
    for (ScoredRow &row : run->ready) {
        if (know_distance(scan, &row))
            run->waiting.push(row);
    }
    run->ready.clear();
}

// By the distances of all that the mask has left; nothing has been returned.
void start_exact(FilteredScan *scan) {
    Run *run = scan->run;
    take_way(scan, Way::exact);
    const double rows = mask_rows(scan) - static_cast<double>(run->mask.removed_rows());
    if (rows < 1 || !has_bitmap(scan) || !look_at_each(scan, mask_rows(scan)))
        score_rest(scan, run->most);
    else if (run->most > 0 && !collect(scan))
        leave_stream(scan, run->most);
}

// With the mask, the rows that wait included.
void start_masked(FilteredScan *scan) {
    Run *run = scan->run;
    build_mask(scan);
    const double rows = mask_rows(scan);
    run->filter.rank = wanted_of(scan, rows) * std::max(1.0, scan->facts.index_rows / std::max(1.0, rows));
    if (!has_bitmap(scan) || !index_is_cheaper(scan, rows)) {
        start_exact(scan);
        return;
    }
    take_way(scan, Way::index);
    search(scan);
    if (run->most > 0 && !collect(scan)) {
        start_over(scan);
        start_exact(scan);
    }
}

// Of the other way than a stream.
Cost cost_without_stream(const FilteredScan *scan) {
    const ScanFacts &facts = scan->facts;
    if (!has_bitmap(scan))
        return facts.bitmap_cost;
    return facts.bitmap_cost + std::min(facts.mask_rows * exact_price(scan), facts.wanted_nodes * facts.visit_cost);
}

// Whether the stream is still worth trying, now that it is known whether this session finds rows in the index: the planner
// has priced them as rows of the table.
bool stream_is_cheaper(const FilteredScan *scan) {
    const ScanFacts &facts = scan->facts;
    if (!has_bitmap(scan))
        return true;
    const Cost streamed = facts.stream_nodes * facts.visit_cost + facts.stream_rows * cpu_operator_cost * kRowFetch;
    return streamed <= facts.bitmap_cost + facts.mask_rows * exact_price(scan);
}

// Without a mask, as long as that goes well. False: it did not, and nothing has been returned.
bool stream(FilteredScan *scan) {
    Run *run = scan->run;
    const ScanFacts &facts = scan->facts;
    take_way(scan, Way::stream);
    filter::SearchBudget &budget = run->filter.budget;
    budget.wanted = 0;
    run->filter.rank = facts.stream_rows;
    run->step = facts.stream_nodes / std::max(1.0, facts.stream_rows);
    budget.most = std::max(kStreamMargin * facts.stream_nodes, cost_without_stream(scan) / facts.visit_cost);
    if (filter_strategy() == kFilterStream)
        budget.most = std::numeric_limits<double>::infinity();
    search(scan);
    if (collect(scan))
        return true;
    start_over(scan);
    return false;
}

void start(FilteredScan *scan) {
    Run *run = scan->run;
    // For SERIALIZABLE, as index_beginscan() does: rows that another transaction adds go into this index, whichever way is taken.
    PredicateLockRelation(scan->index, scan->css.ss.ps.state->es_snapshot);
    const double limit = scan->facts.limit;
    run->most = limit >= 1 && limit <= kMostCollected ? static_cast<size_t>(limit) : 0;
    evaluate_query(scan);
    const FilterStrategy strategy = filter_strategy();
    const bool streams = (strategy == kFilterAuto && scan->facts.stream_nodes > 0 && stream_is_cheaper(scan)) || strategy == kFilterStream ||
                         (strategy == kFilterIndex && !has_bitmap(scan));
    if (!streams || run->most == 0 || run->query_null || !stream(scan))
        start_masked(scan);
}

bool emit(FilteredScan *scan, const ItemPointerData *tid) {
    scan->run->emitted = true;
    scan->run->last = *tid;
    return fetch_filtered_row(scan, tid);
}

} // namespace

Run::Run(MemoryContext context, size_t mask_memory, int sort_kilobytes)
    : arena(arena_over(context)), mask(arena, mask_memory), seen(arena), waiting(arena), ready(arena), sorter(context, sort_kilobytes) {}

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
                leave_stream(scan, 0); // more than was thought
            break;
        case RunPhase::index: {
            ScoredRow row;
            bool loaded;
            if (!next_from_stream(scan, &row, &loaded)) {
                leave_stream(scan, 0);
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
    RunTotals &totals = scan->totals;
    if (run != nullptr) {
        end_stream(scan);
        run->sorter.end();
        totals.tested += run->tested;
        if (run->phase != RunPhase::start) {
            if (totals.runs++ == 0)
                memcpy(totals.ways, totals.now, sizeof totals.ways);
            totals.differ |= memcmp(totals.ways, totals.now, sizeof totals.ways) != 0;
        }
    }
    memset(totals.now, 0, sizeof totals.now);
    scan->run = nullptr;
    MemoryContextReset(scan->context);
}

} // namespace vecx::pg
