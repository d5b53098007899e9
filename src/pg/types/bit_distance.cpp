// Distances between PostgreSQL's own bit strings, bit and bit varying.
#include "kernels/kernels.hpp"
#include "pg/export.hpp"
#include "pg/types/datum.hpp"
#include "types/distance.hpp"

extern "C" {
#include "utils/varbit.h"
}

using namespace vecx;
using namespace vecx::pg;

namespace {

// PostgreSQL keeps the unused bits of the last byte zero, so whole bytes can be counted.
template <class Distance>
Datum measure(FunctionCallInfo fcinfo, Distance distance) {
    Detoasted<VarBit> a(PG_GETARG_DATUM(0)), b(PG_GETARG_DATUM(1));
    int32 length = VARBITLEN(a.get());
    if (unlikely(length != VARBITLEN(b.get())))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %d and %d", length, static_cast<int>(VARBITLEN(b.get())))));
    double result = distance(VARBITS(a.get()), VARBITS(b.get()), static_cast<size_t>(VARBITBYTES(a.get())));
    a.release(); // a sort may keep the memory context for long
    b.release();
    PG_RETURN_FLOAT8(result);
}

} // namespace

VECX_FUNCTION(vecx_hamming_distance) {
    return measure(fcinfo, [](const uint8_t *a, const uint8_t *b, size_t bytes) {
        return static_cast<double>(kernels::active->hamming(a, b, bytes));
    });
}

VECX_FUNCTION(vecx_jaccard_distance) {
    return measure(fcinfo, [](const uint8_t *a, const uint8_t *b, size_t bytes) {
        return jaccard_distance(kernels::active->jaccard(a, b, bytes));
    });
}
