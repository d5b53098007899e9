// Which table is taken, and that it can be forced.
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

// Leaves the active table as it was.
class KernelsDispatch : public testing::Test {
  protected:
    const KernelTable *before_ = kernels::active;
    void TearDown() override { kernels::active = before_; }
};

TEST_F(KernelsDispatch, ScalarIsAlwaysThereAndActiveAtFirst) {
    ASSERT_NE(kernels::find(Level::scalar), nullptr);
    EXPECT_STREQ(kernels::find(Level::scalar)->name, "scalar");
    EXPECT_EQ(kernels::active, kernels::find(Level::scalar));
}

TEST_F(KernelsDispatch, NamesParseToTheirLevels) {
    for (size_t i = 0; i < std::size(kLevels); ++i) {
        Level level;
        ASSERT_TRUE(kernels::parse_level(kLevelNames[i], &level)) << kLevelNames[i];
        EXPECT_EQ(level, kLevels[i]);
        if (const KernelTable *table = kernels::find(level)) {
            EXPECT_STREQ(table->name, kLevelNames[i]);
            EXPECT_EQ(table->level, level);
        }
    }
}

TEST_F(KernelsDispatch, OtherNamesAreRefusedAndChangeNothing) {
    for (const char *name : {"", "AVX2", "avx", "avx2 ", "auto", "sse"}) {
        Level level = Level::neon;
        EXPECT_FALSE(kernels::parse_level(name, &level)) << name;
        EXPECT_EQ(level, Level::neon);
    }
}

TEST_F(KernelsDispatch, ChooseTakesEffectOrDoesNothing) {
    for (Level level : kLevels) {
        const KernelTable *table = kernels::find(level), *was = kernels::active;
        EXPECT_EQ(kernels::choose(level), table != nullptr);
        EXPECT_EQ(kernels::active, table != nullptr ? table : was);
    }
}

TEST_F(KernelsDispatch, FindIsStable) {
    for (Level level : kLevels)
        EXPECT_EQ(kernels::find(level), kernels::find(level));
}

TEST_F(KernelsDispatch, UnknownLevelIsNotFound) { EXPECT_EQ(kernels::find(static_cast<Level>(200)), nullptr); }

TEST_F(KernelsDispatch, BestIsTheHighestFound) {
    Level best = kernels::best_level();
    ASSERT_NE(kernels::find(best), nullptr);
    for (Level level : kLevels)
        if (kernels::find(level) != nullptr) {
            EXPECT_LE(level, best);
        }
}

TEST_F(KernelsDispatch, EveryEntryIsFilled) {
    for (const Tested &tested : tested_tables()) {
        SCOPED_TRACE(tested.name);
        // After name and level a table is nothing but pointers to functions.
        const KernelTable &t = *tested.table;
        const void *entries[(sizeof(KernelTable) - offsetof(KernelTable, l2sq_f32)) / sizeof(void *)];
        memcpy(entries, &t.l2sq_f32, sizeof entries);
        for (const void *entry : entries)
            EXPECT_NE(entry, nullptr);
    }
}

#if defined(__x86_64__)
// The compiler's own detection, which also asks the operating system, must agree.
TEST_F(KernelsDispatch, AgreesWithTheCompiler) {
    __builtin_cpu_init();
    bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt");
    bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
              __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
              __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    EXPECT_EQ(kernels::find(Level::x86_v2) != nullptr, v2);
    EXPECT_EQ(kernels::find(Level::avx2) != nullptr, v3);
    EXPECT_EQ(kernels::find(Level::avx512) != nullptr, v4);
    EXPECT_EQ(kernels::find(Level::neon), nullptr);
    if (const KernelTable *table = kernels::find(Level::avx512)) {
        bool vnni = __builtin_cpu_supports("avx512vnni"), vpopcntdq = __builtin_cpu_supports("avx512vpopcntdq");
        EXPECT_EQ(table->dot_i8, vnni ? kernels::kAvx512Vnni.dot_i8 : kernels::kAvx512Table.dot_i8);
        EXPECT_EQ(table->l2sq_i8, vnni ? kernels::kAvx512Vnni.l2sq_i8 : kernels::kAvx512Table.l2sq_i8);
        EXPECT_EQ(table->hamming, vpopcntdq ? kernels::kAvx512Popcount.hamming : kernels::kAvx512Table.hamming);
        bool vbmi = vnni && __builtin_cpu_supports("avx512vbmi");
        EXPECT_EQ(table->sweep, vbmi ? kernels::kAvx512Vbmi.sweep : kernels::kAvx512Table.sweep);
        EXPECT_EQ(table->jaccard, vpopcntdq ? kernels::kAvx512Popcount.jaccard : kernels::kAvx512Table.jaccard);
    }
}
#elif defined(__aarch64__)
TEST_F(KernelsDispatch, NeonIsTheBest) { EXPECT_EQ(kernels::best_level(), Level::neon); }
#endif

} // namespace
} // namespace vecx::test
