// x86-64-v4: AVX-512 F, CD, BW, DQ and VL. VNNI and VPOPCNTDQ are not part of it: isa_avx512_vnni.cpp and
// isa_avx512_popcnt.cpp. Included by simd.hpp.
#pragma once

namespace vecx::kernels {
namespace {

struct Avx512 {
    using Xsimd = xsimd::avx512bw;
    using Ints = __m512i;
    static constexpr size_t kFloats = 16;
    static constexpr size_t kBytes = 64;
    static constexpr bool kMaskedLoads = true;

    static __m256i load_half(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
    static __mmask16 first_16(size_t r) { return static_cast<__mmask16>(_bzhi_u32(0xFFFF, static_cast<unsigned>(r))); }
    static __mmask32 first_32(size_t r) { return _bzhi_u32(0xFFFFFFFFu, static_cast<unsigned>(r)); }
    static __mmask64 first_64(size_t r) { return _bzhi_u64(~0ull, static_cast<unsigned>(r)); }

    static Ints zero() { return _mm512_setzero_si512(); }
    static Ints load_ints(const void *p) { return _mm512_loadu_si512(p); }
    static Words<Avx512> load_words(const void *p) { return Words<Avx512>(load_ints(p)); }
    static Ints first_bytes(const void *p, size_t r) { return _mm512_maskz_loadu_epi8(first_64(r), p); }
    static Ints add_i32(Ints x, Ints y) { return _mm512_add_epi32(x, y); }
    static Ints add_i64(Ints x, Ints y) { return _mm512_add_epi64(x, y); }

    static Floats<Avx512> first_floats(const float *p, size_t r) { return _mm512_maskz_loadu_ps(first_16(r), p); }
    static Floats<Avx512> widen_f16(const uint16_t *p) { return _mm512_cvtph_ps(load_half(p)); }
    static Floats<Avx512> widen_first_f16(const uint16_t *p, size_t r) {
        return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_16(r), p));
    }
    static Words<Avx512> first_halves(const uint16_t *p, size_t r) {
        return Words<Avx512>(_mm512_maskz_loadu_epi16(first_32(r), p));
    }
    static void narrow_f16(const float *in, uint16_t *out) {
        __m256i x = _mm512_cvtps_ph(_mm512_loadu_ps(in), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), x);
    }
    static Floats<Avx512> widen_i8_f32(const int8_t *p) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))));
    }
    static Floats<Avx512> widen_first_i8_f32(const int8_t *p, size_t r) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first_16(r), p)));
    }
    static Words<Avx512> widen_words(const uint16_t *p) {
        return Words<Avx512>(_mm512_cvtepu16_epi32(load_half(p)));
    }
    static void narrow_words(Words<Avx512> x, Words<Avx512> y, uint16_t *out) {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm512_cvtepi32_epi16(x));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + kFloats), _mm512_cvtepi32_epi16(y));
    }

    // Widening reads 32 bytes at a time: of vectors that are not aligned only every other load crosses a line.
    template <class A>
    using DotLoads = Widened<A>;
    template <class A>
    using SquareLoads = Widened<A>;
    static Ints widen_i8(const int8_t *p) { return _mm512_cvtepi8_epi16(load_half(p)); }
    static Ints widen_first_i8(const int8_t *p, size_t r) {
        return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(first_32(r), p));
    }
    static Ints dot_i8(Ints sum, Ints x, Ints y) { return _mm512_add_epi32(sum, _mm512_madd_epi16(x, y)); }
    static Ints l2sq_i8(Ints sum, Ints x, Ints y) {
        __m512i d = _mm512_sub_epi16(x, y);
        return _mm512_add_epi32(sum, _mm512_madd_epi16(d, d));
    }
    static Ints l1_i8(Ints sum, Ints x, Ints y) {
        __m512i flip = _mm512_set1_epi8(-128); // order-preserving map to unsigned bytes
        return _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_xor_si512(x, flip), _mm512_xor_si512(y, flip)));
    }
    static float sum_f32(__m512 x) {
        return Avx2::sum_f32(_mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)));
    }
    static float sum_halves(__m512 x) { return sum_f32(x); }
    static int32_t sum_i32(Ints x) {
        return Avx2::sum_i32(_mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1)));
    }
    static uint64_t sum_u64(Ints x) {
        return Avx2::sum_u64(_mm256_add_epi64(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1)));
    }

    template <int kStride>
    static __m512 butterfly(__m512 x) {
        __m512 y = kStride == 1   ? _mm512_permute_ps(x, 0xB1)
                   : kStride == 2 ? _mm512_permute_ps(x, 0x4E)
                                  : _mm512_shuffle_f32x4(x, x, kStride == 4 ? 0xB1 : 0x4E);
        constexpr __mmask16 upper = kStride == 1 ? 0xAAAA : kStride == 2 ? 0xCCCC : kStride == 4 ? 0xF0F0 : 0xFF00;
        return _mm512_mask_sub_ps(_mm512_add_ps(x, y), upper, y, x);
    }
    static __m512 sign_bits(uint64_t bits) {
        return _mm512_castsi512_ps(_mm512_maskz_set1_epi32(static_cast<__mmask16>(bits), INT32_MIN));
    }
    static uint64_t positive_bits(__m512 x) { return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ); }
    static void narrow_i8(__m512 x, int8_t *out) {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(out), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
    }
    static float largest_f32(__m512 x) {
        return Avx2::largest_f32(_mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)));
    }
    static Ints spread_8(const void *p) {
        return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), _mm512_castsi256_si512(load_half(p)));
    }
    static Ints fill_bytes(char x) { return _mm512_set1_epi8(x); }
    static Ints pick_bytes(Ints x, Ints index) { return _mm512_shuffle_epi8(x, index); }
    static Ints repeat_16(__m128i x) { return _mm512_broadcast_i32x4(x); }
    static Ints xor_bits(Ints x, Ints y) { return _mm512_xor_si512(x, y); }
    static Ints add_i8(Ints x, Ints y) { return _mm512_add_epi8(x, y); }
    static void store_ints(void *p, Ints x) { _mm512_storeu_si512(p, x); }

    // Without VBMI wider registers gain nothing: a group of codes fills 32 bytes.
    static Ints expand_bits(const uint8_t *p, char weight) { // as Sse4 has it
        uint64_t bits;
        memcpy(&bits, p, sizeof bits);
        return _mm512_maskz_set1_epi8(bits, weight);
    }
    static Ints dot_numbers(Ints sum, Ints numbers, Ints x) {
        return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(numbers, x), _mm512_set1_epi16(1)));
    }

    static Ints low_halves(Ints x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); } // as Sse4 has these
    static Ints high_halves(Ints x) { return _mm512_and_si512(_mm512_srli_epi16(x, 4), _mm512_set1_epi8(15)); }
    static Ints odd_bytes(Ints x) { return _mm512_srli_epi16(x, 8); }
    static Ints add_i16(Ints x, Ints y) { return _mm512_add_epi16(x, y); }
    static __m128i fold_i16(Ints x) {
        return Avx2::fold_i16(_mm256_add_epi16(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1)));
    }
    static void put_sums(__m128i all, __m128i odd, uint32_t *out) { Sse4::put_sums(all, odd, out); }

    using SweepArch = Avx2;

    // Ones per byte: two table look-ups of four bits each.
    using Bits = __m512i;
    static constexpr size_t kBitBytes = 64;
    static Bits zero_bits() { return zero(); }
    static Bits load_bits(const uint8_t *p) { return load_ints(p); }
    static Bits first_bits(const uint8_t *p, size_t r) { return first_bytes(p, r); }
    static Bits both(Bits x, Bits y) { return _mm512_and_si512(x, y); }
    static Bits differ(Bits x, Bits y) { return _mm512_xor_si512(x, y); }
    static Bits ones_per_byte(Bits x) {
        const __m512i table =
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        const __m512i low = _mm512_set1_epi8(0x0F);
        return _mm512_add_epi8(_mm512_shuffle_epi8(table, _mm512_and_si512(x, low)),
                               _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), low)));
    }
    static Bits count_bits(Bits sum, Bits x) {
        return _mm512_add_epi64(sum, _mm512_sad_epu8(ones_per_byte(x), _mm512_setzero_si512()));
    }
    static Bits add_bits(Bits x, Bits y) { return add_i64(x, y); }
    static uint64_t sum_bits(Bits x) { return sum_u64(x); }
};

inline Floats<Avx512> fused(Floats<Avx512> x, Floats<Avx512> y, Floats<Avx512> z) { return _mm512_fmadd_ps(x, y, z); }

} // namespace
} // namespace vecx::kernels
