// Runs each distance kernel under valgrind's callgrind, which counts the instructions of one call.
//   valgrind --tool=callgrind --callgrind-out-file=OUT kernel-counts avx2
// writes OUT.1, OUT.2, ...: one file for each line that this program prints ("l2sq_f32 768").
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/kernels.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS (void)0
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

namespace {

using namespace vecx::kernels;

volatile double sink; // keeps the calls

template <class Call>
void count(const char *name, size_t n, Call call) {
    char label[64];
    snprintf(label, sizeof label, "%s %zu", name, n);
    sink = static_cast<double>(call()); // the first call resolves symbols and touches the memory
    CALLGRIND_ZERO_STATS;
    sink = static_cast<double>(call());
    CALLGRIND_DUMP_STATS_AT(label);
    puts(label);
}

} // namespace

int main(int argc, char **argv) {
    Level level;
    if (!parse_level(argc > 1 ? argv[1] : "avx2", &level) || find(level) == nullptr) {
        fprintf(stderr, "kernel-counts: this CPU or build has no level \"%s\"\n", argc > 1 ? argv[1] : "avx2");
        return 2;
    }
    const KernelTable &table = *find(level);
    constexpr size_t kMost = 1536;
    std::vector<float> a(kMost), b(kMost);
    std::vector<uint16_t> ha(kMost), hb(kMost);
    std::vector<int8_t> ia(kMost), ib(kMost);
    for (size_t i = 0; i < kMost; i++) {
        a[i] = static_cast<float>(i % 17);
        b[i] = static_cast<float>(i % 23);
        ha[i] = static_cast<uint16_t>(0x3c00 + i % 17); // near 1 in binary16, a small number in bfloat16
        hb[i] = static_cast<uint16_t>(0x3c00 + i % 23);
        ia[i] = static_cast<int8_t>(i % 17);
        ib[i] = static_cast<int8_t>(i % 23);
    }
    const auto *ba = reinterpret_cast<const uint8_t *>(ia.data());
    const auto *bb = reinterpret_cast<const uint8_t *>(ib.data());
    for (const size_t n : {size_t{128}, size_t{768}, size_t{1536}}) {
        count("l2sq_f32", n, [&] { return table.l2sq_f32(a.data(), b.data(), n); });
        count("dot_f32", n, [&] { return table.dot_f32(a.data(), b.data(), n); });
        count("cosine_f32", n, [&] { return table.cosine_f32(a.data(), b.data(), n).dot; });
        count("l1_f32", n, [&] { return table.l1_f32(a.data(), b.data(), n); });
        count("l2sq_f16", n, [&] { return table.l2sq_f16(ha.data(), hb.data(), n); });
        count("dot_f16", n, [&] { return table.dot_f16(ha.data(), hb.data(), n); });
        count("l2sq_bf16", n, [&] { return table.l2sq_bf16(ha.data(), hb.data(), n); });
        count("l2sq_i8", n, [&] { return table.l2sq_i8(ia.data(), ib.data(), n); });
        count("dot_i8", n, [&] { return table.dot_i8(ia.data(), ib.data(), n); });
        count("hamming", n / 8, [&] { return static_cast<double>(table.hamming(ba, bb, n / 8)); });
    }
    return 0;
}
