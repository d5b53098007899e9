// sparsevec: comparison operators and the support function of its btree operator class.
#include "pg/export.hpp"
#include "pg/types/sparse_datum.hpp"

using namespace vecx;
using namespace vecx::pg;

namespace {

// Frees what it fetched: sorts and btree descents call it in memory contexts that live long.
int compare(FunctionCallInfo fcinfo) {
    SparseArg a(PG_GETARG_DATUM(0)), b(PG_GETARG_DATUM(1));
    int order = types::compare_sparse(view(a), view(b));
    a.release();
    b.release();
    return order;
}

} // namespace

VECX_FUNCTION(vecx_sparsevec_lt) { PG_RETURN_BOOL(compare(fcinfo) < 0); }
VECX_FUNCTION(vecx_sparsevec_le) { PG_RETURN_BOOL(compare(fcinfo) <= 0); }
VECX_FUNCTION(vecx_sparsevec_eq) { PG_RETURN_BOOL(compare(fcinfo) == 0); }
VECX_FUNCTION(vecx_sparsevec_ne) { PG_RETURN_BOOL(compare(fcinfo) != 0); }
VECX_FUNCTION(vecx_sparsevec_ge) { PG_RETURN_BOOL(compare(fcinfo) >= 0); }
VECX_FUNCTION(vecx_sparsevec_gt) { PG_RETURN_BOOL(compare(fcinfo) > 0); }
VECX_FUNCTION(vecx_sparsevec_cmp) { PG_RETURN_INT32(compare(fcinfo)); }
