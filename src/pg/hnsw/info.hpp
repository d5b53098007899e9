// For functions that look at an index from SQL.
#pragma once

#include "pg/hnsw/hnsw.hpp"

namespace vecx::pg {

// Opens and locks an index; 42809 unless it is one of vecx (hnsw, ivf, ivfflat) with pages of its own.
Relation open_vecx_index(Oid oid, LOCKMODE mode);

} // namespace vecx::pg
