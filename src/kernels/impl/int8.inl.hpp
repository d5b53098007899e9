// Exact integer sums over pairs of int8 vectors.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

// The last r of n bytes, 0 < r < kBytes, with zeroes in all other lanes. Without masked loads n is at least
// kBytes: a whole register is read that ends with the vector, and what was read before is dropped.
template <class A>
typename A::Ints tail_bytes(const int8_t *p, size_t n, size_t r) {
    if constexpr (A::kMaskedLoads)
        return A::first_bytes(p + (n - r), r);
    else
        return A::keep_last_bytes(A::load_ints(p + (n - A::kBytes)), r);
}

// The same for the registers of dot_i8, 0 < r < kDotStep.
template <class A>
typename A::Ints tail_dot(const int8_t *p, size_t n, size_t r) {
    if constexpr (A::kMaskedLoads)
        return A::first_dot(p + (n - r), r);
    else
        return A::keep_last_dot(A::load_dot(p + (n - A::kDotStep)), r);
}

// Vectors shorter than a register get zeroes behind them. Not inlined: the copies would cost the longer ones
// a stack frame.
template <class A, class Kernel>
[[gnu::noinline]] int32_t pad_to_register(const int8_t *a, const int8_t *b, size_t n, Kernel kernel) {
    int8_t padded_a[A::kBytes] = {}, padded_b[A::kBytes] = {};
    for (size_t i = 0; i < n; ++i) {
        padded_a[i] = a[i];
        padded_b[i] = b[i];
    }
    return kernel(padded_a, padded_b, A::kBytes);
}

template <class A>
[[gnu::flatten]] int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n) {
    if constexpr (!A::kMaskedLoads)
        if (n < A::kBytes)
            return pad_to_register<A>(a, b, n, dot_i8<A>);
    constexpr size_t step = A::kDotStep;
    typename A::Ints s0 = A::zero(), s1 = A::zero(), s2 = A::zero(), s3 = A::zero();
    const size_t whole = n & ~(4 * step - 1);
    size_t i = 0;
    for (; i != whole; i += 4 * step) {
        s0 = A::dot_i8(s0, A::load_dot(a + i), A::load_dot(b + i));
        s1 = A::dot_i8(s1, A::load_dot(a + i + step), A::load_dot(b + i + step));
        s2 = A::dot_i8(s2, A::load_dot(a + i + 2 * step), A::load_dot(b + i + 2 * step));
        s3 = A::dot_i8(s3, A::load_dot(a + i + 3 * step), A::load_dot(b + i + 3 * step));
    }
    for (; n - i >= step; i += step)
        s0 = A::dot_i8(s0, A::load_dot(a + i), A::load_dot(b + i));
    if (i < n)
        s1 = A::dot_i8(s1, tail_dot<A>(a, n, n - i), tail_dot<A>(b, n, n - i));
    return A::sum_i32(A::add_i32(A::add_i32(s0, s1), A::add_i32(s2, s3)));
}

template <class A>
[[gnu::flatten]] int32_t l2sq_i8(const int8_t *a, const int8_t *b, size_t n) {
    if constexpr (!A::kMaskedLoads)
        if (n < A::kBytes)
            return pad_to_register<A>(a, b, n, l2sq_i8<A>);
    constexpr size_t step = A::kBytes;
    typename A::Ints s0 = A::zero(), s1 = A::zero();
    const size_t whole = n & ~(2 * step - 1);
    size_t i = 0;
    for (; i != whole; i += 2 * step) {
        s0 = A::l2sq_i8(s0, A::load_ints(a + i), A::load_ints(b + i));
        s1 = A::l2sq_i8(s1, A::load_ints(a + i + step), A::load_ints(b + i + step));
    }
    if (n - i >= step) {
        s0 = A::l2sq_i8(s0, A::load_ints(a + i), A::load_ints(b + i));
        i += step;
    }
    if (i < n)
        s1 = A::l2sq_i8(s1, tail_bytes<A>(a, n, n - i), tail_bytes<A>(b, n, n - i));
    return A::sum_i32(A::add_i32(s0, s1));
}

template <class A>
[[gnu::flatten]] int32_t l1_i8(const int8_t *a, const int8_t *b, size_t n) {
    if constexpr (!A::kMaskedLoads)
        if (n < A::kBytes)
            return pad_to_register<A>(a, b, n, l1_i8<A>);
    constexpr size_t step = A::kBytes;
    typename A::Ints s0 = A::zero(), s1 = A::zero();
    const size_t whole = n & ~(2 * step - 1);
    size_t i = 0;
    for (; i != whole; i += 2 * step) {
        s0 = A::l1_i8(s0, A::load_ints(a + i), A::load_ints(b + i));
        s1 = A::l1_i8(s1, A::load_ints(a + i + step), A::load_ints(b + i + step));
    }
    if (n - i >= step) {
        s0 = A::l1_i8(s0, A::load_ints(a + i), A::load_ints(b + i));
        i += step;
    }
    if (i < n)
        s1 = A::l1_i8(s1, tail_bytes<A>(a, n, n - i), tail_bytes<A>(b, n, n - i));
    return static_cast<int32_t>(A::sum_u64(A::add_i64(s0, s1)));
}

} // namespace
} // namespace vecx::kernels
