// Everything that follows from type, metric, dimension, quantiser and page size: how rows, codes and centroids lie on pages.
#pragma once

#include "ivf/layout.hpp"
#include "quant/rotation.hpp"

namespace vecx::ivf {

// What CREATE INDEX asks for.
struct ShapeOptions {
    ElementType type;
    Metric metric;
    int32_t dim;
    QuantizerKind quantizer;
    RerankKind rerank; // none keeps its vectors in any case
    int bits;          // of rabitq: 1 to 8; 0: chosen by dimension
};

// Sizes in bytes; offsets from the start of the body.
struct Shape {
    ElementType type;
    Metric metric;
    QuantizerKind quantizer;
    RerankKind rerank;
    uint8_t bits;       // a coordinate; 0 for none
    int32_t dim;
    uint32_t words;     // 64-bit words of the signs; 0 for none
    uint32_t payload_size;
    uint32_t body_size;
    uint32_t page_rows; // rows of a page of postings, a multiple of 4 with codes
    uint32_t codes_rows;   // records of a page of codes; 0: none are kept
    uint32_t vectors_rows; // records of a page of vectors; 0: none are kept
    uint32_t codes_pages, vectors_pages; // that the rows of a page of postings can lie on

    bool coded() const { return quantizer != QuantizerKind::none; }
    uint32_t centroid_dim() const { return quant::rotated_dim(dim); }
    uint32_t codes_offset() const { return sizeof(PostingsHead); }
    uint32_t vectors_offset() const { return codes_offset() + codes_pages * static_cast<uint32_t>(sizeof(Link)); }
    uint32_t tids_offset() const { return vectors_offset() + vectors_pages * static_cast<uint32_t>(sizeof(Link)); }
    uint32_t add_offset() const { return tids_offset() + (page_rows * static_cast<uint32_t>(sizeof(HeapTid)) + 7) / 8 * 8; }
    uint32_t mul_offset() const { return add_offset() + 2 * page_rows; }
    uint32_t signs_offset() const { return mul_offset() + 2 * page_rows; }
    uint32_t payloads_offset() const { return add_offset(); } // of none
    uint32_t postings_end() const { return coded() ? signs_offset() + 8 * words * page_rows : payloads_offset() + payload_size * page_rows; }
    uint32_t planes_size() const { return coded() ? 8 * words * (bits - 1u) : 0; }
    uint32_t fine_size() const { return codes_rows > 0 ? static_cast<uint32_t>(sizeof(FineHead)) + planes_size() : 0; }
    uint32_t cold_offset() const { return sizeof(PageHead); } // of the records of a page of codes or vectors
    // A row as RowEncoder writes it, the form in which it is sorted and handed to Builder::add.
    uint32_t row_size() const;
    uint32_t centroid_size() const { return static_cast<uint32_t>(sizeof(CentroidHead)) + centroid_dim(); }
};

// Whether there is an index for these: null, or why not (untranslated).
const char *choose_shape(const ShapeOptions &options, uint32_t body_size, Shape *out);
// The largest dimension of a type that an index can have.
int32_t max_dim(ElementType type, QuantizerKind quantizer, RerankKind rerank, uint32_t body_size);
bool supports(QuantizerKind quantizer, ElementType type, Metric metric);

void shape_to_meta(const Shape &shape, MetaRecord *meta);
const char *shape_from_meta(const MetaRecord &meta, uint32_t body_size, Shape *out);

} // namespace vecx::ivf
