// Writes a whole list: pages of postings with their pages of codes and vectors. Used by a build, and by VACUUM for the lists
// it makes anew. Nobody can reach the pages before the first one is named in a directory.
#pragma once

#include <cstring>

#include "base/crash.hpp"
#include "ivf/postings.hpp"

namespace vecx::ivf {

// A list that was written.
struct ListFacts {
    Link first;
    uint64_t rows;
    double length2; // sum of |x - c|^2
    float longest;
};

// What a centroid says of its list.
inline void set_facts(CentroidHead *head, const ListFacts &facts) {
    auto bounded = [](double x) { return x < 0x1p126 ? static_cast<float>(x) : 0x1p126f; };
    head->first = facts.first;
    head->rows = facts.rows < 0xFFFFFFFFu ? static_cast<uint32_t>(facts.rows) : 0xFFFFFFFFu;
    head->radius = bounded(static_cast<double>(facts.longest) * (1 + 1e-5));
    head->spread2 = facts.rows > 0 ? bounded(facts.length2 / static_cast<double>(facts.rows)) : 0.0f;
}

template <ListStore S>
class ListWriter {
  public:
    // Memory: three pages, and the links of `ahead` pages (at most 16) that are allocated together.
    ListWriter(S &store, Arena &arena, const Shape &shape, uint32_t ahead = kMaxAhead)
        : store_(&store), shape_(shape), together_(ahead), postings_(arena.make_array<uint8_t>(shape.body_size)), codes_(arena, shape, shape.codes_rows),
          vectors_(arena, shape, shape.vectors_rows) {}

    Status start(uint32_t list, uint32_t born) {
        list_ = list;
        born_ = born;
        facts_ = ListFacts{};
        codes_.page = vectors_.page = Link{};
        codes_.used = vectors_.used = 0;
        memset(postings_, 0, shape_.body_size);
        VECX_TRY(take(&current_));
        facts_.first = current_;
        return Status{};
    }

    Status add(HeapTid tid, const uint8_t *row) {
        PostingsHead *head = this->head();
        RowHead facts;
        memcpy(&facts, row, sizeof facts);
        if (head->count == shape_.page_rows) {
            Link next;
            VECX_TRY(take(&next));
            VECX_TRY(write_postings(next, 0));
            memset(postings_, 0, shape_.body_size);
            current_ = next;
            head->codes_skip = static_cast<uint16_t>(codes_.continued(shape_.codes_rows, links(shape_.codes_offset()), &head->codes_count));
            head->vectors_skip = static_cast<uint16_t>(vectors_.continued(shape_.vectors_rows, links(shape_.vectors_offset()), &head->vectors_count));
        }
        const uint32_t at = head->count;
        if (shape_.codes_rows > 0) {
            const Place place = code_place(shape_, *head, at);
            VECX_TRY(room(codes_, PageKind::codes, place, links(shape_.codes_offset()), &head->codes_count));
            put_code(shape_, codes_.body, place.offset, row);
            ++codes_.used;
        }
        if (shape_.vectors_rows > 0) {
            const Place place = vector_place(shape_, *head, at);
            VECX_TRY(room(vectors_, PageKind::vectors, place, links(shape_.vectors_offset()), &head->vectors_count));
            put_vector(shape_, vectors_.body, place.offset, row);
            ++vectors_.used;
        }
        put_row(shape_, postings_, tid, row);
        ++facts_.rows;
        const float length = facts.factors.length;
        facts_.length2 += static_cast<double>(length) * static_cast<double>(length);
        facts_.longest = length > facts_.longest ? length : facts_.longest;
        return Status{};
    }

    // Ends the list. `next`, when not none, is the page that it goes on with; then the last page written is sealed, and `end` is
    // where to look for the end of the whole.
    Status finish(Link next, ListFacts *out, Link end = Link{}) {
        VECX_TRY(write_cold(codes_));
        VECX_TRY(write_cold(vectors_));
        VECX_TRY(write_postings(next, next.none() ? 0 : kSealed));
        const Link tail = next.none() ? current_ : end.none() ? next : end;
        if (tail != facts_.first) {
            VECX_CRASH_SITE("ivf.list.tail_hint");
            VECX_TRY(store_->update(facts_.first.block, [&](MutablePage &page) {
                reinterpret_cast<PostingsHead *>(page.body)->tail = tail;
                return true;
            }));
        }
        *out = facts_;
        return Status{};
    }

    // Gives back what was allocated ahead.
    Status end() {
        while (ahead_ > 0)
            VECX_TRY(free_page(*store_, pool_[--ahead_]));
        return Status{};
    }

  private:
    struct Cold {
        Cold(Arena &arena, const Shape &shape, uint32_t per_page) : body(per_page > 0 ? arena.make_array<uint8_t>(shape.body_size) : nullptr) {}
        uint8_t *body; // as PageHead has it
        Link page{};   // none: no page is open
        uint32_t used = 0;
        // Whether the next page of postings begins in the page that is open: its skip.
        uint32_t continued(uint32_t per_page, Link *links, uint16_t *count) const {
            if (page.none() || used == per_page)
                return 0;
            links[0] = page;
            *count = 1;
            return used;
        }
    };

    PostingsHead *head() { return reinterpret_cast<PostingsHead *>(postings_); }
    Link *links(uint32_t offset) { return reinterpret_cast<Link *>(postings_ + offset); }

    // Pages of postings lie together, so that a scan's reads are nearly sequential.
    Status take(Link *out) {
        if (ahead_ == 0) {
            for (; ahead_ < together_; ++ahead_)
                VECX_TRY(allocate(*store_, PageKind::postings, list_, born_, &pool_[together_ - 1 - ahead_]));
            store_->poll();
        }
        *out = pool_[--ahead_];
        return Status{};
    }
    // Opens another page when `place` is beyond those that there are.
    Status room(Cold &cold, PageKind kind, Place place, Link *links, uint16_t *count) {
        if (place.page < *count)
            return Status{};
        VECX_TRY(write_cold(cold));
        VECX_TRY(allocate(*store_, kind, list_, born_, &cold.page));
        memset(cold.body, 0, shape_.body_size);
        cold.used = 0;
        links[*count] = cold.page;
        ++*count;
        return Status{};
    }
    Status write_cold(const Cold &cold) {
        if (cold.page.none())
            return Status{};
        VECX_CRASH_SITE("ivf.list.cold_page");
        return store_->update(cold.page.block, [&](MutablePage &page) {
            const PageHead *head = reinterpret_cast<const PageHead *>(cold.body);
            page_head(page)->list = list_;
            if (head->low > sizeof(PageHead)) {
                page_head(page)->low = head->low;
                memcpy(page.body + sizeof(PageHead), cold.body + sizeof(PageHead), head->low - sizeof(PageHead));
            }
            return true;
        });
    }
    Status write_postings(Link next, uint16_t flags) {
        VECX_CRASH_SITE("ivf.list.postings");
        return store_->update(current_.block, [&](MutablePage &page) {
            PageHead *head = page_head(page);
            head->list = list_;
            head->born = born_;
            head->next = next;
            head->flags = flags;
            memcpy(page.body + sizeof(PageHead), postings_ + sizeof(PageHead), shape_.body_size - sizeof(PageHead));
            return true;
        });
    }

    static constexpr uint32_t kMaxAhead = 16;

    S *store_;
    Shape shape_;
    uint32_t together_;
    uint8_t *postings_; // the page in hand
    Cold codes_, vectors_;
    Link current_{};
    uint32_t list_ = 0, born_ = 0;
    ListFacts facts_{};
    Link pool_[kMaxAhead];
    uint32_t ahead_ = 0;
};

} // namespace vecx::ivf
