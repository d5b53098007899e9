// The one place that names xsimd, and with simd/*.hpp the one place that uses raw intrinsics, for what
// xsimd has no word for: half floats, widening of integers, popcount, masked loads.
//
// Included by isa_*.cpp only, through impl/*.inl.hpp. Each of those files is compiled for another CPU,
// so nothing here may have external linkage (README.md, "The ODR rule"): all of it is in an anonymous
// namespace, and no header with inline functions of our own is included.
//
// An *arch* is a struct such as Avx2 (simd/avx2.hpp) with
//   Xsimd                      the arch tag of xsimd, which its float arithmetic goes through
//   kFloats, kBytes            lanes of float in a register, bytes in a register
//   Ints                       a register of integers
//   kMaskedLoads               whether first_*(p, r), which reads r elements and zeroes the rest, exists;
//                              the others have keep_last_*(x, r), which zeroes all lanes but the last r
//   load_words                 a register of 32-bit words from any address
//   widen_f16, narrow_f16      binary16, kFloats at a time
//   widen_words, narrow_words  16-bit numbers to 32 bits and back, kFloats and 2 * kFloats at a time
//   DotLoads, SquareLoads      whether dot_i8 and l2sq_i8 take bytes or widened bytes (impl/int8.inl.hpp)
//   widen_i8                   int8 to 16 bits, half a register's worth
//   dot_i8, l2sq_i8, l1_i8     add to exact sums
//   sum_f32, sum_i32, sum_u64  across the lanes (xsimd's way, two HADDPS, is the slower one)
//   fused(x, y, z)             x * y + z of Floats; a function beside the struct
//   sum_halves                 across the lanes, i and i + half first: the same sums for every arch
//   butterfly, sign_bits, positive_bits, narrow_i8, largest_f32   impl/rotate.inl.hpp and impl/encode.inl.hpp
//   SweepArch                  whose sweep it takes, and what that needs: impl/sweep.inl.hpp
//   Bits, kBitBytes, load_bits, count_bits                popcounts; Bits need not be Ints
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// The "undefined" registers in GCC 12's own AVX-512 headers are initialised with themselves (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <xsimd/xsimd.hpp>

namespace vecx::kernels {
namespace {

template <class A>
struct AsBytes;
template <class A>
struct Widened;

template <class A>
using Floats = xsimd::batch<float, typename A::Xsimd>;
template <class A>
using Words = xsimd::batch<uint32_t, typename A::Xsimd>;

template <class A>
Floats<A> load_floats(const float *p) {
    return Floats<A>::load_unaligned(p);
}

template <class A>
Floats<A> as_floats(Words<A> x) {
#if XSIMD_VERSION_MAJOR < 9
    return xsimd::bitwise_cast<Floats<A>>(x);
#else
    return xsimd::bitwise_cast<float>(x);
#endif
}

template <class A>
Words<A> as_words(Floats<A> x) {
#if XSIMD_VERSION_MAJOR < 9
    return xsimd::bitwise_cast<Words<A>>(x);
#else
    return xsimd::bitwise_cast<uint32_t>(x);
#endif
}

// Zeroes, then ones: a load that starts r bytes after the middle less a register's width is the mask of a
// register's last r bytes.
alignas(64) constexpr uint8_t kKeepTable[128] = {
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

inline const uint8_t *keep_mask(size_t register_bytes, size_t kept_bytes) {
    return kKeepTable + 64 - register_bytes + kept_bytes;
}

template <class A>
Floats<A> keep_last_floats(Floats<A> x, size_t lanes) {
    return as_floats<A>(as_words<A>(x) & A::load_words(keep_mask(4 * A::kFloats, 4 * lanes)));
}

} // namespace
} // namespace vecx::kernels

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__SSE4_2__)
#include "kernels/simd/sse4.hpp"
#endif
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "kernels/simd/avx2.hpp"
#endif
#if defined(__AVX512BW__) && defined(__AVX512VL__)
#include "kernels/simd/avx512.hpp"
#endif

#elif defined(__aarch64__)
#include <arm_neon.h>

#include "kernels/simd/neon.hpp"
#endif
