// How rows lie on pages. See shape.hpp.
#include "ivf/shape.hpp"

#include <bit>

#include "hnsw/meta.hpp"
#include "ivf/encode.hpp"

#include "base/core_only.hpp"

namespace vecx::ivf {

namespace {

// README.md, "Measured before": below this many dimensions exact distances are cheap to fetch wrong ones for, and short
// codes leave room for a bit more.
constexpr int32_t kManyDimensions = 512;
constexpr int kBitsMany = 4, kBitsFew = 5;
constexpr int kWordBits = 4, kByteBits = 8; // of a code of pq and of sq8
constexpr int kMostCodeDim = 16;
constexpr int kAutoCodeDim = 2;

uint32_t pages_of(uint32_t rows, uint32_t per_page) { return per_page == 0 ? 0 : (rows - 1 + per_page - 1) / per_page + 1; }

// Everything but the number of bits is set; false when not one row fits.
bool lay_out(Shape *shape) {
    const uint32_t cold_room = shape->body_size - static_cast<uint32_t>(sizeof(PageHead));
    shape->codes_rows = shape->vectors_rows = 0;
    const bool fine = shape->planes_size() > 0;
    if (fine)
        shape->codes_rows = cold_room / (static_cast<uint32_t>(sizeof(FineHead)) + shape->planes_size());
    if (shape->coded() && shape->rerank == RerankKind::index)
        shape->vectors_rows = cold_room / shape->payload_size;
    if ((shape->codes_rows == 0 && fine) ||
        (shape->vectors_rows == 0 && shape->coded() && shape->rerank == RerankKind::index))
        return false;
    const uint32_t step = shape->group();
    const uint32_t each = static_cast<uint32_t>(sizeof(HeapTid)) + 8u * shape->attributes + (shape->in_records() ? shape->payload_step() : 4 + shape->near_code_size());
    if (shape->quantizer == QuantizerKind::pq && shape->near_code_size() > kLongestWords)
        return false;
    for (shape->page_rows = (shape->body_size / each + step) / step * step; shape->page_rows > 0; shape->page_rows -= step) {
        shape->codes_pages = pages_of(shape->page_rows, shape->codes_rows);
        shape->vectors_pages = pages_of(shape->page_rows, shape->vectors_rows);
        if (shape->postings_end() <= shape->body_size)
            return true;
    }
    return false;
}

// Chooses how long a code is: 1, or 0 when not one row fits a page, or -1 when what was asked for is out of range. What was not
// asked for gives way where a code does not fit a page.
int32_t fit_code(const ShapeOptions &options, Shape *shape) {
    switch (shape->quantizer) {
    case QuantizerKind::sq8:
        shape->bits = kByteBits;
        shape->code_dim = 1;
        return options.bits == 0 ? lay_out(shape) : -1;
    case QuantizerKind::pq: {
        if (options.bits < 0 || options.bits > 2 || (options.code_dim != 0 && !std::has_single_bit(static_cast<unsigned>(options.code_dim))))
            return -1;
        const int asked = options.code_dim > 0 ? options.code_dim : options.bits > 0 ? kWordBits / options.bits : 0;
        if (asked == 1 || asked > kMostCodeDim)
            return -1;
        shape->bits = kWordBits;
        for (int size = asked > 0 ? asked : kAutoCodeDim; size <= (asked > 0 ? asked : kMostCodeDim); size *= 2) {
            shape->code_dim = static_cast<uint8_t>(size);
            if (lay_out(shape))
                return 1;
        }
        return 0;
    }
    default:
        break;
    }
    shape->words = quant::rotated_dim(options.dim) / 64;
    shape->bits = static_cast<uint8_t>(options.bits > 0 ? options.bits : options.dim >= kManyDimensions ? kBitsMany : kBitsFew);
    if (shape->bits > quant::kMaxBits)
        return -1;
    while (!lay_out(shape))
        if (options.bits > 0 || --shape->bits == 0)
            return 0;
    return 1;
}

} // namespace

uint32_t Shape::row_size() const {
    const uint32_t vector = !coded() || rerank == RerankKind::index ? (payload_size + 7) / 8 * 8 : 0;
    return static_cast<uint32_t>(sizeof(RowHead)) + code_size() + vector + attributes_size();
}

bool supports(QuantizerKind quantizer, ElementType type, Metric metric) {
    const bool dense = type == ElementType::f32 || type == ElementType::f16 || type == ElementType::bf16 || type == ElementType::i8;
    const bool geometric = metric == Metric::l2 || metric == Metric::ip || metric == Metric::cosine;
    switch (quantizer) {
    case QuantizerKind::none:
        return (dense && (geometric || metric == Metric::l1)) ||
               (type == ElementType::bit && (metric == Metric::hamming || metric == Metric::jaccard));
    case QuantizerKind::sq8:
    case QuantizerKind::pq:
    case QuantizerKind::rabitq:
        return dense && geometric;
    }
    return false;
}

const char *choose_shape(const ShapeOptions &options, uint32_t body_size, Shape *out) {
    if (!supports(options.quantizer, options.type, options.metric))
        return "the quantizer does not go with the operator class";
    if (options.dim < 1)
        return "dimension out of range";
    if (options.attributes < 0 || options.attributes > static_cast<int>(filter::kMostAttributes))
        return "number of further columns out of range";
    Shape shape{};
    shape.type = options.type;
    shape.metric = options.metric;
    shape.quantizer = options.quantizer;
    shape.rerank = options.quantizer == QuantizerKind::none ? RerankKind::heap : options.rerank;
    shape.dim = options.dim;
    shape.attributes = static_cast<uint8_t>(options.attributes);
    shape.body_size = body_size;
    shape.payload_size = hnsw::dense_payload_size(options.type, options.dim);
    if (shape.coded()) {
        if (options.dim > kMaxDenseDim)
            return "dimension out of range";
        const int32_t fits = fit_code(options, &shape);
        if (fits < 0)
            return "number of bits out of range";
        if (fits == 0)
            return "a row does not fit a page";
    } else if (!lay_out(&shape)) {
        return "a row does not fit a page";
    }
    *out = shape;
    return nullptr;
}

int32_t max_dim(ElementType type, QuantizerKind quantizer, RerankKind rerank, uint32_t body_size, int attributes) {
    int32_t low = 1, high = type == ElementType::bit ? 1 << 17 : kMaxDenseDim;
    while (low < high) {
        const int32_t middle = low + (high - low + 1) / 2;
        Shape shape;
        const Metric metric = type == ElementType::bit ? Metric::hamming : Metric::l2;
        if (choose_shape(ShapeOptions{type, metric, middle, quantizer, rerank, 0, 0, attributes}, body_size, &shape) == nullptr)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void shape_to_meta(const Shape &shape, MetaRecord *meta) {
    meta->element_type = static_cast<uint8_t>(shape.type);
    meta->metric = static_cast<uint8_t>(shape.metric);
    meta->quantizer = static_cast<uint8_t>(shape.quantizer);
    meta->rerank = static_cast<uint8_t>(shape.rerank);
    meta->bits = shape.bits;
    meta->code_dim = shape.quantizer == QuantizerKind::pq ? shape.code_dim : 0;
    meta->dim = shape.dim;
    meta->attributes = shape.attributes;
}

const char *shape_from_meta(const MetaRecord &meta, uint32_t body_size, Shape *out) {
    if (meta.element_type < static_cast<uint8_t>(ElementType::f32) || meta.element_type > static_cast<uint8_t>(ElementType::bit))
        return "unknown element type";
    if (meta.metric < static_cast<uint8_t>(Metric::l2) || meta.metric > static_cast<uint8_t>(Metric::jaccard))
        return "unknown metric";
    if (meta.rerank != static_cast<uint8_t>(RerankKind::heap) && meta.rerank != static_cast<uint8_t>(RerankKind::index))
        return "unknown way to rank again";
    const QuantizerKind quantizer = static_cast<QuantizerKind>(meta.quantizer);
    const bool none = quantizer == QuantizerKind::none, pq = quantizer == QuantizerKind::pq;
    if (meta.dim < 1 || meta.dim > (1 << 17) || none != (meta.bits == 0) || pq != (meta.code_dim != 0))
        return "dimension or bits out of range";
    ShapeOptions options{static_cast<ElementType>(meta.element_type), static_cast<Metric>(meta.metric), meta.dim, quantizer,
                         static_cast<RerankKind>(meta.rerank), quantizer == QuantizerKind::rabitq ? meta.bits : 0, meta.code_dim, meta.attributes};
    if (const char *fault = choose_shape(options, body_size, out); fault != nullptr)
        return fault;
    return out->bits == meta.bits ? nullptr : "dimension or bits out of range";
}

} // namespace vecx::ivf
