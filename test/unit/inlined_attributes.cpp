// Columns beside the vector in the layouts `inline` and `compact`: scans with conditions return exactly the rows that pass, by
// whichever way; the directory has every node through inserts, VACUUM, crashes and other sessions.
#include "inlined_attributed.hpp"

namespace vecx::hnsw::inlined {
namespace {

Filter filter_of(int which, Rng &rng) {
    Filter f;
    const int64_t tenant = static_cast<int64_t>(rng.below(22)), price = static_cast<int64_t>(rng.below(1000));
    const uint64_t key = filter::key_of_integer(tenant), price_key = filter::key_of_integer(price / 10);
    auto tenants = [&](How how) { f.conditions.push_back(Condition{how, true, 0, 0, key, nullptr}); };
    auto prices = [&](How how) { f.conditions.push_back(Condition{how, false, 1, 0, price_key, nullptr}); };
    switch (which) {
    case 0:
        tenants(How::equal);
        f.passes = [=](const Columns &c) { return c.tenant == tenant; };
        break;
    case 1:
        tenants(How::less);
        f.passes = [=](const Columns &c) { return c.tenant != Columns::kNull && c.tenant < tenant; };
        break;
    case 2:
        prices(How::less_equal);
        f.passes = [=](const Columns &c) { return c.price <= price; };
        break;
    case 3:
        prices(How::greater);
        tenants(How::not_null);
        f.passes = [=](const Columns &c) { return c.price > price && c.tenant != Columns::kNull; };
        break;
    case 4:
        tenants(How::is_null);
        f.passes = [=](const Columns &c) { return c.tenant == Columns::kNull; };
        break;
    case 5:
        for (int i = 0; i < 3; ++i)
            f.keys.push_back(filter::key_of_integer(static_cast<int64_t>(rng.below(20))));
        std::sort(f.keys.begin(), f.keys.end());
        f.conditions.push_back(Condition{How::any, true, 0, 3, 0, nullptr});
        f.passes = [keys = f.keys](const Columns &c) { return std::binary_search(keys.begin(), keys.end(), filter::key_of_integer(c.tenant)); };
        break;
    case 6:
        tenants(How::equal);
        prices(How::equal);
        f.passes = [=](const Columns &c) { return c.tenant == tenant && c.price == price; };
        break;
    default: // nothing has it
        f.conditions.push_back(Condition{How::greater, true, 0, 0, filter::key_of_integer(1000), nullptr});
        f.passes = [](const Columns &) { return false; };
    }
    return f;
}
constexpr int kFilters = 8;

// Every row that passes, once, in the order of lower bounds; in the first run when `ordered`.
void expect_all(Attributed &index, Payload query, const Filter &f, const Scan &s, const std::string &when, bool ordered = true) {
    std::set<uint32_t> seen(s.rows.begin(), s.rows.end()), expected;
    EXPECT_EQ(seen.size(), s.rows.size()) << "a row twice " << when;
    for (auto &[row, of] : index.rows)
        if (f.passes(of.columns))
            expected.insert(row);
    EXPECT_EQ(seen, expected) << when;
    size_t descents = 0;
    for (size_t i = 1; i < s.got.size(); ++i)
        descents += s.got[i].distance < s.got[i - 1].distance;
    EXPECT_LE(descents, ordered ? 1u : s.got.size()) << when;
    (void)query;
}

struct InlinedAttributes : testing::TestWithParam<LayoutKind> {};
INSTANTIATE_TEST_SUITE_P(Layouts, InlinedAttributes, testing::Values(LayoutKind::inlined, LayoutKind::compact));

TEST_P(InlinedAttributes, ScansReturnTheRowsThatPass) {
    Attributed index(GetParam());
    index.insert_many(900);
    for (int state = 0; state < 4; ++state) {
        if (state == 1)
            index.fold();
        if (state == 2)
            index.insert_many(300);
        if (state == 3)
            index.vacuum([](uint32_t row) { return row % 3 == 0; });
        index.expect_sound("in state " + std::to_string(state));
        uint64_t direct = 0, by_graph = 0, swept = 0;
        for (int round = 0; round < 3 * kFilters; ++round) {
            const Filter f = filter_of(round % kFilters, index.rng);
            const Bytes query = index.fresh();
            const std::string when = "state " + std::to_string(state) + " filter " + std::to_string(round % kFilters);
            Scan got = scan(index, test::payload_of(query), f);
            expect_all(index, test::payload_of(query), f, got, when);
            direct += got.counters.matches;
            by_graph += got.counters.nodes;
            // Without memory for more, by the sweep; and rows without an order.
            StreamOptions small = kOptions;
            small.memory_limit = 0;
            got = scan(index, test::payload_of(query), f, small);
            swept += got.counters.swept;
            expect_all(index, test::payload_of(query), f, got, when + ", little memory");
            expect_all(index, Payload{nullptr, 0}, f, scan(index, Payload{nullptr, 0}, f), when + ", NULL", false);
        }
        EXPECT_GT(direct, 0u);
        EXPECT_GT(by_graph, 0u);
        EXPECT_GT(swept, 0u);
    }
}

// The nearest ten that pass, among rows of which few and many pass.
TEST_P(InlinedAttributes, Recall) {
    Attributed index(GetParam(), 24);
    for (int i = 0; i < 2000; ++i)
        index.insert(index.fresh(), Columns{i % 2 == 0 ? 1 : i % 10 == 1 ? 2 : i % 100 == 3 ? 3 : 4, i});
    index.fold();
    for (int64_t tenant : {1, 2, 3}) {
        Filter f;
        f.conditions.push_back(Condition{How::equal, true, 0, 0, filter::key_of_integer(tenant), nullptr});
        f.passes = [=](const Columns &c) { return c.tenant == tenant; };
        size_t hits = 0, wanted = 0;
        for (int i = 0; i < 30; ++i) {
            const Bytes query = index.fresh();
            std::vector<double> all;
            for (auto &[row, of] : index.rows)
                if (f.passes(of.columns))
                    all.push_back(index.measure.distance(index.measure, test::payload_of(query), test::payload_of(of.value)));
            std::sort(all.begin(), all.end());
            StreamOptions options = kOptions;
            options.ef_search = 40;
            const Scan got = scan(index, test::payload_of(query), f, options, 10);
            EXPECT_EQ(got.rows.size(), std::min<size_t>(10, all.size()));
            for (uint32_t row : got.rows)
                hits += index.measure.distance(index.measure, test::payload_of(query), test::payload_of(index.rows[row].value)) <= all[9] * (1 + 1e-6);
            wanted += 10;
        }
        EXPECT_GE(static_cast<double>(hits) / static_cast<double>(wanted), 0.95) << "tenant " << tenant;
    }
}

TEST_P(InlinedAttributes, NodesAreSharedByRowsThatAreEqualInAll) {
    Attributed index(GetParam());
    index.insert_many(50);
    const Bytes value = index.fresh();
    for (int i = 0; i < 60; ++i)
        index.insert(value, Columns{i % 3 == 2 ? Columns::kNull : i % 3, 100});
    index.expect_sound();
    uint64_t nodes = 0;
    for (uint32_t block = 1; block < index.store.block_count(); ++block)
        ASSERT_TRUE(for_each_node(index.store, index.shape, block, [&](uint16_t, const NodeView &n) { nodes += !n.dead(); }).ok());
    EXPECT_EQ(nodes, 53u);
    for (int round = 0; round < 2 * kFilters; ++round) {
        const Filter f = filter_of(round % kFilters, index.rng);
        expect_all(index, test::payload_of(value), f, scan(index, test::payload_of(value), f), "filter " + std::to_string(round % kFilters));
    }
}

// The directory does not grow beyond its nodes however long rows come and go, and what nobody names is freed.
TEST_P(InlinedAttributes, TheDirectoryStaysSmall) {
    Attributed index(GetParam());
    index.insert_many(600);
    index.fold();
    uint32_t from = 0, pages = 0;
    for (int round = 0; round < 8; ++round) {
        const uint32_t to = from + 300;
        index.insert_many(300);
        index.vacuum([&](uint32_t row) { return row >= from && row < to; });
        from = to;
        if (round == 2)
            pages = index.store.block_count();
    }
    index.expect_sound();
    EXPECT_LE(index.store.block_count(), pages + pages / 10 + 2);
    EXPECT_EQ(index.tend(), 0u) << "something was left";
    const size_t writes = index.store.writes;
    index.tend();
    EXPECT_EQ(index.store.writes, writes) << "nothing was to be done";
}

// Between any two page operations of a scan or an insert the directory is made anew, rows come, and nodes go.
TEST_P(InlinedAttributes, OtherSessions) {
    Attributed index(GetParam());
    index.insert_many(250);
    index.fold();
    Filter f;
    f.conditions.push_back(Condition{How::less, true, 0, 0, filter::key_of_integer(3), nullptr});
    f.passes = [](const Columns &c) { return c.tenant != Columns::kNull && c.tenant < 3; };
    for (int round = 0; round < 12; ++round) {
        const Bytes query = index.fresh();
        const std::map<uint32_t, RowOf> before = index.rows;
        int turn = 0;
        index.store.hook = [&] {
            if (++turn % 7 != round % 7 || index.store.chunk_writers() || turn > 60)
                return;
            std::function<void()> hook = std::move(index.store.hook); // it is not to interrupt itself
            index.store.hook = nullptr;
            index.fold();
            TestArena arena;
            uint64_t freed;
            EXPECT_TRUE(tend_directory(index.store, arena.arena, 1 << 20, true, &freed).ok());
            index.insert(index.fresh(), index.columns());
            index.store.hook = std::move(hook);
        };
        Scan got = scan(index, test::payload_of(query), f);
        index.store.hook = nullptr;
        const std::set<uint32_t> seen(got.rows.begin(), got.rows.end());
        EXPECT_EQ(seen.size(), got.rows.size()) << "a row twice";
        for (auto &[row, of] : before)
            if (f.passes(of.columns)) {
                EXPECT_TRUE(seen.count(row)) << "row " << row << " is missing in round " << round;
            }
    }
    for (int round = 0; round < 20; ++round) { // an insert, interrupted by a VACUUM
        int turn = 0;
        index.store.hook = [&] {
            if (++turn != 1 + 2 * round || index.store.chunk_writers())
                return;
            std::function<void()> hook = std::move(index.store.hook);
            index.store.hook = nullptr;
            index.fold();
            index.tend();
            index.store.hook = std::move(hook);
        };
        index.insert(index.fresh(), index.columns());
        index.store.hook = nullptr;
        index.expect_sound("after insert " + std::to_string(round));
        expect_all(index, test::payload_of(index.fresh()), f, scan(index, test::payload_of(index.fresh()), f), "after insert " + std::to_string(round));
    }
}

// After a crash at any page write no row is lost to any scan, also when its node then gets a row that lives.
TEST_P(InlinedAttributes, CrashAnywhere) {
    Attributed index(GetParam());
    size_t prefixes = 0;
    auto crash = [&](const std::string &what, const std::function<void()> &operation, const RowOf &again) {
        const std::vector<MemoryStore::Page> before = index.store.pages;
        const std::map<uint32_t, RowOf> rows_before = index.rows;
        const std::vector<uint32_t> space_before = index.store.space;
        index.store.log.clear();
        index.store.logging = true;
        operation();
        index.store.logging = false;
        const std::vector<MemoryStore::Write> log = index.store.log;
        const std::vector<MemoryStore::Page> after = index.store.pages;
        const std::map<uint32_t, RowOf> rows_after = index.rows;
        const std::vector<uint32_t> space_after = index.store.space;
        for (size_t n = 0; n <= log.size(); n += what == "vacuum" ? 5 : 1) {
            const std::string when = what + ", after " + std::to_string(n) + " of " + std::to_string(log.size()) + " writes";
            index.store.pages = before;
            index.store.play(log, n);
            index.rows = what == "vacuum" ? rows_after : rows_before; // what is being removed may be seen or not
            index.expect_sound(when);
            for (int vacuumed = 0; vacuumed < 2; ++vacuumed) {
                index.insert(again.value, again.columns); // perhaps into the node that the crash left
                for (int i = 0; i < kFilters; ++i) {
                    const Filter f = filter_of(i, index.rng);
                    const Bytes query = index.fresh();
                    expect_all(index, test::payload_of(query), f, scan(index, test::payload_of(query), f), when + ", filter " + std::to_string(i));
                }
                index.expect_sound(when + ", and an insert");
                if (vacuumed == 0) {
                    index.vacuum([&](uint32_t row) { return index.rows.count(row) == 0; }); // what the crash left
                    index.expect_sound(when + ", and VACUUM");
                }
            }
            ++prefixes;
        }
        index.store.pages = after;
        index.store.space = space_after;
        index.rows = rows_after;
    };
    auto ordinary = [&](const std::string &what) {
        const RowOf row{index.fresh(), index.columns()};
        crash(what, [&] { index.insert(row.value, row.columns); }, row);
    };
    ordinary("first");
    ordinary("second");
    index.insert_many(14);
    ordinary("log leaf is full");
    index.insert_many(30);
    const RowOf known = index.rows.begin()->second;
    crash("equal, unlisted", [&] { index.insert(known.value, known.columns); }, known);
    crash("fold", [&] { index.fold(); }, RowOf{index.fresh(), index.columns()});
    ordinary("after the fold");
    crash("fold again", [&] { index.fold(); }, RowOf{index.fresh(), index.columns()});
    crash("tend", [&] { index.tend(); }, RowOf{index.fresh(), index.columns()});
    EXPECT_GT(prefixes, 30u);
    index.expect_sound();
}

} // namespace
} // namespace vecx::hnsw::inlined
