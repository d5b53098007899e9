// The rows of an index in the order of its pages: what a scan returns for the NULL query, to which nothing is near.
#pragma once

#include "ivf/passing_rows.hpp"
#include "ivf/probe.hpp"
#include "ivf/scan.hpp"

namespace vecx::ivf {

template <ListStore S>
class AllRows {
  public:
    // All must outlive this.
    AllRows(S &store, const Directory &directory, PassingRows &passing, StreamCounters &counters, Arena &arena)
        : store_(&store), directory_(&directory), passing_(&passing), counters_(&counters), lists_(arena), tids_(arena) {}

    // The next row that meets the conditions on columns and `passes`; `found` is false at the end. Share locks of single pages.
    template <class F>
    Status next(F passes, HeapTid *tid, bool *found) {
        for (;;) {
            *found = tid_at_ < tids_.size();
            if (*found) {
                *tid = tids_[tid_at_++];
                return Status{};
            }
            store_->poll();
            if (!at_.none())
                VECX_TRY(read_page(passes));
            else if (list_at_ < lists_.size())
                at_ = lists_[list_at_++].first;
            else if (branch_at_ == directory_->branches())
                return Status{};
            else
                VECX_TRY(read_branch());
        }
    }

  private:
    Status read_branch() {
        lists_.clear();
        list_at_ = 0;
        return directory_->for_each_list(*store_, branch_at_++,
                                         [&](const CentroidHead &head, const int8_t *) { lists_.push_back(ListAhead{0, 0, head.id, head.first}); });
    }

    template <class F>
    Status read_page(F passes) {
        tids_.clear();
        tids_.reserve(directory_->shape().page_rows);
        tid_at_ = 0;
        const char *fault = nullptr;
        const Link at = at_;
        ++counters_->pages;
        VECX_TRY(store_->read(at.block, [&](const PageView &page) {
            const PostingsHead *head;
            fault = postings_fault(page, directory_->shape(), at, lists_[list_at_ - 1].id, &head);
            if (fault != nullptr)
                return;
            at_ = head->page.next;
            const PostingsView view = view_postings(page.body, directory_->shape());
            if (!passing_->find(view))
                return;
            for (uint32_t i = 0; i < head->count; ++i)
                if (view.tids()[i].offset != 0 && passing_->has(i) && passes(view.tids()[i]))
                    tids_.push_back(view.tids()[i]);
        }));
        return fault == nullptr ? Status{} : fault_status(at.block, fault);
    }

    S *store_;
    const Directory *directory_;
    PassingRows *passing_;
    StreamCounters *counters_;
    Array<ListAhead> lists_; // of a branch of the directory
    Array<HeapTid> tids_;    // of a page
    uint32_t branch_at_ = 0;
    size_t list_at_ = 0, tid_at_ = 0;
    Link at_{};
};

} // namespace vecx::ivf
