// Masked streams of ivf and ivfflat indexes, for filtered scans (pg/filter).
#pragma once

#include "pg/filter/masked_stream.hpp"
#include "pg/postgres.hpp"

namespace vecx::pg {

extern const MaskedStreamRoutine ivf_masked_stream;

// How many lists are looked at first, when rows up to this rank by distance are wanted of an index whose `probes` are for the ten
// nearest: README.md of src/pg/filter, "Lists".
uint32_t masked_probes(uint32_t probes, uint32_t lists, double rank);

} // namespace vecx::pg
