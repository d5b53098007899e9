// What vecx_index_info and vecx_index_stats say of an index with lists: columns that it shares with hnsw's, and its own.
#pragma once

#include "pg/ivf/ivf.hpp"

namespace vecx::pg {

constexpr int kInfoColumns = 19;
constexpr int kStatsColumns = 7;

void ivf_index_info(Relation index, Datum *values, bool *nulls);
void ivf_index_stats(Relation index, Datum *values, bool *nulls);

} // namespace vecx::pg
