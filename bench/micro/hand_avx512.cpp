#if defined(__x86_64__)
#include "hand.hpp"

#include <immintrin.h>

#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // GCC 12's own headers
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace vecx::bench {
namespace {

using kernels::CosineParts;
using kernels::JaccardParts;

inline __m512i bytes(const void *p) { return _mm512_loadu_si512(p); }
inline __m256i half(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
inline float sum(__m512 x) { return _mm512_reduce_add_ps(x); }
inline uint64_t sum64(__m512i x) { return static_cast<uint64_t>(_mm512_reduce_add_epi64(x)); }

inline __m512 get_f32(const float *p) { return _mm512_loadu_ps(p); }
inline __m512 get_f16(const uint16_t *p) { return _mm512_cvtph_ps(half(p)); }
inline __m512 even_bf16(__m512i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16)); }
inline __m512 odd_bf16(__m512i x) {
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

#define L2SQ(s, x, y)                                                                                                  \
    {                                                                                                                  \
        __m512 d = _mm512_sub_ps(x, y);                                                                                \
        s = _mm512_fmadd_ps(d, d, s);                                                                                  \
    }
#define DOT(s, x, y) s = _mm512_fmadd_ps(x, y, s);
#define L1(s, x, y) s = _mm512_add_ps(s, _mm512_abs_ps(_mm512_sub_ps(x, y)));

#define IN_ORDER(name, type, get, OP)                                                                                  \
    float name(const type *a, const type *b, size_t n) {                                                               \
        __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                                    \
        for (const type *end = a + n; a != end; a += 64, b += 64) {                                                    \
            OP(s0, get(a), get(b))                                                                                     \
            OP(s1, get(a + 16), get(b + 16))                                                                           \
            OP(s2, get(a + 32), get(b + 32))                                                                           \
            OP(s3, get(a + 48), get(b + 48))                                                                           \
        }                                                                                                              \
        return sum(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));                                       \
    }
#define EVEN_ODD(name, OP)                                                                                             \
    float name(const uint16_t *a, const uint16_t *b, size_t n) {                                                       \
        __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                                    \
        for (const uint16_t *end = a + n; a != end; a += 64, b += 64) {                                                \
            __m512i x = bytes(a), y = bytes(b), u = bytes(a + 32), v = bytes(b + 32);                                  \
            OP(s0, even_bf16(x), even_bf16(y))                                                                         \
            OP(s1, odd_bf16(x), odd_bf16(y))                                                                           \
            OP(s2, even_bf16(u), even_bf16(v))                                                                         \
            OP(s3, odd_bf16(u), odd_bf16(v))                                                                           \
        }                                                                                                              \
        return sum(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));                                       \
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

#define COSINE(name, type, x0_, y0_, x1_, y1_)                                                                         \
    CosineParts name(const type *a, const type *b, size_t n) {                                                         \
        __m512 d0 = _mm512_setzero_ps(), d1 = d0, p0 = d0, p1 = d0, q0 = d0, q1 = d0;                                  \
        for (const type *end = a + n; a != end; a += 32, b += 32) {                                                    \
            __m512 x0 = x0_, y0 = y0_, x1 = x1_, y1 = y1_;                                                             \
            DOT(d0, x0, y0) DOT(p0, x0, x0) DOT(q0, y0, y0) DOT(d1, x1, y1) DOT(p1, x1, x1) DOT(q1, y1, y1)            \
        }                                                                                                              \
        return {sum(_mm512_add_ps(d0, d1)), sum(_mm512_add_ps(p0, p1)), sum(_mm512_add_ps(q0, q1))};                   \
    }
COSINE(cosine_f32, float, get_f32(a), get_f32(b), get_f32(a + 16), get_f32(b + 16))
COSINE(cosine_f16, uint16_t, get_f16(a), get_f16(b), get_f16(a + 16), get_f16(b + 16))
COSINE(cosine_bf16, uint16_t, even_bf16(bytes(a)), even_bf16(bytes(b)), odd_bf16(bytes(a)), odd_bf16(bytes(b)))

int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, c0 = s0, c1 = s0, flip = _mm512_set1_epi8(-128);
    size_t i = 0;
    for (; i < n; i += 128) {
        __m512i y0 = bytes(b + i), y1 = bytes(b + i + 64);
        s0 = _mm512_dpbusd_epi32(s0, _mm512_xor_si512(bytes(a + i), flip), y0);
        c0 = _mm512_dpbusd_epi32(c0, flip, y0);
        s1 = _mm512_dpbusd_epi32(s1, _mm512_xor_si512(bytes(a + i + 64), flip), y1);
        c1 = _mm512_dpbusd_epi32(c1, flip, y1);
    }
    return _mm512_reduce_add_epi32(_mm512_sub_epi32(_mm512_add_epi32(s0, s1), _mm512_add_epi32(c0, c1)));
}
inline __m512i square(__m512i s, const int8_t *a, const int8_t *b) {
    __m512i d = _mm512_sub_epi16(_mm512_cvtepi8_epi16(half(a)), _mm512_cvtepi8_epi16(half(b)));
    return _mm512_dpwssd_epi32(s, d, d);
}
int32_t l2sq_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t i = 0; i < n; i += 128) {
        s0 = square(s0, a + i, b + i);
        s1 = square(s1, a + i + 32, b + i + 32);
        s2 = square(s2, a + i + 64, b + i + 64);
        s3 = square(s3, a + i + 96, b + i + 96);
    }
    return _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(s0, s1), _mm512_add_epi32(s2, s3)));
}
int32_t l1_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, flip = _mm512_set1_epi8(-128);
    for (size_t i = 0; i < n; i += 128) {
        s0 = _mm512_add_epi64(
            s0, _mm512_sad_epu8(_mm512_xor_si512(bytes(a + i), flip), _mm512_xor_si512(bytes(b + i), flip)));
        s1 = _mm512_add_epi64(
            s1, _mm512_sad_epu8(_mm512_xor_si512(bytes(a + i + 64), flip), _mm512_xor_si512(bytes(b + i + 64), flip)));
    }
    return static_cast<int32_t>(sum64(_mm512_add_epi64(s0, s1)));
}

inline __mmask64 mask(size_t r) { return r == 0 ? 0 : ~0ull >> (64 - r); }

uint64_t hamming(const uint8_t *a, const uint8_t *b, size_t n) {
    __m512i s = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        s = _mm512_add_epi64(s, _mm512_popcnt_epi64(_mm512_xor_si512(bytes(a + i), bytes(b + i))));
    if (i < n) {
        __mmask64 m = mask(n - i);
        s = _mm512_add_epi64(s, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_maskz_loadu_epi8(m, a + i),
                                                                     _mm512_maskz_loadu_epi8(m, b + i))));
    }
    return sum64(s);
}
JaccardParts jaccard(const uint8_t *a, const uint8_t *b, size_t n) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0;
    for (size_t i = 0; i < n; i += 64) {
        __mmask64 m = n - i >= 64 ? ~0ull : mask(n - i);
        __m512i x = _mm512_maskz_loadu_epi8(m, a + i), y = _mm512_maskz_loadu_epi8(m, b + i);
        s0 = _mm512_add_epi64(s0, _mm512_popcnt_epi64(_mm512_and_si512(x, y)));
        s1 = _mm512_add_epi64(s1, _mm512_popcnt_epi64(x));
        s2 = _mm512_add_epi64(s2, _mm512_popcnt_epi64(y));
    }
    return {sum64(s0), sum64(s1), sum64(s2)};
}

void f16_to_f32(const uint16_t *in, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 16)
        _mm512_storeu_ps(out + i, get_f16(in + i));
}
void f32_to_f16(const float *in, uint16_t *out, size_t n) {
    for (size_t i = 0; i < n; i += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i), _mm512_cvtps_ph(_mm512_loadu_ps(in + i), 8));
}
void bf16_to_f32(const uint16_t *in, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 16)
        _mm512_storeu_si512(out + i, _mm512_slli_epi32(_mm512_cvtepu16_epi32(half(in + i)), 16));
}
void f32_to_bf16(const float *in, uint16_t *out, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        __m512 x = get_f32(in + i);
        __m512i bits = _mm512_castps_si512(x), high = _mm512_srli_epi32(bits, 16);
        __m512i up = _mm512_add_epi32(_mm512_set1_epi32(0x7FFF), _mm512_and_si512(high, _mm512_set1_epi32(1)));
        __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, up), 16);
        __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        rounded = _mm512_mask_or_epi32(rounded, nan, high, _mm512_set1_epi32(0x40));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i), _mm512_cvtepi32_epi16(rounded));
    }
}

} // namespace

constinit const kernels::KernelTable kHandAvx512 = {"hand avx512", kernels::Level::avx512,
                                                    l2sq_f32,      dot_f32,
                                                    l1_f32,        cosine_f32,
                                                    l2sq_f16,      dot_f16,
                                                    l1_f16,        cosine_f16,
                                                    l2sq_bf16,     dot_bf16,
                                                    l1_bf16,       cosine_bf16,
                                                    l2sq_i8,       dot_i8,
                                                    l1_i8,         hamming,
                                                    jaccard,       f16_to_f32,
                                                    f32_to_f16,    bf16_to_f32,
                                                    f32_to_bf16};

uint64_t read_bytes_avx512(const uint8_t *p, size_t n) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 256 <= n; i += 256) {
        s0 = _mm512_or_si512(s0, bytes(p + i));
        s1 = _mm512_or_si512(s1, bytes(p + i + 64));
        s2 = _mm512_or_si512(s2, bytes(p + i + 128));
        s3 = _mm512_or_si512(s3, bytes(p + i + 192));
    }
    return sum64(_mm512_or_si512(_mm512_or_si512(s0, s1), _mm512_or_si512(s2, s3)));
}

} // namespace vecx::bench
#endif
