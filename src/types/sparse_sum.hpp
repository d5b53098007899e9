// The running sum behind avg(sparsevec), in double.
#pragma once

#include "base/array.hpp"
#include "types/sparse.hpp"

namespace vecx::types {

// Sums for every index that any value had, zero sums included. Lives in the arena of its arrays.
struct SparseSum {
    explicit SparseSum(Arena &arena) : indices(arena), sums(arena) {}

    int64_t count = 0; // values added
    int32_t dim = 0;   // of the first value; 0 before it
    Array<int32_t> indices;
    Array<double> sums;
};

// Fails when the dimensions differ, or when more than kMaxSparseNnz indices have come together: no
// sparsevec can hold the result. The sum is unchanged then.
Status add_to_sum(SparseSum *sum, const SparseVector &v);
Status add_to_sum(SparseSum *sum, const SparseSum &other);

// The mean of the values; `out` has room for sum.indices.size(), and sum.count is not 0.
void average_of_sum(const SparseSum &sum, SparseBuilder *out);

} // namespace vecx::types
