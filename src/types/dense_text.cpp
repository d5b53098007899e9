#include "types/dense_text.hpp"

#include "types/dense_check.hpp"
#include "types/parse_number.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

// Up to three digits and then the end of the element: pixels, counts and quantised values are nothing else, and
// the scanners below would spend more on what they may meet than on what is there. -1: something else.
inline int short_number(const char *p, const char **next) {
    unsigned value = static_cast<unsigned char>(*p - '0');
    if (value > 9)
        return -1;
    for (int digits = 1;; ++digits) {
        char c = *++p;
        if (c == ',' || c == ']') {
            *next = p;
            return static_cast<int>(value);
        }
        if (!is_digit(c) || digits == 3)
            return -1;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
}

// Reads one element at `p` and sets `next` behind it; false when there is none that fits, and then
// refuse() says why. Two steps, because an ok Status costs more than a number.
template <class E>
bool parse_element(const char *p, const char *end, const char **next, typename E::Stored *out) {
    if (int value = short_number(p, next); value >= 0) {
        if constexpr (E::kIsFloat)
            *out = E::narrow(static_cast<float>(value));
        else
            *out = static_cast<typename E::Stored>(value);
        return E::kIsFloat || value <= INT8_MAX;
    }
    if constexpr (E::kIsFloat) {
        float value;
        if (scan_float(p, end, &value, next) != Scan::ok)
            return false;
        *out = E::narrow(value);
        return std::isfinite(E::widen(*out));
    } else {
        int64_t value;
        if (scan_int64(p, &value, next) != Scan::ok || value < INT8_MIN || value > INT8_MAX)
            return false;
        *out = static_cast<typename E::Stored>(value);
        return true;
    }
}

template <class E>
Status refuse(const char *text, size_t length, const char *p) {
    float value = 0;
    int64_t integer;
    const char *next;
    Scan scan = E::kIsFloat ? scan_float(p, text + length, &value, &next) : scan_int64(p, &integer, &next);
    if (scan == Scan::none)
        return bad_syntax(E::kName, text, length);
    if (scan == Scan::ok && !std::isfinite(value)) // spelled out
        return refuse_element<E>(value);
    return bad_range(E::kName, p, static_cast<size_t>(next - p));
}

// Appends the decimal form of a byte.
char *print_i8(int value, char *out) {
    if (value < 0) {
        *out++ = '-';
        value = -value;
    }
    if (value >= 100) {
        *out++ = '1'; // no byte reaches 200
        value -= 100;
        *out++ = static_cast<char>('0' + value / 10);
    } else if (value >= 10) {
        *out++ = static_cast<char>('0' + value / 10);
    }
    *out++ = static_cast<char>('0' + value % 10);
    return out;
}

} // namespace

template <class E>
Status parse(const char *text, size_t length, typename E::Stored *out, int32_t *dim) {
    const char *p = skip_spaces(text);
    if (*p != '[')
        return bad_syntax(E::kName, text, length).with_detail("Vector contents must start with \"[\".");
    p = skip_spaces(p + 1);
    if (*p == ']')
        return check_dim<E>(0);

    int32_t count = 0;
    for (;;) {
        if (count == kMaxDenseDim)
            return check_dim<E>(int64_t{count} + 1);
        p = skip_spaces(p);
        const char *next;
        if (!parse_element<E>(p, text + length, &next, &out[count])) [[unlikely]]
            return refuse<E>(text, length, p);
        ++count;
        p = skip_spaces(next);
        if (*p == ']')
            break;
        if (*p != ',')
            return bad_syntax(E::kName, text, length);
        ++p;
    }
    p = skip_spaces(p + 1);
    if (*p != '\0')
        return bad_syntax(E::kName, text, length).with_detail("Junk after closing right brace.");
    *dim = count;
    return Status{};
}

template <class E>
size_t print(const typename E::Stored *x, int32_t dim, FloatFormatter format, char *out) {
    char *p = out;
    *p++ = '[';
    for (int32_t i = 0; i < dim; ++i) {
        if (i > 0)
            *p++ = ',';
        if constexpr (E::kIsFloat)
            p += format(E::widen(x[i]), p);
        else
            p = print_i8(x[i], p);
    }
    *p++ = ']';
    *p = '\0';
    return static_cast<size_t>(p - out);
}

template Status parse<F32>(const char *, size_t, float *, int32_t *);
template Status parse<F16>(const char *, size_t, uint16_t *, int32_t *);
template Status parse<BF16>(const char *, size_t, uint16_t *, int32_t *);
template Status parse<I8>(const char *, size_t, int8_t *, int32_t *);

template size_t print<F32>(const float *, int32_t, FloatFormatter, char *);
template size_t print<F16>(const uint16_t *, int32_t, FloatFormatter, char *);
template size_t print<BF16>(const uint16_t *, int32_t, FloatFormatter, char *);
template size_t print<I8>(const int8_t *, int32_t, FloatFormatter, char *);

} // namespace vecx::types
