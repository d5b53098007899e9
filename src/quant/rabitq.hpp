// RaBitQ: a vector seen from a centre as one bit a coordinate, and optionally up to seven more, with an unbiased estimate
// of inner products and a bound on its error. Gao and Long, arXiv 2405.12497 (one bit) and arXiv 2409.09913 (more).
//
// Geometry. x and the centre c are rotated (rotation.hpp), o = x - c. With B bits a coordinate has a code u from 0 to
// 2^B - 1 that stands for the odd number v = 2 u - (2^B - 1); the top bit of u is the sign of o. <o, v> / (|o| |v|) is the
// cosine between the vector and its code. For any y
//     <y, o>  is estimated by  <y, v> |o|^2 / <o, v>,
// without bias over rotations; the error is of the order of |y| |o| tan(o, v) / sqrt(D - 1), and normal to a good
// approximation: `deviations` of it are allowed for. D is the rotated dimension.
//
// Keys. Smaller is nearer: l2 |q - x|^2, ip -<q, x>; cosine is l2 of normalised vectors. With the key of the centre
//     key(q, x) = key(q, c) + add + mul <q, v>
//     l2   add = |o|^2 + 2 s <c, v>,  mul = -2 s,  s = |o|^2 / <o, v>
//     ip   add = s <c, v> - <c, o>,   mul = -s
// Only <q, v> depends on query and vector together, and what is estimated is <q - c, o>: y = q - c. With one bit the error
// is |mul| |y| sin(o, v), and sin(o, v) is nearly the same for all rotated vectors: kSine bounds it. With more bits each
// vector keeps its own. Both grow by the rounding of the query.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.hpp"
#include "kernels/kernels.hpp"

namespace vecx::quant {

constexpr int kMaxBits = 8;
// sin of the angle between a rotated vector and its signs: sqrt(1 - 2 / pi) = 0.603, and some room.
constexpr float kSine = 0.64f;

enum class Form : uint8_t { l2, ip };

// What a code needs beside its bits. `fine_*` are for all bits together and 0 when there is only one.
struct Factors {
    float add, mul;
    float fine_add, fine_mul;
    float fine_error; // |fine_mul| |v| sin(o, v) / sqrt(D - 1): times |y| and deviations it is the error of the key
    float length;     // |o|
};

// Codes x seen from `centre`, both rotated, n coordinates (a multiple of 64). Writes n / 64 words of signs, and
// bits - 1 planes of as many words: plane p has bit p of u. A set sign bit is a positive coordinate.
Factors encode(Form form, const float *x, const float *centre, uint32_t n, int bits, uint64_t *signs, uint64_t *planes);

// A query made ready. `rotated` may be shifted as x and the centres are (l2).
struct Query {
    const uint8_t *tables; // of a kernels::Sweep
    const int8_t *weights;
    uint32_t level_sum;
    float half_step;
    const int8_t *bytes;  // the coordinates as int8, for more bits
    float byte_scale;     // a coordinate is about byte_scale * byte
    int32_t byte_sum;
};
Query prepare(const float *rotated, uint32_t n, Arena &arena);

// Lower bounds of the keys of `groups` times 4 vectors: codes, add and mul as kernels::Sweep has them. `centre_key` is
// key(q, c), `reach` is |y|.
struct Bounds {
    float centre_key, reach, add_scale, mul_scale;
    float deviations;
};
void lower_bounds(const Query &query, const Bounds &bounds, uint32_t words, uint32_t groups, const uint64_t *codes,
                  const uint16_t *add, const uint16_t *mul, float *out);

// The key from all bits of one vector (more than one). `signs` and `planes` as encode() wrote them.
float fine_key(const Query &query, float centre_key, uint32_t words, int bits, const uint64_t *signs, const uint8_t *planes,
               float fine_add, float fine_mul);
// The standard deviation of its error. `factor` is Factors::fine_error, `reach` is |y|.
float fine_error(const Query &query, uint32_t words, int bits, float reach, float factor);

} // namespace vecx::quant
