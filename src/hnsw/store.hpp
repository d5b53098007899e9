// The seam between the graph and its pages. The shell implements NodeStore over the buffer manager and
// generic WAL (src/pg/hnsw/store.hpp), the unit tests over an array in memory (test/unit/memory_store.hpp).
#pragma once

#include <concepts>
#include <cstdint>

#include "base/status.hpp"

namespace vecx::hnsw {

constexpr uint32_t kInvalidBlock = 0xFFFFFFFFu;

// The part of a page that belongs to the core: all of it behind PostgreSQL's page header. A page that was
// never initialised reads as zeroes.
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

// What the graph needs of storage. Callbacks run with the page locked: they only look and copy, call no
// PostgreSQL function, and do not return to the store. An error inside PostgreSQL (I/O, cancel) does not
// come back as a Status: the shell's store longjmps, which is why core frames hold nothing to destroy.
//
//   read(block, f)     f(PageView) under a share lock. Status::corrupt when the block does not exist.
//   update(block, f)   f(MutablePage) -> bool under an exclusive lock; true writes and WAL-logs the page
//                      as one record, false leaves it as it was. The store sets pd_lower and pd_upper from
//                      the PageHead afterwards.
//   extend(f, out)     a new page, zeroed, under an exclusive lock: f(MutablePage) fills it; logged whole.
//   block_count()      blocks now in the relation.
//   find_space(n)      a block that had n free bytes when last heard of, or kInvalidBlock. A hint: check.
//   record_space(b, n) remembers that block b has n free bytes, or a few more: the map counts in steps.
//   correct_space(b, n) the same, or a few less, for a block that find_space named in vain.
//   lock_chunk_writers(x), unlock_chunk_writers(x)
//                      a lock of the whole index, shared or exclusive: whoever writes a payload that spans
//                      pages holds it shared until the node that refers to it is written; VACUUM takes it
//                      exclusively for a moment to wait for all of these. Taken with no page locked.
//   prefetch(block, slot, now)  may be missing: a record that is about to be read (`now`) or probably will be soon.
//   poll()             between pages: handles cancel and, in VACUUM, its cost delay.
template <class S>
concept NodeStore = requires(S &s, uint32_t block, uint32_t *out, uint32_t bytes) {
    { s.read(block, [](const PageView &) {}) } -> std::same_as<Status>;
    { s.update(block, [](MutablePage &) { return true; }) } -> std::same_as<Status>;
    { s.extend([](MutablePage &) {}, out) } -> std::same_as<Status>;
    { s.block_count() } -> std::same_as<uint32_t>;
    { s.find_space(bytes) } -> std::same_as<uint32_t>;
    { s.record_space(block, bytes) };
    { s.correct_space(block, bytes) };
    { s.lock_chunk_writers(true) };
    { s.unlock_chunk_writers(true) };
    { s.poll() };
};

} // namespace vecx::hnsw
