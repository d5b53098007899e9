// Options and results of a scan (stream.hpp).
#pragma once

#include "hnsw/scan.hpp"
#include "ivf/store.hpp"

namespace vecx::ivf {

using hnsw::LateRows;
using hnsw::Sorter;

struct StreamOptions {
    uint32_t probes;     // lists looked at before the first row leaves; at least 1
    uint32_t max_probes; // lists looked at in all; 0: no limit
    bool iterate;        // go on to further lists when the rows of these are used up; else the scan ends there
    size_t memory_limit; // bytes for rows that wait; beyond it they go to the sorter
    LateRows late;
};

struct StreamCounters {
    uint64_t lists;      // looked at
    uint64_t rows;       // estimated from their codes
    uint64_t fine;       // of these, from all bits
    uint64_t exact;      // distances computed from vectors
    uint64_t pages;      // read, of all kinds
    bool swept;          // the sorter was used
};

struct Row {
    HeapTid tid;
    double distance; // exact, as SQL shows it
};

} // namespace vecx::ivf
