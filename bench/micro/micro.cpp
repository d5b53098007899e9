// Times every kernel against one written by hand for the same instruction set, and against plain reading of
// the same bytes. Prints Markdown. README.md of src/kernels says how to read it.
//
//   micro [--level avx2|avx512] [--kernel PART-OF-NAME] [--offset BYTES] [--rounds N]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <vector>

#include "hand.hpp"
#include "kernels/convert.hpp"
#include "kernels/kernels.hpp"

using vecx::kernels::KernelTable;
using vecx::kernels::Level;

namespace {

volatile double sink;

struct Data {
    const uint8_t *query;
    const uint8_t *base; // `count` vectors of `bytes` each
    uint8_t *out;        // room for a converted vector
    size_t dim, bytes, count;
};

// Calls the kernel on vectors first .. first + calls of the data, round and round.
using Run = double (*)(const KernelTable &t, const Data &d, size_t first, size_t calls);

template <class Element, class Call>
double run(const Data &d, size_t first, size_t calls, Call call) {
    double total = 0;
    const Element *query = reinterpret_cast<const Element *>(d.query);
    size_t at = first % d.count;
    for (size_t i = 0; i < calls; ++i) {
        total += static_cast<double>(call(query, reinterpret_cast<const Element *>(d.base + at * d.bytes)));
        if (++at == d.count)
            at = 0;
    }
    return total;
}

struct Kernel {
    const char *name;
    char format; // s float, h binary16, b bfloat16, i int8, x bits
    Run run;
};

#define PAIR(name, format, Element, result, length)                                                                   \
    {                                                                                                                 \
#name, format, [](const KernelTable &t, const Data &d, size_t first, size_t calls) {                              \
         auto f = t.name;                                                                                              \
         size_t n = d.length;                                                                                          \
         return run<Element>(d, first, calls, [=](const Element *a, const Element *b) { return f(a, b, n) result; });  \
     }  \
    }
#define CONVERT(name, format, In, Out)                                                                                \
    {                                                                                                                 \
#name, format, [](const KernelTable &t, const Data &d, size_t first, size_t calls) {                              \
         auto f = t.name;                                                                                              \
         size_t n = d.dim;                                                                                             \
         Out *out = reinterpret_cast<Out *>(d.out);                                                                    \
         return run<In>(d, first, calls, [=](const In *, const In *b) {                                                \
             f(b, out, n);                                                                                             \
             return 0;                                                                                                 \
         });                                                                                                           \
     }  \
    }

const Kernel kKernels[] = {
    PAIR(l2sq_f32, 's', float, , dim),
    PAIR(dot_f32, 's', float, , dim),
    PAIR(l1_f32, 's', float, , dim),
    PAIR(cosine_f32, 's', float, .dot, dim),
    PAIR(l2sq_f16, 'h', uint16_t, , dim),
    PAIR(dot_f16, 'h', uint16_t, , dim),
    PAIR(l1_f16, 'h', uint16_t, , dim),
    PAIR(cosine_f16, 'h', uint16_t, .dot, dim),
    PAIR(l2sq_bf16, 'b', uint16_t, , dim),
    PAIR(dot_bf16, 'b', uint16_t, , dim),
    PAIR(l1_bf16, 'b', uint16_t, , dim),
    PAIR(cosine_bf16, 'b', uint16_t, .dot, dim),
    PAIR(l2sq_i8, 'i', int8_t, , dim),
    PAIR(dot_i8, 'i', int8_t, , dim),
    PAIR(l1_i8, 'i', int8_t, , dim),
    PAIR(hamming, 'x', uint8_t, , bytes),
    PAIR(jaccard, 'x', uint8_t, .intersection, bytes),
    CONVERT(f16_to_f32, 'h', uint16_t, float),
    CONVERT(f32_to_f16, 's', float, uint16_t),
    CONVERT(bf16_to_f32, 'b', uint16_t, float),
    CONVERT(f32_to_bf16, 's', float, uint16_t),
};

size_t vector_bytes(char format, size_t dim) {
    switch (format) {
    case 's':
        return dim * 4;
    case 'h':
    case 'b':
        return dim * 2;
    case 'i':
        return dim;
    default:
        return dim / 8;
    }
}

void fill(uint8_t *p, size_t bytes, char format) {
    uint64_t state = 1;
    auto next = [&] {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        return static_cast<uint32_t>(state >> 33);
    };
    auto real = [&] { return static_cast<float>(next() % 2001) / 1000.0f - 1.0f; };
    for (size_t i = 0; i < bytes;) {
        if (format == 's') {
            float x = real();
            memcpy(p + i, &x, 4);
            i += 4;
        } else if (format == 'h' || format == 'b') {
            uint16_t x = format == 'h' ? vecx::float_to_f16(real()) : vecx::float_to_bf16(real());
            memcpy(p + i, &x, 2);
            i += 2;
        } else {
            p[i++] = static_cast<uint8_t>(next());
        }
    }
}

double now_ns() {
    return static_cast<double>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

struct Place {
    const char *name;
    size_t bytes;
};
// In the first-level cache with the query; in the second-level cache; far beyond the last one.
constexpr Place kPlaces[] = {{"L1", 16u << 10}, {"L2", 256u << 10}, {"memory", 256u << 20}};
constexpr size_t kDims[] = {128, 768, 1536};

struct Result {
    double ours, hand, read; // ns for one vector
};

// In caches the least time is the undisturbed one; from memory every time is a mixture, and the middle counts.
double settle(std::vector<double> &times, bool from_memory) {
    std::sort(times.begin(), times.end());
    return from_memory ? times[times.size() / 2] : times[0];
}

// Alternates between the three so that what else the machine does hits all alike.
Result measure(const Kernel &kernel, const KernelTable &ours, const KernelTable &hand,
               uint64_t (*read)(const uint8_t *, size_t), const Data &d, int rounds, bool from_memory) {
    std::vector<double> ours_times, hand_times, read_times;
    sink = sink + kernel.run(ours, d, 0, std::min<size_t>(d.count, 4096)) +
           kernel.run(hand, d, 0, std::min<size_t>(d.count, 4096));
    double start = now_ns();
    sink = sink + kernel.run(hand, d, 0, 64);
    double each = std::max((now_ns() - start) / 64, 1.0);
    size_t calls = std::clamp<size_t>(static_cast<size_t>(150000 / each), 64, 1 << 20);
    size_t first = 0;
    for (int i = 0; i < rounds; ++i) {
        auto time = [&](auto body, std::vector<double> *times) {
            double t = now_ns();
            body();
            times->push_back((now_ns() - t) / static_cast<double>(calls));
            first = (first + calls) % d.count; // in memory: always vectors that were not just read
        };
        auto time_ours = [&] { time([&] { sink = sink + kernel.run(ours, d, first, calls); }, &ours_times); };
        auto time_hand = [&] { time([&] { sink = sink + kernel.run(hand, d, first, calls); }, &hand_times); };
        if (i % 2) {
            time_hand();
            time_ours();
        } else {
            time_ours();
            time_hand();
        }
        time(
            [&] {
                size_t left = calls, at = first;
                while (left > 0) { // whole stretches of vectors, up to the end of the data
                    size_t part = std::min(left, d.count - at);
                    sink = sink + static_cast<double>(read(d.base + at * d.bytes, part * d.bytes));
                    left -= part;
                    at = 0;
                }
            },
            &read_times);
    }
    return {settle(ours_times, from_memory), settle(hand_times, from_memory), settle(read_times, from_memory)};
}

} // namespace

int main(int argc, char **argv) {
    std::string level_name, kernel_name;
    size_t offset = 0;
    int rounds = 25;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string option = argv[i];
        if (option == "--level")
            level_name = argv[i + 1];
        else if (option == "--kernel")
            kernel_name = argv[i + 1];
        else if (option == "--offset")
            offset = static_cast<size_t>(atoi(argv[i + 1]));
        else if (option == "--rounds")
            rounds = atoi(argv[i + 1]);
    }
    struct Side {
        Level level;
        const KernelTable *hand;
        uint64_t (*read)(const uint8_t *, size_t);
    };
#if defined(__x86_64__)
    const Side sides[] = {{Level::avx2, &vecx::bench::kHandAvx2, vecx::bench::read_bytes_avx2},
                          {Level::avx512, &vecx::bench::kHandAvx512, vecx::bench::read_bytes_avx512}};
#else
    const std::vector<Side> sides;
    printf("There are hand-written kernels for x86-64 only.\n");
#endif
    constexpr size_t kLargest = 256u << 20;
    uint8_t *memory = static_cast<uint8_t *>(aligned_alloc(4096, kLargest + (64u << 10)));
    if (memory == nullptr)
        return 1;
    (void)madvise(memory, kLargest, MADV_HUGEPAGE); // the same pages for all
    uint8_t *query = memory + offset, *out = memory + (16u << 10), *base = memory + (48u << 10) + offset;

    double worst = 0;
    char filled = 0;
    for (const Side &side : sides) {
        const KernelTable *ours = vecx::kernels::find(side.level);
        if (ours == nullptr || (!level_name.empty() && level_name != ours->name))
            continue;
        for (const Place &place : kPlaces) {
            printf("\n### %s, vectors in %s, ns for one (ours / by hand / reading only: ratio to the slower of the two "
                   "limits)\n\n",
                   ours->name, place.name);
            printf("| kernel | 128 | 768 | 1536 | GB/s at 1536 |\n|---|---|---|---|---|\n");
            for (const Kernel &kernel : kKernels) {
                if (strstr(kernel.name, kernel_name.c_str()) == nullptr)
                    continue;
                if (filled != kernel.format) {
                    fill(memory, kLargest + (64u << 10), kernel.format);
                    filled = kernel.format;
                }
                printf("| %s |", kernel.name);
                double rate = 0;
                for (size_t dim : kDims) {
                    size_t bytes = vector_bytes(kernel.format, dim);
                    Data d{query, base, out, dim, bytes, std::max<size_t>(place.bytes / bytes, 2)};
                    Result r = measure(kernel, *ours, *side.hand, side.read, d, rounds, place.bytes == kLargest);
                    double ratio = r.ours / std::max(r.hand, r.read);
                    worst = std::max(worst, ratio);
                    rate = static_cast<double>(bytes) / r.ours;
                    printf(" %.1f / %.1f / %.1f: %.2f%s |", r.ours, r.hand, r.read, ratio, ratio > 1.15 ? " (!)" : "");
                }
                printf(" %.0f |\n", rate);
                fflush(stdout);
            }
        }
    }
    printf("\nworst ratio: %.2f\n", worst);
    free(memory);
    return 0;
}
