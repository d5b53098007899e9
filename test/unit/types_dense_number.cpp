// The number scanner against strtof and strtoll.
#include "types/parse_number.hpp"

#include "types_dense_support.hpp"

namespace vecx::types::test {

namespace {

void expect_as_strtof(const std::string &text) {
    float mine = 0;
    const char *next;
    Scan scan = scan_float(text.c_str(), text.c_str() + text.size(), &mine, &next);
    char *stop;
    errno = 0;
    float theirs = strtof(text.c_str(), &stop);
    bool too_large = errno == ERANGE && std::isinf(theirs);
    EXPECT_EQ(next, stop) << text;
    EXPECT_EQ(scan, stop == text.c_str() ? Scan::none
                    : too_large          ? Scan::overflow
                                         : Scan::ok)
        << text;
    EXPECT_EQ(std::isnan(mine), std::isnan(theirs)) << text;
    if (!std::isnan(theirs)) {
        EXPECT_EQ(std::bit_cast<uint32_t>(mine), std::bit_cast<uint32_t>(theirs)) << text;
    }
}

std::string print(const char *format, int digits, double value) {
    char text[512];
    snprintf(text, sizeof text, format, digits, value);
    return text;
}

} // namespace

TEST(TypesDenseNumber, Forms) {
    for (const char *text : {"",
                             "0",
                             "-0",
                             "+0",
                             "00012",
                             "1",
                             "-1",
                             "+1",
                             "1.",
                             ".1",
                             ".",
                             "-.",
                             "-.5",
                             "1.5e",
                             "1.5e+",
                             "1e5",
                             "1E5",
                             "1e+05",
                             "1e-05",
                             "1e005",
                             "1e0000000000005",
                             "1e99",
                             "1e-99",
                             "1e999999999999999999",
                             "-1e999",
                             "0e999",
                             "0x",
                             "0x1",
                             "0x1.8p1",
                             "0X.8P-1",
                             "00x1",
                             "1x",
                             "nan",
                             "NAN",
                             "nan(1)",
                             "-nan",
                             "inf",
                             "-inf",
                             "infinity",
                             "Infinit",
                             "e5",
                             "-",
                             "+",
                             "--1",
                             "+-1",
                             "1,2",
                             "1 2",
                             "12345678",
                             "123456789",
                             "12345678]",
                             "1234567890123456",
                             "12345678901234567890123",
                             "0.00000000000000000000000000000000000000000000001",
                             "0.000000000000000000001234567890123456789",
                             "3.4028234e38",
                             "3.4028235e38",
                             "3.4028236e38",
                             "3.4028235677973366e38",
                             "1.1754943e-38",
                             "1.17549429e-38",
                             "1.4e-45",
                             "7e-46",
                             "8e-46",
                             "1.00000005960464477539062",
                             "1.000000059604644775390625",
                             "1.00000005960464477539063",
                             "8388609.5",
                             "8388608.5",
                             "16777217",
                             "16777219",
                             "9007199791611905",
                             "\xc2\xa0"
                             "1"})
        expect_as_strtof(text);
}

TEST(TypesDenseNumber, AnyFloatInAnyNumberOfDigits) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 200000; ++i) {
        float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
        expect_as_strtof(
            print("%.*g", 1 + static_cast<int>(random() % 20), static_cast<double>(value)));
    }
}

TEST(TypesDenseNumber, HalfwayBetweenTwoFloats) {
    std::mt19937_64 random(2);
    for (int i = 0; i < 100000; ++i) {
        // Within the powers of ten that the quick way takes.
        float value = std::ldexp(1 + static_cast<float>(random() % (1 << 23)) / (1 << 23),
                                 static_cast<int>(random() % 100) - 40);
        double middle =
            (static_cast<double>(value) + static_cast<double>(std::nextafter(value, 1e38f))) / 2;
        expect_as_strtof(print("%.*g", 15 + static_cast<int>(random() % 5), middle));
        expect_as_strtof(print("%.*g", 17, std::nextafter(middle, 0.0)));
        expect_as_strtof(print("%.*g", 17, std::nextafter(middle, 1e300)));
        expect_as_strtof(print("%.*f", static_cast<int>(random() % 30), middle));
    }
}

TEST(TypesDenseNumber, Integers) {
    for (const char *text :
         {"", "-", "+", "0", "-0", "+7", "007", "128", "-129", "9223372036854775807",
          "-9223372036854775808", "9223372036854775808", "-9223372036854775809",
          "99999999999999999999999999", "-99999999999999999999999999", "12x", "1.5", " 1"}) {
        int64_t mine = 0;
        const char *next;
        Scan scan = scan_int64(text, &mine, &next);
        char *stop;
        errno = 0;
        long long theirs = strtoll(text, &stop, 10);
        if (*text == ' ') { // strtoll skips spaces; the scanner leaves that to its caller
            EXPECT_EQ(scan, Scan::none);
            continue;
        }
        if (stop == text) {
            EXPECT_EQ(scan, Scan::none) << text;
            continue;
        }
        EXPECT_EQ(next, stop) << text;
        EXPECT_EQ(scan, errno == ERANGE ? Scan::overflow : Scan::ok) << text;
        if (scan == Scan::ok) {
            EXPECT_EQ(mine, theirs) << text;
        }
    }
}

TEST(TypesDenseNumber, QuotesEndBetweenCharacters) {
    std::string ascii(1000, 'x'), wide;
    for (int i = 0; i < 500; ++i)
        wide += "\xc3\xa9";
    EXPECT_EQ(quotable(ascii.c_str(), 10), 10);
    EXPECT_EQ(quotable(ascii.c_str(), 150), 150);
    EXPECT_EQ(quotable(ascii.c_str(), 1000), 150);
    EXPECT_EQ(quotable(wide.c_str(), wide.size()),
              0); // one run of high bytes: which are first bytes is not known here
    std::string mixed = "a" + wide.substr(0, 200) + std::string(100, 'b');
    EXPECT_EQ(quotable(mixed.c_str(), mixed.size()), 1);
    Status s = bad_syntax("vector", ascii.c_str(), ascii.size());
    EXPECT_EQ(s.code, Code::invalid_text);
    EXPECT_EQ(std::string(s.message),
              "invalid input syntax for type vector: \"" + std::string(150, 'x') + "...\"");
}

} // namespace vecx::types::test
