// The heap TIDs of a node, one after the other: those in its record and those in its list of chunks.
#pragma once

#include "base/array.hpp"
#include "base/flat_set.hpp"
#include "hnsw/inlined/visitor.hpp"

namespace vecx::hnsw::inlined {

// Reads while others write. A heap TID never moves from one record to another, chunks are put in front of a list, and
// those that VACUUM has emptied are taken out: so one found gone on the way means that the list is read again
// from its node, passing over the chunks that were given out. A link that is gone twice ends the list.
template <NodeStore S>
class TidReader {
  public:
    TidReader(S &store, Arena &arena, const Shape &shape) : store_(&store), shape_(shape), chunk_(arena), given_(arena) {}

    // All heap TIDs of a node; none when it is gone.
    Status start(Link node) {
        begin(node);
        return read_node(true);
    }
    // The same for a node whose record has been read: the heap TIDs in it, and its first chunk.
    void start_known(Link node, const HeapTid *tids, uint32_t count, Link more) {
        begin(node);
        memcpy(tids_, tids, count * sizeof(HeapTid));
        current_ = tids_;
        count_ = count;
        next_ = more;
    }

    // Nothing comes until the next start.
    void forget() { begin(Link{}); }

    // Takes share locks of single pages and holds none when it returns.
    Status next(HeapTid *tid, bool *found) {
        while (at_ == count_) {
            if (next_.none()) {
                *found = false;
                return Status{};
            }
            VECX_TRY(read_chunk());
        }
        *tid = current_[at_++];
        *found = true;
        return Status{};
    }

    uint64_t pages() const { return pages_; }

  private:
    void begin(Link node) {
        node_ = node;
        count_ = at_ = 0;
        next_ = gone_ = Link{};
        skipped_ = 0;
        if (given_.size() > 0)
            given_.clear();
    }

    Status read_node(bool with_tids) {
        const char *fault = nullptr;
        ++pages_;
        next_ = Link{};
        VECX_TRY(store_->read(node_.block, [&](const PageView &page) {
            NodeView node;
            fault = node_fault(page, shape_, node_.slot, &node);
            if (fault != nullptr || node.head == nullptr || node.head->generation != node_.generation)
                return;
            next_ = node.head->more_tids;
            if (with_tids) {
                count_ = node.head->tid_count;
                memcpy(tids_, node.tids, count_ * sizeof(HeapTid));
            }
        }));
        current_ = tids_;
        return fault == nullptr ? Status{} : fault_status(node_.block, fault);
    }

    Status read_chunk() {
        if (next_.slot >= kMaxSlots)
            return fault_status(node_.block, "link to a list of heap TIDs out of range");
        store_->poll();
        const Link link = next_;
        const bool given = given_.has(link.key());
        const char *fault = nullptr;
        bool there = false;
        uint32_t wanted;
        count_ = at_ = 0;
        do { // nothing can be allocated under the lock
            wanted = 0;
            ++pages_;
            VECX_TRY(store_->read(link.block, [&](const PageView &page) {
                TidChunkView chunk;
                fault = tid_chunk_fault(page, link.slot, &chunk);
                if (fault != nullptr || chunk.head == nullptr || chunk.head->generation != link.generation ||
                    chunk.head->node != node_)
                    return;
                there = true;
                next_ = chunk.head->next;
                if (given)
                    return;
                if (chunk.head->count > chunk_.capacity()) {
                    wanted = chunk.head->capacity;
                    return;
                }
                count_ = chunk.head->count;
                if (count_ > 0)
                    memcpy(chunk_.data(), chunk.tids, count_ * sizeof(HeapTid));
            }));
            if (fault != nullptr)
                return fault_status(link.block, fault);
            chunk_.reserve(wanted);
        } while (wanted > 0);
        current_ = chunk_.data();
        if (!there) {
            const bool again = link == gone_;
            gone_ = link;
            skipped_ = 0;
            next_ = Link{};
            return again ? Status{} : read_node(false);
        }
        if (!given)
            given_.add(link.key());
        else if (++skipped_ > given_.size())
            return fault_status(link.block, "list of heap TIDs runs in a circle");
        return Status{};
    }

    S *store_;
    Shape shape_;
    Link node_{};
    Link next_{}; // chunk
    Link gone_{}; // chunk that was not there
    HeapTid tids_[kTidsPerNode];
    Array<HeapTid> chunk_;
    FlatSet<> given_; // chunks whose heap TIDs were given out
    size_t skipped_ = 0;
    const HeapTid *current_ = nullptr; // tids_ or chunk_
    uint32_t at_ = 0, count_ = 0;
    uint64_t pages_ = 0;
};

} // namespace vecx::hnsw::inlined
