// sparsevec: distances and norms.
#include "pg/export.hpp"
#include "pg/types/sparse_datum.hpp"

using namespace vecx;
using namespace vecx::pg;

namespace {

// Both arguments as views, with their dimensions compared; lives on the stack of the SQL function.
struct Pair {
    explicit Pair(FunctionCallInfo fcinfo) : first(PG_GETARG_DATUM(0)), second(PG_GETARG_DATUM(1)) {
        types::SparseVector x = view(first), y = view(second);
        if (unlikely(x.dim != y.dim))
            check(types::check_sparse_same_dim(x.dim, y.dim));
        a = x.elements;
        b = y.elements;
    }

    SparseArg first, second;
    SparseView a, b;
};

} // namespace

VECX_FUNCTION(vecx_sparsevec_l2_distance) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(std::sqrt(static_cast<double>(sparse_l2sq(p.a, p.b))));
}

VECX_FUNCTION(vecx_sparsevec_l2_squared_distance) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(sparse_l2sq(p.a, p.b));
}

VECX_FUNCTION(vecx_sparsevec_inner_product) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(sparse_dot(p.a, p.b));
}

VECX_FUNCTION(vecx_sparsevec_negative_inner_product) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(-sparse_dot(p.a, p.b));
}

VECX_FUNCTION(vecx_sparsevec_cosine_distance) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(cosine_distance(sparse_dot(p.a, p.b), sparse_norm_squared(p.a), sparse_norm_squared(p.b)));
}

VECX_FUNCTION(vecx_sparsevec_l1_distance) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(sparse_l1(p.a, p.b));
}

VECX_FUNCTION(vecx_sparsevec_l2_norm) {
    SparseArg arg(PG_GETARG_DATUM(0));
    PG_RETURN_FLOAT8(types::norm_sparse(view(arg).elements));
}
