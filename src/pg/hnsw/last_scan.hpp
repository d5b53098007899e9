// What the session's latest index scan did, for vecx_last_scan().
#pragma once

#include "hnsw/scan.hpp"
#include "ivf/scan.hpp"
#include "pg/postgres.hpp"

namespace vecx::pg {

const char *layout_name(hnsw::LayoutKind layout);

// A scan has begun; forgets the one before.
void begin_last_scan(Oid index, hnsw::LayoutKind layout, const hnsw::StreamOptions &options);
// It was asked for a row; `row`: it found one, which the executor is to compute the exact distance of if `recheck`.
void note_last_scan(const hnsw::StreamCounters &counters, bool row, bool recheck);

// The same of indexes with lists.
void begin_last_list_scan(Oid index, const ivf::StreamOptions &options);
void note_last_list_scan(const ivf::StreamCounters &counters, bool row);

} // namespace vecx::pg
