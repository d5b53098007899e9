// Scans of an inverted file: every row once, in exact order, whatever the quantiser, metric and options.
#include "ivf_support.hpp"

namespace vecx::test {
namespace {

using ivf::QuantizerKind;
using ivf::RerankKind;

struct Kind {
    ElementType type;
    Metric metric;
    IvfIndex::Options options;
};

std::vector<Kind> kinds() {
    IvfIndex::Options coded, none, index, one_bit, many_bits, sq8, sq8_index, pq, pq_index, pq_short;
    sq8.quantizer = sq8_index.quantizer = QuantizerKind::sq8;
    pq.quantizer = pq_index.quantizer = pq_short.quantizer = QuantizerKind::pq;
    sq8_index.rerank = pq_index.rerank = RerankKind::index;
    pq_short.bits = 1;
    none.quantizer = QuantizerKind::none;
    index.rerank = RerankKind::index;
    one_bit.bits = 1;
    many_bits.bits = 8;
    return {
        {ElementType::f32, Metric::l2, coded},     {ElementType::f32, Metric::ip, coded},     {ElementType::f32, Metric::cosine, coded},
        {ElementType::f16, Metric::l2, one_bit},   {ElementType::bf16, Metric::ip, one_bit},  {ElementType::i8, Metric::cosine, many_bits},
        {ElementType::f32, Metric::l2, index},     {ElementType::f16, Metric::ip, index},     {ElementType::i8, Metric::l2, index},
        {ElementType::f32, Metric::l2, none},      {ElementType::f32, Metric::ip, none},      {ElementType::f32, Metric::cosine, none},
        {ElementType::f32, Metric::l1, none},      {ElementType::bit, Metric::hamming, none}, {ElementType::bit, Metric::jaccard, none},
        {ElementType::bf16, Metric::l2, none},     {ElementType::f32, Metric::l2, sq8},       {ElementType::f16, Metric::ip, sq8},
        {ElementType::bf16, Metric::cosine, sq8},  {ElementType::i8, Metric::l2, sq8_index},  {ElementType::f32, Metric::l2, pq},
        {ElementType::f32, Metric::ip, pq},        {ElementType::f16, Metric::cosine, pq},    {ElementType::i8, Metric::l2, pq_short},
        {ElementType::bf16, Metric::ip, pq_short}, {ElementType::f32, Metric::cosine, pq_index},
    };
}

void expect_all_in_order(IvfIndex &index, const Bytes &query, const IvfIndex::Scan &scan, size_t may_be_late) {
    const std::vector<double> exact = index.exact(query);
    ASSERT_EQ(scan.rows.size(), exact.size());
    EXPECT_EQ(std::set<uint32_t>(scan.rows.begin(), scan.rows.end()).size(), exact.size());
    size_t late = 0;
    for (size_t i = 1; i < scan.distances.size(); ++i)
        late += scan.distances[i] < scan.distances[i - 1] - 1e-6 * std::fabs(scan.distances[i]);
    EXPECT_LE(late, may_be_late);
    for (size_t i = 0; i < scan.rows.size(); ++i)
        EXPECT_NEAR(scan.distances[i], index.shown(query, index.rows.at(scan.rows[i])), 1e-5 * (1 + std::fabs(scan.distances[i])));
}

TEST(IvfScan, AllRowsInOrder) {
    for (const Kind &kind : kinds())
        for (int dim : {5, 70, 200}) {
            SCOPED_TRACE(testing::Message() << int(kind.type) << " " << int(kind.metric) << " dim " << dim << " quantiser " << int(kind.options.quantizer) << " bits " << kind.options.bits);
            IvfIndex index(kind.type, kind.metric, dim, kind.options);
            index.build_many(600);
            // Two lists first, then the others: two runs, the second of those that came late.
            const Bytes query = index.fresh();
            expect_all_in_order(index, query, index.scan(query, 1000), 1);
            // All lists at once: one run.
            auto all = IvfIndex::kAll;
            all.probes = 100;
            const IvfIndex::Scan scan = index.scan(query, 1000, all);
            expect_all_in_order(index, query, scan, 1);
            EXPECT_EQ(scan.counters.lists, index.options.lists);
        }
}

TEST(IvfScan, FirstRowsAreTheNearest) {
    for (const Kind &kind : kinds()) {
        SCOPED_TRACE(testing::Message() << int(kind.type) << " " << int(kind.metric) << " quantiser " << int(kind.options.quantizer) << " bits " << kind.options.bits);
        IvfIndex index(kind.type, kind.metric, 128, kind.options);
        index.build_many(1500);
        auto all = IvfIndex::kAll;
        all.probes = 100;
        size_t hits = 0, fetched = 0;
        for (int q = 0; q < 20; ++q) {
            const Bytes query = index.fresh();
            const IvfIndex::Scan scan = index.scan(query, 10, all);
            ASSERT_EQ(scan.rows.size(), 10u);
            const double tenth = index.exact(query)[9];
            for (double d : scan.distances)
                hits += d <= tenth + 1e-6 * std::fabs(tenth);
            fetched += scan.counters.exact;
        }
        EXPECT_GE(hits, kind.options.quantizer == QuantizerKind::none ? 200u : 196u);
        if (kind.options.quantizer == QuantizerKind::sq8) {
            EXPECT_LE(fetched, 20u * 12);
        } else if (kind.options.bits != 1 && kind.options.quantizer == QuantizerKind::rabitq) {
            EXPECT_LE(fetched, 20u * 40);
        } else if (kind.options.bits != 1 && kind.options.quantizer == QuantizerKind::pq) {
            EXPECT_LE(fetched, 20u * 150); // points without structure, 2 bits a coordinate
        }
    }
}

TEST(IvfScan, WithoutIterationOnlyTheProbedLists) {
    IvfIndex index(ElementType::f32, Metric::l2, 32, {});
    index.build_many(500);
    auto one = IvfIndex::kAll;
    one.probes = 1;
    one.iterate = false;
    const IvfIndex::Scan scan = index.scan(index.fresh(), 1000, one);
    EXPECT_LT(scan.rows.size(), 500u);
    EXPECT_EQ(scan.counters.lists, 1u);
    auto three = IvfIndex::kAll;
    three.probes = 1;
    three.max_probes = 3;
    EXPECT_EQ(index.scan(index.fresh(), 1000, three).counters.lists, 3u);
}

TEST(IvfScan, MoreRowsThanTheWindowHolds) {
    for (QuantizerKind quantizer : {QuantizerKind::rabitq, QuantizerKind::none, QuantizerKind::sq8, QuantizerKind::pq})
        for (size_t memory : {size_t{64} << 20, size_t{1} << 16}) {
            IvfIndex::Options options;
            options.quantizer = quantizer;
            options.lists = 3;
            options.branches = 1;
            IvfIndex index(ElementType::f32, Metric::l2, 16, options);
            index.build_many(6000);
            auto all = IvfIndex::kAll;
            all.probes = 3;
            all.memory_limit = memory;
            const Bytes query = index.fresh();
            const IvfIndex::Scan scan = index.scan(query, 10000, all);
            expect_all_in_order(index, query, scan, 1);
            EXPECT_EQ(scan.counters.swept, memory < (1 << 20));
        }
}

TEST(IvfScan, EqualRowsBeyondTheWindow) {
    IvfIndex index(ElementType::f32, Metric::l2, 8, {});
    const Bytes value = index.fresh();
    std::vector<Bytes> values(3000, value);
    for (int i = 0; i < 500; ++i)
        values.push_back(index.fresh());
    index.build(values);
    auto all = IvfIndex::kAll;
    all.probes = 100;
    expect_all_in_order(index, value, index.scan(value, 5000, all), 1);
}

// Every third row, and a number of lists after which the search is given up.
struct ThirdRows {
    static constexpr bool kMasks = true;
    uint64_t most = UINT64_MAX;
    bool has(hnsw::HeapTid tid) const { return row_of(tid) % 3 == 0; }
    bool give_up(uint64_t lists, uint64_t) const { return lists >= most; }
    bool collects() const { return false; }
};

TEST(IvfScan, MaskedScansSeeRowsOfTheMaskOnly) {
    for (const int bits : {0, 1, 4}) {
        IvfIndex::Options options;
        options.quantizer = bits > 0 ? QuantizerKind::rabitq : QuantizerKind::none;
        options.bits = bits;
        IvfIndex index(ElementType::f32, Metric::l2, 16, options);
        index.build_many(1500);
        const Bytes query = index.fresh();
        std::vector<double> exact;
        for (auto &[row, value] : index.rows)
            if (row % 3 == 0)
                exact.push_back(index.shown(query, value));
        std::sort(exact.begin(), exact.end());
        for (const bool all_lists : {true, false})
            for (const uint64_t most : {UINT64_MAX, uint64_t{4}}) {
                TestArena arena;
                ivf::Directory directory(arena.arena);
                index.load(&directory);
                IvfIndex::Heap heap{&index, query};
                hnsw::NoSorter sorter;
                ivf::StreamOptions with{all_lists ? 100000u : 2u, 0, true, 64 << 20, ivf::LateRows::left_out};
                ivf::Stream<IvfStore, IvfIndex::Heap, hnsw::NoSorter, ThirdRows> stream(index.store, heap, sorter, arena.arena, directory,
                                                                                         payload_of(query), with, ThirdRows{most});
                std::vector<double> got;
                std::set<uint32_t> seen;
                for (;;) {
                    ivf::Row row;
                    bool found;
                    const Status status = stream.next(&row, &found);
                    ASSERT_TRUE(status.ok()) << status.message;
                    if (!found)
                        break;
                    EXPECT_EQ(row_of(row.tid) % 3, 0u);
                    EXPECT_TRUE(seen.insert(row_of(row.tid)).second);
                    EXPECT_TRUE(got.empty() || row.distance >= got.back()) << "out of order, although late rows are left out";
                    got.push_back(row.distance);
                }
                if (all_lists) {
                    ASSERT_GE(got.size(), exact.size() * 9 / 10); // bounds fail now and then: what then comes late is left out
                    if (bits == 0) {
                        EXPECT_EQ(got.size(), exact.size());
                    }
                    for (size_t i = 0; i < 10; ++i)
                        EXPECT_NEAR(got[i], exact[i], 1e-4 * exact[i]);
                } else if (most == 4) {
                    EXPECT_LE(stream.counters().lists, 4u);
                    EXPECT_LT(got.size(), exact.size());
                }
            }
    }
}

TEST(IvfScan, NullQueryGivesAllRows) {
    IvfIndex index(ElementType::f32, Metric::l2, 8, {});
    index.build_many(700);
    TestArena arena;
    ivf::Directory directory(arena.arena);
    index.load(&directory);
    IvfIndex::Heap heap{&index, {}};
    TestSorter sorter;
    ivf::Stream<IvfStore, IvfIndex::Heap, TestSorter> stream(index.store, heap, sorter, arena.arena, directory, Payload{nullptr, 0}, IvfIndex::kAll);
    std::set<uint32_t> seen;
    for (;;) {
        ivf::Row row;
        bool found;
        ASSERT_TRUE(stream.next(&row, &found).ok());
        if (!found)
            break;
        EXPECT_TRUE(seen.insert(row_of(row.tid)).second);
    }
    EXPECT_EQ(seen.size(), 700u);
}

TEST(IvfScan, RowsThatTheHeapDoesNotShowAreLeftOut) {
    IvfIndex index(ElementType::f32, Metric::l2, 8, {});
    index.build_many(300);
    for (uint32_t row = 0; row < 300; row += 2)
        index.rows.erase(row);
    const Bytes query = index.fresh();
    expect_all_in_order(index, query, index.scan(query, 1000), 1);
}

TEST(IvfScan, DirectoryLargerThanMemory) {
    IvfIndex::Options options;
    options.lists = 40;
    options.branches = 5;
    options.directory_memory = 0;
    IvfIndex index(ElementType::f32, Metric::l2, 24, options);
    index.build_many(800);
    const Bytes query = index.fresh();
    expect_all_in_order(index, query, index.scan(query, 1000), 1);
    index.insert_many(50);
    expect_all_in_order(index, query, index.scan(query, 1000), 1);
}

TEST(IvfScan, CentroidsLongerThanAPage) {
    IvfIndex index(ElementType::f32, Metric::l2, 9000, {});
    index.build_many(30);
    index.insert_many(10);
    const Bytes query = index.fresh();
    expect_all_in_order(index, query, index.scan(query, 1000), 1);
}

// Codes too: those of pq get shorter until 16 of them fit a page.
TEST(IvfScan, CodebooksLongerThanAPage) {
    for (QuantizerKind quantizer : {QuantizerKind::sq8, QuantizerKind::pq})
        for (int dim : {3000, 6000}) {
            SCOPED_TRACE(testing::Message() << int(quantizer) << " " << dim);
            IvfIndex::Options options;
            options.quantizer = quantizer;
            options.lists = 3;
            IvfIndex index(ElementType::f32, Metric::l2, dim, options);
            if (quantizer == QuantizerKind::pq) {
                EXPECT_EQ(index.shape.code_dim, dim == 3000 ? 4 : 8);
            }
            index.build_many(30);
            index.insert_many(10);
            const Bytes query = index.fresh();
            expect_all_in_order(index, query, index.scan(query, 1000), 1);
        }
}

TEST(IvfShape, LearntCodes) {
    const uint32_t body = IvfIndex::kBody;
    ivf::Shape shape;
    auto make = [&](QuantizerKind quantizer, int dim, int bits) {
        return ivf::choose_shape({ElementType::f32, Metric::l2, dim, quantizer, RerankKind::heap, bits}, body, &shape);
    };
    EXPECT_EQ(make(QuantizerKind::pq, 768, 1), nullptr);
    EXPECT_EQ(shape.code_dim, 4);
    EXPECT_EQ(make(QuantizerKind::pq, 768, 2), nullptr);
    EXPECT_EQ(shape.code_dim, 2);
    EXPECT_NE(make(QuantizerKind::pq, 768, 3), nullptr);
    EXPECT_NE(make(QuantizerKind::pq, 3000, 2), nullptr); // what was asked for does not give way
    EXPECT_NE(make(QuantizerKind::sq8, 768, 8), nullptr);
    EXPECT_NE(ivf::choose_shape({ElementType::f32, Metric::l1, 8, QuantizerKind::sq8, RerankKind::heap, 0}, body, &shape), nullptr);
    EXPECT_NE(ivf::choose_shape({ElementType::bit, Metric::hamming, 8, QuantizerKind::pq, RerankKind::heap, 0}, body, &shape), nullptr);
    // The largest dimension has a shape, the next one has none; and the metapage gives the shape back.
    for (QuantizerKind quantizer : {QuantizerKind::sq8, QuantizerKind::pq}) {
        const int most = ivf::max_dim(ElementType::f32, quantizer, RerankKind::heap, body);
        EXPECT_GT(most, 8000 - 64);
        EXPECT_EQ(make(quantizer, most, 0), nullptr);
        ivf::MetaRecord meta{};
        ivf::shape_to_meta(shape, &meta);
        ivf::Shape again;
        ASSERT_EQ(ivf::shape_from_meta(meta, body, &again), nullptr);
        EXPECT_EQ(again.page_rows, shape.page_rows);
        EXPECT_EQ(again.code_dim, shape.code_dim);
        EXPECT_NE(make(quantizer, most + 1, 0), nullptr);
        for (uint8_t bad : {1, 3, 5, 32, 255}) {
            meta.code_dim = bad;
            EXPECT_NE(ivf::shape_from_meta(meta, body, &again), nullptr) << int(bad);
        }
    }
}

TEST(IvfInsert, GrowsLists) {
    for (const Kind &kind : kinds()) {
        SCOPED_TRACE(testing::Message() << int(kind.type) << " " << int(kind.metric) << " quantiser " << int(kind.options.quantizer) << " bits " << kind.options.bits);
        IvfIndex index(kind.type, kind.metric, 48, kind.options);
        index.build_many(100);
        const uint32_t before = index.store.block_count();
        index.insert_many(1500);
        EXPECT_GE(index.store.block_count(), before);
        EXPECT_FALSE(index.store.allocators());
        const Bytes query = index.fresh();
        expect_all_in_order(index, query, index.scan(query, 5000), 1);
    }
}

// Codes that had nothing to be learnt from are good as well.
TEST(IvfInsert, IntoAnEmptyIndex) {
    for (QuantizerKind quantizer : {QuantizerKind::rabitq, QuantizerKind::sq8, QuantizerKind::pq}) {
        IvfIndex::Options options;
        options.quantizer = quantizer;
        IvfIndex index(ElementType::f32, Metric::l2, 48, options);
        index.build({});
        EXPECT_EQ(index.scan(index.fresh(), 10).rows.size(), 0u);
        index.insert_many(700);
        const Bytes query = index.fresh();
        const IvfIndex::Scan scan = index.scan(query, 5000);
        expect_all_in_order(index, query, scan, 1);
        const IvfIndex::Scan ten = index.scan(query, 10);
        EXPECT_LT(ten.counters.exact, quantizer == QuantizerKind::pq ? 150u : 30u);
        for (size_t i = 0; i < 9; ++i)
            EXPECT_EQ(ten.rows[i], scan.rows[i]);
    }
}

TEST(IvfInsert, RowsOfAllSizes) {
    for (QuantizerKind quantizer : {QuantizerKind::rabitq, QuantizerKind::sq8, QuantizerKind::pq}) {
        SCOPED_TRACE(int(quantizer));
        IvfIndex::Options options;
        options.quantizer = quantizer;
        IvfIndex index(ElementType::f32, Metric::l2, 20, options);
        index.build_many(100);
        IvfIndex::Backend backend(index);
        for (int i = 0; i < 200; ++i) {
            std::vector<float> v(20);
            const double size = std::pow(10.0, -12 + (i % 25));
            for (float &x : v)
                x = static_cast<float>(size * gauss(index.rng));
            index.insert(backend, f32_value(v));
        }
        for (int q = 0; q < 5; ++q) {
            const Bytes query = index.fresh();
            expect_all_in_order(index, query, index.scan(query, 5000), 3);
        }
    }
}

// Another backend does something between any two page operations of an insert.
TEST(IvfInsert, TwoAtTheSameTime) {
    for (RerankKind rerank : {RerankKind::heap, RerankKind::index}) {
        IvfIndex::Options options;
        options.lists = 1;
        options.branches = 1;
        options.rerank = rerank;
        IvfIndex index(ElementType::f32, Metric::l2, 700, options);
        index.build_many(5);
        IvfIndex::Backend one(index), two(index);
        bool busy = false;
        index.store.hook = [&] {
            if (busy || index.rng.below(3) != 0)
                return;
            busy = true;
            index.insert(two, index.fresh());
            busy = false;
        };
        for (int i = 0; i < 200; ++i)
            index.insert(one, index.fresh());
        index.store.hook = nullptr;
        EXPECT_GT(index.rows.size(), 400u);
        const Bytes query = index.fresh();
        expect_all_in_order(index, query, index.scan(query, 5000), 2);
    }
}

} // namespace
} // namespace vecx::test
