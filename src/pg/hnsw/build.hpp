// What the builds of the different layouts share.
#pragma once

#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/store.hpp"

namespace vecx::pg {

constexpr int64 kReportEvery = 128; // tuples between two reports of progress

// build.cpp
// The facts of an index about to be built, from its catalog entries; complains about options that cannot be.
IndexFacts facts_of_new(Relation index);
void write_metapage(BulkStore &store, const IndexFacts &facts);

// build_inlined.cpp: layouts inline and compact. The metapage is written; logging the fork is the caller's business.
IndexBuildResult *build_inlined(Relation heap, Relation index, IndexInfo *info, const IndexFacts &facts);

} // namespace vecx::pg
