// Conversions between float and the 16-bit formats: bit for bit those of convert.hpp.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

template <class A>
struct F16ToF32 {
    using In = uint16_t;
    using Out = float;
    static constexpr size_t kStep = A::kFloats;
    static void step(const uint16_t *in, float *out) { A::widen_f16(in).store_unaligned(out); }
};
template <class A>
struct F32ToF16 {
    using In = float;
    using Out = uint16_t;
    static constexpr size_t kStep = A::kFloats;
    static void step(const float *in, uint16_t *out) { A::narrow_f16(in, out); }
};
template <class A>
struct Bf16ToF32 {
    using In = uint16_t;
    using Out = float;
    static constexpr size_t kStep = A::kFloats;
    static void step(const uint16_t *in, float *out) { as_floats<A>(A::widen_words(in) << 16).store_unaligned(out); }
};
template <class A>
struct F32ToBf16 {
    using In = float;
    using Out = uint16_t;
    static constexpr size_t kStep = 2 * A::kFloats;
    // In integers: VCVTNEPS2BF16 takes subnormal numbers for zero.
    static Words<A> round(const float *in) {
        Floats<A> x = load_floats<A>(in);
        Words<A> bits = as_words<A>(x);
        Words<A> high = bits >> 16;
        Words<A> rounded = (bits + (Words<A>(0x7FFFu) + (high & Words<A>(1u)))) >> 16;
        // A NaN keeps its sign and the high part of its payload and becomes quiet.
        Words<A> quiet = high | Words<A>(0x40u);
        return as_words<A>(xsimd::select(x == x, as_floats<A>(rounded), as_floats<A>(quiet)));
    }
    static void step(const float *in, uint16_t *out) { A::narrow_words(round(in), round(in + A::kFloats), out); }
};

// `in` and `out` do not overlap.
template <class C>
[[gnu::flatten]] void convert(const typename C::In *in, typename C::Out *out, size_t n) {
    constexpr size_t step = C::kStep;
    const size_t whole = n & ~(step - 1);
    for (size_t i = 0; i != whole; i += step)
        C::step(in + i, out + i);
    if (whole == n)
        return;
    if (n >= step) { // the last register once more, partly a second time
        C::step(in + (n - step), out + (n - step));
        return;
    }
    typename C::In padded_in[step] = {};
    typename C::Out padded_out[step];
    memcpy(padded_in, in, n * sizeof padded_in[0]);
    C::step(padded_in, padded_out);
    memcpy(out, padded_out, n * sizeof padded_out[0]);
}

} // namespace
} // namespace vecx::kernels
