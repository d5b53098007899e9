// Chooses the kernel table. Compiled with the baseline flags: it runs before anything is known of the CPU.
#include "kernels/kernels.hpp"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/tables.hpp"

#include "base/core_only.hpp"

namespace vecx::kernels {

constinit const KernelTable *active = &kScalarTable;

namespace {

constexpr Level kAllLevels[] = {Level::scalar, Level::x86_v2, Level::avx2, Level::avx512, Level::neon};

#if defined(__x86_64__)

struct Features {
    bool v2, v3, v4, vnni, vpopcntdq, vbmi;
};

constexpr unsigned bit(unsigned n) { return 1u << n; }

bool has_all(unsigned value, unsigned wanted) { return (value & wanted) == wanted; }

// Which registers the operating system saves when it switches tasks. Only with OSXSAVE.
unsigned enabled_states() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

// The levels of the x86-64 psABI, with every feature of theirs: the compiler may use each of them in the
// files that it compiles for the level. Bit numbers: Intel SDM, CPUID leaves 1, 7 and 80000001h.
Features read_features() {
    unsigned a, b, ecx1, edx1, ebx7 = 0, ecx7 = 0, ecx_extended = 0;
    if (!__get_cpuid(1, &a, &b, &ecx1, &edx1))
        return {};
    unsigned unused;
    (void)__get_cpuid_count(7, 0, &a, &ebx7, &ecx7, &unused);
    (void)__get_cpuid(0x80000001u, &a, &b, &ecx_extended, &unused);

    // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF
    Features f{};
    f.v2 = has_all(ecx1, bit(0) | bit(9) | bit(13) | bit(19) | bit(20) | bit(23)) && has_all(ecx_extended, bit(0));
    constexpr unsigned kOsxsave = bit(27);
    if (!has_all(ecx1, kOsxsave))
        return f;
    unsigned states = enabled_states();
    // FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT; the states of XMM and YMM
    f.v3 = f.v2 && has_all(ecx1, bit(12) | bit(22) | bit(28) | bit(29)) && has_all(ebx7, bit(3) | bit(5) | bit(8)) &&
           has_all(ecx_extended, bit(5)) && has_all(states, 0x6);
    // AVX512F, DQ, CD, BW, VL; the states of the masks, of the high halves and of ZMM16 to 31
    f.v4 = f.v3 && has_all(ebx7, bit(16) | bit(17) | bit(28) | bit(30) | bit(31)) && has_all(states, 0xE6);
    f.vnni = f.v4 && has_all(ecx7, bit(11));
    // xsimd has no VBMI without IFMA, so the file is compiled with both.
    f.vbmi = f.v4 && has_all(ebx7, bit(21)) && has_all(ecx7, bit(1));
    f.vpopcntdq = f.v4 && has_all(ecx7, bit(14));
    return f;
}

// Read once; a backend has one thread, and a second reading would find the same.
const Features &features() {
    static bool known = false;
    static Features found{};
    if (!known) {
        found = read_features();
        known = true;
    }
    return found;
}

// The AVX-512 table with the kernels that this CPU has instructions for beyond x86-64-v4.
const KernelTable *avx512_table() {
    static KernelTable table{};
    if (table.name == nullptr) {
        KernelTable t = kAvx512Table;
        if (features().vnni) {
            t.l2sq_i8 = kAvx512Vnni.l2sq_i8;
            t.dot_i8 = kAvx512Vnni.dot_i8;
        }
        if (features().vpopcntdq) {
            t.hamming = kAvx512Popcount.hamming;
            t.jaccard = kAvx512Popcount.jaccard;
        }
        if (features().vbmi && features().vnni)
            t.sweep = kAvx512Vbmi.sweep;
        table = t;
    }
    return &table;
}

#endif

} // namespace

const KernelTable *find(Level level) {
    switch (level) {
    case Level::scalar:
        return &kScalarTable;
#if defined(__x86_64__)
    case Level::x86_v2:
        return features().v2 ? &kX86V2Table : nullptr;
    case Level::avx2:
        return features().v3 ? &kAvx2Table : nullptr;
    case Level::avx512:
        return features().v4 ? avx512_table() : nullptr;
#elif defined(__aarch64__)
    case Level::neon:
        return &kNeonTable;
#endif
    default:
        return nullptr;
    }
}

Level best_level() {
    Level best = Level::scalar;
    for (Level level : kAllLevels)
        if (find(level) != nullptr)
            best = level;
    return best;
}

bool choose(Level level) {
    const KernelTable *table = find(level);
    if (table == nullptr)
        return false;
    active = table;
    return true;
}

bool parse_level(const char *name, Level *out) {
    constexpr const char *names[] = {"scalar", "x86-64-v2", "avx2", "avx512", "neon"}; // as kAllLevels
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
        if (strcmp(name, names[i]) == 0) {
            *out = kAllLevels[i];
            return true;
        }
    return false;
}

} // namespace vecx::kernels
