// Entries of the directory in memory: a head and a centroid each.
#pragma once

#include "base/array.hpp"
#include "ivf/layout.hpp"

namespace vecx::ivf::detail {

// Copies of entries of the directory, which may be read from pages only one after the other.
struct Entries {
    Entries(Arena &arena, uint32_t bytes) : heads(arena), places(arena), codes(arena), bytes_(bytes) {}
    void add(const CentroidHead &head, const int8_t *code, uint32_t place) {
        heads.push_back(head);
        places.push_back(place);
        const size_t end = codes.size();
        codes.resize_uninitialized(end + bytes_);
        memcpy(codes.data() + end, code, bytes_);
    }
    uint32_t size() const { return static_cast<uint32_t>(heads.size()); }
    const int8_t *code(uint32_t i) const { return codes.data() + size_t{i} * bytes_; }
    void give_back() {
        heads.give_back();
        places.give_back();
        codes.give_back();
    }
    Array<CentroidHead> heads;
    Array<uint32_t> places; // in the order of the directory, unless it is said otherwise
    Array<int8_t> codes;

  private:
    uint32_t bytes_;
};

} // namespace vecx::ivf::detail
