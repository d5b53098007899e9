// Numbers in the text form of the vector types: scanning, and the errors that quote what was scanned.
// Everything here takes NUL-terminated text together with its end, reads each byte at most a few times,
// and never depends on the locale other than through strtof, which PostgreSQL runs with LC_NUMERIC C.
#pragma once

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/status.hpp"

namespace vecx::types {

// The white space that SQL's own scanner knows; isspace() would ask the locale.
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

inline const char *skip_spaces(const char *p) {
    while (is_space(*p))
        ++p;
    return p;
}

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Appends the digits at `p` to the number in *sum, modulo 2^64; returns where they end. Where eight bytes are
// there to be read, eight digits are taken at once: a chain of multiplications by ten is what costs most.
inline const char *scan_digits(const char *p, const char *end, uint64_t *sum) {
    if constexpr (std::endian::native == std::endian::little) {
        while (end - p >= 8) {
            uint64_t word; // the first digit is its lowest byte
            memcpy(&word, p, sizeof word);
            // '0' to '9' are 0x30 to 0x39: the high half of each byte is 3, and still is with 6 added.
            constexpr uint64_t kHigh = 0xF0F0F0F0F0F0F0F0u, kThrees = 0x3030303030303030u;
            if ((word & kHigh) != kThrees || ((word + 0x0606060606060606u) & kHigh) != kThrees)
                break;
            word -= kThrees;
            word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FFu;      // four pairs
            word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFFu;    // two fours
            word = (word * 10000 + (word >> 32)) & 0x00000000FFFFFFFFu; // eight
            *sum = *sum * 100000000u + word;
            p += 8;
        }
    }
    while (is_digit(*p))
        *sum = *sum * 10 + static_cast<uint64_t>(*p++ - '0');
    return p;
}

enum class Scan : uint8_t {
    ok,
    none,     // no number here
    overflow, // a number too large for the type; `next` is behind it
};

// Slow and exact: all that strtof takes (a sign, hexadecimal, inf, nan, any number of digits).
inline Scan scan_float_slowly(const char *p, float *value, const char **next) {
    char *stop;
    errno = 0;
    *value = strtof(p, &stop);
    *next = stop;
    if (stop == p)
        return Scan::none;
    return errno == ERANGE && std::isinf(*value) ? Scan::overflow : Scan::ok;
}

// Reads the float at `p` exactly as strtof does; a number too small for a float is rounded, not refused.
// NaN and infinity that are spelled out are `ok`: the caller refuses them. (std::from_chars for floats would
// make vecx.so need libstdc++, for the few numbers that the quick way leaves.)
//
// Up to 19 significant digits with a small exponent take the quick way (after Clinger, "How to read floating
// point numbers accurately", 1990): the digits as a double, times or over a power of ten that a double has
// exactly. Both steps round, so the double is off by less than two units in its last place; rounded once
// more it gives the right float unless it lies that close to the middle between two floats.
inline Scan scan_float(const char *p, const char *end, float *value, const char **next) {
    static constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *s = p;
    bool negative = *s == '-';
    s += negative;
    const char *start = s;
    while (*s == '0')
        ++s;
    uint64_t digits = 0; // wraps around after 19 of them; not used then
    const char *significant = s;
    s = scan_digits(s, end, &digits);
    int64_t count = s - significant;
    bool any = s != start;
    int64_t exponent = 0;
    if (*s == '.') {
        const char *fraction = ++s;
        if (digits == 0)
            while (*s == '0')
                ++s;
        significant = s;
        s = scan_digits(s, end, &digits);
        count += s - significant;
        any |= s != fraction;
        exponent = fraction - s;
    }
    if (!any || count > 19 || (*s | 0x20) == 'x')
        return scan_float_slowly(p, value, next);
    if ((*s | 0x20) == 'e') {
        ++s;
        bool down = *s == '-';
        s += down || *s == '+';
        if (!is_digit(s[0]) || (is_digit(s[1]) && is_digit(s[2])))
            return scan_float_slowly(p, value, next);
        int power = *s++ - '0';
        if (is_digit(*s))
            power = power * 10 + (*s++ - '0');
        exponent += down ? -power : power;
    }
    // Within these powers every number but zero is far from where float ends, at 1e-38 and at 3e38.
    if (exponent < -22 || exponent > 19)
        return scan_float_slowly(p, value, next);
    double near = static_cast<double>(digits);
    near = exponent < 0 ? near / kPowers[-exponent] : near * kPowers[exponent];
    // A double has 29 bits more than a float.
    constexpr uint64_t kMiddle = uint64_t{1} << 28, kDoubt = 4;
    if ((std::bit_cast<uint64_t>(near) & (2 * kMiddle - 1)) - (kMiddle - kDoubt) <= 2 * kDoubt)
        return scan_float_slowly(p, value, next);
    float rounded = static_cast<float>(near);
    *value = negative ? -rounded : rounded;
    *next = s;
    return Scan::ok;
}

// Reads a decimal integer with an optional sign; `overflow` leaves `value` unset.
inline Scan scan_int64(const char *p, int64_t *value, const char **next) {
    const char *s = p;
    bool negative = *s == '-';
    s += negative || *s == '+';
    if (!is_digit(*s))
        return Scan::none;
    int64_t sum = 0;
    bool fits = true;
    for (; is_digit(*s); ++s) {
        // Summed below zero, where there is room for one more.
        fits = fits && !__builtin_mul_overflow(sum, 10, &sum) && !__builtin_sub_overflow(sum, *s - '0', &sum);
    }
    *next = s;
    if (!fits || (!negative && sum == INT64_MIN))
        return Scan::overflow;
    *value = negative ? sum : -sum;
    return Scan::ok;
}

// How much of `length` bytes of user's text an error message quotes: a bounded part that does not end
// within a multi-byte character, whose bytes all have their high bit set in every server encoding.
inline int quotable(const char *text, size_t length) {
    constexpr size_t kMost = 150;
    if (length <= kMost)
        return static_cast<int>(length);
    size_t n = kMost;
    while (n > 0 && (text[n] & 0x80) != 0 && (text[n - 1] & 0x80) != 0)
        --n;
    return static_cast<int>(n);
}

// 22P02, as PostgreSQL words it.
inline Status bad_syntax(const char *type, const char *text, size_t length) {
    int n = quotable(text, length);
    return Status::make(Code::invalid_text, "invalid input syntax for type %s: \"%.*s%s\"", type, n, text,
                        static_cast<size_t>(n) < length ? "..." : "");
}

// 22003 for the number of `length` bytes at `text`.
inline Status bad_range(const char *type, const char *text, size_t length) {
    int n = quotable(text, length);
    return Status::make(Code::out_of_range, "\"%.*s%s\" is out of range for type %s", n, text,
                        static_cast<size_t>(n) < length ? "..." : "", type);
}

} // namespace vecx::types
