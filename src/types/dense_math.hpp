// Arithmetic and comparison of dense values, element by element. Plain code, the same result on every CPU;
// the distances, whose last bits depend on the instruction set, are in element.hpp.
#pragma once

#include "base/status.hpp"
#include "types/element.hpp"

namespace vecx::types {

// out[i] = a[i] op b[i], rounded to the type; `out` may be `a` or `b`. 22003 when a result overflows or, in
// a product, underflows to zero. int8vec does not saturate: it overflows.
template <class E>
Status add(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out);
template <class E>
Status subtract(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out);
template <class E>
Status multiply(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out);

// The Euclidean norm, summed in double.
template <class E>
double l2_norm(const typename E::Stored *x, size_t n);

// x divided by its norm; zero stays zero. Not for int8vec.
template <class E>
Status l2_normalize(const typename E::Stored *x, size_t n, typename E::Stored *out);

// Less than, equal to or greater than zero: element by element, a shorter value before a longer one that
// begins with it, as PostgreSQL's arrays are ordered. -0 equals 0.
template <class E>
int compare(const typename E::Stored *a, size_t n_a, const typename E::Stored *b, size_t n_b);

// One bit for each element, most significant first, set where it is greater than zero; (n + 7) / 8 bytes,
// the last one padded with zero bits.
template <class E>
void binary_quantize(const typename E::Stored *x, size_t n, uint8_t *out);

// The span of elements that SQL's subvector(x, start, count) means, in the manner of substring: start counts
// from 1, and what lies outside is cut off. 22000 when nothing is left.
struct Span {
    int32_t first; // from 0
    int32_t count;
};
template <class E>
Status find_span(int32_t dim, int32_t start, int32_t count, Span *span);

} // namespace vecx::types
