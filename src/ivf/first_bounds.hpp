// The first that a scan learns of the rows of a page: lower bounds of their keys from their codes, or, where the page has
// the vectors themselves (quantiser none), the keys. quant/README.md has the bounds.
#pragma once

#include <limits>

#include "ivf/encode.hpp"
#include "ivf/passing_rows.hpp"
#include "ivf/probe.hpp"
#include "ivf/scan.hpp"

namespace vecx::ivf {

class FirstBounds {
  public:
    static constexpr uint32_t kSkip = 16; // rows that are passed over together

    // All must outlive this. `query` must be sound for the shape.
    FirstBounds(const Directory &directory, const Probe &probe, const Measure &measure, Payload query, Arena &arena)
        : directory_(&directory), probe_(&probe), measure_(&measure), query_(query), coded_(directory.shape().coded()),
          bounds_(arena.make_array<float>(directory.shape().page_rows + kSkip)),
          keys_(arena.make_array<double>(coded_ ? 1 : directory.shape().page_rows)) {}

    // Of the rows of a page of `list` that pass.
    void find(const PostingsView &view, const ListAhead &list, const PassingRows &passing, StreamCounters *counters) {
        if (!coded_) {
            find_keys(view, passing, counters);
            return;
        }
        const PostingsHead &head = view.head();
        const Shape &shape = directory_->shape();
        quant::Bounds bounds;
        bounds.centre_key = list.key;
        bounds.reach = list.reach;
        bounds.add_scale = head.add_scale;
        bounds.mul_scale = head.mul_scale;
        if (shape.learnt()) {
            find_learnt(view, passing, bounds);
            return;
        }
        bounds.deviations = kCoarseDeviations;
        quant::lower_bounds(probe_->query(), bounds, shape.words, (head.count + 3u) / 4, view.signs(), view.add(), view.mul(), bounds_);
    }

    double of(uint32_t row) const { return coded_ ? static_cast<double>(bounds_[row]) : keys_[row]; }
    // Whether it is less than `window`, which may be infinity: then a bound that is infinite or no number is, too.
    bool below(uint32_t row, double window) const {
        if (window == std::numeric_limits<double>::infinity())
            return true;
        return coded_ ? bounds_[row] < narrowed(window) : keys_[row] < window;
    }
    // The first row from `row` on that may be below the window, or one before it: most are passed over many at a time.
    uint32_t skip(uint32_t row, uint32_t count, double window) const {
        if (!coded_ || window == std::numeric_limits<double>::infinity())
            return row;
        const float limit = narrowed(window);
        while (row + kSkip <= count && !any_below(bounds_ + row, limit))
            row += kSkip;
        return row;
    }

  private:
    static float narrowed(double window) {
        return window < 3.4e38 ? static_cast<float>(window) : std::numeric_limits<float>::infinity();
    }
    // One of kSkip; without a branch, for the compiler to vectorise.
    static bool any_below(const float *bounds, float window) {
        uint32_t below = 0;
        for (uint32_t i = 0; i < kSkip; ++i)
            below |= bounds[i] < window;
        return below != 0;
    }

    void find_keys(const PostingsView &view, const PassingRows &passing, StreamCounters *counters) {
        for (uint32_t i = 0; i < view.head().count; ++i) {
            if (view.tids()[i].offset == 0 || !passing.has(i))
                continue;
            const double distance = measure_->distance(*measure_, query_, Payload{view.payload(i), directory_->shape().payload_size});
            keys_[i] = distance == distance ? distance : std::numeric_limits<double>::infinity();
            ++counters->exact;
        }
    }

    void find_learnt(const PostingsView &view, const PassingRows &passing, quant::Bounds &bounds) {
        const uint32_t count = view.head().count;
        bounds.deviations = directory_->codebook().head.deviations;
        if (directory_->shape().quantizer == QuantizerKind::pq) {
            if (bounds.add_scale == 0) // all rows are without a bound: minus infinity stays what it is
                bounds.add_scale = 1;
            quant::lookup_bounds(probe_->lookup(), bounds, (count + 15) / 16, view.words(), view.add(), view.mul(), view.unit(), bounds_);
            return;
        }
        for (uint32_t i = 0; i < count; ++i) {
            if (!passing.has(i))
                continue;
            const quant::Factors f = view.factors(i);
            bounds_[i] = quant::scalar_bound(probe_->rotated(), directory_->shape().centroid_dim(), bounds,
                                             reinterpret_cast<const int8_t *>(view.payload(i) + sizeof(FineHead)), f.add, f.mul, f.fine_error);
        }
    }

    const Directory *directory_;
    const Probe *probe_;
    const Measure *measure_;
    Payload query_;
    bool coded_;
    float *bounds_; // of a page
    double *keys_;  // of a page, quantiser none
};

} // namespace vecx::ivf
