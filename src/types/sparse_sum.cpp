#include "types/sparse_sum.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

// How many of the `n` ascending indices the sum does not have.
size_t count_missing(const SparseSum &sum, const int32_t *indices, size_t n) {
    size_t at = 0, missing = 0;
    for (size_t i = 0; i < n; ++i) {
        while (at < sum.indices.size() && sum.indices[at] < indices[i])
            ++at;
        missing += at == sum.indices.size() || sum.indices[at] != indices[i];
    }
    return missing;
}

template <class Value>
Status add(SparseSum *sum, int32_t dim, const int32_t *indices, const Value *values, size_t n) {
    if (sum->dim == 0)
        sum->dim = dim;
    VECX_TRY(check_sparse_same_dim(sum->dim, dim));
    size_t old_size = sum->indices.size();
    size_t new_size = old_size + count_missing(*sum, indices, n);
    VECX_TRY(check_sparse_nnz(static_cast<int64_t>(new_size), dim));
    sum->indices.resize_uninitialized(new_size);
    sum->sums.resize_uninitialized(new_size);

    // Merged in place from the back: what is written never overtakes what is still to be read.
    size_t from = old_size, to = new_size;
    while (n > 0) {
        if (from > 0 && sum->indices[from - 1] >= indices[n - 1]) {
            --from, --to;
            bool same = sum->indices[from] == indices[n - 1];
            sum->indices[to] = sum->indices[from];
            sum->sums[to] = sum->sums[from];
            if (same)
                sum->sums[to] += static_cast<double>(values[--n]);
        } else {
            --n, --to;
            sum->indices[to] = indices[n];
            sum->sums[to] = static_cast<double>(values[n]);
        }
    }
    return Status{};
}

} // namespace

Status add_to_sum(SparseSum *sum, const SparseVector &v) {
    VECX_TRY(add(sum, v.dim, v.elements.indices, v.elements.values, static_cast<size_t>(v.elements.nnz)));
    ++sum->count;
    return Status{};
}

Status add_to_sum(SparseSum *sum, const SparseSum &other) {
    if (other.count == 0)
        return Status{};
    VECX_TRY(add(sum, other.dim, other.indices.data(), other.sums.data(), other.indices.size()));
    sum->count += other.count;
    return Status{};
}

void average_of_sum(const SparseSum &sum, SparseBuilder *out) {
    double count = static_cast<double>(sum.count);
    for (size_t i = 0; i < sum.indices.size(); ++i) {
        // No larger than the largest value, so finite; may be too small for a float.
        float mean = static_cast<float>(sum.sums[i] / count);
        if (mean != 0)
            out->push(sum.indices[i], mean);
    }
}

} // namespace vecx::types
