// WITH (m, ef_construction, layout).
#include "pg/hnsw/hnsw.hpp"

extern "C" {
#include "access/reloptions.h"
}

namespace vecx::pg {

namespace {

relopt_kind kind;

// The bytea that PostgreSQL keeps in the relation cache.
struct StoredOptions {
    int32 vl_len_;
    int m;
    int ef_construction;
    int layout; // 0 is auto, otherwise a LayoutKind
};

relopt_enum_elt_def layouts[] = {
    {"auto", 0},
    {"plain", static_cast<int>(hnsw::LayoutKind::plain)},
    {"inline", static_cast<int>(hnsw::LayoutKind::inlined)},
    {"compact", static_cast<int>(hnsw::LayoutKind::compact)},
    {nullptr, 0},
};

} // namespace

void hnsw_define_options() {
    kind = add_reloption_kind();
    add_int_reloption(kind, "m", "Links that a node of the graph keeps on each upper level; level 0 keeps twice as many.",
                      hnsw::kDefaultM, hnsw::kMinM, hnsw::kMaxM, AccessExclusiveLock);
    add_int_reloption(kind, "ef_construction", "Size of the dynamic candidate list for construction.",
                      hnsw::kDefaultEfConstruction, hnsw::kMinEfConstruction, hnsw::kMaxEfConstruction,
                      AccessExclusiveLock);
    add_enum_reloption(kind, "layout", "How nodes are laid out on pages.", layouts, 0,
                       "Valid values are \"auto\", \"plain\", \"inline\" and \"compact\".", AccessExclusiveLock);
}

bytea *hnsw_options(Datum reloptions, bool validate) {
    static const relopt_parse_elt elements[] = {
        {"m", RELOPT_TYPE_INT, offsetof(StoredOptions, m)},
        {"ef_construction", RELOPT_TYPE_INT, offsetof(StoredOptions, ef_construction)},
        {"layout", RELOPT_TYPE_ENUM, offsetof(StoredOptions, layout)},
    };
    return static_cast<bytea *>(
        build_reloptions(reloptions, validate, kind, sizeof(StoredOptions), elements, lengthof(elements)));
}

HnswOptions options_of(Relation index) {
    const StoredOptions *stored = reinterpret_cast<const StoredOptions *>(index->rd_options);
    HnswOptions options{hnsw::kDefaultM, hnsw::kDefaultEfConstruction, hnsw::LayoutKind{}};
    if (stored != nullptr) {
        options.m = stored->m;
        options.ef_construction = stored->ef_construction;
        options.layout = static_cast<hnsw::LayoutKind>(stored->layout);
    }
    return options;
}

} // namespace vecx::pg
