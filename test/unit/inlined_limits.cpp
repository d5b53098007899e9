// What inserts and repairs of the layouts `inline` and `compact` may take: memory, and pages read before the next poll.
#include "hnsw/inlined/check.hpp"
#include "hnsw/inlined/insert.hpp"
#include "hnsw/inlined/vacuum.hpp"
#include "inlined_support.hpp"

namespace vecx::test {
namespace {

// Searches of a sound graph end long before the least memory that there is.
TEST(InlinedLimits, AnInsertNeedsNoMoreThanItHas) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        InlinedIndex index(layout, ElementType::f32, Metric::l2, 24);
        index.build_many(600);
        const Bytes value = index.fresh();
        std::vector<hnsw::Link> near[2];
        for (size_t limit : {size_t{0}, SIZE_MAX / 2}) {
            TestArena arena;
            inlined::Linker<MemoryStore> linker(index.store, arena.arena, index.shape);
            inlined::NewNode node;
            linker.make(payload_of(value), &node);
            linker.explorer.begin(node, 96, hnsw::Link{}, limit);
            ASSERT_TRUE(linker.explorer.start(index.entry).ok());
            ASSERT_TRUE(linker.explorer.run().ok());
            EXPECT_FALSE(linker.explorer.limited);
            linker.explorer.finish();
            for (const inlined::Near &n : linker.explorer.near)
                near[limit > 0].push_back(n.link);
        }
        EXPECT_EQ(near[0].size(), 96u);
        EXPECT_EQ(near[0], near[1]);
    }
}

// A long chain of dead nodes, each linked to the next few, is followed as far as the memory lasts and no farther. The row is
// in the index all the same.
TEST(InlinedLimits, AnInsertAmongTheDeadIsBounded) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        InlinedIndex index(layout, ElementType::f32, Metric::l2, 8);
        index.store.copy_pages = false;
        constexpr uint32_t kDead = 30000;
        std::vector<hnsw::Link> dead;
        const uint16_t places = index.shape.places;
        for (uint32_t i = 0; i < kDead; ++i)
            dead.push_back(index.add(index.shape.record_size(places), hnsw::RecordKind::inlined_node));
        for (uint32_t i = 0; i < kDead; ++i) {
            Status s = index.store.update(dead[i].block, [&](hnsw::MutablePage &page) {
                uint8_t *record = page.body + hnsw::slot_at(page.body, page.size, dead[i].slot)->offset;
                inlined::NodeEdit node = inlined::edit_record(record, index.shape, places);
                node.head->places = static_cast<uint8_t>(places);
                node.head->flags = hnsw::kNodeDead;
                node.head->add_scale = node.head->mul_scale = 1;
                for (uint32_t k = 0; k < places && i + 1 + k < kDead; ++k)
                    node.links[k] = dead[i + 1 + k];
                return true;
            });
            ASSERT_TRUE(s.ok()) << s.message;
        }
        index.set_entry(dead[0]);
        size_t peaks[2];
        for (size_t limit : {size_t{0}, SIZE_MAX / 2}) {
            TestArena arena;
            const Bytes value = index.fresh();
            Status s = inlined::insert(index.store, arena.arena, index.shape, payload_of(value), tid_of(limit > 0), index.rng, limit);
            ASSERT_TRUE(s.ok()) << s.message;
            peaks[limit > 0] = arena.peak;
            hnsw::MetaRecord meta;
            ASSERT_TRUE(hnsw::read_meta(index.store, &meta).ok());
            // Who has not seen all cannot know that it is alone.
            EXPECT_EQ(meta.entry == dead[0], limit == 0);
        }
        EXPECT_LT(peaks[0], size_t{800} * 1024);
        EXPECT_GT(peaks[1], 2 * peaks[0]); // else this tests nothing
        TestArena arena;
        hnsw::CheckSummary sum{};
        ASSERT_TRUE(inlined::check(index.store, arena.arena, [](const Status &f) { ADD_FAILURE() << f.message; }, &sum).ok());
        EXPECT_EQ(sum.tids, 2u);
    }
}

struct PollingStore : MemoryStore {
    using MemoryStore::MemoryStore;
    uint64_t last = 0, most = 0;
    void poll() {
        most = std::max(most, reads - last);
        last = reads;
        MemoryStore::poll();
    }
};

// Each page may have to come from the disk: a repair must not read many of them without a look whether it is cancelled. Its
// cache of codes has room for few.
TEST(InlinedLimits, ARepairPollsBetweenPages) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        InlinedIndex index(layout, ElementType::f32, Metric::l2, 16);
        index.build_many(1500);
        PollingStore store(InlinedIndex::kBody);
        store.pages = index.store.pages;
        store.copy_pages = false;
        TestArena arena;
        hnsw::VacuumResult result{};
        Rng rng(3);
        ASSERT_TRUE(inlined::remove_tids(store, arena.arena, [&](hnsw::HeapTid) { return rng.below(4) == 0; }, &result).ok());
        ASSERT_TRUE(inlined::repair(store, arena.arena, 64 * 1024, &result).ok());
        EXPECT_GT(result.nodes_repaired, 500u);
        EXPECT_LE(store.most, 3u);
    }
}

} // namespace
} // namespace vecx::test
