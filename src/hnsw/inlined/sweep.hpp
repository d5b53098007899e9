// What a scan does when the graph has nothing more to give, or its memory is used up: it reads all pages, and has the rows that were
// not returned sorted by somebody with a disk. README.md, "Order".
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "filter/attributes.hpp"
#include "hnsw/inlined/beam.hpp"
#include "hnsw/inlined/settle.hpp"

namespace vecx::hnsw::inlined {

// State of a node in the visited set: was returned, or left out for good.
inline constexpr uint64_t kDone = 1ull << 30;

// Where the exact distance of a node lies whose key is known. A NaN under cosine is the distance of a zero vector, and certain: to it, or from
// it, all are. Else NaN and infinity come from sums too large for a float, and say nothing.
inline void bound(const Shape &shape, const Query &query, const Head &head, float key, Known *out) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (std::isfinite(key)) [[likely]] {
        Interval in = exact_interval(shape, query, head, key);
        out->low = in.low;
        out->high = in.high;
        if (in.low <= in.high)
            return;
    }
    const bool zero = shape.metric == Metric::cosine && query.norm == 0;
    out->low = zero ? kInfinity : -kInfinity;
    out->high = kInfinity;
}

template <NodeStore S, Sorter T>
class Sweep {
  public:
    // All must outlive this. `where`: null for every row.
    Sweep(S &store, Beam<S> &beam, TidReader<S> &tids, Settler<S> &settler, Placing &placing, T &sorter, const Shape &shape, const StreamOptions &options,
          const filter::Predicate *where, StreamCounters &counters, Arena &arena)
        : store_(&store), beam_(&beam), tids_(&tids), settler_(&settler), placing_(&placing), sorter_(&sorter), shape_(&shape), options_(&options),
          where_(where), counters_(&counters), page_(arena) {}

    // `query`: null for the NULL query, whose rows come as the pages have them. `body_size`: of the index's pages. Code that runs under a page's lock does not allocate; so the room is made here.
    void begin(const Query *query, uint32_t body_size) {
        query_ = query;
        page_.reserve(body_size / shape_->record_size(kGroup) + 1);
        counters_->swept = true;
        block_ = 1;
    }

    // All pages through the sorter; afterwards next_sorted(). Share locks of single pages.
    Status sort() {
        for (; block_ < store_->block_count(); ++block_) {
            VECX_TRY(read_page(block_));
            for (Swept &item : page_)
                VECX_TRY(put(&item));
        }
        sorter_->finish();
        pending_found_ = sorter_->next(&pending_.tid, &pending_.low, &pending_.high);
        return Status{};
    }

    // False at the end. The row's place is in the placing. The sorter is read one row ahead, for what is certain depends on the next.
    bool next_sorted(HeapTid *tid) {
        if (!pending_found_)
            return false;
        const Known now = pending_;
        pending_found_ = sorter_->next(&pending_.tid, &pending_.low, &pending_.high);
        if (now.low < placing_->low() && !second_run_ && options_->late == LateRows::after_all) {
            second_run_ = true;
            placing_->begin_second_run();
        }
        // Nothing follows the last row of a run.
        const bool last = !pending_found_ || pending_.low < now.low;
        placing_->place(now.low, now.high, true, last ? std::numeric_limits<double>::infinity() : pending_.low);
        *tid = now.tid;
        return true;
    }

    // The NULL query: the reader gets the rows of the next node, if it has one on the page in hand; `maybe` as in Known. False at the
    // end.
    Status load_next(bool *maybe, bool *found) {
        placing_->place_unordered();
        *found = true;
        if (page_at_ < page_.size()) {
            const Swept &item = page_[page_at_++];
            *maybe = item.known.maybe;
            start(item);
            return Status{};
        }
        if (block_ < store_->block_count())
            return read_page(block_++);
        *found = false;
        return Status{};
    }

    uint64_t distances() const { return distances_; }

  private:
    // A node of the page in hand.
    struct Swept {
        Known known;
        Link more;
        uint8_t tid_count;
        HeapTid tids[kTidsPerNode];
    };

    void start(const Swept &item) { tids_->start_known(item.known.link, item.tids, item.tid_count, item.more); }

    // Those alive and not yet returned.
    Status read_page(uint32_t block) {
        page_.clear();
        page_at_ = 0;
        store_->poll();
        ++counters_->swept_pages;
        return for_each_node(*store_, *shape_, block, [&](uint16_t slot, const NodeView &node) {
            if (node.dead() || page_.size() >= page_.capacity())
                return;
            Swept item{};
            item.known.link = Link{block, slot, node.head->generation};
            uint64_t *state = beam_->state(item.known.link);
            if (state != nullptr && (*state & kDone) != 0)
                return;
            item.tid_count = node.head->tid_count;
            memcpy(item.tids, node.tids, item.tid_count * sizeof(HeapTid));
            item.more = node.head->more_tids;
            item.known.many = !item.more.none();
            if (where_ != nullptr) {
                const filter::Verdict verdict = where_->test(node.attributes);
                if (verdict == filter::Verdict::no)
                    return;
                item.known.maybe = verdict == filter::Verdict::maybe;
            }
            if (query_ != nullptr) {
                bound(*shape_, *query_, *node.head, own_key(*shape_, *query_, *node.head, node.own), &item.known);
                ++distances_;
            }
            page_.push_back(item);
        });
    }

    Status put(Swept *item) {
        Known &known = item->known;
        if (settler_->wants(known)) {
            start(*item);
            VECX_TRY(settler_->settle_started(&known));
        }
        const bool late = placing_->is_late(known.low) && options_->late != LateRows::at_once;
        if ((late && options_->late == LateRows::left_out) || options_->beyond(known.low))
            return Status{};
        start(*item);
        for (;;) {
            HeapTid tid;
            bool found;
            VECX_TRY(tids_->next(&tid, &found));
            if (!found)
                return Status{};
            sorter_->put(late, known.low, known.high, tid);
        }
    }

    S *store_;
    Beam<S> *beam_;
    TidReader<S> *tids_;
    Settler<S> *settler_;
    Placing *placing_;
    T *sorter_;
    const Shape *shape_;
    const StreamOptions *options_;
    const filter::Predicate *where_;
    StreamCounters *counters_;
    const Query *query_ = nullptr;
    Array<Swept> page_;
    size_t page_at_ = 0;
    uint32_t block_ = 1;
    uint64_t distances_ = 0;
    Known pending_{}; // of the sorter
    bool pending_found_ = false;
    bool second_run_ = false;
};

} // namespace vecx::hnsw::inlined
