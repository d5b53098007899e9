// Node records on a page. See node.hpp.
#include "hnsw/inlined/node.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hnsw/meta.hpp"
#include "kernels/convert.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

// Factors keep their 11 bits while they lie between the smallest normal binary16 and this, after scaling; the scale
// leaves room above, so that a larger one seldom moves it.
constexpr float kHalfTop = 1024.0f;
constexpr float kHalfMax = 65504.0f;

// A power of two that brings `largest` to about kHalfTop.
float scale_for(float largest) {
    if (!(largest > 0) || !std::isfinite(largest))
        return 1.0f;
    // The least normal float: what is smaller by far becomes 0.
    return std::ldexp(1.0f, std::max(std::ilogb(largest) - std::ilogb(kHalfTop), -126));
}

void put_factor(uint16_t *factors, uint32_t places, float *scale, uint32_t i, float value) {
    if (!std::isfinite(value))
        value = 0;
    bool unused = true;
    for (uint32_t k = 0; k < places && unused; ++k)
        unused = k == i || (factors[k] & 0x7FFF) == 0;
    if (unused || !(*scale > 0)) {
        *scale = scale_for(std::fabs(value));
    } else if (std::fabs(value) > kHalfMax * *scale) {
        float wider = scale_for(std::fabs(value));
        for (uint32_t k = 0; k < places; ++k)
            factors[k] = float_to_f16(f16_to_float(factors[k]) * (*scale / wider));
        *scale = wider;
    }
    factors[i] = float_to_f16(value / *scale);
}

} // namespace

const char *node_fault(const PageView &page, const Shape &shape, uint16_t slot, NodeView *out) {
    const uint8_t *record;
    uint32_t length;
    out->head = nullptr;
    if (const char *fault = record_fault(page, slot, RecordKind::inlined_node, &record, &length); fault != nullptr)
        return fault;
    if (record == nullptr)
        return nullptr;
    if (length < sizeof(Head))
        return "node record too short";
    const Head *head = reinterpret_cast<const Head *>(record);
    if (head->places < kGroup || head->places % kGroup != 0 || shape.record_size(head->places) > length)
        return "neighbours of a node longer than its record";
    if (head->tid_count > shape.tid_places)
        return "too many heap TIDs in a node";
    out->tids = reinterpret_cast<const HeapTid *>(record + shape.tids_offset());
    out->attributes = reinterpret_cast<const uint64_t *>(record + shape.attributes_offset());
    out->links = reinterpret_cast<const Link *>(record + shape.links_offset());
    out->add = out->mul = nullptr;
    if (shape.code_words > 0) {
        out->add = reinterpret_cast<const uint16_t *>(record + shape.factors_offset(head->places));
        out->mul = out->add + head->places;
    }
    out->codes = reinterpret_cast<const uint64_t *>(record + shape.codes_offset(head->places));
    out->own = record + shape.own_offset(head->places);
    out->head = head;
    return nullptr;
}

const char *tid_chunk_fault(const PageView &page, uint16_t slot, TidChunkView *out) {
    const uint8_t *record;
    uint32_t length;
    out->head = nullptr;
    if (const char *fault = record_fault(page, slot, RecordKind::tid_chunk, &record, &length); fault != nullptr)
        return fault;
    if (record == nullptr)
        return nullptr;
    const TidChunkHead *head = reinterpret_cast<const TidChunkHead *>(record);
    if (length < sizeof(TidChunkHead) || tid_chunk_size(head->capacity) > length || head->count > head->capacity)
        return "list of heap TIDs longer than its record";
    out->tids = reinterpret_cast<const HeapTid *>(record + sizeof(TidChunkHead));
    out->head = head;
    return nullptr;
}

NodeEdit edit_record(uint8_t *record, const Shape &shape, int places) {
    NodeEdit out;
    out.head = reinterpret_cast<Head *>(record);
    out.tids = reinterpret_cast<HeapTid *>(record + shape.tids_offset());
    out.attributes = reinterpret_cast<uint64_t *>(record + shape.attributes_offset());
    out.links = reinterpret_cast<Link *>(record + shape.links_offset());
    out.add = out.mul = nullptr;
    if (shape.code_words > 0) {
        out.add = reinterpret_cast<uint16_t *>(record + shape.factors_offset(places));
        out.mul = out.add + places;
    }
    out.codes = reinterpret_cast<uint64_t *>(record + shape.codes_offset(places));
    out.own = record + shape.own_offset(places);
    return out;
}

NodeEdit edit_node(MutablePage &page, const Shape &shape, const NodeView &view) {
    uint8_t *record = page.body + (reinterpret_cast<const uint8_t *>(view.head) - page.body);
    return edit_record(record, shape, view.head->places);
}

bool add_entry_node(MutablePage &page, const Shape &shape, Link before, NodeEdit *edit, const char **fault) {
    MetaRecord meta;
    if ((*fault = meta_fault(view_of(page), &meta)) != nullptr || meta.entry != before)
        return false;
    for (uint32_t i = 0, n = slot_count(view_of(page)); i < n; ++i) {
        NodeView old;
        if ((*fault = node_fault(view_of(page), shape, static_cast<uint16_t>(i), &old)) != nullptr)
            return false;
        if (old.head != nullptr)
            free_record(page, static_cast<uint16_t>(i));
    }
    const uint32_t places = entry_places(shape, page.size);
    uint16_t slot, generation;
    if (!add_record(page, shape.record_size(static_cast<int>(places)), RecordKind::inlined_node, &slot, &generation)) {
        *fault = "no room for the entry node";
        return false;
    }
    uint8_t *record = page.body + slot_at(page.body, page.size, slot)->offset;
    *edit = edit_record(record, shape, static_cast<int>(places));
    edit->head->flags = kNodeEntry;
    edit->head->places = static_cast<uint8_t>(places);
    edit->head->links_version = 1;
    MetaRecord *named = reinterpret_cast<MetaRecord *>(page.body + sizeof(PageHead));
    named->entry = Link{page.block, slot, generation};
    named->entry_level = 0;
    return true;
}

void set_neighbour(const NodeEdit &node, const Shape &shape, uint32_t i, Link link, float add, float mul,
                   const uint64_t *code) {
    node.links[i] = link;
    if (shape.code_words == 0)
        return;
    put_factor(node.add, node.head->places, &node.head->add_scale, i, add);
    put_factor(node.mul, node.head->places, &node.head->mul_scale, i, mul);
    for (uint32_t w = 0; w < shape.code_words; ++w)
        node.codes[code_index(i, w, shape.code_words)] = code[w];
}

void copy_neighbour(const NodeEdit &node, const Shape &shape, uint32_t from, uint32_t to) {
    node.links[to] = node.links[from];
    if (shape.code_words == 0)
        return;
    node.add[to] = node.add[from];
    node.mul[to] = node.mul[from];
    for (uint32_t w = 0; w < shape.code_words; ++w)
        node.codes[code_index(to, w, shape.code_words)] = node.codes[code_index(from, w, shape.code_words)];
}

void clear_neighbour(const NodeEdit &node, const Shape &shape, uint32_t i) {
    node.links[i] = Link{};
    if (shape.code_words == 0)
        return;
    node.add[i] = node.mul[i] = 0;
    for (uint32_t w = 0; w < shape.code_words; ++w)
        node.codes[code_index(i, w, shape.code_words)] = 0;
}

} // namespace vecx::hnsw::inlined
