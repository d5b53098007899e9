// Binds types and metrics to kernels, and the distances of sparse payloads (sorted merges, no SIMD).
#include "types/distance.hpp"

#include <bit>
#include <cstring>

#include "base/core_only.hpp"

namespace vecx {

namespace {

const float *f32(Payload p) { return reinterpret_cast<const float *>(p.bytes); }
const uint16_t *u16(Payload p) { return reinterpret_cast<const uint16_t *>(p.bytes); }
const int8_t *i8(Payload p) { return reinterpret_cast<const int8_t *>(p.bytes); }

double from_parts(const kernels::CosineParts &p) { return cosine_distance(p.dot, p.norm_a, p.norm_b); }

size_t count(const Measure &m) { return static_cast<size_t>(m.dim); }

double l2_f32(const Measure &m, Payload a, Payload b) { return m.table->l2sq_f32(f32(a), f32(b), count(m)); }
double ip_f32(const Measure &m, Payload a, Payload b) { return -m.table->dot_f32(f32(a), f32(b), count(m)); }
double l1_f32(const Measure &m, Payload a, Payload b) { return m.table->l1_f32(f32(a), f32(b), count(m)); }
double cosine_f32(const Measure &m, Payload a, Payload b) {
    return from_parts(m.table->cosine_f32(f32(a), f32(b), count(m)));
}

double l2_f16(const Measure &m, Payload a, Payload b) { return m.table->l2sq_f16(u16(a), u16(b), count(m)); }
double ip_f16(const Measure &m, Payload a, Payload b) { return -m.table->dot_f16(u16(a), u16(b), count(m)); }
double l1_f16(const Measure &m, Payload a, Payload b) { return m.table->l1_f16(u16(a), u16(b), count(m)); }
double cosine_f16(const Measure &m, Payload a, Payload b) {
    return from_parts(m.table->cosine_f16(u16(a), u16(b), count(m)));
}

double l2_bf16(const Measure &m, Payload a, Payload b) { return m.table->l2sq_bf16(u16(a), u16(b), count(m)); }
double ip_bf16(const Measure &m, Payload a, Payload b) { return -m.table->dot_bf16(u16(a), u16(b), count(m)); }
double l1_bf16(const Measure &m, Payload a, Payload b) { return m.table->l1_bf16(u16(a), u16(b), count(m)); }
double cosine_bf16(const Measure &m, Payload a, Payload b) {
    return from_parts(m.table->cosine_bf16(u16(a), u16(b), count(m)));
}

double l2_i8(const Measure &m, Payload a, Payload b) { return m.table->l2sq_i8(i8(a), i8(b), count(m)); }
double ip_i8(const Measure &m, Payload a, Payload b) { return -m.table->dot_i8(i8(a), i8(b), count(m)); }
double l1_i8(const Measure &m, Payload a, Payload b) { return m.table->l1_i8(i8(a), i8(b), count(m)); }
double cosine_i8(const Measure &m, Payload a, Payload b) {
    // Exact sums: the norms are the dot products of the vectors with themselves.
    return cosine_distance(m.table->dot_i8(i8(a), i8(b), count(m)), m.table->dot_i8(i8(a), i8(a), count(m)),
                           m.table->dot_i8(i8(b), i8(b), count(m)));
}

double hamming_bit(const Measure &m, Payload a, Payload b) {
    return static_cast<double>(m.table->hamming(a.bytes, b.bytes, a.size));
}
double jaccard_bit(const Measure &m, Payload a, Payload b) {
    return jaccard_distance(m.table->jaccard(a.bytes, b.bytes, a.size));
}

double l2_sparse(const Measure &, Payload a, Payload b) { return sparse_l2sq(sparse_view(a), sparse_view(b)); }
double ip_sparse(const Measure &, Payload a, Payload b) { return -sparse_dot(sparse_view(a), sparse_view(b)); }
double l1_sparse(const Measure &, Payload a, Payload b) { return sparse_l1(sparse_view(a), sparse_view(b)); }
double cosine_sparse(const Measure &, Payload a, Payload b) {
    SparseView x = sparse_view(a), y = sparse_view(b);
    return cosine_distance(sparse_dot(x, y), sparse_norm_squared(x), sparse_norm_squared(y));
}

using Function = double (*)(const Measure &, Payload, Payload);

// Rows by ElementType, columns by Metric; both enums start at 1.
constexpr Function kFunctions[6][6] = {
    {l2_f32, ip_f32, cosine_f32, l1_f32, nullptr, nullptr},
    {l2_f16, ip_f16, cosine_f16, l1_f16, nullptr, nullptr},
    {l2_bf16, ip_bf16, cosine_bf16, l1_bf16, nullptr, nullptr},
    {l2_i8, ip_i8, cosine_i8, l1_i8, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, hamming_bit, jaccard_bit},
    {l2_sparse, ip_sparse, cosine_sparse, l1_sparse, nullptr, nullptr},
};

// Keeps the value or makes it zero, without a branch.
float keep_if(bool keep, float value) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & -static_cast<uint32_t>(keep));
}

// The sum of term(x, y) over all indices that a or b has, in ascending order; x or y is 0 where it has none.
// Which list is ahead is as good as random, so the walk takes every step without a branch on it.
template <class Term>
float sum_merged(SparseView a, SparseView b, Term term) {
    float sum = 0;
    int32_t i = 0, j = 0;
    while (i < a.nnz && j < b.nnz) {
        int32_t at_a = a.indices[i], at_b = b.indices[j];
        bool use_a = at_a <= at_b, use_b = at_b <= at_a;
        sum += term(keep_if(use_a, a.values[i]), keep_if(use_b, b.values[j]));
        i += use_a;
        j += use_b;
    }
    for (; i < a.nnz; ++i)
        sum += term(a.values[i], 0.0f);
    for (; j < b.nnz; ++j)
        sum += term(0.0f, b.values[j]);
    return sum;
}

} // namespace

Measure make_measure(ElementType type, Metric metric, int32_t dim, const kernels::KernelTable *table) {
    unsigned row = static_cast<unsigned>(type) - 1, column = static_cast<unsigned>(metric) - 1;
    Function f = row < 6 && column < 6 ? kFunctions[row][column] : nullptr;
    return Measure{type, metric, dim, f, table};
}

bool payload_is_sound(ElementType type, int32_t dim, Payload p) {
    if (dim <= 0)
        return false;
    uint64_t n = static_cast<uint64_t>(dim);
    switch (type) {
    case ElementType::f32:
        return p.size == 4 * n;
    case ElementType::f16:
    case ElementType::bf16:
        return p.size == 2 * n;
    case ElementType::i8:
        return p.size == n;
    case ElementType::bit:
        return p.size == (n + 7) / 8;
    case ElementType::sparse: {
        int32_t nnz;
        if (p.size < sizeof nnz)
            return false;
        memcpy(&nnz, p.bytes, sizeof nnz);
        if (nnz < 0 || nnz > kMaxSparseNnz || nnz > dim)
            return false;
        if (p.size != 4 + 8 * static_cast<uint64_t>(nnz))
            return false;
        int32_t previous = -1;
        for (int32_t i = 0; i < nnz; ++i) {
            int32_t index;
            memcpy(&index, p.bytes + 4 + 4 * static_cast<size_t>(i), sizeof index);
            if (index <= previous || index >= dim)
                return false;
            previous = index;
        }
        return true;
    }
    }
    return false;
}

SparseView sparse_view(Payload p) {
    int32_t nnz;
    memcpy(&nnz, p.bytes, sizeof nnz);
    const uint8_t *indices = p.bytes + 4;
    return SparseView{reinterpret_cast<const int32_t *>(indices),
                      reinterpret_cast<const float *>(indices + 4 * static_cast<size_t>(nnz)), nnz};
}

float sparse_l2sq(SparseView a, SparseView b) {
    return sum_merged(a, b, [](float x, float y) { return (x - y) * (x - y); });
}

float sparse_dot(SparseView a, SparseView b) {
    return sum_merged(a, b, [](float x, float y) { return x * y; });
}

float sparse_l1(SparseView a, SparseView b) {
    return sum_merged(a, b, [](float x, float y) { return std::fabs(x - y); });
}

float sparse_norm_squared(SparseView a) {
    float sum = 0;
    for (int32_t i = 0; i < a.nnz; ++i)
        sum += a.values[i] * a.values[i];
    return sum;
}

} // namespace vecx
