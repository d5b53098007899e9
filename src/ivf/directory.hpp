// The centroids of an index: two levels, branches and their lists. On pages they never change (but for a radius that
// grows): a change of structure writes new ones and then the metapage, which names them. So what was loaded stays true for
// every scan that began before, and a backend may keep it until MetaRecord::structure differs.
#pragma once

#include "base/array.hpp"
#include "base/heap.hpp"
#include "ivf/codebook.hpp"
#include "ivf/meta.hpp"

namespace vecx::ivf {

// Immutable after load(). Copies of the heads and, where they fit, of the centroids.
class Directory {
  public:
    explicit Directory(Arena &arena)
        : arena_(&arena), mean_(arena), words_(arena), branch_heads_(arena), branch_codes_(arena), first_list_(arena), list_heads_(arena), list_codes_(arena) {}

    // Reads what `meta` names. All branches are kept in memory, lists as well if everything fits `memory_limit` bytes; else
    // their pages are read when they are needed. Locks single pages, shared.
    template <ListStore S>
    Status load(S &store, const MetaRecord &meta, const Shape &shape, size_t memory_limit);

    const MetaRecord &meta() const { return meta_; }
    const Shape &shape() const { return shape_; }
    const float *mean() const { return mean_.empty() ? nullptr : mean_.data(); } // shape.dim coordinates
    const quant::Codebook &codebook() const { return codebook_; } // of a learnt() shape
    uint32_t branches() const { return static_cast<uint32_t>(branch_heads_.size()); }
    const CentroidHead &branch(uint32_t i) const { return branch_heads_[i]; }
    const int8_t *branch_code(uint32_t i) const { return branch_codes_.data() + static_cast<size_t>(i) * shape_.centroid_dim(); }
    bool whole() const { return whole_; }
    // Gives the memory back early.
    void give_back() {
        arena_->give_back(scratch_);
        scratch_ = nullptr;
        mean_.give_back();
        words_.give_back();
        branch_heads_.give_back();
        branch_codes_.give_back();
        first_list_.give_back();
        list_heads_.give_back();
        list_codes_.give_back();
    }
    size_t bytes() const {
        return mean_.capacity_bytes() + words_.capacity_bytes() + branch_heads_.capacity_bytes() + branch_codes_.capacity_bytes() +
               first_list_.capacity_bytes() + list_heads_.capacity_bytes() + list_codes_.capacity_bytes();
    }

    // f(const CentroidHead &, const int8_t *code) for the lists of branch i, with no page locked.
    template <ListStore S, class F>
    Status for_each_list(S &store, uint32_t i, F f) const;

    // The list whose centroid is nearest to R (g(x) - mean), among those of the `width` nearest branches, that is not closing;
    // `code` receives its shape.centroid_dim() bytes. For inserts width 3 is a good choice. `scratch`: nearest_scratch() floats.
    size_t nearest_scratch() const { return branches() + (shape_.centroid_dim() + sizeof(float) - 1) / sizeof(float); }
    struct Found {
        CentroidHead head;
        float distance2;
    };
    template <ListStore S>
    Status nearest(S &store, const float *rotated, uint32_t width, float *scratch, int8_t *code, Found *out) const;

  private:
    Arena *arena_;
    MetaRecord meta_{};
    Shape shape_{};
    bool whole_ = false;
    uint8_t *scratch_ = nullptr; // for pages read when they are needed
    quant::Codebook codebook_{};
    Array<float> mean_, words_;
    Array<CentroidHead> branch_heads_;
    Array<int8_t> branch_codes_;
    Array<uint32_t> first_list_; // of a branch in list_heads_; one more at the end
    Array<CentroidHead> list_heads_;
    Array<int8_t> list_codes_;
};

} // namespace vecx::ivf

#include "ivf/directory.inl.hpp"
