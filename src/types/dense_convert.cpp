#include "types/dense_convert.hpp"

#include "types/dense_check.hpp"
#include "types/parse_number.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

// False when the value does not fit; refuse() says why.
template <class To>
bool narrow_one(float value, typename To::Stored *out) {
    if constexpr (To::kIsFloat) {
        *out = To::narrow(value);
        return To::is_finite(*out);
    } else {
        if (!(std::fabs(value) < 1000)) // NaN as well
            return false;
        long rounded = std::lrint(value); // to nearest, ties to even
        *out = static_cast<typename To::Stored>(rounded);
        return *out == rounded;
    }
}

template <class To>
Status refuse(float value, FloatFormatter format) {
    if (!std::isfinite(value))
        return refuse_element<To>(value);
    char text[32];
    return bad_range(To::kName, text, static_cast<size_t>(format(value, text)));
}

} // namespace

template <class To>
Status narrow_floats(const float *in, size_t n, FloatFormatter format, typename To::Stored *out) {
    if constexpr (To::kIsFloat) {
        To::narrow_all(in, out, n);
        bool fits = true;
        for (size_t i = 0; i < n; ++i)
            fits &= To::is_finite(out[i]);
        if (fits) [[likely]]
            return Status{};
    }
    for (size_t i = 0; i < n; ++i)
        if (!narrow_one<To>(in[i], &out[i])) [[unlikely]]
            return refuse<To>(in[i], format);
    return Status{};
}

template <class To>
Status narrow_doubles(const double *in, size_t n, FloatFormatter format, typename To::Stored *out) {
    for (size_t i = 0; i < n; ++i) {
        // What is rounded to an integer first is exact as a float wherever it fits a byte.
        float value = static_cast<float>(To::kIsFloat ? in[i] : std::nearbyint(in[i]));
        if (narrow_one<To>(value, &out[i])) [[likely]]
            continue;
        if (To::kIsFloat || !std::isfinite(in[i]))
            return refuse<To>(value, format);
        char text[32];
        return bad_range(To::kName, text, static_cast<size_t>(snprintf(text, sizeof text, "%.15g", in[i])));
    }
    return Status{};
}

template <class From, class To>
Status convert(const typename From::Stored *in, size_t n, FloatFormatter format, typename To::Stored *out) {
    float block[kBlock];
    for (size_t i = 0; i < n; i += kBlock) {
        size_t count = n - i < kBlock ? n - i : kBlock;
        From::widen_all(in + i, block, count);
        VECX_TRY(narrow_floats<To>(block, count, format, out + i));
    }
    return Status{};
}

template <class E>
Status accumulate(const typename E::Stored *x, size_t n, double *sums) {
    float block[kBlock];
    bool too_large = false;
    for (size_t i = 0; i < n; i += kBlock) {
        size_t count = n - i < kBlock ? n - i : kBlock;
        E::widen_all(x + i, block, count);
        for (size_t j = 0; j < count; ++j) {
            sums[i + j] += block[j];
            too_large |= std::isinf(sums[i + j]);
        }
    }
    return too_large ? overflow() : Status{};
}

Status combine_sums(const double *more, size_t n, double *sums) {
    bool too_large = false;
    for (size_t i = 0; i < n; ++i) {
        sums[i] += more[i];
        too_large |= std::isinf(sums[i]);
    }
    return too_large ? overflow() : Status{};
}

template <class To>
Status divide_sums(const double *sums, double divisor, size_t n, FloatFormatter format, typename To::Stored *out) {
    for (size_t i = 0; i < n; ++i) {
        double value = sums[i] / divisor;
        float rounded = static_cast<float>(value);
        if (!narrow_one<To>(rounded, &out[i])) [[unlikely]]
            return std::isinf(rounded) && std::isfinite(value) ? overflow() : refuse<To>(rounded, format);
    }
    return Status{};
}

template Status divide_sums<F32>(const double *, double, size_t, FloatFormatter, float *);
template Status divide_sums<F16>(const double *, double, size_t, FloatFormatter, uint16_t *);
template Status divide_sums<BF16>(const double *, double, size_t, FloatFormatter, uint16_t *);

#define VECX_INSTANTIATE(E)                                                                                            \
    template Status narrow_floats<E>(const float *, size_t, FloatFormatter, E::Stored *);                              \
    template Status narrow_doubles<E>(const double *, size_t, FloatFormatter, E::Stored *);                            \
    template Status accumulate<E>(const E::Stored *, size_t, double *);                                                \
    template Status convert<E, F32>(const E::Stored *, size_t, FloatFormatter, F32::Stored *);                         \
    template Status convert<E, F16>(const E::Stored *, size_t, FloatFormatter, F16::Stored *);                         \
    template Status convert<E, BF16>(const E::Stored *, size_t, FloatFormatter, BF16::Stored *);                       \
    template Status convert<E, I8>(const E::Stored *, size_t, FloatFormatter, I8::Stored *);

VECX_INSTANTIATE(F32)
VECX_INSTANTIATE(F16)
VECX_INSTANTIATE(BF16)
VECX_INSTANTIATE(I8)
#undef VECX_INSTANTIATE

} // namespace vecx::types
