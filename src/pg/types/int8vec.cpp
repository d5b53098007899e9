// int8vec: signed bytes. avg and sum give a vector, as integers' averages and sums leave their type in SQL.
#include "pg/types/dense_functions.hpp"

namespace vecx::pg {

// To int2[] or int4[].
template <class Number>
Datum int8vec_to_integers(FunctionCallInfo fcinfo, Oid type) {
    DenseArgument<I8> x(PG_GETARG_DATUM(0));
    ArrayType *result = make_number_array(x->dim, type, sizeof(Number));
    Number *out = reinterpret_cast<Number *>(ARR_DATA_PTR(result));
    for (int32 i = 0; i < x->dim; ++i)
        out[i] = elements<I8>(x.get())[i];
    PG_RETURN_ARRAYTYPE_P(result);
}

} // namespace vecx::pg

VECX_DENSE_FUNCTIONS(int8vec, I8)
VECX_DENSE_FUNCTION(int8vec, avg, dense_avg<F32>(fcinfo))
VECX_DENSE_FUNCTION(int8vec, sum, dense_sum<F32>(fcinfo))
VECX_DENSE_FUNCTION(int8vec, to_int2, int8vec_to_integers<int16>(fcinfo, INT2OID))
VECX_DENSE_FUNCTION(int8vec, to_int4, int8vec_to_integers<int32>(fcinfo, INT4OID))
VECX_DENSE_FUNCTION(vector, to_int8vec, (dense_cast<F32, I8>(fcinfo)))
VECX_DENSE_FUNCTION(halfvec, to_int8vec, (dense_cast<F16, I8>(fcinfo)))
VECX_DENSE_FUNCTION(bf16vec, to_int8vec, (dense_cast<BF16, I8>(fcinfo)))
