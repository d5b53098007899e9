// Codes, estimates and stored vectors. See codec.hpp.
#include "hnsw/inlined/codec.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/rng.hpp"
#include "types/element.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr uint64_t kRotationSeed = 0x76656378726f7461; // on disk: never change

// Sums are accumulated in at least this many float lanes by every kernel: a bound on their rounding.
double rounding(const Shape &shape) { return (shape.dim + 16.0) * 0x1p-23; }

// One pass of random signs over n coordinates, n a multiple of 64.
void flip_signs(float *x, uint32_t n, uint32_t round) {
    for (uint32_t w = 0; w < n / 64; ++w) {
        uint64_t signs = mix64(kRotationSeed + (static_cast<uint64_t>(round) << 32) + w);
        for (uint32_t i = 0; i < 64; ++i)
            if ((signs >> i) & 1)
                x[64 * w + i] = -x[64 * w + i];
    }
}

// The Hadamard matrix of order n (a power of two) times x, scaled to keep lengths.
void hadamard(float *x, uint32_t n) {
    for (uint32_t h = 1; h < n; h *= 2)
        for (uint32_t i = 0; i < n; i += 2 * h)
            for (uint32_t j = i; j < i + h; ++j) {
                float a = x[j], b = x[j + h];
                x[j] = a + b;
                x[j + h] = a - b;
            }
    float scale = 1.0f / std::sqrt(static_cast<float>(n));
    for (uint32_t i = 0; i < n; ++i)
        x[i] *= scale;
}

// Turns each pair (x[i], x[i + n / 2]) by 45 degrees: what joins the halves that hadamard treats apart.
void kac(float *x, uint32_t n) {
    constexpr float kHalfRoot = 0.70710678f;
    for (uint32_t i = 0; i < n / 2; ++i) {
        float a = x[i], b = x[i + n / 2];
        x[i] = (a + b) * kHalfRoot;
        x[i + n / 2] = (a - b) * kHalfRoot;
    }
}

// The quantised coordinates of a query are kTop - 2 * level half steps away from 0, below or above.
constexpr int kTop = (1 << kQueryBits) - 1;
static_assert(kQueryBits == 6, "what kernels::Sweep says of its forms");

// Query::planes: the tables and the weights of a kernels::Sweep, then its level_sum.
constexpr size_t kSweepTables = 256, kSweepWeights = 64; // bytes a word
constexpr size_t kSweepBytes = kSweepTables + kSweepWeights;

void fill_sweep(const uint8_t *levels, size_t words, uint8_t *out) {
    uint8_t *table = out;
    int8_t *weights = reinterpret_cast<int8_t *>(out + kSweepTables * words);
    uint32_t sum = 0;
    for (size_t w = 0; w < words; ++w, table += kSweepTables, weights += kSweepWeights)
        for (size_t i = 0; i < 64; ++i) {
            uint8_t level = levels[64 * w + i];
            sum += level;
            weights[8 * (i % 8) + i / 8] = static_cast<int8_t>(kTop - 2 * level);
            if (i % 4 == 0) {
                uint8_t *entries = table + (i % 8 == 0 ? 0 : 128) + i / 8 * 16;
                for (uint32_t bits = 0; bits < 16; ++bits) {
                    uint32_t entry = 0;
                    for (size_t k = 0; k < 4; ++k) {
                        uint32_t l = levels[64 * w + i + k];
                        entry += (bits >> k) & 1 ? static_cast<uint32_t>(kTop) - l : l;
                    }
                    entries[bits] = static_cast<uint8_t>(entry);
                }
            }
        }
    memcpy(out + kSweepBytes * words, &sum, sizeof sum);
}

float code_scale(const Shape &shape) {
    return std::sqrt(static_cast<float>(shape.rotated_dim()) / static_cast<float>(shape.code_bits()));
}

} // namespace

void widen(const Shape &shape, Payload payload, float *out) {
    size_t n = static_cast<size_t>(shape.dim);
    switch (shape.type) {
    case ElementType::f32:
        memcpy(out, payload.bytes, n * sizeof(float));
        break;
    case ElementType::f16:
        types::F16::widen_all(reinterpret_cast<const uint16_t *>(payload.bytes), out, n);
        break;
    case ElementType::bf16:
        types::BF16::widen_all(reinterpret_cast<const uint16_t *>(payload.bytes), out, n);
        break;
    default:
        types::I8::widen_all(reinterpret_cast<const int8_t *>(payload.bytes), out, n);
    }
}

float norm_of(const Shape &shape, const float *x) {
    double sum = 0;
    for (int32_t i = 0; i < shape.dim; ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return static_cast<float>(std::sqrt(sum));
}

void to_geometry(const Shape &shape, const float *x, float norm, float *out) {
    float factor = shape.metric == Metric::cosine && norm > 0 ? 1.0f / norm : 1.0f;
    for (int32_t i = 0; i < shape.dim; ++i)
        out[i] = x[i] * factor;
}

void rotate(const Shape &shape, const float *in, float *out) {
    uint32_t n = shape.rotated_dim();
    memcpy(out, in, static_cast<size_t>(shape.dim) * sizeof(float));
    memset(out + shape.dim, 0, (n - static_cast<uint32_t>(shape.dim)) * sizeof(float));
    uint32_t power = std::bit_floor(n);
    for (uint32_t round = 0; round < 4; ++round) {
        flip_signs(out, n, round);
        hadamard(round % 2 == 0 ? out : out + (n - power), power);
        if (power != n)
            kac(out, n);
    }
}

Query prepare_query(const Shape &shape, Payload payload, Arena &arena) {
    Query query{};
    float *value = arena.make_array<float>(static_cast<size_t>(shape.dim));
    widen(shape, payload, value);
    query.payload = payload;
    query.value = value;
    query.norm = norm_of(shape, value);
    if (shape.code_words == 0)
        return query;
    uint32_t n = shape.rotated_dim(), bits = shape.code_bits();
    float *rotated = arena.make_array<float>(n);
    float *geometric = arena.make_array<float>(static_cast<size_t>(shape.dim));
    to_geometry(shape, value, query.norm, geometric);
    rotate(shape, geometric, rotated);
    float scale = code_scale(shape), largest = 0;
    for (uint32_t i = 0; i < bits; ++i) {
        rotated[i] *= scale;
        largest = std::fmax(largest, std::fabs(rotated[i]));
    }
    query.half_step = largest > 0 && std::isfinite(largest) ? largest / kTop : 1.0f;
    uint8_t *levels = arena.make_array<uint8_t>(bits);
    for (uint32_t i = 0; i < bits; ++i) {
        float level = std::nearbyint((rotated[i] / query.half_step + kTop) / 2);
        levels[i] = static_cast<uint8_t>(level > 0 ? level < kTop ? level : kTop : 0);
    }
    uint8_t *raw = arena.make_array<uint8_t>(shape.code_words * kSweepBytes + 64 + sizeof(uint32_t));
    uint8_t *aligned = raw + (64 - reinterpret_cast<uintptr_t>(raw) % 64) % 64;
    fill_sweep(levels, shape.code_words, aligned);
    query.planes = reinterpret_cast<const uint64_t *>(aligned);
    return query;
}

void encode_own(const Shape &shape, const float *x, uint8_t *own, Head *head) {
    const uint32_t n = static_cast<uint32_t>(shape.dim);
    float largest = 0;
    for (uint32_t i = 0; i < n; ++i)
        largest = std::fmax(largest, std::fabs(x[i]));
    head->norm = norm_of(shape, x);
    memset(own, 0, shape.own_size());
    double lost = 0;
    if (shape.own == OwnKind::f16) {
        // The largest comes to 2^13 up to 2^14.
        float scale = largest > 0 ? std::ldexp(1.0f, std::max(std::ilogb(largest) - 13, -126)) : 1.0f;
        uint16_t *out = reinterpret_cast<uint16_t *>(own);
        for (uint32_t i = 0; i < n; ++i) {
            out[i] = float_to_f16(x[i] / scale);
            double d = static_cast<double>(x[i]) - static_cast<double>(f16_to_float(out[i]) * scale);
            lost += d * d;
        }
        head->own_scale = scale;
    } else {
        bool whole = shape.type == ElementType::i8;
        float scale = whole ? 1.0f : largest > 0 ? largest / 127.0f : 1.0f;
        int8_t *out = reinterpret_cast<int8_t *>(own);
        for (uint32_t i = 0; i < n; ++i) {
            float level = std::nearbyint(x[i] / scale);
            out[i] = static_cast<int8_t>(level > 127 ? 127 : level < -128 ? -128 : level);
            double d = static_cast<double>(x[i]) - static_cast<double>(scale) * out[i];
            lost += d * d;
        }
        head->own_scale = scale;
    }
    head->own_error = lost > 0 ? static_cast<float>(std::sqrt(lost) * (1 + 1e-5)) : 0.0f;
}

void decode_own(const Shape &shape, const Head &head, const uint8_t *own, float *out) {
    const uint32_t n = static_cast<uint32_t>(shape.dim);
    if (shape.own == OwnKind::f16)
        types::F16::widen_all(reinterpret_cast<const uint16_t *>(own), out, n);
    else
        types::I8::widen_all(reinterpret_cast<const int8_t *>(own), out, n);
    for (uint32_t i = 0; i < n; ++i)
        out[i] *= head.own_scale;
}

float own_key(const Shape &shape, const Query &query, const Head &head, const uint8_t *own) {
    const kernels::KernelTable &table = *kernels::active;
    const size_t n = static_cast<size_t>(shape.dim);
    const uint16_t *halves = reinterpret_cast<const uint16_t *>(own);
    const int8_t *bytes = reinterpret_cast<const int8_t *>(own);
    if (shape.metric == Metric::l2)
        return shape.own == OwnKind::f16 ? table.l2sq_f32_f16(query.value, halves, head.own_scale, n)
                                         : table.l2sq_f32_i8(query.value, bytes, head.own_scale, n);
    float dot = shape.own == OwnKind::f16 ? table.dot_f32_f16(query.value, halves, head.own_scale, n)
                                          : table.dot_f32_i8(query.value, bytes, head.own_scale, n);
    return shape.metric == Metric::ip ? -dot : 1.0f - dot / (query.norm * head.norm);
}

Interval exact_interval(const Shape &shape, const Query &query, const Head &head, float key) {
    const double error = static_cast<double>(head.own_error), norm = static_cast<double>(head.norm);
    const double q = static_cast<double>(query.norm), k = static_cast<double>(key);
    if (shape.metric == Metric::l2) {
        double d = std::sqrt(k), slack = error + d * rounding(shape);
        return {d > slack ? d - slack : 0.0, d + slack};
    }
    double slack = q * error + q * norm * rounding(shape);
    if (shape.metric == Metric::ip)
        return {k - slack, k + slack};
    slack = q > 0 && norm > 0 ? slack / (q * norm) : 2.0;
    return {k > slack ? k - slack : 0.0, k + slack};
}

void encode_neighbour(const Shape &shape, const Placed &node, const Placed &neighbour, float distance2, float *add,
                      float *mul, uint64_t *code) {
    const float scale = code_scale(shape);
    double square = 0, along = 0, node_along = 0; // |o|^2, <o, b>, <r(p), b>
    for (uint32_t w = 0; w < shape.code_words; ++w) {
        uint64_t word = 0;
        for (uint32_t i = 0; i < 64; ++i) {
            float p = node.rotated[64 * w + i] * scale, o = neighbour.rotated[64 * w + i] * scale - p;
            square += static_cast<double>(o) * static_cast<double>(o);
            along += static_cast<double>(std::fabs(o));
            bool positive = o > 0;
            node_along += static_cast<double>(positive ? p : -p);
            word |= static_cast<uint64_t>(positive) << i;
        }
        code[w] = word;
    }
    double s0 = along > 0 ? square / along : 0;
    // <p, x - p> from the lengths of the triangle.
    double inner = (static_cast<double>(neighbour.norm2) - static_cast<double>(node.norm2) - static_cast<double>(distance2)) / 2;
    double a, m;
    if (shape.metric == Metric::ip) {
        a = -inner + s0 * node_along;
        m = -s0;
    } else {
        a = static_cast<double>(distance2) + 2 * s0 * node_along;
        m = -2 * s0;
        if (shape.metric == Metric::cosine) {
            a /= 2;
            m /= 2;
        }
    }
    *add = static_cast<float>(a);
    *mul = static_cast<float>(m);
}

float neighbour_distance(const Shape &shape, float mul) {
    // <o, b> is close to |o| sqrt(2 bits / pi), so S0 to |o| / that root.
    float s0 = std::fabs(mul) / (shape.metric == Metric::l2 ? 2.0f : 1.0f);
    return s0 * std::sqrt(2.0f * static_cast<float>(shape.code_bits()) / 3.14159265f);
}

void estimate(const Shape &shape, const Query &query, const NodeView &node, float key, float *out) {
    const uint8_t *forms = reinterpret_cast<const uint8_t *>(query.planes);
    const size_t words = shape.code_words;
    kernels::Sweep sweep;
    sweep.tables = forms;
    sweep.weights = reinterpret_cast<const int8_t *>(forms + kSweepTables * words);
    memcpy(&sweep.level_sum, forms + kSweepBytes * words, sizeof sweep.level_sum);
    sweep.words = shape.code_words;
    sweep.groups = node.head->places / kGroup;
    sweep.base = key;
    sweep.add_scale = node.head->add_scale;
    // <r(q), b> = half_step * (kTop * code_bits - 2 sum)
    const float step = query.half_step * node.head->mul_scale;
    sweep.first = step * static_cast<float>(kTop) * static_cast<float>(shape.code_bits());
    sweep.each = -2 * step;
    kernels::active->sweep(sweep, node.codes, node.add, node.mul, out);
}

uint64_t payload_hash(Payload payload) {
    uint64_t hash = mix64(payload.size);
    for (uint32_t i = 0; i < payload.size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, payload.bytes + i, payload.size - i < 8 ? payload.size - i : 8);
        hash = mix64(hash ^ word);
    }
    return hash;
}

Coarse encode_coarse(const Shape &shape, const float *rotated, int8_t *code) {
    const uint32_t n = shape.rotated_dim();
    float largest = 0;
    for (uint32_t i = 0; i < n; ++i)
        largest = std::fmax(largest, std::fabs(rotated[i]));
    Coarse out{largest > 0 ? largest / 127.0f : 1.0f, 0};
    for (uint32_t i = 0; i < n; ++i)
        code[i] = static_cast<int8_t>(std::nearbyint(rotated[i] / out.scale));
    out.norm2 = out.scale * out.scale * static_cast<float>(kernels::active->dot_i8(code, code, n));
    return out;
}

void decode_coarse(const Shape &shape, Coarse coarse, const int8_t *code, float *rotated) {
    for (uint32_t i = 0; i < shape.rotated_dim(); ++i)
        rotated[i] = coarse.scale * static_cast<float>(code[i]);
}

float coarse_distance2(const Shape &shape, Coarse a, const int8_t *x, Coarse b, const int8_t *y) {
    float inner = a.scale * b.scale * static_cast<float>(kernels::active->dot_i8(x, y, shape.rotated_dim()));
    float d = a.norm2 + b.norm2 - 2 * inner;
    return d > 0 ? d : 0;
}

float coarse_key(const Shape &shape, Coarse a, const int8_t *x, Coarse b, const int8_t *y) {
    if (shape.metric == Metric::ip)
        return -a.scale * b.scale * static_cast<float>(kernels::active->dot_i8(x, y, shape.rotated_dim()));
    float d = coarse_distance2(shape, a, x, b, y);
    return shape.metric == Metric::cosine ? d / 2 : d;
}

} // namespace vecx::hnsw::inlined
