// Parsing and printing, for each dense type.
#include "types/dense_text.hpp"

#include <cstring>

#include "types_dense_support.hpp"

namespace vecx::types::test {

template <class E>
class TypesDenseText : public ::testing::Test {
  public:
    std::vector<typename E::Stored> x = std::vector<typename E::Stored>(kMaxDenseDim);
    int32_t dim = -1;

    Status parse(const std::string &text) {
        return types::parse<E>(text.c_str(), text.size(), x.data(), &dim);
    }
    std::vector<float> floats() const {
        return to_floats<E>(std::vector<typename E::Stored>(x.begin(), x.begin() + dim));
    }
    void expect_refused(const std::string &text, Code code, const std::string &message) {
        Status s = parse(text);
        EXPECT_EQ(s.code, code) << text;
        EXPECT_EQ(std::string(s.message), message);
    }
    static std::string name() { return E::kName; }
    static std::string syntax(const std::string &text) {
        return "invalid input syntax for type " + name() + ": \"" + text + "\"";
    }
};
TYPED_TEST_SUITE(TypesDenseText, AllTypes);

TYPED_TEST(TypesDenseText, Values) {
    ASSERT_TRUE(this->parse("[1,-2,127]").ok());
    EXPECT_EQ(this->floats(), (std::vector<float>{1, -2, 127}));
    ASSERT_TRUE(this->parse(" \t[\n1 ,\v+2\f,\r03 ] ").ok());
    EXPECT_EQ(this->floats(), (std::vector<float>{1, 2, 3}));
}

TYPED_TEST(TypesDenseText, Malformed) {
    for (const char *text :
         {"[", "[1", "[1,", "[1,]", "[,1]", "[1,,1]", "[1 1]", "[x]", "[1x]", "[1)", "[-]"})
        this->expect_refused(text, Code::invalid_text, this->syntax(text));
    for (const char *text : {"", " ", "1", "]", "{1}", "\xc2\xa0[1]"}) {
        this->expect_refused(text, Code::invalid_text, this->syntax(text));
        EXPECT_STREQ(this->parse(text).detail, "Vector contents must start with \"[\".");
    }
    for (const char *text : {"[1]]", "[1] x", "[1],"}) {
        this->expect_refused(text, Code::invalid_text, this->syntax(text));
        EXPECT_STREQ(this->parse(text).detail, "Junk after closing right brace.");
    }
    this->expect_refused("[]", Code::data_exception,
                         this->name() + " must have at least 1 dimension");
    this->expect_refused("[ \n]", Code::data_exception,
                         this->name() + " must have at least 1 dimension");
}

TYPED_TEST(TypesDenseText, Dimensions) {
    std::string most = "[1";
    for (int i = 1; i < kMaxDenseDim; ++i)
        most += ",1";
    ASSERT_TRUE(this->parse(most + "]").ok());
    EXPECT_EQ(this->dim, kMaxDenseDim);
    this->expect_refused(most + ",1]", Code::limit_exceeded,
                         this->name() + " cannot have more than 16000 dimensions");
    this->expect_refused(most + ",]", Code::limit_exceeded,
                         this->name() + " cannot have more than 16000 dimensions");
}

TYPED_TEST(TypesDenseText, OutOfRange) {
    for (const char *text :
         {"9999999999999999999999999999999999999999", "-9999999999999999999999999999999999999999"})
        this->expect_refused("[1," + std::string(text) + "]", Code::out_of_range,
                             "\"" + std::string(text) + "\" is out of range for type " +
                                 this->name());
}

TYPED_TEST(TypesDenseText, EveryValueOfTheTypeComesBack) {
    using E = TypeParam;
    std::vector<typename E::Stored> values;
    std::mt19937 random(3);
    int64_t count =
        sizeof(typename E::Stored) == 4 ? 100000 : int64_t{1} << (8 * sizeof(typename E::Stored));
    for (int64_t i = 0; i < count; ++i) {
        typename E::Stored value;
        uint32_t bits = sizeof value == 4 ? random() : static_cast<uint32_t>(i);
        memcpy(&value, &bits, sizeof value);
        if (std::isfinite(E::widen(value)))
            values.push_back(value);
    }
    for (size_t start = 0; start < values.size(); start += kMaxDenseDim) {
        size_t n = std::min(values.size() - start, static_cast<size_t>(kMaxDenseDim));
        std::string text(printed_size<E>(static_cast<int32_t>(n)), '?');
        size_t length =
            print<E>(values.data() + start, static_cast<int32_t>(n), format_float, text.data());
        ASSERT_LT(length, text.size());
        ASSERT_EQ(text[length], '\0');
        text.resize(length);
        ASSERT_TRUE(this->parse(text).ok());
        ASSERT_EQ(static_cast<size_t>(this->dim), n);
        EXPECT_EQ(memcmp(this->x.data(), values.data() + start, n * sizeof values[0]), 0);
    }
}

TEST(TypesDenseTextByType, SpecialNumbers) {
    float x[2];
    uint16_t h[2];
    int8_t i[2];
    int32_t dim;
    EXPECT_STREQ(parse<F32>("[1,nan]", 7, x, &dim).message, "NaN not allowed in vector");
    EXPECT_STREQ(parse<F32>("[-inf]", 6, x, &dim).message, "infinite value not allowed in vector");
    EXPECT_STREQ(parse<F16>("[NaN]", 5, h, &dim).message, "NaN not allowed in halfvec");
    EXPECT_STREQ(parse<BF16>("[inf]", 5, h, &dim).message, "infinite value not allowed in bf16vec");
    EXPECT_EQ(parse<I8>("[nan]", 5, i, &dim).code, Code::invalid_text);
    EXPECT_EQ(parse<I8>("[1.0]", 5, i, &dim).code, Code::invalid_text);
    EXPECT_EQ(parse<F16>("[65519.99]", 10, h, &dim).code, Code::ok);
    EXPECT_EQ(parse<F16>("[65520]", 7, h, &dim).code, Code::out_of_range);
    EXPECT_EQ(parse<I8>("[-128,127]", 10, i, &dim).code, Code::ok);
    EXPECT_EQ(parse<I8>("[128]", 5, i, &dim).code, Code::out_of_range);
    EXPECT_EQ(parse<I8>("[-129]", 6, i, &dim).code, Code::out_of_range);
}

} // namespace vecx::types::test
