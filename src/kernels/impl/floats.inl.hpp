// Sums over pairs of float, binary16 or bfloat16 vectors; everything is added up as float.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

template <class A>
struct Pair {
    Floats<A> lo, hi;
};

// A format says how kStep elements become a pair of float registers. The order of the lanes is its own
// business: it is the same for both operands, and sums do not care.
template <class A>
struct F32 {
    using Element = float;
    static constexpr size_t kStep = 2 * A::kFloats;
    static Pair<A> load(const float *p) { return {load_floats<A>(p), load_floats<A>(p + A::kFloats)}; }
    static Pair<A> keep_last(Pair<A> x, size_t r) {
        return {keep_last_floats<A>(x.lo, r > A::kFloats ? r - A::kFloats : 0),
                keep_last_floats<A>(x.hi, r > A::kFloats ? A::kFloats : r)};
    }
    static Pair<A> load_first(const float *p, size_t r) {
        if (r <= A::kFloats)
            return {A::first_floats(p, r), Floats<A>(0.0f)};
        return {load_floats<A>(p), A::first_floats(p + A::kFloats, r - A::kFloats)};
    }
};

template <class A>
struct F16 {
    using Element = uint16_t;
    static constexpr size_t kStep = 2 * A::kFloats;
    static Pair<A> load(const uint16_t *p) { return {A::widen_f16(p), A::widen_f16(p + A::kFloats)}; }
    static Pair<A> keep_last(Pair<A> x, size_t r) { return F32<A>::keep_last(x, r); }
    static Pair<A> load_first(const uint16_t *p, size_t r) {
        if (r <= A::kFloats)
            return {A::widen_first_f16(p, r), Floats<A>(0.0f)};
        return {A::widen_f16(p), A::widen_first_f16(p + A::kFloats, r - A::kFloats)};
    }
};

template <class A>
struct Bf16 {
    using Element = uint16_t;
    static constexpr size_t kStep = 2 * A::kFloats;
    // A little-endian word holds two numbers: a shift and a mask widen them without a shuffle. The even
    // elements go to `lo`, the odd ones to `hi`.
    static Pair<A> split(Words<A> x) { return {as_floats<A>(x << 16), as_floats<A>(x & Words<A>(0xFFFF0000u))}; }
    static Pair<A> load(const uint16_t *p) { return split(A::load_words(p)); }
    static Pair<A> keep_last(Pair<A> x, size_t r) {
        return {keep_last_floats<A>(x.lo, r / 2), keep_last_floats<A>(x.hi, (r + 1) / 2)};
    }
    static Pair<A> load_first(const uint16_t *p, size_t r) { return split(A::first_halves(p, r)); }
};

// The last r of n elements, 0 < r < kStep, with zeroes in all other lanes. Without masked loads n is at
// least kStep: a whole register is read that ends with the vector, and what was read before is dropped.
template <class A, class F>
Pair<A> load_tail(const typename F::Element *p, size_t n, size_t r) {
    if constexpr (A::kMaskedLoads)
        return F::load_first(p + (n - r), r);
    else
        return F::keep_last(F::load(p + (n - F::kStep)), r);
}

// Vectors shorter than a step go through it with zeroes behind them. Not inlined: the copies would cost the
// longer ones a stack frame.
template <class F, class Kernel>
[[gnu::noinline]] auto pad_to_step(const typename F::Element *a, const typename F::Element *b, size_t n,
                                   Kernel kernel) {
    typename F::Element padded_a[F::kStep] = {}, padded_b[F::kStep] = {};
    for (size_t i = 0; i < n; ++i) {
        padded_a[i] = a[i];
        padded_b[i] = b[i];
    }
    return kernel(padded_a, padded_b, F::kStep);
}

struct L2sq {
    template <class V>
    static V add(V sum, V x, V y) {
        V d = x - y;
        return fused(d, d, sum);
    }
};
struct Dot {
    template <class V>
    static V add(V sum, V x, V y) {
        return fused(x, y, sum);
    }
};
struct L1 {
    template <class V>
    static V add(V sum, V x, V y) {
        return sum + xsimd::abs(x - y);
    }
};

// Four accumulators: with two loads for each addition, more of them would wait for the loads.
template <class A, class F, class Op>
[[gnu::flatten]] float reduce(const typename F::Element *a, const typename F::Element *b, size_t n) {
    if constexpr (!A::kMaskedLoads)
        if (n < F::kStep)
            return pad_to_step<F>(a, b, n, reduce<A, F, Op>);
    Floats<A> s0(0.0f), s1(0.0f), s2(0.0f), s3(0.0f);
    const size_t whole = n & ~(2 * F::kStep - 1);
    size_t i = 0;
    for (; i != whole; i += 2 * F::kStep) {
        Pair<A> x = F::load(a + i), y = F::load(b + i);
        Pair<A> u = F::load(a + i + F::kStep), v = F::load(b + i + F::kStep);
        s0 = Op::add(s0, x.lo, y.lo);
        s1 = Op::add(s1, x.hi, y.hi);
        s2 = Op::add(s2, u.lo, v.lo);
        s3 = Op::add(s3, u.hi, v.hi);
    }
    if (i != n) {
        if (n - i >= F::kStep) {
            Pair<A> x = F::load(a + i), y = F::load(b + i);
            s0 = Op::add(s0, x.lo, y.lo);
            s1 = Op::add(s1, x.hi, y.hi);
            i += F::kStep;
        }
        if (i < n) {
            Pair<A> x = load_tail<A, F>(a, n, n - i), y = load_tail<A, F>(b, n, n - i);
            s2 = Op::add(s2, x.lo, y.lo);
            s3 = Op::add(s3, x.hi, y.hi);
        }
    }
    return A::sum_f32((s0 + s1) + (s2 + s3));
}

template <class A, class F>
[[gnu::flatten]] CosineParts cosine(const typename F::Element *a, const typename F::Element *b, size_t n) {
    if constexpr (!A::kMaskedLoads)
        if (n < F::kStep)
            return pad_to_step<F>(a, b, n, cosine<A, F>);
    Floats<A> dot0(0.0f), dot1(0.0f), a0(0.0f), a1(0.0f), b0(0.0f), b1(0.0f);
    const size_t whole = n & ~(F::kStep - 1);
    size_t i = 0;
    for (; i != whole; i += F::kStep) {
        Pair<A> x = F::load(a + i), y = F::load(b + i);
        dot0 = Dot::add(dot0, x.lo, y.lo);
        a0 = Dot::add(a0, x.lo, x.lo);
        b0 = Dot::add(b0, y.lo, y.lo);
        dot1 = Dot::add(dot1, x.hi, y.hi);
        a1 = Dot::add(a1, x.hi, x.hi);
        b1 = Dot::add(b1, y.hi, y.hi);
    }
    if (i < n) {
        Pair<A> x = load_tail<A, F>(a, n, n - i), y = load_tail<A, F>(b, n, n - i);
        dot0 = Dot::add(dot0, x.lo, y.lo);
        a0 = Dot::add(a0, x.lo, x.lo);
        b0 = Dot::add(b0, y.lo, y.lo);
        dot1 = Dot::add(dot1, x.hi, y.hi);
        a1 = Dot::add(a1, x.hi, x.hi);
        b1 = Dot::add(b1, y.hi, y.hi);
    }
    return {A::sum_f32(dot0 + dot1), A::sum_f32(a0 + a1), A::sum_f32(b0 + b1)};
}

} // namespace
} // namespace vecx::kernels
