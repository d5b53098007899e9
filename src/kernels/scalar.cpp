// The scalar kernels: what runs on any CPU, and the reference that the SIMD levels are tested against.
#include "kernels/kernels.hpp"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "kernels/convert.hpp"
#include "kernels/tables.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

namespace {

// To the nearest integer, ties to even, of a number within +-2^22: the sum has no bits below 1.
int32_t nearest(float x) {
    float shifted = x + 0x1.8p23f;
    return static_cast<int32_t>(std::bit_cast<uint32_t>(shifted)) - 0x4B400000;
}

struct LoadF32 {
    using Element = float;
    static float get(const float *p) { return *p; }
};
struct LoadF16 {
    using Element = uint16_t;
    static float get(const uint16_t *p) { return f16_to_float(*p); }
};
struct LoadBf16 {
    using Element = uint16_t;
    static float get(const uint16_t *p) { return bf16_to_float(*p); }
};

template <class L>
float l2sq(const typename L::Element *a, const typename L::Element *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i) {
        float d = L::get(a + i) - L::get(b + i);
        sum += d * d;
    }
    return sum;
}
template <class L>
float dot(const typename L::Element *a, const typename L::Element *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += L::get(a + i) * L::get(b + i);
    return sum;
}
template <class L>
float l1(const typename L::Element *a, const typename L::Element *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += std::fabs(L::get(a + i) - L::get(b + i));
    return sum;
}
template <class L>
CosineParts cosine(const typename L::Element *a, const typename L::Element *b, size_t n) {
    CosineParts p{0, 0, 0};
    for (size_t i = 0; i < n; ++i) {
        float x = L::get(a + i), y = L::get(b + i);
        p.dot += x * y;
        p.norm_a += x * x;
        p.norm_b += y * y;
    }
    return p;
}

struct LoadI8 {
    using Element = int8_t;
    static float get(const int8_t *p) { return *p; }
};

template <class L>
float l2sq_mixed(const float *a, const typename L::Element *b, float scale, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i) {
        float d = a[i] - scale * L::get(b + i);
        sum += d * d;
    }
    return sum;
}
template <class L>
float dot_mixed(const float *a, const typename L::Element *b, float scale, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i] * (scale * L::get(b + i));
    return sum;
}

void sweep(const Sweep &query, const uint64_t *codes, const uint16_t *add, const uint16_t *mul, float *out) {
    for (size_t i = 0; i < size_t{4} * query.groups; ++i) {
        const uint64_t *code = codes + i / 4 * 4 * query.words + i % 4;
        uint32_t sum = 0;
        for (size_t w = 0; w < query.words; ++w)
            for (size_t k = 0; k < 8; ++k) {
                size_t byte = (code[4 * w] >> (8 * k)) & 0xFF;
                const uint8_t *table = query.tables + 256 * w + 16 * k;
                sum += table[byte & 15] + uint32_t{table[128 + (byte >> 4)]};
            }
        float x = query.base + query.add_scale * f16_to_float(add[i]) +
                  f16_to_float(mul[i]) * (query.first + query.each * static_cast<float>(sum));
        out[i] = x < FLT_MAX ? x : FLT_MAX;
    }
}

uint32_t prepare_sweep(const float *x, float inverse, size_t words, uint8_t *tables, int8_t *weights) {
    uint32_t level_sum = 0;
    for (size_t w = 0; w < words; ++w, x += 64, tables += 256, weights += 64) {
        uint8_t levels[64];
        for (size_t i = 0; i < 64; ++i) {
            float level = (x[i] * inverse + 63.0f) * 0.5f;
            level = level < 63.0f ? level : 63.0f;
            level = level > 0.0f ? level : 0.0f;
            levels[i] = static_cast<uint8_t>(nearest(level));
            level_sum += levels[i];
            weights[8 * (i % 8) + i / 8] = static_cast<int8_t>(63 - 2 * levels[i]);
        }
        for (size_t half = 0; half < 16; ++half) {
            const uint8_t *l = levels + 4 * half;
            uint8_t *entries = tables + 128 * (half % 2) + 16 * (half / 2);
            for (unsigned bits = 0; bits < 16; ++bits) {
                unsigned entry = 0;
                for (unsigned k = 0; k < 4; ++k)
                    entry += (bits >> k) & 1 ? 63u - l[k] : l[k];
                entries[bits] = static_cast<uint8_t>(entry);
            }
        }
    }
    return level_sum;
}

int32_t plane_sum(const int8_t *x, const uint8_t *planes, size_t words, size_t count) {
    int32_t sum = 0;
    for (size_t p = 0; p < count; ++p)
        for (size_t i = 0; i < 64 * words; ++i)
            if ((planes[8 * words * p + i / 8] >> (i % 8)) & 1)
                sum += x[i] * (1 << p);
    return sum;
}

void lookup_sums(const uint8_t *tables, const uint8_t *codes, size_t pairs, size_t groups, uint32_t *out) {
    const uint8_t *high = tables + 16 * pairs;
    for (size_t g = 0; g < groups; ++g, out += 16)
        for (size_t i = 0; i < 16; ++i) {
            uint32_t sum = 0;
            for (size_t p = 0; p < pairs; ++p) {
                const uint8_t code = codes[16 * (g * pairs + p) + i];
                sum += tables[16 * p + (code & 15)] + uint32_t{high[16 * p + (code >> 4)]};
            }
            out[i] = sum;
        }
}

void flip_signs(float *x, const uint64_t *signs, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        uint32_t flip = static_cast<uint32_t>(signs[i / 64] >> (i % 64)) << 31;
        x[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(x[i]) ^ flip);
    }
}

void hadamard(float *x, size_t n, float scale) {
    for (size_t h = 1; h < n; h *= 2)
        for (size_t i = 0; i < n; i += 2 * h)
            for (size_t j = i; j < i + h; ++j) {
                float a = x[j], b = x[j + h];
                x[j] = a + b;
                x[j + h] = a - b;
            }
    for (size_t i = 0; i < n; ++i)
        x[i] *= scale;
}

void turn_pairs(float *x, size_t n) {
    constexpr float kHalfRoot = 0.70710678f;
    for (size_t i = 0; i < n / 2; ++i) {
        float a = x[i], b = x[i + n / 2];
        x[i] = (a + b) * kHalfRoot;
        x[i + n / 2] = (a - b) * kHalfRoot;
    }
}

template <class P, class X>
CodeSums encode(P p, X x, size_t words, uint64_t *code) {
    float square[16] = {}, along[16] = {}, node[16] = {};
    for (size_t w = 0; w < words; ++w) {
        uint64_t word = 0;
        for (size_t i = 0; i < 64; ++i) {
            float from = p(64 * w + i), o = x(64 * w + i) - from;
            square[i % 16] += o * o;
            along[i % 16] += std::fabs(o);
            node[i % 16] += o > 0 ? from : -from;
            word |= static_cast<uint64_t>(o > 0) << i;
        }
        code[w] = word;
    }
    for (size_t h = 8; h > 0; h /= 2)
        for (size_t i = 0; i < h; ++i) {
            square[i] += square[i + h];
            along[i] += along[i + h];
            node[i] += node[i + h];
        }
    return {square[0], along[0], node[0]};
}

CodeSums encode_f32(const float *p, const float *x, size_t words, uint64_t *code) {
    return encode([p](size_t i) { return p[i]; }, [x](size_t i) { return x[i]; }, words, code);
}
CodeSums encode_i8(const int8_t *p, float p_scale, const int8_t *x, float x_scale, size_t words, uint64_t *code) {
    return encode([=](size_t i) { return p_scale * p[i]; }, [=](size_t i) { return x_scale * x[i]; }, words, code);
}

float largest_f32(const float *x, size_t n) {
    float largest = 0;
    for (size_t i = 0; i < n; ++i)
        largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
    return largest;
}

void panel_scores(const float *const *rows, size_t count, size_t n, const float *panel, const float *bias, float *out) {
    for (size_t i = 0; i < count; ++i, out += kPanelColumns) {
        float sums[kPanelColumns] = {};
        for (size_t j = 0; j < n; ++j)
            for (size_t c = 0; c < kPanelColumns; ++c)
                sums[c] += rows[i][j] * panel[j * kPanelColumns + c];
        for (size_t c = 0; c < kPanelColumns; ++c)
            out[c] = sums[c] - bias[c];
    }
}

void quantise_i8(const float *x, float inverse, int8_t *out, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        float level = x[i] * inverse;
        level = level < 127.0f ? level : 127.0f;
        level = level > -127.0f ? level : -127.0f;
        out[i] = static_cast<int8_t>(nearest(level));
    }
}

int32_t l2sq_i8(const int8_t *a, const int8_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}
int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i] * b[i];
    return sum;
}
int32_t l1_i8(const int8_t *a, const int8_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    return sum;
}

// Eight bytes at a time; the tail is copied into zeroes.
template <class F>
void for_each_word(const uint8_t *a, const uint8_t *b, size_t n, F f) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        f(x, y);
    }
    if (i < n) {
        uint64_t x = 0, y = 0;
        memcpy(&x, a + i, n - i);
        memcpy(&y, b + i, n - i);
        f(x, y);
    }
}

uint64_t ones(uint64_t x) { return static_cast<uint64_t>(__builtin_popcountll(x)); }

uint64_t hamming(const uint8_t *a, const uint8_t *b, size_t n) {
    uint64_t sum = 0;
    for_each_word(a, b, n, [&](uint64_t x, uint64_t y) { sum += ones(x ^ y); });
    return sum;
}
JaccardParts jaccard(const uint8_t *a, const uint8_t *b, size_t n) {
    JaccardParts p{0, 0, 0};
    for_each_word(a, b, n, [&](uint64_t x, uint64_t y) {
        p.intersection += ones(x & y);
        p.count_a += ones(x);
        p.count_b += ones(y);
    });
    return p;
}

void f16_to_f32(const uint16_t *in, float *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
        out[i] = f16_to_float(in[i]);
}
void f32_to_f16(const float *in, uint16_t *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
        out[i] = float_to_f16(in[i]);
}
void bf16_to_f32(const uint16_t *in, float *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
        out[i] = bf16_to_float(in[i]);
}
void f32_to_bf16(const float *in, uint16_t *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
        out[i] = float_to_bf16(in[i]);
}

} // namespace

constinit const KernelTable kScalarTable = {
    .name = "scalar",
    .level = Level::scalar,
    .l2sq_f32 = l2sq<LoadF32>,
    .dot_f32 = dot<LoadF32>,
    .l1_f32 = l1<LoadF32>,
    .cosine_f32 = cosine<LoadF32>,
    .l2sq_f16 = l2sq<LoadF16>,
    .dot_f16 = dot<LoadF16>,
    .l1_f16 = l1<LoadF16>,
    .cosine_f16 = cosine<LoadF16>,
    .l2sq_bf16 = l2sq<LoadBf16>,
    .dot_bf16 = dot<LoadBf16>,
    .l1_bf16 = l1<LoadBf16>,
    .cosine_bf16 = cosine<LoadBf16>,
    .l2sq_f32_f16 = l2sq_mixed<LoadF16>,
    .dot_f32_f16 = dot_mixed<LoadF16>,
    .l2sq_f32_i8 = l2sq_mixed<LoadI8>,
    .dot_f32_i8 = dot_mixed<LoadI8>,
    .sweep = sweep,
    .prepare_sweep = prepare_sweep,
    .plane_sum = plane_sum,
    .lookup_sums = lookup_sums,
    .flip_signs = flip_signs,
    .hadamard = hadamard,
    .turn_pairs = turn_pairs,
    .encode_f32 = encode_f32,
    .encode_i8 = encode_i8,
    .largest_f32 = largest_f32,
    .quantise_i8 = quantise_i8,
    .l2sq_i8 = l2sq_i8,
    .dot_i8 = dot_i8,
    .l1_i8 = l1_i8,
    .hamming = hamming,
    .jaccard = jaccard,
    .panel_scores = panel_scores,
    .f16_to_f32 = f16_to_f32,
    .f32_to_f16 = f32_to_f16,
    .bf16_to_f32 = bf16_to_f32,
    .f32_to_bf16 = f32_to_bf16,
};

} // namespace vecx::kernels
