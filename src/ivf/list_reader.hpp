// Reads a list row by row, in the form that RowEncoder writes: for VACUUM, which moves rows, and for the checker.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstring>

#include "ivf/postings.hpp"
#include "kernels/convert.hpp"

namespace vecx::ivf {

template <ListStore S>
class ListReader {
  public:
    // Memory: three pages and a row. `book` must outlive the reader.
    ListReader(S &store, Arena &arena, const Shape &shape, const quant::Codebook &book)
        : store_(&store), shape_(shape), book_(&book), page_(arena.make_array<uint8_t>(shape.body_size)), codes_(arena.make_array<uint8_t>(shape.body_size)),
          vectors_(arena.make_array<uint8_t>(shape.body_size)), row_(arena.make_array<uint8_t>(shape.row_size())) {}

    // The list from `first` up to, but without, the page `stop` (none: to its end).
    void start(uint32_t list, Link first, Link stop) {
        list_ = list;
        next_ = first;
        stop_ = stop;
        at_ = count_ = 0;
        pages_ = 0;
        codes_page_ = vectors_page_ = Link{};
    }

    // The next living row; `row` is good until the next call. Locks single pages, shared.
    Status next(HeapTid *tid, const uint8_t **row, bool *found) {
        for (;;) {
            const PostingsView view = view_postings(page_, shape_);
            while (at_ < count_ && view.tids()[at_].offset == 0)
                ++at_;
            if (at_ < count_) {
                *tid = view.tids()[at_];
                VECX_TRY(gather(view, at_++));
                *row = row_;
                *found = true;
                return Status{};
            }
            if (next_.none() || next_ == stop_) {
                *found = false;
                return Status{};
            }
            store_->poll();
            constexpr uint32_t kShort = 256; // pages; counting the relation's is a call of the system
            if (++pages_ > kShort && pages_ > store_->block_count())
                return fault_status(next_.block, "chain of pages runs in a circle");
            const Link at = next_;
            VECX_TRY(copy(at, page_, [&](const PageView &page) {
                const PostingsHead *head;
                const char *fault = postings_fault(page, shape_, at, list_, &head);
                if (fault == nullptr) {
                    next_ = head->page.next;
                    count_ = head->count;
                }
                return fault;
            }));
            at_ = 0;
        }
    }

  private:
    template <class F>
    Status copy(Link at, uint8_t *out, F fault_of) {
        const char *fault = nullptr;
        VECX_TRY(store_->read(at.block, [&](const PageView &page) {
            fault = fault_of(page);
            if (fault == nullptr)
                memcpy(out, page.body, page.size);
        }));
        return fault == nullptr ? Status{} : fault_status(at.block, fault);
    }
    // The page with a record of the row, in `body`.
    Status cold(PageKind kind, Link link, uint32_t end, Link *now, uint8_t *body) {
        if (link != *now) {
            VECX_TRY(copy(link, body, [&](const PageView &page) { return cold_page_fault(page, kind, link, list_); }));
            *now = link;
        }
        if (end > reinterpret_cast<const PageHead *>(body)->low)
            return fault_status(link.block, "record lies beyond the end of its page");
        return Status{};
    }

    Status gather(const PostingsView &view, uint32_t at) {
        RowHead head{};
        uint8_t *payload = row_ + (row_payload(shape_, row_) - row_);
        if (shape_.coded()) {
            head.factors = view.factors(at);
            head.factors.length = row_length(shape_, view, at, *book_);
            view.copy_code(at, row_ + sizeof(RowHead));
        } else {
            memcpy(payload, view.payload(at), shape_.payload_size);
        }
        if (shape_.codes_rows > 0) {
            const Place place = code_place(shape_, view.head(), at);
            VECX_TRY(cold(PageKind::codes, view.codes()[place.page], place.offset + shape_.fine_size(), &codes_page_, codes_));
            FineHead fine;
            memcpy(&fine, codes_ + place.offset, sizeof fine);
            head.factors.fine_add = fine.add;
            head.factors.fine_mul = fine.mul;
            head.factors.fine_error = fine.error;
            memcpy(row_ + sizeof(RowHead) + shape_.near_code_size(), codes_ + place.offset + sizeof fine, shape_.planes_size());
        }
        if (shape_.vectors_rows > 0) {
            const Place place = vector_place(shape_, view.head(), at);
            VECX_TRY(cold(PageKind::vectors, view.vectors()[place.page], place.offset + shape_.payload_size, &vectors_page_, vectors_));
            memcpy(payload, vectors_ + place.offset, shape_.payload_size);
        }
        if (shape_.attributes > 0)
            view.copy_attributes(at, reinterpret_cast<uint64_t *>(row_ + row_attributes_offset(shape_)));
        memcpy(row_, &head, sizeof head);
        return Status{};
    }

    S *store_;
    Shape shape_;
    const quant::Codebook *book_;
    uint8_t *page_, *codes_, *vectors_, *row_;
    uint32_t list_ = 0, at_ = 0, count_ = 0, pages_ = 0;
    Link next_{}, stop_{}, codes_page_{}, vectors_page_{};
};

} // namespace vecx::ivf
