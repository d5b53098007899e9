// For functions that look at an index from SQL.
#pragma once

#include "pg/hnsw/hnsw.hpp"

namespace vecx::pg {

// Opens and locks an index; 42809 unless it is an hnsw index of vecx with pages of its own.
Relation open_hnsw_index(Oid oid, LOCKMODE mode);

// 42501 unless the user owns the index (as its table's owner does), or may run functions that read whole tables: a member
// of pg_stat_scan_tables. Asked before any lock is. So these functions need no superuser's grant.
void require_reader_of_all(Oid index);

} // namespace vecx::pg
