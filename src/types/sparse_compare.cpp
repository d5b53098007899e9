#include "types/sparse.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

int compare_sparse(const SparseVector &a, const SparseVector &b) {
    const SparseView &x = a.elements, &y = b.elements;
    // Where one value has an element and the other has none, the other's is zero: the sign decides.
    auto against_zero = [](float value) { return value < 0 ? -1 : 1; };

    int32_t shared = x.nnz < y.nnz ? x.nnz : y.nnz;
    for (int32_t i = 0; i < shared; ++i) {
        if (x.indices[i] < y.indices[i])
            return against_zero(x.values[i]);
        if (x.indices[i] > y.indices[i])
            return -against_zero(y.values[i]);
        if (x.values[i] != y.values[i])
            return x.values[i] < y.values[i] ? -1 : 1;
    }
    // An element beyond the end of the shorter value faces nothing: then the dimension decides.
    if (x.nnz > shared && x.indices[shared] < b.dim)
        return against_zero(x.values[shared]);
    if (y.nnz > shared && y.indices[shared] < a.dim)
        return -against_zero(y.values[shared]);
    return a.dim == b.dim ? 0 : a.dim < b.dim ? -1 : 1;
}

} // namespace vecx::types
