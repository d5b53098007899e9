// The map of heap TIDs to places in an index, and the scan of an index that looks at each row of a mask with its help.
#include "filter/row_places.hpp"

#include <map>
#include <random>

#include "filter/search_budget.hpp"
#include "hnsw/inlined/scorer.hpp"
#include "inlined_support.hpp"

namespace vecx::test {
namespace {

using filter::RowMask;
using filter::RowPlaces;
using hnsw::HeapTid;
using hnsw::LayoutKind;

TEST(FilterPlaces, FindsWhatWasPutIn) {
    std::mt19937 random(1);
    for (uint32_t blocks : {1u, 30u, 20000u}) {
        TestArena arena;
        RowPlaces places(arena.arena, 50, 1 << 20);
        std::map<std::pair<uint32_t, uint16_t>, RowPlaces::Place> expected;
        for (int i = 0; i < 1000; ++i)
            expected[{static_cast<uint32_t>(random() % blocks), static_cast<uint16_t>(1 + random() % 100)}] =
                RowPlaces::Place{static_cast<uint32_t>(random() % 80000000), static_cast<uint16_t>(random() % 50)};
        for (auto &[row, place] : expected)
            places.count(row.first, row.second);
        ASSERT_TRUE(places.make_room());
        EXPECT_LE(places.bytes(), 1u << 20);
        for (auto &[row, place] : expected)
            places.put(row.first, row.second, place);
        EXPECT_EQ(places.rows(), expected.size());
        for (uint32_t block = 0; block < std::min(blocks + 2, 300u); ++block)
            for (uint16_t offset = 0; offset < 110; ++offset) {
                RowPlaces::Place got{};
                const auto it = expected.find({block, offset});
                ASSERT_EQ(places.find(block, offset, &got), it != expected.end()) << block << "," << offset;
                if (it != expected.end()) {
                    EXPECT_EQ(got.block, it->second.block);
                    EXPECT_EQ(got.slot, it->second.slot);
                }
            }
        // What the first pass has not seen does not fit, nor does what has no number.
        places.put(blocks + 5, 1, RowPlaces::Place{1, 1});
        places.put(0, 2000, RowPlaces::Place{1, 1});
        const auto first = expected.begin()->first;
        places.put(first.first, first.second, RowPlaces::Place{4000000000u, 1});
        places.put(first.first, first.second, RowPlaces::Place{1, 50});
        EXPECT_EQ(places.rows(), expected.size());
        RowPlaces::Place got;
        EXPECT_FALSE(places.find(4294967295u, 1, &got));
        ASSERT_TRUE(places.find(first.first, first.second, &got));
        EXPECT_EQ(got.block, expected.begin()->second.block);
    }
}

TEST(FilterPlaces, RefusesWhatDoesNotFitItsMemory) {
    const size_t limit = 10000;
    for (uint32_t block : {3000u, 4000000000u, 4294967295u}) { // the pages alone
        TestArena arena;
        RowPlaces places(arena.arena, 50, limit);
        places.count(7, 3);
        places.count(block, 3);
        EXPECT_FALSE(places.make_room());
        places.put(7, 3, RowPlaces::Place{1, 1});
        RowPlaces::Place got;
        EXPECT_FALSE(places.find(7, 3, &got));
        EXPECT_LE(places.bytes(), limit);
    }
    TestArena arena;
    RowPlaces places(arena.arena, 50, limit); // the rows
    for (uint32_t block = 0; block < 100; ++block)
        places.count(block, 100);
    EXPECT_FALSE(places.make_room());
    EXPECT_EQ(places.bytes(), 0u);
}

HeapTid tid_at(uint32_t row) { return tid_of(row); }
uint32_t block_at(HeapTid tid) { return static_cast<uint32_t>(tid.block_hi) << 16 | tid.block_lo; }

struct Scored {
    std::vector<inlined::Row> rows;
    size_t unknown;
    Status status;
};

// All rows of `wanted` through the scorer.
Scored score(InlinedIndex &index, const Bytes &query, const std::set<uint32_t> &wanted, const RowPlaces &places) {
    TestArena arena;
    RowMask mask(arena.arena, 1 << 20);
    std::map<uint32_t, std::vector<uint16_t>> pages;
    for (uint32_t row : wanted)
        pages[block_at(tid_at(row))].push_back(tid_at(row).offset);
    for (auto &[block, offsets] : pages) {
        std::sort(offsets.begin(), offsets.end());
        mask.add_page(block, offsets.data(), static_cast<uint32_t>(offsets.size()), false);
    }
    mask.finish();
    inlined::MaskScorer<MemoryStore> scorer(index.store, arena.arena, index.shape);
    Scored out;
    out.status = scorer.score(payload_of(query), mask, wanted.size(), places);
    out.unknown = scorer.unknown();
    for (bool found = out.status.ok(); found;) {
        inlined::Row row;
        scorer.next(&row, &found);
        if (found)
            out.rows.push_back(row);
    }
    return out;
}

TEST(FilterScorer, BoundsEachRowOfTheMask) {
    for (LayoutKind layout : {LayoutKind::inlined, LayoutKind::compact})
        for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
            InlinedIndex index(layout, ElementType::f32, metric, 24);
            std::vector<Bytes> values;
            for (int i = 0; i < 300; ++i)
                values.push_back(i % 10 == 3 ? values[i - 3] : index.fresh()); // some rows are equal: they share a node
            index.build(values);
            TestArena arena;
            RowPlaces places(arena.arena, hnsw::kMaxSlots, 1 << 20);
            bool found = false;
            Status status = inlined::find_places(index.store, arena.arena, index.shape, InlinedIndex::kBody, &places, &found);
            ASSERT_TRUE(status.ok() && found) << status.message;
            EXPECT_EQ(places.rows(), index.rows.size());

            std::set<uint32_t> wanted;
            for (auto &[row, value] : index.rows)
                if (row % 3 != 1)
                    wanted.insert(row);
            const Bytes query = index.fresh();
            Scored got = score(index, query, wanted, places);
            ASSERT_TRUE(got.status.ok()) << got.status.message;
            EXPECT_EQ(got.unknown, 0u);
            std::set<uint32_t> seen;
            double low = -INFINITY;
            for (size_t i = 0; i < got.rows.size(); ++i) {
                const inlined::Row &row = got.rows[i];
                EXPECT_TRUE(seen.insert(row_of(row.tid)).second) << "twice";
                const double exact = index.shown(query, index.rows.at(row_of(row.tid)));
                EXPECT_LE(row.distance, exact);
                EXPECT_GE(row.farthest, exact);
                EXPECT_GE(row.distance, low) << "out of order";
                low = row.distance;
                for (size_t k = 0; row.certain && k < got.rows.size(); ++k) {
                    const double other = index.shown(query, index.rows.at(row_of(got.rows[k].tid)));
                    EXPECT_TRUE(k < i ? other <= exact : other >= exact) << "not certain at all";
                }
            }
            EXPECT_EQ(seen, wanted);
        }
}

TEST(FilterScorer, TellsOfRowsThatAreNotWhereTheyWere) {
    InlinedIndex index(LayoutKind::inlined, ElementType::f32, Metric::l2, 24);
    index.build_many(100);
    TestArena arena;
    RowPlaces places(arena.arena, hnsw::kMaxSlots, 1 << 20);
    std::set<uint32_t> wanted;
    for (auto &[row, value] : index.rows) {
        wanted.insert(row);
        places.count(block_at(tid_at(row)), tid_at(row).offset);
    }
    ASSERT_TRUE(places.make_room());
    // Even rows where they are, the others at another node, in a slot that no page has, or nowhere.
    for (auto &[row, value] : index.rows) {
        const hnsw::Link node = index.nodes[row % 2 == 0 ? row : row / 2];
        if (row % 2 == 0 || row % 3 == 0)
            places.put(block_at(tid_at(row)), tid_at(row).offset, RowPlaces::Place{node.block, node.slot});
        else if (row % 3 == 1)
            places.put(block_at(tid_at(row)), tid_at(row).offset, RowPlaces::Place{node.block, 8000});
    }
    Scored got = score(index, index.fresh(), wanted, places);
    ASSERT_TRUE(got.status.ok()) << got.status.message;
    EXPECT_EQ(got.unknown, 50u);
    std::set<uint32_t> seen;
    for (size_t i = 0; i < got.rows.size(); ++i) {
        seen.insert(row_of(got.rows[i].tid));
        EXPECT_EQ(row_of(got.rows[i].tid) % 2, i < 50 ? 1u : 0u) << "what is not known comes first";
        if (i < 50) {
            EXPECT_EQ(got.rows[i].distance, -INFINITY);
            EXPECT_FALSE(got.rows[i].certain);
        }
    }
    EXPECT_EQ(seen, wanted);
    // A page that does not exist is damage, not a row that went away.
    RowPlaces wrong(arena.arena, hnsw::kMaxSlots, 1 << 20);
    wrong.count(block_at(tid_at(4)), tid_at(4).offset);
    ASSERT_TRUE(wrong.make_room());
    wrong.put(block_at(tid_at(4)), tid_at(4).offset, RowPlaces::Place{100000, 0});
    EXPECT_EQ(score(index, index.fresh(), {4}, wrong).status.code, Code::corrupted);
}

TEST(FilterBudget, EndsAScanWhoseRowsDoNotPass) {
    filter::SearchBudget budget;
    budget.most = 2000;
    EXPECT_TRUE(budget.spent_testing(2000, 10, 9, 10, 1.3));
    EXPECT_FALSE(budget.spent_testing(60, 20, 0, 10, 1.3));   // too early to tell
    EXPECT_FALSE(budget.spent_testing(300, 100, 10, 10, 1.3)); // done
    EXPECT_FALSE(budget.spent_testing(150, 100, 1, 10, 1.3)); // 900 more
    EXPECT_TRUE(budget.spent_testing(200, 150, 0, 10, 1.3));  // 3000 more at least
    EXPECT_TRUE(budget.spent_testing(900, 600, 2, 10, 1.3));
    budget.most = INFINITY;
    EXPECT_FALSE(budget.spent_testing(1u << 30, 1u << 30, 0, 10, 1.3));
}

} // namespace
} // namespace vecx::test
