// Codes, estimates and stored vectors. See codec.hpp.
#include "hnsw/inlined/codec.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.hpp"
#include "quant/rotation.hpp"
#include "types/element.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr int kTop = (1 << kQueryBits) - 1;
static_assert(kQueryBits == 6, "as kernels::Sweep has it");

// Query::planes: the tables and the weights of a kernels::Sweep, then its level_sum.
constexpr size_t kSweepTables = 256, kSweepWeights = 64; // bytes a word
constexpr size_t kSweepBytes = kSweepTables + kSweepWeights;

// Sums of doubles go to lanes in turns, for the compiler to vectorise: the same on every level, since this file is
// compiled for none of them.
constexpr size_t kLanes = 8;

double sum_lanes(const double *lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Adds |x - y|^2 of n elements.
void add_squares(const float *x, const float *y, size_t n, double *lanes) {
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
        for (size_t k = 0; k < kLanes; ++k) {
            double d = static_cast<double>(x[i + k]) - static_cast<double>(y[i + k]);
            lanes[k] += d * d;
        }
    for (size_t k = 0; i < n; ++i, ++k) {
        double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        lanes[k] += d * d;
    }
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
    const size_t n = static_cast<size_t>(shape.dim);
    double lanes[kLanes] = {};
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
        for (size_t k = 0; k < kLanes; ++k)
            lanes[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
    for (size_t k = 0; i < n; ++i, ++k)
        lanes[k] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return static_cast<float>(std::sqrt(sum_lanes(lanes)));
}

void to_geometry(const Shape &shape, const float *x, float norm, float *out) {
    float factor = shape.metric == Metric::cosine && norm > 0 ? 1.0f / norm : 1.0f;
    for (int32_t i = 0; i < shape.dim; ++i)
        out[i] = x[i] * factor;
}

void rotate(const Shape &shape, const float *in, float *out) { quant::rotate(in, shape.dim, out); }

Query prepare_query(const Shape &shape, Payload payload, Arena &arena) {
    const kernels::KernelTable &table = *kernels::active;
    const size_t dim = static_cast<size_t>(shape.dim), n = shape.rotated_dim(), words = shape.code_words;
    // value, rotated and the forms of the sweep, each from a multiple of 64 bytes on.
    const size_t value_size = (dim * sizeof(float) + 63) & ~size_t{63}, rotated_size = words > 0 ? n * sizeof(float) : 0;
    uint8_t *room = arena.make_array<uint8_t>(64 + value_size + rotated_size + words * kSweepBytes + 8);
    room += (64 - reinterpret_cast<uintptr_t>(room) % 64) % 64;
    float *value = reinterpret_cast<float *>(room);
    Query query{};
    query.payload = payload;
    query.value = value;
    widen(shape, payload, value);
    query.norm = norm_of(shape, value);
    if (words == 0)
        return query;
    float *rotated = reinterpret_cast<float *>(room + value_size);
    uint8_t *forms = room + value_size + rotated_size;
    if (shape.metric == Metric::cosine) {
        float *geometric = arena.make_array<float>(dim);
        to_geometry(shape, value, query.norm, geometric);
        rotate(shape, geometric, rotated);
    } else {
        rotate(shape, value, rotated);
    }
    const float largest = table.largest_f32(rotated, shape.code_bits());
    // Vectors so large or so small that the arithmetic leaves the floats get estimates of no use, but finite ones.
    const bool sane = largest > 0x1p-100f && largest < 0x1p100f;
    const float step = sane ? largest / static_cast<float>(kTop) : 1.0f;
    query.half_step = step * code_scale(shape);
    uint32_t level_sum = table.prepare_sweep(rotated, 1.0f / step, words, forms,
                                             reinterpret_cast<int8_t *>(forms + kSweepTables * words));
    memcpy(forms + kSweepBytes * words, &level_sum, sizeof level_sum);
    query.planes = reinterpret_cast<const uint64_t *>(forms);
    return query;
}

void encode_own(const Shape &shape, const float *x, uint8_t *own, Head *head) {
    const kernels::KernelTable &table = *kernels::active;
    const size_t n = static_cast<size_t>(shape.dim);
    const bool half = shape.own == OwnKind::f16, whole = shape.own == OwnKind::i8 && shape.type == ElementType::i8;
    const float largest = table.largest_f32(x, n);
    float scale = 1.0f;
    if (half && largest > 0) // the largest comes to 2^13 up to 2^14
        scale = std::ldexp(1.0f, std::max(std::ilogb(largest) - 13, -126));
    else if (!half && !whole && largest > 127 * FLT_MIN)
        scale = largest / 127.0f;
    const float inverse = 1.0f / scale;
    memset(own, 0, shape.own_size());
    double lost[kLanes] = {};
    float block[types::kBlock];
    for (size_t i = 0; i < n; i += types::kBlock) {
        const size_t count = n - i < types::kBlock ? n - i : types::kBlock;
        if (half) {
            uint16_t *out = reinterpret_cast<uint16_t *>(own) + i;
            for (size_t k = 0; k < count; ++k)
                block[k] = x[i + k] * inverse;
            table.f32_to_f16(block, out, count);
            table.f16_to_f32(out, block, count);
        } else {
            int8_t *out = reinterpret_cast<int8_t *>(own) + i;
            table.quantise_i8(x + i, inverse, out, count);
            for (size_t k = 0; k < count; ++k) {
                if (whole && x[i + k] < -127.0f)
                    out[k] = -128;
                block[k] = out[k];
            }
        }
        for (size_t k = 0; k < count; ++k)
            block[k] *= scale;
        add_squares(x + i, block, count, lost);
    }
    const double sum = sum_lanes(lost);
    head->norm = norm_of(shape, x);
    head->own_scale = scale;
    head->own_error = sum > 0 ? static_cast<float>(std::sqrt(sum) * (1 + 1e-5)) + FLT_MIN : 0.0f;
}

void decode_own(const Shape &shape, const Head &head, const uint8_t *own, float *out) {
    const size_t n = static_cast<size_t>(shape.dim);
    if (shape.own == OwnKind::f16)
        types::F16::widen_all(reinterpret_cast<const uint16_t *>(own), out, n);
    else
        types::I8::widen_all(reinterpret_cast<const int8_t *>(own), out, n);
    for (size_t i = 0; i < n; ++i)
        out[i] *= head.own_scale;
}

namespace {

// Whether query and stored vector are both int8 elements, so that sums are exact integers.
bool both_int8(const Shape &shape) { return shape.type == ElementType::i8 && shape.own == OwnKind::i8; }

constexpr double kUnit = 0x1p-24; // the most that one rounding to float changes, relatively

// How many roundings a term of a sum over n products meets on its way through a kernel of this level, each at most kUnit.
// A SIMD kernel adds to `accumulators` registers of L lanes, each of which gets every accumulators * L th element and
// at most one more; then come the registers' sum and log2 L halvings. The scalar ones have one lane. Each product is
// rounded too, where it is not fused.
double roundings(size_t n, uint32_t accumulators, kernels::Level level) {
    uint32_t log_lanes = 2; // SSE and NEON
    switch (level) {
    case kernels::Level::scalar:
        return static_cast<double>(n) + 1;
    case kernels::Level::avx2:
        log_lanes = 3;
        break;
    case kernels::Level::avx512:
        log_lanes = 4;
        break;
    default:
        break;
    }
    return static_cast<double>(n / (accumulators << log_lanes) + 2 + accumulators / 2 + log_lanes);
}

// (1 + kUnit)^k - 1 and 1 - (1 - kUnit)^k are at most this (Higham, "Accuracy and Stability of Numerical Algorithms",
// lemma 3.1); k * kUnit is below 0.001 here.
double gamma(double k) { return k * kUnit / (1 - k * kUnit); }

constexpr double kMaxFloat = 0x1.fffffep127;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The intervals are computed in double: a few roundings of 2^-53 in each end.
constexpr double kWiden = 0x1p-48;

} // namespace

float own_key(const Shape &shape, const Query &query, const Head &head, const uint8_t *own) {
    const kernels::KernelTable &table = *kernels::active;
    const size_t n = static_cast<size_t>(shape.dim);
    const uint16_t *halves = reinterpret_cast<const uint16_t *>(own);
    const int8_t *bytes = reinterpret_cast<const int8_t *>(own);
    const int8_t *query_bytes = reinterpret_cast<const int8_t *>(query.payload.bytes);
    float key;
    if (shape.metric == Metric::l2) {
        key = both_int8(shape)             ? static_cast<float>(table.l2sq_i8(query_bytes, bytes, n))
              : shape.own == OwnKind::f16 ? table.l2sq_f32_f16(query.value, halves, head.own_scale, n)
                                          : table.l2sq_f32_i8(query.value, bytes, head.own_scale, n);
    } else {
        float dot = both_int8(shape)             ? static_cast<float>(table.dot_i8(query_bytes, bytes, n))
                    : shape.own == OwnKind::f16 ? table.dot_f32_f16(query.value, halves, head.own_scale, n)
                                                : table.dot_f32_i8(query.value, bytes, head.own_scale, n);
        key = shape.metric == Metric::ip ? -dot : 1.0f - dot / (query.norm * head.norm);
    }
    // Not a number: a zero vector under cosine, or infinities of both signs. Last, as SQL sorts it.
    return key == key ? key : std::numeric_limits<float>::infinity();
}

// Let x be the exact vector, y the stored one, |x - y| <= e; S the sum that SQL's kernel computes from q and x, T ours
// from q and y; u = kUnit, g = gamma of the roundings of a term, those of its factors included.
//
// Squared distances have no negative terms, so S lies within |q - x|^2 (1 +- g), give or take what underflows: at most
// n 2^-149. So does T with |q - y|^2, and |q - y| within |q - x| +- e. Where a product scale * h is rounded before it is
// subtracted, y is another vector, at most u |y| away (n 2^-149 when it underflows), which goes to e. Each difference is
// rounded before it is squared: two more.
//
// Inner products: S is within <q, x> +- g sum |q_i x_i|, which is at most g |q| |x|; T within <q, y> +- g |q| |y|; and
// |<q, x - y>| <= |q| e.
//
// Cosine: 1 - S / sqrt(A B), A and B the sums of squares with the same g: the quotient is off by at most 2 g / (1 - g),
// and clamping brings it nearer. Ours: norms, their product, the quotient and the difference are rounded: 6 u, and a
// hundredth of u for the products of errors.
//
// Where nothing was lost and the types are float or binary16, the mixed kernel has the same numbers in the same lanes as
// SQL's kernel (floats.inl.hpp and mixed.inl.hpp), so that T = S to the bit. The kernels are those of the level in force:
// vecx.simd must not change between this and SQL's own computation.
Interval exact_interval(const Shape &shape, const Query &query, const Head &head, float key) {
    const size_t n = static_cast<size_t>(shape.dim);
    const kernels::Level level = kernels::active->level;
    const double q = static_cast<double>(query.norm) * (1 + 2 * kUnit), t = static_cast<double>(key);
    const double x = static_cast<double>(head.norm) * (1 + 2 * kUnit), tiny = static_cast<double>(n) * 0x1p-149;
    const bool integers = both_int8(shape);
    const bool lossless = head.own_error == 0.0f;
    // Products of the scale and 11 bits are exact from 2^-102 on; a scale that is not a power of two rounds.
    const bool product_exact = integers || (shape.own == OwnKind::f16 && head.own_scale >= 0x1p-100f);
    const bool same_sum = (lossless && product_exact && shape.own == OwnKind::f16 &&
                           (shape.type == ElementType::f32 || shape.type == ElementType::f16)) ||
                          (integers && lossless && std::fabs(t) < 0x1p24);
    double e = static_cast<double>(head.own_error);
    if (!product_exact)
        e += kUnit * (x + e) * (1 + 1e-6) + tiny;

    if (shape.metric == Metric::l2) {
        const double far = q + x + e;
        // Nothing may be said of sums that may overflow.
        if (!(far * far < kMaxFloat / 2) || !std::isfinite(t))
            return {0, kInfinity};
        if (same_sum)
            return {std::sqrt(t), std::sqrt(t)};
        const double ours = integers ? gamma(1) : gamma(roundings(n, 4, level) + 2);
        const double theirs = shape.type == ElementType::i8 ? 0 : gamma(roundings(n, 4, level) + 2);
        double low = std::sqrt(std::max(0.0, (t - tiny) / (1 + ours))) * (1 - kWiden) - e;
        double high = std::sqrt((t + tiny) / (1 - ours)) * (1 + kWiden) + e;
        low = low > 0 ? std::sqrt(std::max(0.0, low * low * (1 - theirs) - tiny)) : 0.0;
        high = std::sqrt(high * high * (1 + theirs) + tiny);
        return {low * (1 - kWiden), high * (1 + kWiden)};
    }

    const double product = q * (x + e);
    if (shape.metric == Metric::ip) {
        if (!(product < kMaxFloat / 2) || !std::isfinite(t))
            return {-kInfinity, kInfinity};
        if (same_sum)
            return {t, t};
        const double ours = integers ? gamma(1) : gamma(roundings(n, 4, level) + 1);
        const double theirs = shape.type == ElementType::i8 ? 0 : gamma(roundings(n, 4, level));
        const double slack = (q * e + (ours + theirs) * product + 2 * tiny) * (1 + kWiden) + std::fabs(t) * kWiden;
        return {t - slack, t + slack};
    }
    // Sums of squares must neither overflow nor come near what underflows.
    const auto sane = [](double norm) { return norm > 0x1p-40 && norm < 0x1p62; };
    if (!sane(q) || !sane(x) || !std::isfinite(t))
        return {0, kInfinity};
    const double ours = integers ? gamma(1) : gamma(roundings(n, 4, level) + 1);
    const double theirs = shape.type == ElementType::i8 ? 0 : gamma(roundings(n, 2, level));
    const double lost = e / (static_cast<double>(head.norm) * (1 - 2 * kUnit));
    const double slack = lost + (ours + 6.01 * kUnit) * (1 + lost) + 2 * theirs / (1 - theirs) + kWiden;
    // SQL's cosine distances are from 0 to 2.
    return {std::min(std::max(t - slack, 0.0), 2.0), std::min(std::max(t + slack, 0.0), 2.0)};
}

namespace {

// add and mul from the sums of a code, which are of coordinates that code_scale() has not been applied to.
void factors_of(const Shape &shape, const kernels::CodeSums &sums, float node_norm2, float neighbour_norm2,
                float distance2, float *add, float *mul) {
    const double scale = static_cast<double>(code_scale(shape)), along = static_cast<double>(sums.along);
    const double s0 = along > 0 ? scale * static_cast<double>(sums.square) / along : 0;
    const double turn = s0 * scale * static_cast<double>(sums.node); // S0 <r(p), b>
    const double d2 = static_cast<double>(distance2);
    double a, m;
    if (shape.metric == Metric::ip) {
        // <p, x - p> from the lengths of the triangle.
        double inner = (static_cast<double>(neighbour_norm2) - static_cast<double>(node_norm2) - d2) / 2;
        a = -inner + turn;
        m = -s0;
    } else {
        a = d2 + 2 * turn;
        m = -2 * s0;
        if (shape.metric == Metric::cosine) {
            a /= 2;
            m /= 2;
        }
    }
    *add = static_cast<float>(a);
    *mul = static_cast<float>(m);
}

} // namespace

void encode_neighbour(const Shape &shape, const Placed &node, const Placed &neighbour, float distance2, float *add,
                      float *mul, uint64_t *code) {
    kernels::CodeSums sums = kernels::active->encode_f32(node.rotated, neighbour.rotated, shape.code_words, code);
    factors_of(shape, sums, node.norm2, neighbour.norm2, distance2, add, mul);
}

void encode_neighbour_coarse(const Shape &shape, Coarse node, const int8_t *node_code, Coarse neighbour,
                             const int8_t *neighbour_code, float distance2, float *add, float *mul, uint64_t *code) {
    kernels::CodeSums sums = kernels::active->encode_i8(node_code, node.scale, neighbour_code, neighbour.scale,
                                                        shape.code_words, code);
    factors_of(shape, sums, node.norm2, neighbour.norm2, distance2, add, mul);
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

// Four chains of words, for a mix64 takes long and may overlap others.
uint64_t payload_hash(Payload payload) {
    uint64_t lanes[4] = {payload.size, 1, 2, 3};
    const uint8_t *p = payload.bytes;
    uint32_t left = payload.size;
    for (; left >= 32; p += 32, left -= 32)
        for (size_t i = 0; i < 4; ++i) {
            uint64_t word;
            memcpy(&word, p + 8 * i, 8);
            lanes[i] = mix64(lanes[i] ^ word);
        }
    for (size_t i = 0; left > 0; ++i) {
        const uint32_t count = left < 8 ? left : 8;
        uint64_t word = 0;
        memcpy(&word, p, count);
        lanes[i] = mix64(lanes[i] ^ word);
        p += count;
        left -= count;
    }
    return mix64(mix64(mix64(lanes[0]) ^ lanes[1]) ^ mix64(mix64(lanes[2]) ^ lanes[3]));
}

Coarse encode_coarse(const Shape &shape, const float *rotated, int8_t *code) {
    const kernels::KernelTable &table = *kernels::active;
    const size_t n = shape.rotated_dim();
    const float largest = table.largest_f32(rotated, n);
    const bool sane = largest > 0x1p-100f && largest < 0x1p100f; // else all codes are 0 or at their ends
    Coarse out{sane ? largest / 127.0f : 1.0f, 0};
    table.quantise_i8(rotated, 1.0f / out.scale, code, n);
    out.norm2 = out.scale * out.scale * static_cast<float>(table.dot_i8(code, code, n));
    return out;
}

void decode_coarse(const Shape &shape, Coarse coarse, const int8_t *code, float *rotated) {
    for (size_t i = 0, n = shape.rotated_dim(); i < n; ++i)
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
