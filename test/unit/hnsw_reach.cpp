// What VACUUM leaves can be reached from the entry point, also when what it removes was all that lay between clusters.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

Bytes point(float x, float y) {
    Bytes out(8);
    memcpy(out.data(), &x, 4);
    memcpy(out.data() + 4, &y, 4);
    return out;
}

// Points on a line; what is removed are the bridges.
TEST(HnswReach, ClustersWhoseBridgesGo) {
    for (uint64_t seed = 1; seed <= 4; ++seed)
        for (float gap : {8.0f, 80.0f, 400.0f}) {
            Index index(ElementType::f32, Metric::l2, 2, 4, 16);
            index.rng = Rng(seed);
            std::set<uint32_t> bridges;
            for (int cluster = 0; cluster < 6; ++cluster) {
                const float at = static_cast<float>(cluster) * (gap + 10);
                for (int i = 0; i < 12; ++i)
                    index.insert(point(at + static_cast<float>(index.rng.below(100)) / 10, 0));
                for (float x = 10; x < gap + 10; x += gap / 12)
                    bridges.insert(index.insert(point(at + x, 0)));
            }
            index.vacuum(bridges);
            hnsw::CheckSummary sum = index.check("after vacuum");
            EXPECT_EQ(sum.reachable, sum.living_nodes) << "seed " << seed << ", gap " << gap;
        }
}

// As clusters appear by updates: half of the rows move to the other side, and most of the rest goes.
TEST(HnswReach, RowsThatMoved) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        Index index(ElementType::f32, Metric::l2, 2);
        index.rng = Rng(seed);
        std::set<uint32_t> dead;
        std::vector<Bytes> values;
        for (int i = 1; i <= 100; ++i) {
            values.push_back(point(static_cast<float>(i), 0));
            if (i % 2 == 0 || (i > 10 && i < 91))
                dead.insert(static_cast<uint32_t>(i - 1));
        }
        index.build(values);
        for (int i = 2; i <= 100; i += 2) {
            const uint32_t row = index.insert(point(static_cast<float>(-i), 0));
            if (i > 10 && i < 91)
                dead.insert(row);
        }
        index.vacuum(dead);
        hnsw::CheckSummary sum = index.check("after vacuum");
        EXPECT_EQ(sum.living_nodes, 20u);
        EXPECT_EQ(sum.reachable, sum.living_nodes) << "seed " << seed;
    }
}

// Small clusters, far from each other, that grow and shrink at different times.
Bytes clustered(uint32_t i, int dim) {
    Rng centre(i % 16), own(i);
    std::vector<float> v;
    for (int k = 0; k < dim; ++k)
        v.push_back(static_cast<float>(static_cast<int>(centre.below(600)) + static_cast<int>(own.below(40))));
    return f32_value(v);
}

// Returns how many nodes had to be linked again.
uint64_t churn(Metric metric, size_t memory) {
    Index index(ElementType::f32, metric, 16, 4, 32); // few links, so that they are lost soon
    Rng rng(7);
    auto insert = [&](size_t count) {
        for (size_t i = 0; i < count; ++i)
            index.insert(clustered(index.next_row, 16));
    };
    insert(400);
    uint64_t relinked = 0;
    for (int round = 0; round < 5; ++round) {
        std::set<uint32_t> dead;
        for (auto &[row, value] : index.rows)
            if (rng.below(4) == 0 || (row % 16 == static_cast<uint32_t>(round) && rng.below(8) != 0))
                dead.insert(row);
        relinked += index.vacuum(dead, memory).nodes_relinked;
        hnsw::CheckSummary summary = index.check();
        EXPECT_EQ(summary.reachable, summary.living_nodes) << "round " << round;
        insert(dead.size());
    }
    return relinked;
}

TEST(HnswReach, EverythingAfterVacuum) { churn(Metric::l2, 64 << 20); }
TEST(HnswReach, ByInnerProductToo) { EXPECT_GT(churn(Metric::ip, 64 << 20), 0u); }

// Large clusters, about as far from each other as they are wide: nothing near to a node lies outside its own.
Bytes in_large_cluster(uint32_t i) {
    Rng centre(1000 + i % 16), own(100000 + i);
    std::vector<float> v;
    for (int k = 0; k < 24; ++k)
        v.push_back(static_cast<float>(static_cast<int>(centre.below(119)) + static_cast<int>(own.below(79))));
    return f32_value(v);
}

// To be reachable is not yet to be found. Rounds of inserts and removals leave few links between the clusters at level 0:
// a search has to come down in the right one.
TEST(HnswReach, ValuesAreFoundAfterChurn) {
    for (uint64_t seed = 1; seed <= 2; ++seed) {
        Index index(ElementType::f32, Metric::l2, 24);
        index.store.copy_pages = false; // other tests watch how pages are used
        index.rng = Rng(seed);
        Rng rng(seed + 70);
        std::vector<Bytes> values;
        for (uint32_t i = 0; i < 1600; ++i)
            values.push_back(in_large_cluster(i));
        index.build(values);
        auto lost = [&] {
            int n = 0;
            for (auto &[row, value] : index.rows) {
                ScanResult got = index.scan(value, kPlainScan, 1);
                n += got.distances.size() != 1 || got.distances[0] != 0;
            }
            return n;
        };
        EXPECT_EQ(lost(), 0) << "after the build, seed " << seed;
        for (int round = 1; round <= 5; ++round) {
            std::set<uint32_t> dead;
            for (auto &[row, value] : index.rows)
                if (rng.below(8) == 0)
                    dead.insert(row);
            for (size_t i = 0; i < dead.size(); ++i) // while the dead still lie there
                index.insert(in_large_cluster(index.next_row));
            EXPECT_EQ(lost(), 0) << "before vacuum " << round << ", seed " << seed;
            index.vacuum(dead);
            EXPECT_EQ(lost(), 0) << "after vacuum " << round << ", seed " << seed;
        }
    }
}

// Nor does it help to come down well where a whole cluster is no longer on any way: few links, clusters far apart, and rows
// that come and go in small portions. VACUUM searches for what it mended, and links what it misses.
TEST(HnswReach, WhatVacuumMendsIsFound) {
    uint64_t relinked = 0;
    for (int m : {4, 8})
        for (uint64_t seed = 1; seed <= 3; ++seed) {
            Index index(ElementType::f32, Metric::l2, 16, m, 4 * m);
            index.store.copy_pages = false;
            index.rng = Rng(seed);
            Rng rng(seed + 70);
            for (int i = 0; i < 400; ++i)
                index.insert(clustered(index.next_row, 16));
            for (int round = 1; round <= 15; ++round) {
                std::set<uint32_t> dead;
                for (auto &[row, value] : index.rows)
                    if (rng.below(8) == 0)
                        dead.insert(row);
                for (int i = 0; i < 70; ++i)
                    index.insert(clustered(index.next_row, 16));
                relinked += index.vacuum(dead).nodes_relinked;
                int lost = 0;
                for (auto &[row, value] : index.rows) {
                    ScanResult got = index.scan(value, kPlainScan, 1);
                    lost += got.distances.size() != 1 || got.distances[0] != 0;
                }
                EXPECT_EQ(lost, 0) << "of " << index.rows.size() << " after vacuum " << round << ", m " << m << ", seed " << seed;
            }
        }
    EXPECT_GT(relinked, 0u);
}

// The copies of vectors that it compares are part of what it may have.
TEST(HnswReach, ARepairKeepsToItsMemory) {
    Index index(ElementType::f32, Metric::l2, 512, 8, 16);
    index.store.copy_pages = false;
    index.insert_many(2500); // 5 MB of vectors
    size_t peaks[2];
    for (size_t limit : {size_t{1} << 20, size_t{64} << 20}) {
        const std::set<uint32_t> dead = index.sample(0.3);
        TestArena arena;
        hnsw::VacuumResult result{};
        ASSERT_TRUE(hnsw::remove_tids(index.store, arena.arena, [&](hnsw::HeapTid t) { return dead.count(row_of(t)) != 0; }, &result).ok());
        ASSERT_TRUE(hnsw::repair(index.store, arena.arena, index.measure, limit, index.rng, &result).ok());
        EXPECT_GT(result.nodes_repaired, 500u);
        peaks[limit > (1 << 20)] = arena.peak;
        for (uint32_t row : dead)
            index.rows.erase(row);
    }
    EXPECT_LT(peaks[0], size_t{1} << 20);
    EXPECT_GT(peaks[1], size_t{2} << 20); // else this tests nothing
}

} // namespace
} // namespace vecx::test
