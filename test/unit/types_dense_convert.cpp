// Conversions between the dense types, rounding, and the sums of the aggregates.
#include "types/dense_convert.hpp"

#include "types_dense_support.hpp"

namespace vecx::types::test {

namespace {

template <class From, class To>
void expect_exact(size_t n) {
    auto f = small_numbers(n, 10, 127);
    auto x = from_floats<From>(f);
    std::vector<typename To::Stored> y(n);
    ASSERT_TRUE((convert<From, To>(x.data(), n, format_float, y.data()).ok()));
    EXPECT_EQ(to_floats<To>(y), f);
}

template <class From>
void expect_exact_to_all(size_t n) {
    expect_exact<From, F32>(n);
    expect_exact<From, F16>(n);
    expect_exact<From, BF16>(n);
    expect_exact<From, I8>(n);
}

} // namespace

TEST(TypesDenseConvert, ExactWhereBothHoldTheValue) {
    for (size_t n : {size_t{1}, size_t{255}, size_t{256}, size_t{257},
                     size_t{1000}}) { // around the block's size
        expect_exact_to_all<F32>(n);
        expect_exact_to_all<F16>(n);
        expect_exact_to_all<BF16>(n);
        expect_exact_to_all<I8>(n);
    }
}

TEST(TypesDenseConvert, IntegersRoundToEven) {
    const float in[] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -128.5f, 127.49f, -0.0f};
    int8_t out[8];
    ASSERT_TRUE(narrow_floats<I8>(in, 8, format_float, out).ok());
    EXPECT_EQ(std::vector<int8_t>(out, out + 8),
              (std::vector<int8_t>{0, 2, 2, 0, -2, -128, 127, 0}));
    const double close[] = {0.50000000001, 127.49999999999,
                            -0.50000000001}; // as floats these are ties
    ASSERT_TRUE(narrow_doubles<I8>(close, 3, format_float, out).ok());
    EXPECT_EQ(std::vector<int8_t>(out, out + 3), (std::vector<int8_t>{1, 127, -1}));
}

TEST(TypesDenseConvert, WhatDoesNotFit) {
    uint16_t h[2];
    int8_t i[2];
    float x[2];
    const float large[] = {1, 65520}, larger[] = {3.4e38f}, byte[] = {-128.51f};
    EXPECT_STREQ(narrow_floats<F16>(large, 2, format_float, h).message,
                 "\"65520\" is out of range for type halfvec");
    EXPECT_EQ(narrow_floats<BF16>(larger, 1, format_float, h).code, Code::out_of_range);
    EXPECT_EQ(narrow_floats<I8>(byte, 1, format_float, i).code, Code::out_of_range);
    const double huge[] = {1e39}, nan[] = {std::numeric_limits<double>::quiet_NaN()};
    EXPECT_STREQ(narrow_doubles<F32>(huge, 1, format_float, x).message,
                 "infinite value not allowed in vector");
    EXPECT_STREQ(narrow_doubles<I8>(huge, 1, format_float, i).message,
                 "\"1e+39\" is out of range for type int8vec");
    EXPECT_STREQ(narrow_doubles<I8>(nan, 1, format_float, i).message, "NaN not allowed in int8vec");
    const float infinite[] = {-std::numeric_limits<float>::infinity()};
    EXPECT_STREQ(narrow_floats<F16>(infinite, 1, format_float, h).message,
                 "infinite value not allowed in halfvec");
}

TEST(TypesDenseConvert, Sums) {
    auto x = from_floats<I8>(small_numbers(600, 11, 127));
    std::vector<double> sums(600), more(600);
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(accumulate<I8>(x.data(), 600, sums.data()).ok());
    ASSERT_TRUE(accumulate<I8>(x.data(), 600, more.data()).ok());
    ASSERT_TRUE(combine_sums(more.data(), 600, sums.data()).ok());
    std::vector<float> mean(600);
    ASSERT_TRUE(divide_sums<F32>(sums.data(), 4, 600, format_float, mean.data()).ok());
    EXPECT_EQ(mean, to_floats<I8>(x));

    double nearly[] = {1.7e308}, sum[] = {1.7e308};
    EXPECT_STREQ(combine_sums(nearly, 1, sum).message, "value out of range: overflow");
    double large[] = {6e38};
    float out[1];
    EXPECT_STREQ(divide_sums<F32>(large, 1, 1, format_float, out).message,
                 "value out of range: overflow");
    EXPECT_TRUE(divide_sums<F32>(large, 2, 1, format_float, out).ok());
}

} // namespace vecx::types::test
