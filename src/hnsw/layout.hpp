// The bytes of the index: pages, links, and the records of layout `plain` (inlined/shape.hpp has the others). They are for ever: fixed-width fields, explicit padding that is
// zero, nothing that depends on the CPU. Every accessor that takes a page checks what it reads; a page is
// never trusted (Code::corrupted with the block number).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/status.hpp"
#include "hnsw/store.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw {

constexpr uint32_t kMetaBlock = 0;
constexpr uint32_t kMagic = 0x58434556; // "VECX" in the file
constexpr uint16_t kVersion = 1;
constexpr int kTidsPerNode = 10;
constexpr int kMaxLevel = 32; // levels are capped so that a node without payload always fits a page
constexpr int kMinM = 2, kMaxM = 100, kDefaultM = 16;
constexpr int kMinEfConstruction = 4, kMaxEfConstruction = 1000, kDefaultEfConstruction = 64;
constexpr int kMaxRetries = 8;

// Retired values keep their numbers.
enum class PageKind : uint16_t { unused = 0, meta = 1, nodes = 2 };
enum class RecordKind : uint8_t { free = 0, node = 1, chunk = 2, inlined_node = 3, tid_chunk = 4, leaf = 5, fences = 6 };
constexpr uint8_t kLastRecordKind = 6;
enum class LayoutKind : uint8_t { plain = 1, inlined = 2, compact = 3 };

struct PageHead {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;       // PageKind
    uint16_t slot_count;
    uint16_t data_end;   // offset in the body where free space starts
    uint16_t dead_bytes; // bytes of free records below data_end, regained by compaction
    uint16_t reserved;
};
static_assert(sizeof(PageHead) == 16);

// The slot directory grows down from the end of the body: slot 0 is the last 4 bytes. Slots are never
// taken away, so that a generation, once given out, is remembered for as long as the page lives.
struct Slot {
    uint16_t offset; // of the record in the body; 0: no storage (freed and compacted away)
    uint16_t length; // of the record, a multiple of 8; with offset 0: the generation of the record that was here
};
static_assert(sizeof(Slot) == 4);

// A node as others name it. Generation 0 is never used, so an all-zero Link is "none".
struct Link {
    uint32_t block;
    uint16_t slot; // below kMaxSlots
    uint16_t generation;

    bool none() const { return generation == 0; }
    // For visited sets; unique among nodes that exist at one time. The bits of kKeyStateMask are 0.
    uint64_t key() const {
        return (static_cast<uint64_t>(block) << 32) | (static_cast<uint64_t>(slot) << 16) | generation;
    }
    bool operator==(const Link &) const = default;
};
static_assert(sizeof(Link) == 8 && alignof(Link) == 4);

// A page of 32 kB has no room for more slots than this, which leaves three bits of Link::key free.
constexpr uint32_t kMaxSlots = 8192;
constexpr uint64_t kKeyStateMask = 0xE0000000ull;

inline Link link_of_key(uint64_t key) {
    key &= ~kKeyStateMask;
    return Link{static_cast<uint32_t>(key >> 32), static_cast<uint16_t>(key >> 16), static_cast<uint16_t>(key)};
}

// PostgreSQL's ItemPointer, as three halfwords.
struct HeapTid {
    uint16_t block_hi, block_lo, offset;
    bool operator==(const HeapTid &) const = default;
};
static_assert(sizeof(HeapTid) == 6);

// Flags of a node.
constexpr uint8_t kNodeDead = 1; // no heap TID is left and none may be added; VACUUM will free it

// The first 4 bytes are common to all record kinds; a free record keeps them.
struct NodeHead {
    uint8_t kind; // RecordKind
    uint8_t level;
    uint16_t generation;
    uint8_t flags;
    uint8_t tid_count; // heap TIDs in use, the first ones of the array
    uint8_t m;         // links per upper level; level 0 has 2m
    uint8_t pad0;
    uint32_t links_version; // goes up with every change of the links
    uint32_t payload_size;  // whole, in bytes
    uint32_t inline_size;   // of it in this record; the rest is in chunks
    Link first_chunk;       // none when inline_size == payload_size
    uint32_t pad1;
};
static_assert(sizeof(NodeHead) == 32);

struct ChunkHead {
    uint8_t kind;
    uint8_t pad0;
    uint16_t generation;
    uint32_t size;  // payload bytes in this chunk
    Link next;      // none at the end
};
static_assert(sizeof(ChunkHead) == 16);

constexpr uint32_t kTidBytes = (kTidsPerNode * sizeof(HeapTid) + 7) / 8 * 8;

constexpr uint32_t link_count(int m, int level) { return static_cast<uint32_t>(m) * (2u + static_cast<uint32_t>(level)); }
// Offset of the links of `at` in the link array of a node.
constexpr uint32_t link_start(int m, int at) { return at == 0 ? 0 : static_cast<uint32_t>(m) * (1u + static_cast<uint32_t>(at)); }
constexpr uint32_t links_at(int m, int at) { return static_cast<uint32_t>(at == 0 ? 2 * m : m); }

// The longest record a page of this body size can hold.
constexpr uint32_t max_record(uint32_t body_size) {
    return (body_size - static_cast<uint32_t>(sizeof(PageHead) + sizeof(Slot))) & ~7u;
}

constexpr uint32_t align8(uint32_t n) { return (n + 7) & ~7u; }

// Everything of a node record but its payload.
constexpr uint32_t node_fixed_size(int m, int level) {
    return static_cast<uint32_t>(sizeof(NodeHead)) + kTidBytes + link_count(m, level) * static_cast<uint32_t>(sizeof(Link));
}

// The highest level whose nodes still fit a page without payload (but for a few bytes of it).
constexpr int level_cap(int m, uint32_t body_size) {
    int level = 0;
    while (level < kMaxLevel && node_fixed_size(m, level + 1) + 64 <= max_record(body_size))
        ++level;
    return level;
}

// How much of a payload goes into the node record: all of it when that fits a fresh page.
constexpr uint32_t inline_part(int m, int level, uint32_t payload_size, uint32_t body_size) {
    uint32_t room = max_record(body_size) - node_fixed_size(m, level);
    return payload_size <= room ? payload_size : room;
}

// Behind the PageHead of block 0.
struct MetaRecord {
    uint8_t layout;       // LayoutKind
    uint8_t element_type; // ElementType
    uint8_t metric;       // Metric
    uint8_t m;
    uint16_t ef_construction;
    uint16_t entry_level;
    int32_t dim;
    Link entry; // none: the graph is empty
    uint8_t own_kind;   // these four are 0 in layout plain; inlined/shape.hpp
    uint8_t tid_places;
    uint16_t places;
    uint16_t code_words;
    uint16_t attributes; // columns stored beside the vector; inlined/directory.hpp has the next two
    uint32_t pad1;
    Link fences; // the first of the sorted part of the directory; none: there is no such part
    Link log;    // the newest leaf of the other part
    uint64_t reserved[5];
};
static_assert(sizeof(MetaRecord) == 88);
static_assert(std::is_trivially_copyable_v<NodeHead> && std::is_trivially_copyable_v<MetaRecord>);

} // namespace vecx::hnsw
