// What the layouts `inline` and `compact` compute: rotation, codes of neighbours relative to a node, estimates from
// them, a node's own vector and the error it is stored with.
//
// RaBitQ: Gao and Long, arXiv 2405.12497; codes of neighbours inside the node: SymphonyQG, arXiv 2411.12229.
//
// Geometry. g(x) is x itself, under cosine x / |x|. R is a rotation of rotated_dim() dimensions, fixed by the
// dimension alone; r(x) = R g(x), its first code_bits() coordinates times sqrt(rotated_dim / code_bits) when the codes
// are shorter (Johnson and Lindenstrauss). For a node p and its neighbour x let o = r(x) - r(p) and b the signs of o;
// S0 = |o|^2 / <o, b>. Then <g(q) - g(p), g(x) - g(p)> is estimated by S0 <r(q) - r(p), b>, without bias over rotations.
//
// Keys. Smaller is nearer: l2 |q - x|^2, ip -<q, x>, cosine 1 - cos(q, x). The estimate of a neighbour's key is
//     key(q, p) + add + mul * <r(q), b>
// where add and mul depend on p and x only:
//     l2      add = |x - p|^2 + 2 S0 <r(p), b>,  mul = -2 S0
//     cosine  half of that, of g(x) and g(p)
//     ip      add = -<p, x - p> + S0 <r(p), b>,  mul = -S0
// The query's coordinates are quantised to odd multiples of a half step, of kQueryBits each: top = 2^kQueryBits - 1, a
// level l from 0 to top stands for (2 l - top) half steps. Then <r(q), b> = half_step * (top * code_bits - 2 sum), where a
// set bit of the code means a positive coordinate and sum goes over all bits: top - l where the bit is set, l where it
// is not. It is exact on every level of the kernels, which look it up for four bits at a time (Andre, Kermarrec, Le
// Scouarnec, "Cache locality is not enough", VLDB 2015, look-ups in registers) or multiply bytes.
//
// What goes to disk (rotation, codes, factors, own vector) does not depend on the instruction set.
#pragma once

#include "base/arena.hpp"
#include "hnsw/inlined/node.hpp"

namespace vecx::hnsw::inlined {

// A vector among others of its index.
struct Placed {
    const float *rotated; // R g(x), shape.rotated_dim() coordinates
    float norm2;          // |g(x)|^2; 1 under cosine
};

// A query made ready; its arrays live in the arena it was made with.
struct Query {
    Payload payload;
    const float *value;     // the coordinates as floats, shape.dim of them
    float norm;             // |q|
    float half_step;        // of the quantised rotated query
    const uint64_t *planes; // of a form that only prepare_query and estimate know
};

struct Interval {
    double low, high; // in units of what SQL shows (l2: the distance, not its square)
};

// dim coordinates of a payload as floats.
void widen(const Shape &shape, Payload payload, float *out);

// |x|; under cosine g(x) = x / |x|, else x. `out` may be `x`.
float norm_of(const Shape &shape, const float *x);
void to_geometry(const Shape &shape, const float *x, float norm, float *out);

// R g: `in` has shape.dim coordinates, `out` shape.rotated_dim() of them. Keeps lengths.
void rotate(const Shape &shape, const float *in, float *out);

Query prepare_query(const Shape &shape, Payload payload, Arena &arena);

// Stores a vector: shape.own_size() bytes to `own`; sets own_scale, own_error and norm of `head`.
void encode_own(const Shape &shape, const float *x, uint8_t *own, Head *head);
// The stored vector as shape.dim floats.
void decode_own(const Shape &shape, const Head &head, const uint8_t *own, float *out);
// The key of a node from its stored vector.
float own_key(const Shape &shape, const Query &query, const Head &head, const uint8_t *own);
// Where the distance that SQL shows for the exact vector must lie, given own_key: the error of the stored vector
// and the rounding of both computations.
Interval exact_interval(const Shape &shape, const Query &query, const Head &head, float key);

// The code of a neighbour. `distance2` is |g(x) - g(p)|^2. Writes shape.code_words words.
void encode_neighbour(const Shape &shape, const Placed &node, const Placed &neighbour, float distance2, float *add,
                      float *mul, uint64_t *code);
// |g(x) - g(p)| of a neighbour, from its factor: to a few per cent. For choosing whom to replace.
float neighbour_distance(const Shape &shape, float mul);

// Estimates the keys of all neighbours of a node: out[0 .. head.places). Places without a link give garbage.
void estimate(const Shape &shape, const Query &query, const NodeView &node, float key, float *out);

// 64 bits of a payload: equal payloads have equal ones.
uint64_t payload_hash(Payload payload);

// A rotated vector with 8 bits a coordinate: what graphs in memory are built from. `code` has rotated_dim() bytes.
struct Coarse {
    float scale; // a coordinate is about scale * code
    float norm2; // of the coarse vector
};
Coarse encode_coarse(const Shape &shape, const float *rotated, int8_t *code);
void decode_coarse(const Shape &shape, Coarse coarse, const int8_t *code, float *rotated);
// encode_neighbour() of decoded vectors, to the same bits.
void encode_neighbour_coarse(const Shape &shape, Coarse node, const int8_t *node_code, Coarse neighbour,
                             const int8_t *neighbour_code, float distance2, float *add, float *mul, uint64_t *code);
// |g(x) - g(y)|^2, and the key between two vectors of the index (ip: -<x, y>; cosine: half the squared distance).
float coarse_distance2(const Shape &shape, Coarse a, const int8_t *x, Coarse b, const int8_t *y);
float coarse_key(const Shape &shape, Coarse a, const int8_t *x, Coarse b, const int8_t *y);

} // namespace vecx::hnsw::inlined
