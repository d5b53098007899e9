// sparsevec: casts from and to the dense types, and from arrays. All are (source, integer typmod, boolean).
#include "pg/export.hpp"
#include "pg/types/dense.hpp"
#include "pg/types/sparse_datum.hpp"
#include "types/sparse_convert.hpp"

using namespace vecx;
using namespace vecx::pg;

namespace {

template <class From>
Datum from_elements(const typename From::Stored *in, int32 dim) {
    int32 nnz = types::count_nonzero<From>(in, static_cast<size_t>(dim));
    check(types::check_sparse_nnz(nnz, dim));
    SparseDraft draft(nnz);
    check(types::gather_nonzero<From>(in, static_cast<size_t>(dim), &draft.builder));
    return draft.finish(dim);
}

template <class From>
Datum from_dense(FunctionCallInfo fcinfo) {
    DenseArgument<From> x(PG_GETARG_DATUM(0));
    check_typmod(PG_GETARG_INT32(1), x->dim);
    return from_elements<From>(elements<From>(x.get()), x->dim);
}

template <class To>
Datum to_dense(FunctionCallInfo fcinfo) {
    SparseArg arg(PG_GETARG_DATUM(0));
    types::SparseVector v = view(arg);
    check(types::check_dim<To>(v.dim));
    check_typmod(PG_GETARG_INT32(1), v.dim);
    check_undamaged(v);
    DenseHeader *result = allocate_dense<To>(v.dim);
    check(types::scatter<To>(v, kFormatFloat, elements<To>(result)));
    PG_RETURN_POINTER(result);
}

} // namespace

VECX_FUNCTION(vecx_vector_to_sparsevec) { return from_dense<F32>(fcinfo); }
VECX_FUNCTION(vecx_halfvec_to_sparsevec) { return from_dense<F16>(fcinfo); }
VECX_FUNCTION(vecx_bf16vec_to_sparsevec) { return from_dense<BF16>(fcinfo); }
VECX_FUNCTION(vecx_int8vec_to_sparsevec) { return from_dense<I8>(fcinfo); }

VECX_FUNCTION(vecx_sparsevec_to_vector) { return to_dense<F32>(fcinfo); }
VECX_FUNCTION(vecx_sparsevec_to_halfvec) { return to_dense<F16>(fcinfo); }
VECX_FUNCTION(vecx_sparsevec_to_bf16vec) { return to_dense<BF16>(fcinfo); }
VECX_FUNCTION(vecx_sparsevec_to_int8vec) { return to_dense<I8>(fcinfo); }

// From int4[], float4[], float8[] or numeric[].
VECX_FUNCTION(vecx_sparsevec_from_array) {
    NumberArray source = open_number_array(PG_GETARG_DATUM(0));
    check(types::check_sparse_dim(source.count));
    check_typmod(PG_GETARG_INT32(1), source.count);
    float *numbers = static_cast<float *>(palloc(sizeof(float) * static_cast<size_t>(source.count)));
    read_floats(source, numbers);
    Datum result = from_elements<F32>(numbers, source.count);
    pfree(numbers);
    return result;
}
