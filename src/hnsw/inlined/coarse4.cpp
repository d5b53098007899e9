// Codes of 4 bits. See coarse4.hpp. Compiled with -O3: the loops are for the compiler to vectorise.
#include "hnsw/inlined/coarse4.hpp"

#include <cmath>

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

// Coordinates after a rotation are about normally distributed. Of them, what is farther than this many standard
// deviations is cut off: the error is smallest about there for 15 levels.
constexpr float kSpread = 2.8f;

int level_of(float x, float scale) {
    float level = std::nearbyint(x / scale);
    return static_cast<int>(level > 7 ? 7 : level < -7 ? -7 : level);
}

} // namespace

Coarse encode_coarse4(const float *rotated, uint32_t n, uint8_t *code) {
    float square = 0;
    for (uint32_t i = 0; i < n; ++i)
        square += rotated[i] * rotated[i];
    const float scale = square > 0 ? kSpread / 7 * std::sqrt(square / static_cast<float>(n)) : 1.0f;
    int sum = 0;
    for (uint32_t i = 0; i < n / 2; ++i) {
        int low = level_of(rotated[i], scale), high = level_of(rotated[i + n / 2], scale);
        code[i] = static_cast<uint8_t>((low & 15) | (high & 15) << 4);
        sum += low * low + high * high;
    }
    return Coarse{scale, scale * scale * static_cast<float>(sum)};
}

void unpack_coarse4(const uint8_t *code, uint32_t n, int8_t *out) {
    for (uint32_t i = 0; i < n / 2; ++i) {
        out[i] = static_cast<int8_t>(((code[i] & 15) ^ 8) - 8);
        out[i + n / 2] = static_cast<int8_t>(((code[i] >> 4) ^ 8) - 8);
    }
}

void place_coarse(float scale, const int8_t *code, const float *centre, uint32_t n, float *__restrict out) {
    for (uint32_t i = 0; i < n; ++i)
        out[i] = scale * static_cast<float>(code[i]) + centre[i];
}

} // namespace vecx::hnsw::inlined
