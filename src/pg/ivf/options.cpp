// ivf: WITH (lists, quantizer, bits, rerank); ivfflat: WITH (lists).
#include "pg/ivf/ivf.hpp"

extern "C" {
#include "access/reloptions.h"
}

namespace vecx::pg {

namespace {

relopt_kind ivf_kind, flat_kind;

constexpr int32_t kLeastCodedDim = 32; // shorter vectors are as short as a code of them

// The bytea that PostgreSQL keeps in the relation cache; of both access methods.
struct StoredOptions {
    int32 vl_len_;
    int lists;     // 0 is auto
    int quantizer; // 0 is auto, otherwise a QuantizerKind
    int bits;      // 0 is auto
    int rerank;    // 0 is auto, otherwise a RerankKind
};

relopt_enum_elt_def quantizers[] = {
    {"auto", 0},
    {"none", static_cast<int>(ivf::QuantizerKind::none)},
    {"sq8", static_cast<int>(ivf::QuantizerKind::sq8)},
    {"pq", static_cast<int>(ivf::QuantizerKind::pq)},
    {"rabitq", static_cast<int>(ivf::QuantizerKind::rabitq)},
    {nullptr, 0},
};

relopt_enum_elt_def reranks[] = {
    {"auto", 0},
    {"heap", static_cast<int>(ivf::RerankKind::heap)},
    {"index", static_cast<int>(ivf::RerankKind::index)},
    {nullptr, 0},
};

} // namespace

void ivf_define_options() {
    ivf_kind = add_reloption_kind();
    add_int_reloption(ivf_kind, "lists", "Number of lists; 0, the default, chooses it by the number of rows.", 0, 0,
                      static_cast<int>(ivf::kMaxLists), AccessExclusiveLock);
    add_enum_reloption(ivf_kind, "quantizer", "How vectors are shortened for the search.", quantizers, 0,
                       "Valid values are \"auto\", \"none\", \"sq8\", \"pq\" and \"rabitq\".", AccessExclusiveLock);
    add_int_reloption(ivf_kind, "bits", "Bits of a coordinate that quantizer rabitq (1 to 8) or pq (1 or 2) keeps; 0, the default, chooses them.", 0, 0, 8,
                      AccessExclusiveLock);
    add_enum_reloption(ivf_kind, "rerank", "Where exact distances come from.", reranks, 0,
                       "Valid values are \"auto\", \"heap\" and \"index\".", AccessExclusiveLock);
    flat_kind = add_reloption_kind();
    add_int_reloption(flat_kind, "lists", "Number of inverted lists", kDefaultFlatLists, 1, kMaxFlatLists, AccessExclusiveLock);
}

bytea *ivf_options(Datum reloptions, bool validate) {
    static const relopt_parse_elt elements[] = {
        {"lists", RELOPT_TYPE_INT, offsetof(StoredOptions, lists)},
        {"quantizer", RELOPT_TYPE_ENUM, offsetof(StoredOptions, quantizer)},
        {"bits", RELOPT_TYPE_INT, offsetof(StoredOptions, bits)},
        {"rerank", RELOPT_TYPE_ENUM, offsetof(StoredOptions, rerank)},
    };
    return static_cast<bytea *>(
        build_reloptions(reloptions, validate, ivf_kind, sizeof(StoredOptions), elements, lengthof(elements)));
}

bytea *ivfflat_options(Datum reloptions, bool validate) {
    static const relopt_parse_elt elements[] = {{"lists", RELOPT_TYPE_INT, offsetof(StoredOptions, lists)}};
    return static_cast<bytea *>(
        build_reloptions(reloptions, validate, flat_kind, sizeof(StoredOptions), elements, lengthof(elements)));
}

bool is_ivfflat(Relation index) { return index->rd_indam->amoptions == ivfflat_options; }
bool is_ivf_method(Relation index) { return index->rd_indam->ambuild == ivf_build; }

IvfOptions ivf_options_of(Relation index, ElementType type, Metric metric, int32_t dim) {
    const StoredOptions *stored = reinterpret_cast<const StoredOptions *>(index->rd_options);
    IvfOptions options{0, ivf::QuantizerKind{}, ivf::RerankKind{}, 0};
    if (is_ivfflat(index)) {
        options.lists = static_cast<uint32_t>(stored != nullptr ? stored->lists : kDefaultFlatLists);
        options.quantizer = ivf::QuantizerKind::none;
    } else if (stored != nullptr) {
        options.lists = static_cast<uint32_t>(stored->lists);
        options.quantizer = static_cast<ivf::QuantizerKind>(stored->quantizer);
        options.rerank = static_cast<ivf::RerankKind>(stored->rerank);
        options.bits = stored->bits;
    }
    const bool asked = options.quantizer != ivf::QuantizerKind{} || options.rerank == ivf::RerankKind::heap || options.bits != 0;
    if (options.quantizer == ivf::QuantizerKind{} && asked && !is_ivfflat(index))
        options.quantizer = ivf::QuantizerKind::rabitq; // only it has these
    if (options.quantizer == ivf::QuantizerKind{})
        options.quantizer = dim >= kLeastCodedDim && ivf::supports(ivf::QuantizerKind::rabitq, type, metric)
                                ? ivf::QuantizerKind::rabitq
                                : ivf::QuantizerKind::none;
    if (options.quantizer == ivf::QuantizerKind::none) {
        if (options.rerank == ivf::RerankKind::heap)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("rerank = heap does not go with quantizer = none"),
                            errdetail("Without a quantizer the index keeps the vectors.")));
        if (options.bits != 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("bits = %d does not go with quantizer = none", options.bits)));
        options.rerank = ivf::RerankKind::index;
    } else if (options.rerank == ivf::RerankKind{}) {
        options.rerank = ivf::RerankKind::heap;
    }
    if (options.bits != 0 && options.quantizer == ivf::QuantizerKind::sq8)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("bits = %d does not go with quantizer = sq8", options.bits),
                        errdetail("A code of sq8 has 8 bits for each coordinate.")));
    if (options.bits > 2 && options.quantizer == ivf::QuantizerKind::pq)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("bits = %d does not go with quantizer = pq", options.bits),
                        errdetail("A code of pq has 1 or 2 bits for each coordinate.")));
    return options;
}

} // namespace vecx::pg
