// The passes of VACUUM over the directory: what becomes of each list, and the new directory of that.
#pragma once

#include <algorithm>
#include <new>

#include "ivf/entries.hpp"
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

// One after the other; each makes a directory of its own where it finds something to do.
enum class Pass : uint8_t {
    drain,  // closing lists go
    change, // lists are packed, clustered anew, closed
    settle, // lists near those that are new give them the rows that are theirs (LIRE of SPFresh, SOSP 2023)
};

namespace detail {

template <ListStore S>
Status load_now(S &store, size_t memory_limit, Directory *out) {
    MetaRecord meta;
    Shape shape;
    VECX_TRY(read_meta(store, &meta, &shape));
    return out->load(store, meta, shape, memory_limit);
}

template <ListStore S, VectorSource V>
class Rearrangement {
  public:
    Rearrangement(S &store, Arena &arena, const Directory &directory, V &vectors, size_t memory_limit, Pass pass,
                  uint32_t first_new, BlockSet *reached, bool *changed, VacuumCounters *counters)
        : store_(&store), arena_(&arena), directory_(&directory), shape_(directory.shape()), memory_limit_(memory_limit), pass_(pass),
          first_new_(first_new), reached_(reached), changed_(changed), counters_(counters), surveys_(arena), plans_(arena),
          reshaper_(store, arena, directory, vectors, memory_limit) {}

    Status run() {
        bool worth;
        *changed_ = false;
        VECX_TRY(look(&worth));
        if (!worth)
            return Status{};
        VECX_TRY(survey_all());
        VECX_TRY(pass_ == Pass::settle ? find_strays() : decide_all());
        uint32_t changes = 0, closing = 0;
        for (const Plan &plan : plans_) {
            changes += plan.fate != Fate::keep;
            closing += plan.fate == Fate::drain;
        }
        // The last list that takes rows cannot close.
        if (changes == 0 || closing == plans_.size())
            return Status{};
        if (pass_ == Pass::drain)
            VECX_TRY(drain());
        *changed_ = true;
        return write();
    }

  private:
    // Without looking at any page of postings: whether there can be something to do.
    Status look(bool *worth) {
        *worth = pass_ == Pass::change;
        if (*worth)
            return Status{};
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch)
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *) {
                const bool closing = (head.flags & kClosing) != 0;
                *worth = *worth || (pass_ == Pass::drain ? closing : !closing && head.id >= first_new_);
            }));
        return Status{};
    }

    Status survey_all() {
        counters_->left = 0;
        VECX_TRY(survey(*store_, *arena_, *directory_, [&](uint32_t, const CentroidHead &, const int8_t *, const ListSurvey &now) {
            surveys_.push_back(now);
            rows_ += static_cast<double>(now.rows);
            counters_->left += now.rows;
            return Status{};
        }, [&](Link link, PageKind) { reached_->add(link.block); }));
        if (surveys_.size() != directory_->meta().lists)
            return fault_status(directory_->meta().root.block, "number of lists is not as in the metapage");
        return Status{};
    }

    ReshapeRule rule() const {
        const MetaRecord &meta = directory_->meta();
        ReshapeRule rule{};
        rule.page_rows = shape_.page_rows;
        rule.most_parts = most_parts();
        rule.may_split = shape_.bits != 1 || shape_.vectors_rows > 0;
        // As many rows a list as when it was built, and not fewer than a good number of lists gives.
        rule.target = std::max(std::sqrt(rows_), static_cast<double>(shape_.page_rows));
        if (meta.built_rows > 0)
            rule.target = std::max(rule.target, static_cast<double>(meta.built_rows) / meta.lists);
        // Lists beyond what the rows there are would want, while most rows that it was built with are still there.
        if (2 * rows_ >= static_cast<double>(meta.built_rows) && meta.lists > 1.25 * rows_ / rule.target)
            rule.may_close = std::min<uint32_t>(meta.lists / 4, meta.lists - static_cast<uint32_t>(1.25 * rows_ / rule.target));
        return rule;
    }

    // Each list that is written has three pages in memory.
    uint32_t most_parts() const {
        return static_cast<uint32_t>(std::clamp<size_t>(memory_limit_ / 4 / (3 * shape_.body_size), 2, kMaxParts));
    }

    Status decide_all() {
        ReshapeRule rule = this->rule();
        uint32_t at = 0;
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch)
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *) {
                Plan plan = decide(rule, head, surveys_[at++]);
                if ((plan.fate == Fate::drain) != (pass_ == Pass::drain))
                    plan.fate = Fate::keep;
                rule.may_close -= plan.fate == Fate::close;
                plans_.push_back(plan);
            }));
        return Status{};
    }

    // Which lists have rows that one of the new lists is clearly nearer to. A row goes over only where the two centroids are not
    // farther apart than twice its own distance.
    Status find_strays() {
        const uint32_t n = shape_.centroid_dim();
        const kernels::KernelTable &table = *kernels::active;
        Entries fresh(*arena_, n), others(*arena_, n);
        Array<Near> near(*arena_), some(*arena_);
        Array<uint32_t> first(*arena_); // of a list in `near`
        float *centre = arena_->make_array<float>(n);
        uint32_t at = 0;
        const size_t most = memory_limit_ / 8 / shape_.centroid_size() + 1;
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch)
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *code) {
                if ((head.flags & kClosing) == 0 && head.id >= first_new_ && fresh.size() < most)
                    fresh.add(head, code, at);
                plans_.push_back(Plan{head.id, Fate::keep, 0});
                ++at;
            }));
        at = 0;
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch)
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *code) {
                const ListSurvey &now = surveys_[at++];
                if ((head.flags & kClosing) != 0 || head.id >= first_new_ || now.rows == 0 || others.size() >= most)
                    return;
                // Where codes say nothing of lengths (none), what was true when the list was made.
                const double spread2 = std::max(static_cast<double>(head.spread2), now.length2 / static_cast<double>(now.rows));
                decode_centroid(shape_, head, code, centre);
                some.clear();
                for (uint32_t i = 0; i < fresh.size(); ++i) {
                    const float apart2 = table.l2sq_f32_i8(centre, fresh.code(i), fresh.heads[i].scale, n);
                    if (static_cast<double>(apart2) < 4 * spread2)
                        some.push_back(Near{&fresh.heads[i], fresh.code(i), apart2});
                }
                store_->poll();
                if (some.empty())
                    return;
                const size_t kept = std::min<size_t>(some.size(), kMostNear);
                std::partial_sort(some.begin(), some.begin() + kept, some.end(), [](const Near &a, const Near &b) { return a.apart2 < b.apart2; });
                first.push_back(static_cast<uint32_t>(near.size()));
                for (size_t i = 0; i < kept; ++i)
                    near.push_back(some[i]);
                others.add(head, code, at - 1);
            }));
        first.push_back(static_cast<uint32_t>(near.size()));
        for (uint32_t i = 0; i < others.size(); ++i) {
            bool shed = false;
            VECX_TRY(reshaper_.shed(others.heads[i], others.code(i), surveys_[others.places[i]], near.data() + first[i],
                                    first[i + 1] - first[i], &shed));
            if (shed)
                plans_[others.places[i]].fate = Fate::shed;
        }
        VECX_TRY(reshaper_.write_taken());
        fresh.give_back();
        others.give_back();
        arena_->give_back(centre);
        return Status{};
    }

    Status drain() {
        Entries closing(*arena_, shape_.centroid_dim()); // copied: to place their rows the directory is read
        uint32_t at = 0;
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch)
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *code) {
                Plan &plan = plans_[at++];
                if (plan.fate == Fate::drain && closing.codes.size() > memory_limit_ / 4)
                    plan.fate = Fate::keep; // another time
                if (plan.fate == Fate::drain)
                    closing.add(head, code, at - 1);
            }));
        for (uint32_t i = 0; i < closing.size(); ++i) {
            bool taken = false;
            VECX_TRY(reshaper_.take(closing.heads[i], closing.code(i), surveys_[closing.places[i]], &taken));
            if (!taken)
                plans_[closing.places[i]].fate = Fate::keep;
        }
        closing.give_back();
        return reshaper_.write_taken();
    }

    // Clusters the lists of a group anew, into about `parts`.
    Status end_group(Array<Sealed> &group, uint32_t parts) {
        if (group.empty())
            return Status{};
        VECX_TRY(reshaper_.cluster_anew(group.data(), static_cast<uint32_t>(group.size()), parts, [&](const CentroidHead &part, const int8_t *code) {
            parts_.add(part, code, nearest_branch(part, code));
            return Status{};
        }));
        for (const Sealed &list : group)
            arena_->give_back(const_cast<int8_t *>(list.code));
        group.clear();
        return Status{};
    }

    // All lists that are to be clustered anew, as many of them together as there is room for. Makes parts_ and opens_.
    Status split_all() {
        Array<Sealed> group(*arena_);
        uint32_t at = 0, parts = 0;
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch) {
            Status split;
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *code) {
                const Plan &plan = plans_[at];
                const ListSurvey &now = surveys_[at++];
                if (plan.fate != Fate::split || !split.ok())
                    return;
                ++counters_->lists_split;
                if (parts + plan.parts > most_parts()) {
                    split = end_group(group, parts);
                    parts = 0;
                }
                int8_t *copy = arena_->make_array<int8_t>(shape_.centroid_dim());
                memcpy(copy, code, shape_.centroid_dim());
                Sealed list{head, copy, now.rows, Link{}};
                if (split.ok())
                    split = reshaper_.seal(head, now, &list.open);
                opens_.push_back(list.open);
                group.push_back(list);
                parts += plan.parts;
            }));
            VECX_TRY(split);
        }
        return end_group(group, parts);
    }

    // Of the branches there are, by its centroid.
    uint32_t nearest_branch(const CentroidHead &head, const int8_t *code) {
        decode_centroid(shape_, head, code, centre_);
        uint32_t best = 0;
        float least = 0;
        for (uint32_t i = 0; directory_->branches() > 1 && i < directory_->branches(); ++i) {
            const float d2 = kernels::active->l2sq_f32_i8(centre_, directory_->branch_code(i), directory_->branch(i).scale, shape_.centroid_dim());
            if (i == 0 || d2 < least) {
                least = d2;
                best = i;
            }
        }
        return best;
    }

    Status change(const CentroidHead &old, const int8_t *code, const Plan &plan, const ListSurvey &now) {
        CentroidHead head = old;
        switch (plan.fate) {
        case Fate::drain:
            ++counters_->lists_closed;
            return Status{};
        case Fate::keep:
        case Fate::shed:
            reshaper_.renew(&head);
            break;
        case Fate::close:
            head.flags |= kClosing;
            break;
        case Fate::pack:
            ++counters_->lists_packed;
            VECX_TRY(reshaper_.pack(&head, now));
            break;
        case Fate::split: // what comes until everybody has the new directory
            head.first = opens_[opened_++];
            head.flags |= kClosing;
            head.rows = 0;
            break;
        }
        return writer_->add_list(head, code);
    }

    // New lists that one branch is nearest to, when they are many: branches of their own, of about as many lists as others have.
    Status add_branches(const Array<uint32_t> &parts) {
        const uint32_t n = shape_.centroid_dim(), count = static_cast<uint32_t>(parts.size());
        float *rows = arena_->make_array<float>(size_t{count} * n);
        for (uint32_t i = 0; i < count; ++i)
            decode_centroid(shape_, parts_.heads[parts[i]], parts_.code(parts[i]), rows + size_t{i} * n);
        const double usual = std::max(std::sqrt(static_cast<double>(directory_->meta().lists)), static_cast<double>(kOwnBranch));
        const uint32_t wanted = static_cast<uint32_t>(std::max(1.0, count / usual + 0.5));
        uint32_t *which = arena_->make_array<uint32_t>(count);
        uint32_t made = 0;
        cluster_points(*store_, *arena_, options_of_points(count, n, wanted, parts_.heads[parts[0]].id), 1, rows, which, [&](const float *) { ++made; });
        for (uint32_t branch = 0; branch < std::max(made, 1u); ++branch) {
            bool open = false;
            for (uint32_t i = 0; i < count; ++i) {
                if (which[i] != branch)
                    continue;
                if (!open)
                    VECX_TRY(writer_->open_branch(CentroidHead{}, nullptr));
                open = true;
                VECX_TRY(writer_->add_list(parts_.heads[parts[i]], parts_.code(parts[i])));
            }
        }
        arena_->give_back(which);
        arena_->give_back(rows);
        return Status{};
    }

    Status write() {
        VECX_TRY(split_all());
        static_assert(alignof(DirectoryWriter<S>) <= alignof(uint64_t));
        writer_ = new (arena_->template make_array<uint64_t>((sizeof(DirectoryWriter<S>) + 7) / 8))
            DirectoryWriter<S>(*store_, *arena_, shape_, directory_->meta().sweep);
        DirectoryWriter<S> &writer = *writer_;
        Array<uint32_t> own(*arena_);
        uint32_t at = 0;
        for (uint32_t branch = 0; branch < directory_->branches(); ++branch) {
            VECX_TRY(writer.open_branch(directory_->branch(branch), directory_->branch_code(branch)));
            Status changed;
            VECX_TRY(directory_->for_each_list(*store_, branch, [&](const CentroidHead &head, const int8_t *code) {
                if (!changed.ok())
                    return;
                changed = change(head, code, plans_[at], surveys_[at]);
                ++at;
            }));
            VECX_TRY(changed);
            own.clear();
            for (uint32_t i = 0; i < parts_.size(); ++i)
                if (parts_.places[i] == branch)
                    own.push_back(i);
            if (own.size() < kOwnBranch)
                for (uint32_t i : own)
                    VECX_TRY(writer.add_list(parts_.heads[i], parts_.code(i)));
        }
        for (uint32_t branch = 0; branch < directory_->branches() && parts_.size() >= kOwnBranch; ++branch) {
            own.clear();
            for (uint32_t i = 0; i < parts_.size(); ++i)
                if (parts_.places[i] == branch)
                    own.push_back(i);
            if (own.size() >= kOwnBranch)
                VECX_TRY(add_branches(own));
        }
        VECX_TRY(reshaper_.end());
        return writer.commit(reshaper_.next_list());
    }

    static constexpr size_t kMostNear = 32;

    S *store_;
    Arena *arena_;
    const Directory *directory_;
    Shape shape_;
    size_t memory_limit_;
    Pass pass_;
    uint32_t first_new_; // id of the first list that this VACUUM has made
    BlockSet *reached_;
    bool *changed_;
    VacuumCounters *counters_;
    Array<ListSurvey> surveys_;
    Array<Plan> plans_;
    double rows_ = 0;
    Reshaper<S, V> reshaper_;
    DirectoryWriter<S> *writer_ = nullptr;
    Entries parts_{*arena_, shape_.centroid_dim()}; // new lists; their places: the branches they are nearest to
    Array<Link> opens_{*arena_};                    // of the lists that were clustered anew, in order
    uint32_t opened_ = 0;
    float *centre_ = arena_->make_array<float>(shape_.centroid_dim());
};

// One pass. *changed: there is another directory now; otherwise Pass::change has added to *reached, and counted in
// counters->left, all that can be reached from the one there is.
template <ListStore S, VectorSource V>
Status rearrange(S &store, Arena &arena, const Directory &directory, V &vectors, size_t memory_limit, Pass pass, uint32_t first_new,
                 BlockSet *reached, bool *changed, VacuumCounters *counters) {
    return Rearrangement<S, V>(store, arena, directory, vectors, memory_limit, pass, first_new, reached, changed, counters).run();
}

} // namespace detail

} // namespace vecx::ivf
