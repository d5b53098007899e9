// Page primitives: records come and go, generations never come back, every byte that is read is checked.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/rng.hpp"
#include "hnsw/page.hpp"

namespace vecx::hnsw {
namespace {

struct TestPage {
    explicit TestPage(uint32_t size = 8192 - 24) : words(size / 8, 0), page{reinterpret_cast<uint8_t *>(words.data()), size, 5} {}
    std::vector<uint64_t> words;
    MutablePage page;
    PageView view() const { return view_of(page); }
    const Slot *slot(uint32_t i) const { return slot_at(static_cast<const uint8_t *>(page.body), page.size, i); }
    PageHead *head() { return reinterpret_cast<PageHead *>(page.body); }
};

// A chunk full of one byte.
bool put_chunk(TestPage &p, uint32_t bytes, uint8_t fill, uint16_t *slot, uint16_t *generation) {
    if (!add_record(p.page, align8(static_cast<uint32_t>(sizeof(ChunkHead)) + bytes), RecordKind::chunk, slot, generation))
        return false;
    uint8_t *record = p.page.body + p.slot(*slot)->offset;
    reinterpret_cast<ChunkHead *>(record)->size = bytes;
    memset(record + sizeof(ChunkHead), fill, bytes);
    return true;
}

TEST(HnswPage, ZeroPageIsFreeSpace) {
    TestPage p;
    EXPECT_TRUE(page_is_new(p.view()));
    EXPECT_EQ(page_fault(p.view()), nullptr);
    EXPECT_EQ(page_low(p.page.body, p.page.size), 0u);
    EXPECT_EQ(page_high(p.page.body, p.page.size), p.page.size);
    EXPECT_EQ(free_bytes(p.view()), max_record(p.page.size));
    NodeView node;
    EXPECT_TRUE(decode_node(p.view(), 0, &node).ok());
    EXPECT_EQ(node.head, nullptr);
    uint16_t slot, generation;
    EXPECT_FALSE(add_record(p.page, max_record(p.page.size) + 8, RecordKind::node, &slot, &generation));
    ASSERT_TRUE(add_record(p.page, max_record(p.page.size), RecordKind::node, &slot, &generation));
    EXPECT_EQ(slot, 0);
    EXPECT_EQ(generation, 1);
    EXPECT_EQ(free_bytes(p.view()), 0u);
    EXPECT_EQ(page_low(p.page.body, p.page.size), p.head()->data_end);
    EXPECT_EQ(page_high(p.page.body, p.page.size), p.page.size - sizeof(Slot));
}

TEST(HnswPage, GenerationGoesUpAndSkipsZero) {
    TestPage p;
    uint16_t slot, generation;
    ASSERT_TRUE(put_chunk(p, 40, 1, &slot, &generation));
    for (uint32_t expected = 2; expected < 70000; ++expected) {
        free_record(p.page, 0);
        uint16_t before = generation;
        ASSERT_TRUE(put_chunk(p, expected % 2 == 0 ? 40 : 80, 1, &slot, &generation));
        ASSERT_EQ(slot, 0);
        ASSERT_EQ(generation, before == 0xFFFF ? 1 : before + 1);
        ASSERT_NE(generation, 0);
    }
}

// Random additions and removals against a model of what should be there.
TEST(HnswPage, RandomRecordsKeepTheirBytes) {
    for (uint32_t size : {1024u - 24, 8192u - 24, 32768u - 24}) {
        TestPage p(size);
        Rng rng(size);
        struct Known {
            uint32_t bytes;
            uint8_t fill;
        };
        std::map<uint16_t, Known> known;
        std::map<uint16_t, uint16_t> generations;
        int refused = 0, compactions = 0;
        for (int step = 0; step < 4000; ++step) {
            if (rng.below(2) == 0 && !known.empty()) {
                auto it = known.begin();
                std::advance(it, static_cast<long>(rng.below(known.size())));
                free_record(p.page, it->first);
                known.erase(it);
            } else {
                uint32_t bytes = 8 + static_cast<uint32_t>(rng.below(size / 6)), dead = p.head()->dead_bytes;
                uint32_t length = align8(static_cast<uint32_t>(sizeof(ChunkHead)) + bytes);
                uint32_t room = free_bytes(p.view());
                uint8_t fill = static_cast<uint8_t>(step);
                uint16_t slot, generation;
                bool done = put_chunk(p, bytes, fill, &slot, &generation);
                // free_bytes promises exactly; but a place of the very size may exist besides.
                if (room >= length) {
                    ASSERT_TRUE(done);
                }
                if (!done) {
                    ++refused;
                    continue;
                }
                compactions += dead > 0 && p.head()->dead_bytes == 0 && length != dead;
                ASSERT_FALSE(known.count(slot));
                ASSERT_GT(generation, generations.count(slot) ? generations[slot] : 0);
                generations[slot] = generation;
                known[slot] = Known{bytes, fill};
            }
            ASSERT_EQ(page_fault(p.view()), nullptr);
            uint32_t live = 0;
            for (uint16_t i = 0; i < p.head()->slot_count; ++i) {
                ChunkView chunk;
                Status s = decode_chunk(p.view(), i, &chunk);
                ASSERT_TRUE(s.ok()) << s.message;
                ASSERT_EQ(chunk.head != nullptr, known.count(i) != 0);
                if (chunk.head == nullptr)
                    continue;
                ASSERT_EQ(chunk.head->size, known[i].bytes);
                ASSERT_EQ(chunk.head->generation, generations[i]);
                ASSERT_EQ(chunk.bytes[0], known[i].fill);
                ASSERT_EQ(chunk.bytes[known[i].bytes - 1], known[i].fill);
                live += p.slot(i)->length;
            }
            ASSERT_EQ(live + p.head()->dead_bytes + sizeof(PageHead), p.head()->data_end);
        }
        EXPECT_GT(refused, 0);
        EXPECT_GT(compactions, 0);
    }
}

struct Field {
    const char *what;
    void (*damage)(NodeHead &);
};

TEST(HnswPage, DamagedNodesAreNamed) {
    auto make = [](TestPage &p) {
        uint16_t slot, generation;
        ASSERT_TRUE(add_record(p.page, node_fixed_size(4, 1) + 16, RecordKind::node, &slot, &generation));
        NodeHead *head = reinterpret_cast<NodeHead *>(p.page.body + p.slot(slot)->offset);
        head->level = 1;
        head->m = 4;
        head->tid_count = 1;
        head->payload_size = head->inline_size = 16;
    };
    TestPage sound;
    make(sound);
    NodeView node;
    ASSERT_TRUE(decode_node(sound.view(), 0, &node).ok());
    ASSERT_NE(node.head, nullptr);
    EXPECT_EQ(node.links_at(0).size(), 8u);
    EXPECT_EQ(node.links_at(1).size(), 4u);
    EXPECT_EQ(node.links_at(2).size(), 0u);
    const Field fields[] = {
        {"level", [](NodeHead &h) { h.level = 2; }},
        {"level", [](NodeHead &h) { h.level = 255; }},
        {"m", [](NodeHead &h) { h.m = 0; }},
        {"m", [](NodeHead &h) { h.m = 200; }},
        {"m", [](NodeHead &h) { h.m = 5; }},
        {"tids", [](NodeHead &h) { h.tid_count = kTidsPerNode + 1; }},
        {"inline", [](NodeHead &h) { h.inline_size = 17; }},
        {"inline", [](NodeHead &h) { h.payload_size = h.inline_size = 17; }},
        {"inline", [](NodeHead &h) { h.inline_size = 0xFFFFFFF0u; }},
        {"payload", [](NodeHead &h) { h.payload_size = 20; }},
        {"chunk", [](NodeHead &h) { h.first_chunk = Link{1, 0, 1}; }},
        {"generation", [](NodeHead &h) { h.generation = 0; }},
        {"kind", [](NodeHead &h) { h.kind = 9; }},
    };
    for (const Field &field : fields) {
        TestPage p;
        make(p);
        field.damage(*reinterpret_cast<NodeHead *>(p.page.body + p.slot(0)->offset));
        Status s = decode_node(p.view(), 0, &node);
        EXPECT_EQ(s.code, Code::corrupted) << field.what;
        EXPECT_EQ(s.block, 5u);
    }
    void (*heads[])(PageHead &) = {
        [](PageHead &h) { h.magic ^= 1; },           [](PageHead &h) { h.version = 2; },
        [](PageHead &h) { h.kind = 1; },             [](PageHead &h) { h.slot_count = 5000; },
        [](PageHead &h) { h.data_end = 8168; },      [](PageHead &h) { h.data_end += 4; },
        [](PageHead &h) { h.dead_bytes = 0xFFFF; },  [](PageHead &h) { h.data_end = 8; },
    };
    for (auto damage : heads) {
        TestPage p;
        make(p);
        damage(*p.head());
        EXPECT_EQ(decode_node(p.view(), 0, &node).code, Code::corrupted);
        EXPECT_EQ(free_bytes(p.view()), 0u);
        uint16_t slot, generation;
        EXPECT_FALSE(add_record(p.page, 64, RecordKind::chunk, &slot, &generation));
    }
    Slot slots[] = {{8, 200}, {20, 200}, {16, 4}, {16, 12}, {16, 65528}, {8160, 16}};
    for (Slot bad : slots) {
        TestPage p;
        make(p);
        *slot_at(p.page.body, p.page.size, 0) = bad;
        EXPECT_EQ(decode_node(p.view(), 0, &node).code, Code::corrupted) << bad.offset << " " << bad.length;
    }
}

TEST(HnswPage, LevelCapLeavesRoom) {
    for (uint32_t body : {8192u - 24, 32768u - 24})
        for (int m = kMinM; m <= kMaxM; ++m) {
            int cap = level_cap(m, body);
            EXPECT_GE(cap, 3);
            EXPECT_LE(cap, kMaxLevel);
            EXPECT_GE(inline_part(m, cap, 1 << 20, body), 64u);
        }
}

} // namespace
} // namespace vecx::hnsw
