// Everything that follows from type, metric, dimension, quantiser and page size: how rows, codes and centroids lie on pages.
#pragma once

#include "filter/attributes.hpp"
#include "ivf/layout.hpp"
#include "quant/codebook.hpp"
#include "quant/rotation.hpp"

namespace vecx::ivf {

constexpr uint32_t kLongestWords = 1024; // bytes of a code of pq, at most: 16 of them fill 16 kB

// What CREATE INDEX asks for.
struct ShapeOptions {
    ElementType type;
    Metric metric;
    int32_t dim;
    QuantizerKind quantizer;
    RerankKind rerank; // none keeps its vectors in any case
    int bits;          // a coordinate, of rabitq: 1 to 8, of pq: 1 or 2; 0: chosen by dimension
    int code_dim = 0;  // of pq: coordinates of a code, in place of bits
    int attributes = 0; // further columns, at most filter::kMostAttributes
};

// Sizes in bytes; offsets from the start of the body.
struct Shape {
    ElementType type;
    Metric metric;
    QuantizerKind quantizer;
    RerankKind rerank;
    uint8_t bits;       // as MetaRecord has it
    uint8_t code_dim;   // coordinates of a code: pq 2, 4, 8 or 16, sq8 1, else 0
    uint8_t attributes; // columns beside the vector
    int32_t dim;
    uint32_t words;     // 64-bit words of the signs of rabitq; else 0
    uint32_t payload_size;
    uint32_t body_size;
    uint32_t page_rows; // rows of a page of postings, a multiple of group()
    uint32_t codes_rows;   // records of a page of codes; 0: none are kept
    uint32_t vectors_rows; // records of a page of vectors; 0: none are kept
    uint32_t codes_pages, vectors_pages; // that the rows of a page of postings can lie on

    bool coded() const { return quantizer != QuantizerKind::none; }
    bool learnt() const { return quantizer == QuantizerKind::sq8 || quantizer == QuantizerKind::pq; } // has a codebook
    quant::CodeKind code_kind() const { return quantizer == QuantizerKind::pq ? quant::CodeKind::pq : quant::CodeKind::sq8; }
    uint32_t group() const { return quantizer == QuantizerKind::rabitq ? 4 : quantizer == QuantizerKind::pq ? 16 : 1; } // rows that lie together
    // The code of a row in the form RowEncoder writes, without what goes to a page of codes; with it.
    uint32_t near_code_size() const { return learnt() ? quant::code_bytes(code_kind(), centroid_dim(), code_dim) : 8 * words; }
    uint32_t code_size() const { return (near_code_size() + planes_size() + 7) / 8 * 8; }
    uint32_t codebook_size() const { return static_cast<uint32_t>(sizeof(quant::CodebookHead)) + quant::word_bytes(code_kind(), centroid_dim()); }
    uint32_t centroid_dim() const { return quant::rotated_dim(dim); }
    uint32_t codes_offset() const { return sizeof(PostingsHead); }
    uint32_t vectors_offset() const { return codes_offset() + codes_pages * static_cast<uint32_t>(sizeof(Link)); }
    uint32_t tids_offset() const { return vectors_offset() + vectors_pages * static_cast<uint32_t>(sizeof(Link)); }
    // Column by column a bit for each row that is NULL, in words of 64, and the keys of all rows.
    uint32_t attributes_offset() const { return tids_offset() + (page_rows * static_cast<uint32_t>(sizeof(HeapTid)) + 7) / 8 * 8; }
    uint32_t null_words() const { return (page_rows + 63) / 64; }
    uint32_t attribute_step() const { return 8 * (null_words() + page_rows); } // of a column
    uint32_t add_offset() const { return attributes_offset() + attributes * attribute_step(); }
    uint32_t mul_offset() const { return add_offset() + 2 * page_rows; }
    uint32_t unit_offset() const { return mul_offset() + 2 * page_rows; } // of pq
    uint32_t signs_offset() const { return unit_offset() + (quantizer == QuantizerKind::pq ? 2 * page_rows : 0); } // or codes of pq
    uint32_t payloads_offset() const { return add_offset(); } // of none, records of sq8
    uint32_t payload_step() const { return quantizer == QuantizerKind::sq8 ? static_cast<uint32_t>(sizeof(FineHead)) + near_code_size() : payload_size; }
    bool in_records() const { return group() == 1; } // none and sq8: one row after the other
    uint32_t postings_end() const { return in_records() ? payloads_offset() + payload_step() * page_rows : signs_offset() + near_code_size() * page_rows; }
    uint32_t planes_size() const { return quantizer == QuantizerKind::rabitq ? 8 * words * (bits - 1u) : 0; }
    uint32_t fine_size() const { return codes_rows > 0 ? static_cast<uint32_t>(sizeof(FineHead)) + planes_size() : 0; }
    uint32_t cold_offset() const { return sizeof(PageHead); } // of the records of a page of codes or vectors
    // A row as RowEncoder writes it, the form in which it is sorted and handed to Builder::add. Its attributes are the last of it.
    uint32_t row_size() const;
    uint32_t attributes_size() const { return filter::attribute_bytes(attributes); }
    uint32_t centroid_size() const { return static_cast<uint32_t>(sizeof(CentroidHead)) + centroid_dim(); }
};

// Whether there is an index for these: null, or why not (untranslated).
const char *choose_shape(const ShapeOptions &options, uint32_t body_size, Shape *out);
// The largest dimension of a type that an index can have.
int32_t max_dim(ElementType type, QuantizerKind quantizer, RerankKind rerank, uint32_t body_size, int attributes = 0);
bool supports(QuantizerKind quantizer, ElementType type, Metric metric);

void shape_to_meta(const Shape &shape, MetaRecord *meta);
const char *shape_from_meta(const MetaRecord &meta, uint32_t body_size, Shape *out);

} // namespace vecx::ivf
