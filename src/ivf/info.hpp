// What vecx_index_info tells of an ivf index.
#pragma once

#include "ivf/directory.hpp"

namespace vecx::ivf {

struct Info {
    MetaRecord meta;
    Shape shape;
    uint64_t rows, dead;          // on pages of postings in reach
    uint64_t posting_pages, code_pages, vector_pages, directory_pages, free_pages, retired_pages;
    uint64_t smallest_list, largest_list; // rows
    double row_distance2;         // mean square distance of a row and its centroid, now (0 for none)
};

// Reads every page once, under share locks.
template <ListStore S>
Status collect_info(S &store, Arena &arena, Info *out);

} // namespace vecx::ivf
