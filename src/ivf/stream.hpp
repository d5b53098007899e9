// A scan: the rows of the index one after the other, nearest first, until all have been returned. README.md, "Search".
//
// What is known of a row is a lower bound of its key: first from one bit a coordinate, then from all bits, then the key
// itself. The row with the least is always the next to be looked at more closely, and when that is a key, to leave.
//   pool_    bounds of the lists looked at that lie below window_, in no order
//   heap_    those of the pool that have come up, in order
//   beyond   rows whose first bound is window_ or more are not kept: their lists are read again when all others have left
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "filter/columns.hpp"
#include "ivf/encode.hpp"
#include "ivf/postings.hpp"
#include "ivf/probe.hpp"
#include "ivf/scan.hpp"

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
        : store_(&store), rows_(&rows), sorter_(&sorter), arena_(&arena), shape_(directory.shape()), directory_(&directory), payload_(query),
          options_(options), mask_(mask), where_(where), measure_(make_measure(shape_.type, shape_.metric, shape_.dim, kernels::active)), lists_(arena),
          pool_(arena), heap_(arena), late_(arena), tids_(arena) {
        if (options_.probes < 1)
            options_.probes = 1;
    }

    // The next row; `found` is false at the end. Takes share locks of single pages and holds none when it returns.
    Status next(Row *row, bool *found) {
        for (;;) {
            switch (phase_) {
            case Phase::start:
                VECX_TRY(begin());
                break;
            case Phase::window: {
                VECX_TRY(fill_heap());
                if (heap_.empty() || heap_.top().key > window_) {
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
                VECX_TRY(next_of_all(row, found));
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
    enum class Known : uint8_t { coarse, fine, exact };

    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr size_t kWindow = 512;  // rows that a window keeps at least; twice as many at most
    static constexpr size_t kGrowth = 4;    // of the window, each time the lists are read again
    static constexpr uint32_t kMaxRounds = 3; // of reading the same lists, before the sorter takes over
    static constexpr size_t kFirstPick = 48; // rows taken from the pool at first
    static constexpr uint32_t kBatch = 24;   // second looks at a time
    static constexpr uint32_t kShortChain = 256; // pages of a list that are read before anybody asks whether it is a circle
    static constexpr uint32_t kSkip = 16;    // rows of a page that are passed over together
    static constexpr uint64_t kLeastPassing = 32; // rows that pass the conditions, seen before the first leaves
    static constexpr uint64_t kRank = 10;         // those of them that tell how far away such rows are
    static constexpr double kFarther = 1.5;       // README.md, "Further columns"

    struct Item {
        double key; // or a lower bound
        Link page;
        uint32_t list; // in lists_, as long as the bound is a coarse one
        uint32_t id;   // of the list
        uint16_t row;
        Known known;
        HeapTid tid;
    };
    struct Nearer {
        bool operator()(const Item &a, const Item &b) const {
            return a.key != b.key ? a.key < b.key : a.known > b.known; // an exact one first
        }
    };
    struct NearerRow {
        bool operator()(const Row &a, const Row &b) const { return a.distance < b.distance; }
    };

    Status begin() {
        for (uint32_t i = 0; where_ != nullptr && i < where_->count; ++i)
            if (where_->conditions[i].column >= shape_.attributes)
                return Status::make(Code::internal, "condition on column %u of %u", where_->conditions[i].column + 2u, shape_.attributes + 1u);
        if (where_ != nullptr)
            passing_ = arena_->make_array<uint64_t>(shape_.null_words());
        if (payload_.bytes == nullptr) {
            phase_ = Phase::all;
            tids_.reserve(shape_.page_rows);
            return Status{};
        }
        bounds_ = arena_->make_array<float>(shape_.page_rows + 16);
        if (!payload_is_sound(shape_.type, shape_.dim, payload_))
            return Status::make(Code::data_exception, "query does not have the shape of the index (%d dimensions)", shape_.dim);
        if (measure_.distance == nullptr)
            return Status::make(Code::internal, "no distance for this type and metric");
        keys_ = arena_->make_array<double>(shape_.coded() ? 1 : shape_.page_rows);
        probe_ = place(arena_->make_array<Probe>(1), *directory_, payload_, *arena_);
        order_ = place(arena_->make_array<ListOrder>(1), *directory_, *probe_, *arena_);
        signs_ = arena_->make_array<uint64_t>(static_cast<size_t>(shape_.words) * kBatch + 1);
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
        wanted_ = kWindow;
        beyond_ = -kInfinity;
        VECX_TRY(sweep());
        while (where_ != nullptr) {
            const uint64_t wanted = lists_for_passing();
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

    // The nearest ten rows that pass lie as far away as the nearest `rank_` of all, for which some sqrt(rank_ / 10) times as many lists
    // are looked at as for the nearest ten (README.md, "Further columns"). Where the filter has to do with the query, `rank_` knows.
    uint64_t lists_for_passing() const {
        if (passed_ < kLeastPassing)
            return 2 * counters_.lists;
        const double farther = std::sqrt(std::max(rank_ / kRank, 1.0)) - 1;
        return static_cast<uint64_t>(std::ceil(options_.probes * (1 + kFarther * farther)));
    }

    // Reads the lists in hand for rows whose bound is at least beyond_, and keeps the least of them.
    Status sweep() {
        window_ = kInfinity;
        pick_ = kFirstPick;
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
                make_room();
                return sweep_page(i, at, next);
            }));
        pool_low_ = -kInfinity;
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

    // Rows of a page whose bound is in [beyond_, window_) go to the pool, which has room for them.
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
            if (where_ != nullptr && !find_passing(view))
                return;
            counters_.rows += head->count;
            if (shape_.coded())
                coarse_bounds(view, list);
            else
                exact_keys(view);
            const float window = window_ < 3.4e38 ? static_cast<float>(window_) : std::numeric_limits<float>::infinity();
            const bool open = window_ == kInfinity;
            Item item{};
            item.page = at;
            item.list = index;
            item.id = list.id;
            item.known = shape_.coded() ? Known::coarse : Known::exact;
            for (uint32_t i = 0; i < head->count; ++i) {
                // Few rows are below the window: most are passed over many at a time.
                if (where_ != nullptr)
                    i = next_passing(i, head->count);
                else if (shape_.coded() && !open)
                    while (i + kSkip <= head->count && !any_below(bounds_ + i, window))
                        i += kSkip;
                if (i == head->count)
                    break;
                if (!(shape_.coded() ? bounds_[i] < window || open : keys_[i] < window_ || open))
                    continue;
                item.key = shape_.coded() ? static_cast<double>(bounds_[i]) : keys_[i];
                item.tid = view.tids()[i];
                if (item.tid.offset == 0 || item.key < beyond_)
                    continue;
                if (!passes(item.tid))
                    continue;
                item.row = static_cast<uint16_t>(i);
                pool_.push_back(item);
            }
        }));
        return fault == nullptr ? Status{} : fault_status(at.block, fault);
    }

    // Notes which rows of a page pass the conditions; false when none does.
    bool find_passing(const PostingsView &view) {
        const PostingsHead &head = view.head();
        const uint32_t passed = filter::find_rows(
            *where_, head.count, [&](uint32_t column) { return filter::ColumnOfRows{view.nulls(column), view.keys(column)}; }, passing_);
        if (passed_ < kRank && passed_ + passed >= kRank)
            rank_ = static_cast<double>(seen_) + head.count * static_cast<double>(kRank - passed_) / passed;
        seen_ += head.count;
        passed_ += passed;
        return passed > 0;
    }
    bool is_passing(uint32_t row) const { return where_ == nullptr || (passing_[row / 64] >> (row % 64) & 1) != 0; }
    // The first row from `row` on that passes; else `count`.
    uint32_t next_passing(uint32_t row, uint32_t count) const {
        while (row < count) {
            const uint64_t rest = passing_[row / 64] >> (row % 64);
            if (rest != 0)
                return row + static_cast<uint32_t>(std::countr_zero(rest));
            row = (row / 64 + 1) * 64;
        }
        return count;
    }

    // Whether one of kSkip bounds is below the window; without a branch, for the compiler to vectorise.
    static bool any_below(const float *bounds, float window) {
        uint32_t below = 0;
        for (uint32_t i = 0; i < kSkip; ++i)
            below |= bounds[i] < window;
        return below != 0;
    }

    // Quantiser none: the keys themselves.
    void exact_keys(const PostingsView &view) {
        for (uint32_t i = 0; i < view.head().count; ++i) {
            if (view.tids()[i].offset == 0 || !is_passing(i))
                continue;
            const double distance = measure_.distance(measure_, payload_, Payload{view.payload(i), shape_.payload_size});
            keys_[i] = distance == distance ? distance : kInfinity;
            ++counters_.exact;
        }
    }

    void coarse_bounds(const PostingsView &view, const ListAhead &list) {
        const PostingsHead &head = view.head();
        quant::Bounds bounds;
        bounds.centre_key = list.key;
        bounds.reach = list.reach;
        bounds.add_scale = head.add_scale;
        bounds.mul_scale = head.mul_scale;
        if (shape_.learnt()) {
            learnt_bounds(view, bounds);
            return;
        }
        bounds.deviations = kCoarseDeviations;
        quant::lower_bounds(probe_->query(), bounds, shape_.words, (head.count + 3u) / 4, view.signs(), view.add(), view.mul(), bounds_);
    }

    void learnt_bounds(const PostingsView &view, quant::Bounds &bounds) {
        const uint32_t count = view.head().count;
        bounds.deviations = directory_->codebook().head.deviations;
        if (shape_.quantizer == QuantizerKind::pq) {
            if (bounds.add_scale == 0) // all rows are without a bound: minus infinity stays what it is
                bounds.add_scale = 1;
            quant::lookup_bounds(probe_->lookup(), bounds, (count + 15) / 16, view.words(), view.add(), view.mul(), view.unit(), bounds_);
            return;
        }
        for (uint32_t i = 0; i < count; ++i) {
            if (!is_passing(i))
                continue;
            const quant::Factors f = view.factors(i);
            bounds_[i] = quant::scalar_bound(probe_->rotated(), shape_.centroid_dim(), bounds,
                                             reinterpret_cast<const int8_t *>(view.payload(i) + sizeof(FineHead)), f.add, f.mul, f.fine_error);
        }
    }

    // Before a page is read: room for its rows in the pool, if need be by narrowing the window.
    void make_room() {
        if (pool_.size() > 2 * wanted_)
            narrow();
        pool_.reserve(pool_.size() + shape_.page_rows);
    }
    void narrow() {
        Item *middle = pool_.begin() + wanted_;
        std::nth_element(pool_.begin(), middle, pool_.end(), Nearer{});
        const double limit = middle->key;
        size_t kept = 0;
        for (const Item &item : pool_)
            if (item.key < limit)
                pool_[kept++] = item;
        if (kept == 0) { // all alike: they are all needed
            wanted_ *= 2;
            return;
        }
        pool_.resize_uninitialized(kept);
        window_ = limit;
    }

    // Sees to it that the least of all that is kept is on top of the heap.
    Status fill_heap() {
        while (!pool_.empty() && (heap_.empty() || heap_.top().key > pool_low_)) {
            const size_t count = std::min(pick_, pool_.size());
            pick_ *= 2;
            if (count < pool_.size()) {
                std::nth_element(pool_.begin(), pool_.begin() + (pool_.size() - count), pool_.end(),
                                 [](const Item &a, const Item &b) { return Nearer{}(b, a); });
                for (size_t i = 0; i < count; ++i) {
                    heap_.push(pool_.back());
                    pool_.pop_back();
                }
                pool_low_ = kInfinity;
                for (const Item &item : pool_)
                    pool_low_ = std::min(pool_low_, item.key);
            } else {
                for (const Item &item : pool_)
                    heap_.push(item);
                pool_.clear();
                pool_low_ = kInfinity;
            }
        }
        return Status{};
    }

    // Looks at the top of the heap more closely, or lets it leave.
    Status step(Row *row, bool *out) {
        *out = false;
        store_->poll();
        if (heap_.top().known == Known::coarse)
            return shape_.codes_rows > 0 ? refine() : make_exact(heap_.pop());
        const Item item = heap_.pop();
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

    // Bounds from all bits for the best of the heap whose bounds are from one, in the order of their pages.
    Status refine() {
        Item batch[kBatch];
        uint32_t count = 0;
        while (count < kBatch && !heap_.empty() && heap_.top().known == Known::coarse)
            batch[count++] = heap_.pop();
        std::sort(batch, batch + count, [](const Item &a, const Item &b) { return a.page.block != b.page.block ? a.page.block < b.page.block : a.row < b.row; });
        Link codes[kBatch];
        uint32_t offsets[kBatch];
        for (uint32_t i = 0; i < count;) {
            uint32_t end = i + 1;
            while (end < count && batch[end].page == batch[i].page)
                ++end;
            const Link at = batch[i].page;
            const char *fault = nullptr;
            ++counters_.pages;
            VECX_TRY(store_->read(at.block, [&](const PageView &page) {
                const PostingsHead *head;
                fault = postings_fault(page, shape_, at, batch[i].id, &head);
                if (fault != nullptr)
                    return;
                const PostingsView view = view_postings(page.body, shape_);
                for (uint32_t k = i; k < end; ++k) {
                    if (batch[k].row >= head->count) {
                        fault = "page of rows has lost some";
                        return;
                    }
                    view.copy_signs(batch[k].row, signs_ + static_cast<size_t>(k) * shape_.words);
                    const Place place = code_place(shape_, *head, batch[k].row);
                    codes[k] = view.codes()[place.page];
                    offsets[k] = place.offset;
                }
            }));
            if (fault != nullptr)
                return fault_status(at.block, fault);
            if constexpr (requires { store_->prefetch(at.block); })
                for (uint32_t k = i; k < end; ++k)
                    store_->prefetch(codes[k].block);
            i = end;
        }
        for (uint32_t i = 0; i < count;) {
            uint32_t end = i + 1;
            while (end < count && codes[end] == codes[i])
                ++end;
            const Link at = codes[i];
            const char *fault = nullptr;
            ++counters_.pages;
            VECX_TRY(store_->read(at.block, [&](const PageView &page) {
                fault = cold_page_fault(page, PageKind::codes, at, batch[i].id);
                if (fault != nullptr)
                    return;
                for (uint32_t k = i; k < end; ++k) {
                    if (offsets[k] + shape_.fine_size() > page_head(page)->low) {
                        fault = "code lies beyond the end of its page";
                        return;
                    }
                    fine_bound(page.body + offsets[k], signs_ + static_cast<size_t>(k) * shape_.words, &batch[k]);
                }
            }));
            if (fault != nullptr)
                return fault_status(at.block, fault);
            i = end;
        }
        counters_.fine += count;
        for (uint32_t i = 0; i < count; ++i)
            heap_.push(batch[i]);
        return Status{};
    }

    void fine_bound(const uint8_t *record, const uint64_t *signs, Item *item) const {
        FineHead fine;
        memcpy(&fine, record, sizeof fine);
        const ListAhead &list = lists_[item->list];
        const float key = quant::fine_key(probe_->query(), list.key, shape_.words, shape_.bits, signs, record + sizeof fine, fine.add, fine.mul);
        const float error = quant::fine_error(probe_->query(), shape_.words, shape_.bits, list.reach, fine.error);
        const float bound = key - kFineDeviations * error;
        item->known = Known::fine;
        if (bound > -3e38f && bound < 3e38f)
            item->key = static_cast<double>(bound); // else it stays as it was
    }

    // The key itself.
    Status make_exact(Item item) {
        double key = 0;
        bool found = false;
        ++counters_.exact;
        if (shape_.vectors_rows > 0 && !item.page.none()) {
            VECX_TRY(exact_in_index(item, &key, &found));
        } else {
            double distance;
            VECX_TRY(rows_->distance(item.tid, &distance, &found));
            if (found)
                key = distance == distance ? probe_->key_of_shown(distance) : kInfinity;
        }
        if (!found)
            return Status{};
        item.key = key;
        item.known = Known::exact;
        heap_.push(item);
        return Status{};
    }

    Status exact_in_index(const Item &item, double *key, bool *found) {
        const char *fault = nullptr;
        Link at = item.page, vectors{};
        uint32_t offset = 0;
        const uint32_t list = item.id;
        counters_.pages += 2;
        VECX_TRY(store_->read(at.block, [&](const PageView &page) {
            const PostingsHead *head;
            fault = postings_fault(page, shape_, at, list, &head);
            if (fault != nullptr || item.row >= head->count)
                return;
            const Place place = vector_place(shape_, *head, item.row);
            vectors = view_postings(page.body, shape_).vectors()[place.page];
            offset = place.offset;
        }));
        if (fault != nullptr || vectors.none())
            return fault_status(at.block, fault != nullptr ? fault : "page of rows has lost some");
        VECX_TRY(store_->read(vectors.block, [&](const PageView &page) {
            fault = cold_page_fault(page, PageKind::vectors, vectors, list);
            if (fault == nullptr && offset + shape_.payload_size > page_head(page)->low)
                fault = "vector lies beyond the end of its page";
            if (fault != nullptr)
                return;
            const double distance = measure_.distance(measure_, payload_, Payload{page.body + offset, shape_.payload_size});
            *key = distance == distance ? probe_->key_of_measure(distance) : kInfinity;
        }));
        *found = true;
        return fault == nullptr ? Status{} : fault_status(vectors.block, fault);
    }

    size_t bytes() const { return pool_.capacity_bytes() + heap_.bytes() + late_.bytes(); }

    // All that the window held has left: what lies beyond it is next, then further lists.
    Status widen() {
        if (window_ == kInfinity) {
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
        beyond_ = window_;
        wanted_ *= kGrowth;
        if (rounds_ > kMaxRounds || 3 * wanted_ * sizeof(Item) + bytes() > options_.memory_limit)
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
        if (window_ < kInfinity) {
            beyond_ = window_;
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
        window_ = kInfinity;
        for (uint32_t i = 0; i < lists_.size(); ++i)
            VECX_TRY(for_each_page(lists_[i], [&](Link at, Link *next) {
                pool_.clear();
                pool_.reserve(shape_.page_rows);
                VECX_TRY(sweep_page(i, at, next));
                for (const Item &item : pool_) {
                    double low = item.key, high = item.known == Known::exact ? low : kInfinity;
                    if (item.known != Known::exact && shape_.vectors_rows > 0) {
                        bool found;
                        VECX_TRY(exact_in_index(item, &low, &found));
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
            Item item{};
            item.key = sorted_.low;
            item.known = sorted_.low == sorted_.high ? Known::exact : Known::fine;
            item.tid = sorted_.tid;
            heap_.push(item);
            sorted_found_ = sorter_->next(&sorted_.tid, &sorted_.low, &sorted_.high);
        }
    }

    // The NULL query needs no order: rows as the pages have them.
    Status next_of_all(Row *row, bool *found) {
        for (;;) {
            if (tid_at_ < tids_.size()) {
                *row = Row{tids_[tid_at_++], 0};
                *found = true;
                return Status{};
            }
            store_->poll();
            if (at_.none()) {
                if (list_at_ < lists_.size()) {
                    at_ = lists_[list_at_++].first;
                    continue;
                }
                *found = false;
                if (branch_at_ == directory_->branches())
                    return Status{};
                lists_.clear();
                list_at_ = 0;
                VECX_TRY(directory_->for_each_list(*store_, branch_at_++, [&](const CentroidHead &head, const int8_t *) {
                    lists_.push_back(ListAhead{0, 0, head.id, head.first});
                }));
                continue;
            }
            tids_.clear();
            tid_at_ = 0;
            const char *fault = nullptr;
            const Link at = at_;
            ++counters_.pages;
            VECX_TRY(store_->read(at.block, [&](const PageView &page) {
                const PostingsHead *head;
                fault = postings_fault(page, shape_, at, lists_[list_at_ - 1].id, &head);
                if (fault != nullptr)
                    return;
                at_ = head->page.next;
                const PostingsView view = view_postings(page.body, shape_);
                if (where_ != nullptr && !find_passing(view))
                    return;
                for (uint32_t i = 0; i < head->count; ++i)
                    if (view.tids()[i].offset != 0 && is_passing(i) && passes(view.tids()[i]))
                        tids_.push_back(view.tids()[i]);
            }));
            if (fault != nullptr)
                return fault_status(at.block, fault);
        }
    }

    struct Sorted {
        HeapTid tid;
        double low, high;
    };

    S *store_;
    R *rows_;
    T *sorter_;
    Arena *arena_;
    Shape shape_;
    const Directory *directory_;
    Payload payload_;
    StreamOptions options_;
    M mask_;
    const filter::Predicate *where_;
    Measure measure_;
    Probe *probe_ = nullptr;
    ListOrder *order_ = nullptr;
    Array<ListAhead> lists_; // in hand
    Array<Item> pool_;
    Heap<Item, Nearer> heap_;
    Heap<Row, NearerRow> late_;
    Array<HeapTid> tids_; // of a page, for the NULL query
    float *bounds_ = nullptr;   // of a page
    double *keys_ = nullptr;    // of a page, quantiser none
    uint64_t *signs_ = nullptr; // of a batch
    uint64_t *passing_ = nullptr; // a bit for each row of a page
    uint64_t seen_ = 0, passed_ = 0; // rows whose conditions were tested; those that pass
    double rank_ = 0;                // rows seen when kRank of them had passed
    StreamCounters counters_{};
    double window_ = kInfinity;   // rows of the lists in hand with a bound of this or more are not in the pool
    double beyond_ = -kInfinity;  // those with less have left
    double pool_low_ = kInfinity; // no bound in the pool is less
    double floor_ = -kInfinity;   // the greatest key that has left
    size_t wanted_ = kWindow, pick_ = kFirstPick;
    uint32_t rounds_ = 0;
    bool second_run_ = false;
    bool sorted_found_ = false;
    Sorted sorted_{};
    double sorted_before_ = -kInfinity;
    uint32_t branch_at_ = 0;
    size_t list_at_ = 0, tid_at_ = 0;
    Link at_{};
    Phase phase_ = Phase::start;
};

} // namespace vecx::ivf
