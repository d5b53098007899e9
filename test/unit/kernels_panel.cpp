// panel_scores at every level against double precision, and against itself where rows stand in other places.
#include <cmath>

#include "kernels_support.hpp"

namespace vecx::test {
namespace {

constexpr size_t kColumns = kernels::kPanelColumns;

TEST(KernelsPanel, ScoresEveryRowAgainstEveryColumn) {
    Random random(7);
    for (size_t n : {size_t{0}, size_t{1}, size_t{3}, size_t{16}, size_t{33}, size_t{128}, size_t{784}})
        for (size_t count : {size_t{0}, size_t{1}, size_t{5}, size_t{6}, size_t{7}, size_t{8}, size_t{9}, size_t{96}})
            for (Place place : {Place::at_start, Place::at_end}) {
                Guarded<float> rows(count * n, place), panel(n * kColumns, place), bias(kColumns, place);
                Guarded<float> out(count * kColumns, place);
                std::vector<const float *> pointers;
                for (size_t i = 0; i < count * n; ++i)
                    rows[i] = random.real();
                for (size_t i = 0; i < n * kColumns; ++i)
                    panel[i] = random.real();
                for (size_t c = 0; c < kColumns; ++c)
                    bias[c] = random.real();
                for (size_t i = 0; i < count; ++i)
                    pointers.push_back(rows.data() + i * n);
                for (const Tested &tested : tested_tables()) {
                    for (size_t i = 0; i < count * kColumns; ++i)
                        out[i] = NAN;
                    tested.table->panel_scores(pointers.data(), count, n, panel.data(), bias.data(), out.data());
                    for (size_t i = 0; i < count; ++i)
                        for (size_t c = 0; c < kColumns; ++c) {
                            double sum = -static_cast<double>(bias[c]), size = std::fabs(sum);
                            for (size_t j = 0; j < n; ++j) {
                                const double product = static_cast<double>(rows[i * n + j]) * panel[j * kColumns + c];
                                sum += product;
                                size += std::fabs(product);
                            }
                            ASSERT_NEAR(out[i * kColumns + c], sum, 1e-6 * static_cast<double>(n + 1) * size)
                                << tested.name << " n " << n << " row " << i << " of " << count << " column " << c;
                        }
                }
            }
}

TEST(KernelsPanel, ARowsScoresDoNotDependOnItsNeighbours) {
    Random random(8);
    constexpr size_t kRows = 29, kLength = 100;
    std::vector<float> rows(kRows * kLength), panel(kLength * kColumns), bias(kColumns), together(kRows * kColumns);
    for (auto *part : {&rows, &panel, &bias})
        for (float &x : *part)
            x = random.real();
    std::vector<const float *> pointers;
    for (size_t i = 0; i < kRows; ++i)
        pointers.push_back(&rows[i * kLength]);
    for (const Tested &tested : tested_tables()) {
        tested.table->panel_scores(pointers.data(), kRows, kLength, panel.data(), bias.data(), together.data());
        for (size_t i = 0; i < kRows; ++i) {
            float alone[kColumns];
            tested.table->panel_scores(&pointers[i], 1, kLength, panel.data(), bias.data(), alone);
            ASSERT_EQ(memcmp(alone, &together[i * kColumns], sizeof alone), 0) << tested.name << " row " << i;
        }
    }
}

} // namespace
} // namespace vecx::test
