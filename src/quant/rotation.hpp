// A random rotation, fixed by the number of dimensions alone. It spreads every vector evenly over its coordinates,
// which is what RaBitQ's bounds rest on (arXiv 2405.12497, section 3.1).
//
// Four rounds of random signs, a Hadamard transform of the largest power of two at the front, then at the back, and, where
// that is not all, a turn of the two halves against each other. What it gives goes to disk and has the same bits on every
// instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx::quant {

// Dimensions after the rotation: dim, rounded up to a multiple of 64.
constexpr uint32_t rotated_dim(int32_t dim) { return (static_cast<uint32_t>(dim) + 63) / 64 * 64; }

// Rotates `dim` coordinates to rotated_dim(dim) of them. Keeps lengths and angles. `in` and `out` do not overlap.
void rotate(const float *in, int32_t dim, float *out);

} // namespace vecx::quant
