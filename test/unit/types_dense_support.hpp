// What the tests of the dense types share: the four types as a typed test's list, and a float
// formatter.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "types/dense_convert.hpp"
#include "types/dense_math.hpp"
#include "types/dense_text.hpp"
#include "types/element.hpp"

namespace vecx::types::test {

// Nine digits tell any float from its neighbours.
inline int format_float(float value, char *out) {
    return snprintf(out, 16, "%.9g", static_cast<double>(value));
}

template <class E>
std::vector<typename E::Stored> from_floats(const std::vector<float> &in) {
    std::vector<typename E::Stored> out(in.size());
    Status s = narrow_floats<E>(in.data(), in.size(), format_float, out.data());
    EXPECT_TRUE(s.ok()) << s.message;
    return out;
}

template <class E>
std::vector<float> to_floats(const std::vector<typename E::Stored> &in) {
    std::vector<float> out(in.size());
    E::widen_all(in.data(), out.data(), in.size());
    return out;
}

// Small integers, which all types hold exactly.
inline std::vector<float> small_numbers(size_t n, unsigned seed, int most = 11) {
    std::mt19937 random(seed);
    std::vector<float> x(n);
    for (float &value : x)
        value = static_cast<float>(
            static_cast<int>(random() % (2 * static_cast<unsigned>(most) + 1)) - most);
    return x;
}

using AllTypes = ::testing::Types<F32, F16, BF16, I8>;
using FloatTypes = ::testing::Types<F32, F16, BF16>;

} // namespace vecx::types::test
