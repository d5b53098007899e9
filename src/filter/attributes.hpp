// Scalar columns that a vector index stores beside its vectors, and conditions on them that are tested there, before any row
// of the table is read.
//
// A value becomes a key of 64 bits. Where the type allows, keys have the order of the values. A column is *exact* when equal
// keys mean equal values; otherwise (a numeric, the first bytes of a uuid, the hash of a text) equal keys say nothing, and
// the caller tests the condition again. On disk: the functions that make keys must never change.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace vecx::filter {

constexpr uint32_t kMostAttributes = 31; // PostgreSQL's 32 key columns, less the vector

// The columns of a row: a word with a bit for each that is NULL, then a key for each (0 for a NULL).
constexpr uint32_t attribute_words(uint32_t columns) { return columns == 0 ? 0 : columns + 1; }
constexpr uint32_t attribute_bytes(uint32_t columns) { return 8 * attribute_words(columns); }
inline bool attribute_is_null(const uint64_t *row, uint32_t column) { return (row[0] >> column & 1) != 0; }
inline uint64_t attribute_key(const uint64_t *row, uint32_t column) { return row[1 + column]; }
inline void set_attribute(uint64_t *row, uint32_t column, uint64_t key) { row[1 + column] = key; }
inline void set_attribute_null(uint64_t *row, uint32_t column) {
    row[0] |= uint64_t{1} << column;
    row[1 + column] = 0;
}

inline uint64_t key_of_integer(int64_t value) { return static_cast<uint64_t>(value) ^ (uint64_t{1} << 63); }

// Zeroes are equal, NaNs are equal and above all others, as PostgreSQL has it.
inline uint64_t key_of_float(double value) {
    if (value != value)
        return ~uint64_t{0};
    const uint64_t bits = std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
    return (bits >> 63) != 0 ? ~bits : bits | uint64_t{1} << 63;
}

// The first eight of some bytes, which are compared as unsigned.
inline uint64_t key_of_bytes(const uint8_t *bytes) {
    uint64_t key = 0;
    for (int i = 0; i < 8; ++i)
        key = key << 8 | bytes[i];
    return key;
}

enum class Verdict : uint8_t { no, maybe, yes };

struct Condition {
    enum class How : uint8_t { less, less_equal, equal, greater_equal, greater, any, is_null, not_null };

    How how;
    bool exact;      // the column is
    uint16_t column; // from 0: the first one behind the vector
    uint32_t count;          // of `keys`
    uint64_t key;            // but for any, is_null and not_null
    const uint64_t *keys;    // any: ascending

    Verdict test(const uint64_t *row) const {
        const bool null = attribute_is_null(row, column);
        if (how == How::is_null)
            return null ? Verdict::yes : Verdict::no;
        if (null)
            return Verdict::no;
        const uint64_t value = attribute_key(row, column);
        const Verdict same = exact ? Verdict::yes : Verdict::maybe;
        switch (how) {
        case How::not_null:
            return Verdict::yes;
        case How::equal:
            return value == key ? same : Verdict::no;
        case How::any:
            return std::binary_search(keys, keys + count, value) ? same : Verdict::no;
        case How::less_equal:
        case How::less:
            if (value == key && (how == How::less_equal || !exact))
                return same;
            return value < key ? Verdict::yes : Verdict::no;
        case How::greater_equal:
        case How::greater:
            if (value == key && (how == How::greater_equal || !exact))
                return same;
            return value > key ? Verdict::yes : Verdict::no;
        case How::is_null:
            break;
        }
        return Verdict::no;
    }

    // Whether a row may pass whose key in the column lies from `low` to `high`, or, if `nulls`, is NULL. An empty range
    // (low > high) has only NULLs.
    bool may_pass(uint64_t low, uint64_t high, bool nulls) const {
        if (how == How::is_null)
            return nulls;
        if (low > high)
            return false;
        switch (how) {
        case How::equal:
            return low <= key && key <= high;
        case How::any: {
            const uint64_t *at = std::lower_bound(keys, keys + count, low);
            return at != keys + count && *at <= high;
        }
        case How::less:
        case How::less_equal:
            return low <= key;
        case How::greater:
        case How::greater_equal:
            return high >= key;
        case How::not_null:
        case How::is_null:
            break;
        }
        return true;
    }
};

// All conditions of a scan: a row must pass each. The conditions are the caller's, and live as long as this.
struct Predicate {
    const Condition *conditions = nullptr;
    uint32_t count = 0;
    bool never = false; // one of them is true of no row at all

    Verdict test(const uint64_t *row) const {
        Verdict all = never ? Verdict::no : Verdict::yes;
        for (uint32_t i = 0; i < count && all != Verdict::no; ++i)
            all = std::min(all, conditions[i].test(row));
        return all;
    }
    // Whether no verdict is maybe.
    bool exact() const {
        bool all = true;
        for (uint32_t i = 0; i < count; ++i)
            all = all && conditions[i].exact;
        return all;
    }
    // Of rows whose first column lies in a range, as above.
    bool may_pass(uint64_t low, uint64_t high, bool nulls) const {
        bool may = !never;
        for (uint32_t i = 0; i < count && may; ++i)
            may = conditions[i].column != 0 || conditions[i].may_pass(low, high, nulls);
        return may;
    }
};

} // namespace vecx::filter
