// vecx_index_info(regclass): the metapage of an index, for people.
#include "hnsw/meta.hpp"

#include "pg/error.hpp"
#include "pg/export.hpp"
#include "pg/hnsw/info.hpp"
#include "pg/hnsw/store.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/rel.h"
}

namespace vecx::pg {

Relation open_hnsw_index(Oid oid, LOCKMODE mode) {
    Relation index = index_open(oid, mode); // refuses what is no index at all
    if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_indam->ambuild != hnsw_build)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is not an hnsw index", RelationGetRelationName(index))));
    if (RELATION_IS_OTHER_TEMP(index))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot access temporary indexes of other sessions")));
    return index;
}

} // namespace vecx::pg

VECX_FUNCTION(vecx_index_info) {
    using namespace vecx;
    using namespace vecx::pg;

    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "vecx_index_info must return a row");
    Relation index = open_hnsw_index(PG_GETARG_OID(0), AccessShareLock);
    PageStore store(index);
    hnsw::MetaRecord meta;
    check(hnsw::read_meta(store, &meta), RelationGetRelationName(index));

    constexpr int kColumns = 8;
    Datum values[kColumns] = {
        CStringGetTextDatum("plain"), // the only layout that read_meta accepts
        CStringGetTextDatum(element_type_name(static_cast<ElementType>(meta.element_type))),
        CStringGetTextDatum(metric_name(static_cast<Metric>(meta.metric))),
        Int32GetDatum(meta.dim),
        Int32GetDatum(meta.m),
        Int32GetDatum(meta.ef_construction),
        Int32GetDatum(meta.entry_level),
        Int64GetDatum(store.block_count()),
    };
    bool nulls[kColumns] = {};
    nulls[6] = meta.entry.none(); // an empty graph has no entry
    index_close(index, AccessShareLock);
    if (desc->natts != kColumns)
        elog(ERROR, "vecx_index_info must return a row of %d columns", kColumns);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
