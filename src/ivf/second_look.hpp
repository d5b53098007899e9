// What a scan learns of the few rows whose first bound came up: bounds from all bits of their codes, and distances. README.md,
// "Search".
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "ivf/encode.hpp"
#include "ivf/postings.hpp"
#include "ivf/probe.hpp"
#include "ivf/scan.hpp"
#include "ivf/waiting.hpp"

namespace vecx::ivf {

template <ListStore S, RowSource R>
class SecondLook {
  public:
    SecondLook(S &store, R &rows, const Shape &shape, const Measure &measure, Payload query, StreamCounters &counters)
        : store_(&store), rows_(&rows), shape_(&shape), measure_(&measure), query_(query), counters_(&counters) {}

    // Before all else. `probe` must outlive this.
    void begin(const Probe &probe, Arena &arena) {
        probe_ = &probe;
        signs_ = arena.make_array<uint64_t>(static_cast<size_t>(shape_->words) * kBatch + 1);
    }

    // Bounds from all bits for the best of the heap whose bounds are coarse, in the order of their pages. `lists`: those in hand.
    // Share locks of single pages.
    Status refine(WaitingHeap &heap, const Array<ListAhead> &lists) {
        Waiting batch[kBatch];
        uint32_t count = 0;
        while (count < kBatch && !heap.empty() && heap.top().known == Known::coarse)
            batch[count++] = heap.pop();
        std::sort(batch, batch + count,
                  [](const Waiting &a, const Waiting &b) { return a.page.block != b.page.block ? a.page.block < b.page.block : a.row < b.row; });
        CodePlace codes[kBatch];
        for (uint32_t i = 0, end; i < count; i = end) {
            end = i + 1;
            while (end < count && batch[end].page == batch[i].page)
                ++end;
            VECX_TRY(find_codes(batch, i, end, codes));
        }
        for (uint32_t i = 0, end; i < count; i = end) {
            end = i + 1;
            while (end < count && codes[end].page == codes[i].page)
                ++end;
            VECX_TRY(read_codes(batch, i, end, codes, lists));
        }
        counters_->fine += count;
        for (uint32_t i = 0; i < count; ++i)
            heap.push(batch[i]);
        return Status{};
    }

    // The key itself; `found` is false for a row that is no longer there. Share locks of single pages, and what the rows' source takes.
    Status find_key(const Waiting &item, double *key, bool *found) {
        *found = false;
        ++counters_->exact;
        if (shape_->vectors_rows > 0 && !item.page.none())
            return find_key_in_index(item, key, found);
        double distance;
        VECX_TRY(rows_->distance(item.tid, &distance, found));
        if (*found)
            *key = distance == distance ? probe_->key_of_shown(distance) : kInfinity;
        return Status{};
    }

    // The same, of an index that has the vectors (rerank = index) and an item whose page is known.
    Status find_key_in_index(const Waiting &item, double *key, bool *found) {
        const char *fault = nullptr;
        Link vectors{};
        uint32_t offset = 0;
        counters_->pages += 2;
        VECX_TRY(store_->read(item.page.block, [&](const PageView &page) {
            const PostingsHead *head;
            fault = postings_fault(page, *shape_, item.page, item.id, &head);
            if (fault != nullptr || item.row >= head->count)
                return;
            const Place place = vector_place(*shape_, *head, item.row);
            vectors = view_postings(page.body, *shape_).vectors()[place.page];
            offset = place.offset;
        }));
        if (fault != nullptr || vectors.none())
            return fault_status(item.page.block, fault != nullptr ? fault : "page of rows has lost some");
        VECX_TRY(store_->read(vectors.block, [&](const PageView &page) {
            fault = cold_page_fault(page, PageKind::vectors, vectors, item.id);
            if (fault == nullptr && offset + shape_->payload_size > page_head(page)->low)
                fault = "vector lies beyond the end of its page";
            if (fault != nullptr)
                return;
            const double distance = measure_->distance(*measure_, query_, Payload{page.body + offset, shape_->payload_size});
            *key = distance == distance ? probe_->key_of_measure(distance) : kInfinity;
        }));
        *found = true;
        return fault == nullptr ? Status{} : fault_status(vectors.block, fault);
    }

  private:
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr uint32_t kBatch = 24; // rows at a time

    struct CodePlace {
        Link page;
        uint32_t offset;
    };

    // Where the codes of rows [first, end) of the batch are, which are on one page; and the bits that are on that page.
    Status find_codes(const Waiting *batch, uint32_t first, uint32_t end, CodePlace *codes) {
        const Link at = batch[first].page;
        const char *fault = nullptr;
        ++counters_->pages;
        VECX_TRY(store_->read(at.block, [&](const PageView &page) {
            const PostingsHead *head;
            fault = postings_fault(page, *shape_, at, batch[first].id, &head);
            if (fault != nullptr)
                return;
            const PostingsView view = view_postings(page.body, *shape_);
            for (uint32_t k = first; k < end; ++k) {
                if (batch[k].row >= head->count) {
                    fault = "page of rows has lost some";
                    return;
                }
                view.copy_signs(batch[k].row, signs_of(k));
                const Place place = code_place(*shape_, *head, batch[k].row);
                codes[k] = CodePlace{view.codes()[place.page], place.offset};
            }
        }));
        if (fault != nullptr)
            return fault_status(at.block, fault);
        if constexpr (requires { store_->prefetch(at.block); })
            for (uint32_t k = first; k < end; ++k)
                store_->prefetch(codes[k].page.block);
        return Status{};
    }

    // Bounds of rows [first, end) of the batch, whose codes are on one page.
    Status read_codes(Waiting *batch, uint32_t first, uint32_t end, const CodePlace *codes, const Array<ListAhead> &lists) {
        const Link at = codes[first].page;
        const char *fault = nullptr;
        ++counters_->pages;
        VECX_TRY(store_->read(at.block, [&](const PageView &page) {
            fault = cold_page_fault(page, PageKind::codes, at, batch[first].id);
            if (fault != nullptr)
                return;
            for (uint32_t k = first; k < end; ++k) {
                if (codes[k].offset + shape_->fine_size() > page_head(page)->low) {
                    fault = "code lies beyond the end of its page";
                    return;
                }
                take_fine_bound(page.body + codes[k].offset, signs_of(k), lists[batch[k].list], &batch[k]);
            }
        }));
        return fault == nullptr ? Status{} : fault_status(at.block, fault);
    }

    uint64_t *signs_of(uint32_t k) const { return signs_ + static_cast<size_t>(k) * shape_->words; }

    void take_fine_bound(const uint8_t *record, const uint64_t *signs, const ListAhead &list, Waiting *item) const {
        FineHead fine;
        memcpy(&fine, record, sizeof fine);
        const float key = quant::fine_key(probe_->query(), list.key, shape_->words, shape_->bits, signs, record + sizeof fine, fine.add, fine.mul);
        const float error = quant::fine_error(probe_->query(), shape_->words, shape_->bits, list.reach, fine.error);
        const float bound = key - kFineDeviations * error;
        item->known = Known::fine;
        if (bound > -3e38f && bound < 3e38f)
            item->key = static_cast<double>(bound); // else it stays as it was
    }

    S *store_;
    R *rows_;
    const Shape *shape_;
    const Measure *measure_;
    Payload query_;
    const Probe *probe_ = nullptr;
    uint64_t *signs_ = nullptr; // of a batch
    StreamCounters *counters_;
};

} // namespace vecx::ivf
