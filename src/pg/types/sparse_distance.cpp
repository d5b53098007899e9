// sparsevec: distances and norms. The distances run once for every row of an exact search: they allocate
// nothing unless a value is toasted.
#include "pg/export.hpp"
#include "pg/types/sparse_datum.hpp"

using namespace vecx;
using namespace vecx::pg;

namespace {

template <class Distance>
Datum measure(FunctionCallInfo fcinfo, Distance distance) {
    SparseArg first(PG_GETARG_DATUM(0)), second(PG_GETARG_DATUM(1));
    types::SparseVector a = view(first), b = view(second);
    if (unlikely(a.dim != b.dim))
        check(types::check_sparse_same_dim(a.dim, b.dim));
    double result = distance(a.elements, b.elements);
    first.release(); // a sort may keep the memory context for long
    second.release();
    PG_RETURN_FLOAT8(result);
}

double l2(SparseView a, SparseView b) { return std::sqrt(static_cast<double>(sparse_l2sq(a, b))); }

double negative_dot(SparseView a, SparseView b) { return -sparse_dot(a, b); }

double cosine(SparseView a, SparseView b) {
    return cosine_distance(sparse_dot(a, b), sparse_norm_squared(a), sparse_norm_squared(b));
}

} // namespace

VECX_FUNCTION(vecx_sparsevec_l2_distance) { return measure(fcinfo, l2); }
VECX_FUNCTION(vecx_sparsevec_l2_squared_distance) { return measure(fcinfo, sparse_l2sq); }
VECX_FUNCTION(vecx_sparsevec_inner_product) { return measure(fcinfo, sparse_dot); }
VECX_FUNCTION(vecx_sparsevec_negative_inner_product) { return measure(fcinfo, negative_dot); }
VECX_FUNCTION(vecx_sparsevec_cosine_distance) { return measure(fcinfo, cosine); }
VECX_FUNCTION(vecx_sparsevec_l1_distance) { return measure(fcinfo, sparse_l1); }

VECX_FUNCTION(vecx_sparsevec_l2_norm) {
    SparseArg arg(PG_GETARG_DATUM(0));
    double norm = types::norm_sparse(view(arg).elements);
    arg.release();
    PG_RETURN_FLOAT8(norm);
}
