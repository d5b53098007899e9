// The one table of distance kernels. Each instruction-set level fills one KernelTable; the best one
// that the CPU and the operating system support is chosen once, at load (dispatch.cpp).
//
// Conventions: pointers need only the alignment of their element type; n counts elements and may be
// 0; no kernel allocates, fails, or reads a byte past its arguments. Sums of floating-point kernels
// are accumulated in several float lanes, so the last bits differ between levels; nothing that is
// written to disk may depend on them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vecx::kernels {

// Ordered: a CPU that has one level has all lower ones of its family.
enum class Level : uint8_t { scalar = 0, x86_v2 = 1, avx2 = 2, avx512 = 3, neon = 4 };

struct CosineParts {
    float dot;    // sum a*b
    float norm_a; // sum a*a
    float norm_b; // sum b*b
};

struct JaccardParts {
    uint64_t intersection; // bits in both
    uint64_t count_a;
    uint64_t count_b;
};

// A query against the codes of a node's neighbours: see hnsw/inlined/codec.hpp. Each bit of a code stands for a
// coordinate that the query has as a level from 0 to 63. For neighbour i let sum_i be the sum over all bits of
// 63 - level where the bit is set and of level where it is not; then
//     out[i] = base + add_scale * add[i] + mul[i] * (first + each * sum_i),
// FLT_MAX where that is not a number. The query comes in two forms, both made by prepare_sweep; a kernel reads
// the one it likes.
struct Sweep {
    // 256 bytes a word: for the low half of each of its 8 bytes, then for the high halves, what the 16 values of that
    // half add to sum_i. Aligned to 64 bytes.
    const uint8_t *tables;
    // 64 bytes a word: 63 - 2 * level of the coordinates with bit 0 of the word's bytes, then with bit 1, ...
    const int8_t *weights;
    uint32_t level_sum; // of all levels
    uint32_t words;     // 64-bit words of a code
    uint32_t groups;    // of 4 neighbours
    float base, add_scale, first, each;
};

// With o = x - p and b = 1 where o > 0, else -1. Element i is added in float to lane i % 16; then lanes i and i + 8 are
// added, then i and i + 4, i + 2, i + 1; no fused operations.
struct CodeSums {
    float square; // sum o*o
    float along;  // sum b*o = |o|
    float node;   // sum b*p
};

// Columns of a panel (panel_scores).
constexpr size_t kPanelColumns = 32;

// binary16 and bfloat16 travel as their 16 bits.
struct KernelTable {
    const char *name; // what vecx.simd shows: scalar, x86-64-v2, avx2, avx512, neon
    Level level;

    float (*l2sq_f32)(const float *a, const float *b, size_t n); // sum (a-b)^2
    float (*dot_f32)(const float *a, const float *b, size_t n);
    float (*l1_f32)(const float *a, const float *b, size_t n); // sum |a-b|
    CosineParts (*cosine_f32)(const float *a, const float *b, size_t n);

    float (*l2sq_f16)(const uint16_t *a, const uint16_t *b, size_t n);
    float (*dot_f16)(const uint16_t *a, const uint16_t *b, size_t n);
    float (*l1_f16)(const uint16_t *a, const uint16_t *b, size_t n);
    CosineParts (*cosine_f16)(const uint16_t *a, const uint16_t *b, size_t n);

    float (*l2sq_bf16)(const uint16_t *a, const uint16_t *b, size_t n);
    float (*dot_bf16)(const uint16_t *a, const uint16_t *b, size_t n);
    float (*l1_bf16)(const uint16_t *a, const uint16_t *b, size_t n);
    CosineParts (*cosine_bf16)(const uint16_t *a, const uint16_t *b, size_t n);

    // A float vector against one that is stored with fewer bits, whose elements count `scale` times.
    float (*l2sq_f32_f16)(const float *a, const uint16_t *b, float scale, size_t n); // sum (a - scale*b)^2
    float (*dot_f32_f16)(const float *a, const uint16_t *b, float scale, size_t n);
    float (*l2sq_f32_i8)(const float *a, const int8_t *b, float scale, size_t n);
    float (*dot_f32_i8)(const float *a, const int8_t *b, float scale, size_t n);

    // `codes`: word w of the code of neighbour 4 g + i is at (g * words + w) * 4 + i. `add` and `mul` are binary16.
    // `out` has 4 * groups floats. The sums are exact.
    void (*sweep)(const Sweep &query, const uint64_t *codes, const uint16_t *add, const uint16_t *mul, float *out);

    // Makes the forms of a Sweep from 64 * words coordinates; level = (x * inverse + 63) / 2, rounded and clamped, where
    // `inverse` is 63 over the largest coordinate. Returns level_sum. The same on every level.
    uint32_t (*prepare_sweep)(const float *x, float inverse, size_t words, uint8_t *tables, int8_t *weights);

    // The sum of u[i] * x[i] over 64 * words elements, u[i] being a number of `count` bits (1 to 7): bit p of it is bit i of
    // plane p, each of `words` 64-bit words. x is in [-127, 127]. Exact.
    int32_t (*plane_sum)(const int8_t *x, const uint8_t *planes, size_t words, size_t count);

    // out[16 g + i] for row i of 16 of each of `groups` groups: the sum, over `pairs` bytes of the row, of the entries that the
    // byte's halves name. Byte p of row i of group g is codes[16 * (g * pairs + p) + i]; the 16 entries for its low half begin at
    // tables[16 p], those for its high half at tables[16 * (pairs + p)]. Entries are at most 127, pairs is even. Exact.
    void (*lookup_sums)(const uint8_t *tables, const uint8_t *codes, size_t pairs, size_t groups, uint32_t *out);

    // From here to quantise_i8 every level gives the same bits: the results go to disk.
    // Steps of a rotation: n is a multiple of 64, for hadamard a power of two. A set bit flips a sign.
    void (*flip_signs)(float *x, const uint64_t *signs, size_t n);
    // The Hadamard matrix of order n, in butterflies over strides 1, 2, 4, ..., then times `scale`.
    void (*hadamard)(float *x, size_t n, float scale);
    // (x[i], x[i + n/2]) becomes (sum, difference) over the root of 2.
    void (*turn_pairs)(float *x, size_t n);
    // The code of x seen from p, 64 * words coordinates: bit i is set where x[i] > p[i].
    CodeSums (*encode_f32)(const float *p, const float *x, size_t words, uint64_t *code);
    // The same for p_scale * p and x_scale * x, each product rounded to float.
    CodeSums (*encode_i8)(const int8_t *p, float p_scale, const int8_t *x, float x_scale, size_t words, uint64_t *code);
    float (*largest_f32)(const float *x, size_t n); // max |x|, 0 for none
    // x * inverse, rounded to nearest even and clamped to [-127, 127].
    void (*quantise_i8)(const float *x, float inverse, int8_t *out, size_t n);

    // Exact integer sums: no overflow up to 32,768 elements.
    int32_t (*l2sq_i8)(const int8_t *a, const int8_t *b, size_t n);
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t n);
    int32_t (*l1_i8)(const int8_t *a, const int8_t *b, size_t n);

    // n counts bytes.
    uint64_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t n);
    JaccardParts (*jaccard)(const uint8_t *a, const uint8_t *b, size_t n);

    // out[i * kPanelColumns + c] = dot(rows[i], column c) - bias[c] for `count` rows of n floats; element j of column c is
    // panel[j * kPanelColumns + c]. Each sum is taken in the order of the elements, so levels with fused operations agree
    // to the bit, whatever rows stand beside a row.
    void (*panel_scores)(const float *const *rows, size_t count, size_t n, const float *panel, const float *bias, float *out);

    // Conversions: round to nearest even; too large becomes infinity (callers check).
    void (*f16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f32_to_f16)(const float *in, uint16_t *out, size_t n);
    void (*bf16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f32_to_bf16)(const float *in, uint16_t *out, size_t n);
};

// The table in force. Valid before choose() too: it starts as the scalar one.
extern const KernelTable *active;

// The table of a level, or null when this build or this CPU does not have it.
const KernelTable *find(Level level);

// The best level this CPU and operating system support (CPUID and XCR0).
Level best_level();

// Makes `level` the active table; false (and no change) when it is not available.
bool choose(Level level);

// "avx2" -> Level::avx2; false when the name is none of the table's names.
bool parse_level(const char *name, Level *out);

} // namespace vecx::kernels
