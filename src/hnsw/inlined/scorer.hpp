// The rows of a mask by the vectors that the index stores of them, for filters that leave so few rows that looking at each is
// less work than searching the graph for them. Rows are found by a map of heap TIDs (filter/row_places.hpp).
#pragma once

#include <limits>

#include "base/array.hpp"
#include "filter/row_mask.hpp"
#include "filter/row_places.hpp"
#include "hnsw/inlined/codec.hpp"
#include "hnsw/inlined/frontier.hpp"
#include "hnsw/inlined/stream.hpp"

namespace vecx::hnsw::inlined {

// A node names its rows, so a place at which the row is not found is no error: the row is one of which nothing is known, as
// are those that the map does not have. They come first, with bounds that say so; then the others by their lower bounds.
// Memory: kBytesPerRow for each row.
template <NodeStore S>
class MaskScorer {
  public:
    static constexpr size_t kBytesPerRow = 3 * sizeof(double);

    MaskScorer(S &store, Arena &arena, const Shape &shape) : store_(&store), arena_(&arena), shape_(shape), rows_(arena), unknown_(arena) {}

    // Looks at all rows of the mask, which must have no whole pages and at most `count` rows. `query` must be sound for the shape
    // and outlive the scorer. Takes share locks of single pages and holds none when it returns.
    Status score(Payload query, const filter::RowMask &mask, size_t count, const filter::RowPlaces &places) {
        if (!payload_is_sound(shape_.type, shape_.dim, query))
            return Status::make(Code::data_exception, "query does not have the shape of the index (%d dimensions)", shape_.dim);
        query_ = prepare_query(shape_, query, *arena_);
        rows_.append(count);
        rows_.take_back(count);
        Pending pending[kAhead];
        uint32_t first = 0, waiting = 0;
        Status status{};
        for (size_t i = 0; i < mask.page_count() && status.ok(); ++i) {
            const filter::MaskPage &page = mask.page(i);
            store_->poll();
            mask.for_each_offset(page, [&](uint16_t offset) {
                if (!status.ok())
                    return;
                const HeapTid tid{static_cast<uint16_t>(page.block >> 16), static_cast<uint16_t>(page.block), offset};
                filter::RowPlaces::Place place;
                if (!places.find(page.block, offset, &place) || place.slot >= kMaxSlots) {
                    unknown_.push_back(tid);
                    return;
                }
                if constexpr (requires { store_->prefetch(place.block, place.slot, false); })
                    store_->prefetch(place.block, place.slot, false);
                if (waiting == kAhead) {
                    status = visit(pending[first]);
                    first = (first + 1) % kAhead;
                    --waiting;
                }
                pending[(first + waiting++) % kAhead] = Pending{place, tid};
            });
        }
        for (; waiting > 0 && status.ok(); first = (first + 1) % kAhead, --waiting)
            status = visit(pending[first]);
        counters_.distances = rows_.size();
        return status;
    }

    // The next row; `found` is false when all have come. Their bounds are as those of a Stream; late ones there are none.
    void next(Row *row, bool *found) {
        *found = true;
        if (!unknown_.empty()) {
            *row = Row{unknown_.back(), false, false, -kInfinity, kInfinity};
            unknown_.pop_back();
            return;
        }
        if (rows_.empty()) {
            *found = false;
            return;
        }
        const Known known = rows_.pop();
        row->tid = known.tid;
        row->maybe = false;
        row->distance = known.low;
        row->farthest = known.high;
        row->certain = known.low >= ceiling_ && (rows_.empty() || known.high <= rows_.top().low);
        ceiling_ = std::max(ceiling_, known.high);
    }

    size_t unknown() const { return unknown_.size(); } // rows that are still to come of which nothing is known
    const StreamCounters &counters() const { return counters_; }

  private:
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr uint32_t kAhead = 8; // nodes that are fetched while others are looked at

    struct Known {
        double low, high; // where its exact distance lies
        HeapTid tid;
    };
    static_assert(sizeof(Known) == kBytesPerRow);
    struct Nearer {
        bool operator()(const Known &a, const Known &b) const { return a.low < b.low; }
    };
    struct Pending {
        filter::RowPlaces::Place place;
        HeapTid tid;
    };

    Status visit(const Pending &row) {
        const char *fault = nullptr;
        Known known{-kInfinity, kInfinity, row.tid};
        bool there = false;
        store_->poll();
        ++counters_.pages;
        ++counters_.nodes;
        VECX_TRY(store_->read(row.place.block, [&](const PageView &page) {
            NodeView node;
            fault = node_fault(page, shape_, row.place.slot, &node);
            if (fault != nullptr || node.head == nullptr || node.dead())
                return;
            for (uint32_t i = 0; i < node.head->tid_count && !there; ++i)
                there = memcmp(&node.tids[i], &row.tid, sizeof row.tid) == 0;
            if (!there)
                return;
            const float key = own_key(shape_, query_, *node.head, node.own);
            if (std::isfinite(key)) {
                const Interval in = exact_interval(shape_, query_, *node.head, key);
                if (in.low <= in.high) {
                    known.low = in.low;
                    known.high = in.high;
                }
            }
        }));
        if (fault != nullptr)
            return fault_status(row.place.block, fault);
        if (there)
            rows_.push(known);
        else
            unknown_.push_back(row.tid);
        return Status{};
    }

    S *store_;
    Arena *arena_;
    Shape shape_;
    Query query_{};
    LazyHeap<Known, Nearer> rows_;
    Array<HeapTid> unknown_;
    StreamCounters counters_{};
    double ceiling_ = -kInfinity; // the greatest distance that a row returned can have
};

// Fills `places`, which is new, with the rows of all nodes, in two passes over the index. False when it would take too much
// memory. Rows that lie in a node's list of chunks are left out. Takes share locks of single pages and holds none when it returns.
template <NodeStore S>
Status find_places(S &store, Arena &arena, const Shape &shape, uint32_t body_size, filter::RowPlaces *places, bool *found) {
    struct Seen {
        HeapTid tid;
        uint16_t slot;
    };
    Array<Seen> page_rows(arena); // nothing can be allocated under a lock
    page_rows.reserve((body_size / shape.record_size(kGroup) + 1) * shape.tid_places);
    for (int pass = 1; pass <= 2; ++pass) {
        const uint32_t blocks = store.block_count();
        for (uint32_t block = kMetaBlock + 1; block < blocks; ++block) {
            store.poll();
            page_rows.clear();
            VECX_TRY(for_each_node(store, shape, block, [&](uint16_t slot, const NodeView &node) {
                if (node.dead())
                    return;
                for (uint32_t i = 0; i < node.head->tid_count && page_rows.size() < page_rows.capacity(); ++i)
                    page_rows.push_back(Seen{node.tids[i], slot});
            }));
            for (const Seen &row : page_rows) {
                const uint32_t heap_block = static_cast<uint32_t>(row.tid.block_hi) << 16 | row.tid.block_lo;
                if (pass == 2)
                    places->put(heap_block, row.tid.offset, filter::RowPlaces::Place{block, row.slot});
                else
                    places->count(heap_block, row.tid.offset);
            }
        }
        if (pass == 1 && !(*found = places->make_room()))
            break;
    }
    page_rows.give_back();
    return Status{};
}

} // namespace vecx::hnsw::inlined
