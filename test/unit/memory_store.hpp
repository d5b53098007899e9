// A NodeStore over pages in memory, for tests. It insists on the rules of src/hnsw/README.md: one page locked at
// a time, no pointer kept after the callback (each access gets its own copy, freed at its end, so that the address
// sanitizer sees one kept and any byte read beyond the page). It can log all page writes, and call a hook between
// page operations.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "hnsw/page.hpp"
#include "hnsw/store.hpp"

namespace vecx::test {

#define VECX_REQUIRE(condition)                                                        \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: violated: %s\n", __FILE__, __LINE__, #condition);  \
            abort();                                                                   \
        }                                                                              \
    } while (0)

class MemoryStore {
  public:
    using Page = std::vector<uint64_t>; // 8-byte aligned

    struct Write {
        uint32_t block;
        Page bytes;
    };

    explicit MemoryStore(uint32_t body_size = 8192 - 24) : body_size_(body_size) {}

    std::vector<Page> pages;
    std::vector<uint32_t> space; // by block: what find_space believes, in steps as of PostgreSQL's map
    std::function<void()> hook;  // called before each page operation, with no page locked
    bool logging = false;
    std::vector<Write> log;
    bool copy_pages = true;  // off: callbacks work on the page itself, for speed
    uint64_t polls_left = 0; // not 0: aborts when it has counted down, against endless loops
    uint64_t reads = 0, updates = 0, writes = 0;

    uint32_t body_size() const { return body_size_; }

    template <class F>
    Status read(uint32_t block, F f) {
        enter();
        ++reads;
        if (block >= pages.size())
            return Status::corrupt(block, "block %u does not exist", block);
        locked_ = true;
        if (copy_pages) {
            uint8_t *copy = duplicate(block);
            f(hnsw::PageView{copy, body_size_, block});
            free(copy);
        } else {
            f(hnsw::PageView{bytes(block), body_size_, block});
        }
        locked_ = false;
        return Status{};
    }

    template <class F>
    Status update(uint32_t block, F f) {
        enter();
        ++updates;
        if (block >= pages.size())
            return Status::corrupt(block, "block %u does not exist", block);
        locked_ = true;
        uint8_t *copy = duplicate(block);
        hnsw::MutablePage page{copy, body_size_, block};
        if (f(page)) {
            seal(copy);
            memcpy(bytes(block), copy, body_size_);
            note(block);
        }
        free(copy);
        locked_ = false;
        return Status{};
    }

    template <class F>
    Status extend(F f, uint32_t *out) {
        enter();
        *out = static_cast<uint32_t>(pages.size());
        pages.push_back(Page(body_size_ / 8, 0));
        note(*out); // a crash may come between the extension and the first write
        locked_ = true;
        uint8_t *copy = duplicate(*out);
        hnsw::MutablePage page{copy, body_size_, *out};
        f(page);
        seal(copy);
        memcpy(bytes(*out), copy, body_size_);
        free(copy);
        locked_ = false;
        note(*out);
        return Status{};
    }

    Status extend_run(uint32_t most, uint32_t end, uint32_t *first, uint32_t *count) {
        enter();
        *first = block_count();
        *count = *first < end && runs_left > 0 ? std::min(most, end - *first) : 0;
        runs_left -= *count > 0;
        for (uint32_t i = 0; i < *count; ++i) {
            pages.push_back(Page(body_size_ / 8, 0));
            note(*first + i);
        }
        return Status{};
    }
    void finish_run(uint32_t, uint32_t) {}
    uint32_t runs_left = UINT32_MAX; // then extend_run says that all is done

    uint32_t block_count() const { return static_cast<uint32_t>(pages.size()); }

    uint32_t find_space(uint32_t wanted) {
        VECX_REQUIRE(!locked_);
        for (size_t i = 0; i < space.size(); ++i)
            if (space[i] >= steps_up(wanted))
                return static_cast<uint32_t>(i);
        return hnsw::kInvalidBlock;
    }
    void record_space(uint32_t block, uint32_t n) { note_space(block, steps_up(n)); }
    void correct_space(uint32_t block, uint32_t n) { note_space(block, n / kSpaceStep); }

    void lock_chunk_writers(bool exclusive) {
        VECX_REQUIRE(!locked_);
        VECX_REQUIRE(!exclusive || chunk_writers_ == 0);
        chunk_writers_ += exclusive ? 1000000 : 1;
    }
    void unlock_chunk_writers(bool exclusive) {
        VECX_REQUIRE(!locked_);
        chunk_writers_ -= exclusive ? 1000000 : 1;
        VECX_REQUIRE(chunk_writers_ >= 0);
    }
    bool chunk_writers() const { return chunk_writers_ != 0; }

    void poll() {
        VECX_REQUIRE(!locked_);
        if (polls_left > 0)
            VECX_REQUIRE(--polls_left > 0);
    }

    uint8_t *bytes(uint32_t block) { return reinterpret_cast<uint8_t *>(pages[block].data()); }

    // Plays writes [0, n) of `log` over these pages: the state that a crash after them leaves.
    void play(const std::vector<Write> &writes_made, size_t n) {
        for (size_t i = 0; i < n; ++i) {
            if (writes_made[i].block >= pages.size())
                pages.resize(writes_made[i].block + 1, Page(body_size_ / 8, 0));
            pages[writes_made[i].block] = writes_made[i].bytes;
        }
    }

  private:
    static constexpr uint32_t kSpaceStep = 32;
    static uint32_t steps_up(uint32_t n) { return (n + kSpaceStep - 1) / kSpaceStep; }
    void note_space(uint32_t block, uint32_t steps) {
        VECX_REQUIRE(!locked_);
        if (space.size() <= block)
            space.resize(block + 1, 0);
        space[block] = steps;
    }
    void enter() {
        VECX_REQUIRE(!locked_);
        if (hook && hook_depth_ < 2) { // what the hook does may be interrupted too, but not without end
            ++hook_depth_;
            hook();
            --hook_depth_;
        }
    }
    uint8_t *duplicate(uint32_t block) {
        void *copy = nullptr;
        VECX_REQUIRE(posix_memalign(&copy, 8, body_size_) == 0);
        memcpy(copy, bytes(block), body_size_);
        return static_cast<uint8_t *>(copy);
    }
    // As generic WAL does: what lies between pd_lower and pd_upper is not kept.
    void seal(uint8_t *body) {
        uint32_t low = hnsw::page_low(body, body_size_), high = hnsw::page_high(body, body_size_);
        VECX_REQUIRE(low <= high && high <= body_size_);
        if (low > 0)
            memset(body + low, 0, high - low);
    }
    void note(uint32_t block) {
        ++writes;
        if (logging)
            log.push_back(Write{block, pages[block]});
    }

    uint32_t body_size_;
    int chunk_writers_ = 0;
    bool locked_ = false;
    int hook_depth_ = 0;
};
static_assert(hnsw::NodeStore<MemoryStore>);

} // namespace vecx::test
