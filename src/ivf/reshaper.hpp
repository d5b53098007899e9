// The work of reshape.hpp: lists packed, split and drained.
#pragma once

#include <algorithm>
#include <memory>

#include "ivf/reshape.hpp"

namespace vecx::ivf {

template <ListStore S, VectorSource V>
class Reshaper {
  public:
    // Memory: `memory_limit` bytes, and some pages.
    Reshaper(S &store, Arena &arena, const Directory &directory, V &vectors, size_t memory_limit)
        : store_(&store), arena_(&arena), directory_(&directory), shape_(directory.shape()), vectors_(&vectors),
          memory_limit_(memory_limit), born_(directory.meta().sweep), next_list_(directory.meta().next_list),
          reader_(store, arena, shape_, directory.codebook()), writer_(store, arena, shape_, 1), encoder_(shape_, directory.mean(), arena, &directory.codebook()),
          centre_(arena.make_array<float>(shape_.centroid_dim())), rotated_(arena.make_array<float>(shape_.centroid_dim())),
          row_(arena.make_array<uint8_t>(shape_.row_size())), writers_(nullptr), writer_count_(0) {}

    uint32_t next_list() const { return next_list_; }

    // A list without the removed rows. `head` becomes its new entry.
    Status pack(CentroidHead *head, const ListSurvey &now) {
        Link open;
        VECX_TRY(seal_list(*store_, shape_, head->id, now.last, born_, false, &open));
        reader_.start(head->id, head->first, open);
        VECX_TRY(writer_.start(head->id, born_));
        for (;;) {
            HeapTid tid;
            const uint8_t *row;
            bool found;
            VECX_TRY(reader_.next(&tid, &row, &found));
            if (!found)
                break;
            VECX_TRY(writer_.add(tid, row));
        }
        ListFacts facts;
        VECX_TRY(writer_.finish(open, &facts));
        head->first = facts.first;
        return Status{};
    }

    // emit(head, code) -> Status for the lists that take the place of one: its parts, and itself, closing.
    template <class Emit>
    Status split(const CentroidHead &head, const int8_t *code, const ListSurvey &now, uint32_t parts, Emit emit) {
        Link open;
        VECX_TRY(seal_list(*store_, shape_, head.id, now.last, born_, false, &open));
        decode_centroid(shape_, head, code, centre_);
        Array<CentroidHead> heads(*arena_);
        Array<int8_t> codes(*arena_);
        VECX_TRY(find_parts(head, open, now, parts, heads, codes));
        VECX_TRY(make_writers(static_cast<uint32_t>(heads.size())));
        for (uint32_t i = 0; i < heads.size(); ++i) {
            heads[i].id = next_list_++;
            VECX_TRY(writers_[i].start(heads[i].id, born_));
        }
        const kernels::KernelTable &table = *kernels::active;
        const size_t n = shape_.centroid_dim();
        reader_.start(head.id, head.first, open);
        for (;;) {
            HeapTid tid;
            const uint8_t *row;
            bool found;
            VECX_TRY(reader_.next(&tid, &row, &found));
            if (!found)
                break;
            Source source;
            VECX_TRY(place(tid, row, &source));
            uint32_t best = 0;
            float least = 0;
            for (uint32_t i = 0; i < heads.size(); ++i) {
                const float distance2 = table.l2sq_f32_i8(encoder_.rotated(), codes.data() + i * n, heads[i].scale, n);
                if (i == 0 || distance2 < least) {
                    best = i;
                    least = distance2;
                }
            }
            encode(heads[best], codes.data() + best * n, row, source);
            VECX_TRY(writers_[best].add(tid, row_));
        }
        for (uint32_t i = 0; i < heads.size(); ++i) {
            ListFacts facts;
            VECX_TRY(writers_[i].finish(Link{}, &facts));
            set_facts(&heads[i], facts);
            VECX_TRY(emit(heads[i], codes.data() + i * n));
        }
        CentroidHead rest = head;
        rest.first = open;
        rest.flags |= kClosing;
        rest.rows = 0;
        heads.give_back();
        VECX_TRY(emit(rest, code));
        codes.give_back();
        return Status{};
    }

    // Takes the rows of a closing list for others. False, with nothing done, when there are too many of them for now.
    Status take(const CentroidHead &head, const int8_t *code, const ListSurvey &now, bool *taken) {
        const size_t each = sizeof(Moved) + shape_.row_size();
        *taken = (moved_.size() + now.rows + kSpare) * each <= memory_limit_ / 2;
        if (!*taken)
            return Status{};
        Link none;
        VECX_TRY(seal_list(*store_, shape_, head.id, now.last, born_, true, &none));
        decode_centroid(shape_, head, code, centre_);
        prepare_nearest();
        reader_.start(head.id, head.first, Link{});
        for (;;) {
            HeapTid tid;
            const uint8_t *row;
            bool found;
            VECX_TRY(reader_.next(&tid, &row, &found));
            if (!found)
                return Status{};
            Source source;
            VECX_TRY(place(tid, row, &source));
            Directory::Found list;
            VECX_TRY(directory_->nearest(*store_, encoder_.rotated(), 4, scratch_, code_, &list));
            encode(list.head, code_, row, source);
            keep_moved(list.head, tid);
        }
    }
    // Takes those rows of a list that another list is clearly nearer to; the list is written anew without them.
    Status shed(const CentroidHead &old, const int8_t *code, const ListSurvey &now) {
        CentroidHead head = old;
        Link open;
        VECX_TRY(seal_list(*store_, shape_, head.id, now.last, born_, false, &open));
        decode_centroid(shape_, head, code, centre_);
        prepare_nearest();
        const size_t each = sizeof(Moved) + shape_.row_size();
        reader_.start(head.id, head.first, open);
        VECX_TRY(writer_.start(head.id, born_));
        for (;;) {
            HeapTid tid;
            const uint8_t *row;
            bool found;
            VECX_TRY(reader_.next(&tid, &row, &found));
            if (!found)
                break;
            Source source;
            VECX_TRY(place(tid, row, &source));
            Directory::Found list;
            VECX_TRY(directory_->nearest(*store_, encoder_.rotated(), 4, scratch_, code_, &list));
            const float own = kernels::active->l2sq_f32(encoder_.rotated(), centre_, shape_.centroid_dim());
            if (list.head.id == head.id || !(list.distance2 < kClearly * own) || (moved_.size() + kSpare) * each > memory_limit_ / 2) {
                VECX_TRY(writer_.add(tid, row));
                continue;
            }
            encode(list.head, code_, row, source);
            keep_moved(list.head, tid);
        }
        ListFacts facts;
        VECX_TRY(writer_.finish(open, &facts));
        head.first = facts.first;
        renewed_.push_back(head);
        return Status{};
    }
    // Writes what was taken, list by list, in pages before those that there are.
    Status write_taken() {
        std::sort(renewed_.begin(), renewed_.end(), [](const CentroidHead &a, const CentroidHead &b) { return a.id < b.id; });
        std::sort(moved_.begin(), moved_.end(), [](const Moved &a, const Moved &b) { return a.list != b.list ? a.list < b.list : a.at < b.at; });
        for (size_t i = 0; i < moved_.size();) {
            size_t end = i;
            VECX_TRY(writer_.start(moved_[i].list, born_));
            for (; end < moved_.size() && moved_[end].list == moved_[i].list; ++end)
                VECX_TRY(writer_.add(moved_[end].tid, bytes_.data() + moved_[end].at));
            ListFacts facts;
            Link tail{};
            const CentroidHead *renewed = find_renewed(moved_[i].list);
            const Link first = renewed != nullptr ? renewed->first : moved_[i].first;
            const char *fault = nullptr;
            VECX_TRY(store_->read(first.block, [&](const PageView &page) {
                const PostingsHead *head;
                fault = postings_fault(page, shape_, first, moved_[i].list, &head);
                if (fault == nullptr)
                    tail = head->tail;
            }));
            if (fault != nullptr)
                return fault_status(first.block, fault);
            VECX_TRY(writer_.finish(first, &facts, tail));
            for (size_t k = i; k < end; ++k) {
                moved_[k].written = facts.first;
                moved_[k].rows = static_cast<uint32_t>(end - i);
            }
            i = end;
        }
        return Status{};
    }
    // The new first page of a list that got or shed rows: changes its entry.
    void renew(CentroidHead *head) const {
        if (const CentroidHead *renewed = find_renewed(head->id); renewed != nullptr)
            head->first = renewed->first;
        const Moved *at = std::lower_bound(moved_.begin(), moved_.end(), head->id, [](const Moved &m, uint32_t id) { return m.list < id; });
        if (at == moved_.end() || at->list != head->id)
            return;
        head->first = at->written;
        head->rows += at->rows;
    }

    Status end() { return writer_.end(); }

  private:
    static constexpr size_t kSpare = 1000;
    static constexpr float kClearly = 0.9f; // of the square distance

    void prepare_nearest() {
        if (scratch_ != nullptr)
            return;
        scratch_ = arena_->make_array<float>(directory_->branches());
        code_ = arena_->make_array<int8_t>(shape_.centroid_dim());
    }
    // The row in row_ goes to a list.
    void keep_moved(const CentroidHead &list, HeapTid tid) {
        const size_t at = bytes_.size();
        bytes_.resize_uninitialized(at + shape_.row_size());
        memcpy(bytes_.data() + at, row_, shape_.row_size());
        moved_.push_back(Moved{list.id, tid, at, list.first, Link{}, 0});
    }
    const CentroidHead *find_renewed(uint32_t id) const {
        const CentroidHead *at = std::lower_bound(renewed_.begin(), renewed_.end(), id, [](const CentroidHead &head, uint32_t wanted) { return head.id < wanted; });
        return at != renewed_.end() && at->id == id ? at : nullptr;
    }

    struct Moved {
        uint32_t list;
        HeapTid tid;
        size_t at; // in bytes_
        Link first, written; // of the list
        uint32_t rows;
    };
    // Where a placed row's coordinates are from.
    struct Source {
        Payload payload; // bytes == nullptr: from its code
        double lost;     // then: |x - what was placed|^2
    };

    Status place(HeapTid tid, const uint8_t *row, Source *out) {
        *out = Source{};
        if (!shape_.coded() || shape_.vectors_rows > 0) {
            out->payload = Payload{row_payload(shape_, row), shape_.payload_size};
        } else {
            Payload payload;
            bool found = false;
            VECX_TRY(vectors_->fetch(tid, &payload, &found));
            if (found && payload_is_sound(shape_.type, shape_.dim, payload))
                out->payload = payload;
        }
        if (out->payload.bytes != nullptr) {
            encoder_.place(out->payload);
        } else {
            out->lost = decode_row(shape_, directory_->codebook(), row, centre_, rotated_);
            encoder_.place_rotated(rotated_);
        }
        return Status{};
    }

    // A code of a code knows what both have lost.
    void encode(const CentroidHead &head, const int8_t *code, const uint8_t *before, const Source &source) {
        encoder_.encode(head, code, source.payload, row_);
        if (source.payload.bytes != nullptr)
            return;
        RowHead now, old;
        memcpy(&now, row_, sizeof now);
        memcpy(&old, before, sizeof old);
        quant::Factors &f = now.factors;
        if (shape_.learnt()) {
            // The scale of a code's error for |y| = 1 is of both.
            const float both = std::sqrt(f.fine_error * f.fine_error + old.factors.fine_error * old.factors.fine_error);
            f.fine_error = both < FLT_MAX ? both : FLT_MAX;
        } else if (f.fine_error < FLT_MAX / 2 && old.factors.fine_error < FLT_MAX / 2) {
            f.fine_error = std::sqrt(f.fine_error * f.fine_error + old.factors.fine_error * old.factors.fine_error);
        } else {
            f.fine_error = FLT_MAX;
        }
        if (!shape_.learnt())
            f.fine_add += static_cast<float>(source.lost);
        if (f.add > -FLT_MAX)
            f.add += static_cast<float>(source.lost);
        memcpy(row_, &now, sizeof now);
    }

    // Centroids for the parts of a list, from a sample of its rows.
    Status find_parts(const CentroidHead &head, Link open, const ListSurvey &now, uint32_t parts, Array<CentroidHead> &heads,
                      Array<int8_t> &codes) {
        const uint32_t n = shape_.centroid_dim();
        cluster::TrainOptions options{};
        options.lists = parts;
        options.dim = n;
        options.geometry = cluster::Geometry::euclidean;
        options.seed = head.id;
        const uint64_t wanted = std::min<uint64_t>(now.rows, uint64_t{parts} * 128);
        options.count = static_cast<uint32_t>(std::min<uint64_t>(wanted, cluster::sample_that_fits(options, 1, memory_limit_ / 2)));
        options.count = std::max(options.count, std::min(static_cast<uint32_t>(wanted), uint32_t{64}));
        float *sample = arena_->make_array<float>(static_cast<size_t>(options.count) * n);
        reader_.start(head.id, head.first, open);
        uint32_t count = 0;
        for (uint64_t i = 0; count < options.count; ++i) {
            HeapTid tid;
            const uint8_t *row;
            bool found;
            VECX_TRY(reader_.next(&tid, &row, &found));
            if (!found)
                break;
            // Evenly spread over the list.
            if (i * options.count / std::max<uint64_t>(now.rows, 1) < count)
                continue;
            Source source;
            VECX_TRY(place(tid, row, &source));
            memcpy(sample + static_cast<size_t>(count++) * n, encoder_.rotated(), n * sizeof(float));
        }
        options.count = count;
        uint32_t made = 0;
        if (count > 0) {
            const cluster::Plan plan = cluster::make_plan(options);
            uint8_t *room = arena_->make_array<uint8_t>(plan.workspace_bytes + 64);
            uint8_t *workspace = room + (64 - reinterpret_cast<uintptr_t>(room) % 64) % 64;
            cluster::Team team;
            team.context = store_;
            team.poll = [](void *context) { static_cast<S *>(context)->poll(); };
            cluster::train(plan, sample, n, workspace, *arena_, team, &made);
            const cluster::Clustering clustering = cluster::clustering_in(plan, workspace);
            codes.resize_uninitialized(static_cast<size_t>(made) * n);
            for (uint32_t i = 0; i < made; ++i) {
                clustering.lists.get(i, rotated_);
                CentroidHead part{};
                encode_centroid(shape_, rotated_, &part, codes.data() + static_cast<size_t>(i) * n);
                heads.push_back(part);
            }
            arena_->give_back(room);
        }
        arena_->give_back(sample);
        if (made == 0) { // nothing to learn from: one part, as it was
            CentroidHead part{};
            codes.resize_uninitialized(n);
            encode_centroid(shape_, centre_, &part, codes.data());
            heads.push_back(part);
        }
        return Status{};
    }

    Status make_writers(uint32_t count) {
        if (count <= writer_count_)
            return Status{};
        ListWriter<S> *more = arena_->make_array<ListWriter<S>>(count);
        for (uint32_t i = 0; i < count; ++i)
            std::construct_at(more + i, *store_, *arena_, shape_, 1);
        writers_ = more;
        writer_count_ = count;
        return Status{};
    }

    S *store_;
    Arena *arena_;
    const Directory *directory_;
    Shape shape_;
    V *vectors_;
    size_t memory_limit_;
    uint32_t born_, next_list_;
    ListReader<S> reader_;
    ListWriter<S> writer_;
    RowEncoder encoder_;
    float *centre_, *rotated_;
    uint8_t *row_;
    ListWriter<S> *writers_;
    uint32_t writer_count_;
    float *scratch_ = nullptr;
    int8_t *code_ = nullptr;
    Array<Moved> moved_{*arena_};
    Array<uint8_t> bytes_{*arena_};
    Array<CentroidHead> renewed_{*arena_}; // lists that have shed rows, by id
};

} // namespace vecx::ivf
