#include "pg/types/dense_aggregate.hpp"

#include "pg/export.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace vecx::pg {

SumState open_sum_state(Datum datum, const char *type, const char *verb) {
    ArrayType *array = DatumGetArrayTypeP(datum);
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != FLOAT8OID)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s_%s: expected state array", type, verb)));
    return SumState{array, reinterpret_cast<double *>(ARR_DATA_PTR(array)), ARR_DIMS(array)[0] - 1};
}

SumState make_sum_state(int32 dim) {
    ArrayType *array = make_number_array(dim + 1, FLOAT8OID, sizeof(float8));
    return SumState{array, reinterpret_cast<double *>(ARR_DATA_PTR(array)), dim};
}

SumState writable_sum_state(const SumState &state, FunctionCallInfo fcinfo) {
    if (AggCheckCallContext(fcinfo, nullptr))
        return state;
    SumState copy = make_sum_state(state.dim);
    memcpy(copy.values, state.values, (static_cast<size_t>(state.dim) + 1) * sizeof(float8));
    return copy;
}

Datum combine_sum_states(FunctionCallInfo fcinfo) {
    SumState a = open_sum_state(PG_GETARG_DATUM(0), F32::kName, "combine");
    SumState b = open_sum_state(PG_GETARG_DATUM(1), F32::kName, "combine");
    // The count adds up also where one side has no sums yet; only the left side may be the aggregate's own.
    if (a.dim == 0) {
        double count = a.values[0];
        a = make_sum_state(b.dim);
        a.values[0] = count;
    } else {
        a = writable_sum_state(a, fcinfo);
    }
    a.values[0] += b.values[0];
    if (b.dim != 0) {
        check(types::check_dim<F32>(a.dim));
        check_typmod(a.dim, b.dim);
        check(types::combine_sums(b.values + 1, static_cast<size_t>(a.dim), a.values + 1));
    }
    PG_RETURN_ARRAYTYPE_P(a.array);
}

} // namespace vecx::pg

VECX_FUNCTION(vecx_vector_combine) { return vecx::pg::combine_sum_states(fcinfo); }
