// Rows on pages. See postings.hpp.
#include "ivf/postings.hpp"

#include <cfloat>
#include <cmath>
#include <cstring>

#include "kernels/convert.hpp"

#include "base/core_only.hpp"

namespace vecx::ivf {

namespace {

constexpr uint16_t kHalfInfinity = 0x7C00;
constexpr float kLargestHalf = 65504.0f;

// A power of two by which x comes to 2^10 up to 2^11: rows that follow may be 30 times larger.
float scale_for(float x) {
    const float size = std::fabs(x);
    if (!(size > 0x1p-110f))
        return 0x1p-120f;
    if (!(size < 0x1p120f))
        return 0x1p110f;
    return std::ldexp(1.0f, std::ilogb(size) - 10);
}

// To binary16, towards minus infinity: a lower bound stays one.
uint16_t narrow_down(float x) {
    uint16_t half = float_to_f16(x);
    if (f16_to_float(half) > x) {
        if (half == 0)
            return 0x8001; // the negative number next to zero
        half = static_cast<uint16_t>((half & 0x8000) != 0 ? half + 1 : half - 1);
    }
    return half;
}

quant::Factors factors_of(const uint8_t *row) {
    RowHead head;
    memcpy(&head, row, sizeof head);
    return head.factors;
}

// The row can be bounded by nothing: it is looked at whenever its list is.
bool boundless(const quant::Factors &f) { return f.add == -FLT_MAX; }

template <class T>
T *at(uint8_t *body, uint32_t offset) {
    return reinterpret_cast<T *>(body + offset);
}

} // namespace

namespace {

// Makes room for larger factors: those of the rows that are there get the new scale. What is too small for it is lost beside
// the larger ones in any float arithmetic.
void rescale(uint8_t *body, float *scale, uint32_t offset, float wanted, bool down) {
    uint16_t *factors = at<uint16_t>(body, offset);
    for (uint32_t i = 0; i < at<PostingsHead>(body, 0)->count; ++i) {
        if ((factors[i] & 0x7C00) == kHalfInfinity)
            continue; // removed, or without a bound
        const float x = f16_to_float(factors[i]) * *scale / wanted;
        factors[i] = down ? narrow_down(x) : float_to_f16(x);
    }
    *scale = wanted;
}

} // namespace

void put_row(const Shape &shape, uint8_t *body, HeapTid tid, const uint8_t *row) {
    PostingsHead *head = at<PostingsHead>(body, 0);
    const uint32_t i = head->count;
    at<HeapTid>(body, shape.tids_offset())[i] = tid;
    const uint64_t *attributes = row_attributes(shape, row);
    for (uint32_t c = 0; c < shape.attributes; ++c) {
        uint64_t *nulls = at<uint64_t>(body, shape.attributes_offset() + c * shape.attribute_step());
        nulls[i / 64] |= uint64_t{filter::attribute_is_null(attributes, c)} << (i % 64);
        nulls[shape.null_words() + i] = filter::attribute_key(attributes, c);
    }
    if (shape.quantizer == QuantizerKind::sq8) {
        const quant::Factors f = factors_of(row);
        const FineHead record{f.add, f.mul, f.fine_error};
        uint8_t *to = body + shape.payloads_offset() + static_cast<size_t>(i) * shape.payload_step();
        memcpy(to, &record, sizeof record);
        memcpy(to + sizeof record, row + sizeof(RowHead), shape.near_code_size());
    } else if (shape.coded()) {
        const quant::Factors f = factors_of(row);
        if (!boundless(f)) {
            // `add` may be the small difference of large terms: its scale is not from it alone.
            const float size = std::fabs(f.add) > f.length * f.length ? std::fabs(f.add) : f.length * f.length;
            if (head->add_scale == 0 || std::fabs(f.add) / head->add_scale > kLargestHalf)
                rescale(body, &head->add_scale, shape.add_offset(), scale_for(size), true);
            if (head->mul_scale == 0 || std::fabs(f.mul) / head->mul_scale > kLargestHalf)
                rescale(body, &head->mul_scale, shape.mul_offset(), scale_for(f.mul), false);
        }
        uint16_t add = kHalfInfinity | 0x8000, mul = 0;
        if (!boundless(f)) {
            add = narrow_down(f.add / head->add_scale);
            mul = float_to_f16(f.mul / head->mul_scale);
        }
        at<uint16_t>(body, shape.add_offset())[i] = add;
        at<uint16_t>(body, shape.mul_offset())[i] = mul;
        if (shape.quantizer == QuantizerKind::pq) {
            const bool lost = f.mul == 0 && f.fine_error > 0; // an error that mul cannot carry
            at<uint16_t>(body, shape.unit_offset())[i] = f.mul != 0 && !boundless(f) ? float_to_f16(f.fine_error / std::fabs(f.mul)) : 0;
            if (lost)
                at<uint16_t>(body, shape.add_offset())[i] = kHalfInfinity | 0x8000;
            const uint32_t pairs = shape.near_code_size();
            uint8_t *group = body + shape.signs_offset() + static_cast<size_t>(i / 16) * 16 * pairs + i % 16;
            for (uint32_t p = 0; p < pairs; ++p)
                group[static_cast<size_t>(p) * 16] = row[sizeof(RowHead) + p];
        } else {
            uint64_t *group = at<uint64_t>(body, shape.signs_offset()) + static_cast<size_t>(i / 4) * 4 * shape.words + i % 4;
            const uint64_t *signs = reinterpret_cast<const uint64_t *>(row + sizeof(RowHead));
            for (uint32_t w = 0; w < shape.words; ++w)
                group[static_cast<size_t>(w) * 4] = signs[w];
        }
    } else {
        memcpy(body + shape.payloads_offset() + static_cast<size_t>(i) * shape.payload_size, row_payload(shape, row), shape.payload_size);
    }
    head->count = static_cast<uint16_t>(i + 1);
}

namespace {
void grow(uint8_t *body, uint32_t end) {
    PageHead *head = at<PageHead>(body, 0);
    if (head->low < end)
        head->low = static_cast<uint16_t>(end);
}
} // namespace

void put_code(const Shape &shape, uint8_t *body, uint32_t offset, const uint8_t *row) {
    const quant::Factors f = factors_of(row);
    const FineHead fine{f.fine_add, f.fine_mul, f.fine_error};
    memcpy(body + offset, &fine, sizeof fine);
    memcpy(body + offset + sizeof fine, row + sizeof(RowHead) + 8 * shape.words, shape.planes_size());
    grow(body, offset + shape.fine_size());
}

void put_vector(const Shape &shape, uint8_t *body, uint32_t offset, const uint8_t *row) {
    memcpy(body + offset, row_payload(shape, row), shape.payload_size);
    grow(body, offset + shape.payload_size);
}

void remove_row(const Shape &shape, uint8_t *body, uint32_t row) {
    PostingsHead *head = at<PostingsHead>(body, 0);
    at<HeapTid>(body, shape.tids_offset())[row] = kNoTid;
    if (shape.quantizer == QuantizerKind::sq8) {
        const FineHead never{FLT_MAX, 0, 0};
        memcpy(body + shape.payloads_offset() + static_cast<size_t>(row) * shape.payload_step(), &never, sizeof never);
    } else if (shape.coded()) {
        at<uint16_t>(body, shape.add_offset())[row] = kHalfInfinity;
        at<uint16_t>(body, shape.mul_offset())[row] = 0;
    }
    ++head->dead;
}

quant::Factors PostingsView::factors(uint32_t row) const {
    quant::Factors f{};
    if (shape->quantizer == QuantizerKind::sq8) {
        FineHead record;
        memcpy(&record, payload(row), sizeof record);
        f.add = record.add;
        f.mul = record.mul;
        f.fine_error = record.error;
        return f;
    }
    const float narrow = f16_to_float(add()[row]);
    f.add = narrow > -FLT_MAX ? narrow * head().add_scale : -FLT_MAX;
    f.mul = f16_to_float(mul()[row]) * head().mul_scale;
    if (shape->quantizer == QuantizerKind::pq)
        f.fine_error = f.add > -FLT_MAX ? f16_to_float(unit()[row]) * std::fabs(f.mul) : FLT_MAX;
    return f;
}

void PostingsView::copy_code(uint32_t row, uint8_t *out) const {
    const uint32_t size = shape->near_code_size();
    if (shape->quantizer == QuantizerKind::sq8) {
        memcpy(out, payload(row) + sizeof(FineHead), size);
    } else if (shape->quantizer == QuantizerKind::pq) {
        const uint8_t *group = words() + static_cast<size_t>(row / 16) * 16 * size + row % 16;
        for (uint32_t p = 0; p < size; ++p)
            out[p] = group[static_cast<size_t>(p) * 16];
    } else {
        copy_signs(row, reinterpret_cast<uint64_t *>(out));
    }
}

float row_length(const Shape &shape, const PostingsView &view, uint32_t row, const quant::Codebook &book) {
    if (shape.learnt()) {
        const quant::Factors f = view.factors(row);
        const float s = std::fabs(f.mul) * (shape.metric == Metric::ip ? 1.0f : 0.5f);
        uint8_t room[kLongestWords];
        const uint8_t *code = room;
        if (shape.quantizer == QuantizerKind::sq8)
            code = view.payload(row) + sizeof(FineHead);
        else
            view.copy_code(row, room);
        const float length = quant::learnt_length(book, s, f.mul != 0 ? f.fine_error / std::fabs(f.mul) : 0.0f, code);
        return length >= 0 && length < FLT_MAX ? length : 0.0f;
    }
    // |o| = s <o, v> / |o| and <o, v> is about sqrt(2 / pi) |o| sqrt(n) (rabitq.hpp).
    const float s = std::fabs(f16_to_float(view.mul()[row])) * view.head().mul_scale * (shape.metric == Metric::ip ? 1.0f : 0.5f);
    return s * 0.7979f * std::sqrt(static_cast<float>(shape.centroid_dim()));
}

} // namespace vecx::ivf
