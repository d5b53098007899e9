// A scan of the layouts `inline` and `compact`: the rows of the index one after the other, nearest first, until all have
// been returned. The phases are those of ../stream.hpp; README.md, "Order", has what is different: keys come from
// stored vectors, so a row's distance is known to lie in an interval only.
#pragma once

#include "filter/search_budget.hpp"
#include "hnsw/inlined/fetch_ahead.hpp"
#include "hnsw/inlined/matches.hpp"
#include "hnsw/inlined/sweep.hpp"

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

template <NodeStore S, Sorter T, Mask M = EveryRow>
class Stream {
  public:
    // `query` must outlive the stream and be sound for the shape; bytes == nullptr is the NULL query, whose distance to
    // everything is 0. With `where`, which must outlive it too, the stream has only rows that pass these conditions, or may:
    // all of them, in order, like a stream without.
    Stream(S &store, Arena &arena, const Shape &shape, Payload query, StreamOptions options, T &sorter, ExactDistance exact = {}, M mask = M{},
           const filter::Predicate *where = nullptr)
        : visitor_(store, shape), beam_(visitor_, arena), tids_(store, arena, shape), store_(&store), arena_(&arena),
          payload_(query), options_(options), mask_(mask), settler_(tids_, exact), fetcher_(store), ahead_(options, arena),
          sweep_(store, beam_, tids_, settler_, placing_, sorter, visitor_.shape(), options_, where, counters_, arena), rows_(arena), late_(arena),
          where_(where), matches_(store, arena, shape) {
        for (uint32_t i = 0; where != nullptr && i < where->count; ++i)
            lossy_ |= !where->conditions[i].exact;
    }
    Stream(const Stream &) = delete; // its parts point at each other
    Stream &operator=(const Stream &) = delete;

    // The next row; `found` is false at the end. Takes share locks of single pages and holds none when it returns.
    Status next(Row *row, bool *found) {
        for (;;) {
            if (phase_ != Phase::sorted) {
                VECX_TRY(tids_.next(&row->tid, found));
                if (*found) {
                    if constexpr (M::kMasks)
                        if (!mask_.has(row->tid))
                            continue;
                    show_place(row);
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
                    bool more;
                    VECX_TRY(sweep_.load_next(&maybe_, &more));
                    if (!more)
                        phase_ = Phase::end;
                } else {
                    VECX_TRY(sweep_.sort());
                    phase_ = Phase::sorted;
                }
                break;
            case Phase::sorted:
                *found = sweep_.next_sorted(&row->tid);
                if (!*found)
                    phase_ = Phase::end;
                show_place(row);
                row->maybe = lossy_;
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
        counters_.distances = visitor_.keys() + sweep_.distances();
        counters_.pages = visitor_.visits() + tids_.pages() + counters_.swept_pages;
        counters_.look_ahead = ahead_.target();
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

    void show_place(Row *row) const {
        row->distance = placing_.low();
        row->farthest = placing_.high();
        row->certain = placing_.certain();
    }

    // Of a list that goes on elsewhere, nothing is known.
    bool may_pass(const NodeView &node) const {
        bool pass = !node.head->more_tids.none();
        for (uint32_t i = 0; i < node.head->tid_count && !pass; ++i)
            pass = mask_.has(node.tids[i]);
        return pass;
    }

    void fill(const NodeView &node, float key, Known *out) const {
        bound(visitor_.shape(), query_, *node.head, key, out);
        out->single = node.head->tid_count == 1 && node.head->more_tids.none();
        out->many = !node.head->more_tids.none();
        if (out->single)
            out->tid = node.tids[0];
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
                if (matches_.known() && matches_.visits() <= matches_.visits_of_search(ahead_.target())) {
                    phase_ = Phase::direct;
                    return Status{};
                }
            }
            // VACUUM names another entry before it frees one: then the metapage is read again.
            while (!meta.entry.none()) {
                VECX_TRY(beam_.start(meta.entry, query_, ahead_.target(), *this, &found));
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
        return beam_.bytes_after_hop() + rows_.bytes_after(kHop) + late_.bytes_after(kHop) + ahead_.bytes_after_take();
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
                budget_.wanted = static_cast<double>(ahead_.target());
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
        if (!ahead_.is_hard() && was_met_lately(rows_.top())) {
            ahead_.set_hard();
            beam_.set_target(ahead_.target());
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

    // Loads the rows of the next node, unless it comes late and must wait or stay away.
    Status emit() {
        Known node = rows_.pop();
        if (settler_.wants(node)) {
            VECX_TRY(settler_.settle(&node));
            rows_.push(node); // others may be nearer now
            return Status{};
        }
        const bool is_late = placing_.is_late(node.low);
        if (phase_ == Phase::graph) {
            ahead_.take(node, is_late);
            beam_.set_target(ahead_.target());
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
        fetcher_.fetch(rows_);
        const Known *after = rows_.empty() ? nullptr : &rows_.top();
        if (is_late)
            placing_.place_late(node.low, node.high, after != nullptr && node.high <= after->low);
        else
            placing_.place(node.low, node.high, after != nullptr, after != nullptr ? after->low : 0);
        return load(node);
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
            placing_.begin_second_run();
        }
        const Known node = late_.pop();
        placing_.place(node.low, node.high, !late_.empty(), late_.empty() ? 0 : late_.top().low);
        return load(node);
    }

    void start_sweep() {
        beam_.give_back();
        rows_.give_back();
        late_.give_back();
        ahead_.give_back();
        matches_.give_back();
        if constexpr (M::kMasks) {
            phase_ = Phase::end;
            return;
        }
        sweep_.begin(payload_.bytes == nullptr ? nullptr : &query_, body_size_);
        phase_ = Phase::sweep;
    }

    Visitor<S> visitor_;
    Beam<S> beam_;
    TidReader<S> tids_; // of the node in hand
    S *store_;
    Arena *arena_;
    Payload payload_;
    Query query_{};
    StreamOptions options_;
    M mask_;
    Settler<S> settler_;
    RowFetcher<S> fetcher_;
    LookAhead ahead_;
    Placing placing_; // of the rows in tids_
    mutable StreamCounters counters_{};
    Sweep<S, T> sweep_;
    uint64_t met_ = 0; // nodes that went into rows_
    KnownHeap rows_; // visited, alive, not yet returned
    KnownHeap late_;
    const filter::Predicate *where_; // null: every row
    Matches<S> matches_;             // used with `where_` only
    filter::SearchBudget budget_;
    uint64_t matched_ = 0;  // nodes that visit_matches visited
    bool lossy_ = false;    // attributes do not always tell whether a row passes
    bool maybe_ = false;    // of the rows in tids_
    Known seen_{};     // by look(), for met()
    bool second_run_ = false;
    Phase phase_ = Phase::start;
    uint32_t body_size_ = 0;
};

} // namespace vecx::hnsw::inlined
