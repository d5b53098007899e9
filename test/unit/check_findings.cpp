// What the checkers must find: each kind of damage, planted in a sound index, is named, with its block.
#include "hnsw/inlined/check.hpp"
#include "inlined_support.hpp"

namespace vecx::test {
namespace {

struct Finding {
    std::string message;
    uint32_t block;
};

struct Place {
    uint32_t block;
    uint16_t slot;
};

uint8_t *record_at(MemoryStore &store, Place at) {
    uint8_t *body = store.bytes(at.block);
    return body + hnsw::slot_at(body, store.body_size(), at.slot)->offset;
}

template <class Findings>
void expect_finding(const Findings &findings, const std::string &what, uint32_t block) {
    std::string all;
    for (const Finding &f : findings) {
        if (f.message.find(what) != std::string::npos && f.block == block)
            return;
        all += "\n  " + std::to_string(f.block) + ": " + f.message;
    }
    ADD_FAILURE() << "no finding \"" << what << "\" on block " << block << " but" << all;
}

TEST(CheckFindings, Plain) {
    Index index(ElementType::f32, Metric::l2, 300, 4, 20, 1024 - 24); // vectors of two pages
    index.insert_many(60);
    std::vector<Place> nodes, chunks;
    for (uint32_t block = 1; block < index.store.block_count(); ++block) {
        ASSERT_TRUE(hnsw::for_each_node(index.store, block, [&](uint16_t slot, const hnsw::NodeView &) { nodes.push_back({block, slot}); }).ok());
        ASSERT_TRUE(index.store.read(block, [&](const hnsw::PageView &page) {
            for (uint32_t i = 0; i < hnsw::slot_count(page); ++i) {
                hnsw::ChunkView chunk;
                if (hnsw::chunk_fault(page, static_cast<uint16_t>(i), &chunk) == nullptr && chunk.head != nullptr)
                    chunks.push_back({block, static_cast<uint16_t>(i)});
            }
        }).ok());
    }
    ASSERT_GT(nodes.size(), 20u);
    ASSERT_GT(chunks.size(), 20u);
    const std::vector<MemoryStore::Page> sound = index.store.pages;
    auto head = [&](size_t i) { return reinterpret_cast<hnsw::NodeHead *>(record_at(index.store, nodes[i])); };
    auto tids = [&](size_t i) { return reinterpret_cast<hnsw::HeapTid *>(record_at(index.store, nodes[i]) + sizeof(hnsw::NodeHead)); };
    auto links = [&](size_t i) {
        return reinterpret_cast<hnsw::Link *>(record_at(index.store, nodes[i]) + sizeof(hnsw::NodeHead) + hnsw::kTidBytes);
    };
    auto link_to = [&](size_t i) { return hnsw::Link{nodes[i].block, nodes[i].slot, head(i)->generation}; };
    auto chunk = [&](size_t i) { return reinterpret_cast<hnsw::ChunkHead *>(record_at(index.store, chunks[i])); };
    auto check = [&] {
        std::vector<Finding> findings;
        TestArena arena;
        Status s = hnsw::check(index.store, arena.arena, &index.measure, [&](const Status &f) { findings.push_back({f.message, f.block}); },
                               nullptr, [](hnsw::HeapTid tid) { return tid.offset > 0 && tid.block_hi == 0; });
        if (!s.ok())
            findings.push_back({s.message, s.block});
        return findings;
    };
    EXPECT_TRUE(check().empty());
    struct Case {
        const char *what;
        uint32_t block;
        std::function<void()> plant;
    };
    const size_t low = [&] { // a node of level 0
        size_t i = 0;
        while (head(i)->level != 0)
            ++i;
        return i;
    }();
    size_t high = 0; // one above
    while (high < nodes.size() && head(high)->level == 0)
        ++high;
    ASSERT_LT(high, nodes.size());
    const Case cases[] = {
        {"links to itself", nodes[3].block, [&] { links(3)[0] = link_to(3); }},
        {"twice at level", nodes[4].block, [&] { links(4)[0] = links(4)[1] = link_to(7); }},
        {"outside the index", nodes[5].block, [&] { links(5)[0] = hnsw::Link{100000, 0, 1}; }},
        {"outside the index", nodes[5].block, [&] { links(5)[0] = hnsw::Link{0, 0, 1}; }},
        {"names a record that never was", nodes[6].block, [&] { links(6)[0] = hnsw::Link{nodes[0].block, 200, 1}; }},
        {"names a record that is no node", nodes[6].block, [&] { links(6)[0] = hnsw::Link{chunks[0].block, chunks[0].slot, chunk(0)->generation}; }},
        {"links at level 1", nodes[high].block, [&] { links(high)[hnsw::link_start(4, 1)] = link_to(low); }},
        {"has m", nodes[low].block, [&] {
             // fewer links leave room that belongs to the payload, so the record itself may be called damaged first
             head(low)->m = 3;
             head(low)->inline_size += 2 * sizeof(hnsw::Link);
         }},
        {"unknown flags", nodes[8].block, [&] { head(8)->flags |= 0x40; }},
        {"dead node with heap TIDs", nodes[9].block, [&] { head(9)->flags |= hnsw::kNodeDead; }},
        {"heap TID out of range", nodes[10].block, [&] { tids(10)[0].offset = 0; }},
        {"heap TID out of range", nodes[10].block, [&] { tids(10)[0].block_hi = 9; }},
        {"is in the index twice", std::max(nodes[1].block, nodes[11].block), [&] { tids(11)[0] = tids(1)[0]; }},
        {"lacks chunks", nodes[12].block, [&] { head(12)->first_chunk.generation += 1; }},
        {"free space", nodes[13].block, [&] {
             reinterpret_cast<hnsw::PageHead *>(index.store.bytes(nodes[13].block))->dead_bytes += 8;
         }},
        {"entry point", 0, [&] {
             reinterpret_cast<hnsw::MetaRecord *>(index.store.bytes(0) + sizeof(hnsw::PageHead))->entry_level ^= 1;
         }},
    };
    for (const Case &c : cases) {
        SCOPED_TRACE(c.what);
        index.store.pages = sound;
        c.plant();
        expect_finding(check(), c.what, c.block);
    }
}

TEST(CheckFindings, Inlined) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        SCOPED_TRACE(static_cast<int>(layout));
        InlinedIndex index(layout, ElementType::f32, Metric::l2, 32, 8);
        std::vector<Bytes> values;
        for (int i = 0; i < 40; ++i)
            values.push_back(index.fresh());
        for (int i = 0; i < 60; ++i)
            values.push_back(values[2]); // a list
        index.build(values);
        const std::vector<hnsw::Link> &nodes = index.nodes;
        const std::vector<MemoryStore::Page> sound = index.store.pages;
        auto at = [&](size_t i) { return Place{nodes[i].block, nodes[i].slot}; };
        auto edit = [&](size_t i) {
            return inlined::edit_record(record_at(index.store, at(i)), index.shape, index.shape.places);
        };
        hnsw::Link list{};
        for (uint32_t block = 1; block < index.store.block_count(); ++block)
            ASSERT_TRUE(inlined::for_each_chunk(index.store, block, [&](uint16_t slot, const inlined::TidChunkView &c) {
                if (list.none())
                    list = hnsw::Link{block, slot, c.head->generation};
            }).ok());
        ASSERT_FALSE(list.none());
        auto chunk = [&] { return reinterpret_cast<inlined::TidChunkHead *>(record_at(index.store, {list.block, list.slot})); };
        auto check = [&] {
            std::vector<Finding> findings;
            TestArena arena;
            Status s = inlined::check(index.store, arena.arena, [&](const Status &f) { findings.push_back({f.message, f.block}); }, nullptr,
                                      [](hnsw::HeapTid tid) { return tid.offset > 0 && tid.block_hi == 0; });
            if (!s.ok())
                findings.push_back({s.message, s.block});
            return findings;
        };
        EXPECT_TRUE(check().empty());
        struct Case {
            const char *what;
            uint32_t block;
            bool codes; // layout inline only
            std::function<void()> plant;
        };
        const Case cases[] = {
            {"links to itself", nodes[3].block, false, [&] { edit(3).links[0] = nodes[3]; }},
            {"links to another twice", nodes[4].block, false, [&] { edit(4).links[0] = edit(4).links[1] = nodes[7]; }},
            {"outside the index", nodes[5].block, false, [&] { edit(5).links[0] = hnsw::Link{100000, 0, 1}; }},
            {"names a record that never was", nodes[6].block, false, [&] { edit(6).links[0] = hnsw::Link{nodes[0].block, 200, 1}; }},
            {"names a record that is no node", nodes[6].block, false, [&] { edit(6).links[0] = list; }},
            {"number of neighbours", nodes[8].block, false, [&] { edit(8).head->places = static_cast<uint8_t>(index.shape.places - 4); }},
            {"unknown flags", nodes[8].block, false, [&] { edit(8).head->flags |= 0x40; }},
            {"dead node with heap TIDs", nodes[9].block, false, [&] { edit(9).head->flags |= hnsw::kNodeDead; }},
            {"heap TID out of range", nodes[10].block, false, [&] { edit(10).tids[0].offset = 0; }},
            {"heap TID out of range", nodes[10].block, false, [&] { edit(10).tids[0].block_hi = 9; }},
            {"is in the index twice", std::max(nodes[1].block, nodes[11].block), false, [&] { edit(11).tids[0] = edit(1).tids[0]; }},
            {"vector of a node", nodes[12].block, false, [&] { edit(12).head->norm *= 2; }},
            {"not finite", nodes[13].block, true, [&] { edit(13).add[0] = 0x7C00; }},
            {"scale of factors", nodes[13].block, true, [&] { edit(13).head->add_scale = -1; }},
            {"code of a neighbour", nodes[14].block, true, [&] {
                 for (int i = 0; i < index.shape.places; ++i)
                     edit(14).mul[i] ^= 0x8000;
             }},
            {"free space", nodes[15].block, false, [&] {
                 reinterpret_cast<hnsw::PageHead *>(index.store.bytes(nodes[15].block))->dead_bytes += 8;
             }},
            {"of another node", list.block, false, [&] { chunk()->node = nodes[20]; }},
            {"without a node", list.block, false, [&] { chunk()->node = hnsw::Link{}; }},
            {"is a ring", nodes[2].block, false, [&] { chunk()->next = list; }},
            {"outside the index", nodes[2].block, false, [&] { chunk()->next = hnsw::Link{0, 0, 1}; }},
        };
        for (const Case &c : cases) {
            if (c.codes && index.shape.code_words == 0)
                continue;
            SCOPED_TRACE(c.what);
            index.store.pages = sound;
            c.plant();
            expect_finding(check(), c.what, c.block);
        }
    }
}

} // namespace
} // namespace vecx::test
