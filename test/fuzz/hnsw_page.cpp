// Any bytes as the pages of an index: decoding, searching, inserting, vacuum and the checker end with a Status or a
// sane answer, and read nothing outside a page. The first byte chooses between whole pages of input and a sound
// index with some bytes changed, which gets deeper.
#include "page_support.hpp"

#include "hnsw/build.hpp"
#include "hnsw/check.hpp"
#include "hnsw/insert.hpp"
#include "hnsw/stream.hpp"
#include "hnsw/vacuum.hpp"

using namespace vecx;
using namespace vecx::hnsw;
using namespace vecx::fuzz;
using vecx::test::MemoryStore;

namespace {

constexpr uint32_t kBody = 1024 - 24;
constexpr uint64_t kPolls = 2000000; // a run that polls more often hangs

struct Sorted {
    struct Row {
        double distance;
        HeapTid tid;
    };
    std::vector<Row> rows;
    size_t at = 0;
    void put(bool, double low, double, HeapTid tid) { rows.push_back({low, tid}); }
    void finish() {}
    bool next(HeapTid *tid, double *low, double *high) {
        if (at == rows.size())
            return false;
        *tid = rows[at].tid;
        *low = *high = rows[at++].distance;
        return true;
    }
};

struct Kind {
    ElementType type;
    Metric metric;
    int dim;
};
constexpr Kind kKinds[] = {
    {ElementType::f32, Metric::l2, 4},        {ElementType::f32, Metric::cosine, 400}, // 400: spans pages
    {ElementType::sparse, Metric::ip, 100},   {ElementType::bit, Metric::jaccard, 33},
};

std::vector<uint8_t> value_of(const Kind &kind, Rng &rng) {
    std::vector<uint8_t> out;
    if (kind.type == ElementType::sparse) {
        int32_t words[] = {2, static_cast<int32_t>(rng.below(50)), static_cast<int32_t>(50 + rng.below(50)), 0x3F800000, 0x40000000};
        out.resize(sizeof words);
        memcpy(out.data(), words, sizeof words);
        return out;
    }
    out.resize(dense_payload_size(kind.type, kind.dim));
    if (kind.type == ElementType::f32) {
        for (int i = 0; i < kind.dim; ++i) {
            float f = static_cast<float>(rng.below(100));
            memcpy(out.data() + 4 * i, &f, 4);
        }
    } else {
        for (uint8_t &b : out)
            b = static_cast<uint8_t>(rng.next());
        out.back() &= 0x80; // padding bits are zero
    }
    return out;
}

MemoryStore sound_index(const Kind &kind, const Measure &measure) {
    MemoryStore store(kBody);
    MetaRecord meta{};
    meta.layout = static_cast<uint8_t>(LayoutKind::plain);
    meta.element_type = static_cast<uint8_t>(kind.type);
    meta.metric = static_cast<uint8_t>(kind.metric);
    meta.m = 2;
    meta.ef_construction = 8;
    meta.dim = kind.dim;
    uint32_t block;
    require_sane(store.extend([&](MutablePage &page) { init_meta(page, meta); }, &block));
    Rng rng(1);
    for (uint16_t i = 0; i < 10; ++i) {
        FuzzArena arena;
        require_sane(insert(store, arena.arena, measure, payload_of(value_of(kind, rng)), HeapTid{0, i, 1}, rng));
    }
    return store;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const Kind &kind = kKinds[data[0] % 4];
    const bool whole_pages = (data[0] & 4) != 0;
    const Measure measure = make_measure(kind.type, kind.metric, kind.dim, kernels::active);
    ++data;
    --size;
    static std::vector<MemoryStore> sound; // one for each kind, made once
    for (size_t i = sound.size(); i < 4; ++i)
        sound.push_back(sound_index(kKinds[i], make_measure(kKinds[i].type, kKinds[i].metric, kKinds[i].dim, kernels::active)));
    MemoryStore store = sound[static_cast<size_t>(&kind - kKinds)];
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
            VECX_REQUIRE(free_bytes(page) <= max_record(page.size));
            for (uint32_t slot = 0; slot < 300; ++slot) {
                NodeView node;
                ChunkView chunk;
                if (decode_node(page, static_cast<uint16_t>(slot), &node).ok() && node.head != nullptr)
                    VECX_REQUIRE(node.payload + node.head->inline_size <= page.body + page.size);
                if (decode_chunk(page, static_cast<uint16_t>(slot), &chunk).ok() && chunk.head != nullptr)
                    VECX_REQUIRE(chunk.bytes + chunk.head->size <= page.body + page.size);
            }
        }));
    {
        FuzzArena arena;
        require_sane(check(store, arena.arena, &measure, [](const Status &finding) { VECX_REQUIRE(!finding.ok()); }));
    }
    for (size_t memory : {size_t{0}, size_t{1} << 20}) {
        FuzzArena arena;
        Sorted sorter;
        std::vector<uint8_t> query = value_of(kind, rng);
        Stream<MemoryStore, Sorted> stream(store, arena.arena, measure, payload_of(query),
                                           StreamOptions{4, -1, memory, LateRows::after_all}, sorter);
        HeapTid tid;
        double distance;
        bool found = true;
        for (int rows = 0; found; ++rows) {
            VECX_REQUIRE(rows < 10000);
            Status s = stream.next(&tid, &distance, &found);
            require_sane(s);
            if (!s.ok())
                break;
        }
    }
    for (int round = 0; round < 2; ++round) {
        FuzzArena arena;
        require_sane(insert(store, arena.arena, measure, payload_of(value_of(kind, rng)), HeapTid{1, 0, 1}, rng));
        VacuumResult result{};
        Status s = remove_tids(store, arena.arena, [](HeapTid t) { return t.block_lo % 2 == 0; }, &result);
        require_sane(s);
        if (s.ok())
            require_sane(repair(store, arena.arena, measure, 100000, rng, &result));
    }
    return 0;
}
