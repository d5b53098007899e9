// Who computes: the processes that run one clustering together, or one alone. All of them call the same functions with the
// same arguments and memory; each takes its slice of the work. Results do not depend on how many there are.
#pragma once

#include <cstdint>

#include "base/arena.hpp"

namespace vecx::cluster {

struct Team {
    static constexpr uint32_t kMostMembers = 64;

    uint32_t members = 1;
    uint32_t rank = 0; // 0 does what is not worth sharing
    void *context = nullptr;
    void (*poll)(void *context) = nullptr;    // often; may not return, by longjmp
    void (*barrier)(void *context) = nullptr; // returns when all members have called it; not called with one member
    void (*progress)(void *context, uint64_t done, uint64_t total) = nullptr; // of rank 0 only

    bool leads() const { return rank == 0; }
    void check() const {
        if (poll != nullptr)
            poll(context);
    }
    void meet() const {
        if (members > 1)
            barrier(context);
    }
    void report(uint64_t done, uint64_t total) const {
        if (leads() && progress != nullptr)
            progress(context, done, total);
    }
    // A member alone with a part of the work.
    Team alone() const {
        Team team = *this;
        team.members = 1;
        team.rank = 0;
        team.progress = nullptr;
        return team;
    }
    uint32_t slice_begin(uint32_t n) const { return static_cast<uint32_t>(uint64_t{n} * rank / members); }
    uint32_t slice_end(uint32_t n) const { return static_cast<uint32_t>(uint64_t{n} * (rank + 1) / members); }
};

} // namespace vecx::cluster
