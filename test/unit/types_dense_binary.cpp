// The binary form, for each dense type.
#include "types/dense_binary.hpp"

#include <cstring>

#include "types_dense_support.hpp"

namespace vecx::types::test {

template <class E>
class TypesDenseBinary : public ::testing::Test {
  public:
    // A header and `elements` zero elements, in exactly as many bytes.
    static std::vector<uint8_t> message(unsigned dim, unsigned unused, size_t elements) {
        std::vector<uint8_t> m(4 + elements * sizeof(typename E::Stored));
        m[0] = static_cast<uint8_t>(dim >> 8);
        m[1] = static_cast<uint8_t>(dim);
        m[2] = static_cast<uint8_t>(unused >> 8);
        m[3] = static_cast<uint8_t>(unused);
        return m;
    }
    static Status header(const std::vector<uint8_t> &m) {
        int32_t dim;
        return read_binary_header<E>(m.data(), m.size(), &dim);
    }
};
TYPED_TEST_SUITE(TypesDenseBinary, AllTypes);

TYPED_TEST(TypesDenseBinary, ThereAndBack) {
    using E = TypeParam;
    for (int32_t dim : {1, 2, 7, 16, 129, kMaxDenseDim}) {
        auto x = from_floats<E>(small_numbers(static_cast<size_t>(dim), 4));
        std::vector<uint8_t> m(binary_size<E>(dim));
        write_binary<E>(x.data(), dim, m.data());
        int32_t read;
        ASSERT_TRUE(read_binary_header<E>(m.data(), m.size(), &read).ok());
        ASSERT_EQ(read, dim);
        std::vector<typename E::Stored> y(x.size());
        ASSERT_TRUE(read_binary_elements<E>(m.data(), read, y.data()).ok());
        EXPECT_EQ(x, y);
    }
}

TYPED_TEST(TypesDenseBinary, NetworkByteOrder) {
    auto x = from_floats<TypeParam>({1});
    std::vector<uint8_t> m(binary_size<TypeParam>(1));
    write_binary<TypeParam>(x.data(), 1, m.data());
    EXPECT_EQ(m[0], 0);
    EXPECT_EQ(m[1], 1);
    EXPECT_EQ(m[4], sizeof(typename TypeParam::Stored) == 1 ? 1
                    : x == from_floats<TypeParam>({1}) && std::string(TypeParam::kName) == "halfvec"
                        ? 0x3C
                        : 0x3F);
}

TYPED_TEST(TypesDenseBinary, Hostile) {
    EXPECT_EQ(this->header({}).code, Code::invalid_binary);
    EXPECT_EQ(this->header({0, 1, 0}).code, Code::invalid_binary);
    EXPECT_EQ(this->header(this->message(0, 0, 0)).code, Code::data_exception);
    EXPECT_EQ(this->header(this->message(16001, 0, 16001)).code, Code::limit_exceeded);
    EXPECT_EQ(this->header(this->message(0xFFFF, 0, 3)).code, Code::limit_exceeded);
    EXPECT_EQ(this->header(this->message(2, 1, 2)).code, Code::data_exception);
    EXPECT_EQ(this->header(this->message(2, 0, 1)).code, Code::invalid_binary);
    EXPECT_EQ(this->header(this->message(2, 0, 3)).code, Code::invalid_binary);
    EXPECT_EQ(this->header(this->message(16000, 0, 0)).code, Code::invalid_binary);
    EXPECT_TRUE(this->header(this->message(2, 0, 2)).ok());
}

TEST(TypesDenseBinaryByType, SpecialNumbers) {
    const uint8_t f32[] = {0, 2, 0, 0, 0, 0, 0, 0, 0x7F, 0x80, 0, 0},
                  f32_nan[] = {0, 1, 0, 0, 0xFF, 0x80, 0, 1};
    const uint8_t f16[] = {0, 1, 0, 0, 0xFC, 0}, f16_nan[] = {0, 1, 0, 0, 0x7C, 1};
    const uint8_t bf16[] = {0, 1, 0, 0, 0x7F, 0x80}, bf16_nan[] = {0, 1, 0, 0, 0x7F, 0x81};
    float x[2];
    uint16_t h[1];
    EXPECT_STREQ(read_binary_elements<F32>(f32, 2, x).message,
                 "infinite value not allowed in vector");
    EXPECT_STREQ(read_binary_elements<F32>(f32_nan, 1, x).message, "NaN not allowed in vector");
    EXPECT_STREQ(read_binary_elements<F16>(f16, 1, h).message,
                 "infinite value not allowed in halfvec");
    EXPECT_STREQ(read_binary_elements<F16>(f16_nan, 1, h).message, "NaN not allowed in halfvec");
    EXPECT_STREQ(read_binary_elements<BF16>(bf16, 1, h).message,
                 "infinite value not allowed in bf16vec");
    EXPECT_STREQ(read_binary_elements<BF16>(bf16_nan, 1, h).message, "NaN not allowed in bf16vec");
}

} // namespace vecx::types::test
