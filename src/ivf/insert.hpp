// Inserting a row: the nearest list is found in memory, the row goes to the list's last page with one page write (two pages, one
// WAL record, where codes have a page of their own).
#pragma once

#include "ivf/directory.hpp"

namespace vecx::ivf {

// What an inserting backend keeps between rows of one statement or longer, in one arena: encoder, scratch, and where the lists
// end. Bound to one Directory, which must outlive it.
class InsertState {
  public:
    InsertState(const Directory &directory, Arena &arena);
};

// Inserts a row. `payload` must be sound for the shape. `stale` is set, and nothing was inserted, when the directory is no longer
// the index's (MetaRecord::structure): load it anew, make a new state, and call again.
template <ListStore S>
Status insert(S &store, InsertState &state, HeapTid tid, Payload payload, bool *stale);

} // namespace vecx::ivf
