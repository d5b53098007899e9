// Which nodes the directory of attributes has for the conditions of a scan: about how many, and, when that is wanted, all of
// them.
#pragma once

#include <cmath>

#include "hnsw/inlined/directory.hpp"

namespace vecx::hnsw::inlined {

template <NodeStore S>
class Matches {
  public:
    Matches(S &store, Arena &arena, const Shape &shape) : store_(&store), shape_(shape), leaves_(arena), links_(arena) {}

    // Looks at the fences and at a few leaves. Not known() after it if the directory cannot be read with so much memory, or
    // is damaged or taken away: then the graph and the pages have to do.
    Status survey(const filter::Predicate &where, uint32_t body_size, size_t memory_limit) {
        for (int attempt = 0; attempt < kMaxRetries && !known_; ++attempt)
            VECX_TRY(open(where, body_size, memory_limit));
        if (!known_)
            return Status{};
        if (leaves_.size() + log_leaves_ <= kFewLeaves) {
            bool complete;
            VECX_TRY(collect(where, body_size, memory_limit, &complete));
            if (complete) {
                matching_ = static_cast<double>(links_.size());
                return Status{};
            }
        }
        return sample(where);
    }

    bool known() const { return known_; }
    double matching() const { return matching_; }
    // What visiting all matching nodes takes, and what a search through the graph takes that meets `target` of them, in visits
    // of such a search.
    double visits() const {
        if (!known_)
            return HUGE_VAL;
        return (coded() ? kVisit : 1) * matching_ + (collected_ ? 0 : kLeaf * static_cast<double>(leaves_.size() + log_leaves_));
    }
    double visits_of_search(size_t target) const {
        const double all = std::max(1.0, static_cast<double>(entries_));
        const double reach = coded() ? kReach : kReachOfAll * shape_.places * std::log(all + 1);
        return std::min(all, reach * static_cast<double>(target) * all / std::max(matching_, 0.5));
    }

    // Fills links() with all nodes that pass or may; some of them perhaps twice, some gone. `complete` is false when they are
    // too many for the memory, or the directory does not hold still.
    Status collect(const filter::Predicate &where, uint32_t body_size, size_t memory_limit, bool *complete) {
        *complete = collected_;
        for (int attempt = 0; attempt < kMaxRetries && !*complete; ++attempt) {
            if (attempt > 0) {
                known_ = false;
                VECX_TRY(open(where, body_size, memory_limit));
                if (!known_)
                    continue;
            }
            bool whole = true, fits = true;
            links_.clear();
            const uint32_t most = most_entries(shape_, body_size);
            Link next;
            for (size_t i = 0; i < leaves_.size() && whole && fits; ++i)
                VECX_TRY(take(where, leaves_[i].leaf, most, memory_limit, &next, &whole, &fits));
            uint64_t steps = 0;
            for (Link at = log_; !at.none() && whole && fits; at = next) {
                if (++steps > 600ull * store_->block_count())
                    return Status::corrupt(at.block, "directory of attributes is a ring");
                VECX_TRY(take(where, at, most, memory_limit, &next, &whole, &fits));
            }
            if (!fits)
                break;
            if (whole)
                VECX_TRY(fences_are_still(*store_, first_, complete));
        }
        collected_ = *complete;
        if (!collected_)
            links_.clear();
        return Status{};
    }
    Array<Link> &links() { return links_; }
    void give_back() {
        leaves_.give_back();
        links_.give_back();
        known_ = collected_ = false;
    }

  private:
    static constexpr size_t kFewLeaves = 4;  // are read at once
    static constexpr size_t kSamples = 8;    // leaves that are looked at otherwise,
    static constexpr uint32_t kOfEach = 64;  // and entries of each
    static constexpr double kVisit = 0.5;    // of a visit with codes; README.md, "Attributes"
    static constexpr double kLeaf = 1.5;
    static constexpr double kReach = 1.4;    // nodes visited for each of the look-ahead, with codes,
    static constexpr double kReachOfAll = 0.05; // and without them times places and the logarithm of the rows (pg/hnsw/cost.cpp)

    struct Leaf {
        Link leaf;
        uint32_t count;
    };

    bool coded() const { return shape_.code_words > 0; }

    // Reads the fences, and how long the log is.
    Status open(const filter::Predicate &where, uint32_t body_size, size_t memory_limit) {
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        leaves_.clear();
        entries_ = log_leaves_ = log_entries_ = 0;
        first_ = meta.fences;
        log_ = meta.log;
        uint64_t steps = 0;
        bool found;
        for (Link at = meta.fences; !at.none();) {
            if (++steps > 8ull * store_->block_count())
                return Status::corrupt(at.block, "directory of attributes is a ring");
            store_->poll();
            Link next{};
            leaves_.reserve(leaves_.size() + most_fences(body_size));
            if (2 * leaves_.capacity_bytes() > memory_limit && leaves_.size() > most_fences(body_size))
                return Status{};
            VECX_TRY(look_at_fences(*store_, at, &found, [&](const FencesView &view) {
                next = view.head->next;
                for (uint32_t i = 0; i < view.head->count && leaves_.size() < leaves_.capacity(); ++i) {
                    const Fence &fence = view.fences[i];
                    entries_ += fence.count;
                    if (where.may_pass(fence.low, fence.high, fence.nulls != 0))
                        leaves_.push_back(Leaf{fence.leaf, fence.count});
                }
            }));
            if (!found)
                return Status{};
            at = next;
        }
        if (!log_.none()) {
            uint32_t older = 0, count = 0, capacity = 0;
            VECX_TRY(look_at_leaf(*store_, shape_, log_, &found, [&](const LeafView &leaf) {
                older = leaf.head->older;
                count = leaf.head->count;
                capacity = leaf.head->capacity;
            }));
            if (!found)
                return Status{};
            log_leaves_ = uint64_t{older} + 1;
            log_entries_ = uint64_t{older} * capacity + count;
            entries_ += log_entries_;
        }
        known_ = true;
        return Status{};
    }

    // Appends what passes of a leaf.
    Status take(const filter::Predicate &where, Link at, uint32_t most, size_t memory_limit, Link *next, bool *whole, bool *fits) {
        store_->poll();
        *next = Link{};
        links_.reserve(links_.size() + most);
        *fits = 2 * links_.capacity_bytes() <= memory_limit || links_.size() <= most;
        if (!*fits)
            return Status{};
        return look_at_leaf(*store_, shape_, at, whole, [&](const LeafView &leaf) {
            *next = leaf.head->next;
            for (uint32_t i = 0; i < leaf.head->count && links_.size() < links_.capacity(); ++i)
                if (where.test(leaf.attributes(i)) != filter::Verdict::no && leaf.link(i).slot < kMaxSlots && leaf.link(i).block != kMetaBlock)
                    links_.push_back(leaf.link(i));
        });
    }

    // Some entries of some leaves, the newest of the log among them.
    Status sample(const filter::Predicate &where) {
        uint64_t seen = 0, pass = 0, of_leaves = 0;
        auto look = [&](const LeafView &leaf) {
            const uint32_t step = leaf.head->count / kOfEach + 1;
            for (uint32_t i = 0; i < leaf.head->count; i += step) {
                ++seen;
                pass += where.test(leaf.attributes(i)) != filter::Verdict::no;
            }
        };
        bool found;
        for (const Leaf &leaf : leaves_)
            of_leaves += leaf.count;
        const size_t n = std::min(leaves_.size(), kSamples);
        for (size_t i = 0; i < n; ++i) {
            store_->poll();
            VECX_TRY(look_at_leaf(*store_, shape_, leaves_[(2 * i + 1) * leaves_.size() / (2 * n)].leaf, &found, look));
        }
        if (log_leaves_ > 0)
            VECX_TRY(look_at_leaf(*store_, shape_, log_, &found, look));
        const double all = static_cast<double>(of_leaves + log_entries_);
        matching_ = seen == 0 ? all : std::max(static_cast<double>(pass), 0.5) / static_cast<double>(seen) * all;
        return Status{};
    }

    S *store_;
    Shape shape_;
    Array<Leaf> leaves_; // of the sorted part, that may have rows
    Array<Link> links_;
    Link first_{}, log_{};
    uint64_t entries_ = 0, log_leaves_ = 0, log_entries_ = 0;
    double matching_ = 0;
    bool known_ = false, collected_ = false;
};

} // namespace vecx::hnsw::inlined
