// How nodes are laid out. See shape.hpp.
#include "hnsw/inlined/shape.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr uint8_t kInlineTids = 10;
constexpr uint8_t kCompactTids = 2; // a compact node is to be small; duplicates are rare and have chunks

// The longest record of which `n` fit a page.
uint32_t room_for(uint32_t n, uint32_t body_size) {
    return ((body_size - static_cast<uint32_t>(sizeof(PageHead))) / n - static_cast<uint32_t>(sizeof(Slot))) & ~7u;
}

// The places of a record of at most `room` bytes, a multiple of kGroup.
int places_in(const Shape &shape, uint32_t room) {
    uint32_t fixed = shape.record_size(0);
    if (room < fixed)
        return 0;
    uint32_t each = shape.record_size(kGroup) - fixed;
    uint32_t groups = (room - fixed) / each;
    return static_cast<int>(groups < kMaxPlaces / kGroup ? groups : kMaxPlaces / kGroup) * kGroup;
}

// The longest record that fits the metapage.
uint32_t entry_room(uint32_t body_size) { return max_record(body_size - static_cast<uint32_t>(sizeof(MetaRecord))); }

// Fills a page: with as many records of `wanted` places as fit, or with one record more if these still keep three
// fifths of the places. False when not even kMinPlaces fit.
bool fill_page(Shape *shape, int wanted, uint32_t body_size) {
    int least = wanted < kMinPlaces ? wanted : kMinPlaces;
    int alone = places_in(*shape, room_for(1, body_size));
    if (alone < least)
        return false;
    uint32_t n = 1;
    while (places_in(*shape, room_for(n + 1, body_size)) >= wanted)
        ++n;
    int more = places_in(*shape, room_for(n + 1, body_size));
    bool one_more = more >= least && 5 * more >= 3 * wanted;
    int places = one_more ? more : places_in(*shape, room_for(n, body_size));
    shape->places = static_cast<uint16_t>(places < wanted ? places : wanted);
    return true;
}

} // namespace

bool supports(ElementType type, Metric metric) {
    bool dense = type == ElementType::f32 || type == ElementType::f16 || type == ElementType::bf16 || type == ElementType::i8;
    return dense && (metric == Metric::l2 || metric == Metric::ip || metric == Metric::cosine);
}

uint32_t entry_places(const Shape &shape, uint32_t body_size) {
    return static_cast<uint32_t>(places_in(shape, entry_room(body_size)));
}

bool choose_shape(LayoutKind layout, ElementType type, Metric metric, int32_t dim, int m, uint32_t body_size, Shape *out,
                  int attributes) {
    if (!supports(type, metric))
        return false;
    int wanted = (2 * m + kGroup - 1) / kGroup * kGroup;
    if (wanted > kMaxPlaces)
        wanted = kMaxPlaces;
    Shape shape{};
    shape.type = type;
    shape.metric = metric;
    shape.dim = dim;
    shape.attributes = static_cast<uint16_t>(attributes);
    if (layout == LayoutKind::compact) {
        shape.own = OwnKind::i8;
        shape.tid_places = kCompactTids;
        int least = wanted < kMinPlaces ? wanted : kMinPlaces;
        if (places_in(shape, room_for(1, body_size)) < least || entry_places(shape, body_size) == 0)
            return false;
        uint32_t n = 1;
        while (places_in(shape, room_for(n + 1, body_size)) >= least)
            ++n;
        int places = places_in(shape, room_for(n, body_size));
        shape.places = static_cast<uint16_t>(places < wanted ? places : wanted);
        *out = shape;
        return true;
    }
    shape.tid_places = kInlineTids;
    const uint16_t whole = static_cast<uint16_t>(shape.rotated_dim() / 64);
    const uint16_t shortest = whole < kMinCodeWords ? whole : static_cast<uint16_t>(kMinCodeWords);
    const OwnKind kinds[] = {type == ElementType::i8 ? OwnKind::i8 : OwnKind::f16, OwnKind::i8};
    for (OwnKind own : kinds) {
        shape.own = own;
        for (shape.code_words = whole; shape.code_words >= shortest; --shape.code_words)
            if (fill_page(&shape, wanted, body_size) && entry_places(shape, body_size) > 0) {
                *out = shape;
                return true;
            }
    }
    return false;
}

void shape_to_meta(const Shape &shape, MetaRecord *meta) {
    meta->own_kind = static_cast<uint8_t>(shape.own);
    meta->tid_places = shape.tid_places;
    meta->places = shape.places;
    meta->code_words = shape.code_words;
    meta->attributes = shape.attributes;
}

const char *shape_from_meta(const MetaRecord &meta, uint32_t body_size, Shape *out) {
    Shape shape{};
    shape.type = static_cast<ElementType>(meta.element_type);
    shape.metric = static_cast<Metric>(meta.metric);
    shape.own = static_cast<OwnKind>(meta.own_kind);
    shape.tid_places = meta.tid_places;
    shape.dim = meta.dim;
    shape.places = meta.places;
    shape.code_words = meta.code_words;
    shape.attributes = meta.attributes;
    if (!supports(shape.type, shape.metric))
        return "layout does not go with the type";
    if (shape.own != OwnKind::f16 && shape.own != OwnKind::i8)
        return "unknown precision of vectors";
    if (shape.tid_places < 1 || shape.tid_places > kTidsPerNode)
        return "number of heap TIDs out of range";
    if (shape.attributes > filter::kMostAttributes)
        return "number of columns out of range";
    if (shape.places < kGroup || shape.places > kMaxPlaces || shape.places % kGroup != 0)
        return "number of neighbours out of range";
    bool compact = meta.layout == static_cast<uint8_t>(LayoutKind::compact);
    if ((shape.code_words == 0) != compact || shape.code_bits() > shape.rotated_dim())
        return "length of codes out of range";
    if (shape.record_size(shape.places) > max_record(body_size) || entry_places(shape, body_size) == 0)
        return "record longer than a page";
    *out = shape;
    return nullptr;
}

} // namespace vecx::hnsw::inlined
