// The hnsw access method's shell: what its files share.
#pragma once

#include "pg/postgres.hpp"

namespace vecx::pg {

// Registers the reloptions kind and its options; called once from _PG_init.
void hnsw_define_options();

} // namespace vecx::pg
