// The order of sparsevec is that of the dense vectors they stand for.
#include "types_sparse_support.hpp"

namespace vecx::types::test {
namespace {

int compare_dense(const std::vector<float> &a, const std::vector<float> &b) {
    for (size_t i = 0; i < a.size() && i < b.size(); ++i)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

TEST(SparseCompare, AgreesWithDense) {
    std::mt19937 random(3);
    int seen[3] = {};
    for (int round = 0; round < 20000; ++round) {
        // Small enough for equal values to come up.
        Value a = random_value(random, 1 + static_cast<int32_t>(random() % 4));
        Value b = random_value(random, 1 + static_cast<int32_t>(random() % 4));
        int expected = compare_dense(a.dense(), b.dense());
        ASSERT_EQ(compare_sparse(a.view(), b.view()), expected) << a.text() << " and " << b.text();
        ASSERT_EQ(compare_sparse(b.view(), a.view()), -expected) << a.text() << " and " << b.text();
        ++seen[expected + 1];
    }
    for (int count : seen)
        EXPECT_GT(count, 100);
}

TEST(SparseCompare, ElementBeyondTheOther) {
    EXPECT_EQ(compare_sparse(value_of("{1:1}/1").view(), value_of("{1:1,2:-1}/2").view()), -1);
    EXPECT_EQ(compare_sparse(value_of("{1:1}/2").view(), value_of("{1:1,2:-1}/2").view()), 1);
    EXPECT_EQ(compare_sparse(value_of("{}/1000000000").view(), value_of("{1:-1}/1").view()), 1);
}

} // namespace
} // namespace vecx::types::test
