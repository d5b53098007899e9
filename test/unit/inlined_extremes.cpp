// Numbers and searches at the ends of their ranges: what a page holds stays finite, one vector does not spoil the others,
// and a search can be stopped at any step.
#include <cmath>

#include "hnsw/inlined/beam.hpp"
#include "hnsw/inlined/insert.hpp"
#include "hnsw/inlined/load.hpp"
#include "inlined_support.hpp"
#include "kernels/convert.hpp"

namespace vecx::test {
namespace {

// Neighbours at distances whose squares are hardly floats.
TEST(InlinedExtremes, FactorsOfTinyDistancesAreFinite) {
    inlined::Shape shape;
    ASSERT_TRUE(inlined::choose_shape(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 8, 4, InlinedIndex::kBody, &shape));
    for (float factor : {1e-45f, 1e-42f, 1e-39f, 1e-37f, 1e-30f, 1e30f, 3e38f}) {
        std::vector<uint64_t> record(shape.record_size(shape.places) / 8, 0);
        inlined::NodeEdit node = inlined::edit_record(reinterpret_cast<uint8_t *>(record.data()), shape, shape.places);
        node.head->places = static_cast<uint8_t>(shape.places);
        const uint64_t code[1] = {5};
        inlined::set_neighbour(node, shape, 0, hnsw::Link{1, 0, 1}, factor, -factor, code);
        inlined::set_neighbour(node, shape, 1, hnsw::Link{1, 1, 1}, -factor, factor / 2, code);
        for (uint32_t i = 0; i < 2; ++i) {
            EXPECT_TRUE(std::isfinite(f16_to_float(node.add[i]))) << factor;
            EXPECT_TRUE(std::isfinite(f16_to_float(node.mul[i]))) << factor;
        }
        EXPECT_TRUE(node.head->add_scale > 0 && std::isfinite(node.head->add_scale)) << factor;
        if (factor > 1e-30f) {
            EXPECT_NEAR(f16_to_float(node.add[0]) * node.head->add_scale / factor, 1.0f, 0.01f);
        }
    }
}

// Inner product: the coordinate that gives all vectors one length is a number, also when the square of one's length is not.
TEST(InlinedExtremes, OneHugeVectorInTheSample) {
    inlined::Shape shape;
    ASSERT_TRUE(inlined::choose_shape(hnsw::LayoutKind::inlined, ElementType::f32, Metric::ip, 8, 4, InlinedIndex::kBody, &shape));
    TestArena arena;
    inlined::FrameMaker maker(shape, arena.arena);
    const std::vector<float> usual(8, 1.5f), huge(8, 3e19f);
    auto payload = [](const std::vector<float> &x) { return Payload{reinterpret_cast<const uint8_t *>(x.data()), 32}; };
    maker.add(payload(usual));
    maker.add(payload(huge));
    const inlined::Frame frame = maker.make();
    EXPECT_TRUE(std::isfinite(frame.bound2));
    inlined::RowCoder coder(shape, frame, 8, arena.arena);
    for (const std::vector<float> *x : {&usual, &huge}) {
        coder.code(payload(*x));
        EXPECT_TRUE(std::isfinite(coder.row().extra * coder.row().extra));
    }
}

struct CountingStore : MemoryStore {
    using MemoryStore::MemoryStore;
    uint64_t polls = 0;
    void poll() {
        ++polls;
        MemoryStore::poll();
    }
};

struct Nobody {
    void look(const inlined::NodeView &, hnsw::Link, const inlined::Visit &) {}
    void met(hnsw::Link, const inlined::Visit &) {}
};

// A node is estimated by all that lead to it: most of what a long search takes from the frontier was visited before, and at
// its end nothing else is left.
TEST(InlinedExtremes, EveryStepOfASearchCanBeCancelled) {
    InlinedIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 8, 8);
    index.build_many(200);
    CountingStore store(InlinedIndex::kBody);
    store.pages = index.store.pages;
    TestArena arena;
    inlined::Visitor<CountingStore> visitor(store, index.shape);
    inlined::Beam<CountingStore> beam(visitor, arena.arena);
    const Bytes value = index.fresh();
    const inlined::Query query = inlined::prepare_query(index.shape, payload_of(value), arena.arena);
    Nobody nobody;
    bool found = false;
    ASSERT_TRUE(beam.start(index.entry, query, 1000, nobody, &found).ok());
    uint64_t hops = 0;
    for (; !beam.exhausted(); ++hops)
        ASSERT_TRUE(beam.hop(query, nobody).ok());
    EXPECT_GT(hops, 2 * beam.nodes()); // else this tests nothing
    EXPECT_GE(store.polls, hops);
}

// Two vectors of one hash and one stored form, which somebody may make on purpose, share a node only if the bounds that
// scans compute from its head hold for both.
TEST(InlinedExtremes, OneHashIsNotEnough) {
    for (int field = 0; field < 3; ++field) {
        InlinedIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 8, 8);
        index.build_many(20);
        index.change(index.nodes[3], [&](inlined::NodeEdit &node) {
            if (field == 1)
                node.head->own_error += 0.5f;
            if (field == 2)
                node.head->norm += 0.5f;
        });
        TestArena arena;
        const Bytes value = index.rows[3];
        ASSERT_TRUE(inlined::insert(index.store, arena.arena, index.shape, payload_of(value), hnsw::HeapTid{9, 9, 9}, index.rng).ok());
        int tids = 0;
        index.change(index.nodes[3], [&](inlined::NodeEdit &node) { tids = node.head->tid_count; });
        EXPECT_EQ(tids, field == 0 ? 2 : 1);
    }
}

// A search that is short of memory forgets what it need not follow, and nothing else.
TEST(InlinedExtremes, TidyingLosesNothing) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        InlinedIndex index(layout, ElementType::f32, Metric::l2, 8, 8);
        index.build_many(200);
        TestArena arena;
        inlined::Visitor<MemoryStore> visitor(index.store, index.shape);
        inlined::Beam<MemoryStore> beam(visitor, arena.arena);
        const Bytes value = index.fresh();
        const inlined::Query query = inlined::prepare_query(index.shape, payload_of(value), arena.arena);
        Nobody nobody;
        bool found = false;
        ASSERT_TRUE(beam.start(index.entry, query, 1000, nobody, &found).ok());
        for (uint64_t hops = 0; hops < 10000; ++hops) { // some of them with nothing left to follow
            (void)beam.tidy();
            ASSERT_TRUE(beam.hop(query, nobody).ok());
        }
        EXPECT_TRUE(beam.exhausted());
        EXPECT_EQ(beam.nodes(), 201u); // with the entry node
    }
}

} // namespace
} // namespace vecx::test
