// Core errors become PostgreSQL errors here.
#pragma once

#include "base/status.hpp"
#include "pg/postgres.hpp"

namespace vecx::pg {

// Raises the status as an ERROR with its SQLSTATE; for Code::corrupted the block number and the
// relation's name (may be null) go into the detail, with a hint to REINDEX.
[[noreturn]] void raise(const Status &status, const char *relation = nullptr);

inline void check(const Status &status, const char *relation = nullptr) {
    if (!status.ok())
        raise(status, relation);
}

} // namespace vecx::pg
