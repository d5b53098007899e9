// Codes of neighbours and quantised vectors. As in rotate.inl.hpp every level gives the same bits.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace vecx::kernels {
namespace {

template <class A>
struct PlainFloats {
    const float *p;
    Floats<A> get(size_t i) const { return load_floats<A>(p + i); }
};
template <class A>
struct ScaledBytes {
    const int8_t *p;
    Floats<A> scale;
    Floats<A> get(size_t i) const { return scale * A::widen_i8_f32(p + i); }
};

// Sixteen lanes, as CodeSums says: kParts registers.
template <class A, class Source>
CodeSums encode(Source p, Source x, size_t words, uint64_t *code) {
    constexpr size_t kParts = 16 / A::kFloats;
    const Floats<A> zero(0.0f);
    Floats<A> square[kParts], along[kParts], node[kParts];
    for (size_t part = 0; part < kParts; ++part)
        square[part] = along[part] = node[part] = zero;
    for (size_t w = 0; w < words; ++w) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64; k += 16)
            for (size_t part = 0; part < kParts; ++part) {
                const size_t at = k + part * A::kFloats;
                Floats<A> from = p.get(64 * w + at), o = x.get(64 * w + at) - from;
                const uint64_t positive = A::positive_bits(o);
                square[part] = square[part] + o * o;
                along[part] = along[part] + xsimd::abs(o);
                node[part] = node[part] + xsimd::select(o > zero, from, -from);
                word |= positive << at;
            }
        code[w] = word;
    }
    auto sum = [](const Floats<A> *parts) {
        if constexpr (kParts == 1)
            return A::sum_halves(parts[0]);
        else if constexpr (kParts == 2)
            return A::sum_halves(parts[0] + parts[1]);
        else
            return A::sum_halves((parts[0] + parts[2]) + (parts[1] + parts[3]));
    };
    return {sum(square), sum(along), sum(node)};
}

template <class A>
[[gnu::flatten]] CodeSums encode_f32(const float *p, const float *x, size_t words, uint64_t *code) {
    return encode<A>(PlainFloats<A>{p}, PlainFloats<A>{x}, words, code);
}
template <class A>
[[gnu::flatten]] CodeSums encode_i8(const int8_t *p, float p_scale, const int8_t *x, float x_scale, size_t words,
                                    uint64_t *code) {
    return encode<A>(ScaledBytes<A>{p, Floats<A>(p_scale)}, ScaledBytes<A>{x, Floats<A>(x_scale)}, words, code);
}

// The maximum does not depend on the order, so the last register may overlap the one before.
template <class A>
[[gnu::flatten]] float largest_f32(const float *x, size_t n) {
    constexpr size_t lanes = A::kFloats;
    float padded[lanes] = {};
    if (n < lanes) {
        for (size_t i = 0; i < n; ++i)
            padded[i] = x[i];
        x = padded;
        n = lanes;
    }
    Floats<A> largest = xsimd::abs(load_floats<A>(x + (n - lanes)));
    for (size_t i = 0; i + lanes <= n; i += lanes)
        largest = xsimd::max(xsimd::abs(load_floats<A>(x + i)), largest);
    return A::largest_f32(largest);
}

template <class A>
Floats<A> clamp(Floats<A> x, float low, float high) {
    return xsimd::max(xsimd::min(x, Floats<A>(high)), Floats<A>(low));
}

template <class A>
[[gnu::flatten]] void quantise_i8(const float *x, float inverse, int8_t *out, size_t n) {
    constexpr size_t lanes = A::kFloats;
    const Floats<A> times(inverse);
    auto convert = [&](const float *in, int8_t *to) {
        A::narrow_i8(clamp<A>(load_floats<A>(in) * times, -127.0f, 127.0f), to);
    };
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        convert(x + i, out + i);
    if (i < n) {
        float padded[lanes] = {};
        int8_t bytes[lanes];
        for (size_t k = 0; k < n - i; ++k)
            padded[k] = x[i + k];
        convert(padded, bytes);
        for (size_t k = 0; k < n - i; ++k)
            out[i + k] = bytes[k];
    }
}

} // namespace
} // namespace vecx::kernels
