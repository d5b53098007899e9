// The rules that a sparsevec obeys, and what is said when one is broken.
#include "types/sparse.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

Status check_sparse_dim(int64_t dim) {
    if (dim < 1)
        return Status::make(Code::data_exception, "sparsevec must have at least 1 dimension");
    if (dim > kMaxSparseDim)
        return Status::make(Code::limit_exceeded, "sparsevec cannot have more than %d dimensions", kMaxSparseDim);
    return Status{};
}

Status check_sparse_nnz(int64_t nnz, int32_t dim) {
    if (nnz < 0)
        return Status::make(Code::data_exception, "sparsevec cannot have negative number of elements");
    if (nnz > kMaxSparseNnz)
        return Status::make(Code::limit_exceeded, "sparsevec cannot have more than %d non-zero elements",
                            kMaxSparseNnz);
    if (nnz > dim)
        return Status::make(Code::limit_exceeded, "sparsevec cannot have more elements than dimensions");
    return Status{};
}

Status check_sparse_expected_dim(int32_t typmod, int32_t dim) {
    if (typmod != -1 && typmod != dim)
        return Status::make(Code::data_exception, "expected %d dimensions, not %d", typmod, dim);
    return Status{};
}

Status check_sparse_same_dim(int32_t a, int32_t b) {
    if (a != b)
        return Status::make(Code::data_exception, "different sparsevec dimensions %d and %d", a, b);
    return Status{};
}

Status check_sparse_indices(const int32_t *indices, int32_t nnz, int32_t dim) {
    int32_t previous = -1;
    for (int32_t i = 0; i < nnz; ++i) {
        int32_t index = indices[i];
        if (index < 0 || index >= dim)
            return Status::make(Code::data_exception, "sparsevec index out of bounds");
        if (index < previous)
            return Status::make(Code::data_exception, "sparsevec indices must be in ascending order");
        if (index == previous)
            return Status::make(Code::data_exception, "sparsevec indices must not contain duplicates");
        previous = index;
    }
    return Status{};
}

Status check_sparse_element(float value) {
    if (std::isnan(value))
        return Status::make(Code::data_exception, "NaN not allowed in sparsevec");
    if (std::isinf(value))
        return Status::make(Code::data_exception, "infinite value not allowed in sparsevec");
    return Status{};
}

} // namespace vecx::types
