// The private random numbers of vecx (splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom
// number generators", 2014). Private because levels drawn from it end up on disk and tests replay them.
#pragma once

#include <cstdint>

namespace vecx {

struct Rng {
    uint64_t state;

    explicit Rng(uint64_t seed) : state(seed) {}

    uint64_t next() {
        state += 0x9E3779B97F4A7C15ull;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }

    // In (0, 1]: never 0, so that its logarithm is finite.
    double uniform() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }

    // In [0, n); n > 0. The bias of the remainder is below 2^-32 for the sizes used here.
    uint64_t below(uint64_t n) { return next() % n; }
};

// A well mixed 64-bit hash of one word.
inline uint64_t mix64(uint64_t x) { return Rng(x).next(); }

} // namespace vecx
