// Distances between two values of one type, as SQL defines them: the operators and the indexes both
// call these, so an index orders rows by exactly the number that the operator shows.
// Values travel as payloads: the bytes of a value without its header (what an index stores).
#pragma once

#include <cmath>
#include <cstdint>

#include "base/status.hpp"
#include "kernels/kernels.hpp"

namespace vecx {

// On disk in index metapages: never renumber.
enum class ElementType : uint8_t { f32 = 1, f16 = 2, bf16 = 3, i8 = 4, bit = 5, sparse = 6 };
enum class Metric : uint8_t { l2 = 1, ip = 2, cosine = 3, l1 = 4, hamming = 5, jaccard = 6 };

// A payload: dense types are `dim` elements; bit is ceil(dim / 8) bytes with zero padding bits;
// sparse is int32 nnz, int32 indices[nnz] (ascending, 0-based), float values[nnz].
struct Payload {
    const uint8_t *bytes;
    uint32_t size;
};

// A sparse payload taken apart; `valid` checks that the size is right.
struct SparseView {
    const int32_t *indices;
    const float *values;
    int32_t nnz;
};

constexpr int32_t kMaxDenseDim = 16000;
constexpr int32_t kMaxSparseDim = 1000000000;
constexpr int32_t kMaxSparseNnz = 16000;
// The largest payload an index stores; bit strings are the only type that can be larger.
constexpr uint32_t kMaxPayload = 4 + 8 * kMaxSparseNnz;

// 1 - cos(a, b) from the three sums, computed in double and clamped as pgvector does; NaN when one of
// the vectors is zero.
inline double cosine_distance(double dot, double norm_a, double norm_b) {
    double similarity = dot / std::sqrt(norm_a * norm_b);
    if (similarity > 1.0)
        similarity = 1.0;
    else if (similarity < -1.0)
        similarity = -1.0;
    return 1.0 - similarity;
}

// 1 - |a and b| / |a or b|; 1 when they share no bit.
inline double jaccard_distance(const kernels::JaccardParts &p) {
    if (p.intersection == 0)
        return 1.0;
    return 1.0 - static_cast<double>(p.intersection) /
                     static_cast<double>(p.count_a + p.count_b - p.intersection);
}

// A type, a metric and a dimension bound to their kernel. `distance` is monotone in what SQL shows and
// equal to it except for L2, where it is the square. Smaller is nearer for every metric (ip is negated).
struct Measure {
    ElementType type;
    Metric metric;
    int32_t dim;
    double (*distance)(const Measure &self, Payload a, Payload b);
    const kernels::KernelTable *table;
};

// Binds; `distance` is null when the pair makes no sense (hamming on f32).
Measure make_measure(ElementType type, Metric metric, int32_t dim, const kernels::KernelTable *table);

// Whether a payload has the size and shape that `type` and `dim` demand. For pages and messages that
// may lie; does not look for NaN.
bool payload_is_sound(ElementType type, int32_t dim, Payload p);

SparseView sparse_view(Payload p);

float sparse_l2sq(SparseView a, SparseView b);
float sparse_dot(SparseView a, SparseView b);
float sparse_l1(SparseView a, SparseView b);
float sparse_norm_squared(SparseView a);

} // namespace vecx
