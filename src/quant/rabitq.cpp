// Codes, bounds and keys. See rabitq.hpp.
#include "quant/rabitq.hpp"

#include <cfloat>
#include <cmath>
#include <cstring>

#include "base/core_only.hpp"

namespace vecx::quant {

namespace {

// The step of a uniform quantiser of 2^bits levels that loses least of a standard normal variable (Max, "Quantizing for minimum
// distortion", 1960; table II): rotated coordinates are nearly normal. On disk: never change.
constexpr float kStep[kMaxBits + 1] = {0, 0, 0.9957f, 0.5860f, 0.3352f, 0.1881f, 0.1041f, 0.0569f, 0.0308f};
// Mean sine of the angle between a vector and its code, by bits.
constexpr float kMeanSine[kMaxBits + 1] = {0, 0.603f, 0.345f, 0.194f, 0.107f, 0.059f, 0.032f, 0.018f, 0.010f};

// Sums of doubles go to lanes in turns, for the compiler to vectorise: the same on every level, for this file is compiled
// for none of them.
constexpr uint32_t kLanes = 8;
double sum_lanes(const double *lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

bool usable(float x) { return x >= -0x1p120f && x <= 0x1p120f; }

constexpr int kTop = 63; // levels of a Sweep

// Levels of kLanes coordinates, for the compiler to vectorise. `low`: a byte for each, what the planes have of its level.
void encode_lanes(const float *x, const float *centre, float inverse, int half, uint8_t sign, uint8_t *low, double *along,
                  double *node, double *square) {
    float o[kLanes], c[kLanes];
    int v[kLanes];
    const float most = static_cast<float>(half - 1);
    for (uint32_t k = 0; k < kLanes; ++k) {
        c[k] = centre[k];
        o[k] = x[k] - c[k];
    }
    for (uint32_t k = 0; k < kLanes; ++k) {
        const float level = std::fabs(o[k]) * inverse;
        const int m = static_cast<int>(level < most ? level : most);
        const int negative = (sign & (1 << k)) != 0 ? 0 : -1; // all bits
        v[k] = ((2 * m + 1) ^ negative) - negative;
        low[k] = static_cast<uint8_t>((m ^ negative) & (half - 1)); // half - 1 - m
    }
    for (uint32_t k = 0; k < kLanes; ++k) {
        const double value = v[k];
        along[k] += value * static_cast<double>(o[k]);
        node[k] += value * static_cast<double>(c[k]);
        square[k] += value * value;
    }
}

// Bit `p` of 64 bytes: eight at a time, by a multiplication that moves bit 8 i to bit 56 + i.
uint64_t gather_plane(const uint8_t *low, int p) {
    uint64_t plane = 0;
    for (uint32_t i = 0; i < 64; i += 8) {
        uint64_t bytes = 0;
        for (uint32_t k = 0; k < 8; ++k)
            bytes |= static_cast<uint64_t>(low[i + k]) << (8 * k);
        plane |= (((bytes >> p) & 0x0101010101010101u) * 0x0102040810204080u >> 56) << i;
    }
    return plane;
}

} // namespace

Factors encode(Form form, const float *x, const float *centre, uint32_t n, int bits, uint64_t *signs, uint64_t *planes) {
    const kernels::KernelTable &table = *kernels::active;
    const uint32_t words = n / 64;
    const kernels::CodeSums sums = table.encode_f32(centre, x, words, signs);
    Factors f{};
    const bool fine = bits > 1;
    if (fine)
        memset(planes, 0, static_cast<size_t>(words) * 8 * static_cast<size_t>(bits - 1));
    // |o| too small or too large to compute with: the vector is taken for its centre, or has no bound.
    if (!(sums.square <= 0x1p120f))
        return Factors{.add = -FLT_MAX, .mul = 0, .fine_add = 0, .fine_mul = 0, .fine_error = FLT_MAX, .length = FLT_MAX};
    if (!(sums.square > 0x1p-120f) || !(sums.along > 0))
        return f;
    f.length = std::sqrt(sums.square);
    double centre_dot = 0; // <c, o>
    if (form == Form::ip) {
        double lanes[kLanes] = {};
        for (uint32_t i = 0; i < n; i += kLanes)
            for (uint32_t k = 0; k < kLanes; ++k)
                lanes[k] += static_cast<double>(centre[i + k]) * (static_cast<double>(x[i + k]) - static_cast<double>(centre[i + k]));
        centre_dot = sum_lanes(lanes);
    }
    auto factors = [&](double along, double node, float *add, float *mul) {
        const double s = static_cast<double>(sums.square) / along;
        const double a = form == Form::l2 ? static_cast<double>(sums.square) + 2 * s * node : s * node - centre_dot;
        *add = static_cast<float>(a);
        *mul = static_cast<float>(form == Form::l2 ? -2 * s : -s);
        if (!usable(*add) || !usable(*mul)) {
            *add = -FLT_MAX;
            *mul = 0;
        }
    };
    factors(static_cast<double>(sums.along), static_cast<double>(sums.node), &f.add, &f.mul);
    if (!fine)
        return f;

    const int half = 1 << (bits - 1);
    const float inverse = static_cast<float>(std::sqrt(static_cast<double>(n)) / (static_cast<double>(f.length) * static_cast<double>(kStep[bits])));
    double along[kLanes] = {}, node[kLanes] = {}, square[kLanes] = {};
    for (uint32_t w = 0; w < words; ++w) {
        alignas(8) uint8_t low[64];
        for (uint32_t i = 0; i < 64; i += kLanes)
            encode_lanes(x + 64 * w + i, centre + 64 * w + i, inverse, half, static_cast<uint8_t>(signs[w] >> i), low + i, along,
                         node, square);
        for (int p = 0; p < bits - 1; ++p)
            planes[static_cast<size_t>(p) * words + w] = gather_plane(low, p);
    }
    const double dot = sum_lanes(along), length2 = sum_lanes(square);
    if (!(dot > 0))
        return Factors{.add = f.add, .mul = f.mul, .fine_add = 0, .fine_mul = 0, .fine_error = FLT_MAX, .length = f.length};
    factors(dot, sum_lanes(node), &f.fine_add, &f.fine_mul);
    const double cosine2 = dot * dot / (length2 * static_cast<double>(sums.square));
    const double sine = std::sqrt(cosine2 < 1 ? 1 - cosine2 : 0);
    const double error = std::fabs(static_cast<double>(f.fine_mul)) * std::sqrt(length2) * sine / std::sqrt(static_cast<double>(n - 1));
    f.fine_error = error < static_cast<double>(FLT_MAX) && f.fine_mul != 0 ? static_cast<float>(error) : FLT_MAX;
    return f;
}

Query prepare(const float *rotated, uint32_t n, Arena &arena) {
    const kernels::KernelTable &table = *kernels::active;
    const uint32_t words = n / 64;
    uint8_t *room = arena.make_array<uint8_t>(64 + static_cast<size_t>(words) * (256 + 64 + 64));
    room += (64 - reinterpret_cast<uintptr_t>(room) % 64) % 64;
    uint8_t *tables = room;
    int8_t *weights = reinterpret_cast<int8_t *>(tables + 256 * static_cast<size_t>(words)), *bytes = weights + 64 * static_cast<size_t>(words);
    const float largest = table.largest_f32(rotated, n);
    // Vectors so large or so small that the arithmetic leaves the floats get bounds of no use, but finite ones.
    const bool sane = largest > 0x1p-100f && largest < 0x1p100f;
    Query query{};
    query.tables = tables;
    query.weights = weights;
    query.half_step = sane ? largest / static_cast<float>(kTop) : 1.0f;
    query.level_sum = table.prepare_sweep(rotated, 1.0f / query.half_step, words, tables, weights);
    query.bytes = bytes;
    query.byte_scale = sane ? largest / 127.0f : 1.0f;
    table.quantise_i8(rotated, 1.0f / query.byte_scale, bytes, n);
    for (uint32_t i = 0; i < n; ++i)
        query.byte_sum += bytes[i];
    return query;
}

void lower_bounds(const Query &query, const Bounds &bounds, uint32_t words, uint32_t groups, const uint64_t *codes,
                  const uint16_t *add, const uint16_t *mul, float *out) {
    // Rounding to levels two half steps apart, uniformly.
    const float n = 64.0f * static_cast<float>(words);
    const float noise = query.half_step * 0.57735f;
    const float spread = std::sqrt(bounds.reach * bounds.reach * kSine * kSine + noise * noise * n);
    kernels::Sweep sweep;
    sweep.tables = query.tables;
    sweep.weights = query.weights;
    sweep.level_sum = query.level_sum;
    sweep.words = words;
    sweep.groups = groups;
    // The kernel knows one scale: mul's goes into what is multiplied with it.
    sweep.base = bounds.centre_key;
    sweep.add_scale = bounds.add_scale;
    sweep.first = (query.half_step * static_cast<float>(kTop) * n + bounds.deviations * spread) * bounds.mul_scale;
    sweep.each = -2.0f * query.half_step * bounds.mul_scale;
    kernels::active->sweep(sweep, codes, add, mul, out);
}

float fine_key(const Query &query, float centre_key, uint32_t words, int bits, const uint64_t *signs, const uint8_t *planes,
               float fine_add, float fine_mul) {
    const kernels::KernelTable &table = *kernels::active;
    const int32_t top = table.plane_sum(query.bytes, reinterpret_cast<const uint8_t *>(signs), words, 1);
    const int32_t low = table.plane_sum(query.bytes, planes, words, static_cast<size_t>(bits - 1));
    const int64_t levels = 2 * ((static_cast<int64_t>(top) << (bits - 1)) + low) - ((int64_t{1} << bits) - 1) * query.byte_sum;
    return centre_key + fine_add + fine_mul * (query.byte_scale * static_cast<float>(levels));
}

float fine_error(const Query &query, uint32_t words, int bits, float reach, float factor) {
    const float n = 64.0f * static_cast<float>(words);
    const float noise = query.byte_scale * 0.28868f; // uniform, a step wide
    const float share = noise / kMeanSine[bits];
    return factor * std::sqrt(reach * reach + share * share * (n - 1));
}

} // namespace vecx::quant
