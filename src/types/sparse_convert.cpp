#include "types/sparse_convert.hpp"

#include <algorithm>

#include "types/dense_convert.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

template <class From>
int32_t count_nonzero(const typename From::Stored *in, size_t n) {
    int32_t nnz = 0;
    for (size_t i = 0; i < n; ++i)
        nnz += From::widen(in[i]) != 0;
    return nnz;
}

template <class From>
Status gather_nonzero(const typename From::Stored *in, size_t n, SparseBuilder *out) {
    for (size_t i = 0; i < n; ++i) {
        float value = From::widen(in[i]);
        if (value == 0)
            continue;
        VECX_TRY(check_sparse_element(value));
        out->push(static_cast<int32_t>(i), value);
    }
    return Status{};
}

template <class To>
Status scatter(const SparseVector &v, FloatFormatter format, typename To::Stored *out) {
    std::fill_n(out, static_cast<size_t>(v.dim), typename To::Stored{0}); // zero is all bits zero in each type
    const SparseView &e = v.elements;
    for (int32_t i = 0; i < e.nnz; ++i)
        VECX_TRY(narrow_floats<To>(&e.values[i], 1, format, &out[e.indices[i]]));
    return Status{};
}

#define VECX_INSTANTIATE(E)                                                                                            \
    template int32_t count_nonzero<E>(const E::Stored *, size_t);                                                      \
    template Status gather_nonzero<E>(const E::Stored *, size_t, SparseBuilder *);                                     \
    template Status scatter<E>(const SparseVector &, FloatFormatter, E::Stored *);

VECX_INSTANTIATE(F32)
VECX_INSTANTIATE(F16)
VECX_INSTANTIATE(BF16)
VECX_INSTANTIATE(I8)
#undef VECX_INSTANTIATE

} // namespace vecx::types
