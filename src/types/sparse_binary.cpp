// The wire format. Everything in a message may be a lie; only its length has been checked by the caller.
#include "types/sparse.hpp"

#include <bit>

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

uint32_t load_big_endian(const uint8_t *p) {
    return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 | static_cast<uint32_t>(p[2]) << 8 |
           static_cast<uint32_t>(p[3]);
}

uint8_t *store_big_endian(uint8_t *p, uint32_t value) {
    p[0] = static_cast<uint8_t>(value >> 24);
    p[1] = static_cast<uint8_t>(value >> 16);
    p[2] = static_cast<uint8_t>(value >> 8);
    p[3] = static_cast<uint8_t>(value);
    return p + 4;
}

} // namespace

SparseBinaryHeader read_sparse_header(const uint8_t *bytes) {
    return SparseBinaryHeader{static_cast<int32_t>(load_big_endian(bytes)),
                              static_cast<int32_t>(load_big_endian(bytes + 4)),
                              static_cast<int32_t>(load_big_endian(bytes + 8))};
}

Status check_sparse_header(const SparseBinaryHeader &header, int32_t typmod) {
    VECX_TRY(check_sparse_dim(header.dim));
    VECX_TRY(check_sparse_nnz(header.nnz, header.dim));
    VECX_TRY(check_sparse_expected_dim(typmod, header.dim));
    if (header.unused != 0)
        return Status::make(Code::data_exception, "expected unused to be 0, not %d", header.unused);
    return Status{};
}

Status read_sparse_body(const uint8_t *bytes, const SparseBinaryHeader &header, SparseBuilder *out) {
    int32_t nnz = header.nnz;
    for (int32_t i = 0; i < nnz; ++i, bytes += 4)
        out->indices[i] = static_cast<int32_t>(load_big_endian(bytes));
    VECX_TRY(check_sparse_indices(out->indices, nnz, header.dim));

    for (int32_t i = 0; i < nnz; ++i, bytes += 4) {
        float value = std::bit_cast<float>(load_big_endian(bytes));
        VECX_TRY(check_sparse_element(value));
        if (value == 0)
            return Status::make(Code::data_exception,
                                "binary representation of sparsevec cannot contain zero values");
        out->values[i] = value;
    }
    out->nnz = nnz;
    return Status{};
}

void write_sparse(const SparseVector &v, uint8_t *out) {
    const SparseView &e = v.elements;
    out = store_big_endian(out, static_cast<uint32_t>(v.dim));
    out = store_big_endian(out, static_cast<uint32_t>(e.nnz));
    out = store_big_endian(out, 0);
    for (int32_t i = 0; i < e.nnz; ++i)
        out = store_big_endian(out, static_cast<uint32_t>(e.indices[i]));
    for (int32_t i = 0; i < e.nnz; ++i)
        out = store_big_endian(out, std::bit_cast<uint32_t>(e.values[i]));
}

} // namespace vecx::types
