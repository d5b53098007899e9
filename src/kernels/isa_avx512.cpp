// Compiled with -march=x86-64-v4: see README.md, "The ODR rule", before including anything.
#if defined(__x86_64__)

#include "kernels/impl/table.inl.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

constinit const KernelTable kAvx512Table = make_table<Avx512>("avx512", Level::avx512);

} // namespace vecx::kernels

#endif
