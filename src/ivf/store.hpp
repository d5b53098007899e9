// The seam between the inverted file and its pages. The shell implements ListStore over the buffer manager and generic
// WAL (src/pg/ivf/store.hpp), the unit tests over an array in memory (test/unit/ivf_store.hpp).
#pragma once

#include <concepts>
#include <cstdint>

#include "base/status.hpp"
#include "hnsw/layout.hpp"
#include "types/distance.hpp"

namespace vecx::ivf {

using hnsw::HeapTid;
using hnsw::kInvalidBlock;

// The part of a page that belongs to the core: all of it behind PostgreSQL's page header. A page that was never initialised
// reads as zeroes.
struct PageView {
    const uint8_t *body;
    uint32_t size; // BLCKSZ - 24, the same for every page of an index
    uint32_t block;
};

struct MutablePage {
    uint8_t *body;
    uint32_t size;
    uint32_t block;
};

constexpr HeapTid kNoTid{0, 0, 0}; // of a row that VACUUM has removed: no heap TID has offset 0

// What the lists need of storage. Callbacks run with the page locked: they only look and copy, call no PostgreSQL
// function, and do not return to the store. An error inside PostgreSQL does not come back as a Status: it longjmps.
//
//   read(block, f)        f(const PageView &) under a share lock. Status::corrupt when the block does not exist.
//   update(block, f)      f(MutablePage &) -> bool under an exclusive lock; true writes and WAL-logs the page as one
//                         record, false leaves it as it was. The store sets pd_lower and pd_upper from page_low() and
//                         page_high() (page.hpp) afterwards.
//   update_all(blocks, n, f)  f(MutablePage *) -> bool: the same for n (at most 4) different pages, locked in the order given and
//                         logged as ONE record. f(pages[i]) is the page of blocks[i].
//   extend(f, out)        a new page, zeroed, under an exclusive lock: f(MutablePage &) fills it; logged whole.
//   block_count()         blocks now in the relation.
//   take_free()           a block that give_free() named, or kInvalidBlock. A hint: the caller checks the page under its
//                         lock. The store forgets the block.
//   give_free(b)          block b may be used again.
//   lock_allocation(x), unlock_allocation(x)
//                         a lock of the whole index, shared or exclusive: who allocates a page holds it shared until the
//                         page can be reached; VACUUM takes it exclusively for a moment to wait for all of these.
//                         Taken with no page locked.
//   horizon()             a token for "now", never 0: the next full transaction id.
//   passed(token)         whether no snapshot, anywhere, is older than the token (GlobalVisCheckRemovableFullXid).
//   announce_reuse(token) pages that were retired at the token, or before, are about to be freed: standbys, whose snapshots
//                         passed() need not know, end their older scans first. Logged; taken with no page locked.
//   prefetch(block)       may be missing: a page that will be read soon.
//   poll()                between pages: handles cancel and, in VACUUM, its cost delay.
template <class S>
concept ListStore = requires(S &s, uint32_t block, uint32_t *out, const uint32_t *blocks, int n, uint64_t token) {
    { s.read(block, [](const PageView &) {}) } -> std::same_as<Status>;
    { s.update(block, [](MutablePage &) { return true; }) } -> std::same_as<Status>;
    { s.update_all(blocks, n, [](MutablePage *) { return true; }) } -> std::same_as<Status>;
    { s.extend([](MutablePage &) {}, out) } -> std::same_as<Status>;
    { s.block_count() } -> std::same_as<uint32_t>;
    { s.take_free() } -> std::same_as<uint32_t>;
    { s.give_free(block) };
    { s.lock_allocation(true) };
    { s.unlock_allocation(true) };
    { s.horizon() } -> std::same_as<uint64_t>;
    { s.passed(token) } -> std::same_as<bool>;
    { s.announce_reuse(token) };
    { s.poll() };
};

// Where exact distances come from when the index does not keep the vectors (rerank = heap).
//
//   distance(tid, &d, &found)   the distance that SQL shows between the query and the version of the row at `tid` that the
//                               scan's snapshot sees; found = false when it sees none: the row is left out. Called with
//                               no page of the index locked. d may be NaN (zero vectors under cosine).
template <class R>
concept RowSource = requires(R &r, HeapTid tid, double *d, bool *found) {
    { r.distance(tid, d, found) } -> std::same_as<Status>;
};

// Where VACUUM gets vectors that it moves to another list (rerank = heap).
//
//   fetch(tid, &payload, &found)  the indexed value of a row, good until the next call; found = false when the row is not
//                                 certainly there and readable: it is moved with what the codes say of it.
template <class V>
concept VectorSource = requires(V &v, HeapTid tid, Payload *payload, bool *found) {
    { v.fetch(tid, payload, found) } -> std::same_as<Status>;
};

} // namespace vecx::ivf
