// Compiled with -march=x86-64-v4 -mavx512vpopcntdq: see README.md, "The ODR rule", before including anything.
#if defined(__x86_64__)

#include "kernels/impl/bits.inl.hpp"
#include "kernels/tables.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {
namespace {

struct Avx512Popcount : Avx512 {
    static Bits count_bits(Bits sum, Bits x) { return _mm512_add_epi64(sum, _mm512_popcnt_epi64(x)); }
};

} // namespace

constinit const PopcountKernels kAvx512Popcount = {.hamming = hamming<Avx512Popcount>,
                                                   .jaccard = jaccard<Avx512Popcount>};

} // namespace vecx::kernels

#endif
