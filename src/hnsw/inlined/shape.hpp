// The layouts `inline` and `compact`: what a node's record looks like for one type, metric and dimension. Both have
// the same record; a compact one has no codes. README.md has the picture and the reasons.
#pragma once

#include "filter/attributes.hpp"
#include "hnsw/layout.hpp"
#include "types/distance.hpp"

namespace vecx::hnsw::inlined {

// How a node's own vector is stored. On disk: never renumber.
enum class OwnKind : uint8_t {
    f16 = 1, // binary16 times a power of two per node: loses nothing of halfvec and int8vec, and of most integers
    i8 = 2,  // int8 times a factor per node: loses nothing of int8vec
};

constexpr int kMinPlaces = 20;    // neighbours below which the graph suffers (experiments.md, section 3)
constexpr int kMaxPlaces = 252;   // an entry node may have more than others; a multiple of 4
constexpr int kMinCodeWords = 16; // a code of fewer than 1,024 bits only when the vector has fewer dimensions
constexpr int kQueryBits = 6;     // bits a coordinate of the query has in a sweep (experiments.md, section 2)
constexpr int kGroup = 4;         // neighbours whose codes are interleaved

// Everything that follows from type, metric, dimension and the metapage; the same for all nodes of an index but
// for the number of places of its entry node. Sizes in bytes; offsets from the start of the record.
struct Shape {
    ElementType type; // f32, f16, bf16 or i8
    Metric metric;    // l2, ip or cosine
    OwnKind own;
    uint8_t tid_places; // heap TIDs in the record; more go to a TidChunk
    int32_t dim;
    uint16_t places;     // neighbours of a node, a multiple of kGroup
    uint16_t code_words; // 64-bit words of one neighbour's code; 0: compact
    uint16_t attributes; // columns beside the vector

    uint32_t code_bits() const { return 64u * code_words; }
    // Dimensions after the rotation, a multiple of 64; code_bits() is at most this.
    uint32_t rotated_dim() const { return (static_cast<uint32_t>(dim) + 63) / 64 * 64; }
    uint32_t own_size() const { return align8(static_cast<uint32_t>(dim) * (own == OwnKind::f16 ? 2 : 1)); }
    uint32_t attributes_size() const { return filter::attribute_bytes(attributes); }
    uint32_t tids_offset() const;
    uint32_t attributes_offset() const;
    uint32_t links_offset() const;
    uint32_t factors_offset(int places_here) const; // add[places], then mul[places], binary16 each; none if compact
    uint32_t codes_offset(int places_here) const;
    uint32_t own_offset(int places_here) const;
    uint32_t record_size(int places_here) const { return own_offset(places_here) + own_size(); }
};

// A node. The first 4 bytes are common to all records of a page.
struct Head {
    uint8_t kind; // RecordKind::inlined_node
    uint8_t flags; // kNodeDead, kNodeEntry
    uint16_t generation;
    uint8_t tid_count; // in the record, the first ones of the array
    uint8_t places;    // of this node; shape.places but for the entry node: entry_places
    uint16_t pad0;
    uint32_t links_version; // goes up with every change of links, factors and codes
    float own_scale;        // an element of the own vector times this is the coordinate
    float own_error;        // at least |x - stored x|; 0: nothing is lost
    float norm;             // |x|, of the exact vector
    float add_scale;        // powers of two that the factors are to be multiplied with
    float mul_scale;
    uint64_t hash;          // of the payload: equal vectors share a node
    Link more_tids;         // the first TidChunk
};
static_assert(sizeof(Head) == 48);

// No row: where searches start. Its vector is the mean of many, its neighbours are spread over the whole graph.
constexpr uint8_t kNodeEntry = 2;
// May be missing in the directory of attributes (directory.hpp): whoever adds a row to the node sees to it that it is there.
constexpr uint8_t kNodeUnlisted = 4;

// Further heap TIDs of a node: a list from Head::more_tids, newest chunk first.
struct TidChunkHead {
    uint8_t kind; // RecordKind::tid_chunk
    uint8_t pad0;
    uint16_t generation;
    uint16_t count;    // in use, the first ones
    uint16_t capacity; // that the record has room for
    Link next;
    Link node; // that the list belongs to
};
static_assert(sizeof(TidChunkHead) == 24);

constexpr uint32_t tid_chunk_size(uint32_t capacity) {
    return align8(static_cast<uint32_t>(sizeof(TidChunkHead)) + capacity * static_cast<uint32_t>(sizeof(HeapTid)));
}

inline uint32_t Shape::tids_offset() const { return sizeof(Head); }
inline uint32_t Shape::attributes_offset() const {
    return tids_offset() + align8(tid_places * static_cast<uint32_t>(sizeof(HeapTid)));
}
inline uint32_t Shape::links_offset() const { return attributes_offset() + attributes_size(); }
inline uint32_t Shape::factors_offset(int places_here) const {
    return links_offset() + static_cast<uint32_t>(places_here) * static_cast<uint32_t>(sizeof(Link));
}
inline uint32_t Shape::codes_offset(int places_here) const {
    return factors_offset(places_here) + (code_words > 0 ? 4u * static_cast<uint32_t>(places_here) : 0u);
}
inline uint32_t Shape::own_offset(int places_here) const {
    return codes_offset(places_here) + static_cast<uint32_t>(places_here) * code_words * 8u;
}

// Whether the layouts have a form for this type and metric at all (bit, sparse, L1 and the bit metrics stay on
// `plain`: RaBitQ estimates inner products only).
bool supports(ElementType type, Metric metric);

// Nodes that a page holds; 0 when none fits.
inline uint32_t nodes_per_page(const Shape &shape, uint32_t body_size) {
    return (body_size - static_cast<uint32_t>(sizeof(PageHead))) / (shape.record_size(shape.places) + static_cast<uint32_t>(sizeof(Slot)));
}

// Neighbours of the entry node: as many as fit behind the metapage's record.
uint32_t entry_places(const Shape &shape, uint32_t body_size);

// The shape of a new index of layout `inlined` or `compact`: places, precision and length of the codes chosen
// together so that pages are full. `m` is the option: 2 m places are wanted. `attributes` is the number of columns beside
// the vector. False when nothing sensible fits.
bool choose_shape(LayoutKind layout, ElementType type, Metric metric, int32_t dim, int m, uint32_t body_size, Shape *out,
                  int attributes = 0);

// What choose_shape picks is kept in the metapage; these translate. shape_fault: null, or what is wrong with it.
void shape_to_meta(const Shape &shape, MetaRecord *meta);
const char *shape_from_meta(const MetaRecord &meta, uint32_t body_size, Shape *out);

} // namespace vecx::hnsw::inlined
