// Damaged pages: whatever the bytes, an operation ends with a Status or a sane answer, and reads nothing outside
// the page (each access has its own copy, so the address sanitizer would see it).
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

constexpr uint64_t kPolls = 3000000; // far more than any sound run needs

void use(Index &index, Rng &dice) {
    index.store.polls_left = kPolls;
    TestArena arena;
    uint64_t findings = 0;
    Status s = hnsw::check(index.store, arena.arena, &index.measure, [&](const Status &f) { findings += !f.ok(); });
    EXPECT_TRUE(s.ok() || s.code == Code::corrupted) << s.message;
    for (size_t limit : {size_t{3}, SIZE_MAX}) {
        ScanResult got;
        hnsw::StreamOptions options{10, -1, dice.below(2) == 0 ? size_t{0} : size_t{1 << 20}, hnsw::LateRows::after_all};
        s = index.try_scan(payload_of(index.fresh()), options, limit, &got);
        EXPECT_TRUE(s.ok() || s.code == Code::corrupted) << s.message;
        EXPECT_LE(got.rows.size(), 100000u);
    }
    s = index.try_insert(index.fresh(), 5000);
    EXPECT_TRUE(s.ok() || s.code == Code::corrupted) << s.message;
    hnsw::VacuumResult result{};
    s = index.try_vacuum({1, 3, 5}, 1 << 20, &result);
    EXPECT_TRUE(s.ok() || s.code == Code::corrupted) << s.message;
    s = index.try_insert(index.fresh(), 5001);
    EXPECT_TRUE(s.ok() || s.code == Code::corrupted) << s.message;
    index.store.polls_left = 0;
}

void flip_every_byte(Index &index, uint64_t step) {
    Rng dice(3);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    const std::vector<uint32_t> space = index.store.space;
    const Rng rng = index.rng;
    for (uint64_t at = 0; at < sound.size() * index.store.body_size(); at += 1 + dice.below(step)) {
        index.store.pages = sound;
        index.store.space = space;
        index.rng = rng;
        uint8_t *byte = index.store.bytes(static_cast<uint32_t>(at / index.store.body_size())) + at % index.store.body_size();
        if (*byte == 0 && dice.below(4) != 0)
            continue; // unused space, mostly
        *byte = dice.below(2) == 0 ? static_cast<uint8_t>(~*byte) : static_cast<uint8_t>(*byte ^ (1u << dice.below(8)));
        use(index, dice);
        if (testing::Test::HasFailure())
            FAIL() << "byte " << at % index.store.body_size() << " of block " << at / index.store.body_size();
    }
}

TEST(HnswCorrupt, EveryByteOfASmallIndex) {
    Index index(ElementType::f32, Metric::l2, 4, 2, 8, 1024 - 24);
    index.insert_many(14);
    flip_every_byte(index, 1);
}

TEST(HnswCorrupt, SpanningPayloads) {
    Index index(ElementType::f32, Metric::l2, 400, 2, 8, 1024 - 24);
    index.insert_many(8);
    flip_every_byte(index, 24);
}

TEST(HnswCorrupt, SparsePayloads) {
    Index index(ElementType::sparse, Metric::l2, 100, 2, 8, 1024 - 24);
    index.insert_many(12);
    flip_every_byte(index, 1);
}

TEST(HnswCorrupt, RandomBytesInABiggerIndex) {
    Index index(ElementType::f32, Metric::cosine, 16, 8, 20);
    index.build_many(150);
    Rng dice(11);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    for (int round = 0; round < 150; ++round) {
        index.store.pages = sound;
        for (uint64_t n = 1 + dice.below(200); n > 0; --n) {
            uint32_t block = static_cast<uint32_t>(dice.below(sound.size()));
            index.store.bytes(block)[dice.below(index.store.body_size())] = static_cast<uint8_t>(dice.next());
        }
        use(index, dice);
        ASSERT_FALSE(testing::Test::HasFailure()) << "round " << round;
    }
}

TEST(HnswCorrupt, PagesSwappedAndLost) {
    Index index(ElementType::f32, Metric::l2, 16, 8, 20);
    index.build_many(150);
    Rng dice(12);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    for (uint32_t block = 0; block < sound.size(); ++block)
        for (uint32_t other = 0; other <= sound.size(); ++other) {
            index.store.pages = sound;
            if (other == sound.size())
                index.store.pages[block].assign(index.store.body_size() / 8, 0);
            else
                index.store.pages[block] = sound[other];
            use(index, dice);
        }
    index.store.pages = sound;
    index.store.pages.resize(2); // truncated
    use(index, dice);
}

} // namespace
} // namespace vecx::test
