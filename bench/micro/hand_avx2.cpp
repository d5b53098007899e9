#if defined(__x86_64__)
#include "hand.hpp"

#include <immintrin.h>

namespace vecx::bench {
namespace {

using kernels::CosineParts;
using kernels::JaccardParts;

inline float sum(__m256 x) {
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
inline int32_t sum(__m256i x) {
    __m128i y = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(y, _mm_shuffle_epi32(y, 0xB1)));
}
inline uint64_t sum64(__m256i x) {
    __m128i y = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return static_cast<uint64_t>(_mm_cvtsi128_si64(y) + _mm_extract_epi64(y, 1));
}
inline __m256i bytes(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
inline __m128i half(const void *p) { return _mm_loadu_si128(static_cast<const __m128i *>(p)); }

inline __m256 get_f32(const float *p) { return _mm256_loadu_ps(p); }
inline __m256 get_f16(const uint16_t *p) { return _mm256_cvtph_ps(half(p)); }
inline __m256 even_bf16(__m256i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16)); }
inline __m256 odd_bf16(__m256i x) {
    return _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

#define L2SQ(s, x, y)                                                                                                  \
    {                                                                                                                  \
        __m256 d = _mm256_sub_ps(x, y);                                                                                \
        s = _mm256_fmadd_ps(d, d, s);                                                                                  \
    }
#define DOT(s, x, y) s = _mm256_fmadd_ps(x, y, s);
#define L1(s, x, y) s = _mm256_add_ps(s, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(x, y)));

#define IN_ORDER(name, type, get, OP)                                                                                  \
    float name(const type *a, const type *b, size_t n) {                                                               \
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                                    \
        for (const type *end = a + n; a != end; a += 32, b += 32) {                                                    \
            OP(s0, get(a), get(b))                                                                                     \
            OP(s1, get(a + 8), get(b + 8))                                                                             \
            OP(s2, get(a + 16), get(b + 16))                                                                           \
            OP(s3, get(a + 24), get(b + 24))                                                                           \
        }                                                                                                              \
        return sum(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));                                       \
    }
#define EVEN_ODD(name, OP)                                                                                             \
    float name(const uint16_t *a, const uint16_t *b, size_t n) {                                                       \
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                                    \
        for (const uint16_t *end = a + n; a != end; a += 32, b += 32) {                                                \
            __m256i x = bytes(a), y = bytes(b), u = bytes(a + 16), v = bytes(b + 16);                                  \
            OP(s0, even_bf16(x), even_bf16(y))                                                                         \
            OP(s1, odd_bf16(x), odd_bf16(y))                                                                           \
            OP(s2, even_bf16(u), even_bf16(v))                                                                         \
            OP(s3, odd_bf16(u), odd_bf16(v))                                                                           \
        }                                                                                                              \
        return sum(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));                                       \
    }
IN_ORDER(l2sq_f32, float, get_f32, L2SQ)
IN_ORDER(dot_f32, float, get_f32, DOT)
IN_ORDER(l1_f32, float, get_f32, L1)
IN_ORDER(l2sq_f16, uint16_t, get_f16, L2SQ)
IN_ORDER(dot_f16, uint16_t, get_f16, DOT)
IN_ORDER(l1_f16, uint16_t, get_f16, L1)
EVEN_ODD(l2sq_bf16, L2SQ)
EVEN_ODD(dot_bf16, DOT)
EVEN_ODD(l1_bf16, L1)

#define COSINE(name, type, step, x0_, y0_, x1_, y1_)                                                                   \
    CosineParts name(const type *a, const type *b, size_t n) {                                                         \
        __m256 d0 = _mm256_setzero_ps(), d1 = d0, p0 = d0, p1 = d0, q0 = d0, q1 = d0;                                  \
        for (const type *end = a + n; a != end; a += 16, b += 16) {                                                    \
            __m256 x0 = x0_, y0 = y0_, x1 = x1_, y1 = y1_;                                                             \
            DOT(d0, x0, y0) DOT(p0, x0, x0) DOT(q0, y0, y0) DOT(d1, x1, y1) DOT(p1, x1, x1) DOT(q1, y1, y1)            \
        }                                                                                                              \
        return {sum(_mm256_add_ps(d0, d1)), sum(_mm256_add_ps(p0, p1)), sum(_mm256_add_ps(q0, q1))};                   \
    }
COSINE(cosine_f32, float, 16, get_f32(a), get_f32(b), get_f32(a + 8), get_f32(b + 8))
COSINE(cosine_f16, uint16_t, 16, get_f16(a), get_f16(b), get_f16(a + 8), get_f16(b + 8))
COSINE(cosine_bf16, uint16_t, 16, even_bf16(bytes(a)), even_bf16(bytes(b)), odd_bf16(bytes(a)), odd_bf16(bytes(b)))

inline __m256i wide(const int8_t *p) { return _mm256_cvtepi8_epi16(half(p)); }

int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
    for (const int8_t *end = a + n; a != end; a += 64, b += 64) {
        s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(wide(a), wide(b)));
        s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(wide(a + 16), wide(b + 16)));
        s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(wide(a + 32), wide(b + 32)));
        s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(wide(a + 48), wide(b + 48)));
    }
    return sum(_mm256_add_epi32(_mm256_add_epi32(s0, s1), _mm256_add_epi32(s2, s3)));
}
inline __m256i square(__m256i s, __m256i x, __m256i y) {
    __m256i d = _mm256_sub_epi16(x, y);
    return _mm256_add_epi32(s, _mm256_madd_epi16(d, d));
}
int32_t l2sq_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
    for (const int8_t *end = a + n; a != end; a += 64, b += 64) {
        s0 = square(s0, wide(a), wide(b));
        s1 = square(s1, wide(a + 16), wide(b + 16));
        s2 = square(s2, wide(a + 32), wide(b + 32));
        s3 = square(s3, wide(a + 48), wide(b + 48));
    }
    return sum(_mm256_add_epi32(_mm256_add_epi32(s0, s1), _mm256_add_epi32(s2, s3)));
}
int32_t l1_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, flip = _mm256_set1_epi8(-128);
    for (const int8_t *end = a + n; a != end; a += 64, b += 64) {
        s0 = _mm256_add_epi64(s0, _mm256_sad_epu8(_mm256_xor_si256(bytes(a), flip), _mm256_xor_si256(bytes(b), flip)));
        s1 = _mm256_add_epi64(
            s1, _mm256_sad_epu8(_mm256_xor_si256(bytes(a + 32), flip), _mm256_xor_si256(bytes(b + 32), flip)));
    }
    return static_cast<int32_t>(sum64(_mm256_add_epi64(s0, s1)));
}

inline __m256i ones(__m256i x) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i low = _mm256_set1_epi8(15);
    return _mm256_sad_epu8(_mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                                           _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low))),
                           _mm256_setzero_si256());
}
inline uint64_t word(const uint8_t *p) {
    uint64_t x;
    __builtin_memcpy(&x, p, 8);
    return x;
}
inline uint64_t count(uint64_t x) { return static_cast<uint64_t>(_mm_popcnt_u64(x)); }

uint64_t hamming(const uint8_t *a, const uint8_t *b, size_t n) {
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        s0 = _mm256_add_epi64(s0, ones(_mm256_xor_si256(bytes(a + i), bytes(b + i))));
        s1 = _mm256_add_epi64(s1, ones(_mm256_xor_si256(bytes(a + i + 32), bytes(b + i + 32))));
    }
    uint64_t rest = 0;
    for (; i < n; i += 8)
        rest += count(word(a + i) ^ word(b + i));
    return sum64(_mm256_add_epi64(s0, s1)) + rest;
}
JaccardParts jaccard(const uint8_t *a, const uint8_t *b, size_t n) {
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i x = bytes(a + i), y = bytes(b + i);
        s0 = _mm256_add_epi64(s0, ones(_mm256_and_si256(x, y)));
        s1 = _mm256_add_epi64(s1, ones(x));
        s2 = _mm256_add_epi64(s2, ones(y));
    }
    JaccardParts rest{0, 0, 0};
    for (; i < n; i += 8) {
        rest.intersection += count(word(a + i) & word(b + i));
        rest.count_a += count(word(a + i));
        rest.count_b += count(word(b + i));
    }
    return {sum64(s0) + rest.intersection, sum64(s1) + rest.count_a, sum64(s2) + rest.count_b};
}

void f16_to_f32(const uint16_t *in, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(out + i, get_f16(in + i));
}
void f32_to_f16(const float *in, uint16_t *out, size_t n) {
    for (size_t i = 0; i < n; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i *>(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(in + i), 8));
}
void bf16_to_f32(const uint16_t *in, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i),
                            _mm256_slli_epi32(_mm256_cvtepu16_epi32(half(in + i)), 16));
}
inline __m256i round_bf16(__m256 x) {
    __m256i bits = _mm256_castps_si256(x), high = _mm256_srli_epi32(bits, 16);
    __m256i up = _mm256_add_epi32(_mm256_set1_epi32(0x7FFF), _mm256_and_si256(high, _mm256_set1_epi32(1)));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, up), 16);
    __m256i nan = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(rounded, nan, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
void f32_to_bf16(const float *in, uint16_t *out, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        __m256i packed = _mm256_packus_epi32(round_bf16(get_f32(in + i)), round_bf16(get_f32(in + i + 8)));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i), _mm256_permute4x64_epi64(packed, 0xD8));
    }
}

} // namespace

constinit const kernels::KernelTable kHandAvx2 = {"hand avx2", kernels::Level::avx2,
                                                  l2sq_f32,    dot_f32,
                                                  l1_f32,      cosine_f32,
                                                  l2sq_f16,    dot_f16,
                                                  l1_f16,      cosine_f16,
                                                  l2sq_bf16,   dot_bf16,
                                                  l1_bf16,     cosine_bf16,
                                                  l2sq_i8,     dot_i8,
                                                  l1_i8,       hamming,
                                                  jaccard,     f16_to_f32,
                                                  f32_to_f16,  bf16_to_f32,
                                                  f32_to_bf16};

uint64_t read_bytes_avx2(const uint8_t *p, size_t n) {
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 128 <= n; i += 128) {
        s0 = _mm256_or_si256(s0, bytes(p + i));
        s1 = _mm256_or_si256(s1, bytes(p + i + 32));
        s2 = _mm256_or_si256(s2, bytes(p + i + 64));
        s3 = _mm256_or_si256(s3, bytes(p + i + 96));
    }
    return sum64(_mm256_or_si256(_mm256_or_si256(s0, s1), _mm256_or_si256(s2, s3)));
}

} // namespace vecx::bench
#endif
