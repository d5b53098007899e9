// vecx_index_info(regclass): the metapage of an index, for people. vecx_index_stats(regclass): what its pages hold.
#include "hnsw/meta.hpp"

#include "hnsw/inlined/lists.hpp"
#include "hnsw/reader.hpp"
#include "pg/error.hpp"
#include "pg/export.hpp"
#include "pg/hnsw/info.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/ivf/info.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace vecx::pg {

Relation open_vecx_index(Oid oid, LOCKMODE mode) {
    Relation index = index_open(oid, mode); // refuses what is no index at all
    if (index->rd_rel->relkind != RELKIND_INDEX || (index->rd_indam->ambuild != hnsw_build && !is_ivf_method(index)))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is not an hnsw, ivf or ivfflat index", RelationGetRelationName(index))));
    if (RELATION_IS_OTHER_TEMP(index))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot access temporary indexes of other sessions")));
    if (index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot access unlogged index \"%s\" during recovery", RelationGetRelationName(index)),
                        errdetail("Unlogged relations have no data on a standby.")));
    return index;
}

void require_reader_of_all(Oid index) {
    if (owns_relation(index, GetUserId()) || has_privs_of_role(GetUserId(), ROLE_PG_STAT_SCAN_TABLES))
        return;
    const char *name = get_rel_name(index);
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for index \"%s\"", name != nullptr ? name : "?"),
                    errdetail("Only its owner and roles with privileges of pg_stat_scan_tables may read all of it.")));
}

} // namespace vecx::pg

VECX_FUNCTION(vecx_index_info) {
    using namespace vecx;
    using namespace vecx::pg;

    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "vecx_index_info must return a row");
    constexpr int kColumns = kInfoColumns;
    if (desc->natts != kColumns)
        elog(ERROR, "vecx_index_info must return a row of %d columns", kColumns);
    Relation index = open_vecx_index(PG_GETARG_OID(0), AccessShareLock);
    if (is_ivf_method(index)) {
        Datum list_values[kColumns] = {};
        bool list_nulls[kColumns];
        ivf_index_info(index, list_values, list_nulls);
        index_close(index, AccessShareLock);
        PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), list_values, list_nulls)));
    }
    PageStore store(index);
    hnsw::MetaRecord meta;
    check(hnsw::read_meta(store, &meta), RelationGetRelationName(index));

    const bool plain = meta.layout == static_cast<uint8_t>(hnsw::LayoutKind::plain);
    const bool compact = meta.layout == static_cast<uint8_t>(hnsw::LayoutKind::compact);
    const bool halves = meta.own_kind == static_cast<uint8_t>(hnsw::inlined::OwnKind::f16);
    Datum values[kColumns] = {
        CStringGetTextDatum(plain ? "plain" : compact ? "compact" : "inline"),
        CStringGetTextDatum(element_type_name(static_cast<ElementType>(meta.element_type))),
        CStringGetTextDatum(metric_name(static_cast<Metric>(meta.metric))),
        Int32GetDatum(meta.dim),
        Int32GetDatum(meta.m),
        Int32GetDatum(meta.ef_construction),
        Int32GetDatum(meta.entry_level),
        Int64GetDatum(store.block_count()),
        CStringGetTextDatum(plain ? "none" : compact ? "sq8" : "rabitq"),
        Int32GetDatum(64 * meta.code_words),
        CStringGetTextDatum(plain ? "exact" : halves ? "f16" : "i8"),
        Int32GetDatum(plain ? 2 * meta.m : meta.places),
        meta.entry.none() ? Datum(0) : CStringGetTextDatum(psprintf("%u/%u", meta.entry.block, meta.entry.slot)),
    };
    bool nulls[kColumns] = {};
    nulls[6] = nulls[12] = meta.entry.none(); // an empty graph has no entry
    for (int i = 13; i < kColumns - 1; ++i)
        nulls[i] = true;
    values[kColumns - 1] = Int32GetDatum(meta.attributes);
    index_close(index, AccessShareLock);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

// Counts, each page by itself: while others write, they need not add up.
VECX_FUNCTION(vecx_index_stats) {
    using namespace vecx;
    using namespace vecx::pg;

    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "vecx_index_stats must return a row");
    require_reader_of_all(PG_GETARG_OID(0));
    Relation index = open_vecx_index(PG_GETARG_OID(0), AccessShareLock);
    constexpr int kColumns = kStatsColumns;
    if (desc->natts != kColumns)
        elog(ERROR, "vecx_index_stats must return a row of %d columns", kColumns);
    if (is_ivf_method(index)) {
        Datum list_values[kColumns] = {};
        bool list_nulls[kColumns];
        ivf_index_stats(index, list_values, list_nulls);
        index_close(index, AccessShareLock);
        PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), list_values, list_nulls)));
    }
    const char *name = RelationGetRelationName(index);
    PageStore store(index);
    const IndexFacts facts = index_facts(index);
    int64 nodes = 0, dead = 0, rows = 0, chunks = 0, links = 0, free = 0;
    auto count_links = [&](const hnsw::Link *begin, uint32_t n) {
        for (uint32_t i = 0; i < n; ++i)
            links += !begin[i].none();
    };
    const uint32_t blocks = store.block_count();
    for (uint32_t block = hnsw::kMetaBlock; block < blocks; ++block) { // there is the entry node, if there is one
        store.poll();
        if (block != hnsw::kMetaBlock)
            check(store.read(block, [&](const hnsw::PageView &page) { free += hnsw::free_bytes(page); }), name);
        if (facts.layout == hnsw::LayoutKind::plain) {
            check(hnsw::for_each_node(store, block, [&](uint16_t, const hnsw::NodeView &node) {
                ++nodes;
                dead += node.dead();
                rows += node.head->tid_count;
                count_links(node.links, hnsw::link_count(node.head->m, node.head->level));
            }), name);
            check(store.read(block, [&](const hnsw::PageView &page) {
                for (uint32_t i = 0; i < hnsw::slot_count(page); ++i) {
                    hnsw::ChunkView chunk;
                    if (hnsw::chunk_fault(page, static_cast<uint16_t>(i), &chunk) == nullptr)
                        chunks += chunk.head != nullptr;
                }
            }), name);
        } else {
            check(hnsw::inlined::for_each_node(store, facts.shape, block, [&](uint16_t, const hnsw::inlined::NodeView &node) {
                nodes += !node.is_entry();
                dead += node.dead() && !node.is_entry();
                rows += node.head->tid_count;
                count_links(node.links, node.head->places);
            }), name);
            check(hnsw::inlined::for_each_chunk(store, block, [&](uint16_t, const hnsw::inlined::TidChunkView &chunk) {
                ++chunks;
                rows += chunk.head->count;
            }), name);
        }
    }
    Datum values[kColumns] = {Int64GetDatum(blocks), Int64GetDatum(nodes),  Int64GetDatum(dead), Int64GetDatum(rows),
                              Int64GetDatum(chunks), Int64GetDatum(links), Int64GetDatum(free)};
    bool nulls[kColumns] = {};
    index_close(index, AccessShareLock);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
