// plane_sum is exact at every level, for every number of planes, and reads nothing outside its arguments.
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

TEST(KernelsPlanes, ExactAtEveryLevel) {
    for (Place place : {Place::at_start, Place::at_end})
        for (size_t words : {1, 2, 3, 4, 5, 7, 12, 13, 250})
            for (size_t count = 1; count <= 7; ++count) {
                const size_t n = 64 * words;
                Guarded<int8_t> x(n, place);
                Guarded<uint8_t> planes(8 * words * count, place);
                Random random(100 * words + count);
                for (size_t i = 0; i < n; ++i)
                    x[i] = static_cast<int8_t>(static_cast<int>(random.next() % 255) - 127);
                for (size_t i = 0; i < 8 * words * count; ++i)
                    planes[i] = static_cast<uint8_t>(random.next());
                int64_t sum = 0;
                for (size_t i = 0; i < n; ++i)
                    for (size_t p = 0; p < count; ++p)
                        if ((planes[8 * words * p + i / 8] >> (i % 8)) & 1)
                            sum += int64_t{x[i]} << p;
                for (const Tested &tested : tested_tables())
                    EXPECT_EQ(tested.table->plane_sum(x.data(), planes.data(), words, count), sum) << tested.name << " " << words << " " << count;
            }
}

TEST(KernelsPlanes, ExtremesDoNotOverflow) {
    for (size_t words : {1, 250})
        for (int8_t value : {-127, 127}) {
            std::vector<int8_t> x(64 * words, value);
            std::vector<uint8_t> planes(8 * words * 7, 0xFF);
            for (const Tested &tested : tested_tables())
                EXPECT_EQ(tested.table->plane_sum(x.data(), planes.data(), words, 7), int64_t{value} * 127 * 64 * static_cast<int64_t>(words));
        }
}

} // namespace
} // namespace vecx::test
