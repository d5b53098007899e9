// Keys of scalar values keep the order of the values, and conditions on rows of keys say what the values would.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.hpp"
#include "filter/columns.hpp"

namespace vecx::filter {
namespace {

using How = Condition::How;

TEST(FilterAttributes, KeysKeepTheOrder) {
    const int64_t integers[] = {INT64_MIN, INT64_MIN + 1, -5'000'000'000, -1, 0, 1, 7, 1ll << 40, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 1; i < std::size(integers); ++i)
        EXPECT_LT(key_of_integer(integers[i - 1]), key_of_integer(integers[i])) << i;
    const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    const double floats[] = {-infinity, -1e308, -1, -1e-300, -4.9e-324, 0, 4.9e-324, 1e-300, 0.5, 1, 1e308, infinity, nan};
    for (size_t i = 1; i < std::size(floats); ++i)
        EXPECT_LT(key_of_float(floats[i - 1]), key_of_float(floats[i])) << i;
    EXPECT_EQ(key_of_float(-0.0), key_of_float(0.0));
    EXPECT_EQ(key_of_float(-nan), key_of_float(nan));
    const uint8_t low[8] = {0, 0, 0, 0, 0, 0, 0, 255}, high[8] = {128, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_LT(key_of_bytes(low), key_of_bytes(high));
    EXPECT_EQ(key_of_bytes(low), 255u);
}

bool holds(How how, int64_t value, const std::vector<int64_t> &with) {
    switch (how) {
    case How::less:
        return value < with[0];
    case How::less_equal:
        return value <= with[0];
    case How::equal:
        return value == with[0];
    case How::greater_equal:
        return value >= with[0];
    case How::greater:
        return value > with[0];
    case How::any:
        return std::count(with.begin(), with.end(), value) > 0;
    case How::is_null:
        return false;
    case How::not_null:
        return true;
    }
    return false;
}

// Exact columns hold the value, the others a tenth of it: so that several values have one key.
TEST(FilterAttributes, ConditionsSayWhatTheValuesWould) {
    Rng rng(3);
    for (int round = 0; round < 4000; ++round) {
        const bool exact = round % 2 == 0;
        auto key = [&](int64_t v) { return key_of_integer(exact ? v : v / 10); };
        const How how = static_cast<How>(rng.below(8));
        std::vector<int64_t> with;
        for (size_t i = how == How::any ? rng.below(5) : 1; i > 0; --i)
            with.push_back(static_cast<int64_t>(rng.below(40)));
        std::vector<uint64_t> keys;
        for (int64_t v : with)
            keys.push_back(key(v));
        std::sort(keys.begin(), keys.end());
        Condition c{how, exact || how == How::not_null || how == How::is_null, 1, static_cast<uint32_t>(keys.size()), with.empty() ? 0 : key(with[0]), keys.data()};
        const Predicate all{&c, 1, false};
        for (int64_t value = 0; value < 40; ++value) {
            uint64_t row[3] = {0, 99, 0};
            set_attribute(row, 1, key(value));
            const Verdict verdict = all.test(row);
            const bool expected = holds(how, value, with);
            if (verdict != Verdict::maybe) {
                EXPECT_EQ(verdict == Verdict::yes, expected);
            }
            EXPECT_TRUE(verdict != Verdict::maybe || !exact);
            // A range with the value in it must not be passed over.
            Condition first = c;
            first.column = 0;
            const Predicate of_first{&first, 1, false};
            if (verdict != Verdict::no) {
                EXPECT_TRUE(of_first.may_pass(key(value - 1 < 0 ? 0 : value - 1), key(value + 3), false));
            }
            EXPECT_TRUE(all.may_pass(0, 0, false)) << "of another column";
        }
        uint64_t null[3] = {0, 99, 5};
        set_attribute_null(null, 1);
        EXPECT_EQ(null[2], 0u);
        EXPECT_EQ(all.test(null) == Verdict::yes, how == How::is_null);
        EXPECT_EQ(all.test(null) == Verdict::no, how != How::is_null);
    }
}

TEST(FilterAttributes, RangesThatCannotPassArePassedOver) {
    uint64_t keys[] = {10, 20, 30};
    auto may = [&](How how, uint64_t key, uint64_t low, uint64_t high, bool nulls) {
        Condition c{how, true, 0, 3, key, keys};
        return Predicate{&c, 1, false}.may_pass(low, high, nulls);
    };
    EXPECT_FALSE(may(How::equal, 5, 6, 9, true));
    EXPECT_FALSE(may(How::less, 5, 6, 9, true));
    EXPECT_FALSE(may(How::greater_equal, 10, 6, 9, true));
    EXPECT_TRUE(may(How::greater_equal, 9, 6, 9, false));
    EXPECT_FALSE(may(How::any, 0, 11, 19, true));
    EXPECT_TRUE(may(How::any, 0, 11, 20, false));
    EXPECT_FALSE(may(How::is_null, 0, 1, 2, false));
    EXPECT_TRUE(may(How::is_null, 0, 1, 2, true));
    EXPECT_FALSE(may(How::not_null, 0, 2, 1, true)) << "only NULLs";
    EXPECT_FALSE(may(How::equal, 5, ~0ull, 0, true)) << "only NULLs";
    EXPECT_FALSE((Predicate{nullptr, 0, true}.may_pass(0, ~0ull, true)));
    const uint64_t row[2] = {};
    EXPECT_EQ((Predicate{nullptr, 0, true}.test(row)), Verdict::no);
    EXPECT_EQ((Predicate{}.test(row)), Verdict::yes);
}

// Many rows at a time: those that are not told no one by one.
TEST(FilterAttributes, RowsOfAPageTogether) {
    Rng rng(5);
    constexpr uint32_t kColumns = 3;
    for (int round = 0; round < 2000; ++round) {
        const uint32_t count = static_cast<uint32_t>(rng.below(200)), words = (count + 63) / 64;
        std::vector<std::vector<uint64_t>> nulls(kColumns, std::vector<uint64_t>(words)), keys(kColumns, std::vector<uint64_t>(count));
        std::vector<std::vector<uint64_t>> rows(count, std::vector<uint64_t>(attribute_words(kColumns)));
        for (uint32_t c = 0; c < kColumns; ++c)
            for (uint32_t i = 0; i < count; ++i) {
                if (rng.below(5) == 0) {
                    set_attribute_null(rows[i].data(), c);
                    nulls[c][i / 64] |= uint64_t{1} << (i % 64);
                } else {
                    set_attribute(rows[i].data(), c, rng.below(8));
                }
                keys[c][i] = attribute_key(rows[i].data(), c);
            }
        std::vector<Condition> conditions(rng.below(4));
        const uint64_t some[] = {1, 3, 6};
        for (Condition &condition : conditions) {
            condition = Condition{static_cast<How>(rng.below(8)), rng.below(2) == 0, static_cast<uint16_t>(rng.below(kColumns)),
                                  static_cast<uint32_t>(rng.below(4)), rng.below(8), some};
        }
        const Predicate predicate{conditions.data(), static_cast<uint32_t>(conditions.size()), rng.below(20) == 0};
        std::vector<uint64_t> found(words, 0xABCD);
        const uint32_t number = find_rows(predicate, count, [&](uint32_t c) { return ColumnOfRows{nulls[c].data(), keys[c].data()}; }, found.data());
        uint32_t expected = 0;
        for (uint32_t i = 0; i < count; ++i) {
            const Verdict verdict = predicate.test(rows[i].data());
            expected += verdict != Verdict::no;
            ASSERT_EQ((found[i / 64] >> (i % 64) & 1) != 0, verdict != Verdict::no) << round << " " << i;
            ASSERT_TRUE(verdict != Verdict::maybe || !predicate.exact());
        }
        ASSERT_EQ(number, expected);
        if (count % 64 != 0) {
            ASSERT_EQ(found[words - 1] >> (count % 64), 0u);
        }
    }
}

} // namespace
} // namespace vecx::filter
