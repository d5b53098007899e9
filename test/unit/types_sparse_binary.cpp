// The wire format of sparsevec, with messages that lie.
#include "types_sparse_support.hpp"

namespace vecx::types::test {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes message_of(const Value &v) {
    Bytes out(kSparseBinaryHeaderSize + sparse_binary_body_size(v.builder.nnz));
    write_sparse(v.view(), out.data());
    return out;
}

void put(Bytes *bytes, size_t word, uint32_t value) {
    for (int i = 0; i < 4; ++i)
        (*bytes)[4 * word + static_cast<size_t>(i)] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

// The caller's part of the work: the length.
Status read(const Bytes &bytes, int32_t typmod, Value *out) {
    SparseBinaryHeader header = read_sparse_header(bytes.data());
    VECX_TRY(check_sparse_header(header, typmod));
    EXPECT_EQ(bytes.size(), kSparseBinaryHeaderSize + sparse_binary_body_size(header.nnz));
    *out = Value(header.nnz);
    out->dim = header.dim;
    return read_sparse_body(bytes.data() + kSparseBinaryHeaderSize, header, &out->builder);
}

TEST(SparseBinary, IsWhatClientsSend) {
    Bytes expected = {0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0};
    EXPECT_EQ(message_of(value_of("{1:1.5,3:-2}/5")), expected);
}

TEST(SparseBinary, RoundTrip) {
    std::mt19937 random(2);
    for (int round = 0; round < 100; ++round) {
        Value v = random_value(random, 1 + static_cast<int32_t>(random() % 40));
        Value back(0);
        Status s = read(message_of(v), v.dim, &back);
        ASSERT_TRUE(s.ok()) << s.message;
        EXPECT_EQ(back.text(), v.text());
    }
}

TEST(SparseBinary, Refuses) {
    constexpr uint32_t kNan = 0x7fc00000, kInfinity = 0xff800000, kMinusZero = 0x80000000, kOne = 0x3f800000;
    struct {
        size_t word;
        uint32_t value;
        Code code;
        const char *message;
    } cases[] = {
        {0, 0, Code::data_exception, "sparsevec must have at least 1 dimension"},
        {0, 0xffffffff, Code::data_exception, "sparsevec must have at least 1 dimension"},
        {0, 1000000001, Code::limit_exceeded, "sparsevec cannot have more than 1000000000 dimensions"},
        {0, 4, Code::data_exception, "expected 5 dimensions, not 4"},
        {1, 0xffffffff, Code::data_exception, "sparsevec cannot have negative number of elements"},
        {1, 16001, Code::limit_exceeded, "sparsevec cannot have more than 16000 non-zero elements"},
        {1, 6, Code::limit_exceeded, "sparsevec cannot have more elements than dimensions"},
        {2, 1, Code::data_exception, "expected unused to be 0, not 1"},
        {3, 0xffffffff, Code::data_exception, "sparsevec index out of bounds"},
        {4, 5, Code::data_exception, "sparsevec index out of bounds"},
        {3, 3, Code::data_exception, "sparsevec indices must be in ascending order"},
        {3, 2, Code::data_exception, "sparsevec indices must not contain duplicates"},
        {5, kNan, Code::data_exception, "NaN not allowed in sparsevec"},
        {6, kInfinity, Code::data_exception, "infinite value not allowed in sparsevec"},
        {6, 0, Code::data_exception, "binary representation of sparsevec cannot contain zero values"},
        {5, kMinusZero, Code::data_exception, "binary representation of sparsevec cannot contain zero values"},
        {5, kOne, Code::ok, ""},
    };
    for (auto &c : cases) {
        Bytes message = message_of(value_of("{1:1.5,3:-2}/5"));
        put(&message, c.word, c.value);
        Value out(0);
        Status s = read(message, 5, &out);
        EXPECT_EQ(s.code, c.code) << c.message;
        EXPECT_STREQ(s.message, c.message);
    }
}

} // namespace
} // namespace vecx::types::test
