// What vecx_index_info tells of an ivf index.
#pragma once

#include "ivf/survey.hpp"

namespace vecx::ivf {

struct Info {
    MetaRecord meta;
    Shape shape;
    uint64_t rows, dead; // in reach
    uint64_t posting_pages, code_pages, vector_pages, directory_pages, free_pages, retired_pages;
    uint64_t smallest_list, largest_list; // rows; closing lists are not counted
    uint32_t closing_lists;
    double row_distance2; // mean square distance of a row and its centroid, now, to a few per cent (0 for none)
};

// Reads every page once, some twice, under share locks.
template <ListStore S>
Status collect_info(S &store, Arena &arena, Info *out) {
    *out = Info{};
    VECX_TRY(read_meta(store, &out->meta, &out->shape));
    Directory directory(arena);
    VECX_TRY(directory.load(store, out->meta, out->shape, 0));
    double length2 = 0;
    bool first = true;
    VECX_TRY(survey(store, arena, directory, [&](uint32_t, const CentroidHead &head, const int8_t *, const ListSurvey &now) {
        out->rows += now.rows;
        out->dead += now.dead;
        length2 += now.length2;
        if ((head.flags & kClosing) != 0) {
            ++out->closing_lists;
            return Status{};
        }
        out->smallest_list = first || now.rows < out->smallest_list ? now.rows : out->smallest_list;
        out->largest_list = first || now.rows > out->largest_list ? now.rows : out->largest_list;
        first = false;
        return Status{};
    }, [](Link, PageKind) {}));
    out->row_distance2 = out->rows > 0 ? length2 / static_cast<double>(out->rows) : 0;
    for (uint32_t block = 1, blocks = store.block_count(); block < blocks; ++block) {
        store.poll();
        const char *fault = nullptr;
        VECX_TRY(store.read(block, [&](const PageView &page) {
            fault = page_fault(page);
            if (fault != nullptr)
                return;
            if (page_is_new(page)) {
                ++out->free_pages;
                return;
            }
            const PageHead *head = page_head(page);
            if ((head->flags & kRetired) != 0) {
                ++out->retired_pages;
                return;
            }
            switch (static_cast<PageKind>(head->kind)) {
            case PageKind::postings:
                ++out->posting_pages;
                break;
            case PageKind::codes:
                ++out->code_pages;
                break;
            case PageKind::vectors:
                ++out->vector_pages;
                break;
            case PageKind::freed:
                ++out->free_pages;
                break;
            default:
                ++out->directory_pages;
            }
        }));
        if (fault != nullptr)
            return fault_status(block, fault);
    }
    return Status{};
}

} // namespace vecx::ivf
