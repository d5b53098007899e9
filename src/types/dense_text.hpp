// The text form of the dense types: [1,2.5,-3e-05].
#pragma once

#include "base/status.hpp"
#include "types/element.hpp"

namespace vecx::types {

// Reads `length` bytes of NUL-terminated `text`. `out` has room for kMaxDenseDim elements and *dim of them are
// set. Accepts what pgvector accepts: white space around brackets and numbers, any form of strtof (int8vec:
// decimal integers only). 22P02 malformed, 22003 a number that does not fit, 22000 NaN, infinity or no
// element at all, 54000 too many elements. Messages quote a bounded part of the text.
template <class E>
Status parse(const char *text, size_t length, typename E::Stored *out, int32_t *dim);

// Writes the shortest decimal form that gives back `value` and returns its length, at most 15 characters:
// PostgreSQL's float_to_shortest_decimal_bufn.
using FloatFormatter = int (*)(float value, char *out);

// The room that print() may need, with the final NUL.
template <class E>
constexpr size_t printed_size(int32_t dim) {
    // A separator and up to 15 characters, or -128; then two brackets and the NUL.
    return static_cast<size_t>(dim) * (E::kIsFloat ? 16 : 5) + 3;
}

// Prints as pgvector does, with a final NUL; returns the length without it.
template <class E>
size_t print(const typename E::Stored *x, int32_t dim, FloatFormatter format, char *out);

} // namespace vecx::types
