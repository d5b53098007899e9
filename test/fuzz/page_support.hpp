// What the fuzz targets of index pages share: memory that is checked and bounded, and what an operation may end with.
#pragma once

#include <cstdlib>
#include <vector>

#include "../unit/memory_store.hpp"
#include "base/arena.hpp"
#include "base/status.hpp"
#include "types/distance.hpp"

namespace vecx::fuzz {

// Each allocation is its own, so that the address sanitizer sees every byte beyond it; nothing that pages say asks for
// much; what is released was allocated.
struct FuzzArena {
    static constexpr size_t kMost = size_t{64} << 20;

    FuzzArena() : arena{allocate, release, this} {}
    ~FuzzArena() {
        for (void *p : live)
            free(p);
    }
    FuzzArena(const FuzzArena &) = delete;
    FuzzArena &operator=(const FuzzArena &) = delete;

    static void *allocate(void *self, size_t bytes) {
        VECX_REQUIRE(bytes < kMost);
        void *p = malloc(bytes + 1);
        VECX_REQUIRE(p != nullptr);
        static_cast<FuzzArena *>(self)->live.push_back(p);
        return p;
    }
    static void release(void *self, void *p) {
        std::vector<void *> &live = static_cast<FuzzArena *>(self)->live;
        for (size_t i = live.size(); i-- > 0;)
            if (live[i] == p) {
                live.erase(live.begin() + static_cast<long>(i));
                free(p);
                return;
            }
        VECX_REQUIRE(!"released what was not allocated");
    }

    std::vector<void *> live;
    Arena arena;
};

inline Payload payload_of(const std::vector<uint8_t> &v) { return Payload{v.data(), static_cast<uint32_t>(v.size())}; }

// Whatever the pages, an operation ends well or calls the index damaged, and says why.
inline void require_sane(const Status &s) {
    VECX_REQUIRE(s.ok() || s.code == Code::corrupted);
    VECX_REQUIRE(s.ok() || s.message[0] != '\0');
}

} // namespace vecx::fuzz
