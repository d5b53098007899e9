// Other sessions between any two page operations: inserts, scans and a vacuum run in the middle of an insert, a
// scan or a vacuum, at seeded random moments, nested up to two deep.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

struct World {
    explicit World(uint64_t seed, int dim) : index(ElementType::f32, Metric::l2, dim, 4, 16), dice(seed) {
        index.rng = Rng(seed * 7 + 1);
        index.build_many(dim > 1000 ? 12 : 60);
        index.store.hook = [this] { meddle(); };
    }

    void meddle() {
        if (dice.below(rarity) != 0 || steps >= 60)
            return;
        ++steps;
        switch (dice.below(4)) {
        case 0:
        case 1:
            insert();
            break;
        case 2:
            scan(dice.below(2) == 0 ? 5 : SIZE_MAX);
            break;
        default:
            if (!vacuuming && !index.store.chunk_writers()) // it would wait for the insert that it interrupts
                vacuum();
        }
    }

    void insert() {
        Bytes value = dice.below(4) == 0 && !index.rows.empty() ? index.rows.begin()->second : index.fresh();
        uint32_t row = index.next_row++;
        Status s = index.try_insert(value, row);
        ASSERT_TRUE(s.ok()) << s.message;
        index.rows[row] = value;
    }

    // All rows that live during the whole scan must be returned, once; others only if they lived in part of it.
    void scan(size_t limit) {
        std::set<uint32_t> before;
        for (auto &[row, value] : index.rows)
            before.insert(row);
        std::set<uint32_t> gone_before = gone;
        hnsw::StreamOptions options = kPlainScan;
        options.ef_search = 10;
        if (dice.below(3) == 0)
            options.memory_limit = 20000;
        ScanResult got = index.scan(index.fresh(), options, limit);
        std::set<uint32_t> seen(got.rows.begin(), got.rows.end());
        ASSERT_EQ(seen.size(), got.rows.size()) << "a row was returned twice";
        for (uint32_t row : seen)
            ASSERT_FALSE(gone_before.count(row)) << "a row came back from the dead";
        if (limit == SIZE_MAX)
            for (uint32_t row : before)
                ASSERT_TRUE(seen.count(row) || removed.count(row)) << "row " << row << " was missed";
        else
            ASSERT_GE(got.rows.size(), std::min(limit, index.rows.size() > 20 ? limit : size_t{0}));
    }

    void vacuum() {
        vacuuming = true;
        std::set<uint32_t> dead = index.sample(0.15);
        for (uint32_t row : dead) {
            index.rows.erase(row); // dead to every snapshot from now on
            removed.insert(row);
        }
        hnsw::VacuumResult result{};
        Status s = index.try_vacuum(dead, dice.below(2) == 0 ? 1500 : 64 << 20, &result);
        ASSERT_TRUE(s.ok()) << s.message;
        EXPECT_EQ(result.tids_removed, dead.size());
        gone.insert(dead.begin(), dead.end());
        vacuuming = false;
        ++vacuums;
    }

    Index index;
    Rng dice;
    uint64_t rarity = 40;
    int steps = 0, vacuums = 0;
    bool vacuuming = false;
    std::set<uint32_t> removed; // dead to every snapshot: a scan may return them or not
    std::set<uint32_t> gone;    // taken out by a vacuum that has ended
};

TEST(HnswInterleave, EverythingAtOnce) {
    int steps = 0, vacuums = 0;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        World world(seed, seed % 5 == 0 ? 4500 : 12);
        world.index.store.polls_left = 20000000;
        for (int round = 0; round < 4; ++round) {
            world.rarity = 10 + world.dice.below(150);
            world.steps = 0;
            switch (world.dice.below(4)) {
            case 0:
            case 1:
                world.insert();
                break;
            case 2:
                world.scan(SIZE_MAX);
                break;
            default:
                world.vacuum();
            }
            steps += world.steps;
            if (testing::Test::HasFatalFailure()) {
                FAIL() << "seed " << seed << " round " << round;
            }
        }
        vacuums += world.vacuums;
        world.index.store.hook = nullptr;
        world.index.check(("seed " + std::to_string(seed)).c_str());
        world.index.expect_complete();
        // Quiet again, one vacuum leaves nothing behind.
        world.index.vacuum({});
        hnsw::CheckSummary sum = world.index.check();
        EXPECT_EQ(sum.stale_links, 0u);
        EXPECT_EQ(sum.dead_nodes, 0u);
        EXPECT_EQ(sum.orphan_chunks, 0u);
        EXPECT_EQ(sum.tids, world.index.rows.size());
        world.index.expect_complete();
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    }
    EXPECT_GT(steps, 300);
    EXPECT_GT(vacuums, 40);
}

TEST(HnswInterleave, TwoFirstRows) {
    // Both find the graph empty; both must end up linked.
    for (uint64_t at = 1; at < 12; ++at) {
        Index index(ElementType::f32, Metric::l2, 8);
        uint64_t count = 0;
        index.store.hook = [&] {
            if (++count == at)
                index.insert(index.fresh());
        };
        uint32_t row = index.next_row + 100;
        Bytes value = index.fresh();
        ASSERT_TRUE(index.try_insert(value, row).ok());
        index.rows[row] = value;
        index.store.hook = nullptr;
        hnsw::CheckSummary sum = index.check();
        EXPECT_EQ(sum.reachable, sum.living_nodes) << "interrupted at " << at;
        index.expect_complete();
    }
}

TEST(HnswInterleave, FirstRowsAfterAllOthersDied) {
    // The rows are dead and not yet repaired: who comes now finds nobody to link to. A whole graph grows while one
    // more row, of whatever level, is being inserted.
    for (uint64_t seed = 1; seed <= 12; ++seed)
        for (uint64_t at = 1; at < 400; at += 1 + at / 3) {
            Index index(ElementType::f32, Metric::l2, 8, 2, 8);
            index.build_many(20);
            index.rng = Rng(seed);
            std::set<uint32_t> dead = index.sample(1.1);
            TestArena arena;
            hnsw::VacuumResult result{};
            ASSERT_TRUE(hnsw::remove_tids(index.store, arena.arena, [](hnsw::HeapTid) { return true; }, &result).ok());
            index.rows.clear();
            uint64_t count = 0;
            index.store.hook = [&] {
                if (++count == at)
                    index.insert_many(10);
            };
            uint32_t row = index.next_row + 100;
            Bytes value = index.fresh();
            ASSERT_TRUE(index.try_insert(value, row).ok());
            index.rows[row] = value;
            index.store.hook = nullptr;
            index.vacuum({});
            hnsw::CheckSummary sum = index.check();
            ASSERT_EQ(sum.reachable, sum.living_nodes) << "seed " << seed << " interrupted at " << at;
            index.expect_complete();
        }
}

TEST(HnswInterleave, TheDeadLeadNowhere) {
    // A search for neighbours ends among dead nodes whose links are gone, but the entry point lives.
    Index index(ElementType::f32, Metric::l2, 8, 8, 16);
    index.build_many(60);
    hnsw::MetaRecord before, after;
    ASSERT_TRUE(hnsw::read_meta(index.store, &before).ok());
    ASSERT_GT(before.entry_level, 0);
    uint32_t survivor = 0;
    TestArena arena;
    hnsw::NodeReader<MemoryStore> reader(index.store, arena.arena, index.measure);
    bool found;
    ASSERT_TRUE(reader.look(before.entry, &found, [&](const hnsw::NodeView &node) { survivor = row_of(node.tids[0]); }).ok());
    hnsw::VacuumResult result{};
    ASSERT_TRUE(hnsw::remove_tids(index.store, arena.arena, [&](hnsw::HeapTid t) { return row_of(t) != survivor; }, &result).ok());
    std::erase_if(index.rows, [&](auto &row) { return row.first != survivor; });
    for (uint32_t block = 1; block < index.store.block_count(); ++block)
        ASSERT_TRUE(index.store.update(block, [&](hnsw::MutablePage &page) {
            for (uint16_t slot = 0; slot < hnsw::slot_count(hnsw::view_of(page)); ++slot) {
                hnsw::NodeView node;
                if (hnsw::node_fault(hnsw::view_of(page), slot, &node) == nullptr && node.head != nullptr && node.dead())
                    std::fill_n(hnsw::edit(page, node).links, hnsw::links_at(node.head->m, 0), hnsw::Link{});
            }
            return true;
        }).ok());
    for (int i = 0; i < 20; ++i)
        index.insert(index.fresh());
    index.vacuum({});
    ASSERT_TRUE(hnsw::read_meta(index.store, &after).ok());
    hnsw::CheckSummary sum = index.check();
    EXPECT_EQ(sum.living_nodes, 21u);
    EXPECT_EQ(sum.reachable, sum.living_nodes);
    index.expect_complete();
}

} // namespace
} // namespace vecx::test
