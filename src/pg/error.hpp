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

// For input functions: true when the status is ok. Otherwise raises it or, where the caller of the function
// wants to be told instead (pg_input_is_valid, COPY ... ON_ERROR), records it and returns false; the function
// then returns any value.
bool accept(const Status &status, FunctionCallInfo fcinfo);

} // namespace vecx::pg
