// The sums over float, binary16 and bfloat16 at every level against double precision.
#include <cfloat>
#include <cmath>
#include <limits>

#include "kernels/convert.hpp"
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

// One element type: its kernels in a table, and its conversions.
struct F32 {
    using Element = float;
    static constexpr const char *name = "f32";
    static float widen(float x) { return x; }
    static float narrow(float x) { return x; }
    static float l2sq(const KernelTable &t, const float *a, const float *b, size_t n) { return t.l2sq_f32(a, b, n); }
    static float dot(const KernelTable &t, const float *a, const float *b, size_t n) { return t.dot_f32(a, b, n); }
    static float l1(const KernelTable &t, const float *a, const float *b, size_t n) { return t.l1_f32(a, b, n); }
    static kernels::CosineParts cosine(const KernelTable &t, const float *a, const float *b, size_t n) {
        return t.cosine_f32(a, b, n);
    }
};
struct F16 {
    using Element = uint16_t;
    static constexpr const char *name = "f16";
    static float widen(uint16_t x) { return f16_to_float(x); }
    static uint16_t narrow(float x) { return float_to_f16(x); }
    static float l2sq(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) {
        return t.l2sq_f16(a, b, n);
    }
    static float dot(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) {
        return t.dot_f16(a, b, n);
    }
    static float l1(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) { return t.l1_f16(a, b, n); }
    static kernels::CosineParts cosine(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) {
        return t.cosine_f16(a, b, n);
    }
};
struct Bf16 {
    using Element = uint16_t;
    static constexpr const char *name = "bf16";
    static float widen(uint16_t x) { return bf16_to_float(x); }
    static uint16_t narrow(float x) { return float_to_bf16(x); }
    static float l2sq(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) {
        return t.l2sq_bf16(a, b, n);
    }
    static float dot(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) {
        return t.dot_bf16(a, b, n);
    }
    static float l1(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) { return t.l1_bf16(a, b, n); }
    static kernels::CosineParts cosine(const KernelTable &t, const uint16_t *a, const uint16_t *b, size_t n) {
        return t.cosine_bf16(a, b, n);
    }
};

struct Sums {
    double l2sq = 0, dot = 0, l1 = 0, norm_a = 0, norm_b = 0;
    double dot_size = 0; // sum |a*b|: what the rounding errors of a dot product scale with
};

template <class T>
Sums reference(const typename T::Element *a, const typename T::Element *b, size_t n) {
    Sums s;
    for (size_t i = 0; i < n; ++i) {
        double x = T::widen(a[i]), y = T::widen(b[i]);
        s.l2sq += (x - y) * (x - y);
        s.dot += x * y;
        s.dot_size += std::fabs(x * y);
        s.l1 += std::fabs(x - y);
        s.norm_a += x * x;
        s.norm_b += y * y;
    }
    return s;
}

// Each of n additions and each term may lose half a unit in the last place, twice for a difference.
double bound(size_t n, double size) { return (static_cast<double>(n) + 3) * FLT_EPSILON * size + 1e-42; }

template <class T>
void expect_sums(const Tested &tested, const typename T::Element *a, const typename T::Element *b, size_t n,
                 bool exact) {
    SCOPED_TRACE(testing::Message() << tested.name << " " << T::name << " n=" << n);
    Sums want = reference<T>(a, b, n);
    auto near = [&](double size) { return exact ? 0.0 : bound(n, size); };
    EXPECT_NEAR(T::l2sq(*tested.table, a, b, n), want.l2sq, near(want.l2sq));
    EXPECT_NEAR(T::dot(*tested.table, a, b, n), want.dot, near(want.dot_size));
    EXPECT_NEAR(T::l1(*tested.table, a, b, n), want.l1, near(want.l1));
    kernels::CosineParts parts = T::cosine(*tested.table, a, b, n);
    EXPECT_NEAR(parts.dot, want.dot, near(want.dot_size));
    EXPECT_NEAR(parts.norm_a, want.norm_a, near(want.norm_a));
    EXPECT_NEAR(parts.norm_b, want.norm_b, near(want.norm_b));
}

template <class T>
class KernelsFloats : public testing::Test {};
using Formats = testing::Types<F32, F16, Bf16>;
TYPED_TEST_SUITE(KernelsFloats, Formats);

// Small integers: every partial sum is exact, so one element too few, too many or twice shows at any length.
TYPED_TEST(KernelsFloats, ExactOnIntegers) {
    for (Place place : {Place::at_start, Place::at_end})
        for (size_t n : lengths()) {
            Guarded<typename TypeParam::Element> a(n, place), b(n, place);
            Random random(n);
            for (size_t i = 0; i < n; ++i) {
                a[i] = TypeParam::narrow(static_cast<float>(random.between(-8, 8)));
                b[i] = TypeParam::narrow(static_cast<float>(random.between(-8, 8)));
            }
            for (const Tested &tested : tested_tables())
                expect_sums<TypeParam>(tested, a.data(), b.data(), n, true);
        }
}

TYPED_TEST(KernelsFloats, CloseOnReals) {
    for (size_t n : lengths()) {
        Guarded<typename TypeParam::Element> a(n, Place::at_end), b(n, Place::at_end);
        Random random(1000 + n);
        for (size_t i = 0; i < n; ++i) {
            a[i] = TypeParam::narrow(random.real());
            b[i] = TypeParam::narrow(random.real() * 3.0f);
        }
        for (const Tested &tested : tested_tables())
            expect_sums<TypeParam>(tested, a.data(), b.data(), n, false);
    }
}

// The heap's exact sizes, for the address sanitizer, and the two operands aligned differently.
TYPED_TEST(KernelsFloats, UnalignedOnTheHeap) {
    using Element = typename TypeParam::Element;
    for (size_t n : lengths())
        for (size_t shift = 1; shift <= 3; ++shift) {
            std::vector<Element> a(n + shift), b(n + shift + 1);
            Random random(2000 + n + shift);
            for (size_t i = 0; i < n; ++i) {
                a[i + shift] = TypeParam::narrow(static_cast<float>(random.between(-8, 8)));
                b[i + shift + 1] = TypeParam::narrow(static_cast<float>(random.between(-8, 8)));
            }
            for (const Tested &tested : tested_tables())
                expect_sums<TypeParam>(tested, a.data() + shift, b.data() + shift + 1, n, true);
        }
}

// The smallest subnormal of each type: nothing may take it for zero.
TYPED_TEST(KernelsFloats, KeepsSubnormals) {
    using Element = typename TypeParam::Element;
    Element tiny{};
    uint32_t one = 1;
    memcpy(&tiny, &one, sizeof tiny);
    double value = TypeParam::widen(tiny);
    ASSERT_GT(value, 0);
    // Large enough for the product to be a normal float, and a power of two.
    float factor = sizeof(Element) == 4 || value < 1e-30 ? 0x1p100f : 1024.0f;
    for (size_t n : {1, 7, 16, 33, 64, 100}) {
        std::vector<Element> a(n, tiny), b(n, TypeParam::narrow(factor)), zero(n, TypeParam::narrow(0.0f));
        for (const Tested &tested : tested_tables()) {
            SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
            double count = static_cast<double>(n);
            EXPECT_EQ(TypeParam::l1(*tested.table, a.data(), zero.data(), n), static_cast<float>(count * value));
            EXPECT_EQ(TypeParam::dot(*tested.table, a.data(), b.data(), n), static_cast<float>(count * value * factor));
            EXPECT_EQ(TypeParam::cosine(*tested.table, a.data(), b.data(), n).dot,
                      static_cast<float>(count * value * factor));
        }
    }
}

TYPED_TEST(KernelsFloats, SignedZeroes) {
    using Element = typename TypeParam::Element;
    for (size_t n : {1, 5, 16, 40, 130}) {
        std::vector<Element> a(n, TypeParam::narrow(-0.0f)), b(n, TypeParam::narrow(0.0f));
        for (const Tested &tested : tested_tables()) {
            SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
            EXPECT_EQ(TypeParam::l2sq(*tested.table, a.data(), b.data(), n), 0.0f);
            EXPECT_EQ(TypeParam::dot(*tested.table, a.data(), b.data(), n), 0.0f);
            EXPECT_EQ(TypeParam::l1(*tested.table, a.data(), b.data(), n), 0.0f);
            EXPECT_FALSE(std::signbit(TypeParam::l1(*tested.table, a.data(), b.data(), n)));
        }
    }
}

// One special element among ones, at every position of every lane and tail.
TYPED_TEST(KernelsFloats, NanAndInfinityArrive) {
    using Element = typename TypeParam::Element;
    float infinity = std::numeric_limits<float>::infinity();
    for (size_t n : {1, 3, 17, 40, 71})
        for (size_t at = 0; at < n; ++at) {
            std::vector<Element> a(n, TypeParam::narrow(1.0f)), b(n, TypeParam::narrow(2.0f));
            for (const Tested &tested : tested_tables()) {
                SCOPED_TRACE(testing::Message() << tested.name << " n=" << n << " at=" << at);
                const KernelTable &t = *tested.table;
                a[at] = TypeParam::narrow(std::numeric_limits<float>::quiet_NaN());
                EXPECT_TRUE(std::isnan(TypeParam::l2sq(t, a.data(), b.data(), n)));
                EXPECT_TRUE(std::isnan(TypeParam::dot(t, a.data(), b.data(), n)));
                EXPECT_TRUE(std::isnan(TypeParam::l1(t, a.data(), b.data(), n)));
                EXPECT_TRUE(std::isnan(TypeParam::cosine(t, a.data(), b.data(), n).norm_a));
                EXPECT_FALSE(std::isnan(TypeParam::cosine(t, a.data(), b.data(), n).norm_b));
                a[at] = TypeParam::narrow(-infinity);
                EXPECT_EQ(TypeParam::l2sq(t, a.data(), b.data(), n), infinity);
                EXPECT_EQ(TypeParam::dot(t, a.data(), b.data(), n), -infinity);
                EXPECT_EQ(TypeParam::l1(t, a.data(), b.data(), n), infinity);
            }
        }
}

// Sums beyond the largest float become infinity, as IEEE 754 says; binary16 cannot reach that.
TEST(KernelsExtremes, OverflowIsInfinity) {
    float infinity = std::numeric_limits<float>::infinity();
    for (size_t n : {1, 3, 16, 50, 128}) {
        std::vector<float> a(n, 3e38f), b(n, -3e38f), one(n, 1.0f);
        std::vector<uint16_t> ha(n, float_to_bf16(3e38f)), hb(n, float_to_bf16(-3e38f));
        for (const Tested &tested : tested_tables()) {
            SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
            const KernelTable &t = *tested.table;
            EXPECT_EQ(t.l2sq_f32(a.data(), b.data(), n), infinity);
            EXPECT_EQ(t.l1_f32(a.data(), b.data(), n), infinity);
            EXPECT_EQ(t.dot_f32(a.data(), b.data(), n), -infinity);
            EXPECT_EQ(t.l2sq_f32(a.data(), a.data(), n), 0.0f);
            EXPECT_EQ(t.dot_f32(a.data(), one.data(), n), n == 1 ? 3e38f : infinity);
            EXPECT_EQ(t.cosine_f32(a.data(), one.data(), n).norm_a, infinity);
            EXPECT_EQ(t.cosine_f32(a.data(), one.data(), n).norm_b, static_cast<float>(n));
            EXPECT_EQ(t.l2sq_bf16(ha.data(), hb.data(), n), infinity);
            EXPECT_EQ(t.l1_bf16(ha.data(), hb.data(), n), infinity);
            EXPECT_EQ(t.dot_bf16(ha.data(), ha.data(), n), infinity);
        }
    }
}

TEST(KernelsExtremes, LargestHalfFloatsAreExact) {
    for (size_t n : {1, 15, 16, 33, 1000}) {
        std::vector<uint16_t> a(n, float_to_f16(65504.0f)), b(n, float_to_f16(-65504.0f));
        for (const Tested &tested : tested_tables()) {
            SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
            double count = static_cast<double>(n), want = count * 131008.0 * 131008.0;
            EXPECT_NEAR(tested.table->l2sq_f16(a.data(), b.data(), n), want, bound(n, want));
            EXPECT_EQ(tested.table->l1_f16(a.data(), b.data(), n), static_cast<float>(count * 131008.0));
        }
    }
}

} // namespace
} // namespace vecx::test
