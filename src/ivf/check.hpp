// The checker: every page, chain, row and centroid against the invariants of README.md. Read-only; inserts, scans and VACUUM
// may run beside it.
#pragma once

#include "ivf/directory.hpp"

namespace vecx::ivf {

struct CheckSummary {
    uint64_t pages, new_pages, free_pages, retired_pages, orphan_pages; // orphans: what a crash left; no finding
    uint64_t lists, closing_lists, branches;
    uint64_t tids, dead;
};

// Calls report(const Status &) for each thing that is wrong and goes on; an error only when it cannot go on. visit(HeapTid) for
// every row, with no page locked: for heapallindexed.
template <ListStore S, class Report, class Visit>
Status check(S &store, Arena &arena, Report report, Visit visit, CheckSummary *summary = nullptr);

} // namespace vecx::ivf
