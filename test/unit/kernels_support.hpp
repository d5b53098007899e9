// What the tests of the kernels share: which tables to test, guarded memory, random numbers, lengths.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.hpp"
#include "kernels/tables.hpp"

namespace vecx::test {

using kernels::KernelTable;
using kernels::Level;

struct Tested {
    const char *name;
    const KernelTable *table;
};

constexpr Level kLevels[] = {Level::scalar, Level::x86_v2, Level::avx2, Level::avx512, Level::neon};
constexpr const char *kLevelNames[] = {"scalar", "x86-64-v2", "avx2", "avx512", "neon"};

// Every table that this CPU can run; says once which it cannot.
inline const std::vector<Tested> &tested_tables() {
    static const std::vector<Tested> all = [] {
        std::vector<Tested> found;
        for (size_t i = 0; i < std::size(kLevels); ++i) {
            if (const KernelTable *table = kernels::find(kLevels[i]))
                found.push_back({kLevelNames[i], table});
            else
                printf("kernels: level %s skipped, not on this CPU or not in this build\n", kLevelNames[i]);
        }
#if defined(__x86_64__)
        if (kernels::find(Level::avx512) != nullptr)
            found.push_back({"avx512 without VNNI and VPOPCNTDQ", &kernels::kAvx512Table});
#endif
        return found;
    }();
    return all;
}

inline std::vector<size_t> lengths() {
    std::vector<size_t> all;
    for (size_t n = 0; n <= 70; ++n)
        all.push_back(n);
    for (size_t n : {127, 128, 129, 130, 255, 256, 257, 768, 1000, 1536, 16000})
        all.push_back(n);
    return all;
}

enum class Place { at_start, at_end };

// n elements between two pages that must not be touched: their first byte is the first of a page, or
// their last the last of one. With at_end the address has the alignment of the element and no more.
template <class T>
class Guarded {
  public:
    Guarded(size_t n, Place place) {
        size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        size_t bytes = n * sizeof(T);
        inner_ = (bytes + page) / page * page;
        mapped_ = inner_ + 2 * page;
        base_ = static_cast<uint8_t *>(mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (base_ == MAP_FAILED || mprotect(base_ + page, inner_, PROT_READ | PROT_WRITE) != 0) {
            perror("guarded memory");
            abort();
        }
        data_ = reinterpret_cast<T *>(base_ + page + (place == Place::at_end ? inner_ - bytes : 0));
    }
    ~Guarded() { munmap(base_, mapped_); }
    Guarded(const Guarded &) = delete;
    Guarded &operator=(const Guarded &) = delete;

    T *data() { return data_; }
    T &operator[](size_t i) { return data_[i]; }

  private:
    uint8_t *base_;
    size_t inner_, mapped_;
    T *data_;
};

// splitmix64: the same numbers on every machine.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next() {
        uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }
    uint32_t below(uint32_t n) { return static_cast<uint32_t>(next() % n); }
    int between(int low, int high) { return low + static_cast<int>(below(static_cast<uint32_t>(high - low + 1))); }
    float real() { return static_cast<float>(static_cast<double>(next() >> 11) * 0x1p-52 - 1.0); } // [-1, 1)

  private:
    uint64_t state_;
};

} // namespace vecx::test
