// Differences of pages: replayed as generic_redo replays them, they make the page that was meant, whatever lay in its free space.
#include "base/page_delta.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.hpp"

namespace vecx {
namespace {

constexpr uint32_t kSize = 8192;
using Bytes = std::vector<uint8_t>;

struct TestPage {
    Bytes bytes = Bytes(kSize);
    uint32_t lower = 24, upper = kSize;
    PageImage image() const { return {bytes.data(), lower, upper}; }
    // What a standby has: zeroes in the free range.
    Bytes replayed() const {
        Bytes out = bytes;
        std::fill(out.begin() + lower, out.begin() + upper, uint8_t{0});
        return out;
    }
};

Bytes make(const TestPage &before, const TestPage &after) {
    Bytes out(PageDelta::room(kSize));
    out.resize(PageDelta::make(before.image(), after.image(), kSize, out.data()));
    return out;
}

void replay(const Bytes &delta, Bytes *page) {
    for (size_t at = 0; at < delta.size();) {
        uint16_t head[2];
        ASSERT_LE(at + sizeof head, delta.size());
        memcpy(head, delta.data() + at, sizeof head);
        at += sizeof head;
        ASSERT_GT(head[1], 0);
        ASSERT_LE(at + head[1], delta.size());
        ASSERT_LE(size_t{head[0]} + head[1], page->size());
        memcpy(page->data() + head[0], delta.data() + at, head[1]);
        at += head[1];
    }
}

void expect_replayed(const TestPage &before, const TestPage &after) {
    Bytes page = before.replayed();
    replay(make(before, after), &page);
    std::fill(page.begin() + after.lower, page.begin() + after.upper, uint8_t{0});
    EXPECT_EQ(page, after.replayed());
}

TEST(PageDelta, NothingChanged) {
    TestPage page;
    EXPECT_TRUE(make(page, page).empty());
}

TEST(PageDelta, OneByteIsOneFragment) {
    for (const uint32_t at : {0u, 1u, 63u, 64u, 4000u, kSize - 1}) {
        TestPage before, after;
        before.lower = after.lower = before.upper = after.upper = kSize;
        after.bytes[at] = 1;
        EXPECT_EQ(make(before, after).size(), PageDelta::kHead + 1) << at;
        expect_replayed(before, after);
    }
}

TEST(PageDelta, SmallGapsStayWithinAFragment) {
    TestPage before, after;
    before.lower = after.lower = before.upper = after.upper = kSize;
    after.bytes[1000] = after.bytes[1000 + PageDelta::kGap] = 1;
    EXPECT_EQ(make(before, after).size(), PageDelta::kHead + PageDelta::kGap + 1);
    after.bytes[1000 + PageDelta::kGap] = 0;
    after.bytes[1000 + PageDelta::kGap + 1] = 1;
    EXPECT_EQ(make(before, after).size(), 2 * PageDelta::kHead + 2);
}

TEST(PageDelta, BytesThatWereFreeAreWrittenWhole) {
    TestPage before, after;
    before.lower = 100;
    before.upper = 8000;
    after.lower = 200; // the same bytes, but a standby has zeroes there
    after.upper = 7900;
    for (uint32_t i = 0; i < kSize; ++i)
        before.bytes[i] = after.bytes[i] = static_cast<uint8_t>(i * 7 + 1);
    EXPECT_EQ(make(before, after).size(), 2 * PageDelta::kHead + 200);
    expect_replayed(before, after);
}

TEST(PageDelta, EverythingChangedFits) {
    TestPage before, after;
    before.lower = before.upper = after.lower = after.upper = kSize;
    for (uint32_t i = 0; i < kSize; i += PageDelta::kGap + 1) // as many fragments as can be
        after.bytes[i] = 1;
    EXPECT_LE(make(before, after).size(), PageDelta::room(kSize));
    for (uint32_t i = 0; i < kSize; ++i)
        after.bytes[i] = 1;
    EXPECT_LE(make(before, after).size(), PageDelta::room(kSize));
    expect_replayed(before, after);
}

TEST(PageDelta, RandomPages) {
    Rng rng(1);
    for (int round = 0; round < 3000; ++round) {
        TestPage before, after;
        for (uint32_t i = 0; i < kSize; ++i)
            before.bytes[i] = static_cast<uint8_t>(rng.below(256));
        after.bytes = before.bytes;
        for (TestPage *page : {&before, &after}) {
            page->lower = 24 + static_cast<uint32_t>(rng.below(kSize - 24));
            page->upper = page->lower + static_cast<uint32_t>(rng.below(kSize - page->lower + 1));
        }
        for (uint64_t runs = rng.below(40); runs > 0; --runs) {
            const uint32_t at = static_cast<uint32_t>(rng.below(kSize));
            const uint32_t length = 1 + static_cast<uint32_t>(rng.below(rng.below(4) == 0 ? 300 : 12));
            for (uint32_t i = at; i < at + length && i < kSize; ++i)
                after.bytes[i] = static_cast<uint8_t>(rng.below(256));
        }
        expect_replayed(before, after);
    }
}

} // namespace
} // namespace vecx
