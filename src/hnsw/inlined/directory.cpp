// Records of the directory of attributes on a page. See directory.hpp.
#include "hnsw/inlined/directory.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

const char *leaf_fault(const PageView &page, const Shape &shape, uint16_t slot, LeafView *out) {
    const uint8_t *record;
    uint32_t length;
    out->head = nullptr;
    if (const char *fault = record_fault(page, slot, RecordKind::leaf, &record, &length); fault != nullptr)
        return fault;
    if (record == nullptr)
        return nullptr;
    const LeafHead *head = reinterpret_cast<const LeafHead *>(record);
    if (length < sizeof(LeafHead) || leaf_size(shape, head->capacity) > length || head->count > head->capacity)
        return "leaf of the directory of attributes longer than its record";
    if (shape.attributes == 0)
        return "directory of attributes in an index without any";
    out->entries = record + sizeof(LeafHead);
    out->each = entry_size(shape);
    out->head = head;
    return nullptr;
}

const char *fences_fault(const PageView &page, uint16_t slot, FencesView *out) {
    const uint8_t *record;
    uint32_t length;
    out->head = nullptr;
    if (const char *fault = record_fault(page, slot, RecordKind::fences, &record, &length); fault != nullptr)
        return fault;
    if (record == nullptr)
        return nullptr;
    const FencesHead *head = reinterpret_cast<const FencesHead *>(record);
    if (length < sizeof(FencesHead) || sizeof(FencesHead) + head->count * sizeof(Fence) > length)
        return "fences of the directory of attributes longer than their record";
    out->fences = reinterpret_cast<const Fence *>(record + sizeof(FencesHead));
    out->head = head;
    return nullptr;
}

} // namespace vecx::hnsw::inlined
