// The steps of a rotation. Nothing is fused (-ffp-contract=off) and sums keep their order, so every level gives the
// same bits.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

template <class A>
[[gnu::flatten]] void flip_signs(float *x, const uint64_t *signs, size_t n) {
    for (size_t i = 0; i < n; i += 64) {
        uint64_t bits = signs[i / 64];
        for (size_t k = 0; k < 64; k += A::kFloats, bits >>= A::kFloats % 64)
            (load_floats<A>(x + i + k) ^ Floats<A>(A::sign_bits(bits))).store_unaligned(x + i + k);
    }
}

template <class A>
Floats<A> butterflies_within(Floats<A> x) {
    x = A::template butterfly<1>(x);
    x = A::template butterfly<2>(x);
    if constexpr (A::kFloats >= 8)
        x = A::template butterfly<4>(x);
    if constexpr (A::kFloats >= 16)
        x = A::template butterfly<8>(x);
    return x;
}

// Two stages at once, over strides h and 2 h: p[0], p[h], p[2 h], p[3 h].
template <class A>
void butterfly_4(float *p, size_t h, Floats<A> a, Floats<A> b, Floats<A> c, Floats<A> d, Floats<A> scale, bool last) {
    Floats<A> ab = a + b, a_b = a - b, cd = c + d, c_d = c - d;
    a = ab + cd;
    b = a_b + c_d;
    c = ab - cd;
    d = a_b - c_d;
    if (last) {
        a = a * scale;
        b = b * scale;
        c = c * scale;
        d = d * scale;
    }
    a.store_unaligned(p);
    b.store_unaligned(p + h);
    c.store_unaligned(p + 2 * h);
    d.store_unaligned(p + 3 * h);
}

template <class A>
[[gnu::flatten]] void hadamard(float *x, size_t n, float scale) {
    constexpr size_t lanes = A::kFloats;
    const Floats<A> times(scale);
    for (size_t i = 0; i < n; i += 4 * lanes)
        butterfly_4<A>(x + i, lanes, butterflies_within<A>(load_floats<A>(x + i)),
                       butterflies_within<A>(load_floats<A>(x + i + lanes)),
                       butterflies_within<A>(load_floats<A>(x + i + 2 * lanes)),
                       butterflies_within<A>(load_floats<A>(x + i + 3 * lanes)), times, n == 4 * lanes);
    size_t h = 4 * lanes;
    for (; 4 * h <= n; h *= 4)
        for (size_t i = 0; i < n; i += 4 * h)
            for (size_t j = i; j < i + h; j += lanes)
                butterfly_4<A>(x + j, h, load_floats<A>(x + j), load_floats<A>(x + j + h), load_floats<A>(x + j + 2 * h),
                               load_floats<A>(x + j + 3 * h), times, 4 * h == n);
    if (h < n) // then 2 h is n
        for (size_t j = 0; j < h; j += lanes) {
            Floats<A> a = load_floats<A>(x + j), b = load_floats<A>(x + j + h);
            ((a + b) * times).store_unaligned(x + j);
            ((a - b) * times).store_unaligned(x + j + h);
        }
}

template <class A>
[[gnu::flatten]] void turn_pairs(float *x, size_t n) {
    const Floats<A> half_root(0.70710678f);
    for (size_t i = 0; i < n / 2; i += A::kFloats) {
        Floats<A> a = load_floats<A>(x + i), b = load_floats<A>(x + i + n / 2);
        ((a + b) * half_root).store_unaligned(x + i);
        ((a - b) * half_root).store_unaligned(x + i + n / 2);
    }
}

} // namespace
} // namespace vecx::kernels
