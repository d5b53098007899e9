// The binary (send and receive) form of the dense types: uint16 dimension, uint16 zero, then the elements,
// all in network byte order; bf16vec sends the 16 bits of each element, int8vec one byte.
#pragma once

#include "base/status.hpp"
#include "types/element.hpp"

namespace vecx::types {

constexpr size_t kBinaryHeaderSize = 4;

template <class E>
constexpr size_t binary_size(int32_t dim) {
    return kBinaryHeaderSize + static_cast<size_t>(dim) * sizeof(typename E::Stored);
}

// Reads the header of a message of `size` bytes, hostile until proven otherwise, and checks that all of the
// message is there and nothing besides: 22P03 when it is not, 22000 or 54000 for a bad dimension.
template <class E>
Status read_binary_header(const uint8_t *message, size_t size, int32_t *dim);

// Reads the `dim` elements of a message whose header was read; 22000 for NaN and infinity.
template <class E>
Status read_binary_elements(const uint8_t *message, int32_t dim, typename E::Stored *out);

// Writes binary_size(dim) bytes.
template <class E>
void write_binary(const typename E::Stored *x, int32_t dim, uint8_t *out);

} // namespace vecx::types
