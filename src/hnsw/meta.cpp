// The metapage. See meta.hpp.
#include "hnsw/meta.hpp"

#include <cstring>

#include "hnsw/inlined/shape.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw {

namespace {

// No payload is larger than kMaxPayload.
int32_t max_dim(ElementType type) {
    switch (type) {
    case ElementType::sparse:
        return kMaxSparseDim;
    case ElementType::bit:
        return static_cast<int32_t>(8 * kMaxPayload);
    default:
        return kMaxDenseDim;
    }
}

} // namespace

void init_meta(MutablePage &page, const MetaRecord &record) {
    init_page(page, PageKind::meta);
    memcpy(page.body + sizeof(PageHead), &record, sizeof record);
}

const char *meta_fault(const PageView &page, MetaRecord *out) {
    const PageHead *head = page_head(page);
    if (page.size < sizeof(PageHead) + sizeof(MetaRecord) || head->magic != kMagic)
        return "wrong magic number";
    if (head->version != kVersion)
        return "unknown page version";
    if (head->kind != static_cast<uint16_t>(PageKind::meta) || page.block != kMetaBlock)
        return "not a metapage";
    if (const char *fault = page_fault(page); fault != nullptr)
        return fault;
    memcpy(out, page.body + sizeof(PageHead), sizeof *out);
    if (out->layout < static_cast<uint8_t>(LayoutKind::plain) || out->layout > static_cast<uint8_t>(LayoutKind::compact))
        return "unknown layout";
    if (out->element_type < static_cast<uint8_t>(ElementType::f32) ||
        out->element_type > static_cast<uint8_t>(ElementType::sparse))
        return "unknown element type";
    if (out->metric < static_cast<uint8_t>(Metric::l2) || out->metric > static_cast<uint8_t>(Metric::jaccard))
        return "unknown metric";
    if (out->m < kMinM || out->m > kMaxM || node_fixed_size(out->m, 0) + 64 > max_record(page.size))
        return "m out of range";
    if (out->ef_construction < kMinEfConstruction || out->ef_construction > kMaxEfConstruction)
        return "ef_construction out of range";
    if (out->dim < 1 || out->dim > max_dim(static_cast<ElementType>(out->element_type)))
        return "dimension out of range";
    if (out->entry_level > kMaxLevel || out->entry.slot >= kMaxSlots)
        return "entry point out of range";
    const bool plain = out->layout == static_cast<uint8_t>(LayoutKind::plain);
    if (plain && head->slot_count != 0)
        return "records on a metapage that has none in its layout";
    if (!out->entry.none() && out->entry.block == kMetaBlock && out->entry.slot >= head->slot_count)
        return "entry point out of range";
    if (!plain) {
        inlined::Shape shape;
        return inlined::shape_from_meta(*out, page.size, &shape);
    }
    return nullptr;
}

uint32_t dense_payload_size(ElementType type, int32_t dim) {
    uint32_t n = static_cast<uint32_t>(dim);
    switch (type) {
    case ElementType::f32:
        return 4 * n;
    case ElementType::f16:
    case ElementType::bf16:
        return 2 * n;
    case ElementType::i8:
        return n;
    case ElementType::bit:
        return (n + 7) / 8;
    case ElementType::sparse:
        return 0;
    }
    return 0;
}

} // namespace vecx::hnsw
