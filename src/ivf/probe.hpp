// A query made ready, and the lists of an index in the order in which it looks at them.
#pragma once

#include <cmath>

#include "ivf/directory.hpp"

namespace vecx::ivf {

// Keys of rows, smaller is nearer: with codes l2 |q - x|^2, cosine the same of normalised vectors, ip -<q, x>; with quantiser
// none Measure::distance. Those of centroids are as with codes; l1 and the metrics of bits order lists by l2.
class Probe {
  public:
    Probe(const Directory &directory, Payload query, Arena &arena)
        : directory_(&directory), encoder_(directory.shape(), directory.shape().metric == Metric::ip ? nullptr : directory.mean(), arena) {
        const Shape &shape = directory.shape();
        encoder_.place(query);
        if (shape.metric == Metric::ip) {
            // Rows are less their mean, the query is not: <q, x> = <q, x - m> + <q, m>.
            const kernels::KernelTable &table = *kernels::active;
            float *plain = arena.make_array<float>(static_cast<size_t>(shape.dim));
            to_geometry(shape, query, plain);
            if (directory.mean() != nullptr)
                mean_key_ = -table.dot_f32(plain, directory.mean(), static_cast<size_t>(shape.dim));
            norm2_ = table.dot_f32(encoder_.rotated(), encoder_.rotated(), shape.centroid_dim());
        }
        if (shape.quantizer == QuantizerKind::pq)
            lookup_ = quant::prepare_lookup(encoder_.rotated(), directory.codebook(), arena);
        else if (shape.quantizer == QuantizerKind::rabitq)
            query_ = quant::prepare(encoder_.rotated(), shape.centroid_dim(), arena);
    }

    const quant::Query &query() const { return query_; }        // of rabitq
    const quant::LookupQuery &lookup() const { return lookup_; } // of pq
    const float *rotated() const { return encoder_.rotated(); }

    // The key of a centroid, and |q - c|.
    void centre(const CentroidHead &head, const int8_t *code, float *key, float *reach) const {
        const Shape &shape = directory_->shape();
        const kernels::KernelTable &table = *kernels::active;
        if (shape.metric == Metric::ip) {
            const float dot = table.dot_f32_i8(encoder_.rotated(), code, head.scale, shape.centroid_dim());
            const float distance2 = norm2_ + head.norm2 - 2 * dot;
            *key = mean_key_ - dot;
            *reach = std::sqrt(distance2 > 0 ? distance2 : 0.0f);
        } else {
            *key = table.l2sq_f32_i8(encoder_.rotated(), code, head.scale, shape.centroid_dim());
            *reach = std::sqrt(*key);
        }
    }

    // Between keys and what SQL shows.
    double shown(double key) const {
        const Shape &shape = directory_->shape();
        if (shape.metric == Metric::l2)
            return std::sqrt(key > 0 ? key : 0.0);
        return shape.coded() && shape.metric == Metric::cosine ? key / 2 : key;
    }
    double key_of_shown(double distance) const {
        const Shape &shape = directory_->shape();
        if (shape.metric == Metric::l2)
            return distance * distance;
        return shape.coded() && shape.metric == Metric::cosine ? 2 * distance : distance;
    }
    double key_of_measure(double distance) const {
        const Shape &shape = directory_->shape();
        return shape.coded() && shape.metric == Metric::cosine ? 2 * distance : distance;
    }

  private:
    const Directory *directory_;
    RowEncoder encoder_;
    quant::Query query_{};
    quant::LookupQuery lookup_{};
    float mean_key_ = 0, norm2_ = 0;
};

// A list as a scan sees it.
struct ListAhead {
    float key, reach;
    uint32_t id;
    Link first;
};

// Gives the lists nearest first. Branches are opened nearest first, until several times as many lists are known as were asked
// for: so the order is that of the centroids' keys but for lists in far branches, which come when their branch is opened.
class ListOrder {
  public:
    ListOrder(const Directory &directory, const Probe &probe, Arena &arena)
        : directory_(&directory), probe_(&probe), branches_(arena), lists_(arena) {}

    // `count` lists in all will be asked for, as far as is known.
    void expect(uint64_t count) { asked_ = count > asked_ ? count : asked_; }

    template <ListStore S>
    Status next(S &store, ListAhead *out, bool *found) {
        if (!started_)
            start();
        expect(++given_);
        while (!branches_.empty() && known_ < kLeast + kTimes * asked_) {
            const uint32_t branch = branches_.pop().number;
            VECX_TRY(directory_->for_each_list(store, branch, [&](const CentroidHead &head, const int8_t *code) {
                ListAhead list{0, 0, head.id, head.first};
                probe_->centre(head, code, &list.key, &list.reach);
                lists_.push(list);
                ++known_;
            }));
            store.poll();
        }
        *found = !lists_.empty();
        if (*found)
            *out = lists_.pop();
        return Status{};
    }
    bool done() const { return started_ && branches_.empty() && lists_.empty(); }

  private:
    static constexpr uint64_t kLeast = 256, kTimes = 8;
    struct Branch {
        float key;
        uint32_t number;
    };
    struct NearerBranch {
        bool operator()(const Branch &a, const Branch &b) const { return a.key < b.key; }
    };
    struct NearerList {
        bool operator()(const ListAhead &a, const ListAhead &b) const { return a.key != b.key ? a.key < b.key : a.id < b.id; }
    };

    void start() {
        started_ = true;
        for (uint32_t i = 0; i < directory_->branches(); ++i) {
            Branch branch{0, i};
            float reach;
            if (directory_->branches() > 1)
                probe_->centre(directory_->branch(i), directory_->branch_code(i), &branch.key, &reach);
            branches_.push(branch);
        }
    }

    const Directory *directory_;
    const Probe *probe_;
    Heap<Branch, NearerBranch> branches_;
    Heap<ListAhead, NearerList> lists_;
    uint64_t asked_ = 0, given_ = 0, known_ = 0;
    bool started_ = false;
};

} // namespace vecx::ivf
