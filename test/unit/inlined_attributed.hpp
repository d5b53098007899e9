// An index of layout `inline` or `compact` with two columns beside the vector, in memory.
#pragma once

#include "hnsw/inlined/check.hpp"
#include "hnsw/inlined/fold.hpp"
#include "hnsw/inlined/insert.hpp"
#include "hnsw/inlined/stream.hpp"
#include "hnsw/inlined/vacuum.hpp"

#include "hnsw_support.hpp"

namespace vecx::hnsw::inlined {

// Builds an index behind its metapage: row i has value i, and words 3 i to 3 i + 2 as its attributes. No directory.
Status build_attributed(test::MemoryStore &store, const Shape &shape, const std::vector<Payload> &values, const std::vector<uint64_t> &attributes);

namespace {

using filter::Condition;
using filter::Predicate;
using test::Bytes;
using test::MemoryStore;
using test::row_of;
using test::TestArena;
using test::TestSorter;
using test::tid_of;
using How = Condition::How;

// Two columns: a small number that may be NULL, and a number of which only the tens are stored.
struct Columns {
    int64_t tenant; // kNull
    int64_t price;
    static constexpr int64_t kNull = -1;

    void encode(uint64_t *out) const {
        out[0] = 0;
        if (tenant == kNull)
            filter::set_attribute_null(out, 0);
        else
            filter::set_attribute(out, 0, filter::key_of_integer(tenant));
        filter::set_attribute(out, 1, filter::key_of_integer(price / 10));
    }
};

struct RowOf {
    Bytes value;
    Columns columns;
};

struct Attributed {
    explicit Attributed(LayoutKind layout, int dim = 12, Metric metric = Metric::l2)
        : measure(make_measure(ElementType::f32, metric, dim, kernels::active)) {
        EXPECT_TRUE(choose_shape(layout, ElementType::f32, metric, dim, 8, store.body_size(), &shape, 2));
        MetaRecord meta{};
        meta.layout = static_cast<uint8_t>(layout);
        meta.element_type = static_cast<uint8_t>(ElementType::f32);
        meta.metric = static_cast<uint8_t>(metric);
        meta.m = 8;
        meta.ef_construction = 32;
        meta.dim = dim;
        shape_to_meta(shape, &meta);
        uint32_t block;
        EXPECT_TRUE(store.extend([&](MutablePage &page) { init_meta(page, meta); }, &block).ok());
    }

    Measure measure;
    Shape shape{};
    MemoryStore store;
    std::map<uint32_t, RowOf> rows;
    uint32_t next_row = 0;
    Rng rng{11};

    Bytes fresh() { return test::random_value(measure.type, measure.dim, rng); }
    Columns columns() {
        return Columns{rng.below(12) == 0 ? Columns::kNull : static_cast<int64_t>(rng.below(20)), static_cast<int64_t>(rng.below(1000))};
    }
    void insert(const Bytes &value, Columns columns) {
        TestArena arena;
        const uint32_t row = next_row++;
        uint64_t attributes[3];
        columns.encode(attributes);
        Status s = inlined::insert(store, arena.arena, shape, test::payload_of(value), tid_of(row), rng, SIZE_MAX / 2, attributes);
        EXPECT_TRUE(s.ok()) << s.message;
        rows[row] = RowOf{value, columns};
    }
    void insert_many(int n) {
        for (int i = 0; i < n; ++i)
            insert(fresh(), columns());
    }
    void fold() {
        TestArena arena;
        Status s = make_directory(store, arena.arena, shape, store.body_size(), 1 << 20);
        EXPECT_TRUE(s.ok()) << s.message;
    }
    uint64_t tend(size_t memory = 1 << 20) {
        TestArena arena;
        uint64_t freed = 0;
        Status s = tend_directory(store, arena.arena, memory, true, &freed);
        EXPECT_TRUE(s.ok()) << s.message;
        return freed;
    }
    template <class Dead>
    void vacuum(Dead dead) {
        TestArena arena;
        VacuumResult result{};
        Status s = inlined::remove_tids(store, arena.arena, [&](HeapTid tid) { return dead(row_of(tid)); }, &result);
        ASSERT_TRUE(s.ok()) << s.message;
        s = inlined::repair(store, arena.arena, 4 << 20, &result);
        ASSERT_TRUE(s.ok()) << s.message;
        std::erase_if(rows, [&](const auto &row) { return dead(row.first); });
        tend();
    }
    void expect_sound(const std::string &when = "") {
        TestArena arena;
        std::string findings;
        CheckSummary sum{};
        Status s = inlined::check(store, arena.arena, [&](const Status &finding) { findings += std::string(finding.message) + "\n"; }, &sum);
        EXPECT_TRUE(s.ok()) << s.message;
        EXPECT_EQ(findings, "") << when;
    }
};

constexpr StreamOptions kOptions{20, -1, 1 << 22, LateRows::after_all};

struct Filter {
    std::vector<Condition> conditions;
    std::function<bool(const Columns &)> passes;
    std::vector<uint64_t> keys;
};

struct Scan {
    std::vector<uint32_t> rows;
    std::vector<Row> got;
    StreamCounters counters{};
};

[[maybe_unused]] Scan scan(Attributed &index, Payload query, const Filter &f, StreamOptions options = kOptions, size_t limit = SIZE_MAX) {
    TestArena arena;
    TestSorter sorter;
    Scan out;
    std::vector<Condition> conditions = f.conditions;
    for (Condition &c : conditions)
        c.keys = f.keys.data();
    const Predicate where{conditions.data(), static_cast<uint32_t>(conditions.size()), false};
    Stream<MemoryStore, TestSorter> stream(index.store, arena.arena, index.shape, query, options, sorter, {}, {}, &where);
    Row row;
    bool found = true;
    while (out.rows.size() < limit) {
        Status s = stream.next(&row, &found);
        EXPECT_TRUE(s.ok()) << s.message;
        if (!s.ok() || !found)
            break;
        const auto at = index.rows.find(row_of(row.tid));
        if (at == index.rows.end()) { // of a crash, or removed meanwhile
            continue;
        }
        const bool passes = f.passes(at->second.columns);
        EXPECT_TRUE(row.maybe || passes) << "a row that does not pass";
        if (!passes)
            continue;
        out.rows.push_back(row_of(row.tid));
        out.got.push_back(row);
    }
    out.counters = stream.counters();
    return out;
}

} // namespace
} // namespace vecx::hnsw::inlined
