// A ListStore over pages in memory, for tests. It insists on the rules of src/ivf/README.md: one page locked at a time (but for
// update_all), no pointer kept after the callback (each access gets its own copy, freed at its end). It can log all page
// writes, call a hook between page operations, and keep time for pages that wait to be used anew.
#pragma once

#include <set>

#include "ivf/page.hpp"
#include "memory_store.hpp"

namespace vecx::test {

class IvfStore {
  public:
    using Page = std::vector<uint64_t>;
    struct Write {
        std::vector<std::pair<uint32_t, Page>> pages; // of one record
    };

    explicit IvfStore(uint32_t body_size = 8192 - 24) : body_size_(body_size) {}

    std::vector<Page> pages;
    std::vector<uint32_t> free_blocks;
    std::function<void()> hook; // called before each page operation, with no page locked
    bool logging = false, copy_pages = true;
    std::vector<Write> log;
    uint64_t now = 1, oldest = UINT64_MAX; // the next transaction; the oldest that a snapshot holds back
    uint64_t announced = 0;                // standbys know that pages retired then are used anew
    uint64_t reads = 0, updates = 0, writes = 0;
    uint64_t polls_left = 0;

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
            f(ivf::PageView{copy, body_size_, block});
            free(copy);
        } else {
            f(ivf::PageView{bytes(block), body_size_, block});
        }
        locked_ = false;
        return Status{};
    }

    template <class F>
    Status update(uint32_t block, F f) {
        return update_all(&block, 1, [&](ivf::MutablePage *page) { return f(*page); });
    }

    template <class F>
    Status update_all(const uint32_t *blocks, int n, F f) {
        VECX_REQUIRE(n >= 1 && n <= 4);
        enter();
        ++updates;
        ivf::MutablePage copies[4];
        for (int i = 0; i < n; ++i) {
            for (int k = 0; k < i; ++k)
                VECX_REQUIRE(blocks[k] != blocks[i]);
            if (blocks[i] >= pages.size())
                return Status::corrupt(blocks[i], "block %u does not exist", blocks[i]);
        }
        for (int i = 0; i < n; ++i)
            copies[i] = ivf::MutablePage{duplicate(blocks[i]), body_size_, blocks[i]};
        locked_ = true;
        if (f(copies)) {
            Write write;
            for (int i = 0; i < n; ++i) {
                seal(copies[i].body);
                require_announced(blocks[i], copies[i].body);
                memcpy(bytes(blocks[i]), copies[i].body, body_size_);
                if (logging)
                    write.pages.emplace_back(blocks[i], pages[blocks[i]]);
            }
            ++writes;
            if (logging)
                log.push_back(std::move(write));
        }
        locked_ = false;
        for (int i = 0; i < n; ++i)
            free(copies[i].body);
        return Status{};
    }

    template <class F>
    Status extend(F f, uint32_t *out) {
        enter();
        *out = static_cast<uint32_t>(pages.size());
        pages.push_back(Page(body_size_ / 8, 0));
        if (logging) // a crash may come between the extension and the first write
            log.push_back(Write{{{*out, pages[*out]}}});
        return update(*out, [&](ivf::MutablePage &page) {
            f(page);
            return true;
        });
    }

    uint32_t block_count() const { return static_cast<uint32_t>(pages.size()); }
    uint32_t take_free() {
        VECX_REQUIRE(!locked_);
        if (free_blocks.empty())
            return ivf::kInvalidBlock;
        const uint32_t block = free_blocks.back();
        free_blocks.pop_back();
        return block;
    }
    void give_free(uint32_t block) {
        VECX_REQUIRE(!locked_);
        free_blocks.push_back(block);
    }
    void lock_allocation(bool exclusive) {
        VECX_REQUIRE(!locked_ && (!exclusive || allocators_ == 0) && allocators_ < 1000000);
        allocators_ += exclusive ? 1000000 : 1;
    }
    void unlock_allocation(bool exclusive) {
        VECX_REQUIRE(!locked_);
        allocators_ -= exclusive ? 1000000 : 1;
        VECX_REQUIRE(allocators_ >= 0);
    }
    bool allocators() const { return allocators_ != 0; }
    uint64_t horizon() const { return now; }
    bool passed(uint64_t token) const { return token < now && token < oldest; }
    void announce_reuse(uint64_t token) {
        VECX_REQUIRE(!locked_ && passed(token));
        announced = token > announced ? token : announced;
    }
    void poll() {
        VECX_REQUIRE(!locked_);
        if (polls_left > 0)
            VECX_REQUIRE(--polls_left > 0);
    }

    uint8_t *bytes(uint32_t block) { return reinterpret_cast<uint8_t *>(pages[block].data()); }

    // Plays writes [0, n) of `made` over these pages: the state that a crash after them leaves.
    void play(const std::vector<Write> &made, size_t n) {
        for (size_t i = 0; i < n; ++i)
            for (const auto &[block, page] : made[i].pages) {
                if (block >= pages.size())
                    pages.resize(block + 1, Page(body_size_ / 8, 0));
                pages[block] = page;
            }
    }

  private:
    void enter() {
        VECX_REQUIRE(!locked_);
        if (hook && hook_depth_ < 2) {
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
    // Who frees a page that scans may have been reading says so first.
    void require_announced(uint32_t block, const uint8_t *after) {
        const ivf::PageHead *old = reinterpret_cast<const ivf::PageHead *>(bytes(block));
        if (block != ivf::kMetaBlock && (old->flags & ivf::kRetired) != 0 && old->kind != static_cast<uint16_t>(ivf::PageKind::freed) &&
            reinterpret_cast<const ivf::PageHead *>(after)->kind == static_cast<uint16_t>(ivf::PageKind::freed))
            VECX_REQUIRE(announced >= old->retired);
    }
    // As generic WAL does: what lies between pd_lower and pd_upper is not kept.
    void seal(uint8_t *body) {
        const uint32_t low = ivf::page_low(body, body_size_), high = ivf::page_high(body, body_size_);
        VECX_REQUIRE(low <= high && high <= body_size_);
        if (low > 0)
            memset(body + low, 0, high - low);
    }

    uint32_t body_size_;
    int allocators_ = 0;
    bool locked_ = false;
    int hook_depth_ = 0;
};
static_assert(ivf::ListStore<IvfStore>);

} // namespace vecx::test
