// The tables that the isa_*.cpp define, for dispatch.cpp and the tests; everybody else asks kernels.hpp.
// A table may name instructions that the CPU lacks: look before calling.
#pragma once

#include "kernels/kernels.hpp"

namespace vecx::kernels {

extern const KernelTable kScalarTable;

#if defined(__x86_64__)
extern const KernelTable kX86V2Table;
extern const KernelTable kAvx2Table;
extern const KernelTable kAvx512Table;

// What replaces entries of the AVX-512 table on a CPU that has more than x86-64-v4.
struct VnniKernels {
    int32_t (*l2sq_i8)(const int8_t *a, const int8_t *b, size_t n);
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t n);
};
struct PopcountKernels {
    uint64_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t n);
    JaccardParts (*jaccard)(const uint8_t *a, const uint8_t *b, size_t n);
};
struct VbmiKernels {
    void (*sweep)(const Sweep &query, const uint64_t *codes, const uint16_t *add, const uint16_t *mul, float *out);
};
extern const VnniKernels kAvx512Vnni;         // AVX512_VNNI
extern const PopcountKernels kAvx512Popcount; // AVX512_VPOPCNTDQ
extern const VbmiKernels kAvx512Vbmi;         // AVX512_VBMI and AVX512_VNNI
#elif defined(__aarch64__)
extern const KernelTable kNeonTable;
#endif

} // namespace vecx::kernels
