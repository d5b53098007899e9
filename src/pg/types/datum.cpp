#include "pg/types/datum.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
}

namespace vecx::pg {

void refuse_short(const char *type, size_t size) {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("damaged %s has only %zu bytes", type, size)));
    pg_unreachable();
}

int32 dimension_typmod(Datum modifiers, const char *type, int32 most) {
    int count;
    int32 *typmods = ArrayGetIntegerTypmods(DatumGetArrayTypeP(modifiers), &count);
    if (count != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
    if (typmods[0] < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s must be at least 1", type)));
    if (typmods[0] > most)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s cannot exceed %d", type, most)));
    return typmods[0];
}

NumberArray open_number_array(Datum datum) {
    ArrayType *array = DatumGetArrayTypeP(datum);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
    if (ARR_HASNULL(array) && array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
    return NumberArray{array, ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))};
}

namespace {

// Without nulls, elements of fixed width lie in the array as in a C array, at their own alignment.
template <class Stored, class Out>
void copy_numbers(const ArrayType *array, int32 count, Out *out) {
    const Stored *stored = reinterpret_cast<const Stored *>(ARR_DATA_PTR(array));
    for (int32 i = 0; i < count; ++i)
        out[i] = static_cast<Out>(stored[i]);
}

template <class Out>
void read_numbers(const NumberArray &source, Out *out, Out (*from_numeric)(Datum)) {
    switch (ARR_ELEMTYPE(source.array)) {
    case INT2OID:
        return copy_numbers<int16>(source.array, source.count, out);
    case INT4OID:
        return copy_numbers<int32>(source.array, source.count, out);
    case FLOAT4OID:
        return copy_numbers<float4>(source.array, source.count, out);
    case FLOAT8OID:
        return copy_numbers<float8>(source.array, source.count, out);
    case NUMERICOID: {
        Datum *elements;
        int count;
        deconstruct_array(source.array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
        for (int i = 0; i < count; ++i)
            out[i] = from_numeric(elements[i]);
        pfree(elements);
        return;
    }
    default:
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
    }
}

} // namespace

void read_floats(const NumberArray &source, float *out) {
    read_numbers<float>(source, out, [](Datum d) { return DatumGetFloat4(DirectFunctionCall1(numeric_float4, d)); });
}

void read_doubles(const NumberArray &source, double *out) {
    read_numbers<double>(source, out, [](Datum d) { return DatumGetFloat8(DirectFunctionCall1(numeric_float8, d)); });
}

ArrayType *make_number_array(int32 count, Oid type, size_t width) {
    size_t size = ARR_OVERHEAD_NONULLS(1) + static_cast<size_t>(count) * width;
    ArrayType *array = static_cast<ArrayType *>(palloc0(size));
    SET_VARSIZE(array, size);
    array->ndim = 1;
    array->elemtype = type;
    ARR_DIMS(array)[0] = count;
    ARR_LBOUND(array)[0] = 1;
    return array;
}

} // namespace vecx::pg
