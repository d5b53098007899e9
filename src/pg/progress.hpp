// pg_stat_progress_create_index, in the words of an index build.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "commands/progress.h"
#include "utils/backend_progress.h"
}

namespace vecx::pg {

inline void report_phase(int64 phase) { pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase); }
inline void report_tuples_total(int64 n) { pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, n); }
inline void report_tuples_done(int64 n) { pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, n); }

inline void report_blocks(int64 done, int64 total) {
    const int index[] = {PROGRESS_SCAN_BLOCKS_TOTAL, PROGRESS_SCAN_BLOCKS_DONE};
    const int64 value[] = {total, done};
    pgstat_progress_update_multi_param(2, index, value);
}

} // namespace vecx::pg
