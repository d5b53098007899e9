// Any bytes as the pages of an index of layout `inline` or `compact`: searching, inserting, vacuum and the checker end
// with a Status or a sane answer, and read nothing outside a page. The first byte chooses the index, with columns or without, and between whole
// pages of input and a sound index with some bytes changed, which gets deeper.
#include "page_support.hpp"

#include "hnsw/inlined/check.hpp"
#include "hnsw/inlined/fold.hpp"
#include "hnsw/inlined/insert.hpp"
#include "hnsw/inlined/stream.hpp"
#include "hnsw/inlined/vacuum.hpp"

using namespace vecx;
using namespace vecx::hnsw;
using namespace vecx::fuzz;
using vecx::test::MemoryStore;

namespace {

constexpr uint32_t kBody = 2048 - 24;
constexpr uint64_t kPolls = 2000000; // a run that polls more often hangs
constexpr uint32_t kMaxPages = 64;   // what repeated inserts may make of it

struct Sorted {
    struct Row {
        double low, high;
        HeapTid tid;
    };
    std::vector<Row> rows;
    size_t at = 0;
    void put(bool, double low, double high, HeapTid tid) { rows.push_back({low, high, tid}); }
    void finish() {}
    bool next(HeapTid *tid, double *low, double *high) {
        if (at == rows.size())
            return false;
        *tid = rows[at].tid;
        *low = rows[at].low;
        *high = rows[at++].high;
        return true;
    }
};

struct Kind {
    LayoutKind layout;
    ElementType type;
    Metric metric;
    int dim;
};
constexpr Kind kKinds[] = {
    {LayoutKind::inlined, ElementType::f32, Metric::l2, 4},
    {LayoutKind::inlined, ElementType::f32, Metric::cosine, 70}, // two words a code
    {LayoutKind::inlined, ElementType::i8, Metric::ip, 20},
    {LayoutKind::inlined, ElementType::bf16, Metric::ip, 5},
    {LayoutKind::compact, ElementType::f32, Metric::l2, 4},
    {LayoutKind::compact, ElementType::f16, Metric::cosine, 33},
    {LayoutKind::compact, ElementType::i8, Metric::ip, 8},
    {LayoutKind::compact, ElementType::bf16, Metric::l2, 100},
};
constexpr size_t kKindCount = sizeof kKinds / sizeof *kKinds;

std::vector<uint8_t> value_of(const Kind &kind, Rng &rng) {
    std::vector<uint8_t> out(dense_payload_size(kind.type, kind.dim));
    for (size_t i = 0; i < static_cast<size_t>(kind.dim); ++i) {
        const float f = static_cast<float>(rng.below(20)) - 8;
        const uint16_t half = float_to_f16(f);
        switch (kind.type) {
        case ElementType::f32:
            memcpy(out.data() + 4 * i, &f, 4);
            break;
        case ElementType::f16:
            memcpy(out.data() + 2 * i, &half, 2);
            break;
        case ElementType::bf16:
            memcpy(out.data() + 2 * i, reinterpret_cast<const uint8_t *>(&f) + 2, 2);
            break;
        default:
            out[i] = static_cast<uint8_t>(static_cast<int>(f));
        }
    }
    return out;
}

// An index with lists of heap TIDs and an entry node.
struct Index {
    MemoryStore store{kBody};
    inlined::Shape shape;
};

constexpr int kColumns = 2; // of an index that has any

// The columns of row i.
struct Columns {
    uint64_t words[filter::attribute_words(kColumns)] = {};
    explicit Columns(uint32_t i) {
        filter::set_attribute(words, 0, filter::key_of_integer(i % 5));
        if (i % 7 == 0)
            filter::set_attribute_null(words, 1);
        else
            filter::set_attribute(words, 1, filter::key_of_float(i % 3));
    }
};

Index sound_index(const Kind &kind, int columns) {
    Index index;
    VECX_REQUIRE(inlined::choose_shape(kind.layout, kind.type, kind.metric, kind.dim, 2, kBody, &index.shape, columns));
    MetaRecord meta{};
    meta.layout = static_cast<uint8_t>(kind.layout);
    meta.element_type = static_cast<uint8_t>(kind.type);
    meta.metric = static_cast<uint8_t>(kind.metric);
    meta.m = 2;
    meta.ef_construction = 8;
    meta.dim = kind.dim;
    inlined::shape_to_meta(index.shape, &meta);
    uint32_t block;
    VECX_REQUIRE(index.store.extend([&](MutablePage &page) { init_meta(page, meta); }, &block).ok());
    Rng rng(1);
    const std::vector<uint8_t> often = value_of(kind, rng);
    for (uint16_t i = 0; i < 40; ++i) {
        FuzzArena arena;
        const std::vector<uint8_t> value = i % 2 == 0 ? often : value_of(kind, rng);
        VECX_REQUIRE(inlined::insert(index.store, arena.arena, index.shape, payload_of(value), HeapTid{0, i, 1}, rng, SIZE_MAX / 2, Columns(i % 2 == 0 ? 0 : i).words).ok());
        if (i == 30) // the rest stays in the log
            VECX_REQUIRE(inlined::make_directory(index.store, arena.arena, index.shape, kBody, 1 << 20).ok());
    }
    FuzzArena arena;
    VECX_REQUIRE(read_meta(index.store, &meta).ok());
    inlined::Linker<MemoryStore> linker(index.store, arena.arena, index.shape);
    VECX_REQUIRE(inlined::make_entry(index.store, arena.arena, linker, meta.entry, kBody, rng).ok());
    uint64_t findings = 0;
    CheckSummary sum;
    VECX_REQUIRE(inlined::check(index.store, arena.arena, [&](const Status &) { ++findings; }, &sum).ok());
    VECX_REQUIRE(findings == 0 && sum.tids == 40 && sum.chunks > 0 && sum.reachable == sum.living_nodes);
    return index;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const bool columns = (data[0] & 0x20) != 0;
    const size_t of_kind = (data[0] & 0x1F) % kKindCount, which = 2 * of_kind + columns;
    const Kind &kind = kKinds[of_kind];
    const bool whole_pages = (data[0] & 0x40) != 0;
    const bool vacuum_first = (data[0] & 0x80) != 0;
    ++data;
    --size;
    static std::vector<Index> sound; // one for each kind, made once
    for (size_t i = sound.size(); i < 2 * kKindCount; ++i)
        sound.push_back(sound_index(kKinds[i / 2], i % 2 == 0 ? 0 : kColumns));
    const inlined::Shape &shape = sound[which].shape;
    MemoryStore store = sound[which].store;
    if (whole_pages) { // behind the metapage
        store.pages.resize(1);
        for (size_t at = 0; at < size && store.pages.size() < 5; at += kBody) {
            store.pages.emplace_back(kBody / 8, 0);
            memcpy(store.bytes(static_cast<uint32_t>(store.pages.size() - 1)), data + at, size - at < kBody ? size - at : kBody);
        }
    } else { // pairs of a position and a byte
        for (size_t at = 0; at + 3 <= size; at += 3) {
            size_t position = (data[at] | static_cast<size_t>(data[at + 1]) << 8) % (store.pages.size() * kBody);
            store.bytes(static_cast<uint32_t>(position / kBody))[position % kBody] = data[at + 2];
        }
    }
    store.space.assign(store.pages.size(), 200);

    Rng rng(size);
    store.polls_left = kPolls;
    for (uint32_t block = 0; block < store.pages.size(); ++block)
        require_sane(store.read(block, [&](const PageView &page) {
            VECX_REQUIRE(page_low(page.body, page.size) <= page_high(page.body, page.size));
            for (uint32_t slot = 0; slot < 600; ++slot) {
                inlined::NodeView node;
                inlined::TidChunkView chunk;
                inlined::LeafView leaf;
                inlined::FencesView fences;
                if (inlined::leaf_fault(page, shape, static_cast<uint16_t>(slot), &leaf) == nullptr && leaf.head != nullptr)
                    VECX_REQUIRE(leaf.entries + size_t{leaf.head->count} * leaf.each <= page.body + page.size);
                if (inlined::fences_fault(page, static_cast<uint16_t>(slot), &fences) == nullptr && fences.head != nullptr)
                    VECX_REQUIRE(reinterpret_cast<const uint8_t *>(fences.fences + fences.head->count) <= page.body + page.size);
                if (inlined::node_fault(page, shape, static_cast<uint16_t>(slot), &node) == nullptr && node.head != nullptr)
                    VECX_REQUIRE(node.own + shape.own_size() <= page.body + page.size && node.head->places <= inlined::kMaxPlaces);
                if (inlined::tid_chunk_fault(page, static_cast<uint16_t>(slot), &chunk) == nullptr && chunk.head != nullptr)
                    VECX_REQUIRE(reinterpret_cast<const uint8_t *>(chunk.tids + chunk.head->capacity) <= page.body + page.size);
            }
        }));
    auto vacuum = [&](size_t memory) {
        FuzzArena arena;
        VacuumResult result{};
        Status s = inlined::remove_tids(store, arena.arena, [](HeapTid t) { return t.block_lo % 3 == 0; }, &result);
        require_sane(s);
        if (s.ok())
            require_sane(inlined::repair(store, arena.arena, memory, &result));
        uint64_t freed = 0;
        if (s.ok())
            require_sane(inlined::tend_directory(store, arena.arena, memory, true, &freed));
    };
    {
        FuzzArena arena;
        require_sane(inlined::check(store, arena.arena, [](const Status &finding) { VECX_REQUIRE(!finding.ok()); }));
    }
    if (vacuum_first)
        vacuum(1000);
    const LateRows lates[] = {LateRows::after_all, LateRows::at_once, LateRows::left_out};
    const uint64_t keys[] = {filter::key_of_integer(1), filter::key_of_integer(3)};
    const filter::Condition conditions[] = {{filter::Condition::How::any, true, 0, 2, 0, keys},
                                            {filter::Condition::How::less_equal, false, 1, 0, filter::key_of_float(2), nullptr}};
    const filter::Predicate where{conditions, 2, false};
    for (int round = 0; round < 6; ++round) {
        FuzzArena arena;
        Sorted sorter;
        std::vector<uint8_t> query = value_of(kind, rng);
        inlined::Stream<MemoryStore, Sorted> stream(store, arena.arena, shape, payload_of(query),
                                                    StreamOptions{4, round % 3 == 2 ? 7 : -1, round % 3 == 0 ? 0u : 1u << 20, lates[round % 3]}, sorter, {}, {},
                                                    columns && round >= 3 ? &where : nullptr);
        inlined::Row row{};
        bool found = true;
        for (int rows = 0; found; ++rows) {
            VECX_REQUIRE(rows < 20000);
            Status s = stream.next(&row, &found);
            require_sane(s);
            if (!s.ok())
                break;
            VECX_REQUIRE(row.distance == row.distance); // the executor compares it
        }
    }
    for (int round = 0; round < 3; ++round) {
        FuzzArena arena;
        require_sane(inlined::insert(store, arena.arena, shape, payload_of(value_of(kind, rng)), HeapTid{1, 0, 1}, rng, SIZE_MAX / 2, Columns(3).words));
        if (round < 2)
            vacuum(round == 0 ? 100000 : 1);
        VECX_REQUIRE(store.pages.size() < kMaxPages);
    }
    return 0;
}
