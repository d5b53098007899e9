// Between sparsevec and the dense types.
#pragma once

#include "types/dense_text.hpp"
#include "types/element.hpp"
#include "types/sparse.hpp"

namespace vecx::types {

// How many of n elements are not zero; NaN is not.
template <class From>
int32_t count_nonzero(const typename From::Stored *in, size_t n);

// The elements that are not zero, with their indices; `out` has room for them all. 22000 for NaN and
// infinity, which only numbers from elsewhere can be.
template <class From>
Status gather_nonzero(const typename From::Stored *in, size_t n, SparseBuilder *out);

// All `v.dim` elements, zeros included. 22003 for one that is too large for the type.
template <class To>
Status scatter(const SparseVector &v, FloatFormatter format, typename To::Stored *out);

} // namespace vecx::types
