// A uniform sample of a stream of unknown length (Vitter, "Random sampling with a reservoir", 1985, algorithm R).
#pragma once

#include <cstdint>

#include "base/rng.hpp"

namespace vecx::cluster {

class Reservoir {
  public:
    static constexpr uint32_t kSkip = UINT32_MAX;

    Reservoir(uint32_t capacity, uint64_t seed) : capacity_(capacity), rng_(seed) {}

    // The place that the next item of the stream takes, in which it replaces what may be there; kSkip: it is not taken.
    uint32_t offer() {
        if (seen_++ < capacity_)
            return static_cast<uint32_t>(seen_ - 1);
        const uint64_t place = rng_.below(seen_);
        return place < capacity_ ? static_cast<uint32_t>(place) : kSkip;
    }

    uint64_t seen() const { return seen_; }
    uint32_t size() const { return seen_ < capacity_ ? static_cast<uint32_t>(seen_) : capacity_; }

  private:
    uint32_t capacity_;
    uint64_t seen_ = 0;
    Rng rng_;
};

} // namespace vecx::cluster
