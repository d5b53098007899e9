// The slabs of a graph that one process builds alone: from its arena, up to a limit.
#pragma once

#include "hnsw/inlined/graph.hpp"

namespace vecx::hnsw::inlined {

class ArenaSlabs {
  public:
    ArenaSlabs(Arena &arena, size_t limit) : arena_(&arena), limit_(limit) {}

    // The object must stay where it is.
    Slabs slabs() {
        return Slabs{[](void *context, Slabs::Kind, uint32_t, size_t bytes) {
                         return static_cast<ArenaSlabs *>(context)->take(bytes);
                     },
                     this};
    }
    size_t used() const { return used_; }

  private:
    // A Graph keeps what it was given, so each piece is asked for once.
    uint8_t *take(size_t bytes) {
        if (bytes > limit_ - used_)
            return nullptr;
        used_ += bytes;
        return arena_->make_array<uint8_t>(bytes);
    }

    Arena *arena_;
    size_t limit_;
    size_t used_ = 0;
};

} // namespace vecx::hnsw::inlined
