// How many lists a scan looks at before its first row leaves.
#pragma once

#include <algorithm>
#include <cmath>

#include "cluster/neighbours.hpp"
#include "ivf/layout.hpp"
#include "pg/guc.hpp"

namespace vecx::pg {

// What an automatic scan finds at least of its nearest rows: queries of the harder kind (cluster/neighbours.hpp), in the mean,
// with a confidence of 95 % (a normal distribution's 1.645 standard errors).
constexpr uint32_t kAutoPoint = 1; // of the curve
constexpr double kAutoRecall = ivf::ProbesCurve::kRecall[kAutoPoint];
constexpr double kAutoErrors = 1.645;

// The setting; where it is auto, what reached the aimed-at recall when the index was built (cluster/neighbours.hpp).
inline uint32_t probes_of(const ListScanSettings &settings, const ivf::MetaRecord &meta) {
    uint32_t probes = settings.probes;
    if (probes == 0)
        probes = meta.auto_probes != 0 ? meta.auto_probes : static_cast<uint32_t>(std::ceil(std::sqrt(meta.lists)));
    return std::clamp<uint32_t>(probes, 1, std::max<uint32_t>(meta.lists, 1));
}

} // namespace vecx::pg
