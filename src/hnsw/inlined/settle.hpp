// The exact distance of a node with many rows, from the table. README.md, "Order".
#pragma once

#include "hnsw/inlined/order.hpp"
#include "hnsw/inlined/tid_reader.hpp"

namespace vecx::hnsw::inlined {

// The distance that SQL shows of the row at `tid`, computed from the table; false when the scan's snapshot does not see it.
// Called with no page locked. `of` may be null: then nobody can tell.
struct ExactDistance {
    bool (*of)(void *context, HeapTid tid, double *distance) = nullptr;
    void *context = nullptr;
};

// The rows of a node are equal, and with a distance that is not certain the executor would compare every one of them
// before it returned the first. One of them, from the table, tells for all.
template <NodeStore S>
class Settler {
  public:
    // `tids` must outlive this; what it has in hand is lost.
    Settler(TidReader<S> &tids, ExactDistance exact) : tids_(&tids), exact_(exact) {}

    bool wants(const Known &node) const { return node.many && node.low < node.high && exact_.of != nullptr; }

    // A node met in the graph. Share locks of single pages. Not for some hundred rows: a node that waits for its exact distance
    // is returned later than its bound says, and what the search finds meanwhile is late.
    Status settle(Known *node) {
        bool big;
        VECX_TRY(has_many(node->link, &big));
        if (big) {
            VECX_TRY(tids_->start(node->link));
            VECX_TRY(settle_started(node));
        }
        node->many = false;
        tids_->forget();
        return Status{};
    }

    // The same for one whose heap TIDs are those that the reader has next, whatever their number.
    Status settle_started(Known *node) {
        node->many = false;
        for (int i = 0; i < kTries; ++i) {
            HeapTid tid;
            bool found;
            VECX_TRY(tids_->next(&tid, &found));
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

  private:
    static constexpr int kMany = 1000; // heap TIDs of a node that the executor should not compare one by one
    static constexpr int kTries = 32;  // heap TIDs of a node that are asked for its distance

    Status has_many(Link node, bool *many) {
        VECX_TRY(tids_->start(node));
        *many = true;
        for (int i = 0; i < kMany && *many; ++i) {
            HeapTid tid;
            VECX_TRY(tids_->next(&tid, many));
        }
        return Status{};
    }

    TidReader<S> *tids_;
    ExactDistance exact_;
};

} // namespace vecx::hnsw::inlined
