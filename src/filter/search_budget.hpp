// When a search through an index under a mask is to be given up because it would be dearer than computing the distances of
// all rows of the mask. README.md, "Giving a search up", has the reasoning.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vecx::filter {

struct SearchBudget {
    double most = 0;   // nodes visited in the time in which the mask's remaining rows can be scored
    double wanted = 0; // nodes with rows of the mask that the search has to meet

    // Whether to give up, having visited `nodes` nodes of which `met` have rows of the mask. At the latest when as much has been
    // spent as the other way takes; earlier, when what has been met so far tells that it will come to that.
    bool spent(uint64_t nodes, uint64_t met) const {
        const double visited = static_cast<double>(nodes), passed = static_cast<double>(met);
        if (visited >= most)
            return true;
        if (visited < std::clamp(most / 16, kFewest, kTrial) || passed >= wanted)
            return false;
        return visited * (wanted - passed) > kDoubt * most * std::max(passed, 0.5);
    }

    // The same of a search without a mask, whose rows are tested as they come: of `tested` rows `passed` were wanted, and `wanted_rows` of
    // these make an end. A row that is tested costs `step` nodes.
    bool spent_testing(uint64_t nodes, uint64_t tested, uint64_t passed, double wanted_rows, double step) const {
        const double visited = static_cast<double>(nodes), rows = static_cast<double>(tested), good = static_cast<double>(passed);
        if (visited >= most)
            return true;
        if (rows < kFewest || good >= wanted_rows)
            return false;
        return visited + step * rows * (wanted_rows - good) / std::max(good, 0.5) > kDoubt * most;
    }

    static constexpr double kFewest = 32, kTrial = 256; // nodes that are visited before anything is concluded
    static constexpr double kDoubt = 1.5;               // a forecast from few nodes must say so much more
};

} // namespace vecx::filter
