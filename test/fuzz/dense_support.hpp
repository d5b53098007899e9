// What the fuzz targets of the dense types share: the checks, as templates over the element trait.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "types/dense_binary.hpp"
#include "types/dense_math.hpp"
#include "types/dense_text.hpp"
#include "types/parse_number.hpp"

namespace vecx::types::fuzz {

inline void require(bool condition) {
    if (!condition)
        abort();
}

// An error has a code and words that end.
inline void require_error(const Status &s) {
    require(s.code != Code::internal && s.message[0] != '\0');
    require(memchr(s.message, 0, sizeof s.message) != nullptr &&
            memchr(s.detail, 0, sizeof s.detail) != nullptr);
}

// Enough digits to tell any float from its neighbours; PostgreSQL's own formatter needs its
// library.
inline int format_float(float value, char *out) {
    return snprintf(out, 16, "%.9g", static_cast<double>(value));
}

template <class E>
void require_value(const std::vector<typename E::Stored> &x) {
    require(!x.empty() && x.size() <= kMaxDenseDim);
    for (auto element : x)
        require(std::isfinite(E::widen(element)));
    require(compare<E>(x.data(), x.size(), x.data(), x.size()) == 0);
    // Whatever arithmetic does with the value, it does within its bounds.
    std::vector<typename E::Stored> out(x.size());
    for (auto operation : {add<E>, subtract<E>, multiply<E>})
        if (Status s = operation(x.data(), x.data(), x.size(), out.data()); !s.ok())
            require_error(s);
    std::vector<uint8_t> bits((x.size() + 7) / 8);
    binary_quantize<E>(x.data(), x.size(), bits.data());
}

// Wherever a number may begin, the scanner sees what strtof sees.
inline void compare_with_strtof(const std::string &text) {
    const char *end = text.c_str() + text.size();
    for (const char *p = text.c_str(); p < end; ++p) {
        if (is_space(*p) ||
            (p > text.c_str() && is_digit(p[-1]))) // not within a number: that would be quadratic
            continue;
        float mine = 0;
        const char *next;
        char *stop;
        Scan scan = scan_float(p, end, &mine, &next);
        float theirs = strtof(p, &stop);
        require(next == stop && (scan == Scan::none) == (stop == p));
        require(std::isnan(mine) ? std::isnan(theirs) : memcmp(&mine, &theirs, sizeof mine) == 0);
    }
}

template <class E>
int fuzz_text(const uint8_t *data, size_t size) {
    std::string text(reinterpret_cast<const char *>(data),
                     strnlen(reinterpret_cast<const char *>(data), size));
    text.shrink_to_fit(); // so that ASan sees a read behind the NUL
    compare_with_strtof(text);
    std::vector<typename E::Stored> x(kMaxDenseDim);
    int32_t dim;
    if (Status s = parse<E>(text.c_str(), text.size(), x.data(), &dim); !s.ok()) {
        require_error(s);
        return 0;
    }
    x.resize(static_cast<size_t>(dim));
    require_value<E>(x);
    auto printed = std::make_unique<char[]>(printed_size<E>(dim));
    size_t length = print<E>(x.data(), dim, format_float, printed.get());
    require(length + 1 <= printed_size<E>(dim) && strlen(printed.get()) == length);
    std::vector<typename E::Stored> again(kMaxDenseDim);
    int32_t dim_again;
    require(parse<E>(printed.get(), length, again.data(), &dim_again).ok());
    require(dim_again == dim && memcmp(again.data(), x.data(), x.size() * sizeof x[0]) == 0);
    return 0;
}

template <class E>
int fuzz_binary(const uint8_t *data, size_t size) {
    int32_t dim;
    Status s = read_binary_header<E>(data, size, &dim);
    if (s.ok()) {
        std::vector<typename E::Stored> x(static_cast<size_t>(dim));
        s = read_binary_elements<E>(data, dim, x.data());
        if (s.ok()) {
            require_value<E>(x);
            std::vector<uint8_t> sent(binary_size<E>(dim));
            write_binary<E>(x.data(), dim, sent.data());
            require(sent.size() == size && memcmp(sent.data(), data, size) == 0);
            return 0;
        }
    }
    require_error(s);
    return 0;
}

} // namespace vecx::types::fuzz
