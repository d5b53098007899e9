// Conversions: convert.hpp against a definition of rounding by search, and every level against convert.hpp.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/convert.hpp"
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

// A 16-bit format as the ascending list of its finite magnitudes; the index is the bit pattern. The last
// entry stands for infinity with the value that the next number would have, which is how IEEE 754 rounds.
struct Magnitudes {
    std::vector<double> values;
    uint16_t infinity;
};

Magnitudes magnitudes(int exponent_bits, int mantissa_bits) {
    Magnitudes m;
    int bias = (1 << (exponent_bits - 1)) - 1;
    m.infinity = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
    for (int bits = 0; bits <= m.infinity; ++bits) {
        int exponent = bits >> mantissa_bits, mantissa = bits & ((1 << mantissa_bits) - 1);
        double value = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                                     : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
        m.values.push_back(value);
    }
    return m;
}

uint16_t round_by_search(const Magnitudes &m, float x) {
    uint16_t sign = std::signbit(x) ? 0x8000 : 0;
    double magnitude = std::fabs(static_cast<double>(x));
    auto above = std::upper_bound(m.values.begin(), m.values.end(), magnitude);
    if (above == m.values.end())
        return sign | m.infinity;
    size_t high = static_cast<size_t>(above - m.values.begin()), low = high - 1;
    double to_low = magnitude - m.values[low], to_high = m.values[high] - magnitude;
    bool up = to_high < to_low || (to_high == to_low && low % 2 == 1);
    return static_cast<uint16_t>(sign | (up ? high : low));
}

// Every number of the format, every middle between two, and the floats just beside them, with both signs.
std::vector<float> boundaries(const Magnitudes &m) {
    std::vector<float> all;
    auto add_around = [&](double value) {
        float x = static_cast<float>(value);
        for (float y : {x, std::nextafter(x, 0.0f), std::nextafter(x, std::numeric_limits<float>::infinity())}) {
            all.push_back(y);
            all.push_back(-y);
        }
    };
    for (size_t i = 0; i + 1 < m.values.size(); ++i) {
        add_around(m.values[i]);
        add_around((m.values[i] + m.values[i + 1]) / 2);
    }
    add_around(m.values.back());
    return all;
}

std::vector<float> any_bits(size_t n) {
    std::vector<float> all(n);
    Random random(6000);
    for (float &x : all)
        x = std::bit_cast<float>(static_cast<uint32_t>(random.next()));
    return all;
}

// Subnormals, the extremes, infinity, and NaN with each bit of the payload, quiet and signalling.
std::vector<float> special_floats() {
    std::vector<uint32_t> bits = {0,          1,          2,          0x007FFFFF, 0x00800000,
                                  0x7F7FFFFF, 0x7F800000, 0x33000000, 0x33000001, 0x32FFFFFF};
    for (int i = 0; i < 23; ++i) {
        bits.push_back(0x7F800000u | (1u << i));
        bits.push_back(0x7FC00000u | (1u << i));
    }
    std::vector<float> all;
    for (uint32_t b : bits)
        for (uint32_t sign : {0u, 0x80000000u})
            all.push_back(std::bit_cast<float>(b | sign));
    return all;
}

std::vector<float> inputs(const Magnitudes &m) {
    std::vector<float> all = boundaries(m);
    for (float x : special_floats())
        all.push_back(x);
    for (float x : any_bits(200000))
        all.push_back(x);
    return all;
}

using Narrow = void (*)(const float *, uint16_t *, size_t);
using Widen = void (*)(const uint16_t *, float *, size_t);

void expect_narrow(const Tested &tested, Narrow kernel, const std::vector<float> &in, uint16_t (*reference)(float)) {
    SCOPED_TRACE(tested.name);
    std::vector<uint16_t> out(in.size());
    kernel(in.data(), out.data(), in.size());
    int shown = 0;
    for (size_t i = 0; i < in.size() && shown < 5; ++i)
        if (out[i] != reference(in[i])) {
            ADD_FAILURE() << std::hex << std::bit_cast<uint32_t>(in[i]) << " gives " << out[i] << ", not "
                          << reference(in[i]);
            ++shown;
        }
}

void expect_widen(const Tested &tested, Widen widen, Narrow narrow, float (*reference)(uint16_t), uint16_t quiet_bit,
                  uint16_t infinity) {
    SCOPED_TRACE(tested.name);
    std::vector<uint16_t> in(65536), back(65536);
    for (size_t i = 0; i < in.size(); ++i)
        in[i] = static_cast<uint16_t>(i);
    std::vector<float> out(in.size());
    widen(in.data(), out.data(), in.size());
    narrow(out.data(), back.data(), out.size());
    int shown = 0;
    for (size_t i = 0; i < in.size() && shown < 5; ++i) {
        bool is_nan = (in[i] & 0x7FFF) > infinity;
        uint16_t want_back = is_nan ? in[i] | quiet_bit : in[i];
        if (std::bit_cast<uint32_t>(out[i]) != std::bit_cast<uint32_t>(reference(in[i])) || back[i] != want_back) {
            ADD_FAILURE() << std::hex << i << " gives " << std::bit_cast<uint32_t>(out[i]) << ", not "
                          << std::bit_cast<uint32_t>(reference(in[i])) << "; and back " << back[i];
            ++shown;
        }
    }
}

TEST(KernelsConvert, ReferenceRoundsToNearestEven) {
    Magnitudes f16 = magnitudes(5, 10), bf16 = magnitudes(8, 7);
    for (float x : inputs(f16))
        if (!std::isnan(x)) {
            ASSERT_EQ(float_to_f16(x), round_by_search(f16, x)) << x;
        }
    for (float x : inputs(bf16))
        if (!std::isnan(x)) {
            ASSERT_EQ(float_to_bf16(x), round_by_search(bf16, x)) << x;
        }
    for (size_t i = 0; i < f16.infinity; ++i)
        ASSERT_EQ(f16_to_float(static_cast<uint16_t>(i)), f16.values[i]);
    for (size_t i = 0; i < bf16.infinity; ++i)
        ASSERT_EQ(bf16_to_float(static_cast<uint16_t>(i)), bf16.values[i]);
}

TEST(KernelsConvert, ReferenceKeepsNanAndInfinity) {
    float infinity = std::numeric_limits<float>::infinity();
    EXPECT_EQ(float_to_f16(infinity), 0x7C00);
    EXPECT_EQ(float_to_f16(-infinity), 0xFC00);
    EXPECT_EQ(float_to_bf16(infinity), 0x7F80);
    EXPECT_EQ(float_to_bf16(-infinity), 0xFF80);
    for (float x : special_floats())
        if (std::isnan(x)) {
            EXPECT_EQ(float_to_f16(x) & 0x7E00, 0x7E00);
            EXPECT_EQ(float_to_bf16(x) & 0x7FC0, 0x7FC0);
            EXPECT_EQ(float_to_f16(x) >> 15, std::signbit(x));
            EXPECT_EQ(float_to_bf16(x) >> 15, std::signbit(x));
        }
}

TEST(KernelsConvert, NarrowIsTheReferenceAtEveryLevel) {
    std::vector<float> f16 = inputs(magnitudes(5, 10)), bf16 = inputs(magnitudes(8, 7));
    for (const Tested &tested : tested_tables()) {
        expect_narrow(tested, tested.table->f32_to_f16, f16, float_to_f16);
        expect_narrow(tested, tested.table->f32_to_bf16, bf16, float_to_bf16);
    }
}

TEST(KernelsConvert, WidenIsTheReferenceAtEveryLevelAndGoesBack) {
    for (const Tested &tested : tested_tables()) {
        expect_widen(tested, tested.table->f16_to_f32, tested.table->f32_to_f16, f16_to_float, 0x200, 0x7C00);
        // bfloat16 to float is a shift: a signalling NaN stays one until it is narrowed.
        expect_widen(tested, tested.table->bf16_to_f32, tested.table->f32_to_bf16, bf16_to_float, 0x40, 0x7F80);
    }
}

TEST(KernelsConvert, EveryLengthAndNothingBeyond) {
    for (Place place : {Place::at_start, Place::at_end})
        for (size_t n : lengths()) {
            Guarded<float> in(n, place), wide(n, place);
            Guarded<uint16_t> narrow(n, place);
            Random random(7000 + n);
            for (size_t i = 0; i < n; ++i)
                in[i] = random.real() * 100;
            for (const Tested &tested : tested_tables()) {
                SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
                const KernelTable &t = *tested.table;
                t.f32_to_f16(in.data(), narrow.data(), n);
                t.f16_to_f32(narrow.data(), wide.data(), n);
                for (size_t i = 0; i < n; ++i) {
                    ASSERT_EQ(narrow[i], float_to_f16(in[i]));
                    ASSERT_EQ(wide[i], f16_to_float(narrow[i]));
                }
                t.f32_to_bf16(in.data(), narrow.data(), n);
                t.bf16_to_f32(narrow.data(), wide.data(), n);
                for (size_t i = 0; i < n; ++i) {
                    ASSERT_EQ(narrow[i], float_to_bf16(in[i]));
                    ASSERT_EQ(wide[i], bf16_to_float(narrow[i]));
                }
            }
        }
}

// Nothing is written before or after the output either.
TEST(KernelsConvert, LeavesTheNeighboursAlone) {
    for (size_t n : lengths()) {
        std::vector<float> in(n, 1.5f), wide(n + 2, -7.0f);
        std::vector<uint16_t> half(n, float_to_f16(1.5f)), narrow(n + 2, 0xABCD);
        for (const Tested &tested : tested_tables()) {
            SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
            tested.table->f32_to_f16(in.data(), narrow.data() + 1, n);
            tested.table->f32_to_bf16(in.data(), narrow.data() + 1, n);
            tested.table->f16_to_f32(half.data(), wide.data() + 1, n);
            tested.table->bf16_to_f32(half.data(), wide.data() + 1, n);
            EXPECT_EQ(narrow.front(), 0xABCD);
            EXPECT_EQ(narrow.back(), 0xABCD);
            EXPECT_EQ(wide.front(), -7.0f);
            EXPECT_EQ(wide.back(), -7.0f);
        }
    }
}

} // namespace
} // namespace vecx::test
