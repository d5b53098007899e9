// Estimates of all neighbours of a node from their codes, and the forms of the query for them.
#pragma once

#include "kernels/impl/encode.inl.hpp"

namespace vecx::kernels {
namespace {

constexpr float kLargestFloat = 0x1.fffffep127f;

#if defined(__x86_64__)
// Four neighbours' estimates from their sums.
inline void finish_group(const Sweep &query, __m128i sums, __m128 add, __m128 mul, float *out) {
    __m128 along = _mm_add_ps(_mm_set1_ps(query.first), _mm_mul_ps(_mm_set1_ps(query.each), _mm_cvtepi32_ps(sums)));
    __m128 base = _mm_add_ps(_mm_set1_ps(query.base), _mm_mul_ps(_mm_set1_ps(query.add_scale), add));
    // MINPS gives its second operand when the first is not a number.
    _mm_storeu_ps(out, _mm_min_ps(_mm_add_ps(base, _mm_mul_ps(mul, along)), _mm_set1_ps(kLargestFloat)));
}
#endif

#if defined(__aarch64__)
inline float half_to_float(uint16_t h) {
    float16x4_t x = vreinterpret_f16_u16(vdup_n_u16(h));
    return vgetq_lane_f32(vcvt_f32_f16(x), 0);
}

// The sums of tables, byte by byte.
template <class A>
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
        float x = query.base + query.add_scale * half_to_float(add[i]) +
                  half_to_float(mul[i]) * (query.first + query.each * static_cast<float>(sum));
        out[i] = x < kLargestFloat ? x : kLargestFloat;
    }
}
#else
// sum_i is the sum of all levels and, for every set bit, of a weight. Bits 0 to 3 of all bytes of a register, then
// bits 4 to 7, are multiplied with their weights where they stand, so that sums of bit i are 2^i times too large.
// One word adds at most 2 * 8 * 126 to a 16-bit sum, 16 words stay below 2^15.
template <class A>
[[gnu::flatten]] void sweep(const Sweep &query, const uint64_t *codes, const uint16_t *add, const uint16_t *mul,
                            float *out) {
    using Ints = typename A::Ints;
    constexpr size_t kParts = 32 / A::kSweepBytes; // registers for a word of a group
    constexpr size_t kWordsBetween = 16;
    const Ints bit0 = A::fill_bytes(1), bit1 = A::fill_bytes(2), bit2 = A::fill_bytes(4), bit3 = A::fill_bytes(8);
    const size_t words = query.words;
    for (size_t g = 0; g < query.groups; ++g) {
        Ints totals[kParts];
        for (size_t part = 0; part < kParts; ++part) {
            Ints total = A::zero();
            const uint8_t *code = reinterpret_cast<const uint8_t *>(codes + 4 * words * g) + part * A::kSweepBytes;
            const int8_t *weights = query.weights;
            for (size_t w = 0; w < words;) {
                Ints s0 = A::zero(), s1 = A::zero(), s2 = A::zero(), s3 = A::zero();
                const size_t end = words - w > kWordsBetween ? w + kWordsBetween : words;
                for (; w < end; ++w, code += 32, weights += 64) {
                    Ints low = A::load_ints(code), high = A::upper_halves(low);
                    auto product = [&](Ints x, Ints bit, size_t i) {
                        return A::multiply_bytes(A::and_bits(x, bit), A::repeat_8(weights + 8 * i));
                    };
                    s0 = A::add_i16(A::add_i16(s0, product(low, bit0, 0)), product(high, bit0, 4));
                    s1 = A::add_i16(A::add_i16(s1, product(low, bit1, 1)), product(high, bit1, 5));
                    s2 = A::add_i16(A::add_i16(s2, product(low, bit2, 2)), product(high, bit2, 6));
                    s3 = A::add_i16(A::add_i16(s3, product(low, bit3, 3)), product(high, bit3, 7));
                }
                s0 = A::add_i16(A::add_i16(s0, A::template shift_i16<1>(s1)),
                                A::add_i16(A::template shift_i16<2>(s2), A::template shift_i16<3>(s3)));
                total = A::add_i32(total, A::add_pairs_i16(s0));
            }
            totals[part] = total;
        }
        __m128i sums = _mm_add_epi32(A::group_sums(totals), _mm_set1_epi32(static_cast<int>(query.level_sum)));
        finish_group(query, sums, A::widen_4_f16(add + 4 * g), A::widen_4_f16(mul + 4 * g), out + 4 * g);
    }
}
#endif

// 64 levels of a word to its weights, transposed from 8 bytes of 8 bits.
#if defined(__x86_64__)
inline void put_weights(const uint8_t *levels, int8_t *weights) {
    const __m128i top = _mm_set1_epi8(63);
    const __m128i order = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    auto pair = [&](size_t k) { // bits 0 to 7 of bytes k and k + 1, in turns
        __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i *>(levels + 8 * k));
        return _mm_shuffle_epi8(_mm_sub_epi8(top, _mm_add_epi8(x, x)), order);
    };
    const __m128i x0 = pair(0), x2 = pair(2), x4 = pair(4), x6 = pair(6);
    const __m128i a = _mm_unpacklo_epi16(x0, x2), b = _mm_unpackhi_epi16(x0, x2); // bytes 0 to 3: bits 0 to 3, 4 to 7
    const __m128i c = _mm_unpacklo_epi16(x4, x6), d = _mm_unpackhi_epi16(x4, x6);
    __m128i *out = reinterpret_cast<__m128i *>(weights);
    _mm_storeu_si128(out, _mm_unpacklo_epi32(a, c));
    _mm_storeu_si128(out + 1, _mm_unpackhi_epi32(a, c));
    _mm_storeu_si128(out + 2, _mm_unpacklo_epi32(b, d));
    _mm_storeu_si128(out + 3, _mm_unpackhi_epi32(b, d));
}

// 63 - level is level with all six bits flipped.
template <class A>
void put_tables(const uint8_t *levels, uint8_t *tables) {
    using Ints = typename A::Ints;
    constexpr char x = 63;
    const Ints flip0 = A::repeat_16(_mm_setr_epi8(0, x, 0, x, 0, x, 0, x, 0, x, 0, x, 0, x, 0, x));
    const Ints flip1 = A::repeat_16(_mm_setr_epi8(0, 0, x, x, 0, 0, x, x, 0, 0, x, x, 0, 0, x, x));
    const Ints flip2 = A::repeat_16(_mm_setr_epi8(0, 0, 0, 0, x, x, x, x, 0, 0, 0, 0, x, x, x, x));
    const Ints flip3 = A::repeat_16(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, x, x, x, x, x, x, x, x));
    for (size_t k = 0; k < 128; k += A::kBytes) { // tables of 16 bytes, each for 8 levels
        const Ints eight = A::spread_8(levels + k / 2);
        auto entries = [&](char first) {
            auto level = [&](char i, Ints flip) {
                return A::xor_bits(A::pick_bytes(eight, A::fill_bytes(static_cast<char>(first + i))), flip);
            };
            return A::add_i8(A::add_i8(level(0, flip0), level(1, flip1)), A::add_i8(level(2, flip2), level(3, flip3)));
        };
        A::store_ints(tables + k, entries(0));
        A::store_ints(tables + 128 + k, entries(4));
    }
}

inline uint32_t sum_64(const uint8_t *levels) {
    const __m128i zero = _mm_setzero_si128();
    __m128i sum = zero;
    for (size_t i = 0; i < 64; i += 16)
        sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(levels + i)), zero));
    return static_cast<uint32_t>(Sse4::sum_u64(sum));
}
#else
inline void put_weights(const uint8_t *levels, int8_t *weights) {
    for (size_t i = 0; i < 64; ++i)
        weights[8 * (i % 8) + i / 8] = static_cast<int8_t>(63 - 2 * levels[i]);
}
template <class A>
void put_tables(const uint8_t *levels, uint8_t *tables) {
    for (size_t half = 0; half < 16; ++half)
        for (unsigned bits = 0; bits < 16; ++bits) {
            unsigned entry = 0;
            for (unsigned k = 0; k < 4; ++k)
                entry += levels[4 * half + k] ^ ((bits >> k) & 1 ? 63u : 0u);
            tables[128 * (half % 2) + 16 * (half / 2) + bits] = static_cast<uint8_t>(entry);
        }
}
inline uint32_t sum_64(const uint8_t *levels) {
    uint32_t sum = 0;
    for (size_t i = 0; i < 64; ++i)
        sum += levels[i];
    return sum;
}
#endif

template <class A>
[[gnu::flatten]] uint32_t prepare_sweep(const float *x, float inverse, size_t words, uint8_t *tables, int8_t *weights) {
    const Floats<A> times(inverse), top(63.0f), half(0.5f);
    uint32_t level_sum = 0;
    for (size_t w = 0; w < words; ++w, x += 64, tables += 256, weights += 64) {
        uint8_t levels[64];
        for (size_t i = 0; i < 64; i += A::kFloats) {
            Floats<A> level = (load_floats<A>(x + i) * times + top) * half;
            A::narrow_i8(clamp<A>(level, 0.0f, 63.0f), reinterpret_cast<int8_t *>(levels + i));
        }
        level_sum += sum_64(levels);
        put_weights(levels, weights);
        put_tables<A>(levels, tables);
    }
    return level_sum;
}

} // namespace
} // namespace vecx::kernels
