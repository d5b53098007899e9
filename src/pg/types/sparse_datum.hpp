// sparsevec as PostgreSQL stores it: pgvector's layout, byte for byte.
#pragma once

#include "pg/types/datum.hpp"
#include "types/sparse.hpp"

namespace vecx::pg {

// Followed by int32 indices[nnz], float values[nnz].
struct SparseHeader {
    int32 vl_len;
    int32 dim;
    int32 nnz;
    int32 unused; // always 0
};
static_assert(sizeof(SparseHeader) == 16);

using SparseArg = Detoasted<SparseHeader>;

inline size_t sparse_size(int32 nnz) { return sizeof(SparseHeader) + 8 * static_cast<size_t>(nnz); }

inline int32 sparse_dimension(Datum datum) { return first_field<int32>(datum); }

// The value behind an argument, which must outlive the view.
inline types::SparseVector view(const SparseArg &arg) {
    const SparseHeader *v = arg.get();
    if (unlikely(VARSIZE(v) < sizeof(SparseHeader)))
        refuse_short("sparsevec", VARSIZE(v));
    if (unlikely(v->nnz < 0 || VARSIZE(v) != sparse_size(v->nnz)))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("sparsevec of %d elements has %u bytes", v->nnz,
                                                                static_cast<unsigned>(VARSIZE(v)))));
    const int32 *indices = reinterpret_cast<const int32 *>(v + 1);
    return types::SparseVector{
        v->dim, SparseView{indices, reinterpret_cast<const float *>(indices + v->nnz), v->nnz}};
}

// Before indices say where something is written: XX001 unless they are in order and within the dimension.
inline void check_undamaged(const types::SparseVector &v) {
    Status sound = types::check_sparse_indices(v.elements.indices, v.elements.nnz, v.dim);
    if (unlikely(!sound.ok()))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("damaged sparsevec: %s", sound.message)));
}

// A result under construction: the core fills `builder`, finish() makes a value of it.
struct SparseDraft {
    explicit SparseDraft(int32 capacity)
        : header(allocate_value<SparseHeader>(sparse_size(capacity))),
          builder{reinterpret_cast<int32 *>(header + 1), reinterpret_cast<float *>(header + 1) + capacity,
                  capacity, 0} {}

    // Closes the gap between the indices that there are and the values.
    Datum finish(int32 dim) {
        if (builder.nnz < builder.capacity)
            memmove(builder.indices + builder.nnz, builder.values, sizeof(float) * static_cast<size_t>(builder.nnz));
        SET_VARSIZE(header, sparse_size(builder.nnz));
        header->dim = dim;
        header->nnz = builder.nnz;
        header->unused = 0;
        return PointerGetDatum(header);
    }

    SparseHeader *header;
    types::SparseBuilder builder;
};

} // namespace vecx::pg
