// VACUUM: rows leave their pages; lists that lost or gained much are written anew; pages are recycled.
#pragma once

#include <algorithm>

#include "base/crash.hpp"
#include "ivf/rearrange.hpp"

namespace vecx::ivf {

// ambulkdelete: removes the rows for which dead(HeapTid) -> bool; it is called with no page locked.
template <ListStore S, class Dead>
Status bulk_delete(S &store, Arena &arena, Dead dead, VacuumCounters *counters) {
    *counters = VacuumCounters{};
    MetaRecord meta;
    Shape shape;
    VECX_TRY(read_meta(store, &meta, &shape));
    HeapTid *tids = arena.make_array<HeapTid>(shape.page_rows);
    bool *gone = arena.make_array<bool>(shape.page_rows);
    // Rows that come while this runs are not dead; those that were there are on pages that were there.
    for (uint32_t block = 1, blocks = store.block_count(); block < blocks; ++block) {
        store.poll();
        const char *fault = nullptr;
        uint32_t count = 0;
        Link self{};
        uint32_t list = 0;
        VECX_TRY(store.read(block, [&](const PageView &page) {
            fault = page_fault(page);
            if (fault != nullptr || page_is_new(page))
                return;
            const PageHead *head = page_head(page);
            if (head->kind != static_cast<uint16_t>(PageKind::postings) || (head->flags & kRetired) != 0)
                return;
            self = Link{block, head->life};
            list = head->list;
            const PostingsHead *postings;
            fault = postings_fault(page, shape, self, list, &postings);
            if (fault != nullptr)
                return;
            count = postings->count;
            memcpy(tids, view_postings(page.body, shape).tids(), count * sizeof(HeapTid));
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
        uint32_t removed = 0;
        for (uint32_t i = 0; i < count; ++i) {
            const bool there = tids[i].offset != 0;
            gone[i] = there && dead(tids[i]);
            removed += gone[i];
            counters->left += there && !gone[i];
        }
        if (removed == 0)
            continue;
        VECX_CRASH_SITE("ivf.vacuum.remove_rows");
        VECX_TRY(store.update(block, [&](MutablePage &page) {
            const PostingsHead *postings;
            fault = postings_fault(view_of(page), shape, self, list, &postings);
            if (fault != nullptr)
                return false;
            const HeapTid *now = view_postings(page.body, shape).tids();
            for (uint32_t i = 0; i < count; ++i)
                if (gone[i] && i < postings->count && now[i] == tids[i])
                    remove_row(shape, page.body, i);
            return true;
        }));
        if (fault != nullptr && fault != kGone)
            return fault_status(block, fault);
        counters->removed += removed;
    }
    counters->pages = store.block_count();
    arena.give_back(tids);
    arena.give_back(gone);
    return Status{};
}

namespace detail {

// Retires what is out of reach, frees what was retired and can be read by nobody any more.
template <ListStore S>
Status sweep(S &store, const BlockSet &reached, uint32_t number, VacuumCounters *counters) {
    for (uint32_t block = 1; block < reached.blocks(); ++block) {
        store.poll();
        if (reached.has(block))
            continue;
        const char *fault = nullptr;
        bool fresh = false, free = false, retire = false, release = false;
        uint64_t since = 0;
        Link self{};
        VECX_TRY(store.read(block, [&](const PageView &page) {
            fresh = page_is_new(page);
            fault = page_fault(page);
            if (fresh || fault != nullptr)
                return;
            const PageHead *head = page_head(page);
            self = Link{block, head->life};
            free = head->kind == static_cast<uint16_t>(PageKind::freed);
            if (free || head->born == number)
                return;
            retire = (head->flags & kRetired) == 0;
            since = head->retired;
            release = !retire && store.passed(since);
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
        if (fresh || free) {
            ++counters->free_pages;
            store.give_free(block);
        } else if (release) {
            ++counters->free_pages;
            store.announce_reuse(since);
            VECX_CRASH_POINT("ivf.vacuum.reuse_announced");
            VECX_TRY(free_page(store, self));
        } else if (retire) {
            ++counters->retired_pages;
            const uint64_t token = store.horizon();
            VECX_CRASH_SITE("ivf.vacuum.retire");
            VECX_TRY(store.update(block, [&](MutablePage &page) {
                PageHead *head = page_head(page);
                if (page_fault(view_of(page)) != nullptr || head->life != self.life)
                    return false;
                head->flags |= kRetired;
                head->retired = token;
                return true;
            }));
        } else {
            ++counters->retired_pages;
        }
    }
    return Status{};
}

} // namespace detail

// amvacuumcleanup, after any number of bulk_delete calls; one at a time. Moves the rows of lists that a former VACUUM has closed,
// packs lists with many removed rows, clusters anew those that have grown or whose rows are farther away than they were, gives
// the new lists what their neighbours have of theirs, retires and frees pages. `memory_limit` is for sorting and clustering; below a few MB splits wait.
template <ListStore S, VectorSource V>
Status clean_up(S &store, Arena &arena, V &vectors, size_t memory_limit, VacuumCounters *counters) {
    // From here on who allocates a page says that it is younger than what is looked at below; those who began before are
    // waited for.
    uint32_t number = 0;
    VECX_TRY(update_meta(store, [&](MetaRecord &meta) { number = ++meta.sweep; }));
    store.lock_allocation(true);
    const uint32_t blocks = store.block_count();
    store.unlock_allocation(true);
    uint32_t first_new = 0;
    bool known = false; // reached: what can be reached from the directory that there is in the end
    BlockSet reached(arena, blocks);
    for (Pass pass : {Pass::drain, Pass::change, Pass::settle}) {
        if (pass == Pass::settle && known)
            break; // no list is new
        Directory directory(arena);
        VECX_TRY(detail::load_now(store, memory_limit / 4, &directory));
        if (pass == Pass::change)
            first_new = directory.meta().next_list;
        bool changed = false;
        reached.clear();
        VECX_TRY(detail::rearrange(store, arena, directory, vectors, memory_limit, pass, first_new, &reached, &changed, counters));
        known = pass == Pass::change && !changed;
        directory.give_back();
    }
    if (!known) {
        Directory directory(arena);
        VECX_TRY(detail::load_now(store, memory_limit / 4, &directory));
        reached.clear();
        counters->left = 0;
        VECX_TRY(survey(store, arena, directory, [&](uint32_t, const CentroidHead &, const int8_t *, const ListSurvey &now) {
            counters->left += now.rows;
            return Status{};
        }, [&](Link link, PageKind) { reached.add(link.block); }));
        directory.give_back();
    }
    VECX_CRASH_POINT("ivf.vacuum.reshaped");
    VECX_TRY(detail::sweep(store, reached, number, counters));
    counters->pages = store.block_count();
    return Status{};
}

} // namespace vecx::ivf
