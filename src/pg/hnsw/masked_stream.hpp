// Masked streams of hnsw indexes, for filtered scans (pg/filter).
#pragma once

#include "pg/filter/masked_stream.hpp"

namespace vecx::pg {

extern const MaskedStreamRoutine hnsw_masked_stream;

} // namespace vecx::pg
