// A part of the table, before it is read as a whole: how many rows there are, and a random sample of them.
#include <algorithm>
#include <cmath>

#include "base/rng.hpp"
#include "cluster/sample.hpp"
#include "pg/ivf/build.hpp"

extern "C" {
#include "catalog/index.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
}

namespace vecx::pg {

namespace {

constexpr BlockNumber kEstimateBlocks = 64;
constexpr double kSpread = 2; // rows are drawn from blocks with so many times as many

struct Count {
    double rows;
};

void count_row(Relation, ItemPointer, Datum *, bool *isnull, bool, void *opaque) {
    if (!isnull[0])
        static_cast<Count *>(opaque)->rows += 1;
}

struct Sample {
    const ivf::Shape *shape;
    cluster::Reservoir reservoir;
    Rng rng;
    double chance; // of a row
    float *out;
    MemoryContext context; // reset after each row
};

void sample_row(Relation, ItemPointer, Datum *values, bool *isnull, bool, void *opaque) {
    Sample &sample = *static_cast<Sample *>(opaque);
    if (isnull[0] || sample.rng.uniform() > sample.chance)
        return;
    MemoryContext before = MemoryContextSwitchTo(sample.context);
    bool indexable;
    Payload payload = payload_of(values[0], *sample.shape, false, &indexable);
    if (indexable)
        if (const uint32_t place = sample.reservoir.offer(); place != cluster::Reservoir::kSkip)
            ivf::to_geometry(*sample.shape, payload, sample.out + size_t{place} * static_cast<uint32_t>(sample.shape->dim));
    MemoryContextSwitchTo(before);
    MemoryContextReset(sample.context);
}

// Calls `row` for the rows of `wanted` blocks at random; how many blocks there were.
BlockNumber scan_blocks(Relation heap, Relation index, IndexInfo *info, BlockNumber wanted, uint64_t seed,
                        IndexBuildCallback row, void *state) {
    BlockSamplerData sampler;
    BlockSampler_Init(&sampler, RelationGetNumberOfBlocks(heap), static_cast<int>(std::min<BlockNumber>(wanted, INT_MAX)),
                      static_cast<uint32>(mix64(seed)));
    BlockNumber scanned = 0;
    for (; BlockSampler_HasMore(&sampler); ++scanned) {
        CHECK_FOR_INTERRUPTS();
        table_index_build_range_scan(heap, index, info, false, false, false, BlockSampler_Next(&sampler), 1, row, state, nullptr);
    }
    return scanned;
}

} // namespace

TableEstimate estimate_rows(Relation heap, Relation index, IndexInfo *info) {
    Count count{0};
    const BlockNumber scanned = scan_blocks(heap, index, info, kEstimateBlocks, 0, count_row, &count);
    if (scanned == 0)
        return {0, 0};
    const double each = count.rows / scanned;
    return {each * RelationGetNumberOfBlocks(heap), each};
}

uint32_t sample_rows(Relation heap, Relation index, IndexInfo *info, const ivf::Shape &shape, const TableEstimate &estimate,
                     uint32_t wanted, uint64_t seed, float *out) {
    const BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    if (wanted == 0 || blocks == 0)
        return 0;
    double from = estimate.block_rows > 0 ? std::ceil(kSpread * wanted / estimate.block_rows) : blocks;
    from = std::clamp<double>(from, std::min<BlockNumber>(blocks, kEstimateBlocks), blocks);
    // A little more than it takes: what is too many goes through the reservoir.
    const double expected = estimate.block_rows * from;
    const double chance = expected > 0 ? 1.1 * wanted / expected : 1;
    Sample sample{&shape,
                  cluster::Reservoir(wanted, mix64(seed + 1)),
                  Rng(mix64(seed + 2)),
                  chance,
                  out,
                  AllocSetContextCreate(CurrentMemoryContext, "ivf build sample", ALLOCSET_DEFAULT_SIZES)};
    scan_blocks(heap, index, info, static_cast<BlockNumber>(from), seed, sample_row, &sample);
    MemoryContextDelete(sample.context);
    return sample.reservoir.size();
}

} // namespace vecx::pg
