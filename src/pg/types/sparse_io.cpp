// sparsevec: text, binary and type modifier.
#include "pg/export.hpp"
#include "pg/memory.hpp"
#include "pg/types/sparse_datum.hpp"

extern "C" {
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
}

using namespace vecx;
using namespace vecx::pg;

VECX_FUNCTION(vecx_sparsevec_in) {
    const char *text = PG_GETARG_CSTRING(0);
    size_t length = strlen(text);
    Arena scratch = arena_over(CurrentMemoryContext);
    SparseDraft draft(types::sparse_text_capacity(length));
    int32 dim;
    if (!accept(types::parse_sparse(text, length, PG_GETARG_INT32(2), scratch, &draft.builder, &dim), fcinfo))
        PG_RETURN_NULL();
    PG_RETURN_DATUM(draft.finish(dim));
}

VECX_FUNCTION(vecx_sparsevec_out) {
    SparseArg arg(PG_GETARG_DATUM(0));
    types::SparseVector v = view(arg);
    // "index:value," of ten digits and a shortest float each; braces, slash, dimension and end.
    constexpr size_t kElement = 10 + 1 + FLOAT_SHORTEST_DECIMAL_LEN + 1;
    char *text = static_cast<char *>(palloc(kElement * static_cast<size_t>(v.elements.nnz) + 16));
    char *p = text;
    *p++ = '{';
    for (int32 i = 0; i < v.elements.nnz; ++i) {
        if (i > 0)
            *p++ = ',';
        p += pg_ultoa_n(static_cast<uint32>(v.elements.indices[i]) + 1, p); // SQL counts from 1
        *p++ = ':';
        p += float_to_shortest_decimal_bufn(v.elements.values[i], p);
    }
    *p++ = '}';
    *p++ = '/';
    p += pg_ultoa_n(static_cast<uint32>(v.dim), p);
    *p = '\0';
    PG_RETURN_CSTRING(text);
}

VECX_FUNCTION(vecx_sparsevec_typmod_in) {
    PG_RETURN_INT32(dimension_typmod(PG_GETARG_DATUM(0), "sparsevec", kMaxSparseDim));
}

// The cast to itself, which applies a type modifier.
VECX_FUNCTION(vecx_sparsevec_adjust) {
    check_typmod(PG_GETARG_INT32(1), sparse_dimension(PG_GETARG_DATUM(0)));
    PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

VECX_FUNCTION(vecx_sparsevec_recv) {
    StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const char *bytes = pq_getmsgbytes(message, types::kSparseBinaryHeaderSize);
    types::SparseBinaryHeader header = types::read_sparse_header(reinterpret_cast<const uint8_t *>(bytes));
    check(types::check_sparse_header(header, PG_GETARG_INT32(2)));

    // Refuses a message that is too short before memory is asked for; one that is too long is refused
    // by whoever called this function.
    bytes = pq_getmsgbytes(message, static_cast<int>(types::sparse_binary_body_size(header.nnz)));
    SparseDraft draft(header.nnz);
    check(types::read_sparse_body(reinterpret_cast<const uint8_t *>(bytes), header, &draft.builder));
    PG_RETURN_DATUM(draft.finish(header.dim));
}

VECX_FUNCTION(vecx_sparsevec_send) {
    SparseArg arg(PG_GETARG_DATUM(0));
    types::SparseVector v = view(arg);
    size_t size = VARHDRSZ + types::kSparseBinaryHeaderSize + types::sparse_binary_body_size(v.elements.nnz);
    bytea *message = allocate_value<bytea>(size);
    types::write_sparse(v, reinterpret_cast<uint8_t *>(VARDATA(message)));
    PG_RETURN_BYTEA_P(message);
}
