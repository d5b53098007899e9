// Visiting nodes through links: generation, bounds and payload are checked before anything is believed.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/array.hpp"
#include "base/flat_set.hpp"
#include "base/rng.hpp"
#include "hnsw/meta.hpp"
#include "hnsw/page.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw {

// Heaps compare keys instead of distances: NaN becomes +infinity, and +infinity the largest double, which no
// kernel returns. So NaN sorts last and comparisons stay plain ones.
inline double order_key(double distance) {
    if (distance <= DBL_MAX) [[likely]]
        return distance;
    return std::isnan(distance) ? std::numeric_limits<double>::infinity() : DBL_MAX;
}
inline double distance_of_key(double key) {
    if (key < DBL_MAX) [[likely]]
        return key;
    return key == DBL_MAX ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
}

struct Candidate {
    double key; // order_key of the distance
    Link link;
};
struct Nearer {
    bool operator()(const Candidate &a, const Candidate &b) const { return a.key < b.key; }
};
struct Farther {
    bool operator()(const Candidate &a, const Candidate &b) const { return a.key > b.key; }
};

// What a visit learned. The rest is only set when `found`: when the link still meets the node it was made for.
struct Visit {
    bool found;
    bool dead; // has no heap TID
    uint8_t level;
    uint8_t tid_count;
    double key;
};

// Reads nodes of one index for one operation. Every method takes and releases share locks of single pages;
// "gone" (found == false) is no error. Holds one scratch buffer for payloads that span pages.
template <NodeStore S>
class NodeReader {
  public:
    NodeReader(S &store, Arena &arena, const Measure &measure)
        : store_(&store), arena_(&arena), measure_(measure),
          dense_size_(dense_payload_size(measure.type, measure.dim)) {}

    S &store() { return *store_; }
    Arena &arena() { return *arena_; }
    const Measure &measure() const { return measure_; }
    uint64_t pages() const { return pages_; }
    uint64_t distances() const { return distances_; }

    // f(const NodeView &) under the share lock, if the node is there.
    template <class F>
    Status look(Link link, bool *found, F f) {
        const char *fault = nullptr;
        *found = false;
        ++pages_;
        VECX_TRY(store_->read(link.block, [&](const PageView &page) {
            NodeView node;
            fault = node_fault(page, link.slot, &node);
            if (fault != nullptr || node.head == nullptr || node.head->generation != link.generation)
                return;
            *found = true;
            f(node);
        }));
        return fault == nullptr ? Status{} : fault_status(link.block, fault);
    }

    // The distance between `query` and the node's payload; in place when that is on the node's page.
    Status distance(Link link, Payload query, Visit *out) {
        return distance(link, query, out, [](const NodeView &) {});
    }
    // The same, and look(const NodeView &) under the lock of the node's page, after *out has been set but for its key.
    template <class L>
    Status distance(Link link, Payload query, Visit *out, L look) {
        return with_payload(
            link, out,
            [&](Payload payload) {
                ++distances_;
                out->key = order_key(measure_.distance(measure_, query, payload));
            },
            look);
    }

    // Calls f(Payload) with the node's payload, sound for the measure's type: under the share lock when it is on
    // the node's page, else after it was gathered. f must not go back to the store.
    template <class F>
    Status with_payload(Link link, Visit *out, F f) {
        return with_payload(link, out, f, [](const NodeView &) {});
    }
    template <class F, class L>
    Status with_payload(Link link, Visit *out, F f, L also) {
        bool unsound = false;
        for (;;) {
            uint32_t total = 0, have = 0, room = scratch_size_;
            Link next{};
            VECX_TRY(look(link, &out->found, [&](const NodeView &node) {
                out->dead = node.dead();
                out->level = node.head->level;
                out->tid_count = node.head->tid_count;
                total = node.head->payload_size;
                have = node.head->inline_size;
                next = node.head->first_chunk;
                also(node);
                if (!size_is_plausible(total))
                    unsound = true;
                else if (have == total)
                    unsound = !give(node.payload, total, f);
                else if (total <= room)
                    memcpy(scratch_, node.payload, have);
            }));
            if (!out->found)
                return Status{};
            if (unsound)
                return fault_status(link.block, "payload of a node does not fit the type");
            if (have == total)
                return Status{};
            if (total > room) { // read again with a buffer that holds it
                arena_->give_back(scratch_);
                scratch_ = arena_->template make_array<uint8_t>(total);
                scratch_size_ = total;
                continue;
            }
            VECX_TRY(gather(link, have, total, next, &out->found));
            if (out->found && !give(scratch_, total, f))
                return fault_status(link.block, "payload of a node does not fit the type");
            return Status{};
        }
    }

    // The links of a node at one level that are not none and could name a node: at most 2 * kMaxM, to `out`.
    Status links(Link link, int level, Link *out, uint32_t *count) {
        *count = 0;
        bool found;
        return look(link, &found, [&](const NodeView &node) { *count = copy_links(node, level, out); });
    }

    static uint32_t copy_links(const NodeView &node, int level, Link *out) {
        uint32_t n = 0;
        for (const Link &l : node.links_at(level))
            if (!l.none() && l.slot < kMaxSlots)
                out[n++] = l;
        return n;
    }

  private:
    bool size_is_plausible(uint32_t size) const {
        return dense_size_ != 0 ? size == dense_size_ : size >= 4 && size <= kMaxPayload;
    }

    template <class F>
    bool give(const uint8_t *bytes, uint32_t size, F &f) {
        Payload payload{bytes, size};
        if (dense_size_ == 0 && !payload_is_sound(measure_.type, measure_.dim, payload))
            return false; // the size of dense ones was checked, and that is all there is
        f(payload);
        return true;
    }

    // Fills scratch_ from `done` to `total` from the chunks. A chunk that is gone means the node is being freed.
    Status gather(Link node, uint32_t done, uint32_t total, Link next, bool *found) {
        while (done < total) {
            if (next.none())
                return fault_status(node.block, "payload of a node ends early");
            store_->poll();
            const char *fault = nullptr;
            ChunkView chunk;
            Link after{};
            uint32_t got = 0;
            ++pages_;
            VECX_TRY(store_->read(next.block, [&](const PageView &page) {
                fault = chunk_fault(page, next.slot, &chunk);
                if (fault != nullptr || chunk.head == nullptr || chunk.head->generation != next.generation)
                    return;
                got = chunk.head->size;
                after = chunk.head->next;
                if (got <= total - done)
                    memcpy(scratch_ + done, chunk.bytes, got);
            }));
            if (fault != nullptr)
                return fault_status(next.block, fault);
            if (got == 0) {
                *found = false;
                return Status{};
            }
            if (got > total - done)
                return fault_status(next.block, "chunk longer than the payload");
            done += got;
            next = after;
        }
        return Status{};
    }

    S *store_;
    Arena *arena_;
    Measure measure_;
    uint32_t dense_size_; // 0: sparse
    uint8_t *scratch_ = nullptr;
    uint32_t scratch_size_ = 0;
    uint64_t pages_ = 0;
    uint64_t distances_ = 0;
};

// Copies of payloads that one operation compares with each other again and again. Bounded: when it holds more
// than its limit, trim() forgets everything; payloads it gave out are good until then.
template <NodeStore S>
class PayloadCache {
  public:
    PayloadCache(NodeReader<S> &reader, size_t limit) : reader_(&reader), arena_(&reader.arena()), slabs_(*arena_),
                                                         slots_(*arena_), limit_(limit) {}

    // The payload of a node; `found` is false when it is gone. `dead` as of the time it was first read.
    Status get(Link link, Payload *out, bool *found, bool *dead) {
        if (Entry *entry = find(link.key()); entry != nullptr && entry->key != 0) {
            *out = entry->payload;
            *dead = entry->dead;
            *found = true;
            return Status{};
        }
        // The copy must be made under the lock, where nothing may be allocated: make room for the largest first.
        uint32_t bound = dense_payload_size(reader_->measure().type, reader_->measure().dim);
        bool again = false;
        Visit visit;
        for (;;) {
            uint32_t room = bound == 0 ? 4096 : bound;
            uint8_t *place = reserve(room);
            uint32_t wanted = 0;
            VECX_TRY(reader_->with_payload(link, &visit, [&](Payload payload) {
                wanted = payload.size;
                if (wanted <= room) {
                    memcpy(place, payload.bytes, wanted);
                    *out = Payload{place, wanted};
                }
            }));
            *found = visit.found;
            if (!visit.found)
                return Status{};
            if (wanted <= room) {
                used_ += align8(wanted);
                break;
            }
            bound = wanted; // sparse, larger than a first guess; its size cannot change
            if (again)
                return fault_status(link.block, "payload of a node changed");
            again = true;
        }
        *dead = visit.dead;
        remember(Entry{link.key(), *out, visit.dead});
        return Status{};
    }

    void trim() {
        if (bytes_ <= limit_)
            return;
        for (uint8_t *slab : slabs_)
            arena_->give_back(slab);
        slabs_.clear();
        bytes_ = used_ = slab_size_ = 0;
        for (Entry &entry : slots_)
            entry.key = 0;
        count_ = 0;
    }

  private:
    struct Entry {
        uint64_t key;
        Payload payload;
        bool dead;
    };

    uint8_t *reserve(uint32_t bytes) {
        if (used_ + bytes > slab_size_) {
            slab_size_ = bytes > kSlab ? bytes : kSlab;
            slabs_.push_back(arena_->template make_array<uint8_t>(slab_size_));
            bytes_ += slab_size_;
            used_ = 0;
        }
        return slabs_.back() + used_;
    }
    Entry *find(uint64_t key) {
        if (slots_.empty())
            return nullptr;
        size_t mask = slots_.size() - 1;
        for (size_t i = mix64(key) & mask;; i = (i + 1) & mask)
            if (slots_[i].key == 0 || slots_[i].key == key)
                return &slots_[i];
    }
    void remember(const Entry &entry) {
        if ((count_ + 1) * 2 > slots_.size()) {
            Array<Entry> bigger(*arena_);
            bigger.resize_uninitialized(slots_.empty() ? 256 : slots_.size() * 2);
            memset(static_cast<void *>(bigger.data()), 0, bigger.capacity_bytes());
            Array<Entry> old = slots_;
            slots_ = bigger;
            for (const Entry &e : old)
                if (e.key != 0)
                    *find(e.key) = e;
            old.give_back();
        }
        *find(entry.key) = entry;
        ++count_;
    }

    static constexpr size_t kSlab = 128 * 1024;

    NodeReader<S> *reader_;
    Arena *arena_;
    Array<uint8_t *> slabs_;
    Array<Entry> slots_;
    size_t limit_;
    size_t bytes_ = 0;
    size_t used_ = 0;
    size_t slab_size_ = 0;
    size_t count_ = 0;
};

// Calls f(slot, const NodeView &) for every node of a block, under its share lock.
template <NodeStore S, class F>
Status for_each_node(S &store, uint32_t block, F f) {
    const char *fault = nullptr;
    VECX_TRY(store.read(block, [&](const PageView &page) {
        if ((fault = page_fault(page)) != nullptr)
            return;
        for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
            NodeView node;
            if ((fault = node_fault(page, static_cast<uint16_t>(i), &node)) != nullptr)
                return;
            if (node.head != nullptr)
                f(static_cast<uint16_t>(i), node);
        }
    }));
    return fault == nullptr ? Status{} : fault_status(block, fault);
}

} // namespace vecx::hnsw
