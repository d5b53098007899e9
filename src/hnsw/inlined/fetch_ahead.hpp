// Rows of the table that a scan is likely to return soon are fetched into the processor's cache ahead of time.
#pragma once

#include "hnsw/inlined/order.hpp"

namespace vecx::hnsw::inlined {

// Nothing, where the store cannot do that.
template <class S>
class RowFetcher {
  public:
    explicit RowFetcher(S &store) : store_(&store) {}

    // A node is about to be returned, `waiting` are those that were met besides: the nearest of them, some at a time, and the next one
    // once more when the caller is given the row before it. Nodes with several rows are left out.
    void fetch(const KnownHeap &waiting) {
        if constexpr (requires { store_->prefetch_row(HeapTid{}, true); }) {
            if (waiting.empty())
                return;
            if (fetched_ == 0)
                fetch_nearest(waiting);
            --fetched_;
            if (waiting.top().single)
                store_->prefetch_row(waiting.top().tid, true);
        }
    }

  private:
    static constexpr size_t kRowsAhead = 9; // with the first, what most queries ask for

    void fetch_nearest(const KnownHeap &waiting) {
        const Known *nearest[kRowsAhead];
        for (const Known &row : waiting) {
            size_t at = fetched_;
            if (at == kRowsAhead) {
                if (!(row.low < nearest[at - 1]->low))
                    continue;
                --at;
            } else {
                ++fetched_;
            }
            for (; at > 0 && row.low < nearest[at - 1]->low; --at)
                nearest[at] = nearest[at - 1];
            nearest[at] = &row;
        }
        for (size_t i = 0; i < fetched_; ++i)
            if (nearest[i]->single)
                store_->prefetch_row(nearest[i]->tid, false);
    }

    S *store_;
    size_t fetched_ = 0; // ahead, and not returned yet
};

} // namespace vecx::hnsw::inlined
