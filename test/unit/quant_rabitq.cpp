// RaBitQ: keys from codes are unbiased, their bounds hold as often as the number of deviations says, and what goes to disk is the
// same at every level of the kernels.
#include <cfloat>

#include "hnsw_support.hpp"
#include "kernels/convert.hpp"
#include "kernels_support.hpp"
#include "quant/rabitq.hpp"
#include "quant/rotation.hpp"

namespace vecx::test {
namespace {

std::vector<float> random_rotated(int dim, Rng &rng, double size = 1) {
    std::vector<float> x(static_cast<size_t>(dim)), out(quant::rotated_dim(dim));
    for (float &v : x)
        v = static_cast<float>(size * gauss(rng));
    quant::rotate(x.data(), dim, out.data());
    return out;
}

double dot(const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}
double distance2(const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
        sum += (static_cast<double>(a[i]) - static_cast<double>(b[i])) * (static_cast<double>(a[i]) - static_cast<double>(b[i]));
    return sum;
}

TEST(QuantRotation, KeepsLengthsAndSpreads) {
    Rng rng(1);
    for (int dim : {1, 3, 64, 100, 784, 768, 1000}) {
        std::vector<float> one(static_cast<size_t>(dim), 0.0f), out(quant::rotated_dim(dim));
        one[0] = 1;
        quant::rotate(one.data(), dim, out.data());
        double square = 0, largest = 0;
        for (float v : out) {
            square += static_cast<double>(v) * static_cast<double>(v);
            largest = std::max(largest, static_cast<double>(std::fabs(v)));
        }
        EXPECT_NEAR(square, 1, 1e-5);
        EXPECT_LT(largest, 6 / std::sqrt(static_cast<double>(out.size()))) << dim;
    }
}

TEST(QuantRabitq, BoundsHoldAndKeysAreClose) {
    for (quant::Form form : {quant::Form::l2, quant::Form::ip})
        for (int dim : {40, 128, 768})
            for (int bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
                SCOPED_TRACE(testing::Message() << "ip " << (form == quant::Form::ip) << " dim " << dim << " bits " << bits);
                Rng rng(static_cast<uint64_t>(dim * 10 + bits));
                TestArena arena;
                const uint32_t n = quant::rotated_dim(dim), words = n / 64;
                const std::vector<float> centre = random_rotated(dim, rng);
                const int rows = 200;
                int above_coarse = 0, above_fine = 0, looks = 0;
                double bias = 0, spread = 0;
                for (int q = 0; q < 10; ++q) {
                    std::vector<float> y = random_rotated(dim, rng);
                    for (uint32_t i = 0; i < n; ++i)
                        y[i] += centre[i];
                    const quant::Query query = quant::prepare(y.data(), n, arena.arena);
                    const bool ip = form == quant::Form::ip;
                    const double reach = std::sqrt(distance2(y, centre));
                    const double centre_key = ip ? -dot(y, centre) : distance2(y, centre);
                    for (int r = 0; r < rows / 4; ++r) {
                        std::vector<uint64_t> group(4 * words);
                        uint16_t add[4], mul[4];
                        std::vector<std::vector<float>> xs;
                        std::vector<quant::Factors> factors;
                        std::vector<std::vector<uint64_t>> signs, planes;
                        for (int i = 0; i < 4; ++i) {
                            std::vector<float> x = random_rotated(dim, rng, 0.7);
                            for (uint32_t k = 0; k < n; ++k)
                                x[k] += centre[k];
                            std::vector<uint64_t> s(words), p(words * 7);
                            factors.push_back(quant::encode(form, x.data(), centre.data(), n, bits, s.data(), p.data()));
                            for (uint32_t w = 0; w < words; ++w)
                                group[4 * w + static_cast<uint32_t>(i)] = s[w];
                            add[i] = float_to_f16(factors[static_cast<size_t>(i)].add * 0x1p-4f);
                            mul[i] = float_to_f16(factors[static_cast<size_t>(i)].mul * 0x1p-2f);
                            xs.push_back(x);
                            signs.push_back(s);
                            planes.push_back(p);
                        }
                        float out[4];
                        quant::lower_bounds(query, {static_cast<float>(centre_key), static_cast<float>(reach), 0x1p4f, 0x1p2f, 2.5f}, words, 1,
                                            group.data(), add, mul, out);
                        for (size_t i = 0; i < 4; ++i) {
                            const double key = ip ? -dot(y, xs[i]) : distance2(y, xs[i]);
                            ++looks;
                            above_coarse += static_cast<double>(out[i]) > key;
                            if (bits == 1)
                                continue;
                            const float fine = quant::fine_key(query, static_cast<float>(centre_key), words, bits, signs[i].data(),
                                                               reinterpret_cast<const uint8_t *>(planes[i].data()), factors[i].fine_add, factors[i].fine_mul);
                            const float error = quant::fine_error(query, words, bits, static_cast<float>(reach), factors[i].fine_error);
                            above_fine += static_cast<double>(fine - 3 * error) > key;
                            bias += (static_cast<double>(fine) - key) / static_cast<double>(error);
                            spread += std::pow((static_cast<double>(fine) - key) / static_cast<double>(error), 2);
                        }
                    }
                }
                // 0.6 % and 0.13 % of normal variables.
                EXPECT_LE(above_coarse, looks / 50);
                EXPECT_LE(above_fine, looks / 100);
                if (bits > 1) {
                    EXPECT_LT(std::fabs(bias / looks), 0.2);
                    EXPECT_GT(spread / looks, 0.2); // bounds that are not looser than they have to be
                    EXPECT_LT(spread / looks, 1.5);
                }
            }
}

TEST(QuantRabitq, SameBitsAtEveryLevel) {
    const KernelTable *before = kernels::active;
    const int dim = 200;
    const uint32_t n = quant::rotated_dim(dim), words = n / 64;
    std::vector<std::vector<uint8_t>> seen;
    for (const Tested &tested : tested_tables()) {
        kernels::active = tested.table;
        Rng rng(5);
        std::vector<uint8_t> bytes;
        for (int i = 0; i < 20; ++i) {
            const std::vector<float> x = random_rotated(dim, rng), c = random_rotated(dim, rng);
            std::vector<uint64_t> signs(words), planes(words * 7);
            const quant::Factors f = quant::encode(i % 2 == 0 ? quant::Form::l2 : quant::Form::ip, x.data(), c.data(), n, 1 + i % 8, signs.data(), planes.data());
            auto put = [&](const void *p, size_t size) { bytes.insert(bytes.end(), static_cast<const uint8_t *>(p), static_cast<const uint8_t *>(p) + size); };
            put(&f, sizeof f);
            put(signs.data(), signs.size() * 8);
            put(planes.data(), static_cast<size_t>(words) * 8 * static_cast<size_t>(i % 8));
        }
        seen.push_back(bytes);
        EXPECT_TRUE(seen[0] == bytes) << tested.name;
    }
    kernels::active = before;
}

// Vectors that leave the floats: no bound, but nothing that is not a number.
TEST(QuantRabitq, ExtremeVectors) {
    const uint32_t n = 64;
    TestArena arena;
    for (float size : {0.0f, 1e-38f, 1e-30f, 1e15f, 1e19f, 1e30f}) {
        std::vector<float> x(n, size), c(n, 0.0f);
        x[3] = -size;
        uint64_t signs, planes[7];
        const quant::Factors f = quant::encode(quant::Form::l2, x.data(), c.data(), n, 4, &signs, planes);
        for (float v : {f.add, f.mul, f.fine_add, f.fine_mul, f.fine_error, f.length})
            EXPECT_TRUE(v >= -FLT_MAX && v <= FLT_MAX) << size;
        EXPECT_LE(f.mul, 0.0f);
        const quant::Query query = quant::prepare(x.data(), n, arena.arena);
        uint64_t codes[4] = {signs, signs, signs, signs};
        uint16_t add[4] = {0, 0, 0xFC00, 0x7C00}, mul[4] = {0x8400, 0, 0, 0};
        float out[4];
        quant::lower_bounds(query, {1, 1, 1, 1, 2.5f}, 1, 1, codes, add, mul, out);
        EXPECT_FALSE(std::isnan(out[0]));
        EXPECT_EQ(out[3], FLT_MAX);
    }
}

} // namespace
} // namespace vecx::test
