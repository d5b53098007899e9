// Which rows of a page of postings pass the conditions on further columns, and how far away such rows are. README.md, "Further
// columns".
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>

#include "filter/columns.hpp"
#include "ivf/postings.hpp"

namespace vecx::ivf {

class PassingRows {
  public:
    // `where`: the conditions (filter::Predicate::exact); null: every row passes. Must outlive this.
    explicit PassingRows(const filter::Predicate *where) : where_(where) {}

    // Once, before all else; does not lock. Code::internal for a condition on a column that the index does not have.
    Status begin(const Shape &shape, Arena &arena) {
        if (where_ == nullptr)
            return Status{};
        for (uint32_t i = 0; i < where_->count; ++i)
            if (where_->conditions[i].column >= shape.attributes)
                return Status::make(Code::internal, "condition on column %u of %u", where_->conditions[i].column + 2u, shape.attributes + 1u);
        bits_ = arena.make_array<uint64_t>(shape.null_words());
        return Status{};
    }

    bool any_condition() const { return where_ != nullptr; }

    // Notes which rows of a page pass; false when none does.
    bool find(const PostingsView &view) {
        if (where_ == nullptr)
            return true;
        const PostingsHead &head = view.head();
        const uint32_t passed = filter::find_rows(
            *where_, head.count, [&](uint32_t column) { return filter::ColumnOfRows{view.nulls(column), view.keys(column)}; }, bits_);
        if (passed_ < kRank && passed_ + passed >= kRank)
            rank_ = static_cast<double>(seen_) + head.count * static_cast<double>(kRank - passed_) / passed;
        seen_ += head.count;
        passed_ += passed;
        return passed > 0;
    }

    // Of the page that find() was last asked of.
    bool has(uint32_t row) const { return where_ == nullptr || (bits_[row / 64] >> (row % 64) & 1) != 0; }
    // The first row from `row` on that passes; else `count`. Only with conditions.
    uint32_t next(uint32_t row, uint32_t count) const {
        while (row < count) {
            const uint64_t rest = bits_[row / 64] >> (row % 64);
            if (rest != 0)
                return row + static_cast<uint32_t>(std::countr_zero(rest));
            row = (row / 64 + 1) * 64;
        }
        return count;
    }

    // How many lists are to be looked at before the first row leaves, `probes` being enough without conditions and `lists` those
    // looked at so far. The nearest ten rows that pass lie as far away as the nearest `rank_` of all, for which some
    // sqrt(rank_ / 10) times as many lists are looked at as for the nearest ten. Where the filter has to do with the query,
    // `rank_` knows.
    uint64_t lists_wanted(uint32_t probes, uint64_t lists) const {
        if (passed_ < kLeastPassing)
            return 2 * lists;
        const double farther = std::sqrt(std::max(rank_ / kRank, 1.0)) - 1;
        return static_cast<uint64_t>(std::ceil(probes * (1 + kFarther * farther)));
    }

  private:
    static constexpr uint64_t kLeastPassing = 32; // rows that pass, seen before the first leaves
    static constexpr uint64_t kRank = 10;         // those of them that tell how far away such rows are
    static constexpr double kFarther = 1.5;       // README.md, "Further columns"

    const filter::Predicate *where_;
    uint64_t *bits_ = nullptr;       // one for each row of a page
    uint64_t seen_ = 0, passed_ = 0; // rows that were tested; those that pass
    double rank_ = 0;                // rows seen when kRank of them had passed
};

} // namespace vecx::ivf
