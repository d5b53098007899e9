// Rows on a page of postings and their records on pages of codes and vectors: read and put. Which lock is held is the caller's
// business; pages must have passed their fault functions.
#pragma once

#include "ivf/encode.hpp"
#include "ivf/page.hpp"

namespace vecx::ivf {

struct PostingsView {
    const uint8_t *body;
    const Shape *shape;

    const PostingsHead &head() const { return *reinterpret_cast<const PostingsHead *>(body); }
    const Link *codes() const { return reinterpret_cast<const Link *>(body + shape->codes_offset()); }
    const Link *vectors() const { return reinterpret_cast<const Link *>(body + shape->vectors_offset()); }
    const HeapTid *tids() const { return reinterpret_cast<const HeapTid *>(body + shape->tids_offset()); }
    // Of a further column: words with a bit for each row that is NULL, and the keys of all rows.
    const uint64_t *nulls(uint32_t column) const {
        return reinterpret_cast<const uint64_t *>(body + shape->attributes_offset() + column * shape->attribute_step());
    }
    const uint64_t *keys(uint32_t column) const { return nulls(column) + shape->null_words(); }
    const uint16_t *add() const { return reinterpret_cast<const uint16_t *>(body + shape->add_offset()); }
    const uint16_t *mul() const { return reinterpret_cast<const uint16_t *>(body + shape->mul_offset()); }
    const uint64_t *signs() const { return reinterpret_cast<const uint64_t *>(body + shape->signs_offset()); }
    const uint16_t *unit() const { return reinterpret_cast<const uint16_t *>(body + shape->unit_offset()); }
    const uint8_t *words() const { return body + shape->signs_offset(); } // codes of pq
    // A row's vector, of none, or its record of sq8: FineHead and the code.
    const uint8_t *payload(uint32_t row) const { return body + shape->payloads_offset() + static_cast<size_t>(row) * shape->payload_step(); }
    // A row's factors (not the fine ones of rabitq) and its code, in the form of RowEncoder; of sq8 and pq with the error.
    quant::Factors factors(uint32_t row) const;
    void copy_code(uint32_t row, uint8_t *out) const;
    // A row's attributes as filter::attribute_words(shape->attributes) words.
    void copy_attributes(uint32_t row, uint64_t *out) const {
        out[0] = 0;
        for (uint32_t c = 0; c < shape->attributes; ++c) {
            out[0] |= (nulls(c)[row / 64] >> (row % 64) & 1) << c;
            out[1 + c] = keys(c)[row];
        }
    }
    // The words of one row's signs, which lie between those of three others.
    void copy_signs(uint32_t row, uint64_t *out) const {
        const uint64_t *group = signs() + static_cast<size_t>(row / 4) * 4 * shape->words + row % 4;
        for (uint32_t w = 0; w < shape->words; ++w)
            out[w] = group[static_cast<size_t>(w) * 4];
    }
};

inline PostingsView view_postings(const uint8_t *body, const Shape &shape) { return PostingsView{body, &shape}; }

// Where a record of codes (or of vectors) of row `row` lies.
struct Place {
    uint32_t page; // among the links of the page of postings
    uint32_t offset; // in the body of that page
};
inline Place code_place(const Shape &shape, const PostingsHead &head, uint32_t row) {
    const uint32_t at = head.codes_skip + row;
    return Place{at / shape.codes_rows, shape.cold_offset() + at % shape.codes_rows * shape.fine_size()};
}
inline Place vector_place(const Shape &shape, const PostingsHead &head, uint32_t row) {
    const uint32_t at = head.vectors_skip + row;
    return Place{at / shape.vectors_rows, shape.cold_offset() + at % shape.vectors_rows * shape.payload_size};
}

// Puts a row at the end of a page that has room for it. Its records are the caller's business.
void put_row(const Shape &shape, uint8_t *body, HeapTid tid, const uint8_t *row);
// A row's record on a page of codes or vectors, which grows as far as it reaches.
void put_code(const Shape &shape, uint8_t *body, uint32_t offset, const uint8_t *row);
void put_vector(const Shape &shape, uint8_t *body, uint32_t offset, const uint8_t *row);
// Marks a row as removed: no heap TID, and a bound that is never among the best.
void remove_row(const Shape &shape, uint8_t *body, uint32_t row);
// |x - c| of a row of a page with codes, from its factors: to a few per cent. `book`: of a learnt() shape.
float row_length(const Shape &shape, const PostingsView &view, uint32_t row, const quant::Codebook &book);

} // namespace vecx::ivf
