// The hnsw access method's shell: what its files share. The graph itself is in src/hnsw.
#pragma once

#include "hnsw/inlined/shape.hpp"
#include "hnsw/layout.hpp"
#include "pg/explain.hpp"
#include "pg/postgres.hpp"
#include "types/distance.hpp"

extern "C" {
#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
}

namespace vecx::pg {

struct SearchEstimate;

constexpr int kDistanceStrategy = 1; // column <-> value, for ORDER BY
constexpr int kSphereStrategy = 2;   // column <<->> sphere, a condition
constexpr int kHnswStrategies = 5; // of the classes of attributes, attributes.hpp
constexpr int kHnswSupports = 1;   // the opclass's OpclassInfo, below

// Phases of a build besides PostgreSQL's own "initializing"; what pg_stat_progress_create_index shows.
constexpr int64 kPhaseLoad = 2;
constexpr int64 kPhaseWrite = 3;
constexpr int64 kPhaseLink = 4;
constexpr int64 kPhaseOrder = 5;
constexpr int64 kPhaseInsert = 6;

// What support function 1 of an operator class returns.
struct OpclassInfo {
    uint32_t magic; // kOpclassMagic: the function is one of ours
    ElementType type;
    Metric metric;
};
constexpr uint32_t kOpclassMagic = 0x4F434556;

// What the metapage says and no write changes, kept in the relation cache.
struct IndexFacts {
    ElementType type;
    Metric metric;
    int32_t dim;
    int m;
    int ef_construction;
    hnsw::LayoutKind layout;
    hnsw::inlined::Shape shape; // of layouts inlined and compact
    int attributes() const { return layout == hnsw::LayoutKind::plain ? 0 : shape.attributes; }
};

// An index's options; missing ones have their defaults.
struct HnswOptions {
    int m;
    int ef_construction;
    hnsw::LayoutKind layout; // 0: auto
};

// support.cpp
const OpclassInfo *opclass_info(Relation index);
// 22023 when the column has no dimensions, 54000 when it has more than `most`.
int32_t column_dimensions(Relation index, int32_t most);
int32_t max_dimensions(ElementType type); // of an hnsw index
// Reads the metapage once per relation cache entry; XX002 when it is not what the catalogs say.
IndexFacts index_facts(Relation index);
Measure measure_of(const IndexFacts &facts);
// The payload of a column value; may allocate in the current memory context. 22000 when its dimensions are
// not `dim`, with the words of the type's operators if `as_query`. `*indexable` is false for a zero vector
// under cosine, which has a distance to nothing.
// For the column of an index of any access method.
Payload payload_of(Datum value, ElementType type, Metric metric, int32_t dim, bool as_query, bool *indexable);
inline Payload payload_of(Datum value, const IndexFacts &facts, bool as_query, bool *indexable) {
    return payload_of(value, facts.type, facts.metric, facts.dim, as_query, indexable);
}
const char *access_method_name(Relation index);
const char *element_type_name(ElementType type);
const char *metric_name(Metric metric);

// options.cpp
void hnsw_define_options(); // registers the reloptions; called once from _PG_init
bytea *hnsw_options(Datum reloptions, bool validate);
HnswOptions options_of(Relation index);

// The access method's callbacks, each in the file of its name.
IndexBuildResult *hnsw_build(Relation heap, Relation index, IndexInfo *info);
void hnsw_build_empty(Relation index);
char *hnsw_build_phase_name(int64 phase);
bool hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
                 IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *info);
IndexBulkDeleteResult *hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                        IndexBulkDeleteCallback callback, void *state);
IndexBulkDeleteResult *hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);
void hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
                        Selectivity *selectivity, double *correlation, double *pages);
bool hnsw_validate(Oid opclass); // also of the other access methods
IndexScanDesc hnsw_begin_scan(Relation index, int nkeys, int norderbys);
void hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction);
void hnsw_end_scan(IndexScanDesc scan);

// What a scan did so far, all its searches together; false when it is of another access method or was never asked for a row.
bool hnsw_report_scan(IndexScanDesc scan, ScanReport *report);
// scan.cpp: bytes that a scan may keep of what it has visited
size_t hnsw_scan_memory();
// cost.cpp: for filtered scans, pg/filter/masked_stream.hpp
SearchEstimate hnsw_masked_estimate(PlannerInfo *root, IndexOptInfo *index, double rows, double selectivity);

} // namespace vecx::pg
