// Casts of the dense types to one another and from and to arrays. All are (source, integer typmod, boolean).
#pragma once

#include "pg/types/dense.hpp"
#include "types/dense_convert.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace vecx::pg {

template <class From, class To>
Datum dense_cast(FunctionCallInfo fcinfo) {
    DenseArgument<From> x(PG_GETARG_DATUM(0));
    check_typmod(PG_GETARG_INT32(1), x->dim);
    DenseHeader *result = allocate_dense<To>(x->dim);
    check(types::convert<From, To>(elements<From>(x.get()), static_cast<size_t>(x->dim), kFormatFloat,
                                   elements<To>(result)));
    PG_RETURN_POINTER(result);
}

// From int2[], int4[], float4[], float8[] or numeric[].
template <class To>
Datum dense_from_array(FunctionCallInfo fcinfo) {
    NumberArray source = open_number_array(PG_GETARG_DATUM(0));
    size_t count = static_cast<size_t>(source.count);
    check(types::check_dim<To>(source.count));
    check_typmod(PG_GETARG_INT32(1), source.count);
    DenseHeader *result = allocate_dense<To>(source.count);
    if constexpr (To::kIsFloat) {
        float *numbers = static_cast<float *>(palloc(count * sizeof(float)));
        read_floats(source, numbers);
        check(types::narrow_floats<To>(numbers, count, kFormatFloat, elements<To>(result)));
        pfree(numbers);
    } else {
        double *numbers = static_cast<double *>(palloc(count * sizeof(double)));
        read_doubles(source, numbers);
        check(types::narrow_doubles<To>(numbers, count, kFormatFloat, elements<To>(result)));
        pfree(numbers);
    }
    PG_RETURN_POINTER(result);
}

template <class From>
Datum dense_to_float4(FunctionCallInfo fcinfo) {
    DenseArgument<From> x(PG_GETARG_DATUM(0));
    ArrayType *result = make_number_array(x->dim, FLOAT4OID, sizeof(float4));
    From::widen_all(elements<From>(x.get()), reinterpret_cast<float4 *>(ARR_DATA_PTR(result)),
                    static_cast<size_t>(x->dim));
    PG_RETURN_ARRAYTYPE_P(result);
}

} // namespace vecx::pg
