// A scan of the layouts `inline` and `compact`: the rows of the index one after the other, nearest first, until all have
// been returned. The phases are those of ../stream.hpp; README.md, "Order", has what is different: keys come from
// stored vectors, so a row's distance is known to lie in an interval only.
#pragma once

#include "filter/search_budget.hpp"
#include "hnsw/inlined/beam.hpp"
#include "hnsw/inlined/matches.hpp"
#include "hnsw/inlined/tid_reader.hpp"
#include "hnsw/scan.hpp"

namespace vecx::hnsw::inlined {

// A row, in units of what SQL shows.
struct Row {
    HeapTid tid;
    bool maybe;      // the conditions on attributes are to be tested again
    bool certain;    // its place is right: no row that follows, unless late, has a smaller distance, and none before it a
                     // larger one. Otherwise the caller has to sort by exact distances, as far as the bounds demand.
    double distance; // at most the exact one; what follows has at least this, unless late
    double farthest; // at least the exact one; infinity when that is not known to be a number
};

// The distance that SQL shows of the row at `tid`, computed from the table; false when the scan's snapshot does not see it.
// Called with no page locked. `of` may be null: then nobody can tell.
struct ExactDistance {
    bool (*of)(void *context, HeapTid tid, double *distance) = nullptr;
    void *context = nullptr;
};

template <NodeStore S, Sorter T, Mask M = EveryRow>
class Stream {
  public:
    // `query` must outlive the stream and be sound for the shape; bytes == nullptr is the NULL query, whose distance to
    // everything is 0. With `where`, which must outlive it too, the stream has only rows that pass these conditions, or may:
    // all of them, in order, like a stream without.
    Stream(S &store, Arena &arena, const Shape &shape, Payload query, StreamOptions options, T &sorter, ExactDistance exact = {}, M mask = M{},
           const filter::Predicate *where = nullptr)
        : visitor_(store, shape), beam_(visitor_, arena), tids_(store, arena, shape), store_(&store), arena_(&arena),
          sorter_(&sorter), payload_(query), options_(options), exact_(exact), mask_(mask), rows_(arena), late_(arena), open_(arena), page_(arena),
          where_(where), matches_(store, arena, shape) {
        for (uint32_t i = 0; where != nullptr && i < where->count; ++i)
            lossy_ |= !where->conditions[i].exact;
        if (options_.ef_search < 1)
            options_.ef_search = 1;
        is_hard_ = options_.patience <= 0;
    }

    // The next row; `found` is false at the end. Takes share locks of single pages and holds none when it returns.
    Status next(Row *row, bool *found) {
        for (;;) {
            if (phase_ != Phase::sorted) {
                VECX_TRY(tids_.next(&row->tid, found));
                if (*found) {
                    if constexpr (M::kMasks)
                        if (!mask_.has(row->tid))
                            continue;
                    row->distance = low_;
                    row->farthest = high_;
                    row->certain = certain_;
                    row->maybe = maybe_;
                    return Status{};
                }
            }
            switch (phase_) {
            case Phase::start:
                VECX_TRY(begin());
                break;
            case Phase::graph:
                VECX_TRY(from_graph());
                break;
            case Phase::direct:
                VECX_TRY(visit_matches());
                break;
            case Phase::drain:
                VECX_TRY(from_rest());
                break;
            case Phase::sweep:
                if (payload_.bytes == nullptr) {
                    VECX_TRY(from_pages());
                } else {
                    VECX_TRY(sweep());
                    phase_ = Phase::sorted;
                }
                break;
            case Phase::sorted:
                from_sorter(row, found);
                return Status{};
            case Phase::end:
                *found = false;
                return Status{};
            }
        }
    }

    const StreamCounters &counters() const {
        counters_.nodes = beam_.nodes();
        counters_.estimates = visitor_.estimates();
        counters_.distances = visitor_.keys() + swept_distances_;
        counters_.pages = visitor_.visits() + tids_.pages() + counters_.swept_pages;
        counters_.look_ahead = target();
        counters_.matches = matched_;
        return counters_;
    }

    // For the beam: a node under its lock, and after it.
    void look(const NodeView &node, Link, Visit &visit) {
        if constexpr (M::kMasks)
            if (!visit.dead && !may_pass(node))
                visit.dead = true;
        if (where_ != nullptr && !visit.dead) {
            const filter::Verdict verdict = where_->test(node.attributes);
            visit.dead = verdict == filter::Verdict::no;
            seen_.maybe = verdict == filter::Verdict::maybe;
        }
        if (!visit.dead)
            fill(node, visit.key, &seen_);
    }
    void met(Link link, const Visit &visit) {
        if (visit.dead)
            return;
        seen_.link = link;
        seen_.met_at = static_cast<uint32_t>(std::min<uint64_t>(beam_.nodes(), UINT32_MAX));
        rows_.push(seen_);
        ++met_;
    }

  private:
    enum class Phase : uint8_t { start, graph, direct, drain, sweep, sorted, end };

    static constexpr int kMany = 1000; // heap TIDs of a node that the executor should not compare one by one
    static constexpr int kTries = 32; // heap TIDs of a node that are asked for its distance
    static constexpr uint64_t kDone = 1ull << 30; // state in the visited set: was returned, or left out for good
    // A shorter look-ahead returns far rows first and then has to wait, where late rows do, for all that is nearer.
    static constexpr size_t kLeastTarget = 8;
    static constexpr size_t kOpenRows = 32;
    static constexpr size_t kRowsAhead = 9; // with the first, what most queries ask for
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();

    // A node with rows.
    struct Known {
        double low, high; // where its exact distance lies
        Link link;
        HeapTid tid;
        bool single; // `tid` is its only heap TID
        bool many;   // it has a list of them, and nobody has asked the table for its distance
        bool maybe;  // its attributes do not tell whether it passes the conditions
        uint32_t met_at; // nodes visited before it
    };
    struct Nearer {
        bool operator()(const Known &a, const Known &b) const { return a.low < b.low; }
    };
    struct Less {
        bool operator()(double a, double b) const { return a < b; }
    };
    // A node that the sweep met on the page in hand.
    struct Swept {
        Known known;
        Link more;
        uint8_t tid_count;
        HeapTid tids[kTidsPerNode];
    };

    // Rows whose places nobody knows yet, for their distances may be the same, count for the next one's place only up to
    // kOpenRows: hundreds of them, of which a query that is near to nothing has many, would have the search look ahead as if
    // the caller had taken them.
    size_t target() const {
        const size_t ef = static_cast<size_t>(options_.ef_search), spare = ef > 10 ? ef - 10 : 0;
        const size_t place = settled_ + std::min(taken_ - settled_, kOpenRows) + 1;
        return std::max({kLeastTarget, is_hard_ ? options_.least_ahead : 0, look_ahead(ef, place), taken_ + 1 + spare});
    }
    // A node leaves rows_. Those before it are settled whose distances are at most its lower bound.
    void take(const Known &node, bool late) {
        ++taken_;
        for (; !open_.empty() && open_.top() <= node.low; ++settled_)
            open_.pop();
        if (late || !(node.low < node.high))
            ++settled_;
        else
            open_.push(node.high);
    }

    // Of a list that goes on elsewhere, nothing is known.
    bool may_pass(const NodeView &node) const {
        bool pass = !node.head->more_tids.none();
        for (uint32_t i = 0; i < node.head->tid_count && !pass; ++i)
            pass = mask_.has(node.tids[i]);
        return pass;
    }

    void fill(const NodeView &node, float key, Known *out) const {
        bound(*node.head, key, out);
        out->single = node.head->tid_count == 1 && node.head->more_tids.none();
        out->many = !node.head->more_tids.none();
        if (out->single)
            out->tid = node.tids[0];
    }

    // A NaN under cosine is the distance of a zero vector, and certain: to it, or from it, all are. Else NaN and infinity
    // come from sums too large for a float, and say nothing.
    void bound(const Head &head, float key, Known *out) const {
        if (std::isfinite(key)) [[likely]] {
            Interval in = exact_interval(visitor_.shape(), query_, head, key);
            out->low = in.low;
            out->high = in.high;
            if (in.low <= in.high)
                return;
        }
        const bool zero = visitor_.shape().metric == Metric::cosine && query_.norm == 0;
        out->low = zero ? kInfinity : -kInfinity;
        out->high = kInfinity;
    }

    Status begin() {
        MetaRecord meta;
        uint32_t body_size = 0;
        VECX_TRY(read_meta(*store_, &meta, &body_size));
        const Shape &shape = visitor_.shape();
        if (payload_.bytes != nullptr && !payload_is_sound(shape.type, shape.dim, payload_))
            return Status::make(Code::data_exception, "query does not have the shape of the index (%d dimensions)", shape.dim);
        body_size_ = body_size;
        bool found = false;
        if (where_ != nullptr && where_->never) {
            phase_ = Phase::end;
            return Status{};
        }
        if (payload_.bytes != nullptr) {
            query_ = prepare_query(shape, payload_, *arena_);
            if (where_ != nullptr) {
                VECX_TRY(matches_.survey(*where_, body_size_, options_.memory_limit / 2));
                budget_.most = matches_.visits();
                if (matches_.known() && matches_.visits() <= matches_.visits_of_search(target())) {
                    phase_ = Phase::direct;
                    return Status{};
                }
            }
            // VACUUM names another entry before it frees one: then the metapage is read again.
            while (!meta.entry.none()) {
                VECX_TRY(beam_.start(meta.entry, query_, target(), *this, &found));
                if (found)
                    break;
                const Link gone = meta.entry;
                VECX_TRY(read_meta(*store_, &meta));
                if (meta.entry == gone)
                    break;
                store_->poll();
            }
        }
        if (!found)
            start_sweep();
        else
            phase_ = Phase::graph;
        return Status{};
    }

    size_t bytes_after_hop() const {
        constexpr size_t kHop = kMaxPlaces;
        return beam_.bytes_after_hop() + rows_.bytes_after(kHop) + late_.bytes_after(kHop) + open_.bytes_after(1);
    }
    bool memory_is_short() {
        return bytes_after_hop() > options_.memory_limit && (!beam_.tidy() || bytes_after_hop() > options_.memory_limit);
    }

    Status from_graph() {
        while (!beam_.done()) {
            if (options_.max_tuples >= 0 && beam_.nodes() >= static_cast<uint64_t>(options_.max_tuples)) {
                phase_ = Phase::drain;
                return Status{};
            }
            if constexpr (M::kMasks)
                if (mask_.give_up(beam_.nodes(), met_)) {
                    phase_ = Phase::end;
                    return Status{};
                }
            if (where_ != nullptr && matches_.known()) {
                budget_.wanted = static_cast<double>(target());
                if (budget_.spent(beam_.nodes(), met_)) {
                    phase_ = Phase::direct;
                    return Status{};
                }
            }
            if (memory_is_short()) {
                start_sweep();
                return Status{};
            }
            VECX_TRY(beam_.hop(query_, *this));
        }
        if (!beam_.full() || rows_.empty() || beam_.lost()) {
            // All that can be reached has been visited, or can be no more: the pages may hold more.
            if (where_ != nullptr && matches_.known())
                phase_ = Phase::direct;
            else
                start_sweep();
            return Status{};
        }
        if (options_.beyond(rows_.top().low)) {
            phase_ = Phase::drain;
            return Status{};
        }
        if (!is_hard_ && was_met_lately(rows_.top())) {
            is_hard_ = true;
            beam_.set_target(target());
            return Status{};
        }
        return emit();
    }

    bool was_met_lately(const Known &node) const {
        return static_cast<double>(beam_.nodes()) < options_.patience * static_cast<double>(node.met_at);
    }

    // The graph is left: all nodes that the directory of attributes names for the conditions and that were not visited. Then
    // everything is known that there is to return.
    Status visit_matches() {
        bool complete;
        VECX_TRY(matches_.collect(*where_, body_size_, options_.memory_limit / 2, &complete));
        if (!complete) {
            start_sweep();
            return Status{};
        }
        beam_.give_back();
        Array<Link> &links = matches_.links();
        std::sort(links.begin(), links.end(), [](const Link &a, const Link &b) { return a.key() < b.key(); });
        for (size_t i = 0; i < links.size(); ++i) {
            if (i + 1 < links.size())
                visitor_.prefetch(links[i + 1]);
            store_->poll();
            if (beam_.state(links[i]) != nullptr)
                continue;
            if (options_.max_tuples >= 0 && beam_.nodes() + matched_ >= static_cast<uint64_t>(options_.max_tuples))
                break;
            if (bytes_after_hop() + links.capacity_bytes() > options_.memory_limit) {
                start_sweep();
                return Status{};
            }
            Visit visit;
            VECX_TRY(visitor_.key(links[i], query_, &visit, [&](const NodeView &node) { look(node, links[i], visit); }));
            beam_.note(links[i]);
            if (!visit.found)
                continue;
            ++matched_;
            met(links[i], visit);
        }
        links.give_back();
        phase_ = Phase::drain;
        return Status{};
    }

    // The rows of a node are equal, and with a distance that is not certain the executor would compare every one of them
    // before it returned the first. One of them, from the table, tells for all. Its heap TIDs are those that tids_ has next.
    Status settle(Known *node) {
        node->many = false;
        for (int i = 0; i < kTries; ++i) {
            HeapTid tid;
            bool found;
            VECX_TRY(tids_.next(&tid, &found));
            if (!found)
                break;
            double distance;
            if (!exact_.of(exact_.context, tid, &distance))
                continue;
            if (distance >= node->low && distance <= node->high)
                node->low = node->high = distance;
            break;
        }
        return Status{};
    }
    Status has_many(Link node, bool *many) {
        VECX_TRY(tids_.start(node));
        *many = true;
        for (int i = 0; i < kMany && *many; ++i) {
            HeapTid tid;
            VECX_TRY(tids_.next(&tid, many));
        }
        return Status{};
    }
    bool to_settle(const Known &node) const { return node.many && node.low < node.high && exact_.of != nullptr; }

    // Loads the rows of the next node, unless it comes late and must wait or stay away.
    Status emit() {
        Known node = rows_.pop();
        if (to_settle(node)) {
            // Not for some hundred: a node that waits for its exact distance is returned later than its bound says, and what
            // the search finds meanwhile is late.
            bool big;
            VECX_TRY(has_many(node.link, &big));
            if (big) {
                VECX_TRY(tids_.start(node.link));
                VECX_TRY(settle(&node));
            }
            node.many = false;
            tids_.forget();
            rows_.push(node); // others may be nearer now
            return Status{};
        }
        const bool is_late = node.low < floor_;
        if (phase_ == Phase::graph) {
            take(node, is_late);
            beam_.set_target(target());
        }
        const LateRows late = late_rows(options_.late, mask_);
        if (is_late && late == LateRows::after_all) {
            late_.push(node);
            return Status{};
        }
        if (uint64_t *state = beam_.state(node.link); state != nullptr)
            *state |= kDone;
        if (is_late && late == LateRows::left_out)
            return Status{};
        fetch_rows();
        const Known *after = rows_.empty() ? nullptr : &rows_.top();
        if (is_late) {
            certain_ = after != nullptr && node.high <= after->low;
            low_ = node.low;
            high_ = node.high;
        } else {
            place(node.low, node.high, after != nullptr, after != nullptr ? after->low : 0);
        }
        return load(node);
    }

    // Rows that are likely to be returned soon are fetched ahead, if the store can do that: the nearest ones known, some at
    // a time, and the next one once more when the caller is given the row before it. Nodes with several rows are left out.
    void fetch_rows() {
        if constexpr (requires { store_->prefetch_row(HeapTid{}, true); }) {
            if (rows_.empty())
                return;
            if (rows_fetched_ == 0) {
                const Known *nearest[kRowsAhead];
                for (const Known &row : rows_) {
                    size_t at = rows_fetched_;
                    if (at == kRowsAhead) {
                        if (!(row.low < nearest[at - 1]->low))
                            continue;
                        --at;
                    } else {
                        ++rows_fetched_;
                    }
                    for (; at > 0 && row.low < nearest[at - 1]->low; --at)
                        nearest[at] = nearest[at - 1];
                    nearest[at] = &row;
                }
                for (size_t i = 0; i < rows_fetched_; ++i)
                    if (nearest[i]->single)
                        store_->prefetch_row(nearest[i]->tid, false);
            }
            --rows_fetched_;
            if (rows_.top().single)
                store_->prefetch_row(rows_.top().tid, true);
        }
    }

    // A row that is not late: whether it is certain, which it cannot be when nothing is known of what follows.
    void place(double low, double high, bool next_known, double next_low) {
        certain_ = low >= ceiling_ && next_known && high <= next_low;
        low_ = low;
        high_ = high;
        ceiling_ = std::max(ceiling_, high);
        floor_ = std::max(floor_, certain_ ? high : low);
    }

    Status load(const Known &node) {
        maybe_ = node.maybe;
        if (!node.single)
            return tids_.start(node.link);
        tids_.start_known(node.link, &node.tid, 1, Link{});
        return Status{};
    }

    // The limit of nodes or the radius is reached: what was visited, in order, then what came late.
    Status from_rest() {
        if (!rows_.empty() && !options_.beyond(rows_.top().low))
            return emit();
        if (late_.empty()) {
            phase_ = Phase::end;
            return Status{};
        }
        if (!second_run_) {
            second_run_ = true;
            floor_ = ceiling_ = -kInfinity;
        }
        const Known node = late_.pop();
        place(node.low, node.high, !late_.empty(), late_.empty() ? 0 : late_.top().low);
        return load(node);
    }

    void start_sweep() {
        beam_.give_back();
        rows_.give_back();
        late_.give_back();
        open_.give_back();
        matches_.give_back();
        if constexpr (M::kMasks) {
            phase_ = Phase::end;
            return;
        }
        // Filled inside page callbacks, where nothing may be allocated.
        page_.reserve(body_size_ / visitor_.shape().record_size(kGroup) + 1);
        counters_.swept = true;
        phase_ = Phase::sweep;
        block_ = 1;
    }

    // Reads the nodes of one page into page_: those alive and not yet returned.
    Status read_page(uint32_t block) {
        page_.clear();
        page_at_ = 0;
        store_->poll();
        ++counters_.swept_pages;
        const Shape &shape = visitor_.shape();
        return for_each_node(*store_, shape, block, [&](uint16_t slot, const NodeView &node) {
            if (node.dead() || page_.size() >= page_.capacity())
                return;
            Swept item{};
            item.known.link = Link{block, slot, node.head->generation};
            uint64_t *state = beam_.state(item.known.link);
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
            if (payload_.bytes != nullptr) {
                bound(*node.head, own_key(shape, query_, *node.head, node.own), &item.known);
                ++swept_distances_;
            }
            page_.push_back(item);
        });
    }

    // All pages through the sorter.
    Status sweep() {
        for (; block_ < store_->block_count(); ++block_) {
            VECX_TRY(read_page(block_));
            for (Swept &item : page_) {
                Known &known = item.known;
                if (to_settle(known)) {
                    tids_.start_known(known.link, item.tids, item.tid_count, item.more);
                    VECX_TRY(settle(&known));
                }
                const bool late = known.low < floor_ && options_.late != LateRows::at_once;
                if ((late && options_.late == LateRows::left_out) || options_.beyond(known.low))
                    continue;
                tids_.start_known(known.link, item.tids, item.tid_count, item.more);
                for (;;) {
                    HeapTid tid;
                    bool found;
                    VECX_TRY(tids_.next(&tid, &found));
                    if (!found)
                        break;
                    sorter_->put(late, known.low, known.high, tid);
                }
            }
        }
        sorter_->finish();
        pending_found_ = sorter_->next(&pending_.tid, &pending_.low, &pending_.high);
        return Status{};
    }

    // The sorter is read one row ahead, for what is certain depends on the next.
    void from_sorter(Row *row, bool *found) {
        *found = pending_found_;
        if (!pending_found_) {
            phase_ = Phase::end;
            return;
        }
        const Known now = pending_;
        pending_found_ = sorter_->next(&pending_.tid, &pending_.low, &pending_.high);
        if (now.low < low_ && !second_run_ && options_.late == LateRows::after_all) {
            second_run_ = true;
            floor_ = ceiling_ = -kInfinity;
        }
        // Nothing follows the last row of a run.
        const bool last = !pending_found_ || pending_.low < now.low;
        place(now.low, now.high, true, last ? kInfinity : pending_.low);
        row->tid = now.tid;
        row->distance = now.low;
        row->farthest = now.high;
        row->certain = certain_;
        row->maybe = lossy_;
    }

    // The NULL query needs no order: rows as the pages have them.
    Status from_pages() {
        low_ = high_ = 0;
        certain_ = true;
        if (page_at_ < page_.size()) {
            const Swept &item = page_[page_at_++];
            maybe_ = item.known.maybe;
            tids_.start_known(item.known.link, item.tids, item.tid_count, item.more);
            return Status{};
        }
        if (block_ >= store_->block_count()) {
            phase_ = Phase::end;
            return Status{};
        }
        return read_page(block_++);
    }

    Visitor<S> visitor_;
    Beam<S> beam_;
    TidReader<S> tids_; // of the node in hand
    S *store_;
    Arena *arena_;
    T *sorter_;
    Payload payload_;
    Query query_{};
    StreamOptions options_;
    ExactDistance exact_;
    M mask_;
    uint64_t met_ = 0; // nodes that went into rows_
    Heap<Known, Nearer> rows_; // visited, alive, not yet returned
    Heap<Known, Nearer> late_;
    Heap<double, Less> open_; // upper bounds of the nodes that left rows_ and may still belong behind the next
    Array<Swept> page_;
    const filter::Predicate *where_; // null: every row
    Matches<S> matches_;             // used with `where_` only
    filter::SearchBudget budget_;
    uint64_t matched_ = 0;  // nodes that visit_matches visited
    bool is_hard_ = true;   // options_.least_ahead counts
    bool lossy_ = false;    // attributes do not always tell whether a row passes
    bool maybe_ = false;    // of the rows in tids_
    mutable StreamCounters counters_{};
    uint64_t swept_distances_ = 0;
    size_t taken_ = 0; // nodes that have left rows_
    size_t settled_ = 0; // of them, those that have their places
    size_t rows_fetched_ = 0; // ahead, and not returned yet
    Known seen_{};     // by look(), for met()
    Known pending_;    // of the sorter
    bool pending_found_ = false;
    bool second_run_ = false;
    bool certain_ = false;
    double low_ = -kInfinity;     // of the rows in tids_
    double high_ = kInfinity;
    double floor_ = -kInfinity;   // what is below is late
    double ceiling_ = -kInfinity; // the greatest distance that a row returned can have
    Phase phase_ = Phase::start;
    uint32_t body_size_ = 0;
    uint32_t block_ = 1;
    size_t page_at_ = 0;
};

} // namespace vecx::hnsw::inlined
