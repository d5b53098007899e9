// Directories that this backend has loaded, kept from statement to statement: an insert into 1,000 lists should not read a
// megabyte of centroids first. An entry is good as long as the index has its file and its structure.
#pragma once

#include "ivf/directory.hpp"
#include "ivf/insert.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/store.hpp"

namespace vecx::pg {

struct CachedIndex {
    Oid index;
    Oid file;
    MemoryContext context; // of all that is below
    Arena arena;
    ivf::Directory *directory;
    ivf::InsertState *insert; // null until the first insert
    uint64 used;              // a clock
    int users;                // scans that are under way
    bool outdated;            // to be forgotten when the last of them ends
};

// Reads the metapage, and the directory when it is not the one that is known. The caller holds a snapshot. Good until the next
// call for any index, or, if `user` is given, until that context is reset.
CachedIndex *cached_index(Relation index, ListPageStore &store, MemoryContext user);
// Its directory is not the index's any more.
void forget_cached(CachedIndex *entry);

} // namespace vecx::pg
