// Arithmetic on sparsevec against the same on dense vectors, and the sums of avg.
#include <cfloat>

#include "types/sparse_sum.hpp"
#include "types_sparse_support.hpp"

namespace vecx::types::test {
namespace {

using ElementWise = Status (*)(const SparseVector &, const SparseVector &, SparseBuilder *);

// Runs `function` with the room that its contract asks for.
Status apply(ElementWise function, const Value &a, const Value &b, Value *out) {
    *out = Value(a.builder.nnz + b.builder.nnz);
    out->dim = a.dim;
    return function(a.view(), b.view(), &out->builder);
}

TEST(SparseArithmetic, AgreesWithDense) {
    std::mt19937 random(4);
    for (int round = 0; round < 2000; ++round) {
        int32_t dim = 1 + static_cast<int32_t>(random() % 30);
        Value a = random_value(random, dim), b = random_value(random, dim);
        std::vector<float> x = a.dense(), y = b.dense(), sum(x), difference(x), product(x);
        for (size_t i = 0; i < x.size(); ++i) {
            sum[i] += y[i];
            difference[i] -= y[i];
            product[i] = x[i] * y[i] + 0.0f; // no minus zero
        }
        Value out;
        ASSERT_TRUE(apply(add_sparse, a, b, &out).ok());
        expect_well_formed(out);
        EXPECT_EQ(out.dense(), sum);
        ASSERT_TRUE(apply(subtract_sparse, a, b, &out).ok());
        expect_well_formed(out);
        EXPECT_EQ(out.dense(), difference);
        out = Value(std::min(a.builder.nnz, b.builder.nnz));
        out.dim = dim;
        ASSERT_TRUE(multiply_sparse(a.view(), b.view(), &out.builder).ok());
        expect_well_formed(out);
        EXPECT_EQ(out.dense(), product);
    }
}

TEST(SparseArithmetic, Errors) {
    Value out;
    Value large = value_of("{1:3e38}/2"), minus = value_of("{1:-3e38}/2"), small = value_of("{1:1e-30}/2");
    EXPECT_STREQ(apply(add_sparse, large, large, &out).message, "value out of range: overflow");
    EXPECT_STREQ(apply(subtract_sparse, large, minus, &out).message, "value out of range: overflow");
    EXPECT_STREQ(apply(multiply_sparse, large, large, &out).message, "value out of range: overflow");
    EXPECT_STREQ(apply(multiply_sparse, small, small, &out).message, "value out of range: underflow");
    EXPECT_EQ(apply(multiply_sparse, small, small, &out).code, Code::out_of_range);
    for (ElementWise f : {add_sparse, subtract_sparse, multiply_sparse})
        EXPECT_STREQ(apply(f, large, value_of("{}/3"), &out).message, "different sparsevec dimensions 2 and 3");
}

// 16,000 elements at every second index from `first`.
Value full(int32_t first) {
    std::vector<int32_t> indices;
    for (int32_t i = 0; i < kMaxSparseNnz; ++i)
        indices.push_back(first + 2 * i);
    return Value(3 * kMaxSparseNnz, std::move(indices), std::vector<float>(static_cast<size_t>(kMaxSparseNnz), 1.0f));
}

TEST(SparseArithmetic, LimitOfElements) {
    Value even = full(0), odd = full(1), out;
    EXPECT_TRUE(apply(add_sparse, even, even, &out).ok());
    EXPECT_EQ(out.builder.nnz, kMaxSparseNnz);
    EXPECT_EQ(apply(add_sparse, even, odd, &out).code, Code::limit_exceeded);
    EXPECT_TRUE(apply(multiply_sparse, even, odd, &out).ok());
    EXPECT_EQ(out.builder.nnz, 0);
    int32_t dim;
    out = Value(2 * kMaxSparseNnz);
    EXPECT_EQ(concatenate_sparse(even.view(), odd.view(), &out.builder, &dim).code, Code::limit_exceeded);

    Arena arena = malloc_arena();
    SparseSum sum(arena);
    EXPECT_TRUE(add_to_sum(&sum, even.view()).ok());
    EXPECT_EQ(add_to_sum(&sum, odd.view()).code, Code::limit_exceeded);
    EXPECT_EQ(sum.count, 1);
    EXPECT_TRUE(add_to_sum(&sum, even.view()).ok());
    arena.give_back(sum.indices.data());
    arena.give_back(sum.sums.data());
}

TEST(SparseArithmetic, Concatenate) {
    Value a = value_of("{2:1}/3"), b = value_of("{1:2,4:3}/4"), out(3);
    ASSERT_TRUE(concatenate_sparse(a.view(), b.view(), &out.builder, &out.dim).ok());
    EXPECT_EQ(out.text(), "{2:1,4:2,7:3}/7");
    Value most = value_of("{}/1000000000");
    EXPECT_EQ(concatenate_sparse(most.view(), a.view(), &out.builder, &out.dim).code, Code::limit_exceeded);
}

TEST(SparseArithmetic, Subvector) {
    Value a = value_of("{1:1,3:3,5:5}/5");
    struct {
        int32_t start, count;
        const char *expected; // null: an error
    } cases[] = {
        {1, 5, "{1:1,3:3,5:5}/5"}, {2, 3, "{2:3}/3"},      {5, 1, "{1:5}/1"},   {2, 1, "{}/1"},
        {4, 100, "{2:5}/2"},       {-1, 3, "{1:1}/1"},     {-2, 3, nullptr},    {6, 1, nullptr},
        {1, 0, nullptr},           {3, -1, nullptr},       {INT32_MAX, INT32_MAX, nullptr},
        {INT32_MIN, INT32_MAX, nullptr},                   {3, INT32_MAX, "{1:3,3:5}/3"},
    };
    for (auto &c : cases) {
        Value out(a.builder.nnz);
        Status s = subvector_sparse(a.view(), c.start, c.count, &out.builder, &out.dim);
        if (c.expected != nullptr) {
            EXPECT_TRUE(s.ok()) << c.start << ", " << c.count;
            EXPECT_EQ(out.text(), c.expected);
        } else {
            EXPECT_STREQ(s.message, "sparsevec must have at least 1 dimension") << c.start << ", " << c.count;
        }
    }
}

TEST(SparseArithmetic, Normalize) {
    auto normalized = [](const char *literal) {
        Value a = value_of(literal), out(a.builder.nnz);
        out.dim = a.dim;
        EXPECT_TRUE(normalize_sparse(a.view().elements, &out.builder).ok());
        expect_well_formed(out);
        return out.text();
    };
    EXPECT_EQ(normalized("{1:3,3:4}/3"), "{1:0.600000024,3:0.800000012}/3");
    EXPECT_EQ(normalized("{}/3"), "{}/3");
    EXPECT_EQ(normalized("{1:3e38,2:3e38}/2"), "{1:0.707106769,2:0.707106769}/2"); // no overflow in between
    EXPECT_EQ(normalized("{1:1e-45}/2"), "{1:1}/2");
    EXPECT_EQ(normalized("{1:1e38,2:1e-38}/2"), "{1:1}/2"); // what becomes zero goes
}

TEST(SparseSumTest, AverageAgreesWithDense) {
    std::mt19937 random(5);
    for (int round = 0; round < 300; ++round) {
        int32_t dim = 1 + static_cast<int32_t>(random() % 20);
        int parts = 1 + static_cast<int>(random() % 3);
        Arena arena = malloc_arena();
        SparseSum total(arena);
        std::vector<double> expected(static_cast<size_t>(dim));
        int64_t count = 0;
        for (int part = 0; part < parts; ++part) { // as parallel workers would
            SparseSum sum(arena);
            for (int i = static_cast<int>(random() % 5); i > 0; --i, ++count) {
                Value v = random_value(random, dim);
                ASSERT_TRUE(add_to_sum(&sum, v.view()).ok());
                std::vector<float> dense = v.dense();
                for (size_t j = 0; j < dense.size(); ++j)
                    expected[j] += static_cast<double>(dense[j]);
            }
            ASSERT_TRUE(add_to_sum(&total, sum).ok());
            arena.give_back(sum.indices.data());
            arena.give_back(sum.sums.data());
        }
        ASSERT_EQ(total.count, count);
        if (count > 0) {
            Value out(static_cast<int32_t>(total.indices.size()));
            out.dim = dim;
            average_of_sum(total, &out.builder);
            expect_well_formed(out);
            std::vector<float> dense = out.dense();
            for (size_t j = 0; j < dense.size(); ++j)
                EXPECT_EQ(dense[j], static_cast<float>(expected[j] / static_cast<double>(count)));
        }
        arena.give_back(total.indices.data());
        arena.give_back(total.sums.data());
    }
}

TEST(SparseSumTest, DimensionsMustAgree) {
    Arena arena = malloc_arena();
    SparseSum sum(arena);
    ASSERT_TRUE(add_to_sum(&sum, value_of("{}/3").view()).ok());
    EXPECT_STREQ(add_to_sum(&sum, value_of("{1:1}/4").view()).message, "different sparsevec dimensions 3 and 4");
    EXPECT_EQ(sum.count, 1);
    EXPECT_TRUE(sum.indices.empty());
}

} // namespace
} // namespace vecx::types::test
