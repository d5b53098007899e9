#include "pg/hnsw/row_places.hpp"

#include <algorithm>
#include <new>

#include "hnsw/inlined/scorer.hpp"
#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/hnsw/store.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "executor/nodeHash.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/spccache.h"
}

namespace vecx::pg {

namespace {

// An index that filtered scans of this session have read. The places of all of them together stay below what a hash table may
// occupy.
struct Known {
    Oid index; // InvalidOid: free
    Oid file;
    double lost; // since they were learned, or at all
    uint64 used;
    MemoryContext context; // of the places; null: none
    filter::RowPlaces *places;
};

constexpr int kEntries = 16;
Known entries[kEntries];
uint64 clock_now = 0;

void forget(Known *entry) {
    MemoryContext context = entry->context;
    entry->places = nullptr;
    entry->context = nullptr;
    if (context != nullptr)
        MemoryContextDelete(context);
}

Known *entry_of(Relation index) {
    Known *oldest = &entries[0];
    for (Known &entry : entries) {
        if (entry.index == RelationGetRelid(index)) {
            if (entry.file == file_number(index)) {
                entry.used = ++clock_now;
                return &entry;
            }
            oldest = &entry;
            break;
        }
        if (entry.used < oldest->used)
            oldest = &entry;
    }
    forget(oldest);
    *oldest = Known{RelationGetRelid(index), file_number(index), 0, ++clock_now, nullptr, nullptr};
    return oldest;
}

// Of reading the index twice: about half a microsecond a page that is cached.
double price_of(Relation index) {
    constexpr double kPage = 0.25;
    double random_page, sequential_page;
    get_tablespace_page_costs(index->rd_rel->reltablespace, &random_page, &sequential_page);
    const double pages = std::max(1.0, static_cast<double>(RelationGetNumberOfBlocks(index)));
    return pages * (kPage + sequential_page * std::max(0.0, 1 - effective_cache_size / (2 * pages)));
}

void learn(Relation index, const IndexFacts &facts, Known *entry) {
    forget(entry);
    entry->lost = 0;
    const size_t limit = get_hash_memory_limit();
    // Below the caller's context until it is complete: an error frees it.
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "places of rows in an index", ALLOCSET_DEFAULT_SIZES);
    const uint32_t slots = std::min<uint32_t>(hnsw::kMaxSlots, kBodySize / facts.shape.record_size(hnsw::inlined::kGroup) + 1);
    filter::RowPlaces *places =
        new (MemoryContextAlloc(context, sizeof(filter::RowPlaces))) filter::RowPlaces(arena_over(context), slots, limit);
    BufferAccessStrategy ring = GetAccessStrategy(BAS_BULKREAD);
    PageStore store(index, ring);
    Arena arena = arena_over(CurrentMemoryContext);
    bool found = false;
    check(hnsw::inlined::find_places(store, arena, facts.shape, kBodySize, places, &found), RelationGetRelationName(index));
    FreeAccessStrategy(ring);
    if (!found) {
        MemoryContextDelete(context);
        entry->lost = -HUGE_VAL; // not to be tried again
        return;
    }
    size_t sum = places->bytes();
    for (const Known &other : entries)
        sum += other.places != nullptr ? other.places->bytes() : 0;
    while (sum > limit) { // those that have not been used for the longest time go
        Known *oldest = nullptr;
        for (Known &other : entries)
            if (other.places != nullptr && (oldest == nullptr || other.used < oldest->used))
                oldest = &other;
        if (oldest == nullptr)
            break;
        sum -= oldest->places->bytes();
        forget(oldest);
    }
    MemoryContextSetParent(context, CacheMemoryContext);
    entry->context = context;
    entry->places = places;
}

} // namespace

const filter::RowPlaces *row_places(Relation index, const IndexFacts &facts, double saved) {
    Known *entry = entry_of(index);
    if (entry->places == nullptr)
        entry->lost += saved;
    if (entry->lost > 0 && entry->lost >= price_of(index))
        learn(index, facts, entry);
    return entry->places;
}

bool knows_row_places(Relation index) {
    for (const Known &entry : entries)
        if (entry.index == RelationGetRelid(index) && entry.file == file_number(index))
            return entry.places != nullptr;
    return false;
}

void row_places_missed(Relation index, double lost) {
    entry_of(index)->lost += lost;
}

} // namespace vecx::pg
