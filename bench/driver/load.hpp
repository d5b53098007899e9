// Attributes that the driver makes for filters, and COPY data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "postgres.hpp"

namespace vecx::bench {

// Attributes take values in [0, kShareUnit).
constexpr int64_t kShareUnit = 1000000;

// One value per base row. `random` is independent of the vectors; `distance` grows with the distance from
// the set's first query, so that a filter on it is correlated with the queries near that one.
struct Attributes {
    std::vector<int32_t> random;
    std::vector<int32_t> distance;
};
Attributes make_attributes(const Dataset &set);

// The rows [first, last) as COPY binary data: int4 id, then the vector. The id is the row's number, plus `more`.
std::string copy_rows(const Matrix &base, Element element, size_t first, size_t last, size_t more = 0);

} // namespace vecx::bench
