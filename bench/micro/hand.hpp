// Kernels written by hand with intrinsics, to hold the generated ones against. Lengths must be multiples of
// 64 elements (for bits: 16 bytes): they have no tails, and nothing else in their way.
#pragma once

#include "kernels/kernels.hpp"

namespace vecx::bench {

#if defined(__x86_64__)
extern const kernels::KernelTable kHandAvx2;
extern const kernels::KernelTable kHandAvx512; // with VNNI and VPOPCNTDQ
#endif

// Reads every byte once and does nothing with it that takes time: what memory allows.
uint64_t read_bytes_avx2(const uint8_t *p, size_t n);
uint64_t read_bytes_avx512(const uint8_t *p, size_t n);

} // namespace vecx::bench
