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

// A set-associative cache. Codes that were asked for with `pin` stay where they are until unpin().
template <NodeStore S>
class CodeCache {
  public:
    CodeCache(Visitor<S> &visitor, Arena &arena)
        : visitor_(&visitor), arena_(&arena), tags_(arena), codes_(arena), overflow_(arena), own_(arena), floats_(arena) {}

    // Room for the codes of `nodes` nodes, or for as many as fit `bytes`. Forgets everything.
    void reserve(size_t bytes, uint64_t nodes) {
        const size_t each = sizeof(Tag) + width();
        const size_t wanted = static_cast<size_t>(nodes) + nodes / 4 + kWays;
        const size_t entries = std::min(wanted, bytes / each);
        sets_ = std::max<size_t>(entries / kWays, 1);
        if (tags_.capacity() < sets_ * kWays) {
            tags_.give_back();
            codes_.give_back();
        }
        tags_.resize_uninitialized(sets_ * kWays);
        codes_.resize_uninitialized(sets_ * kWays * width());
        memset(static_cast<void *>(tags_.data()), 0, tags_.size() * sizeof(Tag));
        own_.resize_uninitialized(visitor_->shape().own_size());
        floats_.resize_uninitialized(static_cast<size_t>(visitor_->shape().dim) + width());
        epoch_ = 1;
        overflow_used_ = 0;
    }

    void unpin() {
        ++epoch_; // 4 billion nodes are more than one repair sees
        overflow_used_ = 0;
    }

    // Of a code that will be asked for soon.
    void prefetch(Link link) const {
        const uint8_t *set = reinterpret_cast<const uint8_t *>(tags_.data() + mix64(link.key()) % sets_ * kWays);
        for (size_t at = 0; at < kWays * sizeof(Tag); at += 64)
            __builtin_prefetch(set + at);
    }

    // Polls before it reads a page. The code of a node, good until unpin() if pinned, else until the next call. `found` is false when the node is
    // gone, `dead` as NodeView::dead(); dead nodes have codes too.
    Status get(Link link, bool pin, Code *out, bool *found, bool *dead) {
        const size_t first = mix64(link.key()) % sets_ * kWays;
        Tag *victim = nullptr;
        for (size_t i = first; i < first + kWays; ++i) {
            Tag &tag = tags_[i];
            if (tag.key == link.key()) {
                if (pin)
                    tag.epoch = epoch_;
                *out = Code{tag.coarse, codes_.data() + i * width()};
                *found = true;
                *dead = false;
                return Status{};
            }
            if (tag.epoch != epoch_ && (victim == nullptr || tag.epoch < victim->epoch))
                victim = &tag;
        }
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
        if (*dead || victim == nullptr)
            bytes = overflow(pin);
        else
            bytes = codes_.data() + static_cast<size_t>(victim - tags_.data()) * width();
        *out = Code{encode(head, bytes), bytes};
        if (!*dead && victim != nullptr)
            *victim = Tag{link.key(), pin ? epoch_ : epoch_ - 1, out->coarse, 0};
        return Status{};
    }

  private:
    static constexpr size_t kWays = 8;
    struct Tag {
        uint64_t key; // 0: empty
        uint32_t epoch;
        Coarse coarse;
        uint32_t pad;
    };
    static_assert(sizeof(Tag) == 24);

    size_t width() const { return visitor_->shape().rotated_dim(); }

    // Memory outside of the cache, for a code that is not to be kept, or finds all of its set pinned.
    int8_t *overflow(bool pin) {
        if (overflow_used_ == overflow_.size())
            overflow_.push_back(arena_->template make_array<int8_t>(width()));
        int8_t *bytes = overflow_[overflow_used_];
        overflow_used_ += pin;
        return bytes;
    }

    Coarse encode(const Head &head, int8_t *bytes) {
        const Shape &shape = visitor_->shape();
        float *x = floats_.data(), *rotated = x + shape.dim;
        decode_own(shape, head, own_.data(), x);
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
    Array<Tag> tags_;
    Array<int8_t> codes_;
    Array<int8_t *> overflow_;
    Array<uint8_t> own_;
    Array<float> floats_;
    size_t sets_ = 1;
    size_t overflow_used_ = 0;
    uint32_t epoch_ = 1;
};

} // namespace vecx::hnsw::inlined
