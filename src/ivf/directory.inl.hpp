// Directory's templates. Included by directory.hpp only.
#pragma once

#include <cmath>
#include <limits>

#include "ivf/chain.hpp"

namespace vecx::ivf {

namespace detail {

// What an entry of the directory must be like before it is believed.
inline const char *centroid_fault(const CentroidHead &head) {
    auto sound = [](float x) { return x >= 0 && x <= 0x1p127f; };
    if (!sound(head.scale) || !sound(head.norm2) || !sound(head.radius) || !sound(head.spread2))
        return "centroid with impossible numbers";
    return nullptr;
}

struct Nothing {
    void operator()(Link) const {}
};

} // namespace detail

template <ListStore S, class F>
Status for_each_centroid(S &store, const Shape &shape, uint32_t branch, Link first, uint8_t *scratch, F f) {
    const char *fault = nullptr;
    VECX_TRY(read_chain(store, PageKind::centroids, branch, first, shape.centroid_size(), shape.body_size, scratch,
                        detail::Nothing{}, [&](const uint8_t *entry) {
                            CentroidHead head;
                            memcpy(&head, entry, sizeof head);
                            fault = detail::centroid_fault(head);
                            if (fault == nullptr)
                                f(head, reinterpret_cast<const int8_t *>(entry + sizeof head));
                            return fault == nullptr;
                        }));
    return fault == nullptr ? Status{} : fault_status(first.block, fault);
}

template <ListStore S>
Status Directory::load(S &store, const MetaRecord &meta, const Shape &shape, size_t memory_limit) {
    meta_ = meta;
    shape_ = shape;
    whole_ = false;
    const size_t dim = static_cast<size_t>(shape.dim), bytes = shape.centroid_dim();
    const uint32_t mean_size = static_cast<uint32_t>(dim * sizeof(float));
    uint32_t largest = shape.centroid_size() > mean_size ? shape.centroid_size() : mean_size;
    if (shape.learnt() && shape.codebook_size() > largest)
        largest = shape.codebook_size();
    scratch_ = arena_->make_array<uint8_t>(chain_scratch(largest, shape.body_size));
    if (!meta.mean.none()) {
        bool found = false;
        VECX_TRY(read_chain(store, PageKind::vector, 0, meta.mean, mean_size, shape.body_size, scratch_, detail::Nothing{},
                            [&](const uint8_t *entry) {
                                mean_.resize_uninitialized(dim);
                                memcpy(mean_.data(), entry, mean_size);
                                found = true;
                                return false;
                            }));
        for (size_t i = 0; found && i < dim; ++i)
            found = mean_[i] >= -0x1p127f && mean_[i] <= 0x1p127f;
        if (!found)
            return fault_status(meta.mean.block, "mean is damaged");
    }
    if (shape.learnt()) {
        words_.resize_uninitialized(quant::word_bytes(shape.code_kind(), shape.centroid_dim()) + 1);
        const char *fault = "codebook is missing";
        VECX_TRY(read_chain(store, PageKind::codebook, 0, meta.codebook, shape.codebook_size(), shape.body_size, scratch_,
                            detail::Nothing{}, [&](const uint8_t *entry) {
                                fault = open_codebook(shape, entry, words_.data(), &codebook_);
                                return false;
                            }));
        if (fault != nullptr)
            return fault_status(meta.codebook.block, fault);
    }
    branch_heads_.reserve(meta.branches);
    VECX_TRY(for_each_centroid(store, shape, kRootBranch, meta.root, scratch_, [&](const CentroidHead &head, const int8_t *code) {
        branch_heads_.push_back(head);
        const size_t at = branch_codes_.size();
        branch_codes_.resize_uninitialized(at + bytes);
        memcpy(branch_codes_.data() + at, code, bytes);
    }));
    if (branch_heads_.size() != meta.branches || meta.branches == 0)
        return fault_status(meta.root.block, "number of branches is not as in the metapage");
    const size_t wanted = static_cast<size_t>(meta.lists) * (sizeof(CentroidHead) + bytes);
    if (wanted > memory_limit)
        return Status{};
    list_heads_.reserve(meta.lists);
    list_codes_.reserve(meta.lists * bytes);
    for (uint32_t i = 0; i < branches(); ++i) {
        first_list_.push_back(static_cast<uint32_t>(list_heads_.size()));
        VECX_TRY(for_each_list(store, i, [&](const CentroidHead &head, const int8_t *code) {
            list_heads_.push_back(head);
            const size_t at = list_codes_.size();
            list_codes_.resize_uninitialized(at + bytes);
            memcpy(list_codes_.data() + at, code, bytes);
        }));
    }
    first_list_.push_back(static_cast<uint32_t>(list_heads_.size()));
    if (list_heads_.size() != meta.lists)
        return fault_status(meta.root.block, "number of lists is not as in the metapage");
    whole_ = true;
    return Status{};
}

template <ListStore S, class F>
Status Directory::for_each_list(S &store, uint32_t i, F f) const {
    if (!whole_)
        return for_each_centroid(store, shape_, i, branch_heads_[i].first, scratch_, f);
    const size_t bytes = shape_.centroid_dim();
    for (uint32_t k = first_list_[i]; k < first_list_[i + 1]; ++k)
        f(list_heads_[k], list_codes_.data() + k * bytes);
    return Status{};
}

namespace detail {

// A query as bytes beside centroids as bytes: the product of integers tells most centroids apart before the coordinates do.
struct ByteQuery {
    const int8_t *code;
    double scale, norm2; // of the coded query
    double error;        // its distance from the query
    size_t dim;

    static ByteQuery make(const float *rotated, size_t dim, int8_t *code) {
        const kernels::KernelTable &table = *kernels::active;
        const float largest = table.largest_f32(rotated, dim);
        const bool sane = largest > 0x1p-100f && largest < 0x1p100f;
        const float scale = sane ? largest / 127.0f : 1.0f;
        table.quantise_i8(rotated, 1.0f / scale, code, dim);
        ByteQuery query{code, static_cast<double>(scale), 0, 0, dim};
        query.norm2 = static_cast<double>(table.dot_i8(code, code, dim)) * query.scale * query.scale;
        query.error = sane ? std::sqrt(static_cast<double>(table.l2sq_f32_i8(rotated, code, scale, dim)))
                           : std::numeric_limits<double>::infinity();
        return query;
    }
    // The square of the coded query's distance; at least 0.
    double distance2(const CentroidHead &head, const int8_t *centroid) const {
        const double scale2 = scale * static_cast<double>(head.scale);
        const double d = norm2 + static_cast<double>(head.norm2) - 2 * scale2 * static_cast<double>(kernels::active->dot_i8(code, centroid, dim));
        return d > 0 ? d : 0;
    }
    // Whether the query is farther from the centroid than that, by the triangle inequality. `near` is a distance, not its square;
    // the factors are for rounding.
    bool is_farther(const CentroidHead &head, const int8_t *centroid, double near) const {
        const double reach = (near + error) * (1 + 1e-4);
        return distance2(head, centroid) - 1e-5 * (norm2 + static_cast<double>(head.norm2)) > reach * reach;
    }
};

} // namespace detail

template <ListStore S>
Status Directory::nearest(S &store, const float *rotated, uint32_t width, float *scratch, int8_t *code, Found *out) const {
    const kernels::KernelTable &table = *kernels::active;
    const size_t bytes = shape_.centroid_dim();
    constexpr float kNever = 3e38f;
    const detail::ByteQuery query = detail::ByteQuery::make(rotated, bytes, reinterpret_cast<int8_t *>(scratch + branches()));
    const bool coarse = query.error < std::numeric_limits<double>::infinity();
    for (uint32_t i = 0; i < branches(); ++i)
        scratch[i] = branches() <= width ? 0
                     : coarse            ? static_cast<float>(query.distance2(branch_heads_[i], branch_code(i)))
                                         : table.l2sq_f32_i8(rotated, branch_code(i), branch_heads_[i].scale, bytes);
    bool found = false;
    double near = 0; // root of distance2
    out->distance2 = 0;
    for (uint32_t round = 0; round < branches() && (round < width || !found); ++round) {
        uint32_t next = 0;
        for (uint32_t i = 1; i < branches(); ++i)
            if (scratch[i] < scratch[next])
                next = i;
        scratch[next] = kNever;
        VECX_TRY(for_each_list(store, next, [&](const CentroidHead &head, const int8_t *list_code) {
            if ((head.flags & kClosing) != 0)
                return;
            if (found && coarse && query.is_farther(head, list_code, near))
                return;
            const float distance2 = table.l2sq_f32_i8(rotated, list_code, head.scale, bytes);
            if (found && !(distance2 < out->distance2))
                return;
            found = true;
            near = std::sqrt(static_cast<double>(distance2));
            out->head = head;
            out->distance2 = distance2;
            memcpy(code, list_code, bytes);
        }));
    }
    return found ? Status{} : fault_status(meta_.root.block, "index without a list that takes rows");
}

} // namespace vecx::ivf
