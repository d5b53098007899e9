// VACUUM of an inverted file: rows leave, lists are packed, split and drained, pages come back; a crash at any write and scans
// at any moment see what they should.
#include "ivf/check.hpp"
#include "ivf/info.hpp"
#include "ivf/vacuum.hpp"
#include "ivf_support.hpp"

namespace vecx::test {
namespace {

using ivf::QuantizerKind;
using ivf::RerankKind;

struct Vectors {
    const IvfIndex *index;
    bool readable;
    uint64_t fetched = 0;
    Status fetch(hnsw::HeapTid tid, Payload *payload, bool *found) {
        auto row = index->rows.find(row_of(tid));
        *found = readable && row != index->rows.end();
        if (*found) {
            *payload = payload_of(row->second);
            ++fetched;
        }
        return Status{};
    }
};

Status vacuum(IvfIndex &index, const std::set<uint32_t> &dead, ivf::VacuumCounters *counters, bool readable = false,
              size_t memory = 16 << 20) {
    TestArena arena;
    ivf::VacuumCounters deleted{};
    VECX_TRY(ivf::bulk_delete(index.store, arena.arena, [&](hnsw::HeapTid tid) { return dead.count(row_of(tid)) > 0; }, &deleted));
    Vectors vectors{&index, readable};
    *counters = ivf::VacuumCounters{};
    VECX_TRY(ivf::clean_up(index.store, arena.arena, vectors, memory, counters));
    counters->removed = deleted.removed;
    return Status{};
}

// Rows leave the heap, then the index.
ivf::VacuumCounters remove(IvfIndex &index, const std::set<uint32_t> &dead, bool readable = false) {
    for (uint32_t row : dead)
        index.rows.erase(row);
    ivf::VacuumCounters counters;
    Status s = vacuum(index, dead, &counters, readable);
    EXPECT_TRUE(s.ok()) << s.message;
    return counters;
}

ivf::CheckSummary expect_sound(IvfIndex &index) {
    TestArena arena;
    ivf::CheckSummary sum{};
    std::set<uint32_t> seen;
    Status s = ivf::check(index.store, arena.arena, [](const Status &wrong) { ADD_FAILURE() << wrong.block << ": " << wrong.message; },
                          [&](hnsw::HeapTid tid, const uint64_t *) { EXPECT_TRUE(seen.insert(row_of(tid)).second) << row_of(tid); }, &sum);
    EXPECT_TRUE(s.ok()) << s.message;
    for (auto &[row, value] : index.rows)
        EXPECT_EQ(seen.count(row), 1u) << row;
    return sum;
}

void expect_all(IvfIndex &index, size_t may_be_late = 3) {
    const Bytes query = index.fresh();
    auto all = IvfIndex::kAll;
    all.probes = 10000;
    const IvfIndex::Scan scan = index.scan(query, 100000, all);
    // Where the index has the vectors it is the executor that leaves out what the heap does not show.
    size_t shown = 0;
    for (uint32_t row : scan.rows)
        shown += index.rows.count(row);
    EXPECT_EQ(shown, index.rows.size());
    EXPECT_EQ(std::set<uint32_t>(scan.rows.begin(), scan.rows.end()).size(), scan.rows.size());
    size_t late = 0;
    for (size_t i = 1; i < scan.distances.size(); ++i)
        late += scan.distances[i] < scan.distances[i - 1] - 1e-6 * std::fabs(scan.distances[i]);
    EXPECT_LE(late, may_be_late);
}

std::set<uint32_t> every(uint32_t n, uint32_t of) {
    std::set<uint32_t> out;
    for (uint32_t i = 0; i < of; i += n)
        out.insert(i);
    return out;
}

std::vector<IvfIndex::Options> all_options() {
    IvfIndex::Options coded, none, index, one_bit, sq8, pq;
    sq8.quantizer = QuantizerKind::sq8;
    pq.quantizer = QuantizerKind::pq;
    none.quantizer = QuantizerKind::none;
    index.rerank = RerankKind::index;
    one_bit.bits = 1;
    return {coded, none, index, one_bit, sq8, pq};
}

TEST(IvfVacuum, RemovesRowsAndPacks) {
    for (const IvfIndex::Options &options : all_options()) {
        SCOPED_TRACE(testing::Message() << int(options.quantizer) << " " << int(options.rerank) << " " << options.bits);
        IvfIndex index(ElementType::f32, Metric::l2, 60, options);
        index.build_many(3000);
        EXPECT_EQ(expect_sound(index).tids, 3000u);
        const ivf::VacuumCounters first = remove(index, every(3, 3000));
        EXPECT_EQ(first.removed, 1000u);
        EXPECT_EQ(first.left, 2000u);
        EXPECT_EQ(first.lists_packed, 6u);
        EXPECT_GT(first.retired_pages, 0u);
        EXPECT_EQ(first.free_pages, 0u);
        expect_sound(index);
        expect_all(index);
        // Nobody reads them any more.
        index.store.now += 10;
        const uint32_t blocks = index.store.block_count();
        const ivf::VacuumCounters second = remove(index, {});
        EXPECT_EQ(second.free_pages, first.retired_pages);
        EXPECT_EQ(second.lists_packed, 0u);
        index.insert_many(500);
        EXPECT_EQ(index.store.block_count(), blocks);
        EXPECT_EQ(expect_sound(index).dead, 0u);
        expect_all(index);
    }
}

TEST(IvfVacuum, EverythingIsRemoved) {
    IvfIndex index(ElementType::f32, Metric::l2, 60, {});
    index.build_many(1000);
    remove(index, every(1, 1000));
    expect_all(index);
    index.insert_many(100);
    expect_all(index);
    expect_sound(index);
}

TEST(IvfVacuum, RetiredPagesWaitForOldScans) {
    IvfIndex index(ElementType::f32, Metric::l2, 60, {});
    index.build_many(2000);
    index.store.now = 5;
    index.store.oldest = index.store.now; // somebody holds this snapshot
    const ivf::VacuumCounters first = remove(index, every(2, 2000));
    index.store.now += 10;
    index.store.oldest = 3;
    const ivf::VacuumCounters second = remove(index, {});
    EXPECT_EQ(second.free_pages, 0u);
    EXPECT_EQ(second.retired_pages, first.retired_pages);
    index.store.oldest = UINT64_MAX;
    EXPECT_EQ(remove(index, {}).free_pages, first.retired_pages);
    expect_all(index);
}

TEST(IvfVacuum, SplitsListsThatHaveGrown) {
    for (bool readable : {false, true})
        for (IvfIndex::Options options : all_options()) {
            if (options.bits == 1)
                continue;
            for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
                SCOPED_TRACE(testing::Message() << int(options.quantizer) << " " << int(options.rerank) << " " << int(metric) << readable);
                IvfIndex index(ElementType::f32, metric, 100, options);
                index.build({}); // as on an empty table
                index.insert_many(3000);
                const ivf::VacuumCounters first = remove(index, {}, readable);
                EXPECT_EQ(first.lists_split, 1u);
                ivf::CheckSummary sum = expect_sound(index);
                EXPECT_GT(sum.lists, 4u);
                EXPECT_EQ(sum.closing_lists, 1u);
                expect_all(index);
                index.insert_many(200);
                expect_all(index);
                // What was the one list goes.
                const ivf::VacuumCounters second = remove(index, {}, readable);
                EXPECT_EQ(second.lists_closed, 1u);
                // Some parts may be too large still; that comes to an end.
                for (int round = 0; round < 8 && expect_sound(index).closing_lists > 0; ++round)
                    remove(index, {}, readable);
                EXPECT_EQ(expect_sound(index).closing_lists, 0u);
                expect_all(index);
            }
        }
}

// Search in a few lists finds what it should after rows were moved by their codes alone.
TEST(IvfVacuum, RecallAfterSplits) {
    for (QuantizerKind quantizer : {QuantizerKind::rabitq, QuantizerKind::sq8, QuantizerKind::pq}) {
        SCOPED_TRACE(int(quantizer));
        IvfIndex::Options options;
        options.quantizer = quantizer;
        IvfIndex index(ElementType::f32, Metric::l2, 100, options);
        index.build({});
        index.insert_many(5000);
        remove(index, {});
        remove(index, {});
        auto few = IvfIndex::kAll;
        few.probes = 8;
        few.iterate = false;
        size_t hits = 0;
        uint64_t read = 0, exact = 0;
        for (int q = 0; q < 30; ++q) {
            const Bytes query = index.fresh();
            const IvfIndex::Scan scan = index.scan(query, 10, few);
            const double tenth = index.exact(query)[9];
            for (double d : scan.distances)
                hits += d <= tenth * (1 + 1e-6);
            read += scan.counters.rows;
            exact += scan.counters.exact;
        }
        EXPECT_GE(hits, 270u);
        EXPECT_LT(read, 30u * 4500);
        EXPECT_LT(exact, quantizer == QuantizerKind::pq ? 30u * 200 : 30u * 30);
    }
}

// What a search with a fixed number of probes finds of the nearest ten rows, and how many rows it reads for that.
class FixedProbes {
  public:
    FixedProbes(const IvfIndex &index, std::vector<Bytes> queries) : queries_(std::move(queries)) {
        for (const Bytes &query : queries_)
            tenth_.push_back(index.exact(query)[9]);
    }
    struct Cost {
        double recall, rows;
    };
    Cost of(IvfIndex &index, uint32_t probes) const {
        auto few = IvfIndex::kAll;
        few.probes = probes;
        few.iterate = false;
        Cost cost{0, 0};
        for (size_t q = 0; q < queries_.size(); ++q) {
            const IvfIndex::Scan scan = index.scan(queries_[q], 10, few);
            for (double d : scan.distances)
                cost.recall += d <= tenth_[q] * (1 + 1e-6);
            cost.rows += static_cast<double>(scan.counters.rows);
        }
        const double count = static_cast<double>(queries_.size());
        return {cost.recall / (10 * count), cost.rows / count};
    }

  private:
    std::vector<Bytes> queries_;
    std::vector<double> tenth_;
};

Bytes shifted(Bytes value, float by) {
    for (size_t i = 0; i < value.size(); i += 4) {
        float x;
        memcpy(&x, value.data() + i, 4);
        x = x * 2 + by;
        memcpy(value.data() + i, &x, 4);
    }
    return value;
}

// Rows of another distribution come, all of them to the few lists nearest to it. After VACUUM a search with as many probes
// finds what it finds in an index that was clustered anew over all rows and has as many lists. The mean of some runs, for
// k-means is sometimes lucky.
void expect_to_follow_a_shift(QuantizerKind quantizer) {
    constexpr int kRuns = 3, kRows = 3000, kQueries = 60;
    constexpr uint32_t kProbes[] = {2, 4, 8};
    FixedProbes::Cost after[3] = {}, fresh[3] = {};
    double swamped = 0;
    for (int run = 0; run < kRuns; ++run) {
        IvfIndex::Options options;
        options.lists = 12;
        options.branches = 3;
        options.quantizer = quantizer;
        IvfIndex index(ElementType::f32, Metric::l2, 64, options);
        index.rng = Rng(100 + static_cast<uint64_t>(run));
        std::vector<Bytes> values, queries;
        for (int i = 0; i < kRows; ++i)
            values.push_back(index.fresh());
        index.build(values, index.cluster(values, options.lists));
        IvfIndex::Backend backend(index);
        for (int i = 0; i < kRows; ++i) {
            values.push_back(shifted(index.fresh(), 3));
            index.insert(backend, values.back());
        }
        for (int i = 0; i < kQueries; ++i)
            queries.push_back(shifted(index.fresh(), 3));
        const FixedProbes probes(index, queries);
        swamped += probes.of(index, 2).rows;
        for (int round = 0; round < 4; ++round) {
            remove(index, {});
            index.store.now += 10;
        }
        const auto centroids = index.cluster(values, static_cast<uint32_t>(expect_sound(index).lists));
        options.lists = static_cast<uint32_t>(centroids.size());
        IvfIndex other(ElementType::f32, Metric::l2, 64, options);
        other.build(values, centroids);
        for (int i = 0; i < 3; ++i) {
            const FixedProbes::Cost a = probes.of(index, kProbes[i]), f = probes.of(other, kProbes[i]);
            after[i] = {after[i].recall + a.recall / kRuns, after[i].rows + a.rows / kRuns};
            fresh[i] = {fresh[i].recall + f.recall / kRuns, fresh[i].rows + f.rows / kRuns};
        }
    }
    for (int i = 0; i < 3; ++i) {
        EXPECT_GE(after[i].recall, fresh[i].recall - 0.02) << kProbes[i] << " probes, anew " << fresh[i].recall;
        EXPECT_LT(after[i].rows, fresh[i].rows * 1.5) << kProbes[i] << " probes";
    }
    EXPECT_LT(after[0].rows, 0.75 * swamped / kRuns); // of two lists that all new rows had gone to
}

TEST(IvfVacuum, FollowsAShiftOfTheData) { expect_to_follow_a_shift(QuantizerKind::rabitq); }
TEST(IvfVacuum, FollowsAShiftOfTheDataSq8) { expect_to_follow_a_shift(QuantizerKind::sq8); }
TEST(IvfVacuum, FollowsAShiftOfTheDataPq) { expect_to_follow_a_shift(QuantizerKind::pq); }

// Rows so far away from all lists that they lie in one direction from them, and the errors of their codes as well, so that nothing
// cancels out. Where they are in new lists is then known but roughly; that they are near to a query must not be lost.
TEST(IvfVacuum, RowsFromFarAwayKeepTheirBounds) {
    for (QuantizerKind quantizer : {QuantizerKind::rabitq, QuantizerKind::sq8, QuantizerKind::pq})
        for (float by : {50.0f}) {
            IvfIndex::Options options;
            options.lists = 12;
            options.branches = 3;
            options.quantizer = quantizer;
            IvfIndex index(ElementType::f32, Metric::l2, 64, options);
            std::vector<Bytes> values, queries;
            for (int i = 0; i < 1500; ++i)
                values.push_back(index.fresh());
            index.build(values, index.cluster(values, options.lists));
            IvfIndex::Backend backend(index);
            for (int i = 0; i < 2500; ++i)
                index.insert(backend, shifted(index.fresh(), by));
            for (int i = 0; i < 30; ++i)
                queries.push_back(shifted(index.fresh(), by));
            const FixedProbes probes(index, queries);
            const uint64_t lists = expect_sound(index).lists;
            for (int round = 0; round < 3; ++round) {
                remove(index, {});
                index.store.now += 10;
            }
            EXPECT_GT(expect_sound(index).lists, lists); // else no row was moved
            EXPECT_GE(probes.of(index, 1000).recall, 0.97) << "quantizer " << int(quantizer) << ", away " << by;
        }
}

// A backend whose directory is out of date inserts all the same.
TEST(IvfVacuum, StaleBackends) {
    IvfIndex index(ElementType::f32, Metric::l2, 100, {});
    index.build({});
    index.insert_many(3000);
    IvfIndex::Backend old(index);
    index.insert(old, index.fresh());
    remove(index, {});
    index.insert(old, index.fresh());
    EXPECT_EQ(old.reloads, 1);
    expect_all(index);
    remove(index, {});
    expect_all(index);
}

// Inserts and scans between any two page operations of VACUUM.
TEST(IvfVacuum, OthersAtTheSameTime) {
    for (IvfIndex::Options options : all_options()) {
        SCOPED_TRACE(testing::Message() << int(options.quantizer) << " " << int(options.rerank) << " " << options.bits);
        IvfIndex index(ElementType::f32, Metric::l2, 300, options);
        index.build_many(50);
        index.insert_many(1500);
        std::vector<std::unique_ptr<IvfIndex::Backend>> backends;
        for (int i = 0; i < 4; ++i)
            backends.push_back(std::make_unique<IvfIndex::Backend>(index));
        bool busy = false;
        int scans = 0;
        for (int round = 0; round < 3; ++round) {
            std::set<uint32_t> dead;
            for (auto &[row, value] : index.rows)
                if (index.rng.below(4) == 0)
                    dead.insert(row);
            for (uint32_t row : dead)
                index.rows.erase(row);
            index.store.hook = [&] {
                if (busy || index.store.allocators())
                    return;
                busy = true;
                if (index.rng.below(10) == 0)
                    index.insert(*backends[index.rng.below(4)], index.fresh());
                if (index.rng.below(60) == 0 && ++scans < 40)
                    expect_all(index);
                busy = false;
            };
            ivf::VacuumCounters counters;
            Status s = vacuum(index, dead, &counters);
            index.store.hook = nullptr;
            ASSERT_TRUE(s.ok()) << s.message;
            index.store.now += 3;
            expect_sound(index);
            expect_all(index);
        }
        EXPECT_GT(scans, 2);
    }
}

// A scan that began before, row by row while VACUUM works, sees every row of its snapshot once.
TEST(IvfVacuum, ScanInTheMiddle) {
    for (uint64_t at : {5, 50, 150, 300, 500, 800}) {
        IvfIndex index(ElementType::f32, Metric::l2, 100, {});
        index.build_many(50);
        index.insert_many(2500);
        const std::set<uint32_t> dead = every(3, 2550);
        for (uint32_t row : dead)
            index.rows.erase(row);
        const std::map<uint32_t, Bytes> before = index.rows;
        const Bytes query = index.fresh();
        TestArena arena;
        ivf::Directory directory(arena.arena);
        index.load(&directory);
        IvfIndex::Heap heap{&index, query};
        TestSorter sorter;
        auto slow = IvfIndex::kAll;
        slow.probes = 1;
        ivf::Stream<IvfStore, IvfIndex::Heap, TestSorter> stream(index.store, heap, sorter, arena.arena, directory, payload_of(query), slow);
        std::multiset<uint32_t> seen;
        uint64_t operations = 0;
        bool busy = false, done = false;
        auto some_rows = [&](size_t n) {
            for (size_t i = 0; i < n && !done; ++i) {
                ivf::Row row;
                bool found = false;
                Status s = stream.next(&row, &found);
                ASSERT_TRUE(s.ok()) << s.message;
                done = !found;
                if (found)
                    seen.insert(row_of(row.tid));
            }
        };
        some_rows(10);
        index.store.hook = [&] {
            if (busy || index.store.allocators())
                return;
            busy = true;
            if (++operations % at == 0)
                some_rows(50);
            busy = false;
        };
        index.store.oldest = index.store.now; // the scan's snapshot
        for (int round = 0; round < 3; ++round) {
            ivf::VacuumCounters counters;
            ASSERT_TRUE(vacuum(index, dead, &counters).ok());
            index.store.now += 5;
        }
        index.store.hook = nullptr;
        some_rows(10000);
        EXPECT_EQ(seen.size(), before.size());
        EXPECT_EQ(std::set<uint32_t>(seen.begin(), seen.end()).size(), before.size());
    }
}

// After a crash behind any of VACUUM's writes: nothing is wrong, all rows are there, and the next VACUUM tidies up.
TEST(IvfVacuum, CrashAnywhere) {
    for (const IvfIndex::Options &options : all_options()) {
        IvfIndex index(ElementType::f32, Metric::l2, 200, options);
        index.build_many(20);
        index.insert_many(900);
        const std::set<uint32_t> dead = every(3, 920);
        for (uint32_t row : dead)
            index.rows.erase(row);
        ivf::VacuumCounters counters;
        ASSERT_TRUE(vacuum(index, every(6, 920), &counters).ok()); // something to free
        index.store.now += 10;
        const std::vector<IvfStore::Page> before = index.store.pages;
        index.store.logging = true;
        ASSERT_TRUE(vacuum(index, dead, &counters).ok());
        index.store.now += 10;
        ASSERT_TRUE(vacuum(index, {}, &counters).ok());
        index.store.logging = false;
        const std::vector<IvfStore::Write> log = index.store.log;
        const size_t step = log.size() / 60 + 1;
        for (size_t n = 0; n <= log.size(); n += step) {
            SCOPED_TRACE(testing::Message() << "after write " << n << " of " << log.size());
            index.store.pages = before;
            index.store.free_blocks.clear();
            index.store.play(log, n);
            expect_sound(index);
            expect_all(index);
            index.store.now += 10;
            ASSERT_TRUE(vacuum(index, dead, &counters).ok());
            index.store.now += 10;
            ASSERT_TRUE(vacuum(index, {}, &counters).ok());
            index.store.now += 10;
            ASSERT_TRUE(vacuum(index, {}, &counters).ok());
            EXPECT_EQ(expect_sound(index).orphan_pages, 0u);
            expect_all(index);
            if (testing::Test::HasFailure())
                return;
        }
    }
}

// The same for inserts.
TEST(IvfInsert, CrashAnywhere) {
    for (const IvfIndex::Options &options : all_options()) {
        IvfIndex index(ElementType::f32, Metric::l2, 700, options);
        index.build_many(5);
        const std::vector<IvfStore::Page> before = index.store.pages;
        index.store.logging = true;
        index.insert_many(150);
        index.store.logging = false;
        const std::vector<IvfStore::Write> log = index.store.log;
        const std::map<uint32_t, Bytes> rows = index.rows;
        for (size_t n = 0; n <= log.size(); n += 3) {
            index.store.pages = before;
            index.store.free_blocks.clear();
            index.store.play(log, n);
            // Rows are inserted one after the other: those that are there are the first ones.
            const IvfIndex::Scan scan = index.scan(rows.at(0), 1000);
            const std::set<uint32_t> there(scan.rows.begin(), scan.rows.end());
            ASSERT_EQ(there.size(), scan.rows.size());
            ASSERT_EQ(*there.rbegin() + 1, there.size());
            index.rows.clear();
            for (uint32_t row : there)
                index.rows[row] = rows.at(row);
            expect_sound(index);
            // A VACUUM that changes the directory twice leaves the first change's to the next one.
            for (int round = 0; round == 0 || (round < 5 && expect_sound(index).orphan_pages > 0); ++round) {
                ivf::VacuumCounters counters;
                ASSERT_TRUE(vacuum(index, {}, &counters).ok());
                index.store.now += 10;
            }
            EXPECT_EQ(expect_sound(index).orphan_pages, 0u);
            index.rows = rows;
        }
    }
}

TEST(IvfVacuum, InfoCounts) {
    IvfIndex index(ElementType::f32, Metric::l2, 100, {});
    index.build_many(1000);
    TestArena arena;
    ivf::Info info;
    ASSERT_TRUE(ivf::collect_info(index.store, arena.arena, &info).ok());
    EXPECT_EQ(info.rows, 1000u);
    EXPECT_EQ(info.dead, 0u);
    EXPECT_GT(info.posting_pages, 0u);
    EXPECT_GT(info.code_pages, 0u);
    EXPECT_GT(info.row_distance2, 0.5 * static_cast<double>(info.meta.built_spread2));
    EXPECT_LT(info.row_distance2, 1.5 * static_cast<double>(info.meta.built_spread2));
    EXPECT_LE(info.smallest_list, 1000u / 6);
    EXPECT_GE(info.largest_list, 1000u / 6);
}

} // namespace
} // namespace vecx::test
