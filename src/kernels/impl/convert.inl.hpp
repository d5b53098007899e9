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
    static constexpr size_t kStep = 2 * A::kFloats;
    static void step(const uint16_t *in, float *out) {
        A::widen_f16(in).store_unaligned(out);
        A::widen_f16(in + A::kFloats).store_unaligned(out + A::kFloats);
    }
};
template <class A>
struct F32ToF16 {
    using In = float;
    using Out = uint16_t;
    static constexpr size_t kStep = 2 * A::kFloats;
    static void step(const float *in, uint16_t *out) {
        A::narrow_f16(in, out);
        A::narrow_f16(in + A::kFloats, out + A::kFloats);
    }
};
template <class A>
struct Bf16ToF32 {
    using In = uint16_t;
    using Out = float;
    static constexpr size_t kStep = 2 * A::kFloats;
    static void step(const uint16_t *in, float *out) {
        as_floats<A>(A::widen_words(in) << 16).store_unaligned(out);
        as_floats<A>(A::widen_words(in + A::kFloats) << 16).store_unaligned(out + A::kFloats);
    }
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

// Fewer numbers than a step, by way of the stack.
template <class C>
[[gnu::noinline]] void convert_few(const typename C::In *in, typename C::Out *out, size_t n) {
    typename C::In padded_in[C::kStep] = {};
    typename C::Out padded_out[C::kStep];
    for (size_t i = 0; i < n; ++i)
        padded_in[i] = in[i];
    C::step(padded_in, padded_out);
    for (size_t i = 0; i < n; ++i)
        out[i] = padded_out[i];
}

// `in` and `out` do not overlap.
template <class C>
[[gnu::flatten]] void convert(const typename C::In *in, typename C::Out *out, size_t n) {
    constexpr size_t step = C::kStep;
    if (n < step)
        return convert_few<C>(in, out, n);
    const size_t whole = n & ~(step - 1);
    for (size_t i = 0; i != whole; i += step)
        C::step(in + i, out + i);
    if (whole != n) // the last step once more, partly a second time
        C::step(in + (n - step), out + (n - step));
}

} // namespace
} // namespace vecx::kernels
