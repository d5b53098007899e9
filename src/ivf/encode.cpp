// Rows and centroids as they are stored. See encode.hpp.
#include "ivf/encode.hpp"

#include <cfloat>
#include <cmath>
#include <cstring>

#include "types/element.hpp"

#include "base/core_only.hpp"

namespace vecx::ivf {

namespace {

void widen(const Shape &shape, Payload payload, float *out) {
    const size_t n = static_cast<size_t>(shape.dim);
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
    case ElementType::i8:
        types::I8::widen_all(reinterpret_cast<const int8_t *>(payload.bytes), out, n);
        break;
    default: // PostgreSQL's bit strings: the first bit is the highest of its byte
        for (size_t i = 0; i < n; ++i)
            out[i] = static_cast<float>((payload.bytes[i / 8] >> (7 - i % 8)) & 1);
    }
}

// In lanes of double, the same on every level.
double square_sum(const float *x, size_t n) {
    constexpr size_t kLanes = 8;
    double lanes[kLanes] = {};
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
        for (size_t k = 0; k < kLanes; ++k)
            lanes[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
    for (size_t k = 0; i < n; ++i, ++k)
        lanes[k] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

constexpr float kLargest = 0x1p100f; // coordinates beyond are clamped: what clusters must stay finite

} // namespace

const uint8_t *row_payload(const Shape &shape, const uint8_t *row) {
    return row + sizeof(RowHead) + shape.code_size();
}

void to_geometry(const Shape &shape, Payload payload, float *out) {
    const size_t n = static_cast<size_t>(shape.dim);
    widen(shape, payload, out);
    float factor = 1.0f;
    if (shape.metric == Metric::cosine) {
        const double norm2 = square_sum(out, n);
        factor = norm2 > 0 ? static_cast<float>(1.0 / std::sqrt(norm2)) : 1.0f;
    }
    for (size_t i = 0; i < n; ++i) {
        float x = out[i] * factor;
        x = x < kLargest ? x : kLargest;
        out[i] = x > -kLargest ? x : -kLargest;
    }
}

RowEncoder::RowEncoder(const Shape &shape, const float *mean, Arena &arena, const quant::Codebook *book)
    : shape_(shape), mean_(mean), book_(book), geometry_(arena.make_array<float>(static_cast<size_t>(shape.dim))),
      rotated_(arena.make_array<float>(shape.centroid_dim())), centre_(arena.make_array<float>(shape.centroid_dim())),
      scratch_(book != nullptr ? arena.make_array<float>(shape.centroid_dim()) : nullptr) {}

void RowEncoder::place(Payload payload) {
    to_geometry(shape_, payload, geometry_);
    place_geometry(geometry_);
}

void RowEncoder::place_geometry(const float *coordinates) {
    for (int32_t i = 0; i < shape_.dim; ++i)
        geometry_[i] = mean_ != nullptr ? coordinates[i] - mean_[i] : coordinates[i];
    quant::rotate(geometry_, shape_.dim, rotated_);
}

void RowEncoder::place_rotated(const float *rotated) { memcpy(rotated_, rotated, shape_.centroid_dim() * sizeof(float)); }

void RowEncoder::encode(const CentroidHead &centroid, const int8_t *code, Payload payload, uint8_t *row) {
    const uint32_t n = shape_.centroid_dim();
    RowHead head{};
    decode_centroid(shape_, centroid, code, centre_);
    const quant::Form form = shape_.metric == Metric::ip ? quant::Form::ip : quant::Form::l2;
    if (shape_.learnt()) {
        uint8_t *out = row + sizeof(RowHead);
        memset(out, 0, shape_.code_size());
        head.factors = quant::encode_learnt(form, rotated_, centre_, *book_, scratch_, out);
    } else if (shape_.coded()) {
        uint64_t *signs = reinterpret_cast<uint64_t *>(row + sizeof(RowHead));
        head.factors = quant::encode(form, rotated_, centre_, n, shape_.bits, signs, signs + shape_.words);
    } else {
        for (uint32_t i = 0; i < n; ++i)
            centre_[i] = rotated_[i] - centre_[i];
        head.factors.length = static_cast<float>(std::sqrt(square_sum(centre_, n)));
    }
    memcpy(row, &head, sizeof head);
    if (!shape_.coded() || shape_.rerank == RerankKind::index) {
        uint8_t *out = row + (row_payload(shape_, row) - row);
        memcpy(out, payload.bytes, shape_.payload_size);
        memset(out + shape_.payload_size, 0, (8 - shape_.payload_size % 8) % 8);
    }
}

void encode_centroid(const Shape &shape, const float *rotated, CentroidHead *head, int8_t *code) {
    const kernels::KernelTable &table = *kernels::active;
    const uint32_t n = shape.centroid_dim();
    const float largest = table.largest_f32(rotated, n);
    head->scale = largest > 127 * FLT_MIN && largest < 0x1p120f ? largest / 127.0f : 1.0f;
    table.quantise_i8(rotated, 1.0f / head->scale, code, n);
    head->norm2 = static_cast<float>(static_cast<double>(table.dot_i8(code, code, n)) * static_cast<double>(head->scale) * static_cast<double>(head->scale));
    if (!(head->norm2 < 0x1p126f))
        head->norm2 = 0x1p126f;
}

void decode_centroid(const Shape &shape, const CentroidHead &head, const int8_t *code, float *rotated) {
    const uint32_t n = shape.centroid_dim();
    for (uint32_t i = 0; i < n; ++i)
        rotated[i] = head.scale * static_cast<float>(code[i]);
}

} // namespace vecx::ivf
