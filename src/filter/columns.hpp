// Conditions on attributes that lie column by column: the rows of a page together.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "filter/attributes.hpp"

namespace vecx::filter {

// A column of some rows: a bit for each that is NULL, in words of 64 rows, and a key for each.
struct ColumnOfRows {
    const uint64_t *nulls;
    const uint64_t *keys;
};

namespace detail {

// Clears the bits of rows for which passes(key) is false.
template <class F>
void keep_rows(const uint64_t *keys, uint32_t count, uint64_t *rows, F passes) {
    for (uint32_t first = 0; first < count; first += 64) {
        uint64_t &word = rows[first / 64];
        if (word == 0)
            continue;
        const uint32_t end = std::min(first + 64, count);
        uint64_t bits = 0;
        for (uint32_t i = first; i < end; ++i)
            bits |= uint64_t{passes(keys[i])} << (i - first);
        word &= bits;
    }
}

inline void keep_rows(const Condition &condition, const ColumnOfRows &column, uint32_t count, uint64_t *rows) {
    const bool is_null = condition.how == Condition::How::is_null;
    for (uint32_t w = 0; w < (count + 63) / 64; ++w)
        rows[w] &= is_null ? column.nulls[w] : ~column.nulls[w];
    const uint64_t key = condition.key, *keys = condition.keys;
    const uint32_t keys_count = condition.count;
    // Where the column is not exact, a row whose key is the condition's may pass.
    switch (condition.how) {
    case Condition::How::less:
        if (condition.exact) {
            keep_rows(column.keys, count, rows, [key](uint64_t value) { return value < key; });
            break;
        }
        [[fallthrough]];
    case Condition::How::less_equal:
        keep_rows(column.keys, count, rows, [key](uint64_t value) { return value <= key; });
        break;
    case Condition::How::equal:
        keep_rows(column.keys, count, rows, [key](uint64_t value) { return value == key; });
        break;
    case Condition::How::greater:
        if (condition.exact) {
            keep_rows(column.keys, count, rows, [key](uint64_t value) { return value > key; });
            break;
        }
        [[fallthrough]];
    case Condition::How::greater_equal:
        keep_rows(column.keys, count, rows, [key](uint64_t value) { return value >= key; });
        break;
    case Condition::How::any:
        keep_rows(column.keys, count, rows, [keys, keys_count](uint64_t value) { return std::binary_search(keys, keys + keys_count, value); });
        break;
    case Condition::How::is_null:
    case Condition::How::not_null:
        break;
    }
}

} // namespace detail

// Sets the bit of each of `count` rows that may pass, in (count + 63) / 64 words; how many there are. A row passes where
// Predicate::test does not say no. column(c) -> ColumnOfRows.
template <class C>
uint32_t find_rows(const Predicate &predicate, uint32_t count, C column, uint64_t *rows) {
    const uint32_t words = (count + 63) / 64;
    for (uint32_t w = 0; w < words; ++w)
        rows[w] = predicate.never ? 0 : w < count / 64 ? ~uint64_t{0} : (uint64_t{1} << (count % 64)) - 1;
    for (uint32_t i = 0; i < predicate.count; ++i)
        detail::keep_rows(predicate.conditions[i], column(uint32_t{predicate.conditions[i].column}), count, rows);
    uint32_t found = 0;
    for (uint32_t w = 0; w < words; ++w)
        found += static_cast<uint32_t>(std::popcount(rows[w]));
    return found;
}

} // namespace vecx::filter
