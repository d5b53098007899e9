// How VACUUM writes lists anew: packs those with many removed rows, splits those that have grown or whose rows have moved
// away, moves what is left in closing lists. README.md, "Life of a page", has the rules; a new directory is made each time.
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "base/crash.hpp"
#include "cluster/train.hpp"
#include "ivf/list_reader.hpp"
#include "ivf/list_writer.hpp"
#include "ivf/survey.hpp"

namespace vecx::ivf {

// What becomes of a list.
enum class Fate : uint8_t {
    keep,
    pack,
    split, // its rows are clustered anew
    close, // takes no rows any more; the next VACUUM drains it
    drain,
    shed, // some of its rows go
};

struct Plan {
    uint32_t id;
    Fate fate;
    uint32_t parts; // of split, at least 1
};

constexpr uint32_t kMaxParts = 256; // lists that are made together
constexpr uint32_t kOwnBranch = 16; // so many new lists near one branch get branches of their own
constexpr double kFewest = 32;      // rows that say something about where a list should be
constexpr uint64_t kFewDead = 16;   // removed rows that cost next to nothing, where packing a list writes the whole directory

// How many rows a list should have, and what to do about one.
struct ReshapeRule {
    double target; // rows
    uint32_t page_rows;
    uint32_t may_close; // lists, at most
    uint32_t most_parts; // that there is memory for, at most kMaxParts
    bool may_split;
};
inline Plan decide(const ReshapeRule &rule, const CentroidHead &head, const ListSurvey &now) {
    Plan plan{head.id, Fate::keep, 0};
    if ((head.flags & kClosing) != 0) {
        plan.fate = Fate::drain;
        return plan;
    }
    const double rows = static_cast<double>(now.rows);
    // Large beside what it was made with, too: lists differ in size as clusters do, and one that a build made large is as it should be.
    if (rule.may_split && rows > 2.5 * std::max<double>(rule.target, head.rows) && rows > 2.0 * rule.page_rows) {
        plan.fate = Fate::split;
        const double parts = rows / rule.target + 0.5;
        plan.parts = parts < rule.most_parts ? static_cast<uint32_t>(parts) : rule.most_parts;
        return plan;
    }
    // Its rows are farther from the centroid than those that it was made for: it moves, alone or in parts.
    const double before = static_cast<double>(head.spread2), spread2 = rows > 0 ? now.length2 / rows : 0;
    if (rule.may_split && before > 0 && spread2 > 1.5 * before && spread2 < 0x1p120 && rows >= kFewest && 4 * rows > rule.page_rows) {
        plan.fate = Fate::split;
        const double parts = rows / rule.target + 0.5;
        plan.parts = parts < 1 ? 1 : parts < rule.most_parts ? static_cast<uint32_t>(parts) : rule.most_parts;
        return plan;
    }
    if (rule.may_close > 0 && 8 * rows < rule.target && 8 * rows < head.rows) {
        plan.fate = Fate::close;
        return plan;
    }
    const double needed = rows / rule.page_rows + 1;
    if ((now.dead * 5 > now.rows + now.dead && now.dead >= kFewDead) || now.pages > 1.5 * needed + 1)
        plan.fate = Fate::pack;
    return plan;
}

// Writes a new directory: branches and their lists, in order. A branch's centroid is the mean of its lists'. Nothing of it can
// be reached before commit().
template <ListStore S>
class DirectoryWriter {
  public:
    DirectoryWriter(S &store, Arena &arena, const Shape &shape, uint32_t born)
        : store_(&store), shape_(shape), born_(born), roots_(store, arena, shape.body_size), lists_(store, arena, shape.body_size),
          root_(arena.make_array<uint8_t>(shape.centroid_size())), entry_(arena.make_array<uint8_t>(shape.centroid_size())),
          sums_(arena.make_array<double>(shape.centroid_dim())), mean_(arena.make_array<float>(shape.centroid_dim())) {
        roots_.start(PageKind::centroids, kRootBranch, born, shape.centroid_size());
    }
    // `head` and `code` are what stays where the branch has none but closing lists; code == nullptr: it has others.
    Status open_branch(const CentroidHead &head, const int8_t *code) {
        VECX_TRY(close_branch());
        memset(root_ + sizeof head, 0, shape_.centroid_dim());
        memcpy(root_, &head, sizeof head);
        if (code != nullptr)
            memcpy(root_ + sizeof head, code, shape_.centroid_dim());
        reinterpret_cast<CentroidHead *>(root_)->rows = 0;
        for (uint32_t i = 0; i < shape_.centroid_dim(); ++i)
            sums_[i] = 0;
        summed_ = 0;
        return Status{};
    }
    Status add_list(const CentroidHead &head, const int8_t *code) {
        CentroidHead *root = reinterpret_cast<CentroidHead *>(root_);
        if (!open_) {
            lists_.start(PageKind::centroids, branches_, born_, shape_.centroid_size());
            open_ = true;
        }
        memcpy(entry_, &head, sizeof head);
        memcpy(entry_ + sizeof head, code, shape_.centroid_dim());
        if ((head.flags & kClosing) == 0) {
            for (uint32_t i = 0; i < shape_.centroid_dim(); ++i)
                sums_[i] += static_cast<double>(head.scale) * code[i];
            ++summed_;
        }
        ++root->rows;
        ++count_;
        return lists_.add(entry_);
    }
    // Makes it the index's. `next_list`: the id after those given out.
    Status commit(uint32_t next_list) {
        VECX_TRY(close_branch());
        Link root;
        VECX_TRY(roots_.finish(&root));
        if (count_ == 0 || count_ > kMaxLists)
            return Status::make(Code::internal, "a directory of %u lists", count_);
        VECX_CRASH_POINT("ivf.reshape.directory_written");
        return update_meta(*store_, [&](MetaRecord &meta) {
            meta.root = root;
            meta.lists = count_;
            meta.branches = branches_;
            meta.next_list = next_list;
            ++meta.structure;
        });
    }
    uint32_t lists() const { return count_; }

  private:
    Status close_branch() {
        if (!open_)
            return Status{}; // a branch without lists is left out
        CentroidHead *root = reinterpret_cast<CentroidHead *>(root_);
        VECX_TRY(lists_.finish(&root->first));
        if (summed_ > 0) {
            for (uint32_t i = 0; i < shape_.centroid_dim(); ++i)
                mean_[i] = static_cast<float>(sums_[i] / summed_);
            encode_centroid(shape_, mean_, root, reinterpret_cast<int8_t *>(root_ + sizeof *root));
        }
        root->id = branches_++;
        open_ = false;
        return roots_.add(root_);
    }
    S *store_;
    Shape shape_;
    uint32_t born_;
    ChainWriter<S> roots_, lists_;
    uint8_t *root_, *entry_;
    double *sums_; // of the centroids of a branch's lists
    float *mean_;
    uint32_t summed_ = 0, branches_ = 0, count_ = 0;
    bool open_ = false;
};

// Ends the part of a list that is to be copied: from then on rows go to a new page, *open. With `last` nothing follows: the
// list takes no rows any more, and *open is none.
template <ListStore S>
Status seal_list(S &store, const Shape &shape, uint32_t list, Link from, uint32_t born, bool last, Link *open) {
    *open = Link{};
    if (!last)
        VECX_TRY(allocate(store, PageKind::postings, list, born, open));
    for (Link at = from;;) {
        store.poll();
        const char *fault = nullptr;
        Link next{};
        bool sealed = false;
        VECX_CRASH_SITE("ivf.reshape.seal");
        VECX_TRY(store.update(at.block, [&](MutablePage &page) {
            const PostingsHead *head;
            fault = postings_fault(view_of(page), shape, at, list, &head);
            if (fault != nullptr)
                return false;
            next = head->page.next;
            if (!next.none())
                return false;
            page_head(page)->flags |= kSealed;
            page_head(page)->next = *open;
            sealed = true;
            return true;
        }));
        if (fault != nullptr)
            return fault_status(at.block, fault);
        if (sealed)
            return Status{};
        at = next;
    }
}

// The same for learnt codes. What is across is told by the unit of the error, which knows of earlier moves as well.
inline double decode_learnt_row(const Shape &shape, const quant::Codebook &book, const RowHead &head, const uint8_t *code,
                                const float *centre, float *out) {
    const uint32_t n = shape.centroid_dim();
    const double mul = std::fabs(static_cast<double>(head.factors.mul));
    const double s = shape.metric == Metric::ip ? mul : mul / 2;
    quant::decode_learnt(book, code, out);
    for (uint32_t i = 0; i < n; ++i)
        out[i] = centre[i] + static_cast<float>(s) * out[i];
    if (shape.metric == Metric::ip || !(head.factors.fine_error < FLT_MAX))
        return 0;
    const double across = static_cast<double>(head.factors.fine_error) / 2; // s |v| sin(o, v) / sqrt(n - 1)
    return -across * across * (n - 1);
}

// A row's place in rotated space from its code, z = c + s v: what is known where its vector is not. Of all multiples of v it is
// the one whose error x - z is across o = x - c, and not along it: queries for rows that lie far from c, as rows do that make
// a list be split, come from there too, and <q - c, x - z> is then 0 but for chance. So |q - x|^2 is about |q - z|^2 less the square of
// that error. Returns what is to be added: minus this square, those of earlier moves included (0: unknown).
inline double decode_row(const Shape &shape, const quant::Codebook &book, const uint8_t *row, const float *centre, float *out) {
    RowHead head;
    memcpy(&head, row, sizeof head);
    if (shape.learnt())
        return decode_learnt_row(shape, book, head, row + sizeof head, centre, out);
    const uint64_t *signs = reinterpret_cast<const uint64_t *>(row + sizeof(RowHead)), *planes = signs + shape.words;
    const uint32_t n = shape.centroid_dim();
    const int top = 1 << (shape.bits - 1);
    double along = 0, length2 = 0; // <c, v>, |v|^2
    for (uint32_t i = 0; i < n; ++i) {
        int u = ((signs[i / 64] >> (i % 64)) & 1) != 0 ? top : 0;
        for (int p = 0; p < shape.bits - 1; ++p)
            u |= static_cast<int>((planes[static_cast<size_t>(p) * shape.words + i / 64] >> (i % 64)) & 1) << p;
        const int v = 2 * u - (2 * top - 1);
        out[i] = static_cast<float>(v);
        along += static_cast<double>(v) * static_cast<double>(centre[i]);
        length2 += static_cast<double>(v) * v;
    }
    const bool ip = shape.metric == Metric::ip, fine = shape.bits > 1;
    const double mul = fine ? static_cast<double>(head.factors.fine_mul) : static_cast<double>(head.factors.mul);
    const double add = fine ? static_cast<double>(head.factors.fine_add) : static_cast<double>(head.factors.add);
    const double s = ip ? -mul : -mul / 2;
    double square = static_cast<double>(head.factors.length) * static_cast<double>(head.factors.length);
    if (!ip && fine)
        square = add - 2 * s * along;
    for (uint32_t i = 0; i < n; ++i)
        out[i] = centre[i] + static_cast<float>(s) * out[i];
    const double less = square - s * s * length2;
    return !ip && less < 0 ? less : 0;
}

} // namespace vecx::ivf
