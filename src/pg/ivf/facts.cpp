// What an index knows about its column: shapes, from the catalogs and from the metapage.
#include "ivf/meta.hpp"
#include "pg/error.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/store.hpp"

extern "C" {
#include "utils/memutils.h"
#include "utils/rel.h"
}

namespace vecx::pg {

const char *quantizer_name(ivf::QuantizerKind quantizer) {
    switch (quantizer) {
    case ivf::QuantizerKind::none:
        return "none";
    case ivf::QuantizerKind::sq8:
        return "sq8";
    case ivf::QuantizerKind::pq:
        return "pq";
    case ivf::QuantizerKind::rabitq:
        return "rabitq";
    }
    return "unknown";
}

ivf::Shape shape_of_new(Relation index, IvfOptions *out) {
    const OpclassInfo *info = opclass_info(index);
    const int32_t dim = column_dimensions(index, info->type == ElementType::bit ? INT32_MAX : kMaxDenseDim);
    IvfOptions options = ivf_options_of(index, info->type, info->metric, dim);
    const int attributes = attribute_columns(index).count;
    column_dimensions(index, ivf::max_dim(info->type, options.quantizer, options.rerank, kBodySize, attributes));
    ivf::Shape shape;
    const char *fault = ivf::choose_shape(
        ivf::ShapeOptions{info->type, info->metric, dim, options.quantizer, options.rerank, options.bits, 0, attributes}, kBodySize, &shape);
    if (fault != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("%s index is not possible for %s distance of %s with %d dimensions", access_method_name(index),
                               metric_name(info->metric), element_type_name(info->type), dim),
                        errdetail("%s", fault)));
    *out = options;
    return shape;
}

ivf::Shape shape_of(Relation index) {
    if (index->rd_amcache == nullptr) {
        const char *name = RelationGetRelationName(index);
        ListPageStore store(index);
        ivf::MetaRecord meta;
        ivf::Shape shape;
        check(ivf::read_meta(store, &meta, &shape), name);
        const OpclassInfo *info = opclass_info(index);
        if (shape.type != info->type || shape.metric != info->metric)
            raise(Status::corrupt(ivf::kMetaBlock, "it is of type %u and metric %u, but its operator class of %u and %u",
                                  static_cast<unsigned>(shape.type), static_cast<unsigned>(shape.metric),
                                  static_cast<unsigned>(info->type), static_cast<unsigned>(info->metric)),
                  name);
        if (shape.attributes != IndexRelationGetNumberOfKeyAttributes(index) - 1)
            raise(Status::corrupt(ivf::kMetaBlock, "it has %u columns beside the vector, and not %d", shape.attributes,
                                  IndexRelationGetNumberOfKeyAttributes(index) - 1),
                  name);
        ivf::Shape *kept = static_cast<ivf::Shape *>(MemoryContextAlloc(index->rd_indexcxt, sizeof(ivf::Shape)));
        *kept = shape;
        index->rd_amcache = kept; // freed with the relation cache entry
    }
    return *static_cast<ivf::Shape *>(index->rd_amcache);
}

} // namespace vecx::pg
