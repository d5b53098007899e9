// What VACUUM promises of layout plain: afterwards a search can come to every living node from the entry point, whatever
// was deleted, and however the values cluster; and each is found by its own value.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

// Small clusters, far from each other, that grow and shrink at different times.
Bytes clustered(uint32_t i, int dim) {
    Rng centre(i % 16), own(i);
    std::vector<float> v;
    for (int k = 0; k < dim; ++k)
        v.push_back(static_cast<float>(static_cast<int>(centre.below(600)) + static_cast<int>(own.below(40))));
    return f32_value(v);
}

void churn(Metric metric, size_t memory, bool own_is_nearest) {
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
        ASSERT_EQ(summary.reachable, summary.living_nodes) << "round " << round;
        uint32_t missed = 0;
        for (auto &[row, value] : index.rows) {
            ScanResult got = index.scan(value, kPlainScan, 1);
            missed += own_is_nearest && (got.rows.empty() || index.rows[got.rows[0]] != value);
        }
        EXPECT_EQ(missed, 0u) << "round " << round;
        insert(dead.size());
    }
    EXPECT_GT(relinked, 0u);
}

TEST(HnswReach, EverythingAfterVacuum) { churn(Metric::l2, 64 << 20, true); }
TEST(HnswReach, ByInnerProductToo) { churn(Metric::ip, 64 << 20, false); }

} // namespace
} // namespace vecx::test
