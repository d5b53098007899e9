// A scan: the rows of the index one after the other, nearest first, until all have been returned. README.md, "Search".
//
// What is known of a row is a lower bound of its key: first from one bit a coordinate, then from all bits, then the key
// itself. The row with the least is always the next to be looked at more closely, and when that is a key, to leave.
//   pool_    rows of the lists looked at whose bounds lie below the window, in no order
//   heap_    those of the pool that have come up, in order
//   beyond   rows whose first bound is not below the window are not kept: their lists are read again when all others have left
#pragma once

#include <algorithm>
#include <limits>

#include "ivf/all_rows.hpp"
#include "ivf/first_bounds.hpp"
#include "ivf/second_look.hpp"

namespace vecx::ivf {

// `rows` is used only where exact distances are not in the index (quantiser none and rerank = index keep the vectors); what it
// reports as not found is left out. Sorter, Mask: hnsw/scan.hpp. A masked stream sees only rows of the mask; it ends when it has
// seen all of these, when the mask gives it up (nodes are lists), or where another would go on in the sorter.
template <ListStore S, RowSource R, Sorter T, hnsw::Mask M = hnsw::EveryRow>
class Stream {
  public:
    // `query` must outlive the stream and be sound for the shape; bytes == nullptr is the NULL query, whose distance to
    // everything is 0. The directory must be of the metapage that was read when the scan began, and outlive the stream. `where`: only
    // rows whose attributes may pass it (filter::Predicate::exact) are returned; null: all; must outlive the stream.
    Stream(S &store, R &rows, T &sorter, Arena &arena, const Directory &directory, Payload query, StreamOptions options, M mask = M{},
           const filter::Predicate *where = nullptr)
        : store_(&store), sorter_(&sorter), arena_(&arena), shape_(directory.shape()), directory_(&directory), payload_(query),
          options_(options), mask_(mask), measure_(make_measure(shape_.type, shape_.metric, shape_.dim, kernels::active)), passing_(where),
          second_(store, rows, shape_, measure_, query, counters_), all_(store, directory, passing_, counters_, arena), lists_(arena), pool_(arena),
          heap_(arena), late_(arena) {
        if (options_.probes < 1)
            options_.probes = 1;
    }
    Stream(const Stream &) = delete; // its parts point at each other
    Stream &operator=(const Stream &) = delete;

    // The next row; `found` is false at the end. Takes share locks of single pages and holds none when it returns.
    Status next(Row *row, bool *found) {
        for (;;) {
            switch (phase_) {
            case Phase::start:
                VECX_TRY(begin());
                break;
            case Phase::window: {
                pool_.fill(&heap_);
                if (heap_.empty() || heap_.top().key > pool_.window()) {
                    VECX_TRY(widen());
                    break;
                }
                bool out;
                VECX_TRY(step(row, &out));
                if (out) {
                    *found = true;
                    return Status{};
                }
                break;
            }
            case Phase::sorted: {
                take_sorted();
                if (heap_.empty()) {
                    phase_ = Phase::late;
                    break;
                }
                bool out;
                VECX_TRY(step(row, &out));
                if (out) {
                    *found = true;
                    return Status{};
                }
                break;
            }
            case Phase::late:
                *found = !late_.empty();
                if (*found)
                    *row = late_.pop();
                else
                    phase_ = Phase::end;
                return Status{};
            case Phase::all:
                VECX_TRY(all_.next([&](const HeapTid &tid) { return passes(tid); }, &row->tid, found));
                row->distance = 0;
                if (!*found)
                    phase_ = Phase::end;
                return Status{};
            case Phase::end:
                *found = false;
                return Status{};
            }
        }
    }

    const StreamCounters &counters() const { return counters_; }

  private:
    enum class Phase : uint8_t { start, window, sorted, late, all, end };

    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr uint32_t kMaxRounds = 3; // of reading the same lists, before the sorter takes over
    static constexpr uint32_t kShortChain = 256; // pages of a list that are read before anybody asks whether it is a circle

    struct NearerRow {
        bool operator()(const Row &a, const Row &b) const { return a.distance < b.distance; }
    };

    Status begin() {
        VECX_TRY(passing_.begin(shape_, *arena_));
        if (payload_.bytes == nullptr) {
            phase_ = Phase::all;
            return Status{};
        }
        if (!payload_is_sound(shape_.type, shape_.dim, payload_))
            return Status::make(Code::data_exception, "query does not have the shape of the index (%d dimensions)", shape_.dim);
        if (measure_.distance == nullptr)
            return Status::make(Code::internal, "no distance for this type and metric");
        probe_ = place(arena_->make_array<Probe>(1), *directory_, payload_, *arena_);
        order_ = place(arena_->make_array<ListOrder>(1), *directory_, *probe_, *arena_);
        first_ = place(arena_->make_array<FirstBounds>(1), *directory_, *probe_, measure_, payload_, *arena_);
        second_.begin(*probe_, *arena_);
        phase_ = Phase::window;
        return probe_more(options_.probes);
    }
    template <class C, class... A>
    static C *place(C *room, A &&...arguments) {
        static_assert(std::is_trivially_destructible_v<C>);
        return std::construct_at(room, std::forward<A>(arguments)...);
    }

    bool passes(const HeapTid &tid) const {
        if constexpr (M::kMasks)
            return mask_.has(tid);
        return true;
    }

    // Further `count` lists become those that are looked at.
    Status probe_more(uint64_t count) {
        lists_.clear();
        VECX_TRY(take_lists(count));
        if (lists_.empty()) {
            phase_ = Phase::late;
            return Status{};
        }
        rounds_ = 0;
        pool_.begin_lists();
        beyond_ = -kInfinity;
        VECX_TRY(sweep());
        while (passing_.any_condition()) {
            const uint64_t wanted = passing_.lists_wanted(options_.probes, counters_.lists);
            const uint32_t from = static_cast<uint32_t>(lists_.size());
            if (wanted > counters_.lists)
                VECX_TRY(take_lists(wanted - counters_.lists));
            if (lists_.size() == from)
                break;
            VECX_TRY(sweep_from(from));
        }
        return Status{};
    }

    // The next `count` lists to those in hand, if there are and may be so many.
    Status take_lists(uint64_t count) {
        const uint64_t limit = options_.max_probes > 0 && options_.max_probes > options_.probes ? options_.max_probes
                               : options_.max_probes > 0                                        ? options_.probes
                                                                                                : UINT64_MAX;
        order_->expect(counters_.lists + count);
        for (; count > 0 && counters_.lists < limit; --count) {
            ListAhead list;
            bool found;
            VECX_TRY(order_->next(*store_, &list, &found));
            if (!found)
                break;
            lists_.push_back(list);
            ++counters_.lists;
        }
        return Status{};
    }

    // Reads the lists in hand for rows whose bound is at least beyond_, and keeps the least of them.
    Status sweep() {
        pool_.begin_round();
        ++rounds_;
        return sweep_from(0);
    }
    // The same of those from the given one on: the others have been read. Where the disk has to be asked, it is asked for all of
    // them at once: the rest of a chain is known page by page only.
    Status sweep_from(uint32_t from) {
        if constexpr (requires { store_->prefetch(uint32_t{}); })
            for (uint32_t i = from; i < lists_.size(); ++i)
                if (!lists_[i].first.none())
                    store_->prefetch(lists_[i].first.block);
        for (uint32_t i = from; i < lists_.size(); ++i)
            VECX_TRY(for_each_page(lists_[i], [&](Link at, Link *next) {
                pool_.make_room(shape_.page_rows);
                return sweep_page(i, at, next);
            }));
        pool_.forget_least();
        return Status{};
    }

    // visit(at, &next) for the pages of a list.
    template <class F>
    Status for_each_page(const ListAhead &list, F visit) {
        uint32_t pages = 0, blocks = kShortChain; // that there are at least; counting them is a call of the system
        for (Link at = list.first, next{}; !at.none(); at = next) {
            store_->poll();
            if (++pages > blocks) {
                blocks = store_->block_count();
                if (pages > blocks)
                    return fault_status(at.block, "chain of pages runs in a circle");
            }
            VECX_TRY(visit(at, &next));
            if constexpr (requires { store_->prefetch(at.block); })
                if (!next.none())
                    store_->prefetch(next.block);
        }
        return Status{};
    }

    // Rows of a page whose bound is in [beyond_, window) go to the pool, which has room for them.
    Status sweep_page(uint32_t index, Link at, Link *next) {
        const ListAhead &list = lists_[index];
        const char *fault = nullptr;
        ++counters_.pages;
        VECX_TRY(store_->read(at.block, [&](const PageView &page) {
            const PostingsHead *head;
            fault = postings_fault(page, shape_, at, list.id, &head);
            if (fault != nullptr)
                return;
            *next = head->page.next;
            const PostingsView view = view_postings(page.body, shape_);
            if (!passing_.find(view))
                return;
            counters_.rows += head->count;
            first_->find(view, list, passing_, &counters_);
            Waiting item{};
            item.page = at;
            item.list = index;
            item.id = list.id;
            item.known = shape_.coded() ? Known::coarse : Known::exact;
            for (uint32_t i = 0; i < head->count; ++i) {
                i = passing_.any_condition() ? passing_.next(i, head->count) : first_->skip(i, head->count, pool_.window());
                if (i == head->count)
                    break;
                if (!first_->below(i, pool_.window()))
                    continue;
                item.key = first_->of(i);
                item.tid = view.tids()[i];
                if (item.tid.offset == 0 || item.key < beyond_)
                    continue;
                if (!passes(item.tid))
                    continue;
                item.row = static_cast<uint16_t>(i);
                pool_.add(item);
            }
        }));
        return fault == nullptr ? Status{} : fault_status(at.block, fault);
    }

    // Looks at the top of the heap more closely, or lets it leave.
    Status step(Row *row, bool *out) {
        *out = false;
        store_->poll();
        if (heap_.top().known == Known::coarse)
            return shape_.codes_rows > 0 ? second_.refine(heap_, lists_) : make_exact(heap_.pop());
        const Waiting item = heap_.pop();
        if (item.known == Known::fine)
            return make_exact(item);
        *row = Row{item.tid, probe_->shown(item.key)};
        if (item.key < floor_) {
            const LateRows late = hnsw::late_rows(options_.late, mask_);
            if (late == LateRows::left_out)
                return Status{};
            if (late == LateRows::after_all && !second_run_) {
                late_.push(*row);
                return Status{};
            }
        } else {
            floor_ = item.key;
        }
        *out = true;
        return Status{};
    }

    // The key itself, and the row back to the heap, if it is there.
    Status make_exact(Waiting item) {
        bool found;
        VECX_TRY(second_.find_key(item, &item.key, &found));
        if (!found)
            return Status{};
        item.known = Known::exact;
        heap_.push(item);
        return Status{};
    }

    size_t bytes() const { return pool_.bytes() + heap_.bytes() + late_.bytes(); }

    // All that the window held has left: what lies beyond it is next, then further lists.
    Status widen() {
        if (pool_.is_open()) {
            if (!options_.iterate) {
                phase_ = Phase::late;
                return Status{};
            }
            if constexpr (M::kMasks)
                if (mask_.give_up(counters_.lists, 0)) {
                    phase_ = Phase::late;
                    return Status{};
                }
            if (late_.bytes() > options_.memory_limit / 2)
                return sort_rest();
            return probe_more(counters_.lists); // as many again
        }
        beyond_ = pool_.window();
        pool_.widen();
        if (rounds_ > kMaxRounds || pool_.bytes_of_round() + bytes() > options_.memory_limit)
            return sort_rest();
        return sweep();
    }

    // The rest goes through the sorter: rows of the lists in hand that lie beyond the window, and those of all further lists.
    Status sort_rest() {
        if constexpr (M::kMasks) {
            phase_ = Phase::late;
            return Status{};
        }
        counters_.swept = true;
        if (!pool_.is_open()) {
            beyond_ = pool_.window();
            VECX_TRY(put_lists());
        }
        beyond_ = -kInfinity;
        while (options_.iterate && (options_.max_probes == 0 || counters_.lists < options_.max_probes)) {
            ListAhead list;
            bool found;
            VECX_TRY(order_->next(*store_, &list, &found));
            if (!found)
                break;
            ++counters_.lists;
            lists_.clear();
            lists_.push_back(list);
            VECX_TRY(put_lists());
        }
        sorter_->finish();
        sorted_found_ = sorter_->next(&sorted_.tid, &sorted_.low, &sorted_.high);
        phase_ = Phase::sorted;
        return Status{};
    }

    Status put_lists() {
        pool_.open();
        for (uint32_t i = 0; i < lists_.size(); ++i)
            VECX_TRY(for_each_page(lists_[i], [&](Link at, Link *next) {
                pool_.clear();
                pool_.make_room(shape_.page_rows);
                VECX_TRY(sweep_page(i, at, next));
                for (const Waiting &item : pool_.rows()) {
                    double low = item.key, high = item.known == Known::exact ? low : kInfinity;
                    if (item.known != Known::exact && shape_.vectors_rows > 0) {
                        bool found;
                        VECX_TRY(second_.find_key_in_index(item, &low, &found));
                        high = low;
                    }
                    sorter_->put(options_.late == LateRows::after_all && low < floor_, low, high, item.tid);
                }
                return Status{};
            }));
        pool_.clear();
        return Status{};
    }

    // Rows from the sorter that may be the next ones go to the heap.
    void take_sorted() {
        while (sorted_found_ && (heap_.empty() || sorted_.low <= heap_.top().key)) {
            if (sorted_.low < sorted_before_ && !second_run_) {
                // Those that were late when they were put follow behind all others.
                if (!heap_.empty())
                    return;
                second_run_ = true;
                floor_ = -kInfinity;
            }
            sorted_before_ = sorted_.low;
            Waiting item{};
            item.key = sorted_.low;
            item.known = sorted_.low == sorted_.high ? Known::exact : Known::fine;
            item.tid = sorted_.tid;
            heap_.push(item);
            sorted_found_ = sorter_->next(&sorted_.tid, &sorted_.low, &sorted_.high);
        }
    }

    struct Sorted {
        HeapTid tid;
        double low, high;
    };

    S *store_;
    T *sorter_;
    Arena *arena_;
    Shape shape_;
    const Directory *directory_;
    Payload payload_;
    StreamOptions options_;
    M mask_;
    Measure measure_;
    StreamCounters counters_{};
    PassingRows passing_;
    Probe *probe_ = nullptr;
    ListOrder *order_ = nullptr;
    FirstBounds *first_ = nullptr;
    SecondLook<S, R> second_;
    AllRows<S> all_; // the NULL query
    Array<ListAhead> lists_; // in hand
    WaitingPool pool_;
    WaitingHeap heap_;
    Heap<Row, NearerRow> late_;
    double beyond_ = -kInfinity; // rows of the lists in hand with a bound of less have left
    double floor_ = -kInfinity;  // the greatest key that has left
    uint32_t rounds_ = 0;
    bool second_run_ = false;
    bool sorted_found_ = false;
    Sorted sorted_{};
    double sorted_before_ = -kInfinity;
    Phase phase_ = Phase::start;
};

} // namespace vecx::ivf
