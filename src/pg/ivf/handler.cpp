// Tells PostgreSQL what the two access methods can do and where their callbacks are.
#include "pg/export.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/postgres.hpp"

namespace {

// `attributes`: whether there may be further columns behind the vector.
IndexAmRoutine *routine(amoptions_function options, bool attributes) {
    IndexAmRoutine *am = makeNode(IndexAmRoutine); // zeroed: what is not named here, it cannot do

    // Conditions on further columns; none on the vector: a scan would not apply it.
    am->amstrategies = attributes ? vecx::pg::kHnswStrategies : vecx::pg::kDistanceStrategy;
    am->amsupport = vecx::pg::kHnswSupports;
    am->amcanorderbyop = true;
    am->amcanmulticol = attributes;
    am->amsearcharray = attributes;
    am->amsearchnulls = attributes; // scan.cpp has what it means for the vector
    am->amoptionalkey = true; // ORDER BY does without conditions
    am->amusemaintenanceworkmem = true;
    am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
    am->amkeytype = InvalidOid;

    am->ambuild = vecx::pg::ivf_build;
    am->ambuildempty = vecx::pg::ivf_build_empty;
    am->aminsert = vecx::pg::ivf_insert;
    am->ambulkdelete = vecx::pg::ivf_bulk_delete;
    am->amvacuumcleanup = vecx::pg::ivf_vacuum_cleanup;
    am->amcostestimate = vecx::pg::ivf_cost_estimate;
    am->amoptions = options;
    am->ambuildphasename = vecx::pg::ivf_build_phase_name;
    am->amvalidate = vecx::pg::hnsw_validate;
    am->ambeginscan = vecx::pg::ivf_begin_scan;
    am->amrescan = vecx::pg::ivf_rescan;
    am->amgettuple = vecx::pg::ivf_get_tuple;
    am->amendscan = vecx::pg::ivf_end_scan;
    return am;
}

} // namespace

VECX_FUNCTION(vecx_ivf_handler) { PG_RETURN_POINTER(routine(vecx::pg::ivf_options, true)); }
VECX_FUNCTION(vecx_ivfflat_handler) { PG_RETURN_POINTER(routine(vecx::pg::ivfflat_options, false)); }
