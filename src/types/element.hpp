// The element types of the dense vector types, as traits: everything in which `vector`, `halfvec`,
// `bf16vec` and `int8vec` differ. All other code of the dense types is a template over one of these.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/convert.hpp"
#include "kernels/kernels.hpp"
#include "types/distance.hpp"

namespace vecx::types {

// How every dense value lies in memory and on disk: pgvector's layout. The elements follow the header.
struct DenseHeader {
    int32_t length_word; // PostgreSQL's varlena header, four bytes wide
    int16_t dim;         // 1 to kMaxDenseDim
    int16_t unused;      // 0
};
static_assert(sizeof(DenseHeader) == 8 && alignof(DenseHeader) == 4);

template <class E>
inline const typename E::Stored *elements(const DenseHeader *value) {
    return reinterpret_cast<const typename E::Stored *>(value + 1);
}
template <class E>
inline typename E::Stored *elements(DenseHeader *value) {
    return reinterpret_cast<typename E::Stored *>(value + 1);
}

// Where elements are worked on as floats they pass through blocks of this many on the stack.
constexpr size_t kBlock = 256;

template <class E>
constexpr size_t value_size(int32_t dim) {
    return sizeof(DenseHeader) + static_cast<size_t>(dim) * sizeof(typename E::Stored);
}

// The distances of floating-point elements, by the kernel table's members for the type. The table in force is
// looked at in every call: vecx.simd may change it.
template <class Element, auto kL2sq, auto kDot, auto kL1, auto kCosine>
struct FloatDistances {
    static double l2sq(const Element *a, const Element *b, size_t n) { return (kernels::active->*kL2sq)(a, b, n); }
    static double dot(const Element *a, const Element *b, size_t n) { return (kernels::active->*kDot)(a, b, n); }
    static double l1(const Element *a, const Element *b, size_t n) { return (kernels::active->*kL1)(a, b, n); }
    static double cosine(const Element *a, const Element *b, size_t n) {
        kernels::CosineParts p = (kernels::active->*kCosine)(a, b, n);
        return cosine_distance(p.dot, p.norm_a, p.norm_b);
    }
};

// vector: IEEE binary32.
struct F32 : FloatDistances<float, &kernels::KernelTable::l2sq_f32, &kernels::KernelTable::dot_f32,
                            &kernels::KernelTable::l1_f32, &kernels::KernelTable::cosine_f32> {
    using Stored = float;
    static constexpr const char *kName = "vector";
    static constexpr bool kIsFloat = true;

    static float widen(Stored x) { return x; }
    static Stored narrow(float x) { return x; }
    static void widen_all(const Stored *in, float *out, size_t n) { memcpy(out, in, n * sizeof *out); }
    static void narrow_all(const float *in, Stored *out, size_t n) { memmove(out, in, n * sizeof *out); }
    static bool is_finite(Stored x) { return (std::bit_cast<uint32_t>(x) & 0x7FFFFFFFu) < 0x7F800000u; }
    static bool is_positive(Stored x) { return x > 0; }
};

// halfvec: IEEE binary16.
struct F16 : FloatDistances<uint16_t, &kernels::KernelTable::l2sq_f16, &kernels::KernelTable::dot_f16,
                            &kernels::KernelTable::l1_f16, &kernels::KernelTable::cosine_f16> {
    using Stored = uint16_t;
    static constexpr const char *kName = "halfvec";
    static constexpr bool kIsFloat = true;

    static float widen(Stored x) { return f16_to_float(x); }
    static Stored narrow(float x) { return float_to_f16(x); }
    static void widen_all(const Stored *in, float *out, size_t n) { kernels::active->f16_to_f32(in, out, n); }
    static void narrow_all(const float *in, Stored *out, size_t n) { kernels::active->f32_to_f16(in, out, n); }
    static bool is_finite(Stored x) { return (x & 0x7FFFu) < 0x7C00u; }
    static bool is_positive(Stored x) { return static_cast<int16_t>(x) > 0; }
};

// bf16vec: bfloat16, the upper half of a binary32.
struct BF16 : FloatDistances<uint16_t, &kernels::KernelTable::l2sq_bf16, &kernels::KernelTable::dot_bf16,
                             &kernels::KernelTable::l1_bf16, &kernels::KernelTable::cosine_bf16> {
    using Stored = uint16_t;
    static constexpr const char *kName = "bf16vec";
    static constexpr bool kIsFloat = true;

    static float widen(Stored x) { return bf16_to_float(x); }
    static Stored narrow(float x) { return float_to_bf16(x); }
    static void widen_all(const Stored *in, float *out, size_t n) { kernels::active->bf16_to_f32(in, out, n); }
    static void narrow_all(const float *in, Stored *out, size_t n) { kernels::active->f32_to_bf16(in, out, n); }
    static bool is_finite(Stored x) { return (x & 0x7FFFu) < 0x7F80u; }
    static bool is_positive(Stored x) { return static_cast<int16_t>(x) > 0; }
};

// int8vec: two's complement bytes, -128 to 127. Its sums are exact integers.
struct I8 {
    using Stored = int8_t;
    static constexpr const char *kName = "int8vec";
    static constexpr bool kIsFloat = false;

    static float widen(Stored x) { return x; }
    static void widen_all(const Stored *in, float *out, size_t n) {
        for (size_t i = 0; i < n; ++i)
            out[i] = in[i];
    }
    static bool is_finite(Stored) { return true; }
    static bool is_positive(Stored x) { return x > 0; }

    static double l2sq(const Stored *a, const Stored *b, size_t n) { return kernels::active->l2sq_i8(a, b, n); }
    static double dot(const Stored *a, const Stored *b, size_t n) { return kernels::active->dot_i8(a, b, n); }
    static double l1(const Stored *a, const Stored *b, size_t n) { return kernels::active->l1_i8(a, b, n); }
    static double cosine(const Stored *a, const Stored *b, size_t n) {
        return cosine_distance(dot(a, b, n), dot(a, a, n), dot(b, b, n));
    }
};

} // namespace vecx::types
