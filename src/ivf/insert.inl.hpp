// insert() and append(). Included by insert.hpp only.
#pragma once

namespace vecx::ivf {

namespace detail {

// What an insert has to know of a page of postings, copied under its lock.
struct PageEnd {
    Link next, tail;
    uint16_t count, flags;
    bool full;
    uint16_t codes_count, vectors_count;
    uint32_t codes_skip, vectors_skip;
    Link last_codes, last_vectors; // the pages that the rows end in
    Place code, vector;            // of the next row
    Link code_page, vector_page;   // none: one has to be added
};

inline void look_at_end(const Shape &shape, const uint8_t *body, PageEnd *out) {
    const PostingsView view = view_postings(body, shape);
    const PostingsHead &head = view.head();
    *out = PageEnd{};
    out->next = head.page.next;
    out->tail = head.tail;
    out->count = head.count;
    out->flags = head.page.flags;
    out->full = head.count == shape.page_rows;
    out->codes_count = head.codes_count;
    out->vectors_count = head.vectors_count;
    if (shape.codes_rows > 0) {
        out->codes_skip = head.codes_skip;
        out->code = code_place(shape, head, head.count);
        out->last_codes = head.codes_count > 0 ? view.codes()[head.codes_count - 1] : Link{};
        out->code_page = out->code.page < head.codes_count ? view.codes()[out->code.page] : Link{};
    }
    if (shape.vectors_rows > 0) {
        out->vectors_skip = head.vectors_skip;
        out->vector = vector_place(shape, head, head.count);
        out->last_vectors = head.vectors_count > 0 ? view.vectors()[head.vectors_count - 1] : Link{};
        out->vector_page = out->vector.page < head.vectors_count ? view.vectors()[out->vector.page] : Link{};
    }
}

// A new last page for a list whose last page is `last`, linked if nothing has changed there. The caller holds the allocation lock.
template <ListStore S>
Status add_page(S &store, const Shape &shape, uint32_t list, uint32_t born, Link last, const PageEnd &end, Link *out) {
    *out = Link{};
    Link fresh;
    VECX_TRY(allocate(store, PageKind::postings, list, born, &fresh));
    // Its rows' codes go on where those of the last page end.
    const uint32_t codes_used = shape.codes_rows > 0 ? (end.codes_skip + end.count) % shape.codes_rows : 0;
    const uint32_t vectors_used = shape.vectors_rows > 0 ? (end.vectors_skip + end.count) % shape.vectors_rows : 0;
    if (codes_used > 0 || vectors_used > 0) {
        VECX_CRASH_SITE("ivf.insert.share_cold_pages");
        VECX_TRY(store.update(fresh.block, [&](MutablePage &page) {
            PostingsHead *head = reinterpret_cast<PostingsHead *>(page.body);
            if (codes_used > 0) {
                head->codes_skip = static_cast<uint16_t>(codes_used);
                head->codes_count = 1;
                *reinterpret_cast<Link *>(page.body + shape.codes_offset()) = end.last_codes;
            }
            if (vectors_used > 0) {
                head->vectors_skip = static_cast<uint16_t>(vectors_used);
                head->vectors_count = 1;
                *reinterpret_cast<Link *>(page.body + shape.vectors_offset()) = end.last_vectors;
            }
            return true;
        }));
    }
    bool linked = false;
    VECX_CRASH_SITE("ivf.insert.link_page");
    VECX_TRY(store.update(last.block, [&](MutablePage &page) {
        const PostingsHead *head;
        if (postings_fault(view_of(page), shape, last, list, &head) != nullptr || !head->page.next.none() ||
            head->count != end.count || (head->page.flags & kSealed) != 0)
            return false;
        page_head(page)->next = fresh;
        linked = true;
        return true;
    }));
    if (!linked)
        return free_page(store, fresh);
    *out = fresh;
    return Status{};
}

// Where a search for room begins may be behind; the hint of a list's first page is renewed by who adds a page.
template <ListStore S>
Status set_list_tail(S &store, const Shape &shape, uint32_t list, Link first, Link tail) {
    VECX_CRASH_SITE("ivf.insert.tail_hint");
    return store.update(first.block, [&](MutablePage &page) {
        const PostingsHead *head;
        if (postings_fault(view_of(page), shape, first, list, &head) != nullptr || head->page.next.none())
            return false;
        reinterpret_cast<PostingsHead *>(page.body)->tail = tail;
        return true;
    });
}

} // namespace detail

template <ListStore S>
Status append(S &store, InsertState &state, const CentroidHead &list, HeapTid tid, const uint8_t *row, bool *stale) {
    const Shape &shape = state.directory().shape();
    *stale = false;
    Link at = state.tail(list.id);
    bool hinted = !at.none();
    if (!hinted)
        at = list.first;
    for (uint64_t steps = 0;; ++steps) {
        store.poll();
        const char *fault = nullptr;
        detail::PageEnd end{};
        VECX_TRY(store.read(at.block, [&](const PageView &page) {
            const PostingsHead *head;
            fault = postings_fault(page, shape, at, list.id, &head);
            if (fault == nullptr)
                detail::look_at_end(shape, page.body, &end);
        }));
        if (fault == kGone && hinted) {
            hinted = false;
            at = list.first;
            continue;
        }
        if (fault == kGone) {
            *stale = true;
            return Status{};
        }
        if (fault != nullptr)
            return fault_status(at.block, fault);
        if (steps > 1000 && steps > store.block_count() + uint64_t{1000})
            return fault_status(at.block, "chain of pages runs in a circle");
        if (at == list.first && !end.tail.none() && !end.next.none()) {
            at = end.tail;
            hinted = true;
            continue;
        }
        if (!end.next.none()) {
            at = end.next;
            continue;
        }
        if ((end.flags & kSealed) != 0) { // the list is over: VACUUM has moved its rows
            *stale = true;
            return Status{};
        }
        const bool full = end.full;
        const bool new_codes = !full && shape.codes_rows > 0 && end.code_page.none();
        const bool new_vectors = !full && shape.vectors_rows > 0 && end.vector_page.none();
        const bool allocates = full || new_codes || new_vectors;
        uint32_t born = 0;
        if (allocates) {
            store.lock_allocation(false);
            MetaRecord meta;
            Shape same;
            VECX_TRY(read_meta(store, &meta, &same));
            born = meta.sweep;
        }
        if (full) {
            Link fresh;
            VECX_TRY(detail::add_page(store, shape, list.id, born, at, end, &fresh));
            store.unlock_allocation(false);
            if (!fresh.none()) {
                at = fresh;
                VECX_TRY(detail::set_list_tail(store, shape, list.id, list.first, fresh));
            }
            continue;
        }
        if (new_codes)
            VECX_TRY(allocate(store, PageKind::codes, list.id, born, &end.code_page));
        if (new_vectors)
            VECX_TRY(allocate(store, PageKind::vectors, list.id, born, &end.vector_page));
        uint32_t blocks[3];
        int count = 0, codes_at = 0, vectors_at = 0;
        blocks[count++] = at.block;
        if (shape.codes_rows > 0)
            blocks[codes_at = count++] = end.code_page.block;
        if (shape.vectors_rows > 0)
            blocks[vectors_at = count++] = end.vector_page.block;
        bool done = false;
        auto put = [&](MutablePage *pages) {
            const PostingsHead *head;
            fault = postings_fault(view_of(pages[0]), shape, at, list.id, &head);
            if (fault != nullptr || head->count != end.count || !head->page.next.none() || (head->page.flags & kSealed) != 0 ||
                head->codes_count != end.codes_count || head->vectors_count != end.vectors_count)
                return false;
            if (codes_at > 0 && (fault = cold_page_fault(view_of(pages[codes_at]), PageKind::codes, end.code_page, list.id)) != nullptr)
                return false;
            if (vectors_at > 0 && (fault = cold_page_fault(view_of(pages[vectors_at]), PageKind::vectors, end.vector_page, list.id)) != nullptr)
                return false;
            PostingsHead *edit = reinterpret_cast<PostingsHead *>(pages[0].body);
            if (new_codes) {
                reinterpret_cast<Link *>(pages[0].body + shape.codes_offset())[end.code.page] = end.code_page;
                edit->codes_count = static_cast<uint16_t>(end.code.page + 1);
            }
            if (new_vectors) {
                reinterpret_cast<Link *>(pages[0].body + shape.vectors_offset())[end.vector.page] = end.vector_page;
                edit->vectors_count = static_cast<uint16_t>(end.vector.page + 1);
            }
            put_row(shape, pages[0].body, tid, row);
            if (codes_at > 0)
                put_code(shape, pages[codes_at].body, end.code.offset, row);
            if (vectors_at > 0)
                put_vector(shape, pages[vectors_at].body, end.vector.offset, row);
            done = true;
            return true;
        };
        VECX_CRASH_SITE("ivf.insert.row");
        VECX_TRY(store.update_all(blocks, count, put));
        if (!done && new_codes)
            VECX_TRY(free_page(store, end.code_page));
        if (!done && new_vectors)
            VECX_TRY(free_page(store, end.vector_page));
        if (allocates)
            store.unlock_allocation(false);
        if (done) {
            state.set_tail(list.id, at);
            return Status{};
        }
        // Another row was faster, or the page is another one now: look again.
        if (fault != nullptr && fault != kGone)
            return fault_status(at.block, fault);
    }
}

template <ListStore S>
Status insert(S &store, InsertState &state, HeapTid tid, Payload payload, bool *stale, const uint64_t *attributes) {
    const Directory &directory = state.directory();
    MetaRecord meta;
    Shape shape;
    VECX_TRY(read_meta(store, &meta, &shape));
    *stale = meta.structure != directory.meta().structure;
    if (*stale)
        return Status{};
    state.encoder.place(payload);
    Directory::Found list;
    VECX_TRY(directory.nearest(store, state.encoder.rotated(), kInsertWidth, state.scratch, state.code, &list));
    state.encoder.encode(list.head, state.code, payload, state.row);
    put_row_attributes(directory.shape(), state.row, attributes);
    return append(store, state, list.head, tid, state.row, stale);
}

} // namespace vecx::ivf
