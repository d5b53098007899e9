// Spheres: how one is made, and whether a value lies in it, for each type and distance.
#include "pg/types/sphere.hpp"

#include "pg/export.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace vecx::pg {

namespace {

constexpr int kFields = 2; // center, radius

[[noreturn]] void refuse_type(Oid type) {
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("type %s is not a sphere", format_type_be(type))));
    pg_unreachable();
}

// (center, radius float8), already converted; the result type is the SQL function's.
Datum make_sphere(FunctionCallInfo fcinfo, Datum center) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE || desc->natts != kFields)
        elog(ERROR, "function %u must return a sphere", fcinfo->flinfo->fn_oid);
    Datum values[kFields] = {center, PG_GETARG_DATUM(1)};
    bool nulls[kFields] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

using Distance = Datum (*)(FunctionCallInfo);

Datum contains(FunctionCallInfo fcinfo, Distance distance) {
    Sphere sphere = read_sphere(PG_GETARG_DATUM(1));
    if (sphere.null)
        PG_RETURN_NULL();
    double d = DatumGetFloat8(DirectFunctionCall2(distance, PG_GETARG_DATUM(0), sphere.center));
    PG_RETURN_BOOL(float8_le(d, sphere.radius)); // as SQL's <=: NaN is the greatest
}

} // namespace

Sphere read_sphere(Datum value) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(value);
    Oid type = HeapTupleHeaderGetTypeId(header);
    TupleDesc desc = lookup_rowtype_tupdesc(type, HeapTupleHeaderGetTypMod(header));
    // Somebody may have altered the type.
    if (desc->natts != kFields || TupleDescAttr(desc, 1)->atttypid != FLOAT8OID || TupleDescAttr(desc, 0)->attisdropped) {
        ReleaseTupleDesc(desc);
        refuse_type(type);
    }
    HeapTupleData tuple;
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_tableOid = InvalidOid;
    tuple.t_data = header;
    Datum values[kFields];
    bool nulls[kFields];
    heap_deform_tuple(&tuple, desc, values, nulls);
    ReleaseTupleDesc(desc);
    Sphere sphere{values[0], 0, nulls[0] || nulls[1]};
    if (!sphere.null)
        sphere.radius = DatumGetFloat8(values[1]);
    return sphere;
}

} // namespace vecx::pg

VECX_FUNCTION(vecx_sphere) {
    return vecx::pg::make_sphere(fcinfo, PG_GETARG_DATUM(0));
}

// From a literal, whose type PostgreSQL takes for text when several functions fit: a sphere of vectors, which is
// converted where another type is wanted.
VECX_FUNCTION(vecx_sphere_from_text) {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE || desc->natts < 1)
        elog(ERROR, "function %u must return a sphere", fcinfo->flinfo->fn_oid);
    Oid input, parameter;
    getTypeInputInfo(TupleDescAttr(desc, 0)->atttypid, &input, &parameter);
    char *literal = text_to_cstring(PG_GETARG_TEXT_PP(0));
    return vecx::pg::make_sphere(fcinfo, OidInputFunctionCall(input, literal, parameter, -1));
}

// Whether a value lies in a sphere, by the function behind the distance's operator.
#define VECX_SPHERE(name)                                                                                        \
    extern "C" Datum vecx_##name##_distance(PG_FUNCTION_ARGS);                                                   \
    VECX_FUNCTION(vecx_##name##_within) {                                                                        \
        return vecx::pg::contains(fcinfo, vecx_##name##_distance);                                               \
    }
#define VECX_SPHERES(type)                                                                                       \
    VECX_SPHERE(type##_l2)                                                                                       \
    extern "C" Datum vecx_##type##_negative_inner_product(PG_FUNCTION_ARGS);                                     \
    VECX_FUNCTION(vecx_##type##_ip_within) {                                                                     \
        return vecx::pg::contains(fcinfo, vecx_##type##_negative_inner_product);                                 \
    }                                                                                                            \
    VECX_SPHERE(type##_cosine)                                                                                   \
    VECX_SPHERE(type##_l1)

VECX_SPHERES(vector)
VECX_SPHERES(halfvec)
VECX_SPHERES(bf16vec)
VECX_SPHERES(int8vec)
VECX_SPHERES(sparsevec)
VECX_SPHERE(hamming)
VECX_SPHERE(jaccard)
