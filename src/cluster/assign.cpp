#include <limits>

#include "cluster/train.hpp"

#include "base/core_only.hpp"

namespace vecx::cluster {

namespace {
constexpr uint32_t kLeastBreadth = 8;
constexpr uint32_t kBreadthPart = 8; // of the tops
constexpr uint32_t kFewTops = 24;    // so few save nothing: rows are compared with all lists
} // namespace

Assigner::Assigner(const Clustering &clustering, Arena &arena, uint32_t breadth) : clustering_(clustering) {
    if (breadth == 0 && clustering.tops.columns < kFewTops)
        clustering_.tops.columns = 0;
    const uint32_t tops = clustering_.tops.columns;
    if (breadth == 0)
        breadth = tops / kBreadthPart > kLeastBreadth ? tops / kBreadthPart : kLeastBreadth;
    breadth_ = breadth < tops ? breadth : tops;
    const size_t entries = size_t{kMostRows} * breadth_;
    near_ = arena.make_array<uint32_t>(entries);
    near_score_ = arena.make_array<float>(entries);
    order_ = arena.make_array<uint32_t>(entries);
    start_ = arena.make_array<uint32_t>(size_t{tops} + 1);
}

void Assigner::assign(const float *const *rows, uint32_t count, float *score, uint32_t *which, const Team &team) {
    const Panels &lists = clustering_.lists;
    for (uint32_t i = 0; i < count; ++i) {
        score[i] = -std::numeric_limits<float>::infinity();
        which[i] = 0;
    }
    if (clustering_.tops.columns == 0) {
        for (uint32_t begin = 0; begin < count; begin += kBlock) {
            team.check();
            const uint32_t n = count - begin < kBlock ? count - begin : kBlock;
            find_best(lists, 0, lists.panels(), rows + begin, n, score + begin, which + begin);
        }
        return;
    }
    // Rows by the tops that they are near to: each top's panels then meet many rows at once. The panels hold some lists of
    // neighbouring tops, too; they are as good.
    const uint32_t tops = clustering_.tops.columns;
    team.check();
    find_several(clustering_.tops, rows, count, breadth_, near_score_, near_);
    for (uint32_t t = 0; t <= tops; ++t)
        start_[t] = 0;
    for (uint32_t i = 0; i < count * breadth_; ++i)
        ++start_[near_[i]];
    uint32_t sum = 0;
    for (uint32_t t = 0; t <= tops; ++t) {
        const uint32_t size = start_[t];
        start_[t] = sum;
        sum += size;
    }
    for (uint32_t i = 0; i < count * breadth_; ++i)
        order_[start_[near_[i]]++] = i / breadth_;
    const float *block[kBlock];
    float best[kBlock];
    uint32_t list[kBlock];
    uint32_t begin = 0;
    for (uint32_t t = 0; t < tops; ++t) {
        const uint32_t end = start_[t];
        const uint32_t first = clustering_.first_child[t], last = clustering_.first_child[t + 1];
        for (; begin < end && first < last; begin += kBlock) {
            team.check();
            const uint32_t n = end - begin < kBlock ? end - begin : kBlock;
            for (uint32_t i = 0; i < n; ++i) {
                block[i] = rows[order_[begin + i]];
                best[i] = score[order_[begin + i]];
                list[i] = which[order_[begin + i]];
            }
            find_best(lists, first / Panels::kColumns, Panels::panels_of(last), block, n, best, list);
            for (uint32_t i = 0; i < n; ++i) {
                score[order_[begin + i]] = best[i];
                which[order_[begin + i]] = list[i];
            }
        }
        begin = end;
    }
}

} // namespace vecx::cluster
