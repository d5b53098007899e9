// The text form of sparsevec: what is taken, what is refused and with which words.
#include <clocale>

#include "types_sparse_support.hpp"

namespace vecx::types::test {
namespace {

TEST(SparseText, Accepts) {
    struct {
        const char *literal, *canonical;
    } cases[] = {
        {"{}/1", "{}/1"},
        {"{1:1.5,3:2}/5", "{1:1.5,3:2}/5"},
        {" \t\n\v\f\r{ 1 : 2.5 , 3 : .5 } / 3 ", "{1:2.5,3:0.5}/3"},
        {"{3:1,1:2,2:-3}/3", "{1:2,2:-3,3:1}/3"},
        {"{+1:+1,2:1.}/2", "{1:1,2:1}/2"},
        {"{1:1e2,2:1E-2,3:-1e+1}/3", "{1:100,2:0.00999999978,3:-10}/3"},
        {"{1:0,2:-0.0,3:0e-400,4:0x0p5}/4", "{}/4"},
        {"{9:0,0:0,-5:0,2:1}/3", "{2:1}/3"}, // the index of a zero is not looked at
        {"{1:0,1:1}/1", "{1:1}/1"},
        {"{1:0x1.8p1}/1", "{1:3}/1"},
        {"{1:1e-45}/1", "{1:1.40129846e-45}/1"},
        {"{1:3.4028235e38}/1", "{1:3.40282347e+38}/1"},
        {"{1:0.1234567890123456789012345678901234567890}/1", "{1:0.123456791}/1"},
        {"{1000000000:1}/1000000000", "{1000000000:1}/1000000000"},
        {"{0000000000000000000002:1}/2", "{2:1}/2"},
    };
    for (auto &c : cases) {
        Parsed p = parse(c.literal);
        ASSERT_TRUE(p.status.ok()) << c.literal << ": " << p.status.message;
        EXPECT_EQ(p.value.text(), c.canonical) << c.literal;
        expect_well_formed(p.value);
    }
}

TEST(SparseText, Refuses) {
    struct {
        const char *literal;
        Code code;
        const char *message, *detail;
    } cases[] = {
        {"", Code::invalid_text, "invalid input syntax for type sparsevec: \"\"",
         "Vector contents must start with \"{\"."},
        {"[1]", Code::invalid_text, "invalid input syntax for type sparsevec: \"[1]\"",
         "Vector contents must start with \"{\"."},
        {"{", Code::invalid_text, "invalid input syntax for type sparsevec: \"{\"", ""},
        {"{1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1\"", ""},
        {"{1:", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:\"", ""},
        {"{1:1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:1\"", ""},
        {"{1:1,", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:1,\"", ""},
        {"{1:1,}/1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:1,}/1\"", ""},
        {"{,}/1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{,}/1\"", ""},
        {"{1:1 2:1}/2", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:1 2:1}/2\"", ""},
        {"{1:a}/1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:a}/1\"", ""},
        {"{1:1a}/1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1:1a}/1\"", ""},
        {"{1.0:1}/1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{1.0:1}/1\"", ""},
        {"{- 1:1}/1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{- 1:1}/1\"", ""},
        {"{}", Code::invalid_text, "invalid input syntax for type sparsevec: \"{}\"", "Unexpected end of input."},
        {"{}/", Code::invalid_text, "invalid input syntax for type sparsevec: \"{}/\"", ""},
        {"{}/1 1", Code::invalid_text, "invalid input syntax for type sparsevec: \"{}/1 1\"", "Junk after closing."},
        {"{1:NaN}/1", Code::data_exception, "NaN not allowed in sparsevec", ""},
        {"{1:-inf}/1", Code::data_exception, "infinite value not allowed in sparsevec", ""},
        {"{1:Infinity}/1", Code::data_exception, "infinite value not allowed in sparsevec", ""},
        {"{1:4e38}/1", Code::out_of_range, "\"4e38\" is out of range for type sparsevec", ""},
        {"{1:-1e39}/1", Code::out_of_range, "\"-1e39\" is out of range for type sparsevec", ""},
        {"{1:1e-46}/1", Code::out_of_range, "\"1e-46\" is out of range for type sparsevec", ""},
        {"{1:-.0001e-46}/1", Code::out_of_range, "\"-.0001e-46\" is out of range for type sparsevec", ""},
        {"{1:0x0.ap-999}/1", Code::out_of_range, "\"0x0.ap-999\" is out of range for type sparsevec", ""},
        {"{0:1}/1", Code::data_exception, "sparsevec index out of bounds", ""},
        {"{2:1}/1", Code::data_exception, "sparsevec index out of bounds", ""},
        {"{-1:1}/1", Code::data_exception, "sparsevec index out of bounds", ""},
        {"{99999999999999999999:1}/1", Code::data_exception, "sparsevec index out of bounds", ""},
        {"{-99999999999999999999:1}/1", Code::data_exception, "sparsevec index out of bounds", ""},
        {"{2:1,1:1,2:3}/2", Code::data_exception, "sparsevec indices must not contain duplicates", ""},
        {"{}/0", Code::data_exception, "sparsevec must have at least 1 dimension", ""},
        {"{}/-99999999999999999999", Code::data_exception, "sparsevec must have at least 1 dimension", ""},
        {"{}/1000000001", Code::limit_exceeded, "sparsevec cannot have more than 1000000000 dimensions", ""},
        {"{}/99999999999999999999", Code::limit_exceeded, "sparsevec cannot have more than 1000000000 dimensions", ""},
    };
    for (auto &c : cases) {
        Parsed p = parse(c.literal);
        EXPECT_EQ(p.status.code, c.code) << c.literal;
        EXPECT_STREQ(p.status.message, c.message) << c.literal;
        EXPECT_STREQ(p.status.detail, c.detail) << c.literal;
    }
}

TEST(SparseText, TypeModifier) {
    EXPECT_TRUE(parse("{}/3", 3).status.ok());
    EXPECT_STREQ(parse("{}/3", 2).status.message, "expected 2 dimensions, not 3");
}

TEST(SparseText, AtMost16000Elements) {
    auto literal = [](int n, int zeros) {
        std::string text = "{";
        for (int i = 1; i <= n; ++i)
            text += std::to_string(i) + (i <= zeros ? ":0," : ":1,");
        text.back() = '}';
        return text + "/20000";
    };
    Parsed most = parse(literal(16000, 0));
    ASSERT_TRUE(most.status.ok()) << most.status.message;
    EXPECT_EQ(most.value.builder.nnz, 16000);
    // Zeros are counted as written.
    for (int zeros : {0, 1, 16001}) {
        Parsed more = parse(literal(16001, zeros));
        EXPECT_EQ(more.status.code, Code::limit_exceeded);
        EXPECT_STREQ(more.status.message, "sparsevec cannot have more than 16000 non-zero elements");
    }
}

TEST(SparseText, ShortestLiteralsFillTheCapacity) {
    for (int n : {1, 2, 3, 9}) {
        std::string text = "{";
        for (int i = 1; i <= n; ++i)
            text += std::to_string(i) + ":1,";
        text.back() = '}';
        EXPECT_EQ(sparse_text_capacity(text.size()), n);
        Parsed p = parse(text + "/9");
        EXPECT_EQ(p.value.builder.nnz, n);
        // Cut off in the middle, the elements read so far still fit.
        for (size_t length = 0; length <= text.size(); ++length)
            EXPECT_FALSE(parse(text.substr(0, length)).status.ok());
    }
}

TEST(SparseText, AnyOrderGivesTheSameValue) {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<int> indices;
        for (int i = 1; i <= 100; ++i)
            if (random() % 3)
                indices.push_back(i);
        std::string sorted = "{", shuffled = "{";
        auto append = [](std::string *text, int i) { *text += std::to_string(i) + ":" + std::to_string(-i) + ","; };
        for (int i : indices)
            append(&sorted, i);
        for (size_t i = indices.size() - 1; i > 0; --i)
            std::swap(indices[i], indices[random() % (i + 1)]);
        for (int i : indices)
            append(&shuffled, i);
        sorted.back() = shuffled.back() = '}';
        EXPECT_EQ(value_of(shuffled + "/100").text(), value_of(sorted + "/100").text());
    }
}

TEST(SparseText, LongLiteralIsQuotedInPart) {
    Parsed p = parse("{" + std::string(100000, 'x'));
    EXPECT_EQ(p.status.code, Code::invalid_text);
    EXPECT_LT(strlen(p.status.message), sizeof p.status.message);
    EXPECT_NE(strstr(p.status.message, "...\""), nullptr);
}

} // namespace
} // namespace vecx::types::test
