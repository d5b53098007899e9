// Chooses the kernel table. Compiled with the baseline flags: it runs before anything is known of the CPU.
#include "kernels/kernels.hpp"

#include <cstring>

#include "base/core_only.hpp"

namespace vecx::kernels {

extern const KernelTable kScalarTable;

constinit const KernelTable *active = &kScalarTable;

const KernelTable *find(Level level) { return level == Level::scalar ? &kScalarTable : nullptr; }

Level best_level() { return Level::scalar; }

bool choose(Level level) {
    const KernelTable *table = find(level);
    if (table == nullptr)
        return false;
    active = table;
    return true;
}

bool parse_level(const char *name, Level *out) {
    if (strcmp(name, "scalar") != 0)
        return false;
    *out = Level::scalar;
    return true;
}

} // namespace vecx::kernels
