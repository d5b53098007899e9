// Conversion between sparsevec and the dense types.
#include <limits>

#include "types/sparse_convert.hpp"
#include "types_sparse_support.hpp"

namespace vecx::types::test {
namespace {

// Stands in for PostgreSQL's shortest float.
int print_float(float value, char *out) { return snprintf(out, 16, "%g", static_cast<double>(value)); }

template <class E>
class SparseConvert : public testing::Test {};
using Elements = testing::Types<F32, F16, BF16, I8>;
TYPED_TEST_SUITE(SparseConvert, Elements);

TYPED_TEST(SparseConvert, ThereAndBack) {
    std::mt19937 random(8);
    for (int round = 0; round < 200; ++round) {
        Value v = random_value(random, 1 + static_cast<int32_t>(random() % 300));
        std::vector<typename TypeParam::Stored> dense(static_cast<size_t>(v.dim), typename TypeParam::Stored{7});
        ASSERT_TRUE(scatter<TypeParam>(v.view(), print_float, dense.data()).ok());
        std::vector<float> expected = v.dense();
        for (size_t i = 0; i < dense.size(); ++i)
            ASSERT_EQ(TypeParam::widen(dense[i]), expected[i]);

        Value back(count_nonzero<TypeParam>(dense.data(), dense.size()));
        back.dim = v.dim;
        ASSERT_EQ(back.builder.capacity, v.builder.nnz);
        ASSERT_TRUE(gather_nonzero<TypeParam>(dense.data(), dense.size(), &back.builder).ok());
        ASSERT_EQ(back.text(), v.text());
    }
}

TEST(SparseConvertLimits, TooLargeForTheType) {
    auto message = []<class E>(E, const char *literal) {
        Value v = value_of(literal);
        std::vector<typename E::Stored> dense(static_cast<size_t>(v.dim));
        return std::string(scatter<E>(v.view(), print_float, dense.data()).message);
    };
    EXPECT_EQ(message(F16{}, "{2:65520}/2"), "\"65520\" is out of range for type halfvec");
    EXPECT_EQ(message(F16{}, "{2:65519}/2"), "");
    EXPECT_EQ(message(BF16{}, "{1:3.4e38}/2"), "\"3.4e+38\" is out of range for type bf16vec");
    EXPECT_EQ(message(I8{}, "{1:127,2:-129}/2"), "\"-129\" is out of range for type int8vec");
    EXPECT_EQ(message(F32{}, "{1:3.4028235e38}/2"), "");
}

TEST(SparseConvertLimits, NumbersFromElsewhere) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
    const float numbers[] = {0.0f, -0.0f, 1.0f, kNan};
    EXPECT_EQ(count_nonzero<F32>(numbers, 4), 2);
    Value out(2);
    EXPECT_STREQ(gather_nonzero<F32>(numbers, 4, &out.builder).message, "NaN not allowed in sparsevec");
    const float infinite[] = {-kInfinity};
    out = Value(1);
    EXPECT_STREQ(gather_nonzero<F32>(infinite, 1, &out.builder).message, "infinite value not allowed in sparsevec");
}

} // namespace
} // namespace vecx::types::test
