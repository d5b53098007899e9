// The sparse distances against the dense ones in double.
#include "types_sparse_support.hpp"

namespace vecx::types::test {
namespace {

struct Reference {
    double l2sq = 0, dot = 0, l1 = 0, norm_a = 0;
};

Reference reference(const std::vector<float> &a, const std::vector<float> &b) {
    Reference r;
    for (size_t i = 0; i < a.size(); ++i) {
        double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        r.l2sq += (x - y) * (x - y);
        r.dot += x * y;
        r.l1 += std::abs(x - y);
        r.norm_a += x * x;
    }
    return r;
}

TEST(SparseDistance, AgreesWithDense) {
    std::mt19937 random(6);
    for (int round = 0; round < 3000; ++round) {
        int32_t dim = 1 + static_cast<int32_t>(random() % 200);
        Value a = random_value(random, dim), b = random_value(random, dim);
        if (round % 3 == 0) // very different numbers of elements
            b.builder.nnz = static_cast<int32_t>(random() % 3) % (b.builder.nnz + 1);
        Reference r = reference(a.dense(), b.dense());
        SparseView x = a.view().elements, y = b.view().elements;
        // Small integers: every sum is exact.
        ASSERT_EQ(static_cast<double>(sparse_l2sq(x, y)), r.l2sq) << a.text() << " and " << b.text();
        ASSERT_EQ(static_cast<double>(sparse_dot(x, y)), r.dot) << a.text() << " and " << b.text();
        ASSERT_EQ(static_cast<double>(sparse_l1(x, y)), r.l1) << a.text() << " and " << b.text();
        ASSERT_EQ(static_cast<double>(sparse_norm_squared(x)), r.norm_a) << a.text();
        ASSERT_EQ(sparse_l2sq(x, y), sparse_l2sq(y, x));
        ASSERT_EQ(sparse_l2sq(x, x), 0.0f);
    }
}

TEST(SparseDistance, Fractions) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> value(-1, 1);
    for (int round = 0; round < 200; ++round) {
        Value a = random_value(random, 500), b = random_value(random, 500);
        for (Value *v : {&a, &b})
            for (int32_t i = 0; i < v->builder.nnz; ++i)
                v->builder.values[i] = value(random);
        Reference r = reference(a.dense(), b.dense());
        SparseView x = a.view().elements, y = b.view().elements;
        EXPECT_NEAR(static_cast<double>(sparse_l2sq(x, y)), r.l2sq, 1e-5 * r.l2sq);
        EXPECT_NEAR(static_cast<double>(sparse_l1(x, y)), r.l1, 1e-5 * r.l1);
        EXPECT_NEAR(static_cast<double>(sparse_dot(x, y)), r.dot, 1e-5 * r.l2sq);
    }
}

TEST(SparseDistance, FarIndices) {
    Value a = value_of("{1:1,1000000000:2}/1000000000"), b = value_of("{2:3,1000000000:4}/1000000000");
    SparseView x = a.view().elements, y = b.view().elements;
    EXPECT_EQ(sparse_dot(x, y), 8.0f);
    EXPECT_EQ(sparse_l2sq(x, y), 14.0f);
    EXPECT_EQ(sparse_l1(x, y), 6.0f);
}

} // namespace
} // namespace vecx::types::test
