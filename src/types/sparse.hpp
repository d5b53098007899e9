// sparsevec without PostgreSQL: limits and checks, text, binary, order, arithmetic. What a value is:
// a dimension and its elements, 0-based indices in ascending order without duplicates, each with a
// finite value that is not zero. Every function here takes such values and makes such values.
// Error texts are pgvector's where pgvector has the case: clients match on them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/arena.hpp"
#include "base/status.hpp"
#include "types/distance.hpp"

namespace vecx::types {

struct SparseVector {
    int32_t dim;
    SparseView elements;
};

// The elements of a value that is being made, in memory of the caller's: two arrays of `capacity`.
// Whoever pushes has made sure of the capacity before.
struct SparseBuilder {
    int32_t *indices;
    float *values;
    int32_t capacity;
    int32_t nnz;

    void push(int32_t index, float value) {
        indices[nnz] = index;
        values[nnz] = value;
        ++nnz;
    }
};

// --- checks (sparse_check.cpp) ---------------------------------------------------------------------

// 1 to kMaxSparseDim.
Status check_sparse_dim(int64_t dim);
// 0 to kMaxSparseNnz, and no more than dim.
Status check_sparse_nnz(int64_t nnz, int32_t dim);
// A type modifier: -1 allows any dimension.
Status check_sparse_expected_dim(int32_t typmod, int32_t dim);
Status check_sparse_same_dim(int32_t a, int32_t b);
// Bounds, order and duplicates.
Status check_sparse_indices(const int32_t *indices, int32_t nnz, int32_t dim);
// Neither NaN nor infinite; zero is not looked for.
Status check_sparse_element(float value);

// --- text (sparse_parse.cpp) -----------------------------------------------------------------------

// How many elements a literal of this length can have at most, up to kMaxSparseNnz.
int32_t sparse_text_capacity(size_t length);

// Parses `{index:value,...}/dim`, 1-based indices in any order. `text` is zero-terminated at `length`;
// `out` has room for sparse_text_capacity(length). Zero values are left out, whatever their index.
// `scratch` is used only when the indices are not in order.
Status parse_sparse(const char *text, size_t length, int32_t typmod, Arena &scratch, SparseBuilder *out,
                    int32_t *dim);

// --- binary (sparse_binary.cpp) --------------------------------------------------------------------

// The message: int32 dim, int32 nnz, int32 0, int32 indices[nnz] (0-based), float4 values[nnz], all
// big-endian. The header is checked before memory for the rest is asked for.
struct SparseBinaryHeader {
    int32_t dim;
    int32_t nnz;
    int32_t unused;
};
constexpr size_t kSparseBinaryHeaderSize = 12;

inline size_t sparse_binary_body_size(int32_t nnz) { return static_cast<size_t>(nnz) * 8; }

SparseBinaryHeader read_sparse_header(const uint8_t *bytes);
Status check_sparse_header(const SparseBinaryHeader &header, int32_t typmod);
// Reads and checks sparse_binary_body_size(header.nnz) bytes; `out` has room for header.nnz.
Status read_sparse_body(const uint8_t *bytes, const SparseBinaryHeader &header, SparseBuilder *out);
// Writes header and body: kSparseBinaryHeaderSize + sparse_binary_body_size(nnz) bytes.
void write_sparse(const SparseVector &v, uint8_t *out);

// --- order (sparse_compare.cpp) --------------------------------------------------------------------

// -1, 0 or 1: the order of the dense vectors these stand for, element by element, then by dimension.
int compare_sparse(const SparseVector &a, const SparseVector &b);

// --- arithmetic (sparse_arithmetic.cpp) ------------------------------------------------------------

// Results that are zero are left out; one that is infinite is an error, and so is a product of two
// elements that is zero (as for pgvector's vector). `out` has room for a.nnz + b.nnz (multiply: for the
// smaller nnz). The result may have more than kMaxSparseNnz elements; that is an error, too.
Status add_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out);
Status subtract_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out);
Status multiply_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out);

// The elements of b after those of a; `dim` becomes the sum of the dimensions.
Status concatenate_sparse(const SparseVector &a, const SparseVector &b, SparseBuilder *out, int32_t *dim);

// `count` dimensions from the 1-based `start`, cut to those that exist, as substring does; `out` has
// room for a.nnz.
Status subvector_sparse(const SparseVector &a, int32_t start, int32_t count, SparseBuilder *out, int32_t *dim);

// Euclidean norm, summed in double.
double norm_sparse(SparseView a);

// a / norm(a); no elements when a has none. `out` has room for a.nnz.
Status normalize_sparse(SparseView a, SparseBuilder *out);

} // namespace vecx::types
