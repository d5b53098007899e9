// Compiled with -march=x86-64-v3: see README.md, "The ODR rule", before including anything.
#if defined(__x86_64__)

#include "kernels/impl/table.inl.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

constinit const KernelTable kAvx2Table = make_table<Avx2>("avx2", Level::avx2);

} // namespace vecx::kernels

#endif
