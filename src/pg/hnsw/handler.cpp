// Tells PostgreSQL what the access method can do and where its callbacks are.
#include "pg/export.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/postgres.hpp"

VECX_FUNCTION(vecx_hnsw_handler) {
    IndexAmRoutine *am = makeNode(IndexAmRoutine); // zeroed: what is not named here, it cannot do

    am->amstrategies = vecx::pg::kHnswStrategies;
    am->amsupport = vecx::pg::kHnswSupports;
    am->amcanorderbyop = true;
    am->amcanmulticol = true;   // attributes behind the vector
    am->amsearcharray = true;   // of attributes
    am->amsearchnulls = true;   // of attributes; scan.cpp has what it means for the vector
    am->amoptionalkey = true; // ORDER BY does without conditions
    am->amusemaintenanceworkmem = true;
    am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
    am->amkeytype = InvalidOid;

    am->ambuild = vecx::pg::hnsw_build;
    am->ambuildempty = vecx::pg::hnsw_build_empty;
    am->aminsert = vecx::pg::hnsw_insert;
    am->ambulkdelete = vecx::pg::hnsw_bulk_delete;
    am->amvacuumcleanup = vecx::pg::hnsw_vacuum_cleanup;
    am->amcostestimate = vecx::pg::hnsw_cost_estimate;
    am->amoptions = vecx::pg::hnsw_options;
    am->ambuildphasename = vecx::pg::hnsw_build_phase_name;
    am->amvalidate = vecx::pg::hnsw_validate;
    am->ambeginscan = vecx::pg::hnsw_begin_scan;
    am->amrescan = vecx::pg::hnsw_rescan;
    am->amgettuple = vecx::pg::hnsw_get_tuple;
    am->amendscan = vecx::pg::hnsw_end_scan;

    PG_RETURN_POINTER(am);
}
