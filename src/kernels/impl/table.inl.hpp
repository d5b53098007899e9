// The table of one arch.
#pragma once

#include "kernels/impl/bits.inl.hpp"
#include "kernels/impl/convert.inl.hpp"
#include "kernels/impl/encode.inl.hpp"
#include "kernels/impl/floats.inl.hpp"
#include "kernels/impl/int8.inl.hpp"
#include "kernels/impl/lookup.inl.hpp"
#include "kernels/impl/mixed.inl.hpp"
#include "kernels/impl/panel.inl.hpp"
#include "kernels/impl/planes.inl.hpp"
#include "kernels/impl/rotate.inl.hpp"
#include "kernels/impl/sweep.inl.hpp"
#include "kernels/tables.hpp"

namespace vecx::kernels {
namespace {

template <class A>
constexpr KernelTable make_table(const char *name, Level level) {
    return {
        .name = name,
        .level = level,
        .l2sq_f32 = reduce<A, F32<A>, L2sq>,
        .dot_f32 = reduce<A, F32<A>, Dot>,
        .l1_f32 = reduce<A, F32<A>, L1>,
        .cosine_f32 = cosine<A, F32<A>>,
        .l2sq_f16 = reduce<A, F16<A>, L2sq>,
        .dot_f16 = reduce<A, F16<A>, Dot>,
        .l1_f16 = reduce<A, F16<A>, L1>,
        .cosine_f16 = cosine<A, F16<A>>,
        .l2sq_bf16 = reduce<A, Bf16<A>, L2sq>,
        .dot_bf16 = reduce<A, Bf16<A>, Dot>,
        .l1_bf16 = reduce<A, Bf16<A>, L1>,
        .cosine_bf16 = cosine<A, Bf16<A>>,
        .l2sq_f32_f16 = reduce_mixed<A, F16<A>, ScaledL2sq>,
        .dot_f32_f16 = reduce_mixed<A, F16<A>, ScaledDot>,
        .l2sq_f32_i8 = reduce_mixed<A, I8<A>, ScaledL2sq>,
        .dot_f32_i8 = reduce_mixed<A, I8<A>, ScaledDot>,
        .sweep = sweep<typename A::SweepArch>,
        .prepare_sweep = prepare_sweep<A>,
        .plane_sum = plane_sum<A>,
        .lookup_sums = lookup_sums<A>,
        .flip_signs = flip_signs<A>,
        .hadamard = hadamard<A>,
        .turn_pairs = turn_pairs<A>,
        .encode_f32 = encode_f32<A>,
        .encode_i8 = encode_i8<A>,
        .largest_f32 = largest_f32<A>,
        .quantise_i8 = quantise_i8<A>,
        .l2sq_i8 = reduce_i8<A, L2sqI8<A>>,
        .dot_i8 = reduce_i8<A, DotI8<A>>,
        .l1_i8 = reduce_i8<A, L1I8<A>>,
        .hamming = hamming<A>,
        .jaccard = jaccard<A>,
        .panel_scores = panel_scores<A>,
        .f16_to_f32 = convert<F16ToF32<A>>,
        .f32_to_f16 = convert<F32ToF16<A>>,
        .bf16_to_f32 = convert<Bf16ToF32<A>>,
        .f32_to_bf16 = convert<F32ToBf16<A>>,
    };
}

} // namespace
} // namespace vecx::kernels
