// The sorted part of the directory of attributes (directory.hpp): made from all living nodes, by a build and by VACUUM, which
// so takes the log in and leaves out what is gone.
//
// Inserts and scans go on meanwhile. First the log is begun anew: a *barrier*, an empty leaf, comes in front of it, and the
// leaf that was the first is closed. What is added from then on comes before the barrier; what was added earlier is of nodes
// that the pass over all pages meets, for they were written before. At the end the metapage names the new fences, and the
// barrier forgets what is behind it. A crash between the two leaves entries that are there twice, one before them records
// that nobody names: the next VACUUM frees those.
#pragma once

#include <algorithm>

#include "base/flat_set.hpp"
#include "hnsw/free.hpp"
#include "hnsw/inlined/directory.hpp"
#include "hnsw/inlined/lists.hpp"

namespace vecx::hnsw::inlined {

template <NodeStore S>
class Folder {
  public:
    Folder(S &store, Arena &arena, const Shape &shape, uint32_t body_size, size_t memory_limit)
        : store_(&store), arena_(&arena), shape_(shape), body_size_(body_size),
          limit_(std::clamp<size_t>(memory_limit / 2, kLeastMemory, kMostMemory)), words_(entry_size(shape) / 8), entries_(arena),
          order_(arena), fences_(arena), named_(arena), unnamed_(arena) {}

    // Makes the sorted part anew. Only one at a time on an index.
    Status fold() {
        Link barrier{};
        VECX_TRY(begin_log_anew(&barrier));
        VECX_CRASH_POINT("inlined.fold.log_begun");
        fences_.clear();
        entries_.clear();
        const uint32_t per_page = body_size_ / shape_.record_size(kGroup) + 1;
        for (uint32_t block = 1; block < store_->block_count(); ++block) {
            store_->poll();
            if ((entries_.size() + per_page * words_) * sizeof(uint64_t) > limit_)
                VECX_TRY(write_run());
            entries_.reserve(entries_.size() + per_page * words_);
            VECX_TRY(for_each_node(*store_, shape_, block, [&](uint16_t slot, const NodeView &node) {
                if (node.dead() || entries_.size() + words_ > entries_.capacity())
                    return;
                const Link link{block, slot, node.head->generation};
                const size_t at = entries_.size();
                entries_.resize_uninitialized(at + words_);
                memcpy(&entries_[at], &link, sizeof link);
                memcpy(&entries_[at + 1], node.attributes, shape_.attributes_size());
            }));
        }
        VECX_TRY(write_run());
        Link first{};
        VECX_TRY(write_fences(&first));
        VECX_CRASH_POINT("inlined.fold.written");
        VECX_TRY(name_fences(first));
        if (!barrier.none())
            VECX_TRY(forget_behind(barrier));
        return Status{};
    }

    // Makes it anew if that is worth it: the log has become long, or much is stale (`look_at_nodes`: rows were removed). Frees
    // what nobody names.
    Status tend(bool look_at_nodes, uint64_t *freed) {
        uint64_t entries, log_leaves;
        bool whole;
        VECX_TRY(note_named(&entries, &log_leaves, &whole));
        bool wanted = !whole || log_leaves > kLongLog;
        if (!wanted && !look_at_nodes)
            return Status{};
        uint64_t living;
        VECX_TRY(look_for_unnamed(&living));
        wanted = wanted || entries > living + living / 4 + most_entries(shape_, body_size_);
        if (wanted) {
            VECX_TRY(fold());
            VECX_TRY(note_named(&entries, &log_leaves, &whole));
            VECX_TRY(look_for_unnamed(&living));
        }
        return free_unnamed(freed);
    }

  private:
    static constexpr size_t kLeastMemory = 64 * 1024, kMostMemory = 32 << 20; // sorting so much cannot be cancelled
    static constexpr uint64_t kLongLog = 8;

    struct Place {
        uint64_t key; // of the first column
        uint32_t null;
        uint32_t at; // in entries_, in entries
        bool operator<(const Place &o) const {
            if (null != o.null)
                return null < o.null;
            return key != o.key ? key < o.key : at < o.at;
        }
    };

    Status begin_log_anew(Link *barrier) {
        for (;;) {
            MetaRecord meta;
            store_->poll();
            VECX_TRY(read_meta(*store_, &meta));
            if (meta.log.none()) {
                *barrier = Link{};
                return Status{};
            }
            bool done, found;
            VECX_TRY(begin_log_leaf(*store_, shape_, meta.log, 0, kFirstLogLeaf, Link{}, nullptr, barrier, &done));
            if (!done)
                continue;
            const char *fault = nullptr;
            const Link old = meta.log;
            VECX_TRY(look_at_leaf(*store_, shape_, old, &found, [](const LeafView &) {}));
            if (!found) // damaged: nobody adds to it
                return Status{};
            VECX_CRASH_SITE("inlined.fold.close_log");
            VECX_TRY(store_->update(old.block, [&](MutablePage &page) {
                LeafView leaf;
                fault = leaf_fault(view_of(page), shape_, old.slot, &leaf);
                if (fault != nullptr || leaf.head == nullptr || leaf.head->generation != old.generation ||
                    leaf.head->capacity == leaf.head->count)
                    return false;
                LeafHead *head = reinterpret_cast<LeafHead *>(page.body + (reinterpret_cast<const uint8_t *>(leaf.head) - page.body));
                head->capacity = head->count;
                return true;
            }));
            return fault == nullptr ? Status{} : fault_status(old.block, fault);
        }
    }

    // Leaves of what is in entries_, in order.
    Status write_run() {
        const size_t count = entries_.size() / words_;
        order_.resize_uninitialized(count);
        for (size_t i = 0; i < count; ++i) {
            const uint64_t *row = &entries_[i * words_ + 1];
            order_[i] = Place{filter::attribute_key(row, 0), filter::attribute_is_null(row, 0), static_cast<uint32_t>(i)};
        }
        store_->poll();
        std::sort(order_.begin(), order_.end());
        const uint32_t most = most_entries(shape_, body_size_);
        for (size_t from = 0; from < count; from += most) {
            const uint32_t n = static_cast<uint32_t>(std::min<size_t>(most, count - from));
            Fence fence{Link{}, ~uint64_t{0}, 0, n, 0};
            for (uint32_t i = 0; i < n; ++i) {
                const Place &place = order_[from + i];
                fence.nulls |= place.null;
                if (place.null == 0) {
                    fence.low = std::min(fence.low, place.key);
                    fence.high = std::max(fence.high, place.key);
                }
            }
            store_->poll();
            VECX_TRY(place_record(
                *store_, leaf_size(shape_, n), RecordKind::leaf,
                [&](uint8_t *record, uint16_t) {
                    LeafHead *head = reinterpret_cast<LeafHead *>(record);
                    head->count = head->capacity = static_cast<uint16_t>(n);
                    for (uint32_t i = 0; i < n; ++i)
                        memcpy(record + sizeof(LeafHead) + size_t{i} * entry_size(shape_), &entries_[order_[from + i].at * words_],
                               entry_size(shape_));
                },
                &fence.leaf));
            VECX_CRASH_POINT("inlined.fold.leaf_written");
            fences_.push_back(fence);
        }
        entries_.clear();
        return Status{};
    }

    // The last ones first, so that each record can name its successor.
    Status write_fences(Link *first) {
        const uint32_t most = most_fences(body_size_);
        for (size_t end = fences_.size(); end > 0;) {
            const uint32_t n = static_cast<uint32_t>(end % most == 0 ? most : end % most);
            end -= n;
            const Link next = *first;
            store_->poll();
            VECX_TRY(place_record(
                *store_, static_cast<uint32_t>(sizeof(FencesHead) + n * sizeof(Fence)), RecordKind::fences,
                [&](uint8_t *record, uint16_t) {
                    FencesHead *head = reinterpret_cast<FencesHead *>(record);
                    head->count = static_cast<uint16_t>(n);
                    head->next = next;
                    memcpy(record + sizeof(FencesHead), &fences_[end], n * sizeof(Fence));
                },
                first));
        }
        return Status{};
    }

    Status name_fences(Link first) {
        const char *fault = nullptr;
        VECX_CRASH_SITE("inlined.fold.name_fences");
        VECX_TRY(store_->update(kMetaBlock, [&](MutablePage &page) {
            MetaRecord meta;
            fault = meta_fault(view_of(page), &meta);
            if (fault != nullptr)
                return false;
            reinterpret_cast<MetaRecord *>(page.body + sizeof(PageHead))->fences = first;
            return true;
        }));
        return fault == nullptr ? Status{} : fault_status(kMetaBlock, fault);
    }

    Status forget_behind(Link barrier) {
        const char *fault = nullptr;
        VECX_CRASH_SITE("inlined.fold.forget_log");
        VECX_TRY(store_->update(barrier.block, [&](MutablePage &page) {
            LeafView leaf;
            fault = leaf_fault(view_of(page), shape_, barrier.slot, &leaf);
            if (fault != nullptr || leaf.head == nullptr || leaf.head->generation != barrier.generation)
                return false;
            reinterpret_cast<LeafHead *>(page.body + (reinterpret_cast<const uint8_t *>(leaf.head) - page.body))->next = Link{};
            return true;
        }));
        return fault == nullptr ? Status{} : fault_status(barrier.block, fault);
    }

    // The records that make up the directory now.
    Status note_named(uint64_t *entries, uint64_t *log_leaves, bool *whole) {
        named_.clear();
        *entries = *log_leaves = 0;
        return walk_directory(
            *store_, shape_, *arena_, whole,
            [&](Link link) {
                named_.add(link.key());
                return Status{};
            },
            [&](Link link, const Fence *fence) {
                named_.add(link.key());
                *log_leaves += fence == nullptr;
                *entries += fence != nullptr ? fence->count : 0;
                bool found;
                return fence != nullptr ? Status{} : look_at_leaf(*store_, shape_, link, &found, [&](const LeafView &leaf) { *entries += leaf.head->count; });
            });
    }

    // Records of the directory that are not among these, and how many nodes live.
    Status look_for_unnamed(uint64_t *living) {
        unnamed_.clear();
        *living = 0;
        for (uint32_t block = 1; block < store_->block_count(); ++block) {
            store_->poll();
            unnamed_.reserve(unnamed_.size() + kMaxSlots);
            const char *fault = nullptr;
            VECX_TRY(store_->read(block, [&](const PageView &page) {
                if ((fault = page_fault(page)) != nullptr)
                    return;
                for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
                    const uint16_t slot = static_cast<uint16_t>(i);
                    NodeView node;
                    uint16_t generation = 0;
                    if ((fault = node_fault(page, shape_, slot, &node)) != nullptr)
                        return;
                    if (node.head != nullptr)
                        *living += !node.dead();
                    else if (is_of_directory(page, slot, &generation) && !named_.has(Link{block, slot, generation}.key()))
                        unnamed_.push_back(Link{block, slot, generation});
                }
            }));
            if (fault != nullptr)
                return fault_status(block, fault);
        }
        return Status{};
    }

    bool is_of_directory(const PageView &page, uint16_t slot, uint16_t *generation) const {
        LeafView leaf;
        FencesView fences;
        if (leaf_fault(page, shape_, slot, &leaf) == nullptr && leaf.head != nullptr)
            *generation = leaf.head->generation;
        else if (fences_fault(page, slot, &fences) == nullptr && fences.head != nullptr)
            *generation = fences.head->generation;
        else
            return false;
        return true;
    }

    // A leaf of the log may be written and not yet named: wait for its writer, and look again.
    Status free_unnamed(uint64_t *freed) {
        if (unnamed_.empty())
            return Status{};
        store_->lock_chunk_writers(true);
        store_->unlock_chunk_writers(true);
        uint64_t entries, log_leaves;
        bool whole;
        VECX_TRY(note_named(&entries, &log_leaves, &whole));
        if (!whole) // damaged
            return Status{};
        size_t kept = 0;
        for (const Link &link : unnamed_)
            if (!named_.has(link.key()))
                unnamed_[kept++] = link;
        unnamed_.resize_uninitialized(kept);
        auto may_go = [&](const PageView &page, Link link) {
            uint16_t generation = 0;
            return is_of_directory(page, link.slot, &generation) && generation == link.generation;
        };
        return free_records(*store_, unnamed_.data(), unnamed_.size(), may_go, freed);
    }

    S *store_;
    Arena *arena_;
    Shape shape_;
    uint32_t body_size_;
    size_t limit_;
    uint32_t words_; // of an entry
    Array<uint64_t> entries_;
    Array<Place> order_;
    Array<Fence> fences_;
    FlatSet<kKeyStateMask> named_;
    Array<Link> unnamed_;
};

// For VACUUM, after repair. `rows_removed`: there may be entries of nodes that are gone.
template <NodeStore S>
Status tend_directory(S &store, Arena &arena, size_t memory_limit, bool rows_removed, uint64_t *freed) {
    MetaRecord meta;
    Shape shape;
    uint32_t body_size;
    VECX_TRY(read_shape(store, &meta, &shape, &body_size));
    if (shape.attributes == 0)
        return Status{};
    Folder<S> folder(store, arena, shape, body_size, memory_limit);
    return folder.tend(rows_removed, freed);
}

// For a build, when all nodes are written.
template <NodeStore S>
Status make_directory(S &store, Arena &arena, const Shape &shape, uint32_t body_size, size_t memory_limit) {
    if (shape.attributes == 0)
        return Status{};
    Folder<S> folder(store, arena, shape, body_size, memory_limit);
    return folder.fold();
}

} // namespace vecx::hnsw::inlined
