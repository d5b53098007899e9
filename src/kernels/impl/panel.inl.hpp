// Many rows against panels of columns: the inner loop of clustering, a matrix product in registers.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

// kRows rows against kRegisters registers' worth of columns, from column `at` on.
template <class A, size_t kRows, size_t kRegisters>
[[gnu::always_inline]] inline void score_tile(const float *const *rows, size_t n, const float *panel, const float *bias,
                                              size_t at, float *out) {
    Floats<A> sums[kRows][kRegisters];
    const float *row[kRows];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
        row[r] = rows[r];
#pragma GCC unroll 8
        for (size_t c = 0; c < kRegisters; ++c)
            sums[r][c] = Floats<A>(0.0f);
    }
    const float *column = panel + at;
    for (size_t i = 0; i < n; ++i, column += kPanelColumns) {
        Floats<A> y[kRegisters];
#pragma GCC unroll 8
        for (size_t c = 0; c < kRegisters; ++c)
            y[c] = load_floats<A>(column + c * A::kFloats);
#pragma GCC unroll 8
        for (size_t r = 0; r < kRows; ++r) {
            const Floats<A> x(row[r][i]);
#pragma GCC unroll 8
            for (size_t c = 0; c < kRegisters; ++c)
                sums[r][c] = fused(x, y[c], sums[r][c]);
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r)
#pragma GCC unroll 8
        for (size_t c = 0; c < kRegisters; ++c) {
            const Floats<A> score = sums[r][c] - load_floats<A>(bias + at + c * A::kFloats);
            score.store_unaligned(out + r * kPanelColumns + at + c * A::kFloats);
        }
}

// As many sums as there are registers for, beside what is loaded.
template <class A>
[[gnu::flatten]] void panel_scores(const float *const *rows, size_t count, size_t n, const float *panel, const float *bias,
                                   float *out) {
    constexpr size_t kRegisters = 2;
    constexpr size_t kRows = A::kFloats == 16 ? 8 : 6;
    constexpr size_t kStep = kRegisters * A::kFloats;
    static_assert(kPanelColumns % kStep == 0);
    size_t i = 0;
    for (; i + kRows <= count; i += kRows)
        for (size_t at = 0; at < kPanelColumns; at += kStep)
            score_tile<A, kRows, kRegisters>(rows + i, n, panel, bias, at, out + i * kPanelColumns);
    for (; i < count; ++i)
        for (size_t at = 0; at < kPanelColumns; at += kStep)
            score_tile<A, 1, kRegisters>(rows + i, n, panel, bias, at, out + i * kPanelColumns);
}

} // namespace
} // namespace vecx::kernels
