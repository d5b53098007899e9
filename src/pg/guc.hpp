// Settings, all defined in guc.cpp in alphabetical order.
#pragma once

namespace vecx::pg {

// hnsw.iterative_scan, as in pgvector; see src/hnsw/README.md for what each means here.
enum IterativeScan { kIterativeOff = 0, kIterativeRelaxed = 1, kIterativeStrict = 2 };

int hnsw_ef_search();
IterativeScan hnsw_iterative_scan();
int hnsw_max_scan_tuples(); // -1: no limit
double hnsw_scan_mem_multiplier();

// What a scan of an index with lists is told.
struct ListScanSettings {
    unsigned probes; // 0: auto
    unsigned max_probes;
    IterativeScan iterative;
};
ListScanSettings ivf_settings();
ListScanSettings ivfflat_settings();
int ivf_seed(); // of clusterings

bool skip_unused_distance(); // vecx.skip_unused_distance; see plan_unused_distance.cpp

bool enable_bitmap_filter(); // vecx.enable_bitmap_filter

// vecx.filter_strategy: pg/filter/README.md
enum FilterStrategy { kFilterAuto = 0, kFilterExact = 1, kFilterIndex = 2, kFilterStream = 3 };
FilterStrategy filter_strategy();

void define_settings();

} // namespace vecx::pg
