// AArch64 without extensions: its baseline has everything that is needed.
#if defined(__aarch64__)

#include "kernels/impl/table.inl.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

constinit const KernelTable kNeonTable = make_table<Neon>("neon", Level::neon);

} // namespace vecx::kernels

#endif
