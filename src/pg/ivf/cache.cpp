#include "pg/ivf/cache.hpp"

#include <new>

#include "pg/error.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

constexpr int kEntries = 16;
CachedIndex *entries[kEntries];
uint64 clock_now = 0;

void free_entry(CachedIndex *entry) {
    MemoryContext context = entry->context;
    MemoryContextDelete(context); // with the entry
}

void end_use(void *argument) {
    CachedIndex *entry = static_cast<CachedIndex *>(argument);
    if (--entry->users == 0 && entry->outdated)
        free_entry(entry);
}

void begin_use(CachedIndex *entry, MemoryContext user) {
    MemoryContextCallback *callback =
        static_cast<MemoryContextCallback *>(MemoryContextAlloc(user, sizeof(MemoryContextCallback)));
    callback->func = end_use;
    callback->arg = entry;
    ++entry->users;
    MemoryContextRegisterResetCallback(user, callback);
}

CachedIndex *load(Relation index, ListPageStore &store, const ivf::MetaRecord &meta, const ivf::Shape &shape) {
    // Below the caller's context until it is complete: an error frees it.
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf directory", ALLOCSET_DEFAULT_SIZES);
    CachedIndex *entry = static_cast<CachedIndex *>(MemoryContextAllocZero(context, sizeof(CachedIndex)));
    entry->index = RelationGetRelid(index);
    entry->file = file_number(index);
    entry->context = context;
    entry->arena = arena_over(context);
    entry->directory =
        new (MemoryContextAlloc(context, sizeof(ivf::Directory))) ivf::Directory(entry->arena);
    check(entry->directory->load(store, meta, shape, static_cast<size_t>(work_mem) * 1024), RelationGetRelationName(index));
    MemoryContextSetParent(context, CacheMemoryContext);
    return entry;
}

} // namespace

void forget_cached(CachedIndex *entry) {
    for (CachedIndex *&known : entries)
        if (known == entry)
            known = nullptr;
    entry->outdated = true;
    if (entry->users == 0)
        free_entry(entry);
}

CachedIndex *cached_index(Relation index, ListPageStore &store, MemoryContext user) {
    ivf::MetaRecord meta;
    ivf::Shape shape;
    check(ivf::read_meta(store, &meta, &shape), RelationGetRelationName(index));
    CachedIndex *found = nullptr;
    for (CachedIndex *known : entries)
        if (known != nullptr && known->index == RelationGetRelid(index)) {
            found = known;
            break;
        }
    if (found != nullptr && (found->file != file_number(index) || found->directory->meta().structure != meta.structure)) {
        forget_cached(found);
        found = nullptr;
    }
    if (found == nullptr) {
        found = load(index, store, meta, shape);
        int place = 0; // a free one, else the one that was not used for the longest time
        for (int i = 0; i < kEntries; ++i) {
            if (entries[i] == nullptr) {
                place = i;
                break;
            }
            if (entries[i]->used < entries[place]->used)
                place = i;
        }
        if (entries[place] != nullptr)
            forget_cached(entries[place]);
        entries[place] = found;
    }
    found->used = ++clock_now;
    if (user != nullptr)
        begin_use(found, user);
    return found;
}

} // namespace vecx::pg
