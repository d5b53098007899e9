// Writing a new index: the directory first, then the rows, list by list. Memory: a few pages and vectors, and 12 bytes a list.
#pragma once

#include "base/crash.hpp"
#include "ivf/chain.hpp"
#include "ivf/directory.hpp"
#include "ivf/list_writer.hpp"

namespace vecx::ivf {

struct BuildStatistics {
    uint32_t auto_probes; // 0: not measured
    float auto_recall;
};

// The store is of an empty relation that nobody else sees (or of the init fork: begin, one branch, one list, finish).
//   begin, add_codebook, { add_branch, add_list as often as it has children } as often as needed, finish_directory, add for each row in
//   ascending order of lists, finish.
// Without rows to cluster: one branch and one list, both with a centroid of zeroes.
template <ListStore S>
class Builder {
  public:
    Builder(S &store, Arena &arena, const Shape &shape)
        : store_(&store), shape_(shape), encoder_(shape, nullptr, arena), roots_(store, arena, shape.body_size),
          lists_(store, arena, shape.body_size), writer_(store, arena, shape), places_(arena),
          entry_(arena.make_array<uint8_t>(shape.centroid_size())), root_(arena.make_array<uint8_t>(shape.centroid_size())),
          coordinates_(arena.make_array<float>(static_cast<size_t>(shape.dim))), arena_(&arena) {}

    // Block 0, and the mean: shape.dim coordinates in the geometry of encode.hpp, or null for zero.
    Status begin(const float *mean, uint32_t wanted_lists) {
        shape_to_meta(shape_, &meta_);
        meta_.wanted_lists = wanted_lists;
        meta_.structure = 1;
        uint32_t block;
        VECX_CRASH_EXTEND("ivf.build.metapage");
        VECX_TRY(store_->extend([&](MutablePage &page) { init_meta(page, meta_); }, &block));
        if (block != kMetaBlock)
            return Status::make(Code::internal, "the metapage would be block %u", block);
        if (mean == nullptr)
            return Status{};
        // The encoder keeps the pointer: the builder's own copy.
        float *copy = arena_->make_array<float>(static_cast<size_t>(shape_.dim));
        memcpy(copy, mean, static_cast<size_t>(shape_.dim) * sizeof(float));
        encoder_ = RowEncoder(shape_, copy, *arena_);
        lists_.start(PageKind::vector, 0, 0, static_cast<uint32_t>(shape_.dim) * 4);
        VECX_TRY(lists_.add(mean));
        return lists_.finish(&meta_.mean);
    }
    // The codebook of a learnt() shape, Shape::codebook_size() bytes: at any time before finish(). Nothing for the others.
    Status add_codebook(const uint8_t *bytes) {
        return shape_.learnt() ? write_codebook(*store_, *arena_, shape_, bytes, 0, &meta_.codebook) : Status{};
    }
    // Centroids in the same geometry, not less the mean: first a branch, then as many lists as it has children. A list costs a
    // page, so branches without children and lists that stay empty are to be avoided.
    Status add_branch(const float *centroid, uint32_t children) {
        if (meta_.branches == 0)
            roots_.start(PageKind::centroids, kRootBranch, 0, shape_.centroid_size());
        else
            VECX_TRY(close_branch());
        make_entry(centroid, root_, meta_.branches);
        head_of(root_)->rows = children;
        lists_.start(PageKind::centroids, meta_.branches, 0, shape_.centroid_size());
        ++meta_.branches;
        return Status{};
    }
    Status add_list(const float *centroid) {
        make_entry(centroid, entry_, meta_.lists);
        Spot spot;
        VECX_TRY(lists_.add(entry_, &spot.page, &spot.offset));
        places_.push_back(spot);
        ++meta_.lists;
        store_->poll();
        return Status{};
    }
    // From here on meta() can be given to Directory::load, also by other processes: they place and encode rows with
    // Directory::nearest and RowEncoder::encode.
    Status finish_directory() {
        VECX_TRY(close_branch());
        VECX_TRY(roots_.finish(&meta_.root));
        meta_.next_list = meta_.lists;
        return Status{};
    }

    // A row of list `list` (CentroidHead::id: lists count from 0 in the order of add_list) as RowEncoder wrote it.
    Status add(uint32_t list, HeapTid tid, const uint8_t *row) {
        if (list >= meta_.lists || (open_ && list < list_))
            return Status::make(Code::internal, "row of list %u after those of list %u of %u", list, list_, meta_.lists);
        VECX_TRY(go_to(list));
        ++rows_;
        return writer_.add(tid, row);
    }
    // Writes the lists that are left, empty, and the metapage: the index is complete.
    Status finish(const BuildStatistics &statistics) {
        VECX_TRY(go_to(meta_.lists - 1));
        VECX_TRY(close_list());
        VECX_TRY(writer_.end());
        meta_.built_rows = rows_;
        meta_.built_spread2 = rows_ > 0 ? static_cast<float>(length2_ / static_cast<double>(rows_)) : 0.0f;
        if (!(meta_.built_spread2 < 0x1p126f))
            meta_.built_spread2 = 0x1p126f;
        meta_.auto_probes = statistics.auto_probes;
        meta_.auto_recall = statistics.auto_recall;
        VECX_CRASH_SITE("ivf.build.commit");
        return store_->update(kMetaBlock, [&](MutablePage &page) {
            init_meta(page, meta_);
            return true;
        });
    }

    const MetaRecord &meta() const { return meta_; }

  private:
    struct Spot {
        Link page;
        uint32_t offset;
    };

    static CentroidHead *head_of(uint8_t *entry) { return reinterpret_cast<CentroidHead *>(entry); }
    void make_entry(const float *centroid, uint8_t *entry, uint32_t id) {
        memset(entry, 0, shape_.centroid_size());
        memcpy(coordinates_, centroid, static_cast<size_t>(shape_.dim) * sizeof(float));
        encoder_.place_geometry(coordinates_);
        encode_centroid(shape_, encoder_.rotated(), head_of(entry), reinterpret_cast<int8_t *>(entry + sizeof(CentroidHead)));
        head_of(entry)->id = id;
    }
    Status close_branch() {
        VECX_TRY(lists_.finish(&head_of(root_)->first));
        return roots_.add(root_);
    }
    Status go_to(uint32_t list) {
        while (!open_ || list_ < list) {
            VECX_TRY(close_list());
            list_ = open_ ? list_ + 1 : 0;
            VECX_TRY(writer_.start(list_, 0));
            open_ = true;
            store_->poll();
        }
        return Status{};
    }
    Status close_list() {
        if (!open_)
            return Status{};
        ListFacts facts;
        VECX_TRY(writer_.finish(Link{}, &facts));
        length2_ += facts.length2;
        const Spot spot = places_[list_];
        VECX_CRASH_SITE("ivf.build.centroid");
        return store_->update(spot.page.block, [&](MutablePage &page) {
            set_facts(reinterpret_cast<CentroidHead *>(page.body + spot.offset), facts);
            return true;
        });
    }

    S *store_;
    Shape shape_;
    MetaRecord meta_{};
    RowEncoder encoder_; // for centroids
    ChainWriter<S> roots_, lists_;
    ListWriter<S> writer_;
    Array<Spot> places_; // of the lists' entries
    uint8_t *entry_, *root_;
    float *coordinates_;
    Arena *arena_;
    uint64_t rows_ = 0;
    double length2_ = 0;
    uint32_t list_ = 0;
    bool open_ = false;
};

} // namespace vecx::ivf
