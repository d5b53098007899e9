// Numbers in the text form of the vector types: scanning, and the errors that quote what was scanned.
// Everything here takes NUL-terminated text together with its end, reads each byte at most a few times,
// and never depends on the locale other than through strtof, which PostgreSQL runs with LC_NUMERIC C.
#pragma once

#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

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

enum class Scan : uint8_t {
    ok,
    none,     // no number here
    overflow, // a number too large for the type; `next` is behind it
};

// What follows is slow and exact: any form that strtof takes (sign, hexadecimal, inf, nan), rounded once.
inline Scan scan_float_slowly(const char *p, const char *end, float *value, const char **next) {
    const char *digits = *p == '-' ? p + 1 : p;
    if ((is_digit(digits[0]) && (digits[1] | 0x20) != 'x') || (digits[0] == '.' && is_digit(digits[1]))) {
        auto [stop, error] = std::from_chars(p, end, *value);
        if (error == std::errc()) {
            *next = stop;
            return Scan::ok;
        }
    }
    char *stop;
    errno = 0;
    *value = strtof(p, &stop);
    *next = stop;
    if (stop == p)
        return Scan::none;
    return errno == ERANGE && std::isinf(*value) ? Scan::overflow : Scan::ok;
}

// Reads the float at `p` exactly as strtof does; a number too small for a float is rounded, not refused.
// NaN and infinity that are spelled out are `ok`: the caller refuses them.
//
// Up to 19 digits with a small exponent take the quick way (Clinger, "How to read floating point numbers
// accurately", 1990): an integer below 2^53 times or over a power of ten up to 10^22 is one correctly
// rounded double operation. Rounding that double to float is then right too, unless the double lies
// exactly between two floats, where the digits that it lost would decide.
inline Scan scan_float(const char *p, const char *end, float *value, const char **next) {
    static constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *s = p;
    bool negative = *s == '-';
    s += negative;
    uint64_t digits = 0; // wraps around after 19 digits; not used then
    const char *start = s;
    while (is_digit(*s))
        digits = digits * 10 + static_cast<uint64_t>(*s++ - '0');
    int64_t count = s - start;
    int64_t exponent = 0;
    if (*s == '.') {
        const char *fraction = ++s;
        while (is_digit(*s))
            digits = digits * 10 + static_cast<uint64_t>(*s++ - '0');
        exponent = fraction - s;
        count -= exponent;
    }
    if (count == 0 || count > 19 || digits > (uint64_t{1} << 53) || (*s | 0x20) == 'x')
        return scan_float_slowly(p, end, value, next);
    if ((*s | 0x20) == 'e') {
        ++s;
        bool down = *s == '-';
        s += down || *s == '+';
        if (!is_digit(s[0]) || (is_digit(s[1]) && is_digit(s[2])))
            return scan_float_slowly(p, end, value, next);
        int power = *s++ - '0';
        if (is_digit(*s))
            power = power * 10 + (*s++ - '0');
        exponent += down ? -power : power;
    }
    if (exponent < -22 || exponent > 22)
        return scan_float_slowly(p, end, value, next);
    double exact = static_cast<double>(digits);
    exact = exponent < 0 ? exact / kPowers[-exponent] : exact * kPowers[exponent];
    if ((std::bit_cast<uint64_t>(exact) & 0x1FFFFFFFu) == 0x10000000u)
        return scan_float_slowly(p, end, value, next);
    float rounded = static_cast<float>(exact);
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
    while (n > 0 && (text[n] & 0x80) != 0)
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
