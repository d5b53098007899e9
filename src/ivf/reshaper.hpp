// The work of reshape.hpp: lists packed, clustered anew and drained.
#pragma once

#include <algorithm>
#include <memory>

#include "ivf/cluster_points.hpp"
#include "ivf/reshape.hpp"

namespace vecx::ivf {

// A list that takes no more rows but in its page `open`; what is before that is to be clustered anew.
struct Sealed {
    CentroidHead head;
    const int8_t *code;
    uint64_t rows;
    Link open;
};

// A list that may take rows of another.
struct Near {
    const CentroidHead *head;
    const int8_t *code;
    float apart2; // of the centroids
};

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

    Status seal(const CentroidHead &head, const ListSurvey &now, Link *open) {
        return seal_list(*store_, shape_, head.id, now.last, born_, false, open);
    }

    // emit(head, code) -> Status for the lists, about `parts`, that take the rows of some: of all together, so that
    // the old lists' boundaries do not stay.
    template <class Emit>
    Status cluster_anew(const Sealed *lists, uint32_t count, uint32_t parts, Emit emit) {
        Array<CentroidHead> heads(*arena_);
        Array<int8_t> codes(*arena_);
        VECX_TRY(find_parts(lists, count, parts, heads, codes));
        VECX_TRY(make_writers(static_cast<uint32_t>(heads.size())));
        for (uint32_t i = 0; i < heads.size(); ++i) {
            heads[i].id = next_list_++;
            VECX_TRY(writers_[i].start(heads[i].id, born_));
        }
        const size_t n = shape_.centroid_dim();
        for (uint32_t from = 0; from < count; ++from) {
            decode_centroid(shape_, lists[from].head, lists[from].code, centre_);
            reader_.start(lists[from].head.id, lists[from].head.first, lists[from].open);
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
                    const float distance2 = distance2_to(heads[i], codes.data() + i * n);
                    if (i == 0 || distance2 < least) {
                        best = i;
                        least = distance2;
                    }
                }
                encode(heads[best], codes.data() + best * n, row, source);
                VECX_TRY(writers_[best].add(tid, row_));
            }
        }
        for (uint32_t i = 0; i < heads.size(); ++i) {
            ListFacts facts;
            VECX_TRY(writers_[i].finish(Link{}, &facts));
            set_facts(&heads[i], facts);
            VECX_TRY(emit(heads[i], codes.data() + i * n));
        }
        heads.give_back();
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
    // Takes those rows of a list that another list is clearly nearer to. Where they are enough to be worth it, the list is
    // written anew without them: *done.
    Status shed(const CentroidHead &old, const int8_t *code, const ListSurvey &now, const Near *near, uint32_t count, bool *done) {
        *done = false;
        decode_centroid(shape_, old, code, centre_);
        const size_t each = sizeof(Moved) + shape_.row_size();
        uint64_t rows = 0, leave = 0;
        for (bool move : {false, true}) {
            CentroidHead head = old;
            Link open{};
            if (move) {
                if (leave * 20 < rows || (moved_.size() + leave + kSpare) * each > memory_limit_ / 2)
                    return Status{};
                VECX_TRY(seal(old, now, &open));
                VECX_TRY(writer_.start(head.id, born_));
            }
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
                const Near *nearest = nullptr;
                float least = kClearly * kernels::active->l2sq_f32(encoder_.rotated(), centre_, shape_.centroid_dim());
                for (uint32_t i = 0; i < count; ++i)
                    if (const float d2 = distance2_to(*near[i].head, near[i].code); d2 < least) {
                        least = d2;
                        nearest = &near[i];
                    }
                if (!move) {
                    ++rows;
                    leave += nearest != nullptr;
                } else if (nearest == nullptr) {
                    VECX_TRY(writer_.add(tid, row));
                } else {
                    encode(*nearest->head, nearest->code, row, source);
                    keep_moved(*nearest->head, tid);
                }
            }
            if (!move)
                continue;
            ListFacts facts;
            VECX_TRY(writer_.finish(open, &facts));
            head.first = facts.first;
            renewed_.push_back(head);
            *done = true;
        }
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
    static constexpr uint32_t kFewParts = 64, kAttempts = 3;

    float distance2_to(const CentroidHead &head, const int8_t *code) const {
        return kernels::active->l2sq_f32_i8(encoder_.rotated(), code, head.scale, shape_.centroid_dim());
    }
    void prepare_nearest() {
        if (scratch_ != nullptr)
            return;
        scratch_ = arena_->make_array<float>(directory_->nearest_scratch());
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
        double less;     // then: to be added to the square of its distance (decode_row)
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
            out->less = decode_row(shape_, directory_->codebook(), row, centre_, rotated_);
            encoder_.place_rotated(rotated_);
        }
        return Status{};
    }

    // A code of a code: what both do not tell adds up, and is known to be so (decode_row).
    void encode(const CentroidHead &head, const int8_t *code, const uint8_t *before, const Source &source) {
        encoder_.encode(head, code, source.payload, row_);
        put_row_attributes(shape_, row_, row_attributes(shape_, before));
        if (source.payload.bytes != nullptr)
            return;
        RowHead now, old;
        memcpy(&now, row_, sizeof now);
        memcpy(&old, before, sizeof old);
        quant::Factors &f = now.factors;
        // Standard deviations of the error of a key, for |q - c| = 1.
        const bool fine = shape_.learnt() || shape_.bits > 1;
        const float sign_error = 0.61f * std::fabs(f.mul); // of the first bit, rabitq
        const float was = fine ? old.factors.fine_error : 0.61f * std::fabs(old.factors.mul);
        if (fine) {
            const float both = std::sqrt(f.fine_error * f.fine_error + was * was);
            f.fine_error = both < FLT_MAX ? both : FLT_MAX;
        }
        if (!(source.less > -FLT_MAX / 4)) { // numbers at the end of their range: no bound
            f.add = -FLT_MAX;
            f.fine_error = FLT_MAX;
            memcpy(row_, &now, sizeof now);
            return;
        }
        if (!shape_.learnt()) {
            f.fine_add += static_cast<float>(source.less);
            // The first bit's bound knows of its own error only. Where the other one counts beside it, the bound is lowered by
            // what that may be for a query somewhat farther away than the row.
            const float n1 = static_cast<float>(shape_.centroid_dim() - 1);
            const float away = 1.5f * std::sqrt(f.length * f.length + was * was * n1);
            const float lower = was > sign_error / 4 ? kCoarseDeviations * was * away : 0;
            if (f.add > -FLT_MAX)
                f.add = lower < FLT_MAX / 4 ? f.add - lower : -FLT_MAX;
        }
        if (f.add > -FLT_MAX)
            f.add += static_cast<float>(source.less);
        memcpy(row_, &now, sizeof now);
    }

    // Centroids for the parts, from a sample of the rows.
    Status find_parts(const Sealed *lists, uint32_t list_count, uint32_t parts, Array<CentroidHead> &heads, Array<int8_t> &codes) {
        const uint32_t n = shape_.centroid_dim();
        uint64_t rows = 0;
        for (uint32_t i = 0; i < list_count; ++i)
            rows += lists[i].rows;
        cluster::TrainOptions options = options_of_points(0, n, parts, lists[0].head.id);
        const uint64_t wanted = std::min<uint64_t>(rows, uint64_t{parts} * (parts <= kFewParts ? 256 : 128));
        options.count = static_cast<uint32_t>(wanted);
        options.count = cluster::sample_that_fits(options, 1, memory_limit_ / 2);
        options.count = std::max(options.count, std::min(static_cast<uint32_t>(wanted), uint32_t{64}));
        float *sample = arena_->make_array<float>(static_cast<size_t>(options.count) * n);
        uint32_t count = 0;
        uint64_t passed = 0;
        for (uint32_t from = 0; from < list_count; ++from) {
            decode_centroid(shape_, lists[from].head, lists[from].code, centre_);
            reader_.start(lists[from].head.id, lists[from].head.first, lists[from].open);
            for (; count < options.count; ++passed) {
                HeapTid tid;
                const uint8_t *row;
                bool found;
                VECX_TRY(reader_.next(&tid, &row, &found));
                if (!found)
                    break;
                // Evenly spread over the lists.
                if (passed * options.count / std::max<uint64_t>(rows, 1) < count)
                    continue;
                Source source;
                VECX_TRY(place(tid, row, &source));
                memcpy(sample + static_cast<size_t>(count++) * n, encoder_.rotated(), n * sizeof(float));
            }
        }
        options.count = count;
        if (count > 0)
            cluster_points(*store_, *arena_, options, parts <= kFewParts ? kAttempts : 1, sample, nullptr, [&](const float *centroid) {
                CentroidHead part{};
                const size_t end = codes.size();
                codes.resize_uninitialized(end + n);
                encode_centroid(shape_, centroid, &part, codes.data() + end);
                heads.push_back(part);
            });
        arena_->give_back(sample);
        if (heads.empty()) { // nothing to learn from: one part, as it was
            CentroidHead part{};
            codes.resize_uninitialized(n);
            decode_centroid(shape_, lists[0].head, lists[0].code, centre_);
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
