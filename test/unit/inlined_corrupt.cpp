// Damaged pages of the layouts `inline` and `compact`: whatever the bytes, check and vacuum end with a Status or a sane
// answer, read nothing outside the page, and do not go on for ever.
#include "hnsw/inlined/check.hpp"
#include "hnsw/inlined/vacuum.hpp"
#include "inlined_support.hpp"

namespace vecx::test {
namespace {

constexpr uint64_t kPolls = 300000; // far more than any sound run needs

void use(InlinedIndex &index, uint64_t *found) {
    index.store.polls_left = kPolls;
    TestArena arena;
    uint64_t findings = 0;
    Status s = inlined::check(index.store, arena.arena, [&](const Status &f) { findings += !f.ok(); });
    EXPECT_TRUE(s.ok() || s.code == Code::corrupted || s.code == Code::internal) << s.message;
    *found += findings > 0 || !s.ok();
    for (size_t memory : {size_t{1}, size_t{1} << 20}) {
        hnsw::VacuumResult result{};
        s = inlined::remove_tids(index.store, arena.arena, [&](hnsw::HeapTid t) { return row_of(t) % 5 == memory % 5; }, &result);
        EXPECT_TRUE(s.ok() || s.code == Code::corrupted || s.code == Code::internal) << s.message;
        s = inlined::repair(index.store, arena.arena, memory, &result);
        EXPECT_TRUE(s.ok() || s.code == Code::corrupted || s.code == Code::internal) << s.message;
    }
    index.store.polls_left = 0;
}

void flip_bytes(InlinedIndex &index, uint64_t step) {
    Rng dice(3);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    const std::vector<uint32_t> space = index.store.space;
    uint64_t found = 0, tried = 0;
    for (uint64_t at = 0; at < sound.size() * index.store.body_size(); at += 1 + dice.below(step)) {
        index.store.pages = sound;
        index.store.space = space;
        uint8_t *byte = index.store.bytes(static_cast<uint32_t>(at / index.store.body_size())) + at % index.store.body_size();
        if (*byte == 0 && dice.below(8) != 0)
            continue; // unused space, mostly
        *byte = dice.below(2) == 0 ? static_cast<uint8_t>(~*byte) : static_cast<uint8_t>(*byte ^ (1u << dice.below(8)));
        use(index, &found);
        ++tried;
        if (testing::Test::HasFailure())
            FAIL() << "byte " << at % index.store.body_size() << " of block " << at / index.store.body_size();
    }
    EXPECT_GT(found, tried / 10) << "of " << tried;
}

std::vector<Bytes> values_with_duplicates(InlinedIndex &index, int different, int copies) {
    std::vector<Bytes> values;
    for (int i = 0; i < different; ++i)
        values.push_back(index.fresh());
    for (int i = 0; i < copies; ++i)
        values.push_back(values[1]);
    return values;
}

TEST(InlinedCorrupt, BytesOfSmallIndexes) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        InlinedIndex index(layout, ElementType::f32, layout == hnsw::LayoutKind::compact ? Metric::cosine : Metric::l2, 8, 4);
        index.build(values_with_duplicates(index, 16, 40));
        flip_bytes(index, 16);
    }
}

TEST(InlinedCorrupt, RandomBytesInABiggerIndex) {
    InlinedIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::ip, 32, 8);
    index.build(values_with_duplicates(index, 80, 40));
    Rng dice(11);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    uint64_t found = 0;
    for (int round = 0; round < 60; ++round) {
        index.store.pages = sound;
        for (uint64_t n = 1 + dice.below(200); n > 0; --n) {
            uint32_t block = static_cast<uint32_t>(dice.below(sound.size()));
            index.store.bytes(block)[dice.below(index.store.body_size())] = static_cast<uint8_t>(dice.next());
        }
        use(index, &found);
        ASSERT_FALSE(testing::Test::HasFailure()) << "round " << round;
    }
    EXPECT_GT(found, 30u);
}

TEST(InlinedCorrupt, PagesSwappedAndLost) {
    InlinedIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 64, 8);
    index.build(values_with_duplicates(index, 60, 40));
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    uint64_t found = 0;
    for (uint32_t block = 0; block < sound.size(); ++block)
        for (uint32_t other = 0; other <= sound.size(); ++other) {
            index.store.pages = sound;
            if (other == sound.size())
                index.store.pages[block].assign(index.store.body_size() / 8, 0);
            else
                index.store.pages[block] = sound[other];
            use(index, &found);
            ASSERT_FALSE(testing::Test::HasFailure()) << block << " is " << other;
        }
    index.store.pages = sound;
    index.store.pages.resize(2); // truncated
    use(index, &found);
}

// Entry nodes are on the metapage, and nothing else is.
TEST(InlinedCorrupt, EntryNodesElsewhere) {
    InlinedIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 16, 8);
    index.build_many(30);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    for (int kind = 0; kind < 3; ++kind) {
        index.store.pages = sound;
        uint64_t found = 0;
        if (kind == 1)
            index.change(index.nodes[5], [](inlined::NodeEdit &n) {
                n.head->flags = inlined::kNodeEntry;
                n.head->tid_count = 0;
            });
        else if (kind == 2)
            index.change(index.entry, [](inlined::NodeEdit &n) { n.head->flags = 0; });
        use(index, &found);
        EXPECT_EQ(found, kind > 0 ? 1u : 0u) << kind;
    }
}

// A list of heap TIDs that runs in a circle, and one that is another node's.
TEST(InlinedCorrupt, Lists) {
    InlinedIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 16, 8);
    index.build(values_with_duplicates(index, 10, 60));
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    std::vector<std::pair<uint32_t, uint16_t>> chunks;
    for (uint32_t block = 1; block < index.store.block_count(); ++block) {
        Status s = inlined::for_each_chunk(index.store, block, [&](uint16_t slot, const inlined::TidChunkView &) { chunks.emplace_back(block, slot); });
        ASSERT_TRUE(s.ok());
    }
    ASSERT_GT(chunks.size(), 2u);
    auto head = [&](size_t i) {
        uint8_t *body = index.store.bytes(chunks[i].first);
        return reinterpret_cast<inlined::TidChunkHead *>(body + hnsw::slot_at(body, index.store.body_size(), chunks[i].second)->offset);
    };
    for (int kind = 0; kind < 3; ++kind) {
        index.store.pages = sound;
        uint64_t found = 0;
        if (kind == 0)
            head(0)->next = hnsw::Link{chunks.back().first, chunks.back().second, head(chunks.size() - 1)->generation};
        else if (kind == 1)
            head(1)->node = index.nodes[5];
        else
            head(1)->count = head(1)->capacity = 0, head(1)->next = hnsw::Link{chunks[1].first, chunks[1].second, head(1)->generation};
        use(index, &found);
        EXPECT_EQ(found, 1u) << kind;
    }
}

} // namespace
} // namespace vecx::test
