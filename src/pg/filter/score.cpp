// The distances of rows in the table: of one, and of all that are left in the mask.
#include "pg/filter/scan_state.hpp"

#include "pg/guc.hpp"

extern "C" {
#include "access/heapam.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/spccache.h"
}

namespace vecx::pg {

bool fetch_filtered_row(FilteredScan *scan, const ItemPointerData *tid) {
    ItemPointerData at = *tid; // becomes the visible version's
    bool again = false;
    return table_index_fetch_tuple(scan->fetch, &at, scan->css.ss.ps.state->es_snapshot, scan->css.ss.ss_ScanTupleSlot, &again, nullptr);
}

bool passes_filter(FilteredScan *scan, bool recheck) {
    ScanState *state = &scan->css.ss;
    ExprContext *context = state->ps.ps_ExprContext;
    ResetExprContext(context);
    context->ecxt_scantuple = state->ss_ScanTupleSlot;
    if (recheck && !ExecQual(scan->recheck, context)) {
        if (scan->run->filter.mask != nullptr)
            ++scan->totals.rechecked;
        else
            InstrCountFiltered1(state, 1);
        return false;
    }
    if (ExecQual(state->ps.qual, context))
        return true;
    InstrCountFiltered1(state, 1);
    return false;
}

void compute_distance(FilteredScan *scan, ScoredRow *row) {
    ExprContext *context = scan->css.ss.ps.ps_ExprContext;
    context->ecxt_scantuple = scan->css.ss.ss_ScanTupleSlot;
    bool isnull;
    const Datum value = ExecEvalExprSwitchContext(scan->distance, context, &isnull);
    ++scan->totals.scored;
    row->known = true;
    row->rank = isnull ? kRankNull : kRankUsual;
    row->distance = isnull ? 0 : DatumGetFloat8(value);
}

namespace {

// Where scored rows go: the nearest `most`, or all into the sorter.
class Scores {
  public:
    Scores(FilteredScan *scan, size_t most) : run_(scan->run), most_(most), nearest_(run_->arena), found_(run_->arena) {
        if (run_->emitted && fetch_filtered_row(scan, &run_->last)) {
            ResetExprContext(scan->css.ss.ps.ps_ExprContext);
            compute_distance(scan, &floor_);
            has_floor_ = hnsw_iterative_scan() != kIterativeRelaxed;
        }
    }

    // A row that the mask no longer has.
    void put_found(const ScoredRow &row) {
        if (most_ > 0)
            found_.push_back(row);
        put(row);
    }

    // A row whose distance is known.
    void put(ScoredRow row) {
        ++count_;
        if (has_floor_ && is_late(row)) {
            if (hnsw_iterative_scan() == kIterativeStrict)
                return;
            row.rank = kRankLate;
        }
        if (most_ == 0) {
            hnsw::HeapTid tid;
            memcpy(&tid, &row.tid, sizeof tid);
            run_->sorter.put_ranked(row.rank, row.distance, row.distance, tid);
        } else if (nearest_.size() < most_) {
            nearest_.push(row);
        } else if (BeforeRow{}(row, nearest_.top())) {
            nearest_.pop();
            nearest_.push(row);
        }
    }

    void finish() {
        if (most_ == 0) {
            run_->sorter.finish();
            run_->phase = RunPhase::sorted;
            return;
        }
        run_->ready.resize_uninitialized(nearest_.size());
        for (size_t i = nearest_.size(); i > 0; --i)
            run_->ready[i - 1] = nearest_.pop();
        for (const ScoredRow &row : run_->ready)
            run_->mask.remove(ItemPointerGetBlockNumber(&row.tid), ItemPointerGetOffsetNumber(&row.tid));
        // Those among the found that are too far for the LIMIT wait: more rows than that may be asked for.
        for (const ScoredRow &row : found_)
            if (!run_->ready.empty() && BeforeRow{}(run_->ready[run_->ready.size() - 1], row))
                run_->waiting.push(row);
        run_->ready_at = 0;
        run_->rest_left = count_ > most_;
        run_->phase = RunPhase::ready;
    }

  private:
    bool is_late(const ScoredRow &row) const {
        return row.rank < floor_.rank || (row.rank == floor_.rank && row.rank == kRankUsual &&
                                          (row.distance < floor_.distance || (row.distance == row.distance && floor_.distance != floor_.distance)));
    }

    Run *run_;
    size_t most_;
    uint64_t count_ = 0;
    Heap<ScoredRow, AfterRow> nearest_; // the farthest of them on top
    Array<ScoredRow> found_;
    ScoredRow floor_{};
    bool has_floor_ = false;
};

void score_row(FilteredScan *scan, Scores *scores, BlockNumber block, OffsetNumber offset, bool recheck) {
    CHECK_FOR_INTERRUPTS();
    ScoredRow row{};
    ItemPointerSet(&row.tid, block, offset);
    if (!fetch_filtered_row(scan, &row.tid) || !passes_filter(scan, recheck)) {
        scan->run->mask.remove(block, offset);
        return;
    }
    compute_distance(scan, &row);
    scores->put(row);
}

OffsetNumber last_offset(Relation table, BlockNumber block) {
    const Buffer buffer = ReadBuffer(table, block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const OffsetNumber last = PageGetMaxOffsetNumber(BufferGetPage(buffer));
    UnlockReleaseBuffer(buffer);
    return last;
}

} // namespace

void score_rest(FilteredScan *scan, size_t most) {
    Run *run = scan->run;
    Relation table = scan->css.ss.ss_currentRelation;
    Scores scores(scan, most);
    // Rows that came from the index and have not been returned; they have met the conditions.
    while (!run->waiting.empty())
        run->ready.push_back(run->waiting.pop());
    for (; run->ready_at < run->ready.size(); ++run->ready_at) {
        ScoredRow &row = run->ready[run->ready_at];
        if (!row.known) {
            if (!fetch_filtered_row(scan, &row.tid))
                continue;
            ResetExprContext(scan->css.ss.ps.ps_ExprContext);
            compute_distance(scan, &row);
        }
        scores.put_found(row);
    }
    run->ready.clear();

    const filter::RowMask &mask = run->mask;
    const size_t ahead = static_cast<size_t>(get_tablespace_io_concurrency(table->rd_rel->reltablespace));
    size_t asked = 0;
    for (size_t i = 0; i < mask.page_count(); ++i) {
        for (; ahead > 0 && asked < mask.page_count() && asked <= i + ahead; ++asked)
            PrefetchBuffer(table, MAIN_FORKNUM, mask.page(asked).block);
        const filter::MaskPage page = mask.page(i);
        if (!page.whole()) {
            mask.for_each_offset(page, [&](OffsetNumber offset) { score_row(scan, &scores, page.block, offset, page.recheck); });
            continue;
        }
        for (BlockNumber block = page.block; block < page.block + page.run; ++block) {
            CHECK_FOR_INTERRUPTS();
            // Only roots of HOT chains lead to a row, and each row has one.
            const OffsetNumber last = last_offset(table, block);
            for (OffsetNumber offset = FirstOffsetNumber; offset <= last; ++offset)
                if (mask.has(page, block, offset))
                    score_row(scan, &scores, block, offset, true);
        }
    }
    scores.finish();
}

} // namespace vecx::pg
