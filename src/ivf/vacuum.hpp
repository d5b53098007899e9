// VACUUM: rows leave their pages; lists that lost or gained much are written anew; pages are recycled.
#pragma once

#include <algorithm>

#include "base/crash.hpp"
#include "ivf/reshaper.hpp"

namespace vecx::ivf {

struct VacuumCounters {
    uint64_t removed;    // heap TIDs by this call
    uint64_t left;       // heap TIDs that remain
    uint64_t pages;      // of the index
    uint64_t free_pages; // that can be used again
    uint64_t retired_pages; // that will be, when old scans have ended
    uint32_t lists_packed, lists_split, lists_closed;
};

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

template <ListStore S>
Status load_now(S &store, size_t memory_limit, Directory *out) {
    MetaRecord meta;
    Shape shape;
    VECX_TRY(read_meta(store, &meta, &shape));
    return out->load(store, meta, shape, memory_limit);
}

// One pass over the directory that makes a new one where there is a reason to. `drain`: closing lists go, and
// others shed rows to the lists that took their place.
template <ListStore S, VectorSource V>
Status reshape(S &store, Arena &arena, const Directory &directory, V &vectors, size_t memory_limit, bool drain, VacuumCounters *counters) {
    const Shape &shape = directory.shape();
    const MetaRecord &meta = directory.meta();
    if (drain) {
        uint32_t some = 0;
        for (uint32_t branch = 0; branch < directory.branches(); ++branch)
            VECX_TRY(directory.for_each_list(store, branch, [&](const CentroidHead &head, const int8_t *) { some += (head.flags & kClosing) != 0; }));
        if (some == 0)
            return Status{};
    }
    Array<ListSurvey> surveys(arena);
    Array<Plan> plans(arena);
    double rows = 0;
    VECX_TRY(survey(store, arena, directory, [&](uint32_t, const CentroidHead &, const int8_t *, const ListSurvey &now) {
        surveys.push_back(now);
        rows += static_cast<double>(now.rows);
        return Status{};
    }, [](Link, PageKind) {}));
    ReshapeRule rule{};
    rule.page_rows = shape.page_rows;
    rule.built_spread2 = static_cast<double>(meta.built_spread2);
    rule.may_split = shape.bits != 1 || shape.vectors_rows > 0;
    // As many rows a list as when it was built, and not fewer than a good number of lists gives.
    rule.target = std::max(std::sqrt(rows), static_cast<double>(shape.page_rows));
    if (meta.built_rows > 0)
        rule.target = std::max(rule.target, static_cast<double>(meta.built_rows) / meta.lists);
    uint32_t at = 0, changes = 0, closing = 0;
    Status planned;
    for (uint32_t branch = 0; branch < directory.branches(); ++branch)
        VECX_TRY(directory.for_each_list(store, branch, [&](const CentroidHead &head, const int8_t *) {
            if (at >= surveys.size())
                return;
            const ListSurvey &now = surveys[at++];
            Plan plan = decide(rule, head, now);
            if ((plan.fate == Fate::drain) != drain)
                plan.fate = drain && rule.may_split && may_have_strays(head, now) ? Fate::shed : Fate::keep;
            closing += plan.fate == Fate::drain;
            changes += plan.fate != Fate::keep;
            plans.push_back(plan);
        }));
    if (at != surveys.size() || at != meta.lists)
        return fault_status(meta.root.block, "number of lists is not as in the metapage");
    // The last list that takes rows cannot close.
    if (changes == 0 || closing == meta.lists)
        return Status{};

    Reshaper<S, V> reshaper(store, arena, directory, vectors, memory_limit);
    if (drain) {
        // Copied first: to place their rows the directory is read.
        Array<CentroidHead> heads(arena);
        Array<int8_t> codes(arena);
        Array<uint32_t> places(arena);
        at = 0;
        for (uint32_t branch = 0; branch < directory.branches(); ++branch)
            VECX_TRY(directory.for_each_list(store, branch, [&](const CentroidHead &head, const int8_t *code) {
                Plan &plan = plans[at++];
                if (plan.fate == Fate::shed && codes.size() > memory_limit / 4)
                    plan.fate = Fate::keep; // another time
                if (plan.fate == Fate::keep)
                    return;
                heads.push_back(head);
                places.push_back(at - 1);
                const size_t end = codes.size();
                codes.resize_uninitialized(end + shape.centroid_dim());
                memcpy(codes.data() + end, code, shape.centroid_dim());
            }));
        for (Fate fate : {Fate::drain, Fate::shed})
            for (uint32_t i = 0; i < heads.size(); ++i) {
                Plan &plan = plans[places[i]];
                const int8_t *code = codes.data() + size_t{i} * shape.centroid_dim();
                if (plan.fate != fate)
                    continue;
                if (fate == Fate::shed) {
                    VECX_TRY(reshaper.shed(heads[i], code, surveys[places[i]]));
                    continue;
                }
                bool taken = false;
                VECX_TRY(reshaper.take(heads[i], code, surveys[places[i]], &taken));
                if (!taken)
                    plan.fate = Fate::keep;
            }
        heads.give_back();
        codes.give_back();
        places.give_back();
        VECX_TRY(reshaper.write_taken());
    }
    DirectoryWriter<S> writer(store, arena, shape, meta.sweep);
    DirectoryWriter<S> *out = &writer;
    // Parts of a list that are many get branches of their own, behind the others.
    struct Late {
        CentroidHead head, branch;
        size_t code;
    };
    Array<Late> late(arena);
    Array<int8_t> late_codes(arena);
    const size_t bytes = shape.centroid_dim();
    at = 0;
    for (uint32_t branch = 0; branch < directory.branches(); ++branch) {
        VECX_TRY(writer.open_branch(directory.branch(branch), directory.branch_code(branch)));
        VECX_TRY(directory.for_each_list(store, branch, [&](const CentroidHead &old, const int8_t *code) {
            if (!planned.ok())
                return;
            const Plan plan = plans[at];
            const ListSurvey &now = surveys[at++];
            CentroidHead head = old;
            switch (plan.fate) {
            case Fate::drain:
                ++counters->lists_closed;
                return;
            case Fate::keep:
            case Fate::shed:
                reshaper.renew(&head);
                planned = out->add_list(head, code);
                return;
            case Fate::pack:
                ++counters->lists_packed;
                planned = reshaper.pack(&head, now);
                if (planned.ok())
                    planned = out->add_list(head, code);
                return;
            case Fate::split:
                ++counters->lists_split;
                planned = reshaper.split(head, code, now, plan.parts, [&](const CentroidHead &part, const int8_t *part_code) {
                    if (plan.parts < kOwnBranch || part.id == old.id)
                        return out->add_list(part, part_code);
                    late.push_back(Late{part, old, late_codes.size()});
                    late_codes.resize_uninitialized(late_codes.size() + bytes);
                    memcpy(late_codes.data() + late.back().code, part_code, bytes);
                    if (late.size() == 1 || late[late.size() - 2].branch.id != old.id) {
                        // The branch's own centroid: that of the list it was.
                        late.back().branch.reserved[0] = 1;
                        late_codes.resize_uninitialized(late_codes.size() + bytes);
                        memcpy(late_codes.data() + late_codes.size() - bytes, code, bytes);
                    }
                    return Status{};
                });
            }
        }));
        VECX_TRY(planned);
    }
    for (const Late &part : late) {
        if (part.branch.reserved[0] == 1) {
            CentroidHead root = part.branch;
            root.reserved[0] = 0;
            root.flags = 0;
            VECX_TRY(writer.open_branch(root, late_codes.data() + part.code + bytes));
        }
        VECX_TRY(writer.add_list(part.head, late_codes.data() + part.code));
    }
    VECX_TRY(reshaper.end());
    return writer.commit(reshaper.next_list());
}

// Retires what is out of reach, frees what was retired and can be read by nobody any more.
template <ListStore S>
Status sweep(S &store, const BlockSet &reached, uint32_t number, VacuumCounters *counters) {
    for (uint32_t block = 1; block < reached.blocks(); ++block) {
        store.poll();
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
            if (free || reached.has(block) || head->born == number)
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
        } else if (!reached.has(block)) {
            ++counters->retired_pages;
        }
    }
    return Status{};
}

} // namespace detail

// amvacuumcleanup, after any number of bulk_delete calls; one at a time. Packs lists with many removed rows, splits lists
// that have grown or whose rows are farther away than they were, moves the rows of lists that a former VACUUM has split,
// retires and frees pages. `memory_limit` is for sorting and clustering; below a few MB splits wait.
template <ListStore S, VectorSource V>
Status clean_up(S &store, Arena &arena, V &vectors, size_t memory_limit, VacuumCounters *counters) {
    // From here on who allocates a page says that it is younger than what is looked at below; those who began before are
    // waited for.
    uint32_t number = 0;
    VECX_TRY(update_meta(store, [&](MetaRecord &meta) { number = ++meta.sweep; }));
    store.lock_allocation(true);
    const uint32_t blocks = store.block_count();
    store.unlock_allocation(true);
    for (bool drain : {true, false}) {
        Directory directory(arena);
        VECX_TRY(detail::load_now(store, memory_limit / 4, &directory));
        VECX_TRY(detail::reshape(store, arena, directory, vectors, memory_limit, drain, counters));
        directory.give_back();
    }
    Directory directory(arena);
    VECX_TRY(detail::load_now(store, memory_limit / 4, &directory));
    BlockSet reached(arena, blocks);
    counters->left = 0;
    VECX_TRY(survey(store, arena, directory, [&](uint32_t, const CentroidHead &, const int8_t *, const ListSurvey &now) {
        counters->left += now.rows;
        return Status{};
    }, [&](Link link, PageKind) { reached.add(link.block); }));
    VECX_CRASH_POINT("ivf.vacuum.reshaped");
    VECX_TRY(detail::sweep(store, reached, number, counters));
    counters->pages = store.block_count();
    directory.give_back();
    return Status{};
}

} // namespace vecx::ivf
