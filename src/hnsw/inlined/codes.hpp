// Coarse codes of nodes, computed from their stored vectors when they are first asked for, and kept as long as a
// bounded memory lasts: what VACUUM measures distances with.
#pragma once

#include <cmath>
#include <cstring>

#include "base/rng.hpp"
#include "hnsw/inlined/visitor.hpp"

namespace vecx::hnsw::inlined {

struct Code {
    Coarse coarse;
    const int8_t *bytes; // shape.rotated_dim() of them
};

// The key between two coarse vectors, always a number.
inline float key_between(const Shape &shape, const Code &a, const Code &b) {
    const float key = coarse_key(shape, a.coarse, a.bytes, b.coarse, b.bytes);
    return key == key ? key : 0.0f;
}

// A set-associative cache. Codes that were asked for with `pin` stay where they are until unpin(). A look-up is one line of the
// processor's cache for the keys of a set, one or two for what is known of its codes, and the code's own.
template <NodeStore S>
class CodeCache {
  public:
    CodeCache(Visitor<S> &visitor, Arena &arena)
        : visitor_(&visitor), arena_(&arena), key_memory_(arena), infos_(arena), code_memory_(arena), overflow_(arena), own_(arena),
          floats_(arena), met_(arena), vectors_(arena) {}

    // Room for the codes of `nodes` nodes, or for as many as fit `bytes`. Forgets everything.
    void reserve(size_t bytes, uint64_t nodes) {
        const size_t each = sizeof(uint64_t) + sizeof(Info) + width();
        const size_t wanted = static_cast<size_t>(nodes) + nodes / 4 + kWays;
        const size_t entries = std::min(wanted, bytes / each);
        sets_ = std::max<size_t>(entries / kWays, 1);
        if (infos_.capacity() < sets_ * kWays) {
            key_memory_.give_back();
            infos_.give_back();
            code_memory_.give_back();
        }
        key_memory_.resize_uninitialized(sets_ * kWays + kLine / sizeof(uint64_t));
        infos_.resize_uninitialized(sets_ * kWays);
        code_memory_.resize_uninitialized(sets_ * kWays * width() + kLine);
        keys_ = at_a_line(key_memory_.data());
        codes_ = at_a_line(code_memory_.data());
        memset(keys_, 0, sets_ * kWays * sizeof(uint64_t));
        memset(static_cast<void *>(infos_.data()), 0, infos_.size() * sizeof(Info));
        own_.resize_uninitialized(visitor_->shape().own_size());
        floats_.resize_uninitialized(static_cast<size_t>(visitor_->shape().dim) + width());
        epoch_ = 1;
        overflow_used_ = 0;
    }

    // Whether there is room for the codes of `nodes` nodes.
    bool has_room_for(uint64_t nodes) const { return sets_ * kWays >= nodes; }

    // Notes the codes of all living nodes of a block: a page read in its turn is cheaper than one for each node that is asked for.
    Status fill(uint32_t block, uint32_t body_size) {
        const Shape &shape = visitor_->shape();
        const size_t own_size = shape.own_size(), most = body_size / shape.record_size(shape.places) + 1;
        met_.resize_uninitialized(most);
        vectors_.resize_uninitialized(most * own_size);
        size_t count = 0;
        VECX_TRY(for_each_node(visitor_->store(), shape, block, [&](uint16_t slot, const NodeView &node) {
            if (node.dead() || count == most)
                return;
            met_[count] = Met{Link{block, slot, node.head->generation}, *node.head};
            memcpy(vectors_.data() + count++ * own_size, node.own, own_size);
        }));
        for (size_t n = 0; n < count; ++n) {
            const size_t first = set_of(met_[n].link);
            for (size_t i = first; i < first + kWays; ++i) {
                if (keys_[i] == met_[n].link.key())
                    break;
                if (keys_[i] != 0)
                    continue;
                infos_[i] = Info{epoch_ - 1, encode(met_[n].head, vectors_.data() + n * own_size, codes_ + i * width())};
                keys_[i] = met_[n].link.key();
                break;
            }
        }
        return Status{};
    }

    void unpin() {
        ++epoch_; // 4 billion nodes are more than one repair sees
        overflow_used_ = 0;
    }

    // Of a code that will be asked for soon.
    void prefetch(Link link) const {
        const size_t first = set_of(link);
        __builtin_prefetch(keys_ + first);
        __builtin_prefetch(infos_.data() + first);
        __builtin_prefetch(infos_.data() + first + kWays - 1);
    }
    // A code that get() has found, and that will be read soon.
    void prefetch(const Code &code) const {
        for (size_t at = 0; at < width(); at += kLine)
            __builtin_prefetch(code.bytes + at);
    }

    // Polls before it reads a page. The code of a node, good until unpin() if pinned, else until the next call. `found` is false when the node is
    // gone, `dead` as NodeView::dead(); dead nodes have codes too.
    Status get(Link link, bool pin, Code *out, bool *found, bool *dead) {
        const size_t first = set_of(link);
        for (size_t i = first; i < first + kWays; ++i)
            if (keys_[i] == link.key()) {
                if (pin)
                    infos_[i].epoch = epoch_;
                *out = Code{infos_[i].coarse, codes_ + i * width()};
                *found = true;
                *dead = false;
                return Status{};
            }
        size_t victim = kNone;
        for (size_t i = first; i < first + kWays; ++i)
            if (infos_[i].epoch != epoch_ && (victim == kNone || infos_[i].epoch < infos_[victim].epoch))
                victim = i;
        alignas(8) Head head;
        visitor_->store().poll(); // the page may have to come from the disk
        VECX_TRY(visitor_->look(link, found, [&](const NodeView &node) {
            head = *node.head;
            *dead = node.dead();
            memcpy(own_.data(), node.own, own_.size());
        }));
        if (!*found)
            return Status{};
        int8_t *bytes;
        if (*dead || victim == kNone)
            bytes = overflow(pin);
        else
            bytes = codes_ + victim * width();
        *out = Code{encode(head, own_.data(), bytes), bytes};
        if (!*dead && victim != kNone) {
            keys_[victim] = link.key();
            infos_[victim] = Info{pin ? epoch_ : epoch_ - 1, out->coarse};
        }
        return Status{};
    }

  private:
    static constexpr size_t kWays = 8;
    static constexpr size_t kLine = 64, kNone = ~size_t{0};
    static_assert(kWays * sizeof(uint64_t) == kLine);
    struct Info {
        uint32_t epoch;
        Coarse coarse;
    };

    struct Met {
        Link link;
        Head head;
    };

    template <class T>
    static T *at_a_line(T *memory) {
        return reinterpret_cast<T *>((reinterpret_cast<uintptr_t>(memory) + kLine - 1) / kLine * kLine);
    }
    // The first entry of the set that has a node.
    size_t set_of(Link link) const {
        return static_cast<size_t>((mix64(link.key()) >> 32) * sets_ >> 32) * kWays;
    }
    size_t width() const { return visitor_->shape().rotated_dim(); }

    // Memory outside of the cache, for a code that is not to be kept, or finds all of its set pinned.
    int8_t *overflow(bool pin) {
        if (overflow_used_ == overflow_.size())
            overflow_.push_back(arena_->template make_array<int8_t>(width()));
        int8_t *bytes = overflow_[overflow_used_];
        overflow_used_ += pin;
        return bytes;
    }

    Coarse encode(const Head &head, const uint8_t *own, int8_t *bytes) {
        const Shape &shape = visitor_->shape();
        float *x = floats_.data(), *rotated = x + shape.dim;
        decode_own(shape, head, own, x);
        if (shape.metric == Metric::cosine)
            to_geometry(shape, x, norm_of(shape, x), x);
        rotate(shape, x, rotated);
        const float sum = kernels::active->dot_f32(rotated, rotated, width());
        Coarse coarse{0, 0};
        if (std::isfinite(sum))
            coarse = encode_coarse(shape, rotated, bytes);
        if (!std::isfinite(sum) || !std::isfinite(coarse.norm2)) { // damaged, or beyond what floats can square: anywhere
            memset(bytes, 0, width());
            coarse = Coarse{1, 0};
        }
        return coarse;
    }

    Visitor<S> *visitor_;
    Arena *arena_;
    Array<uint64_t> key_memory_; // what keys_ and codes_ point into
    Array<Info> infos_;
    Array<int8_t> code_memory_;
    uint64_t *keys_ = nullptr; // 0: empty
    int8_t *codes_ = nullptr;
    Array<int8_t *> overflow_;
    Array<uint8_t> own_;
    Array<float> floats_;
    Array<Met> met_; // nodes of a block, and their stored vectors
    Array<uint8_t> vectors_;
    size_t sets_ = 1;
    size_t overflow_used_ = 0;
    uint32_t epoch_ = 1;
};

} // namespace vecx::hnsw::inlined
