// A crash keeps a prefix of the page writes. Each prefix of each operation must leave an index that is legal, loses
// no row, works on, and is tidied up by the next vacuum.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

// Scans an index that may hold `extra` rows on top of its own, and must hold its own.
void expect_at_least(Index &index, const std::set<uint32_t> &extra, const std::string &when) {
    ScanResult got = index.scan(index.fresh());
    std::set<uint32_t> seen(got.rows.begin(), got.rows.end());
    ASSERT_EQ(seen.size(), got.rows.size()) << "a row twice, " << when;
    for (auto &[row, value] : index.rows)
        ASSERT_TRUE(seen.count(row)) << "row " << row << " lost, " << when;
    for (uint32_t row : seen)
        ASSERT_TRUE(index.rows.count(row) || extra.count(row)) << "row " << row << " from nowhere, " << when;
}

// Runs `operation` on `index` with its page writes logged, then goes through all prefixes. `dead` are rows that the
// operation removes; `born` rows that it adds.
template <class F>
size_t crash_everywhere(Index &index, const std::set<uint32_t> &dead, const std::set<uint32_t> &born, F operation) {
    const std::vector<MemoryStore::Page> before = index.store.pages;
    index.store.log.clear();
    index.store.logging = true;
    operation();
    index.store.logging = false;
    const std::vector<MemoryStore::Write> log = index.store.log;
    const std::vector<MemoryStore::Page> after = index.store.pages;
    const std::vector<uint32_t> space = index.store.space;
    const std::map<uint32_t, Bytes> rows = index.rows;

    std::set<uint32_t> maybe = dead;
    maybe.insert(born.begin(), born.end());
    for (uint32_t row : maybe)
        index.rows.erase(row);
    const std::map<uint32_t, Bytes> certain = index.rows;
    for (size_t n = 0; n <= log.size(); ++n) {
        const std::string when = "after " + std::to_string(n) + " of " + std::to_string(log.size()) + " writes";
        index.store.pages = before;
        index.store.play(log, n);
        index.rows = certain;
        index.check(when.c_str());
        expect_at_least(index, maybe, when);
        if (testing::Test::HasFatalFailure())
            return log.size();
        // It works on: what vacuum would do next, and another insert.
        hnsw::VacuumResult result{};
        Status s = index.try_vacuum(dead, 64 << 20, &result);
        EXPECT_TRUE(s.ok()) << s.message << " " << when;
        hnsw::CheckSummary sum = index.check(when.c_str());
        EXPECT_EQ(sum.dead_nodes, 0u) << when;
        EXPECT_EQ(sum.orphan_chunks, 0u) << when;
        EXPECT_EQ(sum.stale_links, 0u) << when;
        EXPECT_EQ(sum.reachable, sum.living_nodes) << when;
        uint32_t next = index.insert(index.fresh());
        expect_at_least(index, born, when);
        index.rows.erase(next);
        if (testing::Test::HasFatalFailure())
            return log.size();
    }
    index.store.pages = after;
    index.store.space = space;
    index.rows = rows;
    return log.size();
}

struct Shape {
    int dim, rows;
};
class HnswCrash : public testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(Sizes, HnswCrash, testing::Values(Shape{16, 90}, Shape{5000, 14}),
                         [](const testing::TestParamInfo<Shape> &info) { return "dim" + std::to_string(info.param.dim); });

TEST_P(HnswCrash, InInsert) {
    Index index(ElementType::f32, Metric::l2, GetParam().dim, 4, 16);
    size_t writes = crash_everywhere(index, {}, {0}, [&] { index.insert(index.fresh()); });
    EXPECT_GE(writes, 3u) << "the first insert extends, writes the node and the entry point";
    index.build_many(0);
    index.insert_many(GetParam().rows);
    size_t total = 0;
    for (int i = 0; i < 5; ++i)
        total += crash_everywhere(index, {}, {index.next_row}, [&] { index.insert(index.fresh()); });
    EXPECT_GE(total, 15u);
    index.expect_complete();
}

TEST_P(HnswCrash, InVacuum) {
    Index index(ElementType::f32, Metric::l2, GetParam().dim, 4, 16);
    index.build_many(GetParam().rows);
    index.insert_many(GetParam().rows / 4);
    std::set<uint32_t> dead = index.sample(0.3);
    size_t writes = crash_everywhere(index, dead, {}, [&] { index.vacuum(dead); });
    EXPECT_GE(writes, dead.size());
    // Those that kill the entry point, and everything.
    dead = index.sample(1.1);
    crash_everywhere(index, dead, {}, [&] { index.vacuum(dead); });
    EXPECT_EQ(index.rows.size(), 0u);
    index.insert_many(10);
    index.expect_complete();
}

} // namespace
} // namespace vecx::test
