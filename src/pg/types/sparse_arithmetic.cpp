// sparsevec: arithmetic, cutting and joining.
#include "pg/export.hpp"
#include "pg/types/sparse_datum.hpp"

using namespace vecx;
using namespace vecx::pg;

namespace {

using ElementWise = Status (*)(const types::SparseVector &, const types::SparseVector &, types::SparseBuilder *);

// The result of add and subtract can have the elements of both; up to twice the limit until it is checked.
Datum element_wise(FunctionCallInfo fcinfo, ElementWise function) {
    SparseArg first(PG_GETARG_DATUM(0)), second(PG_GETARG_DATUM(1));
    types::SparseVector a = view(first), b = view(second);
    SparseDraft draft(a.elements.nnz + b.elements.nnz);
    check(function(a, b, &draft.builder));
    return draft.finish(a.dim);
}

} // namespace

VECX_FUNCTION(vecx_sparsevec_add) { return element_wise(fcinfo, types::add_sparse); }
VECX_FUNCTION(vecx_sparsevec_sub) { return element_wise(fcinfo, types::subtract_sparse); }
VECX_FUNCTION(vecx_sparsevec_mul) { return element_wise(fcinfo, types::multiply_sparse); }

VECX_FUNCTION(vecx_sparsevec_concat) {
    SparseArg first(PG_GETARG_DATUM(0)), second(PG_GETARG_DATUM(1));
    types::SparseVector a = view(first), b = view(second);
    SparseDraft draft(a.elements.nnz + b.elements.nnz);
    int32 dim;
    check(types::concatenate_sparse(a, b, &draft.builder, &dim));
    PG_RETURN_DATUM(draft.finish(dim));
}

VECX_FUNCTION(vecx_sparsevec_subvector) {
    SparseArg arg(PG_GETARG_DATUM(0));
    types::SparseVector v = view(arg);
    SparseDraft draft(v.elements.nnz);
    int32 dim;
    check(types::subvector_sparse(v, PG_GETARG_INT32(1), PG_GETARG_INT32(2), &draft.builder, &dim));
    PG_RETURN_DATUM(draft.finish(dim));
}

VECX_FUNCTION(vecx_sparsevec_l2_normalize) {
    SparseArg arg(PG_GETARG_DATUM(0));
    types::SparseVector v = view(arg);
    SparseDraft draft(v.elements.nnz);
    check(types::normalize_sparse(v.elements, &draft.builder));
    PG_RETURN_DATUM(draft.finish(v.dim));
}

VECX_FUNCTION(vecx_sparsevec_dims) {
    PG_RETURN_INT32(sparse_dimension(PG_GETARG_DATUM(0)));
}
