// WITH (m, ef_construction, layout, quantizer).
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
    int layout;    // 0 is auto, otherwise a LayoutKind
    int quantizer; // the same: each goes with one layout
};

relopt_enum_elt_def layouts[] = {
    {"auto", 0},
    {"plain", static_cast<int>(hnsw::LayoutKind::plain)},
    {"inline", static_cast<int>(hnsw::LayoutKind::inlined)},
    {"compact", static_cast<int>(hnsw::LayoutKind::compact)},
    {nullptr, 0},
};

relopt_enum_elt_def quantizers[] = {
    {"auto", 0},
    {"none", static_cast<int>(hnsw::LayoutKind::plain)},
    {"rabitq", static_cast<int>(hnsw::LayoutKind::inlined)},
    {"sq8", static_cast<int>(hnsw::LayoutKind::compact)},
    {nullptr, 0},
};

const char *name_of(const relopt_enum_elt_def *values, int value) {
    while (values->string_val != nullptr && values->symbol_val != value)
        ++values;
    return values->string_val;
}

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
    add_enum_reloption(kind, "quantizer", "How vectors are shortened for the search.", quantizers, 0,
                       "Valid values are \"auto\", \"none\", \"rabitq\" and \"sq8\".", AccessExclusiveLock);
}

bytea *hnsw_options(Datum reloptions, bool validate) {
    static const relopt_parse_elt elements[] = {
        {"m", RELOPT_TYPE_INT, offsetof(StoredOptions, m)},
        {"ef_construction", RELOPT_TYPE_INT, offsetof(StoredOptions, ef_construction)},
        {"layout", RELOPT_TYPE_ENUM, offsetof(StoredOptions, layout)},
        {"quantizer", RELOPT_TYPE_ENUM, offsetof(StoredOptions, quantizer)},
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
        if (stored->layout != 0 && stored->quantizer != 0 && stored->layout != stored->quantizer)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("layout = %s does not go with quantizer = %s", name_of(layouts, stored->layout),
                                   name_of(quantizers, stored->quantizer)),
                            errdetail("Layout plain goes with none, inline with rabitq, compact with sq8.")));
        options.layout = static_cast<hnsw::LayoutKind>(stored->layout != 0 ? stored->layout : stored->quantizer);
    }
    return options;
}

} // namespace vecx::pg
