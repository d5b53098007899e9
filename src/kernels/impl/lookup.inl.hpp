// Sums of table entries that half bytes name, 16 rows at a time: the inner loop of product quantisation with 4-bit codes
// (André, Kermarrec, Le Scouarnec, "Quicker ADC", 2018). A table fills 16 bytes and is looked up with one shuffle.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

// Entries are at most 127, so two of them fit a byte; kPairsBetween times as much, of all 128-bit lanes together, 16 bits.
constexpr size_t kPairsBetween = 256;

// kGroups groups of 16 rows, which share the tables that are loaded. Bytes are added up as 16-bit words: `all` has the even
// rows and 256 times the odd ones, modulo 2^16, `odd` the odd ones.
template <class A, size_t kGroups>
void lookup_groups(const uint8_t *tables, const uint8_t *codes, size_t pairs, uint32_t *out) {
    using Ints = typename A::Ints;
    constexpr size_t kStep = A::kBytes / 16;
    const uint8_t *low = tables, *high = tables + 16 * pairs;
    for (size_t i = 0; i < 16 * kGroups; ++i)
        out[i] = 0;
    for (size_t p = 0; p < pairs;) {
        const size_t end = pairs - p > kPairsBetween ? p + kPairsBetween : pairs;
        Ints all[kGroups], odd[kGroups];
        for (size_t g = 0; g < kGroups; ++g)
            all[g] = odd[g] = A::zero();
        auto add = [&](Ints low_table, Ints high_table, Ints code, size_t g) {
            const Ints sums = A::add_i8(A::pick_bytes(low_table, A::low_halves(code)), A::pick_bytes(high_table, A::high_halves(code)));
            all[g] = A::add_i16(all[g], sums);
            odd[g] = A::add_i16(odd[g], A::odd_bytes(sums));
        };
        for (; p + kStep <= end; p += kStep) {
            const Ints low_table = A::load_ints(low + 16 * p), high_table = A::load_ints(high + 16 * p);
            for (size_t g = 0; g < kGroups; ++g)
                add(low_table, high_table, A::load_ints(codes + 16 * (g * pairs + p)), g);
        }
        if constexpr (kStep > 2) // an odd half: pairs are even
            if (p < end) {
                const size_t rest = 16 * (end - p);
                const Ints low_table = A::first_bytes(low + 16 * p, rest), high_table = A::first_bytes(high + 16 * p, rest);
                for (size_t g = 0; g < kGroups; ++g)
                    add(low_table, high_table, A::first_bytes(codes + 16 * (g * pairs + p), rest), g);
                p = end;
            }
        for (size_t g = 0; g < kGroups; ++g)
            A::put_sums(A::fold_i16(all[g]), A::fold_i16(odd[g]), out + 16 * g);
    }
}

template <class A>
[[gnu::flatten]] void lookup_sums(const uint8_t *tables, const uint8_t *codes, size_t pairs, size_t groups, uint32_t *out) {
    const size_t stride = 16 * pairs;
    for (; groups >= 4; groups -= 4, codes += 4 * stride, out += 64)
        lookup_groups<A, 4>(tables, codes, pairs, out);
    for (; groups >= 2; groups -= 2, codes += 2 * stride, out += 32)
        lookup_groups<A, 2>(tables, codes, pairs, out);
    if (groups > 0)
        lookup_groups<A, 1>(tables, codes, pairs, out);
}

} // namespace
} // namespace vecx::kernels
