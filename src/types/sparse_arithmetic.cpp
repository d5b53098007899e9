// Element-wise arithmetic and the cutting and joining of sparse vectors: merges of ascending lists.
#include "types/sparse.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

Status overflow() { return Status::make(Code::out_of_range, "value out of range: overflow"); }

// Subtraction is addition with b's sign turned, which is exact.
Status add_signed(const SparseVector &a, const SparseVector &b, float sign, SparseBuilder *out) {
    VECX_TRY(check_sparse_same_dim(a.dim, b.dim));
    const SparseView &x = a.elements, &y = b.elements;
    int32_t i = 0, j = 0;
    while (i < x.nnz && j < y.nnz) {
        if (x.indices[i] < y.indices[j]) {
            out->push(x.indices[i], x.values[i]);
            ++i;
        } else if (x.indices[i] > y.indices[j]) {
            out->push(y.indices[j], sign * y.values[j]);
            ++j;
        } else {
            float sum = x.values[i] + sign * y.values[j];
            if (std::isinf(sum))
                return overflow();
            if (sum != 0)
                out->push(x.indices[i], sum);
            ++i;
            ++j;
        }
    }
    for (; i < x.nnz; ++i)
        out->push(x.indices[i], x.values[i]);
    for (; j < y.nnz; ++j)
        out->push(y.indices[j], sign * y.values[j]);
    return check_sparse_nnz(out->nnz, a.dim);
}

} // namespace

Status add_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out) {
    return add_signed(a, b, 1.0f, out);
}

Status subtract_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out) {
    return add_signed(a, b, -1.0f, out);
}

Status multiply_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out) {
    VECX_TRY(check_sparse_same_dim(a.dim, b.dim));
    const SparseView &x = a.elements, &y = b.elements;
    int32_t i = 0, j = 0;
    while (i < x.nnz && j < y.nnz) {
        if (x.indices[i] < y.indices[j]) {
            ++i;
        } else if (x.indices[i] > y.indices[j]) {
            ++j;
        } else {
            float product = x.values[i] * y.values[j];
            if (std::isinf(product))
                return overflow();
            if (product == 0)
                return Status::make(Code::out_of_range, "value out of range: underflow");
            out->push(x.indices[i], product);
            ++i;
            ++j;
        }
    }
    return Status{};
}

Status concatenate_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out, int32_t *dim) {
    int64_t both = static_cast<int64_t>(a.dim) + b.dim;
    VECX_TRY(check_sparse_dim(both));
    *dim = static_cast<int32_t>(both);
    VECX_TRY(check_sparse_nnz(static_cast<int64_t>(a.elements.nnz) + b.elements.nnz, *dim));
    for (int32_t i = 0; i < a.elements.nnz; ++i)
        out->push(a.elements.indices[i], a.elements.values[i]);
    for (int32_t i = 0; i < b.elements.nnz; ++i)
        out->push(a.dim + b.elements.indices[i], b.elements.values[i]);
    return Status{};
}

Status subvector_sparse(const SparseVector &a, int32_t start, int32_t count, SparseBuilder *out, int32_t *dim) {
    // 64 bits, 0-based, half open: [first, last).
    int64_t first = static_cast<int64_t>(start) - 1;
    int64_t last = first + count;
    if (first < 0)
        first = 0;
    if (last > a.dim)
        last = a.dim;
    if (count < 1 || last <= first)
        return check_sparse_dim(0);
    *dim = static_cast<int32_t>(last - first);
    for (int32_t i = 0; i < a.elements.nnz; ++i) {
        int32_t index = a.elements.indices[i];
        if (index >= last)
            break;
        if (index >= first)
            out->push(index - static_cast<int32_t>(first), a.elements.values[i]);
    }
    return Status{};
}

double norm_sparse(SparseView a) {
    double sum = 0;
    for (int32_t i = 0; i < a.nnz; ++i)
        sum += static_cast<double>(a.values[i]) * static_cast<double>(a.values[i]);
    return std::sqrt(sum);
}

Status normalize_sparse(SparseView a, SparseBuilder *out) {
    double norm = norm_sparse(a);
    for (int32_t i = 0; i < a.nnz; ++i) {
        float value = static_cast<float>(a.values[i] / norm);
        if (std::isinf(value))
            return overflow();
        if (value != 0)
            out->push(a.indices[i], value);
    }
    return Status{};
}

} // namespace vecx::types
