// Parallel workers for a build of the layouts inline and compact: processes, and the memory they share.
#pragma once

#include "pg/hnsw/build_load.hpp"

namespace vecx::pg {

// How many workers a build of `index` should ask for: 0 where PostgreSQL allows none. Looks at all that has to be read,
// TOAST included, where PostgreSQL looks at the table's own blocks alone.
int build_workers(Relation heap, Relation index);

struct ParallelBuild; // opaque; in the current memory context

// Starts up to `workers` of them, which load their share of the table at once, and make pages later. Null when none could be had: the
// caller goes on alone, with nothing to undo.
ParallelBuild *start_parallel_build(Relation heap, Relation index, IndexInfo *info, const BuildPlan &plan,
                                    const hnsw::inlined::Frame &frame, int workers);

// Loads the leader's share and waits for the workers. The loader's graph and files are then complete, and stay usable
// until end_parallel_build. `result` is the sum of all.
Loader *run_parallel_build(ParallelBuild *build, LoadResult *result);

// Has the workers make pages of nodes, in the order given, from `first_block` on; `log`: and log them. The caller makes its
// share itself (write_nodes), and then waits for them. Without shared memory for the order they make none.
void offer_pages(ParallelBuild *build, const uint32_t *order, uint32_t nodes, uint32_t first_block, bool log);
void wait_for_pages(ParallelBuild *build);

int parallel_participants(const ParallelBuild *build);
void end_parallel_build(ParallelBuild *build);

} // namespace vecx::pg
