// The codec on every level of the kernels: what goes to disk has the same bits everywhere, sums of sweeps are exact, and
// the distance that SQL shows lies in the interval that a stored vector promises.
#include "hnsw/inlined/codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "hnsw_support.hpp"
#include "kernels/convert.hpp"
#include "kernels_support.hpp"

namespace vecx::hnsw::inlined {
namespace {

using test::Random;
using test::Tested;
using test::tested_tables;

class InlinedLevels : public testing::Test {
  protected:
    const kernels::KernelTable *before_ = kernels::active;
    void TearDown() override { kernels::active = before_; }
};

Shape shape_of(ElementType type, Metric metric, int32_t dim, OwnKind own) {
    Shape s{};
    s.type = type;
    s.metric = metric;
    s.own = own;
    s.tid_places = 10;
    s.dim = dim;
    s.places = 20;
    s.code_words = static_cast<uint16_t>(s.rotated_dim() / 64);
    return s;
}

std::vector<float> random_floats(Random &random, size_t n) {
    std::vector<float> x(n);
    for (float &value : x)
        value = random.real();
    return x;
}

template <class T>
bool same_bytes(const std::vector<T> &a, const std::vector<T> &b) {
    return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }

// Everything that is written of one pair of vectors.
struct Written {
    std::vector<float> rotated;
    std::vector<uint64_t> code, coarse_code;
    std::vector<float> factors;
    std::vector<int8_t> coarse;
    std::vector<uint8_t> own;
    std::vector<uint32_t> head;
    uint64_t hash;
};

Written write(const Shape &shape, const std::vector<float> &x, const std::vector<float> &y) {
    const size_t n = shape.rotated_dim();
    Written w;
    std::vector<float> other(n), g(x.size());
    w.rotated.resize(n);
    to_geometry(shape, x.data(), norm_of(shape, x.data()), g.data());
    rotate(shape, g.data(), w.rotated.data());
    rotate(shape, y.data(), other.data());
    w.code.resize(shape.code_words);
    w.coarse_code.resize(shape.code_words);
    w.factors.resize(8);
    encode_neighbour(shape, Placed{w.rotated.data(), 1}, Placed{other.data(), 2}, 3, &w.factors[0], &w.factors[1],
                     w.code.data());
    w.coarse.resize(2 * n);
    Coarse a = encode_coarse(shape, w.rotated.data(), w.coarse.data());
    Coarse b = encode_coarse(shape, other.data(), w.coarse.data() + n);
    w.factors[2] = a.scale;
    w.factors[3] = a.norm2;
    encode_neighbour_coarse(shape, a, w.coarse.data(), b, w.coarse.data() + n, 3, &w.factors[4], &w.factors[5],
                            w.coarse_code.data());
    // The same from what the coarse codes stand for.
    std::vector<float> p(n), q(n);
    std::vector<uint64_t> code(shape.code_words);
    float add, mul;
    decode_coarse(shape, a, w.coarse.data(), p.data());
    decode_coarse(shape, b, w.coarse.data() + n, q.data());
    encode_neighbour(shape, Placed{p.data(), a.norm2}, Placed{q.data(), b.norm2}, 3, &add, &mul, code.data());
    EXPECT_TRUE(same_bytes(code, w.coarse_code));
    EXPECT_EQ(bits_of(add), bits_of(w.factors[4]));
    EXPECT_EQ(bits_of(mul), bits_of(w.factors[5]));
    w.own.resize(shape.own_size());
    Head head{};
    encode_own(shape, x.data(), w.own.data(), &head);
    w.head = {bits_of(head.own_scale), bits_of(head.own_error), bits_of(head.norm)};
    w.hash = payload_hash(Payload{reinterpret_cast<const uint8_t *>(x.data()), static_cast<uint32_t>(4 * x.size())});
    return w;
}

TEST_F(InlinedLevels, WhatGoesToDiskDoesNotDependOnTheLevel) {
    for (int32_t dim : {1, 2, 17, 64, 65, 128, 200, 511, 784, 1000, 1536, 2049, 5700})
        for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine})
            for (OwnKind own : {OwnKind::f16, OwnKind::i8}) {
                if (dim > 1000 && metric != Metric::l2)
                    continue;
                Shape shape = shape_of(ElementType::f32, metric, dim, own);
                Random random(static_cast<uint64_t>(dim));
                std::vector<float> x = random_floats(random, static_cast<size_t>(dim));
                std::vector<float> y = random_floats(random, static_cast<size_t>(dim));
                kernels::active = tested_tables()[0].table;
                Written expected = write(shape, x, y);
                for (const Tested &tested : tested_tables()) {
                    SCOPED_TRACE(testing::Message() << tested.name << " dim " << dim);
                    kernels::active = tested.table;
                    Written got = write(shape, x, y);
                    EXPECT_TRUE(same_bytes(got.rotated, expected.rotated));
                    EXPECT_TRUE(same_bytes(got.code, expected.code));
                    EXPECT_TRUE(same_bytes(got.coarse_code, expected.coarse_code));
                    EXPECT_TRUE(same_bytes(got.factors, expected.factors));
                    EXPECT_TRUE(same_bytes(got.coarse, expected.coarse));
                    EXPECT_TRUE(same_bytes(got.own, expected.own));
                    EXPECT_TRUE(same_bytes(got.head, expected.head));
                    EXPECT_EQ(got.hash, expected.hash);
                }
            }
}

// The hashes were written down once: other ones mean that indexes on disk are read with another rotation.
TEST_F(InlinedLevels, RotationKeepsLengthsAndIsTheOneOnDisk) {
    constexpr struct {
        int32_t dim;
        uint64_t hash;
    } kCases[] = {{3, 0xAF13E4E218F584A2ull}, {128, 0x57B63A80DD349E5Cull}, {784, 0x353EE48218DBC437ull}, {1000, 0xBB22EB064A489C57ull}};
    for (auto [dim, hash] : kCases) {
        Shape shape = shape_of(ElementType::f32, Metric::l2, dim, OwnKind::f16);
        Random random(5);
        std::vector<float> x = random_floats(random, static_cast<size_t>(dim)), r(shape.rotated_dim());
        for (const Tested &tested : tested_tables()) {
            kernels::active = tested.table;
            rotate(shape, x.data(), r.data());
            double before = 0, after = 0;
            for (float c : x)
                before += static_cast<double>(c) * static_cast<double>(c);
            for (float c : r)
                after += static_cast<double>(c) * static_cast<double>(c);
            EXPECT_NEAR(after, before, 1e-5 * before) << tested.name << " " << dim;
            Payload bytes{reinterpret_cast<const uint8_t *>(r.data()), static_cast<uint32_t>(4 * r.size())};
            EXPECT_EQ(payload_hash(bytes), hash) << tested.name << " " << dim;
        }
    }
}

// The sum of a sweep over all bits, one by one, from the levels that the weights tell.
uint32_t plain_sum(const int8_t *weights, const uint64_t *code, size_t words) {
    uint32_t sum = 0;
    for (size_t w = 0; w < words; ++w)
        for (size_t i = 0; i < 64; ++i) {
            int level = (63 - weights[64 * w + 8 * (i % 8) + i / 8]) / 2;
            sum += static_cast<uint32_t>((code[w] >> i) & 1 ? 63 - level : level);
        }
    return sum;
}

TEST_F(InlinedLevels, SweepsAreExactAndReadEitherForm) {
    for (uint32_t words : {1u, 2u, 3u, 13u, 16u, 17u, 33u, 90u})
        for (uint32_t groups : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 16u, 63u}) {
            if (words > 17 && groups > 9)
                continue;
            Random random(words * 100 + groups);
            const size_t places = 4 * groups;
            std::vector<float> x = random_floats(random, 64 * words);
            if (words % 2 == 0)
                for (float &c : x)
                    c = c > 0 ? 1.0f : -1.0f; // the largest sums
            test::Guarded<uint64_t> codes(words * places, test::Place::at_end);
            test::Guarded<uint16_t> add(places, test::Place::at_end), mul(places, test::Place::at_end);
            test::Guarded<float> out(places, test::Place::at_end);
            for (size_t i = 0; i < words * places; ++i)
                codes[i] = random.below(8) == 0 ? ~0ull * random.below(2) : random.next();
            for (size_t i = 0; i < places; ++i) {
                add[i] = float_to_f16(random.real());
                mul[i] = float_to_f16(1.0f);
            }
            for (const Tested &maker : tested_tables()) {
                std::vector<uint8_t> room(words * 320 + 64);
                uint8_t *tables = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64) % 64;
                int8_t *weights = reinterpret_cast<int8_t *>(tables + 256 * words);
                uint32_t level_sum = maker.table->prepare_sweep(x.data(), 63.0f, words, tables, weights);
                std::vector<uint32_t> sums(places);
                for (size_t i = 0; i < places; ++i) {
                    std::vector<uint64_t> code(words);
                    for (uint32_t w = 0; w < words; ++w)
                        code[w] = codes[code_index(static_cast<uint32_t>(i), w, words)];
                    sums[i] = plain_sum(weights, code.data(), words);
                }
                for (const Tested &tested : tested_tables()) {
                    SCOPED_TRACE(testing::Message() << maker.name << " " << tested.name << " words " << words << " groups " << groups);
                    kernels::Sweep sweep{tables, weights, level_sum, words, groups, 0, 0, 0, 1};
                    tested.table->sweep(sweep, codes.data(), add.data(), mul.data(), out.data());
                    for (size_t i = 0; i < places; ++i)
                        ASSERT_EQ(out[i], static_cast<float>(sums[i])) << i;
                    sweep.base = 0.5f;
                    sweep.add_scale = 2.0f;
                    sweep.first = 3.0f;
                    sweep.each = -0.25f;
                    tested.table->sweep(sweep, codes.data(), add.data(), mul.data(), out.data());
                    for (size_t i = 0; i < places; ++i) {
                        double want = 0.5 + 2.0 * static_cast<double>(f16_to_float(add[i])) + 3.0 - 0.25 * sums[i];
                        ASSERT_NEAR(static_cast<double>(out[i]), want, 1e-6 * (10 + sums[i])) << i;
                    }
                    sweep.base = std::numeric_limits<float>::infinity();
                    sweep.each = -std::numeric_limits<float>::infinity();
                    tested.table->sweep(sweep, codes.data(), add.data(), mul.data(), out.data());
                    for (size_t i = 0; i < places; ++i)
                        ASSERT_EQ(out[i], FLT_MAX) << i;
                }
            }
        }
}

// The bytes that prepare_sweep makes are the same on every level, for numbers beyond the largest too.
TEST_F(InlinedLevels, PreparedQueriesAreTheSame) {
    Random random(3);
    for (size_t words : {1u, 2u, 13u}) {
        std::vector<float> x = random_floats(random, 64 * words);
        x[3] = 1e30f;
        x[5] = -1e30f;
        x[7] = std::numeric_limits<float>::quiet_NaN();
        x[8] = -0.0f;
        std::vector<uint8_t> expected(words * 320), got(words * 320);
        uint32_t sum = tested_tables()[0].table->prepare_sweep(x.data(), 50.0f, words, expected.data(),
                                                               reinterpret_cast<int8_t *>(expected.data() + 256 * words));
        for (const Tested &tested : tested_tables()) {
            EXPECT_EQ(tested.table->prepare_sweep(x.data(), 50.0f, words, got.data(),
                                                  reinterpret_cast<int8_t *>(got.data() + 256 * words)),
                      sum);
            EXPECT_TRUE(same_bytes(got, expected)) << tested.name;
        }
    }
}

TEST_F(InlinedLevels, MixedSums) {
    for (test::Place place : {test::Place::at_start, test::Place::at_end})
        for (size_t n : test::lengths()) {
            test::Guarded<float> a(n, place);
            test::Guarded<uint16_t> h(n, place);
            test::Guarded<int8_t> b(n, place);
            Random random(n);
            double l2h = 0, doth = 0, l2b = 0, dotb = 0, size = 0;
            for (size_t i = 0; i < n; ++i) {
                a[i] = 4 * random.real();
                h[i] = float_to_f16(random.real());
                b[i] = static_cast<int8_t>(random.next());
                double x = static_cast<double>(a[i]), y = static_cast<double>(f16_to_float(h[i])) * 4, z = b[i] * 0.03125;
                l2h += (x - y) * (x - y);
                doth += x * y;
                l2b += (x - z) * (x - z);
                dotb += x * z;
                size += std::fabs(x * y) + std::fabs(x * z);
            }
            for (const Tested &tested : tested_tables()) {
                SCOPED_TRACE(testing::Message() << tested.name << " n=" << n);
                double bound = 1e-6 + static_cast<double>(n) * 0x1p-23;
                EXPECT_NEAR(tested.table->l2sq_f32_f16(a.data(), h.data(), 4, n), l2h, bound * (1 + l2h));
                EXPECT_NEAR(tested.table->dot_f32_f16(a.data(), h.data(), 4, n), doth, bound * (1 + size));
                EXPECT_NEAR(tested.table->l2sq_f32_i8(a.data(), b.data(), 0.03125f, n), l2b, bound * (1 + l2b));
                EXPECT_NEAR(tested.table->dot_f32_i8(a.data(), b.data(), 0.03125f, n), dotb, bound * (1 + size));
            }
        }
}

// What SQL shows, as a float8.
double shown(const Shape &shape, Payload a, Payload b) {
    Measure m = make_measure(shape.type, shape.metric, shape.dim, kernels::active);
    double d = m.distance(m, a, b);
    return shape.metric == Metric::l2 ? std::sqrt(d) : d;
}

struct Element {
    ElementType type;
    size_t size;
};
constexpr Element kElements[] = {{ElementType::f32, 4}, {ElementType::f16, 2}, {ElementType::bf16, 2}, {ElementType::i8, 1}};

std::vector<uint8_t> narrow(Element element, const std::vector<float> &x) {
    std::vector<uint8_t> out(x.size() * element.size);
    for (size_t i = 0; i < x.size(); ++i) {
        uint16_t half = element.type == ElementType::f16 ? float_to_f16(x[i]) : float_to_bf16(x[i]);
        int8_t byte = element.type == ElementType::i8 ? static_cast<int8_t>(std::fmin(std::fmax(x[i], -128.0f), 127.0f)) : int8_t{0};
        memcpy(out.data() + i * element.size, element.type == ElementType::f32 ? static_cast<const void *>(&x[i]) : element.type == ElementType::i8 ? static_cast<const void *>(&byte) : static_cast<const void *>(&half), element.size);
    }
    return out;
}

// Pairs of vectors: spread, near each other far from 0, opposite, whole numbers, tiny, huge, zero, equal.
constexpr int kPatterns = 12;
void make_pair(int pattern, Random &random, size_t n, std::vector<float> *q, std::vector<float> *x) {
    q->resize(n);
    x->resize(n);
    for (size_t i = 0; i < n; ++i) {
        float a = random.real(), b = random.real();
        switch (pattern) {
        case 0: break;
        case 1: a = 1000 + a * 1e-2f; b = a + b * 1e-2f; break;
        case 2: b = -a; break;
        case 3: a = std::floor(100 * a); b = std::floor(100 * b); break;
        case 4: a *= 1e-22f; b *= 1e-22f; break;
        case 5: a *= 1e-38f; b *= 1e-38f; break;
        case 6: a *= 1e-44f; b *= 1e-44f; break;
        case 7: a *= 1e18f; b *= 1e18f; break;
        case 8: a *= 3.4e38f; b *= 3.4e38f; break;
        case 9: a = i % 2 ? 3.402e38f : -3.402e38f; b = 3.402823466e38f; break;
        case 10: b = 0; break;
        default: b = a + 1e-6f * b; break;
        }
        (*q)[i] = a;
        (*x)[i] = b;
    }
    if (pattern == 11 && random.below(2) == 0)
        *x = *q;
}

TEST_F(InlinedLevels, SqlsDistanceLiesInTheInterval) {
    for (int32_t dim : {1, 3, 16, 63, 128, 784, 1025, 5700})
        for (const Element &element : kElements)
            for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine})
                for (OwnKind own : {OwnKind::f16, OwnKind::i8})
                    for (int pattern = 0; pattern < kPatterns; ++pattern) {
                        Shape shape = shape_of(element.type, metric, dim, own);
                        shape.code_words = 0; // the codes have nothing to do with it
                        Random random(static_cast<uint64_t>(dim * kPatterns + pattern));
                        for (int trial = 0; trial < (dim < 200 ? 4 : 1); ++trial) {
                            std::vector<float> q, x;
                            make_pair(pattern, random, static_cast<size_t>(dim), &q, &x);
                            if (element.type == ElementType::i8)
                                for (auto *v : {&q, &x})
                                    for (float &c : *v)
                                        c = std::isfinite(c * 127) && std::fabs(c) < 1 ? std::floor(127.9f * c) : c;
                            std::vector<uint8_t> qb = narrow(element, q), xb = narrow(element, x);
                            Payload qp{qb.data(), static_cast<uint32_t>(qb.size())}, xp{xb.data(), static_cast<uint32_t>(xb.size())};
                            std::vector<float> wide(static_cast<size_t>(dim));
                            widen(shape, xp, wide.data());
                            bool finite = true;
                            for (float c : wide)
                                finite &= std::isfinite(c);
                            widen(shape, qp, q.data());
                            for (float c : q)
                                finite &= std::isfinite(c);
                            if (!finite)
                                continue; // SQL's types have no such values
                            std::vector<uint8_t> stored(shape.own_size());
                            Head head{};
                            encode_own(shape, wide.data(), stored.data(), &head);
                            for (const Tested &tested : tested_tables()) {
                                SCOPED_TRACE(testing::Message() << tested.name << " dim " << dim << " type " << static_cast<int>(element.type) << " metric " << static_cast<int>(metric) << " own " << static_cast<int>(own) << " pattern " << pattern);
                                kernels::active = tested.table;
                                test::TestArena holder;
                                Query query = prepare_query(shape, qp, holder.arena);
                                float key = own_key(shape, query, head, stored.data());
                                Interval in = exact_interval(shape, query, head, key);
                                double sql = shown(shape, qp, xp);
                                ASSERT_FALSE(std::isnan(key));
                                ASSERT_FALSE(std::isnan(in.low) || std::isnan(in.high));
                                if (std::isnan(sql))
                                    sql = std::numeric_limits<double>::infinity(); // sorts last
                                ASSERT_LE(in.low, sql);
                                ASSERT_GE(in.high, sql);
                                // Not by being wide: ordinary vectors of which nothing was lost have narrow ones.
                                bool plain = own == OwnKind::f16 && pattern < 4 && pattern != 1 && head.own_error == 0;
                                if (plain && tested.table->level != kernels::Level::scalar && metric == Metric::l2) {
                                    ASSERT_LE(in.high - in.low, 1e-4 * in.high);
                                }
                            }
                        }
                    }
}

// Where nothing is lost the key is SQL's number, so the interval is a point.
TEST_F(InlinedLevels, LosslessVectorsHaveExactKeys) {
    for (int32_t dim : {1, 7, 31, 32, 33, 100, 128, 784, 999, 2000})
        for (const Element &element : kElements)
            for (Metric metric : {Metric::l2, Metric::ip}) {
                if (element.type == ElementType::bf16)
                    continue; // its kernel has other lanes
                const OwnKind own = element.type == ElementType::i8 ? OwnKind::i8 : OwnKind::f16;
                Shape shape = shape_of(element.type, metric, dim, own);
                shape.code_words = 0;
                Random random(static_cast<uint64_t>(dim));
                std::vector<float> q = random_floats(random, static_cast<size_t>(dim)), x = q;
                for (float &c : x)
                    c = std::floor(100 * random.real()); // the query keeps its fractions
                if (element.type == ElementType::i8)
                    for (float &c : q)
                        c *= 100;
                std::vector<uint8_t> qb = narrow(element, q), xb = narrow(element, x);
                Payload qp{qb.data(), static_cast<uint32_t>(qb.size())}, xp{xb.data(), static_cast<uint32_t>(xb.size())};
                std::vector<float> wide(static_cast<size_t>(dim));
                widen(shape, xp, wide.data());
                std::vector<uint8_t> stored(shape.own_size());
                Head head{};
                encode_own(shape, wide.data(), stored.data(), &head);
                EXPECT_EQ(head.own_error, 0.0f);
                for (const Tested &tested : tested_tables()) {
                    SCOPED_TRACE(testing::Message() << tested.name << " dim " << dim << " type " << static_cast<int>(element.type) << " metric " << static_cast<int>(metric));
                    kernels::active = tested.table;
                    test::TestArena holder;
                    Query query = prepare_query(shape, qp, holder.arena);
                    Interval in = exact_interval(shape, query, head, own_key(shape, query, head, stored.data()));
                    EXPECT_EQ(in.low, in.high);
                    EXPECT_EQ(in.low, shown(shape, qp, xp));
                }
            }
}

TEST_F(InlinedLevels, EqualPayloadsHashAlikeOthersDoNot) {
    std::vector<uint64_t> seen;
    uint8_t bytes[100] = {};
    for (uint32_t n = 0; n <= 100; ++n) { // lengths alone tell them apart
        seen.push_back(payload_hash(Payload{bytes, n}));
        EXPECT_EQ(seen.back(), payload_hash(Payload{bytes, n}));
    }
    for (size_t i = 0; i < 100; ++i)
        for (int bit = 0; bit < 8; ++bit) {
            bytes[i] = static_cast<uint8_t>(1 << bit);
            seen.push_back(payload_hash(Payload{bytes, 100}));
            bytes[i] = 0;
        }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

} // namespace
} // namespace vecx::hnsw::inlined
