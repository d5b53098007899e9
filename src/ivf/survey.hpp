// Walks all that can be reached from the directory: what lists hold, and which pages are in use.
#pragma once

#include "ivf/directory.hpp"
#include "ivf/postings.hpp"

namespace vecx::ivf {

// A list as it is now.
struct ListSurvey {
    uint32_t id;
    uint32_t pages;
    uint64_t rows, dead; // rows: without the dead
    double length2;      // sum of |x - c|^2, from factors; 0 for none
    Link last;
};

// One bit a block.
class BlockSet {
  public:
    BlockSet(Arena &arena, uint32_t blocks) : words_(arena.make_array<uint64_t>(blocks / 64 + 1)), blocks_(blocks) { clear(); }
    void clear() { memset(words_, 0, (blocks_ / 64 + 1) * sizeof(uint64_t)); }
    void add(uint32_t block) {
        if (block < blocks_)
            words_[block / 64] |= uint64_t{1} << (block % 64);
    }
    bool has(uint32_t block) const { return block < blocks_ && ((words_[block / 64] >> (block % 64)) & 1) != 0; }
    uint32_t blocks() const { return blocks_; }

  private:
    uint64_t *words_;
    uint32_t blocks_;
};

// One list. seen(Link, PageKind) for each of its pages, with no page locked; pages of codes and vectors may come twice.
template <ListStore S, class Seen>
Status survey_list(S &store, const Directory &directory, const CentroidHead &head, Array<Link> &cold, ListSurvey *out, Seen seen) {
    const Shape &shape = directory.shape();
    *out = ListSurvey{};
    out->id = head.id;
    cold.reserve(shape.codes_pages + shape.vectors_pages + 1);
    for (Link at = head.first, next{}; !at.none(); at = next) {
        store.poll();
        // A call of the system: only long chains ask.
        if (++out->pages % 256 == 0 && out->pages > store.block_count() + 1000u)
            return fault_status(at.block, "chain of pages runs in a circle");
        const char *fault = nullptr;
        cold.clear();
        uint32_t codes = 0;
        VECX_TRY(store.read(at.block, [&](const PageView &page) {
            const PostingsHead *postings;
            fault = postings_fault(page, shape, at, head.id, &postings);
            if (fault != nullptr)
                return;
            next = postings->page.next;
            const PostingsView view = view_postings(page.body, shape);
            for (uint32_t i = 0; i < postings->codes_count; ++i)
                cold.push_back(view.codes()[i]);
            codes = postings->codes_count;
            for (uint32_t i = 0; i < postings->vectors_count; ++i)
                cold.push_back(view.vectors()[i]);
            for (uint32_t i = 0; i < postings->count; ++i) {
                if (view.tids()[i].offset == 0) {
                    ++out->dead;
                    continue;
                }
                ++out->rows;
                if (shape.coded()) {
                    const double length = static_cast<double>(row_length(shape, view, i, directory.codebook()));
                    out->length2 += length * length;
                }
            }
        }));
        if (fault != nullptr)
            return fault_status(at.block, fault);
        out->last = at;
        seen(at, PageKind::postings);
        for (uint32_t i = 0; i < cold.size(); ++i)
            seen(cold[i], i < codes ? PageKind::codes : PageKind::vectors);
    }
    return Status{};
}

// All lists in the order of the directory: list(branch, head, code, survey), which may use the store, and seen() for every
// page but the metapage.
template <ListStore S, class List, class Seen>
Status survey(S &store, Arena &arena, const Directory &directory, List list, Seen seen) {
    const Shape &shape = directory.shape();
    const MetaRecord &meta = directory.meta();
    const uint32_t mean_size = static_cast<uint32_t>(shape.dim) * 4;
    uint32_t largest = shape.centroid_size() > mean_size ? shape.centroid_size() : mean_size;
    if (shape.learnt() && shape.codebook_size() > largest)
        largest = shape.codebook_size();
    uint8_t *scratch = arena.make_array<uint8_t>(chain_scratch(largest, shape.body_size));
    Array<Link> cold(arena);
    if (!meta.mean.none())
        VECX_TRY(read_chain(store, PageKind::vector, 0, meta.mean, mean_size, shape.body_size, scratch,
                            [&](Link at) { seen(at, PageKind::vector); }, [](const uint8_t *) { return true; }));
    if (shape.learnt())
        VECX_TRY(read_chain(store, PageKind::codebook, 0, meta.codebook, shape.codebook_size(), shape.body_size, scratch,
                            [&](Link at) { seen(at, PageKind::codebook); }, [](const uint8_t *) { return true; }));
    VECX_TRY(read_chain(store, PageKind::centroids, kRootBranch, meta.root, shape.centroid_size(), shape.body_size, scratch,
                        [&](Link at) { seen(at, PageKind::centroids); }, [](const uint8_t *) { return true; }));
    for (uint32_t branch = 0; branch < directory.branches(); ++branch) {
        Status inner;
        VECX_TRY(read_chain(store, PageKind::centroids, branch, directory.branch(branch).first, shape.centroid_size(),
                            shape.body_size, scratch, [&](Link at) { seen(at, PageKind::centroids); },
                            [&](const uint8_t *entry) {
                                CentroidHead head;
                                memcpy(&head, entry, sizeof head);
                                if (const char *fault = detail::centroid_fault(head); fault != nullptr) {
                                    inner = fault_status(directory.branch(branch).first.block, fault);
                                    return false;
                                }
                                ListSurvey found;
                                inner = survey_list(store, directory, head, cold, &found, seen);
                                if (inner.ok())
                                    inner = list(branch, head, reinterpret_cast<const int8_t *>(entry + sizeof head), found);
                                return inner.ok();
                            }));
        VECX_TRY(inner);
    }
    cold.give_back();
    arena.give_back(scratch);
    return Status{};
}

} // namespace vecx::ivf
