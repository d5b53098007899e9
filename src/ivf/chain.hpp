// Chains of pages that hold equal entries one after the other: the mean and the directory. Written once, never changed.
#pragma once

#include <cstring>

#include "base/crash.hpp"
#include "base/arena.hpp"
#include "ivf/page.hpp"

namespace vecx::ivf {

// Entries on a page; one that is longer than a page starts on a page of its own and goes on on the next ones.
struct ChainShape {
    uint32_t entry_size;
    uint32_t room; // bytes of a page

    ChainShape(uint32_t entry_size_, uint32_t body_size) : entry_size(entry_size_), room(body_size - static_cast<uint32_t>(sizeof(PageHead))) {}
    uint32_t per_page() const { return room / entry_size; } // 0: an entry spans pages
};

// Writes one chain. The pages cannot be reached before the caller names the first.
template <ListStore S>
class ChainWriter {
  public:
    ChainWriter(S &store, Arena &arena, uint32_t body_size)
        : store_(&store), body_size_(body_size), page_(arena.make_array<uint8_t>(body_size)), shape_(1, body_size) {}

    void start(PageKind kind, uint32_t list, uint32_t born, uint32_t entry_size) {
        kind_ = kind;
        list_ = list;
        born_ = born;
        shape_ = ChainShape(entry_size, body_size_);
        first_ = current_ = Link{};
        used_ = 0;
    }
    // `where`, when not null, receives the page that the entry starts on and its offset in the body.
    Status add(const void *entry, Link *where = nullptr, uint32_t *offset = nullptr) {
        const uint8_t *bytes = static_cast<const uint8_t *>(entry);
        if (current_.none() || shape_.per_page() == 0 || used_ + shape_.entry_size > shape_.room)
            VECX_TRY(turn());
        if (where != nullptr) {
            *where = current_;
            *offset = static_cast<uint32_t>(sizeof(PageHead)) + used_;
        }
        for (uint32_t done = 0; done < shape_.entry_size;) {
            if (used_ == shape_.room)
                VECX_TRY(turn());
            const uint32_t left = shape_.entry_size - done, space = shape_.room - used_;
            const uint32_t count = left < space ? left : space;
            memcpy(page_ + used_, bytes + done, count);
            used_ += count;
            done += count;
        }
        return Status{};
    }
    // A chain has at least one page.
    Status finish(Link *first) {
        if (current_.none())
            VECX_TRY(turn());
        VECX_TRY(write(Link{}));
        *first = first_;
        return Status{};
    }

  private:
    Status turn() {
        Link fresh;
        VECX_TRY(allocate(*store_, kind_, list_, born_, &fresh));
        if (current_.none())
            first_ = fresh;
        else
            VECX_TRY(write(fresh));
        current_ = fresh;
        used_ = 0;
        return Status{};
    }
    Status write(Link next) {
        VECX_CRASH_SITE("ivf.chain.page");
        return store_->update(current_.block, [&](MutablePage &page) {
            PageHead *head = page_head(page);
            head->next = next;
            head->low = static_cast<uint16_t>(sizeof(PageHead) + used_);
            memcpy(page.body + sizeof(PageHead), page_, used_);
            return true;
        });
    }

    S *store_;
    uint32_t body_size_;
    uint8_t *page_;
    ChainShape shape_;
    PageKind kind_{};
    uint32_t list_ = 0, born_ = 0, used_ = 0;
    Link first_{}, current_{};
};

// f(const uint8_t *entry) -> bool for the entries of a chain, aligned to 8, with no page locked; false ends it. `scratch` has room for a
// page's body and an entry. `page(Link)` is told of every page.
template <ListStore S, class Pages, class F>
Status read_chain(S &store, PageKind kind, uint32_t list, Link first, uint32_t entry_size, uint32_t body_size, uint8_t *scratch,
                  Pages page_seen, F f) {
    const ChainShape shape(entry_size, body_size);
    uint8_t *whole = scratch + body_size;
    uint32_t gathered = 0, pages = 0;
    const uint32_t blocks = store.block_count();
    for (Link at = first; !at.none();) {
        store.poll();
        if (++pages > blocks)
            return fault_status(at.block, "chain of pages runs in a circle");
        const char *fault = nullptr;
        uint32_t used = 0;
        Link next{};
        VECX_TRY(store.read(at.block, [&](const PageView &page) {
            fault = chain_fault(page, kind, at, list);
            if (fault != nullptr)
                return;
            const PageHead *head = page_head(page);
            next = head->next;
            used = head->low - static_cast<uint32_t>(sizeof(PageHead));
            memcpy(scratch, page.body + sizeof(PageHead), used);
        }));
        if (fault != nullptr)
            return fault_status(at.block, fault);
        page_seen(at);
        if (shape.per_page() > 0) {
            if (used % entry_size != 0)
                return fault_status(at.block, "entries of a page are not whole");
            for (uint32_t i = 0; i < used; i += entry_size)
                if (!f(scratch + i))
                    return Status{};
        } else {
            if (gathered + used > entry_size || (used < shape.room && gathered + used != entry_size))
                return fault_status(at.block, "entry of several pages is not whole");
            memcpy(whole + gathered, scratch, used);
            gathered += used;
            if (gathered == entry_size) {
                gathered = 0;
                if (!f(whole))
                    return Status{};
            }
        }
        at = next;
    }
    if (gathered != 0)
        return fault_status(first.block, "entry of several pages is not whole");
    return Status{};
}

inline size_t chain_scratch(uint32_t entry_size, uint32_t body_size) { return static_cast<size_t>(body_size) + entry_size + 16; }

} // namespace vecx::ivf
