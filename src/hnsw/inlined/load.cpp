// Coding rows. See load.hpp.
#include "hnsw/inlined/load.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "hnsw/inlined/coarse4.hpp"

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

uint64_t keyed_hash(Payload payload, const uint64_t secret[2]) {
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575ull, secret[1] ^ 0x646f72616e646f6dull, secret[0] ^ 0x6c7967656e657261ull,
                     secret[1] ^ 0x7465646279746573ull};
    auto rounds = [&](int n) {
        for (; n > 0; --n) {
            v[0] += v[1];
            v[2] += v[3];
            v[1] = std::rotl(v[1], 13) ^ v[0];
            v[3] = std::rotl(v[3], 16) ^ v[2];
            v[0] = std::rotl(v[0], 32) + v[3];
            v[2] += v[1];
            v[3] = std::rotl(v[3], 21) ^ v[0];
            v[1] = std::rotl(v[1], 17) ^ v[2];
            v[2] = std::rotl(v[2], 32);
        }
    };
    auto take = [&](uint64_t word) {
        v[3] ^= word;
        rounds(2);
        v[0] ^= word;
    };
    uint64_t word;
    uint32_t at = 0;
    for (; at + 8 <= payload.size; at += 8) {
        memcpy(&word, payload.bytes + at, 8);
        take(word);
    }
    word = 0;
    memcpy(&word, payload.bytes + at, payload.size - at);
    take(word | static_cast<uint64_t>(payload.size) << 56);
    v[2] ^= 0xFF;
    rounds(4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

RowCoder::RowCoder(const Shape &shape, const Frame &frame, int bits, Arena &arena)
    : shape_(shape), frame_(frame), row_{}, bits_(bits) {
    coarse_code_ = arena.make_array<uint8_t>(shape.rotated_dim());
    stored_ = arena.make_array<uint8_t>(stored_size(shape));
    memset(stored_, 0, stored_size(shape)); // padding behind the vector goes to disk
    value_ = arena.make_array<float>(static_cast<size_t>(shape.dim));
    rotated_ = arena.make_array<float>(shape.rotated_dim());
}

void RowCoder::code(Payload payload, const uint64_t *attributes) {
    row_.identity = keyed_hash(payload, frame_.secret);
    const uint32_t words = filter::attribute_words(shape_.attributes);
    if (words > 0) {
        uint64_t both[1 + filter::attribute_words(filter::kMostAttributes)];
        both[0] = row_.identity;
        memcpy(both + 1, attributes, words * sizeof *both);
        row_.identity = keyed_hash(Payload{reinterpret_cast<const uint8_t *>(both), (1 + words) * 8}, frame_.secret);
        memcpy(stored_ + sizeof(Spilled), attributes, shape_.attributes_size());
    }
    widen(shape_, payload, value_);
    Head head{};
    encode_own(shape_, value_, stored_ + sizeof(Spilled) + shape_.attributes_size(), &head);
    Spilled stored{head.own_scale, head.own_error, head.norm, 0, payload_hash(payload)};
    memcpy(stored_, &stored, sizeof stored);
    to_geometry(shape_, value_, head.norm, value_);
    rotate(shape_, value_, rotated_);
    for (uint32_t i = 0; i < shape_.rotated_dim(); ++i)
        rotated_[i] -= frame_.centre[i];
    row_.coarse = bits_ == 8 ? encode_coarse(shape_, rotated_, reinterpret_cast<int8_t *>(coarse_code_))
                             : encode_coarse4(rotated_, shape_.rotated_dim(), coarse_code_);
    row_.extra = 0;
    if (shape_.metric == Metric::ip) {
        float rest = frame_.bound2 - head.norm * head.norm;
        row_.extra = rest > 0 ? std::sqrt(rest) : 0.0f;
    }
}

FrameMaker::FrameMaker(const Shape &shape, Arena &arena) : shape_(shape), arena_(&arena) {
    sum_ = arena.make_array<double>(static_cast<size_t>(shape.dim));
    memset(sum_, 0, static_cast<size_t>(shape.dim) * sizeof(double));
    value_ = arena.make_array<float>(static_cast<size_t>(shape.dim));
}

void FrameMaker::add(Payload payload) {
    widen(shape_, payload, value_);
    float norm = norm_of(shape_, value_);
    if (!std::isfinite(norm))
        return;
    to_geometry(shape_, value_, norm, value_);
    for (int32_t i = 0; i < shape_.dim; ++i)
        sum_[i] += static_cast<double>(value_[i]);
    largest2_ = std::fmax(largest2_, static_cast<double>(norm) * static_cast<double>(norm));
    ++count_;
}

Frame FrameMaker::make() {
    float *mean = arena_->make_array<float>(static_cast<size_t>(shape_.dim));
    float *centre = arena_->make_array<float>(shape_.rotated_dim());
    for (int32_t i = 0; i < shape_.dim; ++i)
        mean[i] = count_ > 0 ? static_cast<float>(sum_[i] / static_cast<double>(count_)) : 0.0f;
    if (shape_.metric == Metric::cosine && !(norm_of(shape_, mean) > 0))
        mean[0] = 1; // any direction: that of nothing has none
    rotate(shape_, mean, centre);
    // Room for vectors somewhat longer than those of the sample; still longer ones count as of this length.
    // It stays finite: one vector whose square does not must not take the distances of all others with it.
    return Frame{centre, mean, static_cast<float>(std::fmin(1.2 * largest2_, static_cast<double>(__FLT_MAX__))), {}};
}

} // namespace vecx::hnsw::inlined
