// The phases of a run. Each appends its results as soon as they are complete.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "options.hpp"
#include "results.hpp"
#include "truth.hpp"

namespace vecx::bench {

// The rows [first, last) as COPY binary data: int4 id, then the vector.
std::string copy_rows(const Matrix &base, Element element, size_t first, size_t last);

// COPY and exact scans; returns the exit code.
int run_ground(const Options &options, ResultFile *results);

} // namespace vecx::bench
