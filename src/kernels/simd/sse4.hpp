// x86-64-v2: SSE4.2 and POPCNT. No half floats: binary16 is taken apart with integer arithmetic, to the
// same bits as convert.hpp. Included by simd.hpp.
#pragma once

namespace vecx::kernels {
namespace {

struct Sse4 {
    using Xsimd = xsimd::sse4_2;
    using Ints = __m128i;
    static constexpr size_t kFloats = 4;
    static constexpr size_t kBytes = 16;
    static constexpr bool kMaskedLoads = false;

    static Ints zero() { return _mm_setzero_si128(); }
    static Ints load_ints(const void *p) { return _mm_loadu_si128(static_cast<const __m128i *>(p)); }
    static Words<Sse4> load_words(const void *p) { return Words<Sse4>(load_ints(p)); }
    static Ints add_i32(Ints x, Ints y) { return _mm_add_epi32(x, y); }
    static Ints add_i64(Ints x, Ints y) { return _mm_add_epi64(x, y); }
    static Ints keep_last_bytes(Ints x, size_t r) { return _mm_and_si128(x, load_ints(keep_mask(16, r))); }

    static Floats<Sse4> widen_f16(const uint16_t *p) {
        __m128i h = _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)));
        __m128i sign = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x8000)), 16);
        __m128i shifted = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x7FFF)), 13);
        __m128i normal = _mm_add_epi32(shifted, _mm_set1_epi32(112 << 23));
        // 2^-14 with the mantissa behind it, less 2^-14: exact, and no operand is a subnormal float.
        __m128i base = _mm_set1_epi32(113 << 23);
        __m128i subnormal = _mm_castps_si128(
            _mm_sub_ps(_mm_castsi128_ps(_mm_add_epi32(shifted, base)), _mm_castsi128_ps(base)));
        __m128i quiet = _mm_and_si128(_mm_cmpgt_epi32(shifted, _mm_set1_epi32(0x0F800000)), _mm_set1_epi32(0x400000));
        __m128i special = _mm_or_si128(_mm_or_si128(shifted, _mm_set1_epi32(0x7F800000)), quiet);
        __m128i x = _mm_blendv_epi8(normal, subnormal, _mm_cmplt_epi32(shifted, _mm_set1_epi32(1 << 23)));
        x = _mm_blendv_epi8(x, special, _mm_cmpgt_epi32(shifted, _mm_set1_epi32(0x0F7FFFFF)));
        return _mm_castsi128_ps(_mm_or_si128(x, sign));
    }

    static void narrow_f16(const float *in, uint16_t *out) {
        __m128i bits = load_ints(in);
        __m128i magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7FFFFFFF));
        __m128i sign = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(0x8000));
        __m128i odd = _mm_and_si128(_mm_srli_epi32(magnitude, 13), _mm_set1_epi32(1));
        __m128i normal =
            _mm_srli_epi32(_mm_add_epi32(_mm_add_epi32(magnitude, odd), _mm_set1_epi32(0xFFF - 0x38000000)), 13);
        // Added to 0.5, whose last bit is worth 2^-24, the FPU rounds to the subnormals of binary16.
        __m128 half = _mm_set1_ps(0.5f);
        __m128i subnormal =
            _mm_sub_epi32(_mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(magnitude), half)), _mm_castps_si128(half));
        __m128i nan = _mm_or_si128(_mm_and_si128(_mm_srli_epi32(magnitude, 13), _mm_set1_epi32(0x3FF)),
                                   _mm_set1_epi32(0x7E00));
        __m128i x = _mm_blendv_epi8(normal, subnormal, _mm_cmplt_epi32(magnitude, _mm_set1_epi32(0x38800000)));
        x = _mm_blendv_epi8(x, _mm_set1_epi32(0x7C00), _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x477FEFFF)));
        x = _mm_blendv_epi8(x, nan, _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7F800000)));
        x = _mm_or_si128(x, sign);
        _mm_storel_epi64(reinterpret_cast<__m128i *>(out), _mm_packus_epi32(x, x));
    }

    static Floats<Sse4> widen_i8_f32(const int8_t *p) {
        int32_t x;
        memcpy(&x, p, sizeof x);
        return _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(x)));
    }
    static Words<Sse4> widen_words(const uint16_t *p) {
        return Words<Sse4>(_mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p))));
    }
    // The low 16 bits of each word; the high ones are zero.
    static void narrow_words(Words<Sse4> x, Words<Sse4> y, uint16_t *out) {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(out), _mm_packus_epi32(x, y));
    }

    template <class A>
    using DotLoads = Widened<A>;
    template <class A>
    using SquareLoads = AsBytes<A>;
    static Ints widen_i8(const int8_t *p) {
        return _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)));
    }
    static Ints dot_i8(Ints sum, Ints x, Ints y) { return _mm_add_epi32(sum, _mm_madd_epi16(x, y)); }
    static Ints l2sq_i8(Ints sum, Ints x, Ints y) {
        // |x - y| fits 8 unsigned bits; its even and odd bytes are squared as 16-bit numbers.
        __m128i d = _mm_sub_epi8(_mm_max_epi8(x, y), _mm_min_epi8(x, y));
        __m128i even = _mm_and_si128(d, _mm_set1_epi16(0xFF));
        __m128i odd = _mm_srli_epi16(d, 8);
        return _mm_add_epi32(sum, _mm_add_epi32(_mm_madd_epi16(even, even), _mm_madd_epi16(odd, odd)));
    }
    static Ints l1_i8(Ints sum, Ints x, Ints y) {
        __m128i flip = _mm_set1_epi8(-128); // order-preserving map to unsigned bytes
        return _mm_add_epi64(sum, _mm_sad_epu8(_mm_xor_si128(x, flip), _mm_xor_si128(y, flip)));
    }
    static float sum_f32(__m128 x) {
        x = _mm_add_ps(x, _mm_movehl_ps(x, x));
        return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
    }
    static float sum_halves(__m128 x) { return sum_f32(x); }
    static int32_t sum_i32(Ints x) {
        x = _mm_add_epi32(x, _mm_unpackhi_epi64(x, x));
        x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 1));
        return _mm_cvtsi128_si32(x);
    }
    static uint64_t sum_u64(Ints x) {
        return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(x, _mm_unpackhi_epi64(x, x))));
    }

    // One stage of a Hadamard transform within a register: lanes i and i + kStride become sum and difference.
    template <int kStride>
    static __m128 butterfly(__m128 x) {
        __m128 y = _mm_shuffle_ps(x, x, kStride == 1 ? 0xB1 : 0x4E);
        return _mm_blend_ps(_mm_add_ps(x, y), _mm_sub_ps(y, x), kStride == 1 ? 0xA : 0xC);
    }
    // The sign bits of the lanes whose bit is set in `bits`.
    static __m128 sign_bits(uint64_t bits) {
        __m128i picked = _mm_and_si128(_mm_set1_epi32(static_cast<int>(bits)), _mm_setr_epi32(1, 2, 4, 8));
        __m128i empty = _mm_cmpeq_epi32(picked, _mm_setzero_si128());
        return _mm_castsi128_ps(_mm_andnot_si128(empty, _mm_set1_epi32(INT32_MIN)));
    }
    static uint64_t positive_bits(__m128 x) {
        return static_cast<uint64_t>(_mm_movemask_ps(_mm_cmpgt_ps(x, _mm_setzero_ps())));
    }
    // Rounded to nearest even; kFloats bytes.
    static void narrow_i8(__m128 x, int8_t *out) {
        __m128i words = _mm_cvtps_epi32(x);
        words = _mm_packs_epi32(words, words);
        int32_t bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
        memcpy(out, &bytes, sizeof bytes);
    }
    static float largest_f32(__m128 x) {
        x = _mm_max_ps(x, _mm_movehl_ps(x, x));
        return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
    }
    // Eight bytes for each 128 bits, twice; bytes of each 128 bits picked by index.
    static Ints spread_8(const void *p) { return repeat_8(p); }
    static Ints pick_bytes(Ints x, Ints index) { return _mm_shuffle_epi8(x, index); }
    static Ints repeat_16(__m128i x) { return x; }
    static Ints xor_bits(Ints x, Ints y) { return _mm_xor_si128(x, y); }
    static Ints add_i8(Ints x, Ints y) { return _mm_add_epi8(x, y); }
    static void store_ints(void *p, Ints x) { _mm_storeu_si128(static_cast<__m128i *>(p), x); }

    // sweep_weights: a register has one word of the codes of kSweepBytes / 8 neighbours.
    // `weight` where a bit is set, for 16 bits.
    static Ints expand_bits(const uint8_t *p, char weight) {
        uint16_t bits;
        memcpy(&bits, p, sizeof bits);
        const __m128i each = _mm_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
        __m128i spread = _mm_shuffle_epi8(_mm_cvtsi32_si128(bits), _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
        return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(spread, each), each), _mm_set1_epi8(weight));
    }
    // Adds the products of numbers from 0 to 127 and bytes from -127 to 127.
    static Ints dot_numbers(Ints sum, Ints numbers, Ints x) {
        return _mm_add_epi32(sum, _mm_madd_epi16(_mm_maddubs_epi16(numbers, x), _mm_set1_epi16(1)));
    }

    // lookup_sums: bytes 2 i + 1 as 16-bit numbers; the sum of all 128-bit lanes; 16 sums added to those in `out`.
    static Ints low_halves(Ints x) { return _mm_and_si128(x, _mm_set1_epi8(15)); }
    static Ints high_halves(Ints x) { return _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(15)); }
    static Ints odd_bytes(Ints x) { return _mm_srli_epi16(x, 8); }
    static __m128i fold_i16(Ints x) { return x; }
    static void put_sums(__m128i all, __m128i odd, uint32_t *out) {
        const __m128i even = _mm_sub_epi16(all, _mm_slli_epi16(odd, 8));
        const __m128i first = _mm_unpacklo_epi16(even, odd), last = _mm_unpackhi_epi16(even, odd);
        auto put = [&](__m128i sums, size_t at) {
            _mm_storeu_si128(reinterpret_cast<__m128i *>(out + at), _mm_add_epi32(load_ints(out + at), sums));
        };
        put(_mm_cvtepu16_epi32(first), 0);
        put(_mm_cvtepu16_epi32(_mm_srli_si128(first, 8)), 4);
        put(_mm_cvtepu16_epi32(last), 8);
        put(_mm_cvtepu16_epi32(_mm_srli_si128(last, 8)), 12);
    }

    using SweepArch = Sse4;
    static constexpr size_t kSweepBytes = 16;
    static Ints and_bits(Ints x, Ints y) { return _mm_and_si128(x, y); }
    static Ints upper_halves(Ints x) { return _mm_srli_epi16(x, 4); } // of bytes; what is above is to be masked away
    static Ints fill_bytes(char x) { return _mm_set1_epi8(x); }
    static Ints repeat_8(const void *p) {
        return _mm_castpd_si128(_mm_loaddup_pd(static_cast<const double *>(p)));
    }
    // Unsigned by signed bytes, neighbouring products added up.
    static Ints multiply_bytes(Ints x, Ints y) { return _mm_maddubs_epi16(x, y); }
    static Ints add_i16(Ints x, Ints y) { return _mm_add_epi16(x, y); }
    template <int kBits>
    static Ints shift_i16(Ints x) {
        return _mm_srai_epi16(x, kBits);
    }
    static Ints add_pairs_i16(Ints x) { return _mm_madd_epi16(x, _mm_set1_epi16(1)); }
    // The sums of 4 neighbours, from two registers with two parts for each.
    static __m128i group_sums(const Ints *parts) { return _mm_hadd_epi32(parts[0], parts[1]); }
    static __m128 widen_4_f16(const uint16_t *p) { return widen_f16(p); }

    // POPCNT of general registers beats a table in 128-bit vectors.
    using Bits = uint64_t;
    static constexpr size_t kBitBytes = 8;
    static Bits zero_bits() { return 0; }
    static Bits load_bits(const uint8_t *p) {
        uint64_t x;
        memcpy(&x, p, sizeof x);
        return x;
    }
    static Bits both(Bits x, Bits y) { return x & y; }
    static Bits differ(Bits x, Bits y) { return x ^ y; }
    static Bits count_bits(Bits sum, Bits x) { return sum + static_cast<uint64_t>(_mm_popcnt_u64(x)); }
    static Bits add_bits(Bits x, Bits y) { return x + y; }
    static uint64_t sum_bits(Bits x) { return x; }
};

// x * y + z, rounded once where the arch can. xsimd's own fma leaves the fusing of AVX-512 to the compiler, which is told
// not to fuse (flags.mk).
inline Floats<Sse4> fused(Floats<Sse4> x, Floats<Sse4> y, Floats<Sse4> z) { return x * y + z; }

} // namespace
} // namespace vecx::kernels
