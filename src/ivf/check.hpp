// The checker: every page, chain, row and centroid against the invariants of README.md. Read-only; inserts and scans may run
// beside it, and VACUUM where the shell's lock lets it.
#pragma once

#include <algorithm>

#include "ivf/list_reader.hpp"
#include "ivf/survey.hpp"

namespace vecx::ivf {

struct CheckSummary {
    uint64_t pages, new_pages, free_pages, retired_pages, orphan_pages; // orphans: what a crash left; no finding
    uint64_t lists, closing_lists, branches;
    uint64_t tids, dead;
};

// Calls report(const Status &) for each thing that is wrong and goes on; an error only when it cannot go on. visit(HeapTid,
// const uint64_t *attributes) for every row, with no page locked: for heapallindexed.
template <ListStore S, class Report, class Visit>
Status check(S &store, Arena &arena, Report report, Visit visit, CheckSummary *summary = nullptr) {
    CheckSummary sum{};
    MetaRecord meta;
    Shape shape;
    VECX_TRY(read_meta(store, &meta, &shape));
    // Pages that were there when it began; what is allocated later may not be reached yet.
    const uint32_t blocks = store.block_count();
    BlockSet reached(arena, blocks), cold(arena, blocks);
    Directory directory(arena);
    VECX_TRY(directory.load(store, meta, shape, 0));
    sum.branches = directory.branches();

    // What a list holds: survey() checks the heads of its pages, the reader its rows.
    ListReader<S> reader(store, arena, shape, directory.codebook());
    auto sane = [](float x) { return x >= -FLT_MAX && x <= FLT_MAX; };
    Array<uint32_t> ids(arena);
    VECX_TRY(survey(store, arena, directory, [&](uint32_t, const CentroidHead &head, const int8_t *, const ListSurvey &now) {
        ++sum.lists;
        sum.closing_lists += (head.flags & kClosing) != 0;
        sum.dead += now.dead;
        ids.push_back(head.id);
        if (head.id >= meta.next_list)
            report(Status::corrupt(head.first.block, "list %u has an id that was not given out yet", head.id));
        if ((head.flags & ~kClosing) != 0)
            report(Status::corrupt(head.first.block, "list %u has unknown flags", head.id));
        reader.start(head.id, head.first, Link{});
        for (;;) {
            HeapTid tid;
            const uint8_t *row;
            bool found;
            Status s = reader.next(&tid, &row, &found);
            if (!s.ok()) {
                report(s);
                break;
            }
            if (!found)
                break;
            ++sum.tids;
            RowHead facts;
            memcpy(&facts, row, sizeof facts);
            const quant::Factors &f = facts.factors;
            if (shape.coded() && (!(f.add < FLT_MAX) || !(f.mul <= 0)))
                report(Status::corrupt(head.first.block, "a row of list %u has impossible factors", head.id));
            if (shape.learnt() && !(f.fine_error >= 0))
                report(Status::corrupt(head.first.block, "a row of list %u has an impossible error", head.id));
            if (shape.codes_rows > 0 && (!sane(f.fine_add) || !(f.fine_mul <= 0) || !(f.fine_error >= 0)))
                report(Status::corrupt(head.first.block, "a row of list %u has impossible factors of its code", head.id));
            if (!shape.coded() || shape.vectors_rows > 0) {
                const Payload payload{row_payload(shape, row), shape.payload_size};
                if (!payload_is_sound(shape.type, shape.dim, payload))
                    report(Status::corrupt(head.first.block, "a row of list %u has an unsound vector", head.id));
            }
            const uint64_t *attributes = row_attributes(shape, row);
            for (uint32_t c = 0; c < shape.attributes; ++c)
                if (filter::attribute_is_null(attributes, c) && filter::attribute_key(attributes, c) != 0)
                    report(Status::corrupt(head.first.block, "a row of list %u has a NULL in column %u with a value", head.id, c + 2));
            visit(tid, attributes);
        }
        return Status{};
    }, [&](Link link, PageKind kind) {
        if (link.block == kMetaBlock || link.block >= blocks)
            return;
        // Pages of codes and vectors may be shared by two pages of a list; all others have one place.
        const bool shared = kind == PageKind::codes || kind == PageKind::vectors;
        if (shared ? reached.has(link.block) && !cold.has(link.block) : reached.has(link.block))
            report(Status::corrupt(link.block, "page is in two places"));
        reached.add(link.block);
        if (shared)
            cold.add(link.block);
    }));
    std::sort(ids.begin(), ids.end());
    for (uint32_t i = 1; i < ids.size(); ++i)
        if (ids[i] == ids[i - 1])
            report(Status::corrupt(meta.root.block, "two lists have the id %u", ids[i]));
    if (sum.lists != meta.lists || sum.branches != meta.branches)
        report(Status::corrupt(kMetaBlock, "the directory has not as many lists as the metapage says"));

    for (uint32_t block = 1; block < blocks; ++block) {
        store.poll();
        const char *fault = nullptr;
        ++sum.pages;
        VECX_TRY(store.read(block, [&](const PageView &page) {
            if (page_is_new(page)) {
                ++sum.new_pages;
                return;
            }
            fault = page_fault(page);
            if (fault != nullptr)
                return;
            const PageHead *head = page_head(page);
            const bool freed = head->kind == static_cast<uint16_t>(PageKind::freed), retired = (head->flags & kRetired) != 0;
            if (reached.has(block)) {
                if (retired)
                    fault = "page that is in use is marked as retired";
                return;
            }
            if (freed)
                ++sum.free_pages;
            else if (retired)
                ++sum.retired_pages;
            else
                ++sum.orphan_pages;
        }));
        if (fault != nullptr)
            report(fault_status(block, fault));
    }
    if (summary != nullptr)
        *summary = sum;
    return Status{};
}

} // namespace vecx::ivf
