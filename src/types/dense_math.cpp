#include "types/dense_math.hpp"

#include "types/dense_check.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

// Applies `op` and rounds. The flags are gathered without a branch, so that the loops can be vectorised; which
// element it was does not matter to the message.
template <class E, bool kProduct, class Op>
Status apply(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out, Op op) {
    bool too_large = false, too_small = false;
    if constexpr (E::kIsFloat) {
        float x[kBlock], y[kBlock], rounded[kBlock];
        for (size_t i = 0; i < n; i += kBlock) {
            size_t count = n - i < kBlock ? n - i : kBlock;
            E::widen_all(a + i, x, count);
            E::widen_all(b + i, y, count);
            for (size_t j = 0; j < count; ++j)
                rounded[j] = op(x[j], y[j]);
            E::narrow_all(rounded, out + i, count);
            for (size_t j = 0; j < count; ++j)
                too_large |= !E::is_finite(out[i + j]);
            if constexpr (kProduct) {
                E::widen_all(out + i, rounded, count);
                for (size_t j = 0; j < count; ++j)
                    too_small |= (rounded[j] == 0) & (x[j] != 0) & (y[j] != 0);
            }
        }
    } else {
        for (size_t i = 0; i < n; ++i) {
            int result = op(static_cast<int>(a[i]), static_cast<int>(b[i]));
            typename E::Stored kept = static_cast<typename E::Stored>(result);
            too_large |= kept != result;
            out[i] = kept;
        }
    }
    if (too_large)
        return overflow();
    if (too_small)
        return underflow();
    return Status{};
}

} // namespace

template <class E>
Status add(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out) {
    return apply<E, false>(a, b, n, out, [](auto x, auto y) { return x + y; });
}

template <class E>
Status subtract(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out) {
    return apply<E, false>(a, b, n, out, [](auto x, auto y) { return x - y; });
}

template <class E>
Status multiply(const typename E::Stored *a, const typename E::Stored *b, size_t n, typename E::Stored *out) {
    return apply<E, true>(a, b, n, out, [](auto x, auto y) { return x * y; });
}

template <class E>
double l2_norm(const typename E::Stored *x, size_t n) {
    // Four sums, so that an addition need not wait for the one before it.
    double sums[4] = {0, 0, 0, 0};
    float block[kBlock];
    static_assert(kBlock % 4 == 0);
    for (size_t i = 0; i < n; i += kBlock) {
        size_t count = n - i < kBlock ? n - i : kBlock;
        E::widen_all(x + i, block, count);
        for (; count % 4 != 0; ++count)
            block[count] = 0;
        for (size_t j = 0; j < count; j += 4)
            for (size_t k = 0; k < 4; ++k)
                sums[k] += static_cast<double>(block[j + k]) * static_cast<double>(block[j + k]);
    }
    return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class E>
Status l2_normalize(const typename E::Stored *x, size_t n, typename E::Stored *out) {
    double norm = l2_norm<E>(x, n);
    bool too_large = false;
    float block[kBlock];
    for (size_t i = 0; i < n; i += kBlock) {
        size_t count = n - i < kBlock ? n - i : kBlock;
        E::widen_all(x + i, block, count);
        for (size_t j = 0; j < count; ++j)
            block[j] = norm > 0 ? static_cast<float>(block[j] / norm) : 0;
        E::narrow_all(block, out + i, count);
        for (size_t j = 0; j < count; ++j)
            too_large |= !E::is_finite(out[i + j]);
    }
    return too_large ? overflow() : Status{};
}

template <class E>
int compare(const typename E::Stored *a, size_t n_a, const typename E::Stored *b, size_t n_b) {
    size_t n = n_a < n_b ? n_a : n_b;
    for (size_t i = 0; i < n; ++i) {
        if (a[i] == b[i])
            continue; // the same bits, or for floats the same value
        float x = E::widen(a[i]), y = E::widen(b[i]);
        if (x < y)
            return -1;
        if (x > y)
            return 1;
    }
    return n_a < n_b ? -1 : n_a > n_b ? 1 : 0;
}

template <class E>
void binary_quantize(const typename E::Stored *x, size_t n, uint8_t *out) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        unsigned byte = 0;
        for (size_t j = 0; j < 8; ++j)
            byte |= static_cast<unsigned>(E::is_positive(x[i + j])) << (7 - j);
        out[i / 8] = static_cast<uint8_t>(byte);
    }
    if (i < n) {
        unsigned byte = 0;
        for (size_t j = 0; i + j < n; ++j)
            byte |= static_cast<unsigned>(E::is_positive(x[i + j])) << (7 - j);
        out[i / 8] = static_cast<uint8_t>(byte);
    }
}

template <class E>
Status find_span(int32_t dim, int32_t start, int32_t count, Span *span) {
    if (count < 1)
        return check_dim<E>(0);
    int64_t end = int64_t{start} + count; // one behind the last, from 1
    if (end > int64_t{dim} + 1)
        end = int64_t{dim} + 1;
    int64_t first = start < 1 ? 1 : start;
    if (end <= first)
        return check_dim<E>(0);
    *span = Span{static_cast<int32_t>(first - 1), static_cast<int32_t>(end - first)};
    return Status{};
}

#define VECX_INSTANTIATE(E)                                                                                            \
    template Status add<E>(const E::Stored *, const E::Stored *, size_t, E::Stored *);                                 \
    template Status subtract<E>(const E::Stored *, const E::Stored *, size_t, E::Stored *);                            \
    template Status multiply<E>(const E::Stored *, const E::Stored *, size_t, E::Stored *);                            \
    template double l2_norm<E>(const E::Stored *, size_t);                                                             \
    template int compare<E>(const E::Stored *, size_t, const E::Stored *, size_t);                                     \
    template void binary_quantize<E>(const E::Stored *, size_t, uint8_t *);                                            \
    template Status find_span<E>(int32_t, int32_t, int32_t, Span *);

VECX_INSTANTIATE(F32)
VECX_INSTANTIATE(F16)
VECX_INSTANTIATE(BF16)
VECX_INSTANTIATE(I8)
#undef VECX_INSTANTIATE

template Status l2_normalize<F32>(const float *, size_t, float *);
template Status l2_normalize<F16>(const uint16_t *, size_t, uint16_t *);
template Status l2_normalize<BF16>(const uint16_t *, size_t, uint16_t *);

} // namespace vecx::types
