#include "types/dense_binary.hpp"

#include <bit>
#include <cstring>

#include "types/dense_check.hpp"

#include "base/core_only.hpp"

namespace vecx::types {

namespace {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);

// Between the machine's byte order and the network's, either way.
float swap_bytes(float x) {
    if constexpr (std::endian::native == std::endian::big)
        return x;
    return std::bit_cast<float>(__builtin_bswap32(std::bit_cast<uint32_t>(x)));
}
uint16_t swap_bytes(uint16_t x) {
    if constexpr (std::endian::native == std::endian::big)
        return x;
    return __builtin_bswap16(x);
}
int8_t swap_bytes(int8_t x) { return x; }

uint16_t read_u16(const uint8_t *p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }

} // namespace

template <class E>
Status read_binary_header(const uint8_t *message, size_t size, int32_t *dim) {
    if (size < kBinaryHeaderSize)
        return Status::make(Code::invalid_binary, "insufficient data left in message");
    int32_t count = read_u16(message);
    VECX_TRY(check_dim<E>(count));
    if (uint16_t unused = read_u16(message + 2); unused != 0)
        return Status::make(Code::data_exception, "expected unused to be 0, not %d", unused);
    if (size != binary_size<E>(count)) {
        Status s = size < binary_size<E>(count)
                       ? Status::make(Code::invalid_binary, "insufficient data left in message")
                       : Status::make(Code::invalid_binary, "invalid binary format for type %s", E::kName);
        return s.with_detail("A value of type %s with dimension %d takes %zu bytes, not %zu.", E::kName, count,
                             binary_size<E>(count), size);
    }
    *dim = count;
    return Status{};
}

template <class E>
Status read_binary_elements(const uint8_t *message, int32_t dim, typename E::Stored *out) {
    const uint8_t *p = message + kBinaryHeaderSize;
    bool finite = true;
    for (int32_t i = 0; i < dim; ++i) {
        typename E::Stored x;
        memcpy(&x, p + static_cast<size_t>(i) * sizeof x, sizeof x);
        x = swap_bytes(x);
        finite &= E::is_finite(x);
        out[i] = x;
    }
    if (!finite)
        for (int32_t i = 0; i < dim; ++i)
            if (!E::is_finite(out[i]))
                return refuse_element<E>(E::widen(out[i]));
    return Status{};
}

template <class E>
void write_binary(const typename E::Stored *x, int32_t dim, uint8_t *out) {
    out[0] = static_cast<uint8_t>(dim >> 8);
    out[1] = static_cast<uint8_t>(dim);
    out[2] = out[3] = 0;
    uint8_t *p = out + kBinaryHeaderSize;
    for (int32_t i = 0; i < dim; ++i) {
        typename E::Stored swapped = swap_bytes(x[i]);
        memcpy(p + static_cast<size_t>(i) * sizeof swapped, &swapped, sizeof swapped);
    }
}

template Status read_binary_header<F32>(const uint8_t *, size_t, int32_t *);
template Status read_binary_header<F16>(const uint8_t *, size_t, int32_t *);
template Status read_binary_header<BF16>(const uint8_t *, size_t, int32_t *);
template Status read_binary_header<I8>(const uint8_t *, size_t, int32_t *);

template Status read_binary_elements<F32>(const uint8_t *, int32_t, float *);
template Status read_binary_elements<F16>(const uint8_t *, int32_t, uint16_t *);
template Status read_binary_elements<BF16>(const uint8_t *, int32_t, uint16_t *);
template Status read_binary_elements<I8>(const uint8_t *, int32_t, int8_t *);

template void write_binary<F32>(const float *, int32_t, uint8_t *);
template void write_binary<F16>(const uint16_t *, int32_t, uint8_t *);
template void write_binary<BF16>(const uint16_t *, int32_t, uint8_t *);
template void write_binary<I8>(const int8_t *, int32_t, uint8_t *);

} // namespace vecx::types
