// Searches and scans of the layouts `inline` and `compact`: recall, completeness, order, limits, and graphs that are not
// as they should be.
#include "hnsw/inlined/stream.hpp"

#include "inlined_support.hpp"

namespace vecx::test {
namespace {

using hnsw::LateRows;
using hnsw::LayoutKind;
using hnsw::Link;
using hnsw::StreamOptions;
using Stream = inlined::Stream<MemoryStore, TestSorter>;
static_assert(std::is_trivially_destructible_v<Stream>);

struct Scan {
    std::vector<uint32_t> rows;
    std::vector<inlined::Row> got;
    hnsw::StreamCounters counters{};
    Status status;
};

Scan scan(InlinedIndex &index, Payload query, StreamOptions options = kPlainScan, size_t limit = SIZE_MAX) {
    TestArena arena;
    TestSorter sorter;
    Scan out;
    Stream stream(index.store, arena.arena, index.shape, query, options, sorter);
    while (out.rows.size() < limit) {
        inlined::Row row;
        bool found;
        out.status = stream.next(&row, &found);
        if (!out.status.ok() || !found)
            break;
        out.rows.push_back(row_of(row.tid));
        out.got.push_back(row);
    }
    out.counters = stream.counters();
    return out;
}

void expect_every_row(const InlinedIndex &index, const Scan &scan) {
    EXPECT_TRUE(scan.status.ok()) << scan.status.message;
    std::set<uint32_t> seen(scan.rows.begin(), scan.rows.end());
    EXPECT_EQ(seen.size(), scan.rows.size()) << "a row was returned twice";
    EXPECT_EQ(seen.size(), index.rows.size());
    for (auto &[row, value] : index.rows)
        EXPECT_TRUE(seen.count(row)) << "row " << row << " is missing";
}

// What the executor makes of a scan: a row that is not certain waits, with its exact distance, until the scan has
// reached that. Gives the rows' exact distances in the order in which a query gets them.
std::vector<double> reorder(InlinedIndex &index, const Bytes &query, const Scan &scan, size_t *rechecked = nullptr) {
    std::vector<double> out, queue; // the queue ascending
    auto exact = [&](size_t i) { return index.shown(query, index.rows.at(scan.rows[i])); };
    for (size_t i = 0; i < scan.got.size(); ++i) {
        const inlined::Row &row = scan.got[i];
        const double value = exact(i);
        while (!queue.empty() && queue.front() <= row.distance) {
            out.push_back(queue.front());
            queue.erase(queue.begin());
        }
        if (!row.certain) {
            EXPECT_GE(value, row.distance) << "the executor would raise an error";
            if (rechecked != nullptr)
                ++*rechecked;
        }
        // Of a certain row the executor only knows the index's value.
        const double known = row.certain ? row.distance : value;
        if ((!row.certain && value != row.distance) || (!queue.empty() && queue.front() < known))
            queue.insert(std::upper_bound(queue.begin(), queue.end(), value), value);
        else
            out.push_back(value);
    }
    out.insert(out.end(), queue.begin(), queue.end());
    return out;
}

size_t descents(const std::vector<double> &d) {
    size_t n = 0;
    for (size_t i = 1; i < d.size(); ++i)
        n += d[i] < d[i - 1];
    return n;
}

double recall(InlinedIndex &index, int queries, size_t k, int ef) {
    Rng rng(777);
    double sum = 0;
    for (int i = 0; i < queries; ++i) {
        Bytes query = random_value(index.measure.type, index.measure.dim, rng);
        std::vector<double> all;
        for (auto &[row, value] : index.rows)
            all.push_back(index.shown(query, value));
        std::nth_element(all.begin(), all.begin() + static_cast<ptrdiff_t>(k - 1), all.end());
        StreamOptions options = kPlainScan;
        options.ef_search = ef;
        Scan got = scan(index, payload_of(query), options, k);
        EXPECT_TRUE(got.status.ok()) << got.status.message;
        for (uint32_t row : got.rows)
            sum += index.shown(query, index.rows.at(row)) <= all[k - 1] * (1 + 1e-6);
    }
    return sum / static_cast<double>(queries) / static_cast<double>(k);
}

TEST(InlinedSearch, Recall) {
    struct Case {
        LayoutKind layout;
        ElementType type;
        Metric metric;
        int dim, rows;
        double floor;
    };
    const Case cases[] = {
        {LayoutKind::inlined, ElementType::f32, Metric::l2, 100, 600, 0.98},
        {LayoutKind::inlined, ElementType::f32, Metric::l2, 3, 600, 0.98},
        {LayoutKind::inlined, ElementType::f32, Metric::ip, 100, 400, 0.85},
        {LayoutKind::inlined, ElementType::f32, Metric::cosine, 768, 250, 0.98},
        {LayoutKind::inlined, ElementType::f16, Metric::l2, 100, 300, 0.98},
        {LayoutKind::inlined, ElementType::bf16, Metric::cosine, 100, 500, 0.98},
        {LayoutKind::inlined, ElementType::i8, Metric::l2, 100, 500, 0.98},
        {LayoutKind::inlined, ElementType::i8, Metric::ip, 100, 400, 0.85},
        {LayoutKind::inlined, ElementType::f32, Metric::cosine, 4096, 100, 0.95},
        {LayoutKind::compact, ElementType::f32, Metric::l2, 100, 500, 0.95},
        {LayoutKind::compact, ElementType::f16, Metric::cosine, 100, 500, 0.95},
        {LayoutKind::compact, ElementType::i8, Metric::ip, 100, 400, 0.85},
    };
    for (const Case &c : cases) {
        InlinedIndex index(c.layout, c.type, c.metric, c.dim);
        index.build_many(c.rows);
        EXPECT_GE(recall(index, 12, 10, 60), c.floor)
            << "layout " << static_cast<int>(c.layout) << " type " << static_cast<int>(c.type) << " metric "
            << static_cast<int>(c.metric) << " dim " << c.dim;
    }
}

struct InlinedStream : testing::TestWithParam<LayoutKind> {
    InlinedStream() : index(GetParam(), ElementType::f32, Metric::l2, 24) {}
    InlinedIndex index;
};
INSTANTIATE_TEST_SUITE_P(Layouts, InlinedStream, testing::Values(LayoutKind::inlined, LayoutKind::compact));

TEST_P(InlinedStream, ReturnsEverythingInExactOrder) {
    index.build_many(600);
    for (int ef : {1, 40}) {
        StreamOptions options = kPlainScan;
        options.ef_search = ef;
        Bytes query = index.fresh();
        Scan all = scan(index, payload_of(query), options);
        expect_every_row(index, all);
        EXPECT_TRUE(all.counters.swept);
        EXPECT_EQ(all.counters.swept_pages + 1, index.store.block_count());
        EXPECT_LE(descents(reorder(index, query, all)), 1u);
        options.late = LateRows::at_once;
        expect_every_row(index, scan(index, payload_of(query), options));
        options.late = LateRows::left_out;
        Scan strict = scan(index, payload_of(query), options);
        EXPECT_EQ(descents(reorder(index, query, strict)), 0u);
        std::set<uint32_t> distinct(strict.rows.begin(), strict.rows.end());
        EXPECT_EQ(distinct.size(), strict.rows.size());
    }
}

// Every second row.
struct EvenRows {
    static constexpr bool kMasks = true;
    bool collect = false;
    bool has(hnsw::HeapTid tid) const { return row_of(tid) % 2 == 0; }
    bool give_up(uint64_t, uint64_t) const { return false; }
    bool collects() const { return collect; }
};
// The first `limit` rows of the mask, as the stream gives them.
Scan masked_scan(InlinedIndex &index, Payload query, StreamOptions options, size_t limit, EvenRows mask) {
    Scan out;
    TestArena arena;
    hnsw::NoSorter sorter;
    inlined::Stream<MemoryStore, hnsw::NoSorter, EvenRows> stream(index.store, arena.arena, index.shape, query, options, sorter, {}, mask);
    while (out.rows.size() < limit) {
        inlined::Row row;
        bool found;
        out.status = stream.next(&row, &found);
        if (!out.status.ok() || !found)
            break;
        out.rows.push_back(row_of(row.tid));
        out.got.push_back(row);
    }
    out.counters = stream.counters();
    return out;
}

// Who sorts the rows himself gets those that are late, too, and so better ones of the same search.
TEST_P(InlinedStream, RowsThatAreCollectedAreNeverLate) {
    index.build_many(800);
    StreamOptions options = kPlainScan;
    options.ef_search = 1;
    options.late = LateRows::left_out;
    double collected = 0, usual = 0;
    size_t late = 0;
    for (int i = 0; i < 20; ++i) {
        const Bytes query = index.fresh();
        for (const bool collect : {true, false}) {
            const Scan got = masked_scan(index, payload_of(query), options, 20, EvenRows{collect});
            EXPECT_TRUE(got.status.ok()) << got.status.message;
            EXPECT_EQ(std::set<uint32_t>(got.rows.begin(), got.rows.end()).size(), 20u);
            std::vector<double> bounds;
            for (size_t r = 0; r < got.rows.size(); ++r) {
                EXPECT_EQ(got.rows[r] % 2, 0u);
                bounds.push_back(got.got[r].distance);
                (collect ? collected : usual) += index.shown(query, index.rows.at(got.rows[r]));
            }
            if (collect)
                late += descents(bounds);
            else
                EXPECT_EQ(descents(bounds), 0u) << "late rows are left out";
        }
    }
    EXPECT_GT(late, 0u);
    EXPECT_LT(collected, usual);
}

// The longer look-ahead is for queries one of whose rows was met lately.
TEST_P(InlinedStream, HardQueriesLookFartherAhead) {
    index.build_many(800);
    StreamOptions options = kPlainScan;
    options.ef_search = 20;
    for (int i = 0; i < 5; ++i) {
        const Bytes query = index.fresh();
        const auto nodes = [&](size_t least_ahead, double patience) {
            options.least_ahead = least_ahead;
            options.patience = patience;
            return masked_scan(index, payload_of(query), options, 5, EvenRows{true}).counters.nodes;
        };
        const uint64_t short_ahead = nodes(0, 0);
        EXPECT_LT(short_ahead, nodes(100, 0));
        EXPECT_EQ(nodes(100, 1), short_ahead); // no row was met after the search
        EXPECT_GT(nodes(100, 1e9), short_ahead);
        EXPECT_GE(nodes(100, 1.5), short_ahead);
    }
}

TEST_P(InlinedStream, TenRowsCostWhatEfPromises) {
    index.build_many(600);
    Bytes query = index.fresh();
    Scan ten = scan(index, payload_of(query), kPlainScan, 10);
    EXPECT_EQ(ten.rows.size(), 10u);
    EXPECT_FALSE(ten.counters.swept);
    Scan more = scan(index, payload_of(query), kPlainScan, 200);
    EXPECT_GT(more.counters.nodes, ten.counters.nodes);
    EXPECT_GE(ten.counters.distances, ten.counters.nodes);
    EXPECT_EQ(ten.counters.estimates > 0, GetParam() == LayoutKind::inlined);
    if (GetParam() == LayoutKind::inlined) {
        EXPECT_LE(ten.counters.nodes, 150u);
        uint64_t before = index.store.reads;
        ten = scan(index, payload_of(query), kPlainScan, 10);
        EXPECT_EQ(ten.counters.pages + 1, index.store.reads - before) << "all pages read but the metapage";
    }
}

TEST_P(InlinedStream, DeepScansKeepTheirRecall) {
    index.build_many(600);
    for (size_t k : {50u, 200u}) {
        EXPECT_GE(recall(index, 5, k, 40), 0.97) << k;
    }
}

// Rows nearer to each other than a stored vector's error: the executor's queue puts them right.
TEST_P(InlinedStream, NearTies) {
    std::vector<Bytes> values;
    Rng rng(5);
    std::vector<float> centre(24);
    for (float &x : centre)
        x = static_cast<float>(gauss(rng));
    for (int i = 0; i < 400; ++i) {
        std::vector<float> x(centre);
        for (float &c : x)
            c += 3e-4f * static_cast<float>(gauss(rng)); // binary16 has steps of about 1e-3 here
        values.push_back(f32_value(x));
    }
    index.build(values);
    size_t rechecked = 0;
    for (bool only_sweep : {false, true}) {
        StreamOptions options = kPlainScan;
        if (only_sweep)
            options.memory_limit = 0;
        Bytes query = f32_value(centre);
        Scan all = scan(index, payload_of(query), options);
        expect_every_row(index, all);
        std::vector<double> order = reorder(index, query, all, &rechecked);
        EXPECT_LE(descents(order), only_sweep ? 0u : 1u); // late rows are a run of their own
        EXPECT_EQ(order.size(), 400u);
    }
    EXPECT_GT(rechecked, 400u) << "the vectors were not near enough";
}

TEST(InlinedOrder, StoredWithoutLossIsNearlyAlwaysCertain) {
    for (ElementType type : {ElementType::f16, ElementType::i8}) {
        InlinedIndex index(LayoutKind::inlined, type, Metric::l2, 24);
        index.build_many(300);
        Bytes query = index.fresh();
        Scan ten = scan(index, payload_of(query), kPlainScan, 100);
        size_t certain = 0;
        for (const inlined::Row &row : ten.got)
            certain += row.certain;
        EXPECT_GE(certain, 90u);
    }
}

TEST_P(InlinedStream, MemoryLimitFallsBackToTheSweep) {
    index.build_many(600);
    Bytes query = index.fresh();
    bool midway = false;
    for (size_t limit : {size_t{0}, size_t{15000}, size_t{30000}, size_t{60000}})
        for (LateRows late : {LateRows::after_all, LateRows::at_once}) {
            Scan got = scan(index, payload_of(query), StreamOptions{40, -1, limit, late});
            expect_every_row(index, got);
            EXPECT_TRUE(got.counters.swept);
            if (late == LateRows::after_all) {
                EXPECT_LE(descents(reorder(index, query, got)), 1u);
            }
            midway |= got.counters.nodes > 1 && got.counters.nodes < 600;
        }
    EXPECT_TRUE(midway);
}

// Whatever a search forgets for want of memory, the rows are those that it would have found with plenty, unless it sweeps; and a
// scan that goes on gets every row.
TEST_P(InlinedStream, MemoryLimitChangesNoRow) {
    index.build_many(600);
    size_t kept = 0;
    for (int i = 0; i < 3; ++i) {
        Bytes query = index.fresh();
        StreamOptions options = kPlainScan;
        options.ef_search = 60;
        const Scan plenty = scan(index, payload_of(query), options, 60);
        for (options.memory_limit = 10000; options.memory_limit < 160000; options.memory_limit += 5000) {
            const Scan got = scan(index, payload_of(query), options, 60);
            kept += !got.counters.swept;
            if (!got.counters.swept) {
                EXPECT_EQ(got.rows, plenty.rows) << options.memory_limit;
            }
            expect_every_row(index, scan(index, payload_of(query), options));
        }
    }
    EXPECT_GT(kept, 0u);
}

// Rows that nobody can tell apart are returned by the hundred before the executor has one: that makes the search no wider.
TEST_P(InlinedStream, OpenRowsDoNotWidenTheSearch) {
    std::vector<Bytes> values;
    Rng rng(5);
    for (int i = 0; i < 400; ++i) {
        std::vector<float> x(24, 1.5f);
        for (float &c : x)
            c += 1e-4f * static_cast<float>(gauss(rng)); // binary16 has steps of about 1e-3 here, and 8 bits of 1e-2
        values.push_back(f32_value(x));
    }
    index.build(values);
    Bytes query = f32_value(std::vector<float>(24, 1.0f));
    StreamOptions options = kPlainScan;
    options.ef_search = 40;
    const Scan got = scan(index, payload_of(query), options, 300);
    constexpr size_t kRowsAhead = 9; // which have left the search and not been returned yet
    EXPECT_LE(got.counters.look_ahead, 300u + kRowsAhead + 1 + 30);
    options.ef_search = 1;
    const Scan narrow = scan(index, payload_of(query), options, 300);
    EXPECT_LE(narrow.counters.look_ahead, 300u + kRowsAhead + 1);
}

TEST_P(InlinedStream, MaxTuplesEndsTheScan) {
    index.build_many(600);
    Bytes query = index.fresh();
    for (LateRows late : {LateRows::after_all, LateRows::at_once, LateRows::left_out}) {
        Scan got = scan(index, payload_of(query), StreamOptions{40, 200, 64 << 20, late});
        EXPECT_FALSE(got.counters.swept);
        EXPECT_GE(got.counters.nodes, 200u);
        EXPECT_LE(got.counters.nodes, 200u + inlined::kMaxPlaces);
        if (late != LateRows::left_out) { // the entry node is no row
            EXPECT_EQ(got.rows.size() + 1, got.counters.nodes);
        }
    }
}

// Rows that a scan with a radius leaves to the executor to decide count as those of the exact distance.
std::set<uint32_t> within(InlinedIndex &index, const Bytes &query, const Scan &got, double radius) {
    std::set<uint32_t> out;
    for (size_t i = 0; i < got.rows.size(); ++i) {
        const double exact = index.shown(query, index.rows.at(got.rows[i]));
        EXPECT_LE(got.got[i].distance, radius) << "its place says that it is outside";
        EXPECT_LE(exact, got.got[i].farthest);
        if (exact <= radius)
            out.insert(got.rows[i]);
    }
    return out;
}

TEST_P(InlinedStream, RadiusIsExactWhereTheScanIs) {
    index.build_many(600);
    Bytes query = index.fresh();
    std::vector<double> all;
    for (auto &[row, value] : index.rows)
        all.push_back(index.shown(query, value));
    std::sort(all.begin(), all.end());
    // At a row's own distance, directly below it, between rows, before the first, beyond the last.
    for (double radius : {all[24], std::nextafter(all[24], 0.0), all[0] / 2, -1.0, all[599], all[599] * 2}) {
        std::set<uint32_t> truth;
        for (auto &[row, value] : index.rows)
            if (index.shown(query, value) <= radius)
                truth.insert(row);
        for (size_t memory : {size_t{64} << 20, size_t{30000}, size_t{0}})
            for (LateRows late : {LateRows::after_all, LateRows::at_once}) {
                StreamOptions options{2000, -1, memory, late};
                options.radius = radius;
                Scan got = scan(index, payload_of(query), options);
                EXPECT_TRUE(got.status.ok()) << got.status.message;
                EXPECT_EQ(within(index, query, got, radius), truth) << radius << " " << memory;
                EXPECT_LE(got.rows.size(), truth.size() + 20) << "most rows are known to lie outside";
            }
    }
    StreamOptions nan = kPlainScan;
    nan.radius = std::nan("");
    expect_every_row(index, scan(index, payload_of(query), nan));
}

TEST_P(InlinedStream, RadiusReturnsThePrefixOfTheScan) {
    index.build_many(3000);
    for (int i = 0; i < 10; ++i) {
        Bytes query = index.fresh();
        const Scan whole = scan(index, payload_of(query), kPlainScan, 40);
        const double radius = index.shown(query, index.rows.at(whole.rows[30]));
        StreamOptions options = kPlainScan;
        options.radius = radius;
        const Scan got = scan(index, payload_of(query), options);
        EXPECT_FALSE(got.counters.swept);
        EXPECT_LT(got.counters.nodes, 2500u) << "it goes on beyond the radius";
        std::set<uint32_t> found = within(index, query, got, radius), prefix;
        for (uint32_t row : whole.rows)
            if (index.shown(query, index.rows.at(row)) <= radius)
                prefix.insert(row);
        EXPECT_GE(prefix.size(), 20u);
        EXPECT_TRUE(std::includes(found.begin(), found.end(), prefix.begin(), prefix.end()));
        options.max_tuples = 50;
        within(index, query, scan(index, payload_of(query), options), radius);
    }
}

TEST_P(InlinedStream, NullQueryReturnsEverythingAtZero) {
    std::vector<Bytes> values;
    for (int i = 0; i < 100; ++i)
        for (int k = 0; k < 1 + i % 3 * 11; ++k)
            values.push_back(f32_value(std::vector<float>(24, static_cast<float>(i))));
    index.build(values);
    Scan got = scan(index, Payload{nullptr, 0});
    expect_every_row(index, got);
    for (const inlined::Row &row : got.got)
        EXPECT_TRUE(row.certain && row.distance == 0.0);
    EXPECT_EQ(got.counters.distances, 0u);
}

TEST_P(InlinedStream, EqualVectorsShareANode) {
    std::vector<Bytes> values;
    for (int i = 0; i < 60; ++i) {
        Bytes value = index.fresh();
        for (int k = 0; k < (i % 4 == 0 ? 70 : 1); ++k)
            values.push_back(value);
    }
    index.build(values);
    for (size_t memory : {size_t{64} << 20, size_t{0}}) {
        Bytes query = index.rows.begin()->second;
        Scan got = scan(index, payload_of(query), StreamOptions{40, -1, memory, LateRows::after_all});
        expect_every_row(index, got);
        for (size_t i = 0; i < 70; ++i)
            EXPECT_EQ(index.shown(query, index.rows.at(got.rows[i])), 0.0);
        EXPECT_LE(descents(reorder(index, query, got)), 1u);
    }
}

TEST_P(InlinedStream, EmptyAndTiny) {
    expect_every_row(index, scan(index, payload_of(index.fresh())));
    for (int n : {1, 2, 5, 30}) {
        for (bool with_entry : {false, true}) {
            InlinedIndex small(GetParam(), ElementType::f32, Metric::l2, 24);
            small.build_many(n, with_entry);
            expect_every_row(small, scan(small, payload_of(small.fresh())));
            EXPECT_EQ(scan(small, payload_of(small.fresh()), kPlainScan, 3).rows.size(), static_cast<size_t>(std::min(n, 3)));
        }
    }
}

TEST_P(InlinedStream, WrongQueryIsRefused) {
    index.build_many(20);
    EXPECT_EQ(scan(index, payload_of(Bytes(60, 0))).status.code, Code::data_exception);
}

TEST_P(InlinedStream, DeadAndFreedNodesLeadOnOrAway) {
    index.build_many(500, false);
    Rng rng(3);
    for (const Link &link : index.nodes)
        if (rng.below(3) == 0 && !(link == index.entry))
            index.kill(link);
    expect_every_row(index, scan(index, payload_of(index.fresh())));
    EXPECT_GE(recall(index, 10, 10, 60), 0.95) << "dead nodes must lead on";
    // Freed ones leave stale links.
    for (const Link &link : index.nodes) {
        bool dead = false;
        index.change(link, [&](inlined::NodeEdit &node) { dead = (node.head->flags & hnsw::kNodeDead) != 0; });
        if (dead && rng.below(2) == 0)
            index.free_node(link);
        else if (dead)
            index.kill(link);
    }
    expect_every_row(index, scan(index, payload_of(index.fresh())));
}

TEST_P(InlinedStream, EntryGoneFallsBackToTheSweep) {
    index.build_many(100);
    Link gone = index.entry;
    gone.generation = static_cast<uint16_t>(gone.generation + 1);
    index.set_entry(gone);
    Scan got = scan(index, payload_of(index.fresh()));
    expect_every_row(index, got);
    EXPECT_EQ(got.counters.nodes, 0u);
}

// Every link leads anywhere: to other nodes, to slots that are not there, to chunks, in circles.
TEST_P(InlinedStream, GarbageLinksEnd) {
    index.build_many(200);
    index.store.polls_left = 100000;
    for (int round = 0; round < 20; ++round) {
        Rng rng(static_cast<uint64_t>(round));
        for (const Link &link : index.nodes)
            index.change(link, [&](inlined::NodeEdit &node) {
                for (int i = 0; i < node.head->places; ++i)
                    node.links[i] = Link{static_cast<uint32_t>(1 + rng.below(index.store.block_count() - 1)),
                                         static_cast<uint16_t>(rng.below(12)), static_cast<uint16_t>(rng.below(3))};
                if (node.add != nullptr)
                    for (int i = 0; i < 2 * node.head->places; ++i)
                        node.add[i] = static_cast<uint16_t>(rng.next()); // also NaN and infinity
            });
        expect_every_row(index, scan(index, payload_of(index.fresh())));
        index.store.polls_left = 100000;
    }
}

TEST_P(InlinedStream, DamagedNodesAreReported) {
    index.build_many(50);
    index.change(index.nodes[7], [](inlined::NodeEdit &node) { node.head->tid_count = 200; });
    Scan got = scan(index, payload_of(index.fresh()));
    EXPECT_EQ(got.status.code, Code::corrupted);
    EXPECT_EQ(got.status.block, index.nodes[7].block);
}

// Lists of heap TIDs while others change them.
struct TidLists : testing::Test {
    TidLists() : index(LayoutKind::inlined, ElementType::f32, Metric::l2, 24) {
        index.build(std::vector<Bytes>(100, index.fresh()));
    }
    Link first_chunk() {
        Link link{};
        index.change(index.nodes[0], [&](inlined::NodeEdit &node) { link = node.head->more_tids; });
        return link;
    }
    inlined::TidChunkHead *chunk(Link link) {
        uint8_t *body = index.store.bytes(link.block);
        return reinterpret_cast<inlined::TidChunkHead *>(body + hnsw::slot_at(body, index.kBody, link.slot)->offset);
    }
    InlinedIndex index;
};

TEST_F(TidLists, AChunkFreedOnTheWay) {
    TestArena arena;
    inlined::TidReader<MemoryStore> reader(index.store, arena.arena, index.shape);
    ASSERT_TRUE(reader.start(index.nodes[0]).ok());
    std::multiset<uint32_t> seen;
    const Link first = first_chunk();
    for (int i = 0;; ++i) {
        hnsw::HeapTid tid;
        bool found;
        Status s = reader.next(&tid, &found);
        ASSERT_TRUE(s.ok()) << s.message;
        if (!found)
            break;
        seen.insert(row_of(tid));
        if (i == index.shape.tid_places) { // the reader holds the link to the second chunk
            const Link second = chunk(first)->next;
            for (int k = 0; k < chunk(second)->count; ++k)
                index.rows.erase(row_of(reinterpret_cast<hnsw::HeapTid *>(chunk(second) + 1)[k]));
            chunk(first)->next = chunk(second)->next;
            index.free_node(second);
        }
    }
    for (auto &[row, value] : index.rows)
        EXPECT_EQ(seen.count(row), 1u) << row;
    EXPECT_EQ(seen.size(), index.rows.size());
}

TEST_F(TidLists, ACircleIsReported) {
    const Link first = first_chunk();
    const Link third = chunk(chunk(first)->next)->next;
    chunk(third)->next = first;
    Scan got = scan(index, payload_of(index.fresh()));
    EXPECT_EQ(got.status.code, Code::corrupted);
}

TEST_F(TidLists, ADanglingLinkEndsTheList) {
    const Link first = first_chunk();
    index.free_node(chunk(first)->next);
    Scan got = scan(index, payload_of(index.fresh()));
    EXPECT_TRUE(got.status.ok());
    EXPECT_EQ(got.rows.size(), index.shape.tid_places + 8u - (8u - chunk(first)->count));
}

TEST(InlinedSpecial, ZeroQueryUnderCosine) {
    InlinedIndex index(LayoutKind::inlined, ElementType::f32, Metric::cosine, 24);
    index.build_many(200);
    Bytes zero = f32_value(std::vector<float>(24, 0.0f));
    Scan got = scan(index, payload_of(zero));
    expect_every_row(index, got);
    StreamOptions options = kPlainScan; // NaN is not within any radius
    options.radius = 2;
    EXPECT_EQ(scan(index, payload_of(zero), options).rows.size(), 0u);
}

TEST(InlinedSpecial, InfiniteDistances) {
    InlinedIndex index(LayoutKind::inlined, ElementType::f32, Metric::l2, 2);
    std::vector<Bytes> values;
    for (float x : {3e38f, -3e38f, 1.0f, 2.0f, 1e30f})
        values.push_back(f32_value({x, 0}));
    index.build(values);
    Bytes query = f32_value({0, 0});
    Scan got = scan(index, payload_of(query));
    expect_every_row(index, got);
    std::vector<double> order = reorder(index, query, got);
    EXPECT_EQ(descents(order), 0u);
    EXPECT_EQ(order[0], 1.0);
}

} // namespace
} // namespace vecx::test
