// The integer kernels are exact: int8 sums and popcounts at every level against plain loops.
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

void expect_int8(const Tested &tested, const int8_t *a, const int8_t *b, size_t n) {
    SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
    int64_t l2sq = 0, dot = 0, l1 = 0;
    for (size_t i = 0; i < n; ++i) {
        l2sq += (a[i] - b[i]) * (a[i] - b[i]);
        dot += a[i] * b[i];
        l1 += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    }
    EXPECT_EQ(tested.table->l2sq_i8(a, b, n), l2sq);
    EXPECT_EQ(tested.table->dot_i8(a, b, n), dot);
    EXPECT_EQ(tested.table->l1_i8(a, b, n), l1);
}

TEST(KernelsInt8, RandomAtEveryLength) {
    for (Place place : {Place::at_start, Place::at_end})
        for (size_t n : lengths()) {
            Guarded<int8_t> a(n, place), b(n, place);
            Random random(n);
            for (size_t i = 0; i < n; ++i) {
                a[i] = static_cast<int8_t>(random.next());
                b[i] = static_cast<int8_t>(random.next());
            }
            for (const Tested &tested : tested_tables())
                expect_int8(tested, a.data(), b.data(), n);
        }
}

TEST(KernelsInt8, UnalignedOnTheHeap) {
    for (size_t n : lengths())
        for (size_t shift : {1, 2, 5}) {
            std::vector<int8_t> a(n + shift), b(n + shift + 1);
            Random random(3000 + n + shift);
            for (size_t i = 0; i < n; ++i) {
                a[i + shift] = static_cast<int8_t>(random.next());
                b[i + shift + 1] = static_cast<int8_t>(random.next());
            }
            for (const Tested &tested : tested_tables())
                expect_int8(tested, a.data() + shift, b.data() + shift + 1, n);
        }
}

// Pairs of extreme values: where 16-bit intermediate sums would saturate or wrap.
TEST(KernelsInt8, ExtremesUpToTheDocumentedLength) {
    constexpr int8_t values[] = {-128, -127, -1, 0, 1, 127};
    for (size_t n : {1, 2, 31, 64, 65, 200, 16000, 32768})
        for (int8_t x : values)
            for (int8_t y : values) {
                std::vector<int8_t> a(n, x), b(n, y);
                for (const Tested &tested : tested_tables())
                    expect_int8(tested, a.data(), b.data(), n);
            }
}

TEST(KernelsInt8, AlternatingExtremes) {
    for (size_t n : {63, 64, 130, 1000}) {
        std::vector<int8_t> a(n), b(n);
        for (size_t i = 0; i < n; ++i) {
            a[i] = i % 2 ? 127 : -128;
            b[i] = i % 3 ? -128 : 127;
        }
        for (const Tested &tested : tested_tables())
            expect_int8(tested, a.data(), b.data(), n);
    }
}

uint64_t ones(unsigned byte) {
    uint64_t count = 0;
    for (; byte != 0; byte &= byte - 1)
        ++count;
    return count;
}

void expect_bits(const Tested &tested, const uint8_t *a, const uint8_t *b, size_t n) {
    SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
    uint64_t differ = 0, both = 0, in_a = 0, in_b = 0;
    for (size_t i = 0; i < n; ++i) {
        differ += ones(a[i] ^ b[i]);
        both += ones(a[i] & b[i]);
        in_a += ones(a[i]);
        in_b += ones(b[i]);
    }
    EXPECT_EQ(tested.table->hamming(a, b, n), differ);
    kernels::JaccardParts parts = tested.table->jaccard(a, b, n);
    EXPECT_EQ(parts.intersection, both);
    EXPECT_EQ(parts.count_a, in_a);
    EXPECT_EQ(parts.count_b, in_b);
}

TEST(KernelsBits, RandomAtEveryLength) {
    for (Place place : {Place::at_start, Place::at_end})
        for (size_t n : lengths()) {
            Guarded<uint8_t> a(n, place), b(n, place);
            Random random(4000 + n);
            for (size_t i = 0; i < n; ++i) {
                a[i] = static_cast<uint8_t>(random.next());
                b[i] = static_cast<uint8_t>(random.next());
            }
            for (const Tested &tested : tested_tables())
                expect_bits(tested, a.data(), b.data(), n);
        }
}

TEST(KernelsBits, UnalignedOnTheHeap) {
    for (size_t n : lengths())
        for (size_t shift : {1, 3}) {
            std::vector<uint8_t> a(n + shift), b(n + shift + 1);
            Random random(5000 + n + shift);
            for (size_t i = 0; i < n; ++i) {
                a[i + shift] = static_cast<uint8_t>(random.next());
                b[i + shift + 1] = static_cast<uint8_t>(random.next());
            }
            for (const Tested &tested : tested_tables())
                expect_bits(tested, a.data() + shift, b.data() + shift + 1, n);
        }
}

// All bits set: where counts in bytes would overflow.
TEST(KernelsBits, AllOnes) {
    for (size_t n : {1, 8, 31, 64, 1000, 100000}) {
        std::vector<uint8_t> a(n, 0xFF), b(n, 0);
        for (const Tested &tested : tested_tables()) {
            expect_bits(tested, a.data(), b.data(), n);
            expect_bits(tested, a.data(), a.data(), n);
        }
    }
}

} // namespace
} // namespace vecx::test
