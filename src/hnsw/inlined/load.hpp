// A row on its way into a graph in memory: its coarse code, which the graph is made of, and its stored vector, which
// waits outside until pages are written.
#pragma once

#include "hnsw/inlined/codec.hpp"

namespace vecx::hnsw::inlined {

// What a page will hold of a vector beside its links; the attributes and Shape::own_size() bytes of the stored vector follow.
struct Spilled {
    float own_scale, own_error, norm; // as in Head
    uint32_t pad0;
    uint64_t hash; // as in Head
};
static_assert(sizeof(Spilled) == 24);

// What all rows of a build are coded against, from a sample of them.
struct Frame {
    const float *centre; // R of the sample's mean, Shape::rotated_dim() coordinates; taken off before coding
    const float *mean;   // the sample's mean itself (of g(x)), Shape::dim coordinates
    // Inner product: one more coordinate, sqrt(bound2 - |x|^2), gives all vectors the same length. Then the nearest
    // is the one of the largest product, and the graph is one of a true distance. (Bachrach et al., RecSys 2014.)
    float bound2;
    uint64_t secret[2]; // of this build, for Row::identity
};

struct Row {
    // Of payload and attributes, under the build's secret: equal rows are found by it. The stored vectors are out of reach then, in
    // files, maybe of another process; and nobody can make two vectors that have one identity without the secret.
    uint64_t identity;
    Coarse coarse; // norm2 is that of the centred vector
    float extra;   // the additional coordinate; 0 but for inner product
};

// SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012).
uint64_t keyed_hash(Payload payload, const uint64_t secret[2]);

class RowCoder {
  public:
    // `bits` of a coordinate of the coarse codes: 8 or 4.
    RowCoder(const Shape &shape, const Frame &frame, int bits, Arena &arena);

    // `payload` must be sound for the shape, `attributes` those of the row. The results stay until the next call.
    void code(Payload payload, const uint64_t *attributes = nullptr);

    const Row &row() const { return row_; }
    const uint8_t *coarse_code() const { return coarse_code_; } // shape.rotated_dim() times `bits`
    const uint8_t *stored() const { return stored_; }          // stored_size() bytes
    static uint32_t stored_size(const Shape &shape) {
        return static_cast<uint32_t>(sizeof(Spilled)) + shape.attributes_size() + shape.own_size();
    }

  private:
    Shape shape_;
    Frame frame_;
    Row row_;
    int bits_;
    uint8_t *coarse_code_;
    uint8_t *stored_;
    float *value_, *rotated_;
};

// Collects the sample that a Frame is made of.
class FrameMaker {
  public:
    FrameMaker(const Shape &shape, Arena &arena);
    void add(Payload payload);
    uint64_t size() const { return count_; }
    Frame make(); // its arrays live in the arena

  private:
    Shape shape_;
    Arena *arena_;
    double *sum_;
    float *value_;
    double largest2_ = 0;
    uint64_t count_ = 0;
};

} // namespace vecx::hnsw::inlined
