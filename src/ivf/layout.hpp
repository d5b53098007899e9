// The bytes of the index. They are for ever: fixed-width fields, padding that is zero, nothing that depends on the CPU.
// README.md has the picture. Everything is checked when read (page.hpp): Code::corrupted with the block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ivf/store.hpp"

namespace vecx::ivf {

constexpr uint32_t kMetaBlock = 0;
constexpr uint32_t kMagic = 0x49434556; // "VECI" in the file
constexpr uint16_t kVersion = 1;
constexpr uint32_t kMinLists = 1, kMaxLists = 1u << 20;
constexpr uint32_t kRootBranch = 0xFFFFFFFFu; // PageHead::list of the branches' own chain

// Retired values keep their numbers.
enum class PageKind : uint16_t { unused = 0, meta = 1, vector = 2, centroids = 3, postings = 4, codes = 5, vectors = 6, freed = 7, codebook = 8 };
enum class QuantizerKind : uint8_t { none = 1, sq8 = 2, pq = 3, rabitq = 4 };
enum class RerankKind : uint8_t { heap = 1, index = 2 };

// A page as others name it: its block and which of the block's lives. Block 0 is "none".
struct Link {
    uint32_t block;
    uint32_t life;
    bool none() const { return block == 0; }
    bool operator==(const Link &) const = default;
};

// Flags of a page.
constexpr uint16_t kSealed = 1;  // of postings: no row is added here any more; where there is no next page, the list is over
constexpr uint16_t kRetired = 2; // not part of the index any more; old scans may still be reading it

// The start of every page but the metapage.
struct PageHead {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;    // PageKind
    uint32_t life;    // goes up each time the block is used anew
    uint32_t born;    // MetaRecord::sweep when it was
    uint32_t list;    // List id (postings, codes, vectors), branch (centroids)
    uint16_t flags;
    uint16_t low;     // bytes of the body in use from its start; 0: all of it
    Link next;        // page of the chain
    uint64_t retired; // ListStore::horizon() when it was
};
static_assert(sizeof(PageHead) == 40);

// Postings: rows of one list. Behind the head come the links of the pages that the rows have their other bits and their
// vectors in, then arrays with room for Shape::page_rows rows each (shape.hpp): heap TIDs, of each further column (filter/
// attributes.hpp) a bit for each NULL and the keys, then for rabitq add and mul as
// binary16 and the sign bits in groups of 4 rows, for pq add, mul and unit (quant/codebook.hpp) as binary16 and the codes in
// groups of 16 rows, for sq8 a record of FineHead and the code each, for none the vectors. Row i has its record of codes in place
// (codes_skip + i) % n of page (codes_skip + i) / n, n being Shape::codes_rows; its vector likewise.
struct PostingsHead {
    PageHead page;
    uint16_t count; // rows, the removed ones included
    uint16_t dead;  // removed: their heap TID is kNoTid
    uint16_t codes_skip;  // places of the first page of codes that belong to the page before this one
    uint16_t codes_count; // pages of codes
    uint16_t vectors_skip;
    uint16_t vectors_count;
    uint32_t pad;
    float add_scale; // powers of two that add and mul are to be multiplied with
    float mul_scale;
    Link tail;       // of a list's first page: a page near its end, where to look for room
};
static_assert(sizeof(PostingsHead) == 72);

// A record of a page of codes; bits - 1 planes of Shape::words 64-bit words follow. Of a row of sq8: its code follows.
struct FineHead {
    float add, mul, error;
};

// A centroid, of a list or of a branch; Shape::centroid_dim int8 coordinates follow. It is of rotated vectors less their mean.
struct CentroidHead {
    uint32_t id;    // of the list; of a branch: its number
    uint32_t flags; // kClosing
    float scale;    // a coordinate is scale times its byte
    float norm2;    // of the centroid as its bytes have it
    float radius;   // at least the distance of every row (of a list), of every child (of a branch)
    float spread2;  // mean square of that when it was made
    uint32_t rows;  // then; of a branch: number of its children
    uint32_t pad;
    Link first;     // first page of postings; of a branch: first page of its children
    uint64_t reserved[3];
};
static_assert(sizeof(CentroidHead) == 64);
constexpr uint32_t kClosing = 1; // takes no new rows: VACUUM will move those it has

// How many lists reached which recall when the index was built, each the lower 95 % limit of what some queries found.
struct ProbesCurve {
    static constexpr uint32_t kPoints = 3;
    static constexpr double kRecall[kPoints] = {0.90, 0.95, 0.99};
    uint32_t rows[kPoints];    // queries that are rows
    uint32_t between[kPoints]; // queries that lie between two rows
    uint32_t queries;          // of both kinds; 0: not measured
    uint32_t pad;
};

// Behind 8 bytes (magic, version, kind) of block 0.
struct MetaRecord {
    uint8_t element_type; // ElementType
    uint8_t metric;       // Metric
    uint8_t quantizer;    // QuantizerKind
    uint8_t rerank;       // RerankKind
    uint8_t bits;         // a coordinate; of a code of pq (4) and sq8 (8); 0 for none
    uint8_t code_dim;     // of pq: coordinates of a code; else 0
    uint8_t attributes;   // columns beside the vector
    uint8_t pad0;
    int32_t dim;
    uint32_t lists;    // in the directory
    uint32_t branches;
    uint32_t next_list; // id for the next list
    uint32_t structure; // goes up each time the directory is replaced
    uint32_t sweep;     // goes up with each VACUUM that looks for pages out of reach
    Link mean;          // first page of the mean (PageKind::vector); none: zero
    Link root;          // first page of the branches
    uint32_t auto_probes; // that an automatic scan begins with; 0: unknown
    float auto_recall;    // of the harder kind of queries with these, in the mean
    uint64_t built_rows; // rows when built or clustered anew
    float built_spread2; // mean square distance of a row and its centroid then
    uint32_t wanted_lists; // the option; 0: automatic
    Link codebook;         // first page of the codebook (PageKind::codebook), of sq8 and pq
    ProbesCurve curve;
    uint64_t reserved[3];
};
static_assert(sizeof(MetaRecord) == 136 && std::is_trivially_copyable_v<MetaRecord>);

struct MetaPage {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;
    MetaRecord record;
};

} // namespace vecx::ivf
