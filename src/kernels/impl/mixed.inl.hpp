// Sums over a float vector and one that is stored as binary16 or int8 with a scale.
#pragma once

#include "kernels/impl/floats.inl.hpp"

namespace vecx::kernels {
namespace {

template <class A>
struct I8 {
    using Element = int8_t;
    static constexpr size_t kStep = 2 * A::kFloats;
    static Pair<A> load(const int8_t *p) { return {A::widen_i8_f32(p), A::widen_i8_f32(p + A::kFloats)}; }
    static Pair<A> keep_last(Pair<A> x, size_t r) { return F32<A>::keep_last(x, r); }
    static Pair<A> load_first(const int8_t *p, size_t r) {
        if (r <= A::kFloats)
            return {A::widen_first_i8_f32(p, r), Floats<A>(0.0f)};
        return {A::widen_i8_f32(p), A::widen_first_i8_f32(p + A::kFloats, r - A::kFloats)};
    }
};

// The scale comes negated: one kind of fused operation does for all.
struct ScaledL2sq {
    static constexpr float kSign = -1.0f;
    template <class V>
    static V add(V sum, V x, V y, V minus_scale) {
        V d = fused(minus_scale, y, x);
        return fused(d, d, sum);
    }
};
struct ScaledDot {
    static constexpr float kSign = 1.0f;
    template <class V>
    static V add(V sum, V x, V y, V scale) {
        return fused(x, scale * y, sum);
    }
};

// Vectors shorter than a step, with zeroes behind them.
template <class F, class Kernel>
[[gnu::noinline]] float pad_mixed(const float *a, const typename F::Element *b, float scale, size_t n, Kernel kernel) {
    float padded_a[F::kStep] = {};
    typename F::Element padded_b[F::kStep] = {};
    for (size_t i = 0; i < n; ++i) {
        padded_a[i] = a[i];
        padded_b[i] = b[i];
    }
    return kernel(padded_a, padded_b, scale, F::kStep);
}

// As reduce() in floats.inl.hpp; F is the format of b.
template <class A, class F, class Op>
[[gnu::flatten]] float reduce_mixed(const float *a, const typename F::Element *b, float scale, size_t n) {
    using Query = F32<A>;
    if constexpr (!A::kMaskedLoads)
        if (n < F::kStep)
            return pad_mixed<F>(a, b, scale, n, reduce_mixed<A, F, Op>);
    const Floats<A> times(Op::kSign * scale);
    Floats<A> s0(0.0f), s1(0.0f), s2(0.0f), s3(0.0f);
    const size_t whole = n & ~(2 * F::kStep - 1);
    size_t i = 0;
    for (; i != whole; i += 2 * F::kStep) {
        Pair<A> x = Query::load(a + i), y = F::load(b + i);
        Pair<A> u = Query::load(a + i + F::kStep), v = F::load(b + i + F::kStep);
        s0 = Op::add(s0, x.lo, y.lo, times);
        s1 = Op::add(s1, x.hi, y.hi, times);
        s2 = Op::add(s2, u.lo, v.lo, times);
        s3 = Op::add(s3, u.hi, v.hi, times);
    }
    if (i != n) {
        if (n - i >= F::kStep) {
            Pair<A> x = Query::load(a + i), y = F::load(b + i);
            s0 = Op::add(s0, x.lo, y.lo, times);
            s1 = Op::add(s1, x.hi, y.hi, times);
            i += F::kStep;
        }
        if (i < n) {
            Pair<A> x = load_tail<A, Query>(a, n, n - i), y = load_tail<A, F>(b, n, n - i);
            s2 = Op::add(s2, x.lo, y.lo, times);
            s3 = Op::add(s3, x.hi, y.hi, times);
        }
    }
    return A::sum_f32((s0 + s1) + (s2 + s3));
}

} // namespace
} // namespace vecx::kernels
