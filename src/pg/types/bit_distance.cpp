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

// Both arguments, with their lengths compared. PostgreSQL keeps the unused bits of the last byte zero,
// so whole bytes can be counted.
struct Pair {
    explicit Pair(FunctionCallInfo fcinfo) : first(PG_GETARG_DATUM(0)), second(PG_GETARG_DATUM(1)) {
        if (unlikely(VARBITLEN(first.get()) != VARBITLEN(second.get())))
            ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                            errmsg("different bit lengths %u and %u", static_cast<unsigned>(VARBITLEN(first.get())),
                                   static_cast<unsigned>(VARBITLEN(second.get())))));
        a = VARBITS(first.get());
        b = VARBITS(second.get());
        bytes = VARBITBYTES(first.get());
    }

    Detoasted<VarBit> first, second;
    const uint8_t *a, *b;
    size_t bytes;
};

} // namespace

VECX_FUNCTION(vecx_hamming_distance) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(static_cast<double>(kernels::active->hamming(p.a, p.b, p.bytes)));
}

VECX_FUNCTION(vecx_jaccard_distance) {
    Pair p(fcinfo);
    PG_RETURN_FLOAT8(jaccard_distance(kernels::active->jaccard(p.a, p.b, p.bytes)));
}
