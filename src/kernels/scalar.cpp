// The scalar kernels: what runs on any CPU, and the reference that the SIMD levels are tested against.
#include "kernels/kernels.hpp"

#include <cfloat>
#include <cmath>
#include <cstring>

#include "kernels/convert.hpp"
#include "kernels/tables.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

namespace {

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
    .l2sq_i8 = l2sq_i8,
    .dot_i8 = dot_i8,
    .l1_i8 = l1_i8,
    .hamming = hamming,
    .jaccard = jaccard,
    .f16_to_f32 = f16_to_f32,
    .f32_to_f16 = f32_to_f16,
    .bf16_to_f32 = bf16_to_f32,
    .f32_to_bf16 = f32_to_bf16,
};

} // namespace vecx::kernels
