#include "cluster/panels.hpp"

#include <cmath>
#include <limits>

#include "base/core_only.hpp"

namespace vecx::cluster {

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr uint32_t kColumns = Panels::kColumns;

float largest(const float *scores) {
    float parts[8];
    for (uint32_t c = 0; c < 8; ++c)
        parts[c] = scores[c];
    for (uint32_t at = 8; at < kColumns; at += 8)
        for (uint32_t c = 0; c < 8; ++c)
            parts[c] = parts[c] < scores[at + c] ? scores[at + c] : parts[c];
    for (uint32_t half = 4; half > 0; half /= 2)
        for (uint32_t c = 0; c < half; ++c)
            parts[c] = parts[c] < parts[c + half] ? parts[c + half] : parts[c];
    return parts[0];
}

} // namespace

void Panels::clear() const {
    for (size_t i = 0; i < element_count(columns, dim); ++i)
        elements[i] = 0;
    for (size_t i = 0; i < bias_count(columns); ++i)
        bias[i] = -kNone;
}

void Panels::set(uint32_t c, const float *centroid, Geometry geometry) const {
    float *to = column(c);
    double square = 0;
    for (uint32_t j = 0; j < dim; ++j) {
        to[size_t{j} * kColumns] = centroid[j];
        square += static_cast<double>(centroid[j]) * centroid[j];
    }
    bias[c] = geometry == Geometry::spherical ? 0.5f : static_cast<float>(0.5 * square);
}

void Panels::get(uint32_t c, float *centroid) const {
    const float *from = column(c);
    for (uint32_t j = 0; j < dim; ++j)
        centroid[j] = from[size_t{j} * kColumns];
}

void Panels::disable(uint32_t c) const { bias[c] = -kNone; }

bool Panels::in_use(uint32_t c) const { return bias[c] != -kNone; }

void Panels::swap(uint32_t c, uint32_t d) const {
    float *x = column(c), *y = column(d);
    for (uint32_t j = 0; j < dim; ++j) {
        const float kept = x[size_t{j} * kColumns];
        x[size_t{j} * kColumns] = y[size_t{j} * kColumns];
        y[size_t{j} * kColumns] = kept;
    }
    const float kept = bias[c];
    bias[c] = bias[d];
    bias[d] = kept;
}

void find_best(const Panels &panels, uint32_t first, uint32_t last, const float *const *rows, uint32_t count, float *best,
               uint32_t *which) {
    alignas(64) float scores[kBlock * kColumns];
    for (uint32_t p = first; p < last; ++p) {
        kernels::active->panel_scores(rows, count, panels.dim, panels.panel(p), panels.bias + size_t{p} * kColumns, scores);
        for (uint32_t i = 0; i < count; ++i) {
            const float *row = scores + i * kColumns;
            const float top = largest(row);
            if (!(top > best[i]))
                continue;
            uint32_t c = 0;
            while (c + 1 < kColumns && !(row[c] == top))
                ++c;
            best[i] = top;
            which[i] = p * kColumns + c;
        }
    }
}

void find_several(const Panels &panels, const float *const *rows, uint32_t count, uint32_t wanted, float *best,
                  uint32_t *which) {
    alignas(64) float scores[kBlock * kColumns];
    for (uint32_t begin = 0; begin < count; begin += kBlock) {
        const uint32_t n = count - begin < kBlock ? count - begin : kBlock;
        float *block_best = best + size_t{begin} * wanted;
        uint32_t *block_which = which + size_t{begin} * wanted;
        for (size_t i = 0; i < size_t{n} * wanted; ++i) {
            block_best[i] = kNone;
            block_which[i] = UINT32_MAX;
        }
        for (uint32_t p = 0; p < panels.panels(); ++p) {
            kernels::active->panel_scores(rows + begin, n, panels.dim, panels.panel(p), panels.bias + size_t{p} * kColumns,
                                          scores);
            for (uint32_t i = 0; i < n; ++i) {
                const float *row = scores + i * kColumns;
                float *found = block_best + size_t{i} * wanted;
                uint32_t *columns = block_which + size_t{i} * wanted;
                if (!(largest(row) > found[wanted - 1]))
                    continue;
                for (uint32_t c = 0; c < kColumns; ++c) {
                    if (!(row[c] > found[wanted - 1]))
                        continue;
                    uint32_t at = wanted - 1; // insertion: few are wanted
                    for (; at > 0 && row[c] > found[at - 1]; --at) {
                        found[at] = found[at - 1];
                        columns[at] = columns[at - 1];
                    }
                    found[at] = row[c];
                    columns[at] = p * kColumns + c;
                }
            }
        }
        for (uint32_t i = 0; i < n; ++i) { // no score at all (an overflow): the first column
            uint32_t *columns = block_which + size_t{i} * wanted;
            if (columns[0] == UINT32_MAX)
                columns[0] = 0;
            for (uint32_t j = 1; j < wanted; ++j)
                if (columns[j] == UINT32_MAX)
                    columns[j] = columns[j - 1];
        }
    }
}

} // namespace vecx::cluster
