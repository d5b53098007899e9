// Compiled with -march=x86-64-v4 -mavx512vnni: see README.md, "The ODR rule", before including anything.
#if defined(__x86_64__)

#include "kernels/impl/int8.inl.hpp"
#include "kernels/tables.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {
namespace {

// VPDPBUSD multiplies unsigned by signed bytes: (a + 128) * b is added up, and 128 * b beside it.
struct ShiftedDot {
    __m512i products = _mm512_setzero_si512();
    __m512i sum_b = _mm512_setzero_si512();

    void add(__m512i a, __m512i b) {
        products = _mm512_dpbusd_epi32(products, _mm512_xor_si512(a, _mm512_set1_epi8(-128)), b);
        sum_b = _mm512_dpbusd_epi32(sum_b, _mm512_set1_epi8(-128), b); // 128 as an unsigned byte
    }
    __m512i result() const { return _mm512_sub_epi32(products, sum_b); }
};

[[gnu::flatten]] int32_t dot_i8_vnni(const int8_t *a, const int8_t *b, size_t n) {
    ShiftedDot s0, s1;
    const size_t whole = n & ~size_t{127};
    size_t i = 0;
    for (; i != whole; i += 128) {
        s0.add(Avx512::load_ints(a + i), Avx512::load_ints(b + i));
        s1.add(Avx512::load_ints(a + i + 64), Avx512::load_ints(b + i + 64));
    }
    if (n - i >= 64) {
        s0.add(Avx512::load_ints(a + i), Avx512::load_ints(b + i));
        i += 64;
    }
    if (i < n)
        s1.add(Avx512::first_bytes(a + i, n - i), Avx512::first_bytes(b + i, n - i));
    return Avx512::sum_i32(Avx512::add_i32(s0.result(), s1.result()));
}

struct Avx512Vnni : Avx512 {
    static Ints l2sq_i8(Ints sum, Ints x, Ints y) {
        __m512i d = _mm512_sub_epi16(x, y);
        return _mm512_dpwssd_epi32(sum, d, d);
    }
};

} // namespace

constinit const VnniKernels kAvx512Vnni = {.l2sq_i8 = reduce_i8<Avx512Vnni, L2sqI8<Avx512Vnni>>, .dot_i8 = dot_i8_vnni};

} // namespace vecx::kernels

#endif
