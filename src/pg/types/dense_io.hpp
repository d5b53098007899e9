// Text and binary input and output of the dense types, and their typmod.
#pragma once

#include "pg/types/dense.hpp"
#include "types/dense_binary.hpp"
#include "types/dense_text.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
}

namespace vecx::pg {

// (cstring, oid, integer)
template <class E>
Datum dense_in(FunctionCallInfo fcinfo) {
    const char *text = PG_GETARG_CSTRING(0);
    int32 typmod = PG_GETARG_INT32(2);
    // Read on the stack and copied once the dimension is known.
    typename E::Stored parsed[kMaxDenseDim];
    int32 dim;
    if (!accept(types::parse<E>(text, strlen(text), parsed, &dim), fcinfo))
        PG_RETURN_NULL();
    if (unlikely(typmod != -1 && typmod != dim)) {
        (void)accept(Status::make(Code::data_exception, "expected %d dimensions, not %d", typmod, dim), fcinfo);
        PG_RETURN_NULL();
    }
    DenseHeader *result = allocate_dense<E>(dim);
    memcpy(elements<E>(result), parsed, static_cast<size_t>(dim) * sizeof parsed[0]);
    PG_RETURN_POINTER(result);
}

template <class E>
Datum dense_out(FunctionCallInfo fcinfo) {
    DenseArgument<E> x(PG_GETARG_DATUM(0));
    char *text = static_cast<char *>(palloc(types::printed_size<E>(x->dim)));
    types::print<E>(elements<E>(x.get()), x->dim, kFormatFloat, text);
    x.release();
    PG_RETURN_CSTRING(text);
}

// (cstring[])
template <class E>
Datum dense_typmod_in(FunctionCallInfo fcinfo) {
    PG_RETURN_INT32(dimension_typmod(PG_GETARG_DATUM(0), E::kName, kMaxDenseDim));
}

// (internal, oid, integer). The message is the rest of the buffer: its length says how much was sent.
template <class E>
Datum dense_recv(FunctionCallInfo fcinfo) {
    StringInfo buffer = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    int32 typmod = PG_GETARG_INT32(2);
    int rest = buffer->len - buffer->cursor;
    const uint8_t *message = reinterpret_cast<const uint8_t *>(pq_getmsgbytes(buffer, rest));
    int32 dim;
    check(types::read_binary_header<E>(message, static_cast<size_t>(rest), &dim));
    check_typmod(typmod, dim);
    DenseHeader *result = allocate_dense<E>(dim);
    check(types::read_binary_elements<E>(message, dim, elements<E>(result)));
    PG_RETURN_POINTER(result);
}

template <class E>
Datum dense_send(FunctionCallInfo fcinfo) {
    DenseArgument<E> x(PG_GETARG_DATUM(0));
    size_t size = types::binary_size<E>(x->dim);
    bytea *message = static_cast<bytea *>(palloc(VARHDRSZ + size));
    SET_VARSIZE(message, VARHDRSZ + size);
    types::write_binary<E>(elements<E>(x.get()), x->dim, reinterpret_cast<uint8_t *>(VARDATA(message)));
    x.release();
    PG_RETURN_BYTEA_P(message);
}

// (type, integer, boolean): the cast of the type to itself, which checks the typmod.
template <class E>
Datum dense_adjust(FunctionCallInfo fcinfo) {
    check_typmod(PG_GETARG_INT32(1), dimension_of(PG_GETARG_DATUM(0)));
    PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

} // namespace vecx::pg
