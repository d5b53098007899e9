// Centroids as the kernel panel_scores wants them: 32 side by side, with what is taken off each dot product, so that the
// largest score is the nearest centroid.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.hpp"

namespace vecx::cluster {

// What a centroid is of the rows that are nearest to it.
enum class Geometry : uint8_t {
    euclidean, // their mean
    spherical, // the direction of their mean; rows have norm 1
    majority,  // rows are of zeroes and ones: what more than half of them have in each place
};

// Plain memory that somebody else owns. Columns that are not in use score -infinity.
struct Panels {
    static constexpr uint32_t kColumns = kernels::kPanelColumns;

    float *elements; // panels * dim * kColumns
    float *bias;     // panels * kColumns
    uint32_t columns;
    uint32_t dim;

    static uint32_t panels_of(uint32_t columns) { return (columns + kColumns - 1) / kColumns; }
    static size_t element_count(uint32_t columns, uint32_t dim) { return size_t{panels_of(columns)} * kColumns * dim; }
    static size_t bias_count(uint32_t columns) { return size_t{panels_of(columns)} * kColumns; }

    uint32_t panels() const { return panels_of(columns); }
    const float *panel(uint32_t p) const { return elements + size_t{p} * kColumns * dim; }
    float *column(uint32_t c) const { return elements + size_t{c / kColumns} * kColumns * dim + c % kColumns; }

    void clear() const; // no column is in use
    void set(uint32_t c, const float *centroid, Geometry geometry) const;
    void get(uint32_t c, float *centroid) const;
    void disable(uint32_t c) const;
    bool in_use(uint32_t c) const;
    void swap(uint32_t c, uint32_t d) const;
};

// Scores of rows against panels [first, last) for at most kBlock rows; where one is better than best[i], that and its column.
// Of equal scores the first stays.
constexpr uint32_t kBlock = 96;
void find_best(const Panels &panels, uint32_t first, uint32_t last, const float *const *rows, uint32_t count, float *best,
               uint32_t *which);

// The `wanted` best columns of each row, best first: which[i * wanted + j]; fewer than wanted columns in use: the last repeated.
void find_several(const Panels &panels, const float *const *rows, uint32_t count, uint32_t wanted, float *best,
                  uint32_t *which);

} // namespace vecx::cluster
