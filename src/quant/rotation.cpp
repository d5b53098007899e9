// The rotation. See rotation.hpp.
#include "quant/rotation.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/rng.hpp"
#include "kernels/kernels.hpp"

#include "base/core_only.hpp"

namespace vecx::quant {

namespace {

constexpr uint64_t kSeed = 0x76656378726f7461; // on disk: never change

// Random signs of one round for n coordinates, n a multiple of 64.
void flip_signs(const kernels::KernelTable &table, float *x, uint32_t n, uint32_t round) {
    uint64_t signs[16];
    for (uint32_t w = 0; w < n / 64;) {
        uint32_t count = n / 64 - w < 16 ? n / 64 - w : 16;
        for (uint32_t i = 0; i < count; ++i)
            signs[i] = mix64(kSeed + (static_cast<uint64_t>(round) << 32) + w + i);
        table.flip_signs(x + 64 * w, signs, 64 * static_cast<size_t>(count));
        w += count;
    }
}

} // namespace

void rotate(const float *in, int32_t dim, float *out) {
    const kernels::KernelTable &table = *kernels::active;
    const uint32_t n = rotated_dim(dim), power = std::bit_floor(n);
    const float scale = 1.0f / std::sqrt(static_cast<float>(power));
    memcpy(out, in, static_cast<size_t>(dim) * sizeof(float));
    memset(out + dim, 0, (n - static_cast<uint32_t>(dim)) * sizeof(float));
    for (uint32_t round = 0; round < 4; ++round) {
        flip_signs(table, out, n, round);
        table.hadamard(round % 2 == 0 ? out : out + (n - power), power, scale);
        if (power != n)
            table.turn_pairs(out, n); // joins what the Hadamard matrix does not reach
    }
}

} // namespace vecx::quant
