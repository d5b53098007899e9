// Learnt codes: their errors are of the size that their kind should have, their bounds hold as often as was measured when they
// were learnt, what goes to disk is the same at every level of the kernels, and damage is noticed.
#include <cfloat>

#include "hnsw_support.hpp"
#include "kernels/convert.hpp"
#include "kernels_support.hpp"
#include "quant/learn.hpp"
#include "quant/rotation.hpp"

namespace vecx::test {
namespace {

using quant::CodeKind;

std::vector<float> rotated(int dim, Rng &rng, double size = 1) {
    std::vector<float> x(static_cast<size_t>(dim)), out(quant::rotated_dim(dim));
    // Coordinates of very different sizes, as embeddings have them.
    for (size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(size * gauss(rng) * (i % 5 == 0 ? 4 : 1));
    quant::rotate(x.data(), dim, out.data());
    return out;
}
double dot(const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}
std::vector<float> sum_of(const std::vector<float> &a, const std::vector<float> &b, float sign) {
    std::vector<float> out(a.size());
    for (size_t i = 0; i < a.size(); ++i)
        out[i] = a[i] + sign * b[i];
    return out;
}

struct Book {
    std::vector<int8_t> bytes;
    std::vector<float> words;
    quant::Codebook book;
};

// Learnt from `rows` vectors around a centre, and queries like them.
Book learn(CodeKind kind, int dim, uint32_t code_dim, int rows, uint64_t seed, const std::vector<float> &centre) {
    TestArena arena;
    const uint32_t n = quant::rotated_dim(dim);
    quant::Learner learner(kind, n, code_dim, seed, 16 << 20, arena.arena);
    Rng rng(17);
    for (int i = 0; i < rows; ++i)
        learner.add_row(sum_of(centre, rotated(dim, rng, 0.7), 1).data(), centre.data());
    for (int i = 0; i < 32 && rows > 0; ++i)
        learner.add_query(sum_of(centre, rotated(dim, rng), 1).data());
    Book out;
    out.bytes.resize(quant::word_bytes(kind, n) + 16);
    quant::CodebookHead head;
    learner.learn(&head, out.bytes.data(), {});
    out.words.assign(out.bytes.begin(), out.bytes.end());
    out.book = {head, kind, n, code_dim, out.words.data()};
    return out;
}

struct Choice {
    CodeKind kind;
    uint32_t code_dim;
    double sine; // at most, mean
};
const Choice choices[] = {{CodeKind::sq8, 1, 0.015}, {CodeKind::pq, 2, 0.37}, {CodeKind::pq, 4, 0.63}, {CodeKind::pq, 8, 0.82}, {CodeKind::pq, 16, 0.93}};

TEST(QuantCodebook, ErrorsAndBounds) {
    for (const Choice &choice : choices)
        for (quant::Form form : {quant::Form::l2, quant::Form::ip})
            for (int dim : {40, 128, 768}) {
                for (int learnt : {0, 2000}) {
                    if ((dim == 768 && form == quant::Form::l2) || (learnt == 0 && form == quant::Form::ip))
                        continue; // time
                    SCOPED_TRACE(testing::Message() << "code of " << choice.code_dim << " ip " << (form == quant::Form::ip) << " dim " << dim << " rows " << learnt);
                    Rng rng(static_cast<uint64_t>(dim));
                    TestArena arena;
                    const std::vector<float> centre = rotated(dim, rng);
                    const Book made = learn(choice.kind, dim, choice.code_dim, learnt, 1, centre);
                    const quant::Codebook &book = made.book;
                    EXPECT_EQ(quant::codebook_fault(book.kind, book.head, made.bytes.data(), book.n), nullptr);
                    EXPECT_EQ(book.head.pairs > 2000, learnt > 0);
                    const bool ip = form == quant::Form::ip, pq = choice.kind == CodeKind::pq;
                    const uint32_t n = book.n, size = quant::code_bytes(book.kind, n, book.code_dim);
                    const int rows = 64, queries = 10;
                    std::vector<uint8_t> grouped(size * rows), code(size);
                    std::vector<std::vector<uint8_t>> codes;
                    std::vector<quant::Factors> factors;
                    std::vector<std::vector<float>> xs;
                    std::vector<uint16_t> add(rows), mul(rows), unit(rows);
                    double sines = 0;
                    for (size_t r = 0; r < rows; ++r) {
                        xs.push_back(sum_of(centre, rotated(dim, rng, 0.7), 1));
                        std::vector<float> scratch(n), v(n);
                        factors.push_back(quant::encode_learnt(form, xs[r].data(), centre.data(), book, scratch.data(), code.data()));
                        codes.push_back(code);
                        for (uint32_t p = 0; p < size; ++p)
                            grouped[(r / 16 * size + p) * 16 + r % 16] = code[p];
                        const quant::Factors &f = factors[r];
                        add[r] = float_to_f16(f.add * 0x1p-6f);
                        mul[r] = float_to_f16(f.mul * 0x1p4f);
                        unit[r] = float_to_f16(f.fine_error / -f.mul);
                        quant::decode_learnt(book, code.data(), v.data());
                        const std::vector<float> o = sum_of(xs[r], centre, -1);
                        const double cosine = dot(o, v) / std::sqrt(dot(o, o) * dot(v, v));
                        sines += std::sqrt(1 - cosine * cosine) / rows;
                        EXPECT_NEAR(static_cast<double>(f.length), std::sqrt(dot(o, o)), 1e-4 * std::sqrt(dot(o, o)));
                        const float s = -f.mul / (ip ? 1.0f : 2.0f);
                        EXPECT_NEAR(static_cast<double>(quant::learnt_length(book, s, f.fine_error / -f.mul, code.data())), std::sqrt(dot(o, o)), 1e-3 * std::sqrt(dot(o, o)));
                    }
                    EXPECT_LT(sines, choice.sine);
                    EXPECT_GT(sines, choice.sine / 3);
                    int above = 0;
                    double bias = 0, spread = 0;
                    for (int q = 0; q < queries; ++q) {
                        const std::vector<float> y = sum_of(rotated(dim, rng), centre, 1), away = sum_of(y, centre, -1);
                        const double reach = std::sqrt(dot(away, away)), centre_key = ip ? -dot(y, centre) : dot(away, away);
                        const quant::Bounds bounds{static_cast<float>(centre_key), static_cast<float>(reach), 0x1p6f, 0x1p-4f, book.head.deviations};
                        std::vector<float> low(rows);
                        if (pq) {
                            const quant::LookupQuery query = quant::prepare_lookup(y.data(), book, arena.arena);
                            quant::lookup_bounds(query, bounds, rows / 16, grouped.data(), add.data(), mul.data(), unit.data(), low.data());
                        } else {
                            for (size_t r = 0; r < rows; ++r)
                                low[r] = quant::scalar_bound(y.data(), n, bounds, reinterpret_cast<const int8_t *>(codes[r].data()), factors[r].add, factors[r].mul, factors[r].fine_error);
                        }
                        for (size_t r = 0; r < rows; ++r) {
                            const std::vector<float> d = sum_of(y, xs[r], -1);
                            const double key = ip ? -dot(y, xs[r]) : dot(d, d);
                            const double error = static_cast<double>(factors[r].fine_error) * reach;
                            above += static_cast<double>(low[r]) > key;
                            const double z = (static_cast<double>(low[r]) - key) / error + static_cast<double>(book.head.deviations);
                            bias += z / (rows * queries);
                            spread += z * z / (rows * queries);
                        }
                    }
                    EXPECT_LE(above, rows * queries / 33);
                    EXPECT_LT(std::fabs(bias), 0.35);
                    EXPECT_GT(spread, 0.3); // bounds that are not looser than they have to be
                    EXPECT_LT(spread, 2);
                }
            }
}

// The bounds come from what is measured: queries that all lie where the code is worst need wide ones.
TEST(QuantCodebook, DeviationsAreMeasured) {
    const int dim = 64;
    const uint32_t n = 64;
    for (bool hard : {false, true}) {
        TestArena arena;
        quant::Learner learner(CodeKind::pq, n, 4, 3, 16 << 20, arena.arena);
        Rng rng(9);
        const std::vector<float> zero(n, 0.0f);
        std::vector<float> x;
        for (int i = 0; i < 1500; ++i) {
            x = rotated(dim, rng);
            if (hard)
                x[5] *= 8; // most of the length, and of the error, is in one part
            learner.add_row(x.data(), zero.data());
        }
        for (int i = 0; i < 32; ++i) {
            std::vector<float> q = rotated(dim, rng);
            for (size_t k = 0; k < n && hard; ++k)
                q[k] = k == 5 ? 1.0f : 0.0f;
            learner.add_query(q.data());
        }
        quant::CodebookHead head;
        std::vector<int8_t> words(quant::word_bytes(CodeKind::pq, n));
        learner.learn(&head, words.data(), {});
        if (hard) {
            EXPECT_GT(head.deviations, 3.4f);
        } else {
            EXPECT_LT(head.deviations, 3.0f);
        }
        EXPECT_LE(head.deviations, quant::kMostDeviations);
    }
}

TEST(QuantCodebook, SeedDecidesWords) {
    Rng rng(2);
    const std::vector<float> centre = rotated(100, rng);
    const Book a = learn(CodeKind::pq, 100, 2, 700, 1, centre), b = learn(CodeKind::pq, 100, 2, 700, 1, centre), c = learn(CodeKind::pq, 100, 2, 700, 2, centre);
    EXPECT_EQ(a.bytes, b.bytes);
    EXPECT_EQ(a.book.head.sum, b.book.head.sum);
    EXPECT_NE(a.bytes, c.bytes);
}

TEST(QuantCodebook, SameBitsAtEveryLevel) {
    const KernelTable *before = kernels::active;
    Rng first(1);
    const std::vector<float> centre = rotated(200, first);
    for (const Choice &choice : choices) {
        const Book made = learn(choice.kind, 200, choice.code_dim, 300, 1, centre);
        std::vector<uint8_t> seen;
        for (const Tested &tested : tested_tables()) {
            kernels::active = tested.table;
            Rng rng(5);
            std::vector<uint8_t> bytes;
            for (int i = 0; i < 20; ++i) {
                const std::vector<float> x = rotated(200, rng);
                std::vector<float> scratch(made.book.n);
                std::vector<uint8_t> code(quant::code_bytes(choice.kind, made.book.n, choice.code_dim));
                const quant::Factors f = quant::encode_learnt(i % 2 == 0 ? quant::Form::l2 : quant::Form::ip, x.data(), centre.data(), made.book, scratch.data(), code.data());
                bytes.insert(bytes.end(), reinterpret_cast<const uint8_t *>(&f), reinterpret_cast<const uint8_t *>(&f) + sizeof f);
                bytes.insert(bytes.end(), code.begin(), code.end());
            }
            if (seen.empty())
                seen = bytes;
            EXPECT_TRUE(seen == bytes) << tested.name;
        }
        kernels::active = before;
    }
}

TEST(QuantCodebook, DamageIsNoticed) {
    for (const Choice &choice : choices) {
        Book made = learn(choice.kind, 64, choice.code_dim, 0, 1, {});
        quant::CodebookHead head = made.book.head;
        EXPECT_EQ(quant::codebook_fault(choice.kind, head, made.bytes.data(), 64), nullptr);
        for (uint32_t i = 0; i < quant::word_bytes(choice.kind, 64); i += 13) {
            made.bytes[i] = static_cast<int8_t>(made.bytes[i] ^ 1);
            EXPECT_NE(quant::codebook_fault(choice.kind, head, made.bytes.data(), 64), nullptr);
            made.bytes[i] = static_cast<int8_t>(made.bytes[i] ^ 1);
        }
        for (size_t i = 0; i < sizeof head; ++i) {
            reinterpret_cast<uint8_t *>(&head)[i] ^= 0x40;
            EXPECT_NE(quant::codebook_fault(choice.kind, head, made.bytes.data(), 64), nullptr) << i;
            reinterpret_cast<uint8_t *>(&head)[i] ^= 0x40;
        }
        // A sum that fits does not make the numbers possible.
        for (float bad : {0.0f, -1.0f, 1e9f, std::numeric_limits<float>::quiet_NaN()}) {
            head = made.book.head;
            head.deviations = bad;
            head.sum = quant::codebook_sum(head, made.bytes.data(), quant::word_bytes(choice.kind, 64));
            EXPECT_NE(quant::codebook_fault(choice.kind, head, made.bytes.data(), 64), nullptr) << bad;
            head = made.book.head;
            head.clip = bad == 0.0f && choice.kind == CodeKind::pq ? 1.0f : bad;
            head.sum = quant::codebook_sum(head, made.bytes.data(), quant::word_bytes(choice.kind, 64));
            EXPECT_NE(quant::codebook_fault(choice.kind, head, made.bytes.data(), 64), nullptr) << bad;
        }
    }
}

// Vectors that leave the floats: no bound, but nothing that is not a number.
TEST(QuantCodebook, ExtremeVectors) {
    for (const Choice &choice : choices)
        for (float size : {0.0f, 1e-38f, 1e-30f, 1e15f, 1e19f, 1e30f}) {
            TestArena arena;
            const Book made = learn(choice.kind, 64, choice.code_dim, 0, 1, {});
            std::vector<float> x(64, size), c(64, 0.0f), scratch(64);
            x[3] = -size;
            std::vector<uint8_t> code(quant::code_bytes(choice.kind, 64, choice.code_dim));
            const quant::Factors f = quant::encode_learnt(quant::Form::l2, x.data(), c.data(), made.book, scratch.data(), code.data());
            for (float v : {f.add, f.mul, f.fine_error, f.length})
                EXPECT_TRUE(v >= -FLT_MAX && v <= FLT_MAX) << size;
            EXPECT_LE(f.mul, 0.0f);
            const quant::Bounds bounds{1, 1, 1, 1, 2.5f};
            if (choice.kind == CodeKind::sq8) {
                EXPECT_FALSE(std::isnan(quant::scalar_bound(x.data(), 64, bounds, reinterpret_cast<const int8_t *>(code.data()), f.add, f.mul, f.fine_error)));
                EXPECT_EQ(quant::scalar_bound(x.data(), 64, bounds, reinterpret_cast<const int8_t *>(code.data()), FLT_MAX, 0, 0), FLT_MAX);
                continue;
            }
            const quant::LookupQuery query = quant::prepare_lookup(x.data(), made.book, arena.arena);
            std::vector<uint8_t> group(code.size() * 16);
            for (size_t i = 0; i < group.size(); ++i)
                group[i] = code[i / 16];
            uint16_t add[16] = {0, 0xFC00, 0x7C00}, mul[16] = {0x8400, 0, 0}, unit[16] = {};
            float out[16];
            quant::lookup_bounds(query, bounds, 1, group.data(), add, mul, unit, out);
            EXPECT_FALSE(std::isnan(out[0]));
            EXPECT_LE(out[1], -FLT_MAX);
            EXPECT_EQ(out[2], FLT_MAX);
        }
}

} // namespace
} // namespace vecx::test
