// Bytes weighted with small numbers that lie as planes of bits.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

// The numbers of a register are put together from their planes, then multiplied as bytes.
template <class A>
[[gnu::flatten]] int32_t plane_sum(const int8_t *x, const uint8_t *planes, size_t words, size_t count) {
    using Ints = typename A::Ints;
    const size_t bytes = 8 * words, step = A::kBytes / 8;
    Ints sum = A::zero();
    for (size_t at = 0; at < bytes; at += step, x += A::kBytes) {
        Ints numbers = A::expand_bits(planes + at, 1);
        for (size_t p = 1; p < count; ++p)
            numbers = A::add_i8(numbers, A::expand_bits(planes + bytes * p + at, static_cast<char>(1 << p)));
        sum = A::dot_numbers(sum, numbers, A::load_ints(x));
    }
    return A::sum_i32(sum);
}

} // namespace
} // namespace vecx::kernels
