// What VACUUM promises of layout plain: afterwards a search can come to every living node from the entry point, whatever
// was deleted, and however the values cluster.
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

} // namespace
} // namespace vecx::test
