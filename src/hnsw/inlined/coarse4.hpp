// Coarse codes of half the size, for builds whose memory does not suffice for the 8 bits of codec.hpp: 4 bits a
// coordinate, -7 to 7. Byte i has coordinate i in its low half and coordinate i + n / 2 in its high half.
#pragma once

#include "hnsw/inlined/codec.hpp"

namespace vecx::hnsw::inlined {

// `n` is a multiple of 64; `code` has n / 2 bytes.
Coarse encode_coarse4(const float *rotated, uint32_t n, uint8_t *code);
void unpack_coarse4(const uint8_t *code, uint32_t n, int8_t *out);

// A coarse code of 8 bits, or an unpacked one, back where it was: out = scale * code + centre.
void place_coarse(float scale, const int8_t *code, const float *centre, uint32_t n, float *out);

} // namespace vecx::hnsw::inlined
