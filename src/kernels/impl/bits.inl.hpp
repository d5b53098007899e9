// Popcounts over pairs of bit strings.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

// The last r of n bytes, 0 < r < 8, in one word.
inline uint64_t tail_word(const uint8_t *p, size_t n, size_t r) {
    uint64_t x = 0;
    if (n >= 8) {
        memcpy(&x, p + (n - 8), 8);
        return x >> (64 - 8 * r); // little-endian: the last bytes are the highest
    }
    for (size_t i = 0; i < n; ++i)
        x |= static_cast<uint64_t>(p[i]) << (8 * i);
    return x;
}

inline uint64_t count_word(uint64_t x) { return static_cast<uint64_t>(__builtin_popcountll(x)); }

// Calls f(x, y) for the words of what is left from byte i on: fewer than a register.
template <class Function>
void for_each_word(const uint8_t *a, const uint8_t *b, size_t i, size_t n, Function f) {
    for (; n - i >= 8; i += 8) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        f(x, y);
    }
    if (i < n)
        f(tail_word(a, n, n - i), tail_word(b, n, n - i));
}

template <class A>
[[gnu::flatten]] uint64_t hamming(const uint8_t *a, const uint8_t *b, size_t n) {
    constexpr size_t step = A::kBitBytes;
    auto difference = [&](size_t i) { return A::differ(A::load_bits(a + i), A::load_bits(b + i)); };
    typename A::Bits sum = A::zero_bits(), other = A::zero_bits();
    const size_t whole = n & ~(2 * step - 1);
    size_t i = 0;
    for (; i != whole; i += 2 * step) {
        sum = A::count_bits(sum, difference(i));
        other = A::count_bits(other, difference(i + step));
    }
    sum = A::add_bits(sum, other);
    if (n - i >= step) {
        sum = A::count_bits(sum, difference(i));
        i += step;
    }
    if constexpr (A::kMaskedLoads) {
        if (i < n)
            sum = A::count_bits(sum, A::differ(A::first_bits(a + i, n - i), A::first_bits(b + i, n - i)));
        return A::sum_bits(sum);
    } else {
        uint64_t rest = 0;
        for_each_word(a, b, i, n, [&](uint64_t x, uint64_t y) { rest += count_word(x ^ y); });
        return A::sum_bits(sum) + rest;
    }
}

template <class A>
[[gnu::flatten]] JaccardParts jaccard(const uint8_t *a, const uint8_t *b, size_t n) {
    constexpr size_t step = A::kBitBytes;
    typename A::Bits common = A::zero_bits(), ones_a = A::zero_bits(), ones_b = A::zero_bits();
    auto add_one = [&](typename A::Bits x, typename A::Bits y) {
        common = A::count_bits(common, A::both(x, y));
        ones_a = A::count_bits(ones_a, x);
        ones_b = A::count_bits(ones_b, y);
    };
    const size_t whole = n & ~(step - 1);
    size_t i = 0;
    for (; i != whole; i += step)
        add_one(A::load_bits(a + i), A::load_bits(b + i));
    JaccardParts rest{0, 0, 0};
    if constexpr (A::kMaskedLoads) {
        if (i < n)
            add_one(A::first_bits(a + i, n - i), A::first_bits(b + i, n - i));
    } else {
        for_each_word(a, b, i, n, [&](uint64_t x, uint64_t y) {
            rest.intersection += count_word(x & y);
            rest.count_a += count_word(x);
            rest.count_b += count_word(y);
        });
    }
    return {A::sum_bits(common) + rest.intersection, A::sum_bits(ones_a) + rest.count_a,
            A::sum_bits(ones_b) + rest.count_b};
}

} // namespace
} // namespace vecx::kernels
