// The text form. One pass over the literal; elements go straight to where they stay.
#include "types/sparse.hpp"

#include <algorithm>
#include <climits>

#include "types/parse_number.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

constexpr char kType[] = "sparsevec";

// Reads an integer and brings it into [least, INT_MAX]: what does not fit is refused later, by the check
// that knows what the number means.
bool scan_int32(const char *p, int32_t least, int32_t *value, const char **next) {
    // Up to nine digits cannot overflow: nearly every index.
    int32_t plain = 0;
    const char *s = p;
    for (; s - p < 9 && is_digit(*s); ++s)
        plain = plain * 10 + (*s - '0');
    if (s > p && !is_digit(*s)) {
        *value = plain;
        *next = s;
        return true;
    }
    int64_t wide = 0;
    Scan scan = scan_int64(p, &wide, next);
    if (scan == Scan::none)
        return false;
    if (scan == Scan::overflow)
        wide = *p == '-' ? INT64_MIN : INT64_MAX;
    *value = static_cast<int32_t>(std::clamp<int64_t>(wide, least, INT_MAX));
    return true;
}

// Whether a number that was read as zero is zero as written, and not one too small for a float.
bool written_as_zero(const char *number, const char *end) {
    const char *digit = *number == '-' || *number == '+' ? number + 1 : number;
    bool hexadecimal = (digit[1] | 0x20) == 'x';
    if (hexadecimal)
        digit += 2;
    for (; digit < end; ++digit) {
        char c = static_cast<char>(*digit | 0x20); // lower case; digits stay digits
        if (c == (hexadecimal ? 'p' : 'e'))
            break;
        if (is_digit(*digit) ? *digit != '0' : hexadecimal && c >= 'a' && c <= 'f')
            return false;
    }
    return true;
}

void sort_elements(Arena &scratch, SparseBuilder *out) {
    // Index and value in one word: an order of unsigned words is one of signed indices when the sign
    // bit is turned.
    int32_t n = out->nnz;
    uint64_t *words = scratch.make_array<uint64_t>(static_cast<size_t>(n));
    for (int32_t i = 0; i < n; ++i)
        words[i] = static_cast<uint64_t>(static_cast<uint32_t>(out->indices[i]) ^ 0x80000000u) << 32 |
                   std::bit_cast<uint32_t>(out->values[i]);
    std::sort(words, words + n);
    for (int32_t i = 0; i < n; ++i) {
        out->indices[i] = static_cast<int32_t>(static_cast<uint32_t>(words[i] >> 32) ^ 0x80000000u);
        out->values[i] = std::bit_cast<float>(static_cast<uint32_t>(words[i]));
    }
    scratch.give_back(words);
}

// Reads `index:value,...}` at `*at`, which stands behind the brace, and moves it behind the closing one.
// `sorted` tells whether the indices came in ascending order.
Status parse_elements(const char *text, size_t length, const char **at, SparseBuilder *out, bool *sorted) {
    const char *end = text + length;
    const char *p = skip_spaces(*at);
    *sorted = true;
    if (*p == '}') {
        *at = p + 1;
        return Status{};
    }
    int32_t previous = INT_MIN;
    for (int32_t count = 0;; ++count) {
        if (count == kMaxSparseNnz) // counts elements as written: zeros, too
            return check_sparse_nnz(count + 1, INT_MAX);

        int32_t index;
        float value;
        p = skip_spaces(p);
        if (!scan_int32(p, INT_MIN + 1, &index, &p))
            return bad_syntax(kType, text, length);
        p = skip_spaces(p);
        if (*p != ':')
            return bad_syntax(kType, text, length);
        const char *number = skip_spaces(p + 1);
        Scan scan = scan_float(number, end, &value, &p);
        if (scan == Scan::none)
            return bad_syntax(kType, text, length);
        if (scan == Scan::overflow || (value == 0 && !written_as_zero(number, p)))
            return bad_range(kType, number, static_cast<size_t>(p - number));
        VECX_TRY(check_sparse_element(value));

        if (value != 0) {
            --index; // SQL counts from 1
            *sorted = *sorted && index > previous;
            previous = index;
            out->push(index, value);
        }
        p = skip_spaces(p);
        if (*p == '}')
            break;
        if (*p != ',')
            return bad_syntax(kType, text, length);
        ++p;
    }
    *at = p + 1;
    return Status{};
}

} // namespace

int32_t sparse_text_capacity(size_t length) {
    // "1:1," is the shortest element; its comma stands for the braces of a single one.
    size_t most = length / 4;
    return static_cast<int32_t>(std::min(most, static_cast<size_t>(kMaxSparseNnz)));
}

Status parse_sparse(const char *text, size_t length, int32_t typmod, Arena &scratch, SparseBuilder *out,
                    int32_t *dim) {
    const char *p = skip_spaces(text);
    if (*p != '{')
        return bad_syntax(kType, text, length).with_detail("Vector contents must start with \"{\".");
    ++p;
    bool sorted;
    VECX_TRY(parse_elements(text, length, &p, out, &sorted));

    p = skip_spaces(p);
    if (*p != '/')
        return bad_syntax(kType, text, length).with_detail("Unexpected end of input.");
    p = skip_spaces(p + 1);
    if (!scan_int32(p, INT_MIN, dim, &p))
        return bad_syntax(kType, text, length);
    p = skip_spaces(p);
    if (*p != '\0')
        return bad_syntax(kType, text, length).with_detail("Junk after closing.");

    VECX_TRY(check_sparse_dim(*dim));
    VECX_TRY(check_sparse_expected_dim(typmod, *dim));
    if (!sorted)
        sort_elements(scratch, out);
    return check_sparse_indices(out->indices, out->nnz, *dim);
}

} // namespace vecx::types
