// x86-64-v3: AVX2, FMA and F16C. Included by simd.hpp.
#pragma once

namespace vecx::kernels {
namespace {

struct Avx2 {
    using Xsimd = xsimd::fma3<xsimd::avx2>;
    using Ints = __m256i;
    static constexpr size_t kFloats = 8;
    static constexpr size_t kBytes = 32;
    static constexpr bool kMaskedLoads = false;

    static __m128i load_half(const void *p) { return _mm_loadu_si128(static_cast<const __m128i *>(p)); }
    static void store_half(void *p, __m128i x) { _mm_storeu_si128(static_cast<__m128i *>(p), x); }

    static Ints zero() { return _mm256_setzero_si256(); }
    static Ints load_ints(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
    static Words<Avx2> load_words(const void *p) { return Words<Avx2>(load_ints(p)); }
    static Ints add_i32(Ints x, Ints y) { return _mm256_add_epi32(x, y); }
    static Ints add_i64(Ints x, Ints y) { return _mm256_add_epi64(x, y); }
    static Ints keep_last_bytes(Ints x, size_t r) { return _mm256_and_si256(x, load_ints(keep_mask(32, r))); }

    static Floats<Avx2> widen_f16(const uint16_t *p) { return _mm256_cvtph_ps(load_half(p)); }
    static void narrow_f16(const float *in, uint16_t *out) {
        store_half(out, _mm256_cvtps_ph(_mm256_loadu_ps(in), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
    static Floats<Avx2> widen_i8_f32(const int8_t *p) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p))));
    }
    static Words<Avx2> widen_words(const uint16_t *p) { return Words<Avx2>(_mm256_cvtepu16_epi32(load_half(p))); }
    // The low 16 bits of each word; the high ones are zero.
    static void narrow_words(Words<Avx2> x, Words<Avx2> y, uint16_t *out) {
        __m256i packed = _mm256_packus_epi32(x, y); // within each half: x0 y0 x1 y1
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm256_permute4x64_epi64(packed, 0xD8));
    }

    template <class A>
    using DotLoads = Widened<A>;
    template <class A>
    using SquareLoads = AsBytes<A>;
    static Ints widen_i8(const int8_t *p) { return _mm256_cvtepi8_epi16(load_half(p)); }
    static Ints dot_i8(Ints sum, Ints x, Ints y) { return _mm256_add_epi32(sum, _mm256_madd_epi16(x, y)); }
    static Ints l2sq_i8(Ints sum, Ints x, Ints y) {
        // |x - y| fits 8 unsigned bits; its even and odd bytes are squared as 16-bit numbers.
        __m256i d = _mm256_sub_epi8(_mm256_max_epi8(x, y), _mm256_min_epi8(x, y));
        __m256i even = _mm256_and_si256(d, _mm256_set1_epi16(0xFF));
        __m256i odd = _mm256_srli_epi16(d, 8);
        return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(even, even), _mm256_madd_epi16(odd, odd)));
    }
    static Ints l1_i8(Ints sum, Ints x, Ints y) {
        __m256i flip = _mm256_set1_epi8(-128); // order-preserving map to unsigned bytes
        return _mm256_add_epi64(sum, _mm256_sad_epu8(_mm256_xor_si256(x, flip), _mm256_xor_si256(y, flip)));
    }
    static float sum_f32(__m256 x) {
        return Sse4::sum_f32(_mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)));
    }
    static float sum_halves(__m256 x) { return sum_f32(x); }
    static int32_t sum_i32(Ints x) {
        return Sse4::sum_i32(_mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
    }
    static uint64_t sum_u64(Ints x) {
        return Sse4::sum_u64(_mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
    }

    template <int kStride>
    static __m256 butterfly(__m256 x) {
        __m256 y = kStride == 4 ? _mm256_permute2f128_ps(x, x, 1) : _mm256_permute_ps(x, kStride == 1 ? 0xB1 : 0x4E);
        return _mm256_blend_ps(_mm256_add_ps(x, y), _mm256_sub_ps(y, x),
                               kStride == 1 ? 0xAA : kStride == 2 ? 0xCC : 0xF0);
    }
    static __m256 sign_bits(uint64_t bits) {
        // Each bit is shifted to the top; what is below it is masked away.
        __m256i shifted = _mm256_sllv_epi32(_mm256_set1_epi32(static_cast<int>(bits)),
                                            _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24));
        return _mm256_castsi256_ps(_mm256_and_si256(shifted, _mm256_set1_epi32(INT32_MIN)));
    }
    static uint64_t positive_bits(__m256 x) {
        return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ)));
    }
    static void narrow_i8(__m256 x, int8_t *out) {
        __m256i words = _mm256_cvtps_epi32(x);
        __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i *>(out), _mm_packs_epi16(halves, halves));
    }
    static float largest_f32(__m256 x) {
        return Sse4::largest_f32(_mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)));
    }
    static Ints spread_8(const void *p) { return _mm256_permute4x64_epi64(_mm256_castsi128_si256(load_half(p)), 0x50); }
    static Ints pick_bytes(Ints x, Ints index) { return _mm256_shuffle_epi8(x, index); }
    static Ints repeat_16(__m128i x) { return _mm256_broadcastsi128_si256(x); }
    static Ints xor_bits(Ints x, Ints y) { return _mm256_xor_si256(x, y); }
    static Ints add_i8(Ints x, Ints y) { return _mm256_add_epi8(x, y); }
    static void store_ints(void *p, Ints x) { _mm256_storeu_si256(static_cast<__m256i *>(p), x); }

    static Ints expand_bits(const uint8_t *p, char weight) { // as Sse4 has it
        int32_t bits;
        memcpy(&bits, p, sizeof bits);
        const __m256i each = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
        const __m256i places = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, //
                                                2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
        __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), places);
        return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(spread, each), each), _mm256_set1_epi8(weight));
    }
    static Ints dot_numbers(Ints sum, Ints numbers, Ints x) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(numbers, x), _mm256_set1_epi16(1)));
    }

    static Ints low_halves(Ints x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); } // as Sse4 has these
    static Ints high_halves(Ints x) { return _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(15)); }
    static Ints odd_bytes(Ints x) { return _mm256_srli_epi16(x, 8); }
    static __m128i fold_i16(Ints x) { return _mm_add_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)); }
    static void put_sums(__m128i all, __m128i odd, uint32_t *out) { Sse4::put_sums(all, odd, out); }

    using SweepArch = Avx2;
    static constexpr size_t kSweepBytes = 32;
    static Ints and_bits(Ints x, Ints y) { return _mm256_and_si256(x, y); }
    static Ints upper_halves(Ints x) { return _mm256_srli_epi16(x, 4); }
    static Ints fill_bytes(char x) { return _mm256_set1_epi8(x); }
    static Ints repeat_8(const void *p) {
        return _mm256_castpd_si256(_mm256_broadcast_sd(static_cast<const double *>(p)));
    }
    static Ints multiply_bytes(Ints x, Ints y) { return _mm256_maddubs_epi16(x, y); }
    static Ints add_i16(Ints x, Ints y) { return _mm256_add_epi16(x, y); }
    template <int kBits>
    static Ints shift_i16(Ints x) {
        return _mm256_srai_epi16(x, kBits);
    }
    static Ints add_pairs_i16(Ints x) { return _mm256_madd_epi16(x, _mm256_set1_epi16(1)); }
    static __m128i group_sums(const Ints *parts) {
        return _mm_hadd_epi32(_mm256_castsi256_si128(parts[0]), _mm256_extracti128_si256(parts[0], 1));
    }
    static __m128 widen_4_f16(const uint16_t *p) {
        return _mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)));
    }

    // Ones per byte: two table look-ups of four bits each.
    using Bits = __m256i;
    static constexpr size_t kBitBytes = 32;
    static Bits zero_bits() { return zero(); }
    static Bits load_bits(const uint8_t *p) { return load_ints(p); }
    static Bits both(Bits x, Bits y) { return _mm256_and_si256(x, y); }
    static Bits differ(Bits x, Bits y) { return _mm256_xor_si256(x, y); }
    static Bits ones_per_byte(Bits x) {
        const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, //
                                               0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        const __m256i low = _mm256_set1_epi8(0x0F);
        return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                               _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
    }
    static Bits count_bits(Bits sum, Bits x) {
        return _mm256_add_epi64(sum, _mm256_sad_epu8(ones_per_byte(x), _mm256_setzero_si256()));
    }
    static Bits add_bits(Bits x, Bits y) { return add_i64(x, y); }
    static uint64_t sum_bits(Bits x) { return sum_u64(x); }
};

inline Floats<Avx2> fused(Floats<Avx2> x, Floats<Avx2> y, Floats<Avx2> z) { return _mm256_fmadd_ps(x, y, z); }

} // namespace
} // namespace vecx::kernels
