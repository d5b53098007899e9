// Recall floors against exact search for every element type and metric, at every stage of an index's life, and
// completeness along the way.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

struct Kind {
    const char *name;
    ElementType type;
    Metric metric;
    int dim;
    double floor;
};

const Kind kKinds[] = {
    {"f32_l2", ElementType::f32, Metric::l2, 24, 0.95},
    {"f32_ip", ElementType::f32, Metric::ip, 24, 0.85},
    {"f32_cosine", ElementType::f32, Metric::cosine, 24, 0.95},
    {"f32_l1", ElementType::f32, Metric::l1, 24, 0.95},
    {"f16_l2", ElementType::f16, Metric::l2, 24, 0.95},
    {"f16_ip", ElementType::f16, Metric::ip, 24, 0.85},
    {"f16_cosine", ElementType::f16, Metric::cosine, 24, 0.95},
    {"f16_l1", ElementType::f16, Metric::l1, 24, 0.95},
    {"bf16_l2", ElementType::bf16, Metric::l2, 24, 0.95},
    {"bf16_ip", ElementType::bf16, Metric::ip, 24, 0.85},
    {"bf16_cosine", ElementType::bf16, Metric::cosine, 24, 0.95},
    {"bf16_l1", ElementType::bf16, Metric::l1, 24, 0.95},
    {"i8_l2", ElementType::i8, Metric::l2, 24, 0.95},
    {"i8_ip", ElementType::i8, Metric::ip, 24, 0.85},
    {"i8_cosine", ElementType::i8, Metric::cosine, 24, 0.95},
    {"i8_l1", ElementType::i8, Metric::l1, 24, 0.95},
    {"bit_hamming", ElementType::bit, Metric::hamming, 100, 0.90},
    {"bit_jaccard", ElementType::bit, Metric::jaccard, 100, 0.90},
    {"sparse_l2", ElementType::sparse, Metric::l2, 5000, 0.90},
    {"sparse_ip", ElementType::sparse, Metric::ip, 5000, 0.85},
    {"sparse_cosine", ElementType::sparse, Metric::cosine, 5000, 0.90},
    {"sparse_l1", ElementType::sparse, Metric::l1, 5000, 0.90},
};

class HnswRecall : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(All, HnswRecall, testing::ValuesIn(kKinds),
                         [](const testing::TestParamInfo<Kind> &info) { return std::string(info.param.name); });

constexpr int kRows = 1000;

TEST_P(HnswRecall, BuildThenVacuumThenInsert) {
    const Kind &kind = GetParam();
    Index index(kind.type, kind.metric, kind.dim);
    index.store.copy_pages = false; // other tests watch how pages are used
    index.build_many(kRows);
    double built = index.mean_recall(30, 10, 40);
    EXPECT_GE(built, kind.floor);
    index.check("after build");
    index.expect_complete(kPlainScan, "after build");

    hnsw::VacuumResult v = index.vacuum(index.sample(0.3));
    EXPECT_GT(v.nodes_freed, 0u);
    EXPECT_EQ(v.tids_left, index.rows.size());
    double vacuumed = index.mean_recall(30, 10, 40);
    EXPECT_GE(vacuumed, kind.floor - 0.02);
    EXPECT_EQ(index.check("after vacuum").stale_links, 0u);
    index.expect_complete(kPlainScan, "after vacuum");

    index.insert_many(300);
    double refilled = index.mean_recall(30, 10, 40);
    EXPECT_GE(refilled, kind.floor - 0.02);
    index.check("after inserts");
    index.expect_complete(kPlainScan, "after inserts");
    printf("%-14s built %.3f vacuumed %.3f refilled %.3f\n", kind.name, built, vacuumed, refilled);
}

TEST_P(HnswRecall, InsertOnly) {
    const Kind &kind = GetParam();
    Index index(kind.type, kind.metric, kind.dim);
    index.store.copy_pages = false; // other tests watch how pages are used
    index.insert_many(500);
    EXPECT_GE(index.mean_recall(30, 10, 40), kind.floor);
    hnsw::CheckSummary sum = index.check("after inserts");
    EXPECT_EQ(sum.tids, index.rows.size());
    index.expect_complete(kPlainScan, "after inserts");
}

TEST(HnswChurn, KeepsRecallAndSize) {
    Index index(ElementType::f32, Metric::l2, 24);
    index.store.copy_pages = false;
    index.build_many(1000);
    uint32_t blocks = 0;
    for (int round = 0; round < 8; ++round) {
        index.vacuum(index.sample(0.3));
        index.insert_many(static_cast<int>(1000 - index.rows.size()));
        if (round == 1)
            blocks = index.store.block_count();
    }
    EXPECT_LE(index.store.block_count(), blocks + blocks / 10) << "freed space is used again";
    EXPECT_GE(index.mean_recall(30, 10, 40), 0.95);
    hnsw::CheckSummary sum = index.check();
    EXPECT_EQ(sum.nodes, 1000u);
    EXPECT_GE(sum.reachable, 995u);
    index.expect_complete();
}

TEST(HnswChurn, WholeClustersDie) {
    // Rows of one region die together: the survivors at its border find each other through the dead.
    Index index(ElementType::f32, Metric::l2, 8);
    index.store.copy_pages = false;
    index.build_many(2000);
    std::set<uint32_t> dead;
    for (auto &[row, value] : index.rows) {
        float first;
        memcpy(&first, value.data(), 4);
        if (first > 0)
            dead.insert(row);
    }
    index.vacuum(dead);
    EXPECT_GE(index.mean_recall(30, 10, 40), 0.95);
    hnsw::CheckSummary sum = index.check();
    EXPECT_GE(sum.reachable, sum.living_nodes * 99 / 100);
    index.expect_complete();
}

} // namespace
} // namespace vecx::test
