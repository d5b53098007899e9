// Compiled with -march=x86-64-v2: see README.md, "The ODR rule", before including anything.
#if defined(__x86_64__)

#include "kernels/impl/table.inl.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

constinit const KernelTable kX86V2Table = make_table<Sse4>("x86-64-v2", Level::x86_v2);

} // namespace vecx::kernels

#endif
