// What an index knows about its column: the operator class's types, the facts of the metapage, and how a
// column value becomes a payload.
#include "pg/hnsw/hnsw.hpp"

#include "hnsw/meta.hpp"
#include "pg/error.hpp"
#include "pg/export.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/store.hpp"

extern "C" {
#include "access/genam.h"
#include "commands/defrem.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/varbit.h"
}

// One support function for each pair of type and metric that has operator classes.
#define VECX_OPCLASS(type, metric)                                                                 \
    VECX_FUNCTION(vecx_hnsw_##type##_##metric) {                                                   \
        static constexpr vecx::pg::OpclassInfo info{vecx::pg::kOpclassMagic, vecx::ElementType::type, \
                                                    vecx::Metric::metric};                         \
        PG_RETURN_POINTER(&info);                                                                  \
    }
#define VECX_NUMBER_OPCLASSES(type)                                                                \
    VECX_OPCLASS(type, l2)                                                                         \
    VECX_OPCLASS(type, ip)                                                                         \
    VECX_OPCLASS(type, cosine)                                                                     \
    VECX_OPCLASS(type, l1)

VECX_NUMBER_OPCLASSES(f32)
VECX_NUMBER_OPCLASSES(f16)
VECX_NUMBER_OPCLASSES(bf16)
VECX_NUMBER_OPCLASSES(i8)
VECX_NUMBER_OPCLASSES(sparse)
VECX_OPCLASS(bit, hamming)
VECX_OPCLASS(bit, jaccard)

namespace vecx::pg {

namespace {

constexpr int32_t kMaxBitDim = 8 * 128000;

// The values as they lie in a tuple, all pgvector's: a length word, then this.
struct DenseValue {
    int32 vl_len_;
    int16 dim;
    int16 unused;
    uint8_t bytes[];
};

struct SparseValue {
    int32 vl_len_;
    int32 dim;
    int32 nnz;
    int32 unused;
    uint8_t bytes[]; // int32 indices[nnz], float values[nnz]
};

[[noreturn]] void refuse_dimensions(ElementType type, int32_t expected, int32_t given, bool as_query) {
    if (!as_query)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", expected, given)));
    if (type == ElementType::bit)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %d and %d", expected, given)));
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                    errmsg("different %s dimensions %d and %d", element_type_name(type), expected, given)));
    pg_unreachable();
}

// Whether all elements are zero, of either sign.
bool is_zero(ElementType type, Payload p) {
    if (type == ElementType::sparse) {
        SparseView view = sparse_view(p);
        for (int32_t i = 0; i < view.nnz; ++i)
            if (view.values[i] != 0)
                return false;
        return true;
    }
    uint32_t width = type == ElementType::f32 ? 4 : type == ElementType::i8 ? 1 : 2;
    uint8_t sign = type == ElementType::i8 ? 0xFF : 0x7F; // mask of the byte that may hold a sign bit
    for (uint32_t i = 0; i < p.size; ++i) // most vectors show what they are in their first bytes
        if ((p.bytes[i] & (i % width == width - 1 ? sign : 0xFF)) != 0)
            return false;
    return true;
}

} // namespace

const char *element_type_name(ElementType type) {
    switch (type) {
    case ElementType::f32:
        return "vector";
    case ElementType::f16:
        return "halfvec";
    case ElementType::bf16:
        return "bf16vec";
    case ElementType::i8:
        return "int8vec";
    case ElementType::bit:
        return "bit";
    case ElementType::sparse:
        return "sparsevec";
    }
    return "unknown";
}

const char *metric_name(Metric metric) {
    switch (metric) {
    case Metric::l2:
        return "l2";
    case Metric::ip:
        return "ip";
    case Metric::cosine:
        return "cosine";
    case Metric::l1:
        return "l1";
    case Metric::hamming:
        return "hamming";
    case Metric::jaccard:
        return "jaccard";
    }
    return "unknown";
}

const char *access_method_name(Relation index) { return get_am_name(index->rd_rel->relam); }

const OpclassInfo *opclass_info(Relation index) {
    FmgrInfo *function = index_getprocinfo(index, 1, 1);
    const OpclassInfo *info = reinterpret_cast<const OpclassInfo *>(
        DatumGetPointer(FunctionCall1Coll(function, InvalidOid, PointerGetDatum(nullptr))));
    if (info != nullptr && info->magic == kAttributeMagic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("first column of index \"%s\" must be a vector", RelationGetRelationName(index))));
    if (info == nullptr || info->magic != kOpclassMagic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("operator class of index \"%s\" is not one for %s", RelationGetRelationName(index),
                               access_method_name(index))));
    return info;
}

int32_t max_dimensions(ElementType type) {
    switch (type) {
    case ElementType::bit:
        return kMaxBitDim;
    case ElementType::sparse:
        return kMaxSparseDim;
    default:
        return kMaxDenseDim;
    }
}

int32_t column_dimensions(Relation index, int32_t most) {
    int32_t dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
    if (dim < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions")));
    if (dim > most)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("column cannot have more than %d dimensions for %s index", most, access_method_name(index))));
    return dim;
}

IndexFacts index_facts(Relation index) {
    if (index->rd_amcache == nullptr) {
        const char *name = RelationGetRelationName(index);
        PageStore store(index);
        hnsw::MetaRecord meta;
        check(hnsw::read_meta(store, &meta), name);
        const OpclassInfo *info = opclass_info(index);
        if (meta.element_type != static_cast<uint8_t>(info->type) || meta.metric != static_cast<uint8_t>(info->metric))
            raise(Status::corrupt(hnsw::kMetaBlock, "it is of type %u and metric %u, but its operator class of %u and %u",
                                  meta.element_type, meta.metric, static_cast<unsigned>(info->type),
                                  static_cast<unsigned>(info->metric)),
                  name);
        IndexFacts *facts = static_cast<IndexFacts *>(MemoryContextAlloc(index->rd_indexcxt, sizeof(IndexFacts)));
        if (meta.attributes != IndexRelationGetNumberOfKeyAttributes(index) - 1)
            raise(Status::corrupt(hnsw::kMetaBlock, "it has %u columns beside the vector, and not %d", meta.attributes,
                                  IndexRelationGetNumberOfKeyAttributes(index) - 1),
                  name);
        *facts = IndexFacts{info->type, info->metric, meta.dim, meta.m, meta.ef_construction,
                            static_cast<hnsw::LayoutKind>(meta.layout), {}};
        if (facts->layout != hnsw::LayoutKind::plain) // read_meta has checked that there is one
            hnsw::inlined::shape_from_meta(meta, kBodySize, &facts->shape);
        index->rd_amcache = facts; // freed with the relation cache entry
    }
    return *static_cast<IndexFacts *>(index->rd_amcache);
}

Measure measure_of(const IndexFacts &facts) {
    return make_measure(facts.type, facts.metric, facts.dim, kernels::active);
}

Payload payload_of(Datum value, ElementType type, Metric metric, int32_t expected, bool as_query, bool *indexable) {
    varlena *stored = pg_detoast_datum(reinterpret_cast<varlena *>(DatumGetPointer(value)));
    size_t size = VARSIZE(stored);
    int32_t dim;
    Payload payload;
    switch (type) {
    case ElementType::bit: {
        const VarBit *bits = reinterpret_cast<const VarBit *>(stored);
        dim = VARBITLEN(bits);
        payload = {VARBITS(bits), static_cast<uint32_t>(VARBITBYTES(bits))};
        break;
    }
    case ElementType::sparse: {
        const SparseValue *sparse = reinterpret_cast<const SparseValue *>(stored);
        dim = sparse->dim;
        if (sparse->nnz > kMaxSparseNnz)
            ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                            errmsg("sparsevec cannot have more than %d non-zero elements for hnsw index", kMaxSparseNnz)));
        // A payload has the count directly before the indices; the value has a word between them.
        size_t tail = size - offsetof(SparseValue, bytes);
        uint8_t *copy = static_cast<uint8_t *>(palloc(sizeof(int32) + tail));
        memcpy(copy, &sparse->nnz, sizeof(int32));
        memcpy(copy + sizeof(int32), sparse->bytes, tail);
        payload = {copy, static_cast<uint32_t>(sizeof(int32) + tail)};
        break;
    }
    default: {
        const DenseValue *dense = reinterpret_cast<const DenseValue *>(stored);
        dim = dense->dim;
        payload = {dense->bytes, static_cast<uint32_t>(size - offsetof(DenseValue, bytes))};
    }
    }
    if (dim != expected)
        refuse_dimensions(type, expected, dim, as_query);
    if (!payload_is_sound(type, expected, payload))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("%s value of %u bytes is not sound", element_type_name(type), payload.size)));
    *indexable = metric != Metric::cosine || !is_zero(type, payload);
    return payload;
}

} // namespace vecx::pg
