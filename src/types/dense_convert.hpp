// From one dense type to another, from floats and doubles, and the sums behind avg and sum.
#pragma once

#include "base/status.hpp"
#include "types/dense_text.hpp"
#include "types/element.hpp"

namespace vecx::types {

// Rounds n numbers to elements, to nearest and ties to even. 22003 (with the number, printed by `format`)
// for one that is finite but too large for the type, 22000 for NaN and infinity.
template <class To>
Status narrow_floats(const float *in, size_t n, FloatFormatter format, typename To::Stored *out);

// The same from doubles: rounds once for int8vec; for the float types to float first, as a cast of float8 to
// float4 would, where too large becomes infinity.
template <class To>
Status narrow_doubles(const double *in, size_t n, FloatFormatter format, typename To::Stored *out);

// From one type to another; errors as narrow_floats.
template <class From, class To>
Status convert(const typename From::Stored *in, size_t n, FloatFormatter format, typename To::Stored *out);

// sums[i] += x[i]; 22003 when a sum becomes infinite.
template <class E>
Status accumulate(const typename E::Stored *x, size_t n, double *sums);

// sums[i] += more[i]; 22003 when a sum becomes infinite.
Status combine_sums(const double *more, size_t n, double *sums);

// out[i] = sums[i] / divisor, rounded to float and then to the type; 22003 when that overflows. Not for int8vec.
template <class To>
Status divide_sums(const double *sums, double divisor, size_t n, FloatFormatter format, typename To::Stored *out);

} // namespace vecx::types
