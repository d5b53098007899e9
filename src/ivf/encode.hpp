// Rows on their way to a page: a payload becomes coordinates, rotated and less the mean, and these a code relative to the
// centroid of their list.
#pragma once

#include <cstring>

#include "ivf/shape.hpp"
#include "quant/rabitq.hpp"

namespace vecx::ivf {

// Standard deviations of the error of a key that a bound of rabitq allows for: by the first bit, by all (README.md, "Measured before").
constexpr float kCoarseDeviations = 2.5f, kFineDeviations = 3.0f;

// A row as it is sorted and written: this, its code (rabitq: Shape::words words of signs, bits - 1 planes of as many; sq8 and
// pq: quant::encode_learnt), the payload where the index keeps it, and the attributes (filter::attribute_words of them), which
// the caller puts there. Shape::row_size() bytes, to be aligned to 8.
struct RowHead {
    quant::Factors factors; // none: only `length`; sq8 and pq: fine_error is of add and mul
    uint64_t pad;
};
static_assert(sizeof(RowHead) == 32);

// The payload inside an encoded row; only where the index keeps vectors.
const uint8_t *row_payload(const Shape &shape, const uint8_t *row);
// Where its attributes are.
inline uint32_t row_attributes_offset(const Shape &shape) { return shape.row_size() - shape.attributes_size(); }
inline const uint64_t *row_attributes(const Shape &shape, const uint8_t *row) {
    return reinterpret_cast<const uint64_t *>(row + row_attributes_offset(shape));
}
inline void put_row_attributes(const Shape &shape, uint8_t *row, const uint64_t *attributes) {
    if (shape.attributes > 0)
        memcpy(row + row_attributes_offset(shape), attributes, shape.attributes_size());
}

// The coordinates that lists are clustered by, shape.dim of them: floats; under cosine normalised (a zero vector stays
// zero); bits are 0 and 1. Clusters are by L2 distance between these, whatever the metric.
void to_geometry(const Shape &shape, Payload payload, float *out);

class RowEncoder {
  public:
    // `mean`: shape.dim coordinates in the geometry, or null for zero; must outlive the encoder, as `book`, which encode()
    // needs where the shape is learnt().
    RowEncoder(const Shape &shape, const float *mean, Arena &arena, const quant::Codebook *book = nullptr);

    // Takes a payload in, which must be sound for the shape.
    void place(Payload payload);
    // The same from coordinates in the geometry, not less the mean.
    void place_geometry(const float *coordinates);
    // And from what rotated() gave for it.
    void place_rotated(const float *rotated);
    // R (g(x) - mean), shape.centroid_dim() coordinates.
    const float *rotated() const { return rotated_; }

    // Writes the row that was placed, seen from a centroid: shape.row_size() bytes but for the attributes. `payload` as it was placed.
    void encode(const CentroidHead &centroid, const int8_t *code, Payload payload, uint8_t *row);

  private:
    Shape shape_;
    const float *mean_;
    const quant::Codebook *book_;
    float *geometry_, *rotated_, *centre_, *scratch_;
};

// A centroid as it is stored: head.scale and norm2, and shape.centroid_dim() bytes. `rotated` as RowEncoder makes it.
void encode_centroid(const Shape &shape, const float *rotated, CentroidHead *head, int8_t *code);
void decode_centroid(const Shape &shape, const CentroidHead &head, const int8_t *code, float *rotated);

} // namespace vecx::ivf
