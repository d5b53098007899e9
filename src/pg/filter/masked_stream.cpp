#include "pg/filter/masked_stream.hpp"

#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/masked_stream.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/masked_stream.hpp"

namespace vecx::pg {

const MaskedStreamRoutine *masked_stream_routine(const void *cost_estimate) {
    if (cost_estimate == reinterpret_cast<const void *>(hnsw_cost_estimate))
        return &hnsw_masked_stream;
    if (cost_estimate == reinterpret_cast<const void *>(ivf_cost_estimate))
        return &ivf_masked_stream;
    return nullptr;
}

} // namespace vecx::pg
