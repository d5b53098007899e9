// What has changed on a page, as fragments of bytes: the body of PostgreSQL's generic WAL records, in which each fragment is an
// offset and a length, two bytes each, and the bytes. GenericXLogFinish compares byte by byte, which was half of the time of
// inserting a row of 128 dimensions; this compares 64 bytes at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vecx {

// A page of `size` bytes is used in [0, lower) and [upper, size); what lies between is taken for zeroes wherever it is read.
struct PageImage {
    const uint8_t *bytes;
    uint32_t lower, upper;
};

class PageDelta {
  public:
    static constexpr uint32_t kHead = 2 * sizeof(uint16_t); // of a fragment
    static constexpr uint32_t kGap = 8; // so many equal bytes end a fragment; more than a head, so a delta is hardly larger than a page
    static constexpr size_t room(uint32_t size) { return size + 4 * kHead; }

    // Writes what turns `before` into `after` to `out`, which has room(size) bytes; how many bytes it is. lower <= upper <= size <= 32768
    // for both.
    static size_t make(const PageImage &before, const PageImage &after, uint32_t size, uint8_t *out) {
        PageDelta delta{before.bytes, after.bytes, out};
        // Bytes that were free before are written whole: who replays may have others there.
        const uint32_t known_low = before.lower < after.lower ? before.lower : after.lower;
        delta.compare(0, known_low);
        delta.add(known_low, after.lower);
        const uint32_t known_high = before.upper > after.upper ? before.upper : after.upper;
        delta.add(after.upper, known_high);
        delta.compare(known_high, size);
        return delta.used_;
    }

  private:
    static constexpr uint32_t kBlock = 64;

    PageDelta(const uint8_t *before, const uint8_t *after, uint8_t *out) : before_(before), after_(after), out_(out) {}

    static bool same_block(const uint8_t *a, const uint8_t *b) {
        uint64_t x[kBlock / 8], y[kBlock / 8], differ = 0;
        memcpy(x, a, kBlock);
        memcpy(y, b, kBlock);
        for (uint32_t i = 0; i < kBlock / 8; ++i)
            differ |= x[i] ^ y[i];
        return differ == 0;
    }

    void compare(uint32_t begin, uint32_t end) {
        for (uint32_t at = begin; at < end;) {
            if (end - at >= kBlock && same_block(before_ + at, after_ + at)) {
                at += kBlock;
                continue;
            }
            if (before_[at] == after_[at]) {
                ++at;
                continue;
            }
            uint32_t last = at; // that differs
            for (uint32_t i = at + 1; i < end && i - last <= kGap; ++i)
                if (before_[i] != after_[i])
                    last = i;
            add(at, last + 1);
            at = last + 1;
        }
    }

    void add(uint32_t begin, uint32_t end) {
        if (begin >= end)
            return;
        const uint16_t head[2] = {static_cast<uint16_t>(begin), static_cast<uint16_t>(end - begin)};
        memcpy(out_ + used_, head, kHead);
        memcpy(out_ + used_ + kHead, after_ + begin, end - begin);
        used_ += kHead + (end - begin);
    }

    const uint8_t *before_, *after_;
    uint8_t *out_;
    size_t used_ = 0;
};

} // namespace vecx
