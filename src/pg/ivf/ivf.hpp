// The shell of the access methods ivf and ivfflat: what its files share. The inverted file itself is in src/ivf.
#pragma once

#include "ivf/layout.hpp"
#include "ivf/shape.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/postgres.hpp"

namespace vecx::pg {

struct SearchEstimate;

// Phases of a build besides PostgreSQL's own "initializing"; the numbers and names of pgvector's ivfflat.
constexpr int64 kPhaseKmeans = 2;
constexpr int64 kPhaseAssign = 3;
constexpr int64 kPhaseLoadLists = 4;

constexpr int kDefaultFlatLists = 100, kMaxFlatLists = 32768;

// An index's options; missing ones have their defaults.
struct IvfOptions {
    uint32_t lists; // 0: auto
    ivf::QuantizerKind quantizer;
    ivf::RerankKind rerank;
    int bits; // 0: auto
};

// options.cpp
void ivf_define_options(); // registers the reloptions; called once from _PG_init
bytea *ivf_options(Datum reloptions, bool validate);
bytea *ivfflat_options(Datum reloptions, bool validate);
bool is_ivfflat(Relation index); // or ivf
bool is_ivf_method(Relation index); // one of the two
IvfOptions ivf_options_of(Relation index, ElementType type, Metric metric, int32_t dim);

// facts.cpp
// The shape of an index about to be built, from its catalog entries; complains about options that cannot be.
ivf::Shape shape_of_new(Relation index, IvfOptions *options);
// Reads the metapage once per relation cache entry; XX002 when it is not what the catalogs say.
ivf::Shape shape_of(Relation index);
const char *quantizer_name(ivf::QuantizerKind quantizer);
inline Payload payload_of(Datum value, const ivf::Shape &shape, bool as_query, bool *indexable) {
    return payload_of(value, shape.type, shape.metric, shape.dim, as_query, indexable);
}

// The callbacks, each in the file of its name.
IndexBuildResult *ivf_build(Relation heap, Relation index, IndexInfo *info);
void ivf_build_empty(Relation index);
char *ivf_build_phase_name(int64 phase);
bool ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexUniqueCheck check_unique,
                bool index_unchanged, IndexInfo *info);
IndexBulkDeleteResult *ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                       IndexBulkDeleteCallback callback, void *state);
IndexBulkDeleteResult *ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);
void ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
                       Selectivity *selectivity, double *correlation, double *pages);
IndexScanDesc ivf_begin_scan(Relation index, int nkeys, int norderbys);
void ivf_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool ivf_get_tuple(IndexScanDesc scan, ScanDirection direction);
void ivf_end_scan(IndexScanDesc scan);

// cost.cpp: for filtered scans, pg/filter/masked_stream.hpp
SearchEstimate ivf_masked_estimate(PlannerInfo *root, IndexOptInfo *index, double rows, double selectivity);

} // namespace vecx::pg
