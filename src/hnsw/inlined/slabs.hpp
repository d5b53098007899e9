// The slabs of a graph that one process builds alone: from its arena, up to a limit.
#pragma once

#include "hnsw/inlined/graph.hpp"

namespace vecx::hnsw::inlined {

class ArenaSlabs {
  public:
    // `vectors` bytes of them may be for stored vectors.
    ArenaSlabs(Arena &arena, size_t limit, size_t vectors = 0) : arena_(&arena), limit_(limit), vectors_(vectors) {}

    // The object must stay where it is.
    Slabs slabs() {
        return Slabs{[](void *context, Slabs::Kind kind, uint32_t, size_t bytes) {
                         return static_cast<ArenaSlabs *>(context)->take(kind, bytes);
                     },
                     this};
    }
    size_t used() const { return used_; }

  private:
    // A Graph keeps what it was given, so each piece is asked for once.
    uint8_t *take(Slabs::Kind kind, size_t bytes) {
        if (bytes > limit_ - used_ || (kind == Slabs::vectors && bytes > vectors_))
            return nullptr;
        if (kind == Slabs::vectors)
            vectors_ -= bytes;
        used_ += bytes;
        return arena_->make_array<uint8_t>(bytes);
    }

    Arena *arena_;
    size_t limit_, vectors_;
    size_t used_ = 0;
};

} // namespace vecx::hnsw::inlined
