// Codes that are learnt when an index is built: sq8, a signed byte for each coordinate, and pq, product quantisation with
// 4-bit codes (Jégou, Douze, Schmid, "Product quantization for nearest neighbor search", 2011; tables looked up by shuffles:
// André, Kermarrec, Le Scouarnec, "Cache locality is not enough", VLDB 2015).
//
// Geometry as in rabitq.hpp: x and the centre c are rotated, o = x - c. What is coded is the direction of o, scaled so that
// the mean square of a coordinate is 1; a code stands for a vector v of whole numbers in units of its own. With
// s = |o|^2 / <o, v>
//     <y, o>  is estimated by  s <y, v>,
// which is exact for y along o; the part of v across o, |v| sin(o, v), makes the error. Its unit is
//     s |y| |v| sin(o, v) / sqrt(D - 1),
// the standard deviation if that part had a random direction. Here nothing proves that it has: how many units the
// error really takes is measured when the code is learnt (learn.hpp), and that is what the bounds allow for. So they hold
// for as many pairs of rows and queries as was asked for, as far as these are like those of the sample; no more than that.
#pragma once

#include "quant/rabitq.hpp"

namespace vecx::quant {

enum class CodeKind : uint8_t { sq8, pq };

// On disk; for pq n * 16 signed bytes follow, the words: coordinate j of word k of code m at (m * code_dim + j) * 16 + k.
struct CodebookHead {
    float clip;       // sq8: the coordinate that 127 stands for; pq: 0
    float deviations; // units of error that a bound allows for
    uint32_t rows;    // that it was learnt from; 0: none, it is that of a normal distribution
    uint32_t pairs;   // of a row and a query that `deviations` was measured with; 0: it was not
    uint64_t sum;     // of all else (codebook_sum)
};
static_assert(sizeof(CodebookHead) == 24);

constexpr uint32_t kWords = 16;    // of a code of pq
constexpr float kWordUnit = 32.0f; // of a word, for a coordinate of 1: on disk, never change
constexpr float kMostDeviations = 16;

constexpr uint32_t word_bytes(CodeKind kind, uint32_t n) { return kind == CodeKind::pq ? kWords * n : 0; }
constexpr uint32_t code_bytes(CodeKind kind, uint32_t n, uint32_t code_dim) {
    return kind == CodeKind::pq ? n / code_dim / 2 : n;
}

// A hash of a head, but for its `sum`, and of its words.
uint64_t codebook_sum(const CodebookHead &head, const int8_t *words, uint32_t bytes);
// Null, or what is wrong with the bytes of one.
const char *codebook_fault(CodeKind kind, const CodebookHead &head, const int8_t *words, uint32_t n);

// A codebook in memory.
struct Codebook {
    CodebookHead head;
    CodeKind kind;
    uint32_t n;         // rotated dimensions, a multiple of 64
    uint32_t code_dim;  // coordinates of a code: pq 2, 4, 8 or 16; sq8 1
    const float *words; // as on disk; sq8: null
};

// Writes code_bytes(): sq8 v itself; pq code 2 p in the low half of byte p, code 2 p + 1 in the high one. `scratch`: n floats.
// Of the factors only add, mul, fine_error (of the two) and length are set. The same on every level.
Factors encode_learnt(Form form, const float *x, const float *centre, const Codebook &book, float *scratch, uint8_t *code);
// v of a code, n coordinates.
void decode_learnt(const Codebook &book, const uint8_t *code, float *v);
// |o| from a row's code, its s and `unit`, |v| sin(o, v) / sqrt(D - 1).
float learnt_length(const Codebook &book, float s, float unit, const uint8_t *code);

// A query made ready for pq.
struct LookupQuery {
    const uint8_t *tables; // of kernels::lookup_sums
    uint32_t pairs;
    float base, step; // <q, v> is about base + step * sum
    float noise;      // standard deviation of that, from rounding
};
LookupQuery prepare_lookup(const float *rotated, const Codebook &book, Arena &arena);

// Lower bounds of the keys of `groups` times 16 vectors: codes as kernels::lookup_sums has them; add, mul and unit are
// binary16, `unit` being fine_error / |mul|. FLT_MAX where there is no number. Bounds: rabitq.hpp.
void lookup_bounds(const LookupQuery &query, const Bounds &bounds, uint32_t groups, const uint8_t *codes, const uint16_t *add,
                   const uint16_t *mul, const uint16_t *unit, float *out);

// The lower bound of one vector of sq8. `centre_key`, `reach` and `deviations` as in Bounds.
float scalar_bound(const float *rotated, uint32_t n, const Bounds &bounds, const int8_t *code, float add, float mul, float error);

} // namespace vecx::quant
