// A scan: the rows of the index one after the other, nearest first, until all have been returned. README.md,
// "The stream", explains the phases and what "late" means.
#pragma once

#include "hnsw/scan.hpp"
#include "hnsw/search.hpp"

namespace vecx::hnsw {

template <NodeStore S, Sorter T, Mask M = EveryRow>
class Stream {
  public:
    // `query` must outlive the stream and be sound for the measure's type; bytes == nullptr is the NULL query,
    // whose distance to everything is 0.
    Stream(S &store, Arena &arena, const Measure &measure, Payload query, StreamOptions options, T &sorter, M mask = M{})
        : s_(store, arena, measure), store_(&store), sorter_(&sorter), query_(query), options_(options),
          mask_(mask), outside_(arena), rows_(arena), late_(arena), page_(arena) {
        if (options_.ef_search < 1)
            options_.ef_search = 1;
        set_target();
    }

    // The next row; `found` is false at the end. `distance` is the measure's. Takes share locks of single pages
    // and holds none when it returns.
    Status next(HeapTid *tid, double *distance, bool *found) {
        for (;;) {
            if (tid_at_ < tid_count_) {
                *tid = tids_[tid_at_++];
                if constexpr (M::kMasks)
                    if (!mask_.has(*tid))
                        continue;
                *distance = distance_of_key(key_);
                *found = true;
                return Status{};
            }
            switch (phase_) {
            case Phase::start:
                VECX_TRY(begin());
                break;
            case Phase::graph:
                VECX_TRY(from_graph());
                break;
            case Phase::drain:
                VECX_TRY(from_rest());
                break;
            case Phase::sweep:
                if (query_.bytes == nullptr) {
                    VECX_TRY(from_pages());
                } else {
                    VECX_TRY(sweep());
                    phase_ = Phase::sorted;
                }
                break;
            case Phase::sorted:
                *found = sorter_->next(tid, distance, distance);
                if (!*found)
                    phase_ = Phase::end;
                return Status{};
            case Phase::end:
                *found = false;
                return Status{};
            }
        }
    }

    const StreamCounters &counters() const {
        counters_.pages = s_.reader.pages() + counters_.swept_pages;
        counters_.distances = s_.reader.distances() + swept_distances_;
        counters_.look_ahead = target_;
        return counters_;
    }

  private:
    enum class Phase : uint8_t { start, graph, drain, sweep, sorted, end };

    // State bits of an entry of the visited set.
    static constexpr uint64_t kFrontier = 1ull << 29; // was put into the frontier
    static constexpr uint64_t kDone = 1ull << 30;     // was returned, or left out for good
    static constexpr uint64_t kDead = 1ull << 31;     // had no row when visited
    static_assert((kFrontier | kDone | kDead) == kKeyStateMask);

    // A node that the sweep met on the page in hand.
    struct Swept {
        Link link;
        double key;
        bool spans_pages; // its key is still to be computed
        uint8_t tid_count;
        HeapTid tids[kTidsPerNode];
    };

    Status begin() {
        MetaRecord meta;
        uint32_t body_size = 0;
        VECX_TRY(read_meta(*store_, &meta, &body_size));
        const Measure &measure = s_.reader.measure();
        if (query_.bytes != nullptr && !payload_is_sound(measure.type, measure.dim, query_))
            return Status::make(Code::data_exception, "query does not have the shape of the index (%d dimensions)",
                                measure.dim);
        // The sweep fills these inside page callbacks, where nothing may be allocated.
        page_.reserve(body_size / node_fixed_size(kMinM, 0) + 1);
        if (query_.bytes != nullptr)
            VECX_TRY(enter_graph(s_, &meta, query_, 0));
        if (s_.points.empty()) {
            start_sweep();
            return Status{};
        }
        s_.visited.clear();
        s_.frontier.clear();
        s_.best.clear();
        phase_ = Phase::graph;
        return visit(s_.points[0].link);
    }

    // The best target_ nodes visited are kept in s_.best; the search has found its best when none of the
    // frontier is nearer than the worst of these.
    void set_target() {
        target_ = std::max(options_.least_ahead, look_ahead(static_cast<size_t>(options_.ef_search), taken_ + 1));
    }

    // Of the radius, which is in SQL's unit.
    bool beyond(double key) const {
        const double distance = distance_of_key(key);
        return options_.beyond(s_.reader.measure().metric == Metric::l2 ? std::sqrt(distance) : distance);
    }

    Status visit(Link link) {
        bool fresh;
        uint64_t *state = s_.visited.insert(link.key(), &fresh);
        if (!fresh)
            return Status{};
        Visit v;
        if constexpr (M::kMasks) {
            VECX_TRY(s_.reader.distance(link, query_, &v, [&](const NodeView &node) {
                bool pass = false;
                for (int i = 0; i < node.head->tid_count && !pass; ++i)
                    pass = mask_.has(node.tids[i]);
                if (!pass)
                    v.dead = true; // leads on
            }));
        } else {
            VECX_TRY(s_.reader.distance(link, query_, &v));
        }
        if (!v.found)
            return Status{};
        ++counters_.nodes;
        Candidate c{v.key, link};
        if (v.dead) {
            *state |= kDead;
        } else {
            rows_.push(c);
            ++met_;
        }
        if (s_.best.size() >= target_ && v.key >= s_.best.top().key) {
            outside_.push(c);
            return Status{};
        }
        *state |= kFrontier;
        s_.frontier.push(c);
        if (v.dead)
            return Status{};
        s_.best.push(c);
        if (s_.best.size() > target_)
            outside_.push(s_.best.pop());
        return Status{};
    }

    // After the target has grown: the nearest of those outside come in, and lead on if they never did.
    void take_in() {
        while (s_.best.size() < target_ && !outside_.empty()) {
            Candidate c = outside_.pop();
            uint64_t *state = s_.visited.find(c.link.key());
            if ((*state & kFrontier) == 0) {
                *state |= kFrontier;
                s_.frontier.push(c);
            }
            if ((*state & kDead) == 0)
                s_.best.push(c);
        }
    }

    bool memory_is_short() const {
        constexpr size_t kHop = 2 * kMaxM;
        return s_.visited.bytes_after(kHop) + s_.frontier.bytes_after(kHop) + s_.best.bytes_after(kHop) +
                   outside_.bytes_after(kHop) + rows_.bytes_after(kHop) + late_.bytes_after(kHop) >
               options_.memory_limit;
    }

    Status from_graph() {
        take_in();
        for (;;) {
            if (s_.frontier.empty())
                break;
            if (s_.best.size() >= target_ && s_.frontier.top().key > s_.best.top().key)
                break;
            if (options_.max_tuples >= 0 && counters_.nodes >= static_cast<uint64_t>(options_.max_tuples)) {
                phase_ = Phase::drain;
                return Status{};
            }
            if constexpr (M::kMasks)
                if (mask_.give_up(counters_.nodes, met_)) {
                    phase_ = Phase::end;
                    return Status{};
                }
            if (memory_is_short()) {
                start_sweep();
                return Status{};
            }
            Candidate nearest = s_.frontier.pop();
            store_->poll();
            uint32_t count;
            VECX_TRY(s_.reader.links(nearest.link, 0, s_.links, &count));
            for (uint32_t i = 0; i < count; ++i)
                VECX_TRY(visit(s_.links[i]));
        }
        if (s_.best.size() < target_ || rows_.empty()) {
            // All that can be reached has been visited: the pages may hold more.
            start_sweep();
            return Status{};
        }
        if (beyond(rows_.top().key)) {
            phase_ = Phase::drain;
            return Status{};
        }
        return emit(rows_.pop());
    }

    // Loads the rows of the next node, unless it comes late and must wait or stay away.
    Status emit(Candidate c) {
        bool is_late = c.key < last_key_;
        ++taken_;
        set_target();
        const LateRows late = late_rows(options_.late, mask_);
        if (is_late && late == LateRows::after_all) {
            late_.push(c);
            return Status{};
        }
        *s_.visited.find(c.link.key()) |= kDone;
        if (is_late && late == LateRows::left_out)
            return Status{};
        if (!is_late)
            last_key_ = c.key;
        return load(c);
    }

    Status load(Candidate c) {
        bool found;
        tid_at_ = tid_count_ = 0;
        key_ = c.key;
        return s_.reader.look(c.link, &found, [&](const NodeView &node) {
            tid_count_ = node.head->tid_count;
            memcpy(tids_, node.tids, sizeof tids_);
        });
    }

    // The limit of nodes or the radius is reached: what was visited, in order, then what came late.
    Status from_rest() {
        if (!rows_.empty() && !beyond(rows_.top().key))
            return emit(rows_.pop());
        if (late_.empty()) {
            phase_ = Phase::end;
            return Status{};
        }
        return load(late_.pop());
    }

    void start_sweep() {
        s_.frontier.give_back();
        s_.best.give_back();
        outside_.give_back();
        rows_.give_back();
        late_.give_back();
        if constexpr (M::kMasks) {
            phase_ = Phase::end;
            return;
        }
        counters_.swept = true;
        phase_ = Phase::sweep;
        block_ = 1;
    }

    // Reads the nodes of one page into page_: those alive and not yet returned.
    Status read_page(uint32_t block) {
        const char *fault = nullptr;
        const Measure &measure = s_.reader.measure();
        page_.clear();
        store_->poll();
        ++counters_.swept_pages;
        VECX_TRY(store_->read(block, [&](const PageView &page) {
            if ((fault = page_fault(page)) != nullptr)
                return;
            for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                NodeView node;
                if ((fault = node_fault(page, static_cast<uint16_t>(i), &node)) != nullptr)
                    return;
                if (node.head == nullptr || node.dead() || page_.size() >= page_.capacity())
                    continue;
                Swept item;
                item.link = Link{block, static_cast<uint16_t>(i), node.head->generation};
                uint64_t *state = s_.visited.find(item.link.key());
                if (state != nullptr && (*state & kDone) != 0)
                    continue;
                item.tid_count = node.head->tid_count;
                memcpy(item.tids, node.tids, sizeof item.tids);
                item.key = 0;
                item.spans_pages = false;
                if (query_.bytes != nullptr) {
                    Payload payload{node.payload, node.head->payload_size};
                    item.spans_pages = node.head->inline_size != payload.size;
                    if (!item.spans_pages) {
                        if (!payload_is_sound(measure.type, measure.dim, payload)) {
                            fault = "payload of a node does not fit the type";
                            return;
                        }
                        item.key = order_key(measure.distance(measure, query_, payload));
                        ++swept_distances_;
                    }
                }
                page_.push_back(item);
            }
        }));
        return fault == nullptr ? Status{} : fault_status(block, fault);
    }

    // All pages through the sorter.
    Status sweep() {
        for (; block_ < store_->block_count(); ++block_) {
            VECX_TRY(read_page(block_));
            for (Swept &item : page_) {
                if (item.spans_pages) {
                    Visit v;
                    VECX_TRY(s_.reader.distance(item.link, query_, &v));
                    if (!v.found)
                        continue;
                    item.key = v.key;
                }
                bool late = item.key < last_key_ && options_.late != LateRows::at_once;
                if ((late && options_.late == LateRows::left_out) || beyond(item.key))
                    continue;
                for (int i = 0; i < item.tid_count; ++i)
                    sorter_->put(late, distance_of_key(item.key), distance_of_key(item.key), item.tids[i]);
            }
        }
        sorter_->finish();
        return Status{};
    }

    // The NULL query needs no order: rows as the pages have them.
    Status from_pages() {
        if (page_at_ < page_.size()) {
            const Swept &item = page_[page_at_++];
            key_ = 0;
            tid_at_ = 0;
            tid_count_ = item.tid_count;
            memcpy(tids_, item.tids, sizeof tids_);
            return Status{};
        }
        if (block_ >= store_->block_count()) {
            phase_ = Phase::end;
            return Status{};
        }
        page_at_ = 0;
        return read_page(block_++);
    }

    SearchState<S> s_;
    S *store_;
    T *sorter_;
    Payload query_;
    StreamOptions options_;
    M mask_;
    uint64_t met_ = 0; // nodes that went into rows_
    Heap<Candidate, Nearer> outside_; // visited, not among the best
    Heap<Candidate, Nearer> rows_;    // visited, alive, not yet returned
    Heap<Candidate, Nearer> late_;
    Array<Swept> page_;
    mutable StreamCounters counters_{};
    uint64_t swept_distances_ = 0;
    size_t taken_ = 0; // nodes that have left rows_
    size_t target_ = 0;
    double last_key_ = -std::numeric_limits<double>::infinity();
    double key_ = 0; // of the rows in tids_
    HeapTid tids_[kTidsPerNode];
    uint8_t tid_at_ = 0, tid_count_ = 0;
    Phase phase_ = Phase::start;
    uint32_t block_ = 1;
    size_t page_at_ = 0;
};

} // namespace vecx::hnsw
