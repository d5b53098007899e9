// Estimates of the inline layout against exact keys: unbiased, with an error that falls with the length of the code;
// stored vectors within the interval they promise; shapes that fill their pages.
#include "hnsw/inlined/codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.hpp"
#include "hnsw_support.hpp"

namespace vecx::hnsw::inlined {
namespace {

constexpr uint32_t kBody = 8192 - 24;

Payload payload_of(const std::vector<float> &x) {
    return Payload{reinterpret_cast<const uint8_t *>(x.data()), static_cast<uint32_t>(4 * x.size())};
}

double normal(Rng &rng) {
    return std::sqrt(-2 * std::log(rng.uniform())) * std::cos(6.283185307179586 * rng.uniform());
}

double exact_key(Metric metric, const std::vector<float> &a, const std::vector<float> &b) {
    double l2 = 0, ip = 0, na = 0, nb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        l2 += (x - y) * (x - y);
        ip += x * y;
        na += x * x;
        nb += y * y;
    }
    return metric == Metric::l2 ? l2 : metric == Metric::ip ? -ip : 1 - ip / std::sqrt(na * nb);
}

TEST(InlinedShape, FillsPages) {
    Shape s;
    ASSERT_TRUE(choose_shape(LayoutKind::inlined, ElementType::f32, Metric::l2, 784, 16, kBody, &s));
    EXPECT_EQ(s.places, 20);
    EXPECT_EQ((kBody - 16) / (s.record_size(s.places) + 4), 2u);
    ASSERT_TRUE(choose_shape(LayoutKind::inlined, ElementType::f32, Metric::l2, 128, 16, kBody, &s));
    EXPECT_EQ(s.places, 28);
    EXPECT_EQ((kBody - 16) / (s.record_size(s.places) + 4), 7u);
    ASSERT_TRUE(choose_shape(LayoutKind::compact, ElementType::f32, Metric::l2, 784, 16, kBody, &s));
    EXPECT_EQ((kBody - 16) / (s.record_size(s.places) + 4), 8u);
    ASSERT_TRUE(choose_shape(LayoutKind::inlined, ElementType::f32, Metric::cosine, 4096, 16, kBody, &s));
    EXPECT_EQ(s.own, OwnKind::i8);
    EXPECT_LE(s.record_size(s.places), max_record(kBody));
    EXPECT_FALSE(choose_shape(LayoutKind::inlined, ElementType::f32, Metric::l2, 16000, 16, kBody, &s));
    // Where a node fits a page, an entry node with neighbours fits the metapage.
    for (LayoutKind layout : {LayoutKind::inlined, LayoutKind::compact})
        for (int m : {2, 5, 16, 100})
            for (int32_t dim = 1; dim <= 9000; dim += dim < 7500 ? 37 : 1)
                if (choose_shape(layout, ElementType::i8, Metric::l2, dim, m, kBody, &s)) {
                    const uint32_t places = entry_places(s, kBody);
                    ASSERT_GE(places, static_cast<uint32_t>(kGroup)) << dim;
                    ASSERT_LE(places, static_cast<uint32_t>(kMaxPlaces)) << dim;
                    ASSERT_LE(sizeof(PageHead) + sizeof(MetaRecord) + s.record_size(static_cast<int>(places)) + sizeof(Slot), kBody) << dim;
                }
    EXPECT_FALSE(choose_shape(LayoutKind::inlined, ElementType::sparse, Metric::l2, 100, 16, kBody, &s));
}

TEST(InlinedCodec, EstimatesAndIntervals) {
    for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine})
        for (int32_t dim : {3, 100, 128, 784, 2000, 4096}) {
            Shape shape;
            ASSERT_TRUE(choose_shape(LayoutKind::inlined, ElementType::f32, metric, dim, 16, kBody, &shape)) << dim;
            Rng rng(7);
            size_t n = static_cast<size_t>(dim);
            auto random = [&](const std::vector<float> *around, double spread) {
                std::vector<float> x(n);
                for (size_t i = 0; i < n; ++i)
                    x[i] = static_cast<float>((around ? static_cast<double>((*around)[i]) : 0.5) + spread * normal(rng));
                return x;
            };
            test::TestArena holder;
            Arena &arena = holder.arena;
            std::vector<uint8_t> record(shape.record_size(shape.places));
            std::vector<float> est(shape.places);
            double bias = 0, square = 0, scale = 0;
            int count = 0;
            for (int trial = 0; trial < 40; ++trial) {
                std::vector<float> p = random(nullptr, 1), q = random(&p, 0.7);
                NodeEdit node = edit_record(record.data(), shape, shape.places);
                memset(record.data(), 0, record.size());
                node.head->places = static_cast<uint8_t>(shape.places);
                encode_own(shape, p.data(), node.own, node.head);
                Query query = prepare_query(shape, payload_of(q), arena);
                float key = own_key(shape, query, *node.head, node.own);
                Interval in = exact_interval(shape, query, *node.head, key);
                double exact = exact_key(metric, p, q), shown = metric == Metric::l2 ? std::sqrt(exact) : exact;
                EXPECT_LE(in.low, shown);
                EXPECT_GE(in.high, shown);
                std::vector<float> g(n), rp(shape.rotated_dim()), rx(shape.rotated_dim());
                auto place = [&](const std::vector<float> &x, std::vector<float> &r) {
                    float norm = norm_of(shape, x.data());
                    to_geometry(shape, x.data(), norm, g.data());
                    rotate(shape, g.data(), r.data());
                    float norm2 = 0;
                    for (float c : r)
                        norm2 += c * c;
                    return Placed{r.data(), norm2};
                };
                Placed pp = place(p, rp);
                std::vector<std::vector<float>> xs;
                for (uint32_t i = 0; i < shape.places; ++i) {
                    xs.push_back(random(&p, 0.6));
                    Placed px = place(xs[i], rx);
                    float d2 = 0, add, mul;
                    for (size_t k = 0; k < rx.size(); ++k)
                        d2 += (rx[k] - rp[k]) * (rx[k] - rp[k]);
                    std::vector<uint64_t> code(shape.code_words);
                    encode_neighbour(shape, pp, px, d2, &add, &mul, code.data());
                    set_neighbour(node, shape, i, Link{1, 1, 1}, add, mul, code.data());
                    if (dim >= 100) {
                        EXPECT_NEAR(neighbour_distance(shape, mul), std::sqrt(d2), 0.2 * static_cast<double>(std::sqrt(d2)));
                    }
                }
                NodeView view{node.head, node.tids, node.attributes, node.links, node.add, node.mul, node.codes, node.own};
                estimate(shape, query, view, key, est.data());
                for (uint32_t i = 0; i < shape.places; ++i) {
                    double truth = exact_key(metric, xs[i], q), error = static_cast<double>(est[i]) - truth;
                    bias += error;
                    square += error * error;
                    // An inner product errs by half of what the squared distance does, whatever its own size.
                    scale += metric == Metric::ip ? exact_key(Metric::l2, xs[i], q) / 2 : truth;
                    ++count;
                }
            }
            bias /= count;
            square = std::sqrt(square / count);
            scale /= count;
            if (dim >= 100) {
                EXPECT_LT(std::fabs(bias), 0.02 * scale) << dim << " metric " << static_cast<int>(metric);
                EXPECT_LT(square, 1.5 / std::sqrt(static_cast<double>(shape.code_bits())) * scale) << dim << " metric " << static_cast<int>(metric);
            }
        }
}

} // namespace
} // namespace vecx::hnsw::inlined
