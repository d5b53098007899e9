// The mask of a filtered scan against a plain set of rows, and the budget of a search under it.
#include "filter/row_mask.hpp"

#include <cmath>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "filter/search_budget.hpp"
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

using filter::RowMask;
using Row = std::pair<uint32_t, uint16_t>;

struct Expected {
    std::set<Row> rows;
    std::set<uint32_t> whole;

    bool has(uint32_t block, uint16_t offset) const { return whole.count(block) > 0 || rows.count({block, offset}) > 0; }
    void fill(RowMask *mask) const {
        std::set<uint32_t> blocks(whole);
        for (auto &[block, offset] : rows)
            blocks.insert(block);
        for (uint32_t block : blocks) {
            if (whole.count(block) > 0) {
                mask->add_whole(block);
                continue;
            }
            std::vector<uint16_t> offsets;
            for (auto it = rows.lower_bound({block, 0}); it != rows.end() && it->first == block; ++it)
                offsets.push_back(it->second);
            mask->add_page(block, offsets.data(), static_cast<uint32_t>(offsets.size()), block % 3 == 0);
        }
        mask->finish();
    }
};

std::set<Row> rows_of(const RowMask &mask) {
    std::set<Row> out;
    uint64_t next = 0;
    for (size_t i = 0; i < mask.page_count(); ++i) {
        const filter::MaskPage page = mask.page(i);
        EXPECT_GE(page.block, next) << "pages overlap or are out of order";
        next = static_cast<uint64_t>(page.block) + page.run;
        mask.for_each_offset(page, [&](uint16_t offset) { EXPECT_TRUE(out.insert({page.block, offset}).second); });
    }
    return out;
}

TEST(FilterMask, IsTheSetThatWasPutIn) {
    std::mt19937 random(1);
    for (uint32_t blocks : {1u, 2u, 70u, 5000u, 4000000000u}) {
        Expected expected;
        for (int i = 0; i < 400; ++i)
            expected.rows.insert({static_cast<uint32_t>(random() % blocks), static_cast<uint16_t>(1 + random() % 291)});
        for (int i = 0; i < 5 && blocks > 10; ++i)
            expected.whole.insert(static_cast<uint32_t>(random() % blocks));
        for (uint32_t block : expected.whole)
            for (uint16_t offset = 1; offset < 400; ++offset)
                expected.rows.erase({block, offset});
        TestArena arena;
        RowMask mask(arena.arena, 1 << 20);
        expected.fill(&mask);
        EXPECT_EQ(rows_of(mask), expected.rows);
        EXPECT_EQ(mask.exact_rows(), expected.rows.size());
        EXPECT_EQ(mask.whole_pages(), expected.whole.size());
        for (auto &[block, offset] : expected.rows)
            for (uint32_t b : {block - 1, block, block + 1})
                for (uint16_t o : {uint16_t(0), uint16_t(offset - 1), offset, uint16_t(offset + 1), uint16_t(offset + 64), uint16_t(65535)}) {
                    EXPECT_EQ(mask.has(b, o), o != 0 && expected.has(b, o)) << b << "," << o;
                }
        for (uint32_t block : expected.whole) {
            EXPECT_TRUE(mask.has(block, 1));
            EXPECT_TRUE(mask.has(block, 291));
            EXPECT_FALSE(mask.has(block, 0));
            EXPECT_TRUE(mask.page_of(block)->recheck);
        }
        for (auto &[block, offset] : expected.rows)
            EXPECT_EQ(mask.page_of(block)->recheck, block % 3 == 0);
    }
}

TEST(FilterMask, AnEmptyOneHasNothing) {
    TestArena arena;
    RowMask mask(arena.arena, 1 << 20);
    mask.finish();
    EXPECT_FALSE(mask.has(0, 1));
    EXPECT_FALSE(mask.has(UINT32_MAX, 1));
    mask.remove(0, 1);
    EXPECT_EQ(mask.page_count(), 0u);
}

TEST(FilterMask, LosesTheRowsThatAreTakenOut) {
    std::mt19937 random(2);
    Expected expected;
    for (int i = 0; i < 3000; ++i)
        expected.rows.insert({static_cast<uint32_t>(random() % 300), static_cast<uint16_t>(1 + random() % 200)});
    expected.whole = {1000, 1001, 1002, 2000};
    TestArena arena;
    RowMask mask(arena.arena, 1 << 20);
    expected.fill(&mask);
    for (int i = 0; i < 2000; ++i) {
        const Row row{static_cast<uint32_t>(random() % 310), static_cast<uint16_t>(1 + random() % 200)};
        mask.remove(row.first, row.second);
        expected.rows.erase(row);
    }
    EXPECT_EQ(rows_of(mask), expected.rows);
    mask.remove(1001, 7);
    mask.remove(1001, 7);
    EXPECT_FALSE(mask.has(1001, 7));
    EXPECT_TRUE(mask.has(1001, 8));
    EXPECT_TRUE(mask.has(1000, 7));
    // While going over a page its rows may be taken out.
    for (size_t i = 0; i < mask.page_count(); ++i)
        mask.for_each_offset(mask.page(i), [&](uint16_t offset) { mask.remove(mask.page(i).block, offset); });
    EXPECT_TRUE(rows_of(mask).empty());
}

TEST(FilterMask, BeyondItsMemoryLetsTooManyInAndNoneOut) {
    std::mt19937 random(3);
    for (int spread : {1, 7, 1000}) {
        for (int whole : {0, 2, 3}) {
            TestArena arena;
            const size_t limit = 16384;
            RowMask mask(arena.arena, limit);
            std::set<Row> rows;
            uint32_t block = 0;
            for (int i = 0; i < 20000; ++i) {
                block += 1 + static_cast<uint32_t>(random() % static_cast<uint32_t>(spread));
                const uint16_t offset = static_cast<uint16_t>(1 + random() % 291);
                rows.insert({block, offset});
                if (whole > 0 && i % whole == 0)
                    mask.add_whole(block);
                else
                    mask.add_page(block, &offset, 1, false);
            }
            mask.finish();
            EXPECT_LE(mask.bytes(), limit);
            uint64_t pages = 0;
            for (size_t i = 0; i < mask.page_count(); ++i) {
                const filter::MaskPage &page = mask.page(i);
                if (page.whole())
                    pages += page.run;
                EXPECT_TRUE(!page.whole() || page.recheck);
            }
            EXPECT_EQ(pages, mask.whole_pages());
            EXPECT_EQ(rows_of(mask).size(), mask.exact_rows());
            for (auto &[b, o] : rows)
                ASSERT_TRUE(mask.has(b, o)) << b << "," << o;
            EXPECT_FALSE(mask.has(block + 1, 1));
        }
    }
}

TEST(FilterMask, OffsetsThatNoPageHasMakeThePageWhole) {
    TestArena arena;
    RowMask mask(arena.arena, 1 << 20);
    const uint16_t offsets[] = {1, RowMask::kMostOffset + 1};
    mask.add_page(5, offsets, 2, false);
    mask.add_page(6, offsets, 0, false);
    mask.finish();
    EXPECT_TRUE(mask.has(5, 3));
    EXPECT_FALSE(mask.has(6, 1));
}

TEST(FilterBudget, EndsASearchThatCannotPay) {
    filter::SearchBudget budget;
    budget.most = 1000;
    budget.wanted = 40;
    EXPECT_TRUE(budget.spent(1000, 40)); // as much as the other way takes
    EXPECT_TRUE(budget.spent(1000, 0));
    EXPECT_FALSE(budget.spent(999, 40)); // all is there: what is left is to be sure
    EXPECT_FALSE(budget.spent(10, 0));   // too early to tell
    EXPECT_TRUE(budget.spent(300, 0));   // nothing met so far
    EXPECT_TRUE(budget.spent(300, 3));   // 300 * 37 / 3 to go
    EXPECT_FALSE(budget.spent(300, 20)); // 300 to go
    budget.most = INFINITY;
    EXPECT_FALSE(budget.spent(1u << 30, 0));
}

} // namespace
} // namespace vecx::test
