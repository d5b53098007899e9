// Records on a page. See page.hpp.
#include "hnsw/page.hpp"

#include <cstring>

#include "base/core_only.hpp"

namespace vecx::hnsw {

namespace {

constexpr uint32_t kMaxBody = 32768;

// The first 4 bytes of every record.
struct RecordHead {
    uint8_t kind;
    uint8_t other;
    uint16_t generation;
};
static_assert(sizeof(RecordHead) == 4);
static_assert(offsetof(NodeHead, kind) == 0 && offsetof(NodeHead, generation) == 2);
static_assert(offsetof(ChunkHead, kind) == 0 && offsetof(ChunkHead, generation) == 2);

const RecordHead *record_head(const uint8_t *body, uint32_t offset) {
    return reinterpret_cast<const RecordHead *>(body + offset);
}
RecordHead *record_head(uint8_t *body, uint32_t offset) { return reinterpret_cast<RecordHead *>(body + offset); }

uint16_t next_generation(uint16_t generation) {
    return generation == 0xFFFF ? 1 : static_cast<uint16_t>(generation + 1);
}

uint32_t directory_start(const PageHead *head, uint32_t size) { return size - head->slot_count * sizeof(Slot); }

const char *head_fault(const PageHead *head, uint32_t size, PageKind kind) {
    if (head->magic != kMagic)
        return "wrong magic number";
    if (head->version != kVersion)
        return "unknown page version";
    if (head->kind != static_cast<uint16_t>(kind))
        return "wrong kind of page";
    if (head->slot_count >= kMaxSlots || head->slot_count * sizeof(Slot) > size - sizeof(PageHead))
        return "slot directory larger than the page";
    if (head->data_end < records_start(head) || head->data_end % 8 != 0 || head->data_end > directory_start(head, size))
        return "end of data out of bounds";
    if (head->dead_bytes > head->data_end - records_start(head))
        return "count of dead bytes out of bounds";
    return nullptr;
}

// Bounds of the record of a slot below slot_count; offset 0 (no storage) is for the caller.
const char *slot_fault(const PageHead *head, const Slot *slot) {
    if (slot->offset < records_start(head) || slot->offset % 8 != 0 || slot->length < 8 || slot->length % 8 != 0 ||
        slot->offset + slot->length > head->data_end)
        return "record out of bounds";
    return nullptr;
}

// Moves the records together, in the order of their slots, so that all free space is contiguous. Free slots lose
// their storage. False, with the page as it was, when a slot is out of bounds or records overlap.
bool compact(MutablePage &page) {
    alignas(8) uint8_t packed[kMaxBody];
    PageHead *head = reinterpret_cast<PageHead *>(page.body);
    const uint32_t start = records_start(head);
    uint32_t end = start;
    for (int move = 0; move < 2; ++move) { // first look, then do
        end = start;
        for (uint32_t i = 0; i < head->slot_count; ++i) {
            Slot *slot = slot_at(page.body, page.size, i);
            if (slot->offset == 0)
                continue;
            if (move == 0 && slot_fault(head, slot) != nullptr)
                return false;
            const RecordHead *record = record_head(page.body, slot->offset);
            if (record->kind == static_cast<uint8_t>(RecordKind::free)) {
                if (move == 1)
                    *slot = Slot{0, record->generation};
                continue;
            }
            if (end + slot->length > head->data_end)
                return false;
            if (move == 1) {
                memcpy(packed + end, page.body + slot->offset, slot->length);
                slot->offset = static_cast<uint16_t>(end);
            }
            end += slot->length;
        }
    }
    memcpy(page.body + start, packed + start, end - start);
    memset(page.body + end, 0, directory_start(head, page.size) - end); // as generic WAL replays it
    head->data_end = static_cast<uint16_t>(end);
    head->dead_bytes = 0;
    return true;
}

uint16_t generation_of_free(const MutablePage &page, const Slot *slot) {
    return slot->offset == 0 ? slot->length : record_head(page.body, slot->offset)->generation;
}

} // namespace

bool page_is_new(const PageView &page) {
    static constexpr PageHead kZero{};
    return memcmp(page.body, &kZero, sizeof kZero) == 0;
}

void init_page(MutablePage &page, PageKind kind) {
    PageHead *head = reinterpret_cast<PageHead *>(page.body);
    *head = PageHead{};
    head->magic = kMagic;
    head->version = kVersion;
    head->kind = static_cast<uint16_t>(kind);
    head->data_end = static_cast<uint16_t>(records_start(head));
}

uint32_t page_low(const uint8_t *body, uint32_t size) {
    const PageHead *head = reinterpret_cast<const PageHead *>(body);
    if (head_fault(head, size, static_cast<PageKind>(head->kind)) != nullptr)
        return 0;
    return head->data_end;
}

uint32_t page_high(const uint8_t *body, uint32_t size) {
    const PageHead *head = reinterpret_cast<const PageHead *>(body);
    if (head_fault(head, size, static_cast<PageKind>(head->kind)) != nullptr)
        return size;
    return directory_start(head, size);
}

const char *page_fault(const PageView &page) {
    const bool meta = page.block == kMetaBlock && page_head(page)->kind == static_cast<uint16_t>(PageKind::meta);
    const char *fault = head_fault(page_head(page), page.size, meta ? PageKind::meta : PageKind::nodes);
    return fault != nullptr && page_is_new(page) ? nullptr : fault;
}

uint32_t free_bytes(const PageView &page) {
    if (page_is_new(page))
        return max_record(page.size);
    const PageHead *head = page_head(page);
    if (page_fault(page) != nullptr)
        return 0;
    uint32_t room = directory_start(head, page.size) - head->data_end + head->dead_bytes;
    bool free_slot = false;
    for (uint32_t i = 0; i < head->slot_count && !free_slot; ++i) {
        const Slot *slot = slot_at(page.body, page.size, i);
        free_slot = slot->offset == 0 || (slot_fault(head, slot) == nullptr &&
                                          record_head(page.body, slot->offset)->kind == static_cast<uint8_t>(RecordKind::free));
    }
    if (!free_slot)
        room = room < sizeof(Slot) || head->slot_count + 1u >= kMaxSlots ? 0 : room - static_cast<uint32_t>(sizeof(Slot));
    return room & ~7u;
}

bool add_record(MutablePage &page, uint32_t length, RecordKind kind, uint16_t *slot_out, uint16_t *generation_out) {
    if (page_is_new(view_of(page)))
        init_page(page, PageKind::nodes);
    PageHead *head = reinterpret_cast<PageHead *>(page.body);
    if (length % 8 != 0 || length < 8 || page_fault(view_of(page)) != nullptr)
        return false;

    // A free slot: best one whose storage has the very length, then any.
    uint32_t chosen = head->slot_count;
    bool in_place = false;
    for (uint32_t i = 0; i < head->slot_count; ++i) {
        const Slot *slot = slot_at(page.body, page.size, i);
        if (slot->offset != 0) {
            if (slot_fault(head, slot) != nullptr)
                return false;
            if (record_head(page.body, slot->offset)->kind != static_cast<uint8_t>(RecordKind::free))
                continue;
            if (slot->length == length && head->dead_bytes >= length) {
                chosen = i;
                in_place = true;
                break;
            }
        }
        if (chosen == head->slot_count)
            chosen = i;
    }

    bool new_slot = chosen == head->slot_count;
    uint32_t offset;
    uint16_t generation = 1;
    if (in_place) {
        offset = slot_at(page.body, page.size, chosen)->offset;
        head->dead_bytes = static_cast<uint16_t>(head->dead_bytes - length);
    } else {
        uint32_t wanted = length + (new_slot ? static_cast<uint32_t>(sizeof(Slot)) : 0);
        if (new_slot && head->slot_count + 1u >= kMaxSlots)
            return false;
        if (directory_start(head, page.size) - head->data_end < wanted) {
            if (directory_start(head, page.size) - head->data_end + head->dead_bytes < wanted || !compact(page) ||
                directory_start(head, page.size) - head->data_end < wanted)
                return false;
        }
        offset = head->data_end;
    }
    if (!new_slot)
        generation = next_generation(generation_of_free(page, slot_at(page.body, page.size, chosen)));
    if (!in_place) {
        head->data_end = static_cast<uint16_t>(offset + length);
        if (new_slot)
            ++head->slot_count;
        // A slot with storage of another length leaves it behind, already counted in dead_bytes.
        *slot_at(page.body, page.size, chosen) = Slot{static_cast<uint16_t>(offset), static_cast<uint16_t>(length)};
    }
    memset(page.body + offset, 0, length);
    *record_head(page.body, offset) = RecordHead{static_cast<uint8_t>(kind), 0, generation};
    *slot_out = static_cast<uint16_t>(chosen);
    *generation_out = generation;
    return true;
}

void free_record(MutablePage &page, uint16_t slot_number) {
    PageHead *head = reinterpret_cast<PageHead *>(page.body);
    const Slot *slot = slot_at(page.body, page.size, slot_number);
    RecordHead *record = record_head(page.body, slot->offset);
    record->kind = static_cast<uint8_t>(RecordKind::free);
    uint32_t dead = head->dead_bytes + slot->length;
    uint32_t all = head->data_end - records_start(head);
    head->dead_bytes = static_cast<uint16_t>(dead < all ? dead : all);
}

const char *record_fault(const PageView &page, uint16_t slot_number, RecordKind kind, const uint8_t **record,
                         uint32_t *length) {
    *record = nullptr;
    const PageHead *page_header = page_head(page);
    if (const char *fault = page_fault(page); fault != nullptr)
        return fault;
    if (slot_number >= page_header->slot_count) // also on a page never written
        return nullptr;
    const Slot *slot = slot_at(page.body, page.size, slot_number);
    if (slot->offset == 0)
        return nullptr;
    if (const char *fault = slot_fault(page_header, slot); fault != nullptr)
        return fault;
    const RecordHead *head = record_head(page.body, slot->offset);
    if (head->kind != static_cast<uint8_t>(kind))
        return head->kind <= kLastRecordKind ? nullptr : "unknown kind of record";
    if (head->generation == 0)
        return "record of generation 0";
    *record = page.body + slot->offset;
    *length = slot->length;
    return nullptr;
}

const char *node_fault(const PageView &page, uint16_t slot, NodeView *out) {
    const uint8_t *record;
    uint32_t length;
    out->head = nullptr;
    if (const char *fault = record_fault(page, slot, RecordKind::node, &record, &length); fault != nullptr)
        return fault;
    if (record == nullptr)
        return nullptr;
    if (length < sizeof(NodeHead))
        return "node record too short";
    const NodeHead *head = reinterpret_cast<const NodeHead *>(record);
    if (head->level > kMaxLevel || head->m < kMinM || head->m > kMaxM)
        return "level or m of a node out of range";
    uint32_t fixed = node_fixed_size(head->m, head->level);
    if (fixed > length || head->inline_size > length - fixed)
        return "links or payload of a node longer than its record";
    if (head->tid_count > kTidsPerNode)
        return "too many heap TIDs in a node";
    if (head->inline_size > head->payload_size || (head->inline_size == head->payload_size) != head->first_chunk.none())
        return "sizes of a payload do not agree";
    out->head = head;
    out->tids = reinterpret_cast<const HeapTid *>(record + sizeof(NodeHead));
    out->links = reinterpret_cast<const Link *>(record + sizeof(NodeHead) + kTidBytes);
    out->payload = record + fixed;
    return nullptr;
}

const char *chunk_fault(const PageView &page, uint16_t slot, ChunkView *out) {
    const uint8_t *record;
    uint32_t length;
    out->head = nullptr;
    if (const char *fault = record_fault(page, slot, RecordKind::chunk, &record, &length); fault != nullptr)
        return fault;
    if (record == nullptr)
        return nullptr;
    const ChunkHead *head = reinterpret_cast<const ChunkHead *>(record);
    if (length < sizeof(ChunkHead) || head->size == 0 || head->size > length - sizeof(ChunkHead))
        return "size of a chunk out of bounds";
    out->head = head;
    out->bytes = record + sizeof(ChunkHead);
    return nullptr;
}

Status decode_node(const PageView &page, uint16_t slot, NodeView *out) {
    const char *fault = node_fault(page, slot, out);
    return fault == nullptr ? Status{} : fault_status(page.block, fault);
}

Status decode_chunk(const PageView &page, uint16_t slot, ChunkView *out) {
    const char *fault = chunk_fault(page, slot, out);
    return fault == nullptr ? Status{} : fault_status(page.block, fault);
}

Status fault_status(uint32_t block, const char *fault) {
    return Status::corrupt(block, "hnsw index has a damaged page: %s (block %u)", fault, block);
}

} // namespace vecx::hnsw
