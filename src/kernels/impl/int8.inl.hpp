// Exact integer sums over pairs of int8 vectors.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

// Two ways to load a register: its bytes as they are, or half as many widened to 16 bits. tail() has the
// last r of n elements, 0 < r < kStep, with zeroes in all other lanes; without masked loads n is at least
// kStep: a whole register is read that ends with the vector, and what was read before is dropped.
template <class A>
struct AsBytes {
    static constexpr size_t kStep = A::kBytes;
    static typename A::Ints load(const int8_t *p) { return A::load_ints(p); }
    static typename A::Ints tail(const int8_t *p, size_t n, size_t r) {
        if constexpr (A::kMaskedLoads)
            return A::first_bytes(p + (n - r), r);
        else
            return A::keep_last_bytes(load(p + (n - kStep)), r);
    }
};
template <class A>
struct Widened {
    static constexpr size_t kStep = A::kBytes / 2;
    static typename A::Ints load(const int8_t *p) { return A::widen_i8(p); }
    static typename A::Ints tail(const int8_t *p, size_t n, size_t r) {
        if constexpr (A::kMaskedLoads)
            return A::widen_first_i8(p + (n - r), r);
        else
            return A::keep_last_bytes(load(p + (n - kStep)), 2 * r);
    }
};

// What is summed; the arch says which loads suit it.
template <class A>
struct DotI8 {
    using Loads = typename A::template DotLoads<A>;
    static typename A::Ints add(typename A::Ints sum, typename A::Ints x, typename A::Ints y) {
        return A::dot_i8(sum, x, y);
    }
    static typename A::Ints join(typename A::Ints x, typename A::Ints y) { return A::add_i32(x, y); }
    static int32_t result(typename A::Ints x) { return A::sum_i32(x); }
};
template <class A>
struct L2sqI8 {
    using Loads = typename A::template SquareLoads<A>;
    static typename A::Ints add(typename A::Ints sum, typename A::Ints x, typename A::Ints y) {
        return A::l2sq_i8(sum, x, y);
    }
    static typename A::Ints join(typename A::Ints x, typename A::Ints y) { return A::add_i32(x, y); }
    static int32_t result(typename A::Ints x) { return A::sum_i32(x); }
};
template <class A>
struct L1I8 {
    using Loads = AsBytes<A>;
    static typename A::Ints add(typename A::Ints sum, typename A::Ints x, typename A::Ints y) {
        return A::l1_i8(sum, x, y);
    }
    static typename A::Ints join(typename A::Ints x, typename A::Ints y) { return A::add_i64(x, y); }
    static int32_t result(typename A::Ints x) { return static_cast<int32_t>(A::sum_u64(x)); }
};

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

template <class A, class Sum>
[[gnu::flatten]] int32_t reduce_i8(const int8_t *a, const int8_t *b, size_t n) {
    using Loads = typename Sum::Loads;
    constexpr size_t step = Loads::kStep;
    if constexpr (!A::kMaskedLoads)
        if (n < A::kBytes)
            return pad_to_register<A>(a, b, n, reduce_i8<A, Sum>);
    typename A::Ints s0 = A::zero(), s1 = A::zero(), s2 = A::zero(), s3 = A::zero();
    const size_t whole = n & ~(4 * step - 1);
    size_t i = 0;
    for (; i != whole; i += 4 * step) {
        s0 = Sum::add(s0, Loads::load(a + i), Loads::load(b + i));
        s1 = Sum::add(s1, Loads::load(a + i + step), Loads::load(b + i + step));
        s2 = Sum::add(s2, Loads::load(a + i + 2 * step), Loads::load(b + i + 2 * step));
        s3 = Sum::add(s3, Loads::load(a + i + 3 * step), Loads::load(b + i + 3 * step));
    }
    if (i != n) {
        for (; n - i >= step; i += step)
            s0 = Sum::add(s0, Loads::load(a + i), Loads::load(b + i));
        if (i < n)
            s1 = Sum::add(s1, Loads::tail(a, n, n - i), Loads::tail(b, n, n - i));
    }
    return Sum::result(Sum::join(Sum::join(s0, s1), Sum::join(s2, s3)));
}

} // namespace
} // namespace vecx::kernels
