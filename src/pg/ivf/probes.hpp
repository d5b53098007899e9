// How many lists a scan looks at before its first row leaves.
#pragma once

#include <algorithm>
#include <cmath>

#include "cluster/neighbours.hpp"
#include "ivf/layout.hpp"
#include "pg/guc.hpp"

namespace vecx::pg {

// What is measured when an index is built, with queries made from its rows, so that real ones find 0.95: README.md of src/ivf,
// "Automatic probes", says on which three sets this number was chosen.
constexpr double kAutoRecall = 0.98;
constexpr unsigned kAutoQueries = cluster::kQueries; // that it was measured with

// The setting; where it is auto, what reached the aimed-at recall when the index was built (cluster/neighbours.hpp).
inline uint32_t probes_of(const ListScanSettings &settings, const ivf::MetaRecord &meta) {
    uint32_t probes = settings.probes;
    if (probes == 0)
        probes = meta.auto_probes != 0 ? meta.auto_probes : static_cast<uint32_t>(std::ceil(std::sqrt(meta.lists)));
    return std::clamp<uint32_t>(probes, 1, std::max<uint32_t>(meta.lists, 1));
}

} // namespace vecx::pg
