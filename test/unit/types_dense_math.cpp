// Arithmetic, comparison, norms, bits and parts, for each dense type.
#include "types/dense_math.hpp"

#include "types_dense_support.hpp"

namespace vecx::types::test {

template <class E>
class TypesDenseMath : public ::testing::Test {};
TYPED_TEST_SUITE(TypesDenseMath, AllTypes);

TYPED_TEST(TypesDenseMath, ElementByElement) {
    using E = TypeParam;
    for (size_t n : {size_t{1}, size_t{3}, size_t{8}, size_t{33}, size_t{1000}}) {
        auto fa = small_numbers(n, 5), fb = small_numbers(n, 6);
        auto a = from_floats<E>(fa), b = from_floats<E>(fb), out = a;
        std::vector<float> sum(n), difference(n), product(n);
        for (size_t i = 0; i < n; ++i) {
            sum[i] = fa[i] + fb[i];
            difference[i] = fa[i] - fb[i];
            product[i] = fa[i] * fb[i];
        }
        ASSERT_TRUE(add<E>(a.data(), b.data(), n, out.data()).ok());
        EXPECT_EQ(to_floats<E>(out), sum);
        ASSERT_TRUE(subtract<E>(a.data(), b.data(), n, out.data()).ok());
        EXPECT_EQ(to_floats<E>(out), difference);
        ASSERT_TRUE(multiply<E>(a.data(), b.data(), n, out.data()).ok());
        EXPECT_EQ(to_floats<E>(out), product);
        ASSERT_TRUE(add<E>(a.data(), b.data(), n, a.data()).ok()); // in place
        EXPECT_EQ(to_floats<E>(a), sum);
    }
}

TYPED_TEST(TypesDenseMath, OverflowAndUnderflow) {
    using E = TypeParam;
    float most = E::kIsFloat ? 0 : 127;
    if constexpr (E::kIsFloat)
        most = E::widen(sizeof(typename E::Stored) == 4      ? E::narrow(3.4028235e38f)
                        : std::string(E::kName) == "halfvec" ? E::narrow(65504.0f)
                                                             : E::narrow(3.3895314e38f));
    auto a = from_floats<E>({1, most}), minus = from_floats<E>({1, -most}), out = a;
    EXPECT_STREQ(add<E>(a.data(), a.data(), 2, out.data()).message, "value out of range: overflow");
    EXPECT_EQ(subtract<E>(minus.data(), a.data(), 2, out.data()).code, Code::out_of_range);
    EXPECT_STREQ(multiply<E>(a.data(), a.data(), 2, out.data()).message,
                 "value out of range: overflow");
    EXPECT_TRUE(subtract<E>(a.data(), a.data(), 2, out.data()).ok());
    if constexpr (E::kIsFloat) {
        auto least = from_floats<E>({1, E::widen(1)}),
             zero = from_floats<E>({0, 0}); // the smallest denormal
        if (sizeof(typename E::Stored) == 4)
            least = from_floats<E>({1, 1e-45f});
        EXPECT_STREQ(multiply<E>(least.data(), least.data(), 2, out.data()).message,
                     "value out of range: underflow");
        EXPECT_TRUE(multiply<E>(least.data(), zero.data(), 2, out.data()).ok());
    }
}

TYPED_TEST(TypesDenseMath, Norm) {
    using E = TypeParam;
    for (size_t n = 1; n < 40; ++n) {
        auto f = small_numbers(n, 7);
        double sum = 0;
        for (float value : f)
            sum += static_cast<double>(value) * static_cast<double>(value);
        EXPECT_DOUBLE_EQ(l2_norm<E>(from_floats<E>(f).data(), n), std::sqrt(sum));
    }
}

TYPED_TEST(TypesDenseMath, Order) {
    using E = TypeParam;
    auto order = [](const std::vector<float> &a, const std::vector<float> &b) {
        auto x = from_floats<E>(a), y = from_floats<E>(b);
        int forth = compare<E>(x.data(), x.size(), y.data(), y.size()),
            back = compare<E>(y.data(), y.size(), x.data(), x.size());
        EXPECT_EQ(forth, -back);
        return forth;
    };
    EXPECT_EQ(order({1, 2}, {1, 2}), 0);
    EXPECT_EQ(order({0}, {-0.0f}), 0);
    EXPECT_EQ(order({1}, {1, -5}), -1);
    EXPECT_EQ(order({2}, {1, 5}), 1);
    EXPECT_EQ(order({-1}, {1}), -1);
    EXPECT_EQ(order({-2}, {-1}), -1);
    EXPECT_EQ(order({1, 2, 3, 4}, {1, 2, 4, 3}), -1);
}

TYPED_TEST(TypesDenseMath, Bits) {
    using E = TypeParam;
    for (size_t n = 1; n < 40; ++n) {
        auto f = small_numbers(n, 8, 2);
        std::vector<uint8_t> bits((n + 7) / 8, 0xAA);
        binary_quantize<E>(from_floats<E>(f).data(), n, bits.data());
        for (size_t i = 0; i < 8 * bits.size(); ++i)
            EXPECT_EQ((bits[i / 8] >> (7 - i % 8)) & 1, i < n && f[i] > 0) << n << " " << i;
    }
}

TYPED_TEST(TypesDenseMath, Spans) {
    using E = TypeParam;
    auto span = [](int32_t start, int32_t count) {
        Span s{-1, -1};
        Status status = find_span<E>(5, start, count, &s);
        EXPECT_EQ(status.ok(), s.count > 0);
        return std::pair(s.first, s.count);
    };
    auto nothing = std::pair(-1, -1);
    EXPECT_EQ(span(1, 5), std::pair(0, 5));
    EXPECT_EQ(span(2, 2), std::pair(1, 2));
    EXPECT_EQ(span(5, INT32_MAX), std::pair(4, 1));
    EXPECT_EQ(span(-1, 4), std::pair(0, 2));
    EXPECT_EQ(span(6, 1), nothing);
    EXPECT_EQ(span(1, 0), nothing);
    EXPECT_EQ(span(1, INT32_MIN), nothing);
    EXPECT_EQ(span(INT32_MIN, INT32_MAX), nothing);
    EXPECT_EQ(span(INT32_MAX, INT32_MAX), nothing);
}

template <class E>
class TypesDenseNormalize : public ::testing::Test {};
TYPED_TEST_SUITE(TypesDenseNormalize, FloatTypes);

TYPED_TEST(TypesDenseNormalize, LengthOfOne) {
    using E = TypeParam;
    auto x = from_floats<E>(small_numbers(100, 9)), out = x;
    ASSERT_TRUE(l2_normalize<E>(x.data(), x.size(), out.data()).ok());
    EXPECT_NEAR(l2_norm<E>(out.data(), out.size()), 1, 0.01);
    auto zero = from_floats<E>({0, -0.0f, 0});
    ASSERT_TRUE(l2_normalize<E>(zero.data(), 3, out.data()).ok());
    EXPECT_EQ(E::widen(out[0]), 0);
    EXPECT_EQ(E::widen(out[1]), 0);
}

} // namespace vecx::types::test
