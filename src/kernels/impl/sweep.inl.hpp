// Estimates of all neighbours of a node from their codes, without look-ups in tables of more than 16 bytes.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

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

} // namespace
} // namespace vecx::kernels
