// Compiled with -march=x86-64-v4 -mavx512vbmi -mavx512vnni: see README.md, "The ODR rule", before including anything.
#if defined(__x86_64__)

#include "kernels/impl/sweep.inl.hpp"
#include "kernels/tables.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {
namespace {

// Eight neighbours' estimates from their sums, which are in two parts each.
inline void finish_eight(const Sweep &query, __m512i sums, __m256 add, __m256 mul, float *out) {
    sums = _mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32));
    __m256 sum = _mm256_cvtepi32_ps(_mm512_cvtepi64_epi32(sums));
    __m256 along = _mm256_fmadd_ps(_mm256_set1_ps(query.each), sum, _mm256_set1_ps(query.first));
    __m256 base = _mm256_fmadd_ps(_mm256_set1_ps(query.add_scale), add, _mm256_set1_ps(query.base));
    // VMINPS gives its second operand when the first is not a number.
    _mm256_storeu_ps(out, _mm256_min_ps(_mm256_fmadd_ps(mul, along, base), _mm256_set1_ps(kLargestFloat)));
}

// Half bytes are looked up for 8 neighbours at a time, two groups that make a pair: all of a register have the same
// word of their code, so 8 tables of 16 bytes, two registers, do for the lower halves and two for the upper ones.
// The position of a byte within its word is the upper part of the index. kHalf: the last pair is one group only.
template <bool kHalf, size_t... kPair>
inline void sweep_pairs(const Sweep &query, const uint8_t *codes, const uint16_t *add, const uint16_t *mul, float *out) {
    constexpr size_t kPairs = sizeof...(kPair);
    const __m512i nibble = _mm512_set1_epi8(0x0F), position = _mm512_set1_epi64(0x7060504030201000);
    const __m512i ones = _mm512_set1_epi8(1);
    const size_t stride = 32 * size_t{query.words}; // bytes of a group
    __m512i low[kPairs] = {(static_cast<void>(kPair), _mm512_setzero_si512())...};
    __m512i high[kPairs] = {(static_cast<void>(kPair), _mm512_setzero_si512())...};
    const uint8_t *table = query.tables;
    for (size_t w = 0; w < query.words; ++w, table += 256, codes += 32) {
        const __m512i t0 = _mm512_load_si512(table), t1 = _mm512_load_si512(table + 64);
        const __m512i t2 = _mm512_load_si512(table + 128), t3 = _mm512_load_si512(table + 192);
        auto add_pair = [&](size_t pair) {
            __m512i x = _mm512_castsi256_si512(Avx512::load_half(codes + 2 * pair * stride));
            if (!kHalf || pair + 1 < kPairs)
                x = _mm512_inserti64x4(x, Avx512::load_half(codes + (2 * pair + 1) * stride), 1);
            __m512i index = _mm512_ternarylogic_epi64(x, nibble, position, 0xEA); // x & nibble | position
            low[pair] = _mm512_dpbusd_epi32(low[pair], _mm512_permutex2var_epi8(t0, index, t1), ones);
            index = _mm512_ternarylogic_epi64(_mm512_srli_epi64(x, 4), nibble, position, 0xEA);
            high[pair] = _mm512_dpbusd_epi32(high[pair], _mm512_permutex2var_epi8(t2, index, t3), ones);
        };
        (add_pair(kPair), ...);
    }
    auto finish = [&](size_t pair) {
        __m512i sums = _mm512_add_epi32(low[pair], high[pair]);
        if (!kHalf || pair + 1 < kPairs) {
            finish_eight(query, sums, _mm256_cvtph_ps(Avx2::load_half(add + 8 * pair)),
                         _mm256_cvtph_ps(Avx2::load_half(mul + 8 * pair)), out + 8 * pair);
        } else {
            __m256i sum = _mm512_castsi512_si256(sums);
            sum = _mm256_add_epi32(sum, _mm256_srli_epi64(sum, 32));
            finish_group(query, _mm256_cvtepi64_epi32(sum), Avx2::widen_4_f16(add + 8 * pair),
                         Avx2::widen_4_f16(mul + 8 * pair), out + 8 * pair);
        }
    };
    (finish(kPair), ...);
}

[[gnu::flatten]] void sweep_vbmi(const Sweep &query, const uint64_t *words, const uint16_t *add, const uint16_t *mul,
                                 float *out) {
    const uint8_t *codes = reinterpret_cast<const uint8_t *>(words);
    size_t groups = query.groups;
    for (; groups > 8; groups -= 8) {
        sweep_pairs<false, 0, 1, 2, 3>(query, codes, add, mul, out);
        codes += 8 * 32 * size_t{query.words};
        add += 32;
        mul += 32;
        out += 32;
    }
    switch (groups) {
    case 1:
        return sweep_pairs<true, 0>(query, codes, add, mul, out);
    case 2:
        return sweep_pairs<false, 0>(query, codes, add, mul, out);
    case 3:
        return sweep_pairs<true, 0, 1>(query, codes, add, mul, out);
    case 4:
        return sweep_pairs<false, 0, 1>(query, codes, add, mul, out);
    case 5:
        return sweep_pairs<true, 0, 1, 2>(query, codes, add, mul, out);
    case 6:
        return sweep_pairs<false, 0, 1, 2>(query, codes, add, mul, out);
    case 7:
        return sweep_pairs<true, 0, 1, 2, 3>(query, codes, add, mul, out);
    case 8:
        return sweep_pairs<false, 0, 1, 2, 3>(query, codes, add, mul, out);
    default:
        return;
    }
}

} // namespace

constinit const VbmiKernels kAvx512Vbmi = {.sweep = sweep_vbmi};

} // namespace vecx::kernels

#endif
