// What a scan promises: order, completeness, the policies for late rows, limits.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

using hnsw::LateRows;
using hnsw::StreamOptions;

double key(double d) { return hnsw::order_key(d); }

int descents(const std::vector<double> &d) {
    int n = 0;
    for (size_t i = 1; i < d.size(); ++i)
        n += key(d[i]) < key(d[i - 1]);
    return n;
}

struct HnswStream : testing::Test {
    HnswStream() : index(ElementType::f32, Metric::l2, 16) {
        index.build_many(700);
        index.insert_many(100);
    }
    Index index;
    size_t exact_prefix(const Bytes &query, const ScanResult &got) {
        std::vector<double> all;
        for (auto &[row, value] : index.rows)
            all.push_back(index.distance(query, value));
        std::sort(all.begin(), all.end());
        size_t same = 0;
        for (size_t i = 0; i < got.distances.size(); ++i)
            same += got.distances[i] == all[i];
        return same;
    }
};

TEST_F(HnswStream, DistancesAreThoseOfTheRows) {
    Bytes query = index.fresh();
    ScanResult got = index.scan(query);
    for (size_t i = 0; i < got.rows.size(); ++i)
        ASSERT_EQ(got.distances[i], index.distance(query, index.rows[got.rows[i]]));
    EXPECT_EQ(got.rows.size(), 800u);
}

TEST_F(HnswStream, LimitCostsWhatEfPromises) {
    Bytes query = index.fresh();
    StreamOptions options = kPlainScan;
    for (int ef : {1, 10, 40, 200}) {
        options.ef_search = ef;
        ScanResult ten = index.scan(query, options, 10);
        EXPECT_EQ(ten.rows.size(), 10u);
        EXPECT_FALSE(ten.counters.swept);
        EXPECT_EQ(descents(ten.distances), 0);
        // The look-ahead stays ahead: more rows cost more, and stay as good.
        ScanResult more = index.scan(query, options, 300);
        EXPECT_GT(more.counters.nodes, ten.counters.nodes);
        if (ef <= 40) { // at 200 the look-ahead of the 300th row is all of this small index
            EXPECT_FALSE(more.counters.swept);
        }
        if (ef >= 40) {
            EXPECT_GE(exact_prefix(query, more), 290u);
        }
    }
}

TEST_F(HnswStream, EfOneStillReturnsEverything) {
    StreamOptions options = kPlainScan;
    options.ef_search = 1;
    index.expect_complete(options);
}

TEST_F(HnswStream, LateRows) {
    // ef 1 makes rows late.
    int late = 0;
    for (int i = 0; i < 20; ++i) {
        Bytes query = index.fresh();
        StreamOptions options{1, -1, 64 << 20, LateRows::after_all};
        ScanResult after = index.scan(query, options);
        index.expect_all_rows(after);

        options.late = LateRows::left_out;
        ScanResult strict = index.scan(query, options);
        EXPECT_EQ(descents(strict.distances), 0);
        EXPECT_LE(strict.rows.size(), after.rows.size());
        std::set<uint32_t> distinct(strict.rows.begin(), strict.rows.end());
        EXPECT_EQ(distinct.size(), strict.rows.size());

        options.late = LateRows::at_once;
        ScanResult relaxed = index.scan(query, options);
        EXPECT_EQ(relaxed.rows.size(), index.rows.size());
        std::set<uint32_t> all(relaxed.rows.begin(), relaxed.rows.end());
        EXPECT_EQ(all.size(), index.rows.size());
        late += descents(after.distances) + descents(relaxed.distances);
        if (strict.rows.size() < index.rows.size())
            ++late;
    }
    EXPECT_GT(late, 0) << "the test never saw a late row";
}

TEST_F(HnswStream, MemoryLimitFallsBackToTheSweep) {
    Bytes query = index.fresh();
    bool fell_back_midway = false;
    for (size_t limit : {size_t{0}, size_t{20000}, size_t{60000}, size_t{100000}}) {
        for (LateRows late : {LateRows::after_all, LateRows::at_once}) {
            StreamOptions options{40, -1, limit, late};
            ScanResult got = index.scan(query, options);
            EXPECT_TRUE(got.counters.swept);
            std::set<uint32_t> seen(got.rows.begin(), got.rows.end());
            EXPECT_EQ(seen.size(), index.rows.size());
            EXPECT_EQ(got.rows.size(), index.rows.size());
            if (late == LateRows::after_all) {
                EXPECT_LE(descents(got.distances), 1);
            }
            fell_back_midway |= got.counters.nodes > 0 && got.counters.nodes < index.rows.size();
        }
    }
    EXPECT_TRUE(fell_back_midway);
    StreamOptions options{40, -1, 0, LateRows::after_all};
    EXPECT_EQ(exact_prefix(query, index.scan(query, options)), index.rows.size()) << "a sweep alone is exact";
}

TEST_F(HnswStream, MaxTuplesEndsTheScan) {
    Bytes query = index.fresh();
    StreamOptions options{40, 200, 64 << 20, LateRows::after_all};
    ScanResult got = index.scan(query, options);
    EXPECT_FALSE(got.counters.swept);
    EXPECT_GE(got.counters.nodes, 200u);
    EXPECT_LE(got.counters.nodes, 200u + 32u);
    EXPECT_EQ(got.rows.size(), got.counters.nodes) << "what was visited is returned";
    std::set<uint32_t> seen(got.rows.begin(), got.rows.end());
    EXPECT_EQ(seen.size(), got.rows.size());
    EXPECT_LE(descents(got.distances), 1);
}

TEST_F(HnswStream, RadiusEndsTheScan) {
    Bytes query = index.fresh();
    ScanResult whole = index.scan(query);
    // Distances of the measure are squares; the radius is what SQL shows.
    for (size_t rank : {size_t{0}, size_t{24}, size_t{300}}) {
        std::vector<double> sorted = whole.distances;
        std::sort(sorted.begin(), sorted.end());
        const double at = std::sqrt(sorted[rank]);
        for (double radius : {at, std::nextafter(at, 0.0)}) {
            size_t truth = 0;
            for (double d : sorted)
                truth += std::sqrt(d) <= radius;
            for (int ef : {40, 2000})
                for (size_t memory : {size_t{64} << 20, size_t{0}}) {
                    StreamOptions options{ef, -1, memory, LateRows::at_once};
                    options.radius = radius;
                    ScanResult got = index.scan(query, options);
                    for (double d : got.distances)
                        EXPECT_LE(std::sqrt(d), radius);
                    EXPECT_EQ(std::set<uint32_t>(got.rows.begin(), got.rows.end()).size(), got.rows.size());
                    EXPECT_GE(static_cast<double>(got.rows.size()), 0.95 * static_cast<double>(truth));
                    if (ef == 2000 || memory == 0) {
                        EXPECT_EQ(got.rows.size(), truth);
                    }
                    if (ef == 40 && memory > 0 && rank == 0) {
                        EXPECT_LT(got.counters.nodes, 600u);
                    }
                }
        }
    }
    StreamOptions negative = kPlainScan;
    negative.radius = -1;
    EXPECT_EQ(index.scan(query, negative).rows.size(), 0u);
}

TEST_F(HnswStream, NullQueryReturnsEverythingAtZero) {
    ScanResult got;
    ASSERT_TRUE(index.try_scan(Payload{nullptr, 0}, kPlainScan, SIZE_MAX, &got).ok());
    index.expect_all_rows(got);
    for (double d : got.distances)
        EXPECT_EQ(d, 0.0);
    EXPECT_EQ(got.counters.distances, 0u);
}

TEST_F(HnswStream, WrongQueryIsRefused) {
    ScanResult got;
    Bytes query(60, 0);
    EXPECT_EQ(index.try_scan(payload_of(query), kPlainScan, 1, &got).code, Code::data_exception);
    EXPECT_EQ(index.try_insert(query, 1).code, Code::data_exception);
}

TEST_F(HnswStream, CountsItsWork) {
    ScanResult got = index.scan(index.fresh(), kPlainScan, 10);
    EXPECT_GE(got.counters.distances, got.counters.nodes);
    EXPECT_GE(got.counters.pages, got.counters.distances);
    EXPECT_EQ(got.counters.swept_pages, 0u);
    uint64_t before = index.store.reads;
    got = index.scan(index.fresh());
    EXPECT_EQ(got.counters.pages + 1, index.store.reads - before) << "all pages read but the metapage";
    EXPECT_EQ(got.counters.swept_pages + 1, index.store.block_count());
}

TEST(HnswStreamSmall, EmptyAndTiny) {
    Index index(ElementType::f32, Metric::l2, 16);
    EXPECT_EQ(index.scan(index.fresh()).rows.size(), 0u);
    index.check();
    for (int n = 1; n <= 12; ++n) {
        index.insert(index.fresh());
        index.expect_complete();
        Bytes query = index.fresh();
        EXPECT_EQ(index.scan(query, kPlainScan, 10).rows.size(), static_cast<size_t>(std::min(n, 10)));
    }
    index.check();
}

TEST(HnswStreamSmall, NanSortsLast) {
    // The cosine distance of a zero vector is NaN, and so are NaN queries.
    Index index(ElementType::f32, Metric::cosine, 4);
    index.insert(f32_value({0, 0, 0, 0}));
    for (int i = 0; i < 50; ++i)
        index.insert(index.fresh());
    index.insert(f32_value({0, 0, 0, 0}));
    ScanResult got = index.scan(index.fresh());
    index.expect_all_rows(got);
    EXPECT_TRUE(std::isnan(got.distances[50]) && std::isnan(got.distances[51]));
    EXPECT_FALSE(std::isnan(got.distances[49]));
    got = index.scan(f32_value({NAN, 0, 0, 0}));
    index.expect_all_rows(got);
    got = index.scan(f32_value({INFINITY, 0, 0, 0}));
    index.expect_all_rows(got);
}

TEST(HnswStreamSmall, InfiniteDistances) {
    Index index(ElementType::f32, Metric::l2, 2);
    for (float x : {3e38f, -3e38f, 1.0f, 2.0f, 1e30f})
        index.insert(f32_value({x, 0}));
    ScanResult got = index.scan(f32_value({0, 0}));
    index.expect_all_rows(got);
    EXPECT_EQ(got.distances[4], INFINITY);
    EXPECT_EQ(got.distances[0], 1.0);
}

TEST(HnswStreamSmall, AllDistancesEqual) {
    Index index(ElementType::f32, Metric::ip, 8);
    index.build_many(300);
    ScanResult got = index.scan(f32_value(std::vector<float>(8, 0.0f)));
    index.expect_all_rows(got);
}

TEST(HnswStreamSmall, EntryPointDeadOrGone) {
    Index index(ElementType::f32, Metric::l2, 16);
    index.build_many(300);
    hnsw::MetaRecord meta;
    ASSERT_TRUE(hnsw::read_meta(index.store, &meta).ok());
    // Dead: searches pass through it.
    uint32_t entry_row = 0;
    ASSERT_TRUE(hnsw::for_each_node(index.store, meta.entry.block, [&](uint16_t slot, const hnsw::NodeView &node) {
                    if (slot == meta.entry.slot)
                        entry_row = row_of(node.tids[0]);
                }).ok());
    {
        TestArena arena;
        hnsw::VacuumResult result{};
        ASSERT_TRUE(hnsw::remove_tids(index.store, arena.arena, [&](hnsw::HeapTid t) { return row_of(t) == entry_row; }, &result).ok());
        EXPECT_EQ(result.tids_removed, 1u);
    }
    index.rows.erase(entry_row);
    index.expect_complete();
    EXPECT_FALSE(index.scan(index.fresh(), kPlainScan, 10).counters.swept);
    index.insert_many(20);
    // Gone, as after damage: scans sweep, and the next insert finds another.
    uint8_t *page = index.store.bytes(meta.entry.block);
    hnsw::MutablePage mutable_page{page, index.store.body_size(), meta.entry.block};
    hnsw::free_record(mutable_page, meta.entry.slot);
    index.expect_complete();
    EXPECT_TRUE(index.scan(index.fresh(), kPlainScan, 10).counters.swept);
    index.insert_many(1);
    EXPECT_FALSE(index.scan(index.fresh(), kPlainScan, 10).counters.swept);
    index.expect_complete();
    index.check();
}

} // namespace
} // namespace vecx::test
