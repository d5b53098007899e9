// lookup_sums is exact at every level, for every number of pairs and groups, and reads nothing outside its arguments.
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

TEST(KernelsLookup, ExactAtEveryLevel) {
    for (Place place : {Place::at_start, Place::at_end})
        for (size_t pairs : {2, 4, 6, 8, 10, 96, 192, 254, 256, 258, 500})
            for (size_t groups : {0, 1, 2, 3, 4, 5, 6, 7, 9}) {
                Guarded<uint8_t> tables(32 * pairs, place), codes(16 * pairs * groups + 1, place);
                Random random(1000 * pairs + groups);
                for (size_t i = 0; i < 32 * pairs; ++i)
                    tables[i] = static_cast<uint8_t>(random.next() % 128);
                // The byte too many stands where the place leaves it: at the other end.
                uint8_t *code = codes.data() + (place == Place::at_end ? 1 : 0);
                for (size_t i = 0; i < 16 * pairs * groups; ++i)
                    code[i] = static_cast<uint8_t>(random.next());
                std::vector<uint32_t> sums(16 * groups, 0);
                for (size_t g = 0; g < groups; ++g)
                    for (size_t p = 0; p < pairs; ++p)
                        for (size_t i = 0; i < 16; ++i) {
                            const uint8_t byte = code[16 * (g * pairs + p) + i];
                            sums[16 * g + i] += tables[16 * p + byte % 16] + uint32_t{tables[16 * (pairs + p) + byte / 16]};
                        }
                for (const Tested &tested : tested_tables()) {
                    Guarded<uint32_t> out(16 * groups + 1, Place::at_start);
                    out[16 * groups] = 77;
                    tested.table->lookup_sums(tables.data(), code, pairs, groups, out.data());
                    EXPECT_TRUE(std::equal(sums.begin(), sums.end(), out.data())) << tested.name << " " << pairs << " " << groups;
                    EXPECT_EQ(out[16 * groups], 77u);
                }
            }
}

TEST(KernelsLookup, ExtremesDoNotOverflow) {
    for (size_t pairs : {256, 260, 2000}) {
        const std::vector<uint8_t> tables(32 * pairs, 127), codes(16 * pairs * 5, 0xA5);
        for (const Tested &tested : tested_tables()) {
            std::vector<uint32_t> out(80, 0);
            tested.table->lookup_sums(tables.data(), codes.data(), pairs, 5, out.data());
            for (uint32_t sum : out)
                EXPECT_EQ(sum, 254 * pairs) << tested.name;
        }
    }
}

} // namespace
} // namespace vecx::test
