// Insertion into the layouts `inline` and `compact`: recall of an index that grew from nothing, many rows of one vector,
// other sessions between any two page operations, and a crash after any page write.
#include "hnsw/inlined/insert.hpp"
#include "hnsw/inlined/vacuum.hpp"

#include "hnsw_support.hpp"

namespace vecx::hnsw::inlined {
namespace {

using test::Bytes;
using test::MemoryStore;
using test::row_of;
using test::TestArena;
using test::tid_of;

struct Counts {
    uint64_t nodes = 0, entries = 0, tids = 0, stale = 0, without_way_in = 0, longest_list = 0;
};

// An index of a new layout with the rows it should contain.
struct Grown {
    Grown(LayoutKind layout, ElementType type, Metric metric, int dim, int m = 16, int ef_construction = 64)
        : measure(make_measure(type, metric, dim, kernels::active)) {
        EXPECT_TRUE(choose_shape(layout, type, metric, dim, m, store.body_size(), &shape));
        MetaRecord meta{};
        meta.layout = static_cast<uint8_t>(layout);
        meta.element_type = static_cast<uint8_t>(type);
        meta.metric = static_cast<uint8_t>(metric);
        meta.m = static_cast<uint8_t>(m);
        meta.ef_construction = static_cast<uint16_t>(ef_construction);
        meta.dim = dim;
        shape_to_meta(shape, &meta);
        uint32_t block;
        EXPECT_TRUE(store.extend([&](MutablePage &page) { init_meta(page, meta); }, &block).ok());
    }

    Measure measure;
    Shape shape{};
    MemoryStore store;
    std::map<uint32_t, Bytes> rows;
    uint32_t next_row = 0;
    Rng rng{42};

    Bytes fresh() { return test::random_value(measure.type, measure.dim, rng); }

    uint32_t insert(const Bytes &value) {
        TestArena arena;
        uint32_t row = next_row++;
        Status s = inlined::insert(store, arena.arena, shape, test::payload_of(value), tid_of(row), rng);
        EXPECT_TRUE(s.ok()) << s.message;
        rows[row] = value;
        return row;
    }
    void insert_many(int n) {
        for (int i = 0; i < n; ++i)
            insert(fresh());
    }

    // All rows of the nodes that can be reached from the metapage's entry.
    std::map<uint32_t, uint64_t> reachable_rows() {
        MetaRecord meta;
        EXPECT_TRUE(read_meta(store, &meta).ok());
        std::vector<Link> open;
        std::set<uint64_t> seen;
        std::map<uint32_t, uint64_t> out;
        auto meet = [&](Link l) {
            if (!l.none() && seen.insert(l.key()).second)
                open.push_back(l);
        };
        meet(meta.entry);
        TestArena arena;
        Visitor<MemoryStore> visitor(store, shape);
        while (!open.empty()) {
            Link at = open.back();
            open.pop_back();
            bool found;
            Status s = visitor.look(at, &found, [&](const NodeView &node) {
                for (int i = 0; i < node.head->places; ++i)
                    meet(node.links[i]);
            });
            EXPECT_TRUE(s.ok()) << s.message;
            for (uint32_t row : rows_of(at))
                out[row] = at.key();
        }
        return out;
    }

    // The rows of a node, with those of its chunks.
    std::vector<uint32_t> rows_of(Link at) {
        std::vector<uint32_t> out;
        Link more{};
        bool found;
        Visitor<MemoryStore> visitor(store, shape);
        Status s = visitor.look(at, &found, [&](const NodeView &node) {
            for (int i = 0; i < node.head->tid_count; ++i)
                out.push_back(row_of(node.tids[i]));
            more = node.head->more_tids;
        });
        EXPECT_TRUE(s.ok()) << s.message;
        while (found && !more.none()) {
            const Link chunk = more;
            more = Link{};
            const char *fault = nullptr;
            s = store.read(chunk.block, [&](const PageView &page) {
                TidChunkView view;
                fault = tid_chunk_fault(page, chunk.slot, &view);
                ASSERT_TRUE(fault == nullptr && view.head != nullptr && view.head->generation == chunk.generation);
                EXPECT_TRUE(view.head->node == at);
                EXPECT_GT(view.head->count, 0);
                for (int i = 0; i < view.head->count; ++i)
                    out.push_back(row_of(view.tids[i]));
                more = view.head->next;
            });
            EXPECT_TRUE(s.ok()) << s.message;
        }
        return out;
    }

    // What a sweep over all pages finds. Each row must be there once.
    std::set<uint32_t> swept_rows(Counts *counts = nullptr, const std::string &when = "") {
        std::set<uint32_t> out;
        std::set<uint64_t> targets, nodes;
        Counts c;
        std::vector<Link> all;
        for (uint32_t block = kMetaBlock; block < store.block_count(); ++block) {
            Status s = for_each_node(store, shape, block, [&](uint16_t slot, const NodeView &node) {
                const Link self{block, slot, node.head->generation};
                nodes.insert(self.key());
                node.is_entry() ? ++c.entries : ++c.nodes;
                std::set<uint64_t> own;
                for (int i = 0; i < node.head->places; ++i)
                    if (!node.links[i].none()) {
                        EXPECT_TRUE(own.insert(node.links[i].key()).second) << "a neighbour twice " << when;
                        EXPECT_FALSE(node.links[i] == self) << "a neighbour of itself " << when;
                        targets.insert(node.links[i].key());
                    }
                all.push_back(self);
            });
            EXPECT_TRUE(s.ok()) << s.message << when;
        }
        for (Link l : all) {
            c.without_way_in += targets.count(l.key()) == 0;
            for (uint32_t row : rows_of(l)) {
                EXPECT_TRUE(out.insert(row).second) << "row " << row << " twice " << when;
                ++c.tids;
            }
        }
        for (uint64_t key : targets)
            c.stale += nodes.count(key) == 0;
        if (counts != nullptr)
            *counts = c;
        return out;
    }
    void expect_complete(const std::string &when = "") {
        std::set<uint32_t> wanted;
        for (auto &[row, value] : rows)
            wanted.insert(row);
        EXPECT_EQ(swept_rows(nullptr, when), wanted) << when;
    }
    void expect_reachable(const std::string &when = "") {
        const std::map<uint32_t, uint64_t> got = reachable_rows();
        for (auto &[row, value] : rows)
            EXPECT_TRUE(got.count(row)) << "row " << row << " cannot be reached " << when;
    }

    // Best of the nearest `ef` nodes that the search of inserts finds, measured exactly.
    double recall(int queries, uint32_t ef) {
        Rng saved = rng;
        rng = Rng(777);
        double sum = 0;
        const size_t k = 10;
        for (int q = 0; q < queries; ++q) {
            const Bytes value = fresh();
            std::vector<double> all, got;
            for (auto &[row, other] : rows)
                all.push_back(measure.distance(measure, test::payload_of(value), test::payload_of(other)));
            std::nth_element(all.begin(), all.begin() + (k - 1), all.end());
            TestArena arena;
            Linker<MemoryStore> linker(store, arena.arena, shape);
            NewNode node;
            linker.make(test::payload_of(value), &node);
            MetaRecord meta;
            EXPECT_TRUE(read_meta(store, &meta).ok());
            linker.explorer.begin(node, ef, Link{}, SIZE_MAX / 2);
            EXPECT_TRUE(linker.explorer.start(meta.entry).ok());
            EXPECT_TRUE(linker.explorer.run().ok());
            linker.explorer.finish();
            for (const Near &near : linker.explorer.near)
                for (uint32_t row : rows_of(near.link))
                    got.push_back(measure.distance(measure, test::payload_of(value), test::payload_of(rows.at(row))));
            std::sort(got.begin(), got.end());
            for (size_t i = 0; i < k && i < got.size(); ++i)
                sum += got[i] <= all[k - 1];
        }
        rng = saved;
        return sum / static_cast<double>(k) / queries;
    }
};

struct Case {
    LayoutKind layout;
    ElementType type;
    Metric metric;
};
class InlinedInsert : public testing::TestWithParam<Case> {};

std::vector<Case> cases() {
    std::vector<Case> out;
    for (LayoutKind layout : {LayoutKind::inlined, LayoutKind::compact})
        for (ElementType type : {ElementType::f32, ElementType::f16, ElementType::bf16, ElementType::i8})
            for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine})
                if (metric == Metric::l2 || type == ElementType::f32 || type == ElementType::i8)
                    out.push_back({layout, type, metric});
    return out;
}
std::string name_of(const testing::TestParamInfo<Case> &info) {
    const char *types[] = {"", "f32", "f16", "bf16", "i8"};
    const char *metrics[] = {"", "l2", "ip", "cosine"};
    return std::string(info.param.layout == LayoutKind::inlined ? "inline_" : "compact_") +
           types[static_cast<int>(info.param.type)] + "_" + metrics[static_cast<int>(info.param.metric)];
}
INSTANTIATE_TEST_SUITE_P(All, InlinedInsert, testing::ValuesIn(cases()), name_of);

TEST_P(InlinedInsert, RecallAfterGrowth) {
    Grown index(GetParam().layout, GetParam().type, GetParam().metric, 96);
    index.store.copy_pages = false;
    index.insert_many(400);
    Counts counts;
    index.swept_rows(&counts);
    EXPECT_EQ(counts.nodes, 400u);
    EXPECT_EQ(counts.entries, 1u);
    EXPECT_EQ(counts.stale, 0u);
    index.expect_complete();
    index.expect_reachable();
    EXPECT_GE(index.recall(20, 40), 0.97);
}

class InlinedInsertLayout : public testing::TestWithParam<LayoutKind> {};
INSTANTIATE_TEST_SUITE_P(Both, InlinedInsertLayout, testing::Values(LayoutKind::inlined, LayoutKind::compact),
                         [](const testing::TestParamInfo<LayoutKind> &info) {
                             return info.param == LayoutKind::inlined ? "inline" : "compact";
                         });

// Clusters far apart, one after the other: each must be found from the entry although its first node has no like.
TEST_P(InlinedInsertLayout, ClustersThatComeLate) {
    Grown index(GetParam(), ElementType::f32, Metric::l2, 16, 4, 16);
    index.store.copy_pages = false;
    for (int cluster = 0; cluster < 12; ++cluster)
        for (int i = 0; i < 40; ++i) {
            std::vector<float> x(16);
            for (int d = 0; d < 16; ++d)
                x[static_cast<size_t>(d)] = static_cast<float>(test::gauss(index.rng) + (d == cluster ? 200.0 : 0.0));
            index.insert(test::f32_value(x));
        }
    index.expect_complete();
    index.expect_reachable();
}

TEST_P(InlinedInsertLayout, ManyRowsOfOneVector) {
    Grown index(GetParam(), ElementType::f32, Metric::l2, 24);
    index.store.copy_pages = false;
    index.insert_many(60);
    const Bytes value = index.fresh();
    uint64_t worst = 0;
    const uint32_t before = index.store.block_count();
    constexpr int kRows = 6000;
    for (int i = 0; i < kRows; ++i) {
        const uint64_t reads = index.store.reads + index.store.updates;
        index.insert(value);
        if (i > 0)
            worst = std::max(worst, index.store.reads + index.store.updates - reads);
    }
    // The way to the node, and a few pages more: nothing that grows with the number of rows.
    EXPECT_LE(worst, 30u);
    // 6 bytes a row, in chunks that grow.
    EXPECT_LE(index.store.block_count() - before, 2 + kRows * sizeof(HeapTid) / index.store.body_size() * 2);
    Counts counts;
    index.swept_rows(&counts);
    EXPECT_EQ(counts.nodes, 61u);
    EXPECT_EQ(counts.tids, 60u + kRows);
    index.expect_complete();
}

TEST_P(InlinedInsertLayout, EqualHashIsNotEnough) {
    // Zero of either sign: equal stored bytes in 8 bits, another payload.
    Grown index(GetParam(), ElementType::f32, Metric::l2, 16);
    std::vector<float> x(16, 1.0f), y(16, 1.0f);
    x[3] = 0.0f;
    y[3] = -0.0f;
    index.insert(test::f32_value(x));
    index.insert(test::f32_value(y));
    index.insert(test::f32_value(x));
    Counts counts;
    index.swept_rows(&counts);
    EXPECT_EQ(counts.nodes, 2u);
    index.expect_complete();
    index.expect_reachable();
}

// Numbers whose squares no float holds, and ones that vanish: no error, and every row is kept.
TEST_P(InlinedInsertLayout, ExtremeNumbers) {
    for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
        Grown index(GetParam(), ElementType::f32, metric, 16, 4, 16);
        for (int i = 0; i < 60; ++i) {
            std::vector<float> x(16);
            const float size[] = {1e30f, 1e-30f, 3e38f, 1.0f};
            for (float &v : x)
                v = static_cast<float>(std::clamp(test::gauss(index.rng), -1.0, 1.0)) * size[i % 4];
            index.insert(test::f32_value(x));
        }
        index.expect_complete(); // reachable they need not be
    }
}

// Other sessions insert between any two page operations.
TEST_P(InlinedInsertLayout, InTheMiddleOfAnother) {
    int meddled = 0;
    for (uint64_t seed = 1; seed <= 8; ++seed) {
        Grown index(GetParam(), ElementType::f32, Metric::l2, 12, 4, 16);
        index.rng = Rng(seed);
        index.insert_many(30);
        Rng dice(seed * 31);
        int steps = 0;
        index.store.polls_left = 3000000;
        index.store.hook = [&] {
            if (dice.below(40) != 0 || steps >= 60)
                return;
            ++steps;
            ++meddled;
            index.insert(dice.below(3) == 0 ? index.rows.begin()->second : index.fresh());
        };
        index.insert_many(30);
        index.store.hook = nullptr;
        index.expect_complete("seed " + std::to_string(seed));
        Counts counts;
        index.swept_rows(&counts);
        EXPECT_EQ(counts.stale, 0u);
        EXPECT_LE(counts.without_way_in, 2u) << "seed " << seed;
    }
    EXPECT_GT(meddled, 200);
}

TEST_P(InlinedInsertLayout, TwoFirstRows) {
    // Both find the graph empty; both must end up linked.
    for (bool same : {false, true})
        for (uint64_t at = 1; at < 12; ++at) {
            Grown index(GetParam(), ElementType::f32, Metric::l2, 8);
            const Bytes value = index.fresh();
            uint64_t count = 0;
            index.store.hook = [&] {
                if (++count == at)
                    index.insert(same ? value : index.fresh());
            };
            index.insert(value);
            index.store.hook = nullptr;
            index.expect_complete("interrupted at " + std::to_string(at));
            index.expect_reachable("interrupted at " + std::to_string(at));
        }
}

TEST_P(InlinedInsertLayout, TwoEntryNodes) {
    // Both find that an entry node is wanted; one is left, and the metapage names it.
    for (uint64_t at = 1; at < 120; at += 1 + at / 4) {
        Grown index(GetParam(), ElementType::f32, Metric::l2, 8);
        index.store.copy_pages = false;
        index.insert_many(20);
        TestArena arena;
        Linker<MemoryStore> one(index.store, arena.arena, index.shape), two(index.store, arena.arena, index.shape);
        MetaRecord meta;
        ASSERT_TRUE(read_meta(index.store, &meta).ok());
        uint64_t count = 0;
        Rng other(3);
        index.store.hook = [&] {
            if (++count != at)
                return;
            EXPECT_TRUE(make_entry(index.store, arena.arena, two, meta.entry, index.store.body_size(), other).ok());
        };
        ASSERT_TRUE(make_entry(index.store, arena.arena, one, meta.entry, index.store.body_size(), index.rng).ok());
        index.store.hook = nullptr;
        Counts counts;
        index.swept_rows(&counts);
        EXPECT_EQ(counts.entries, 1u);
        index.expect_reachable();
    }
}

// An entry node that the metapage does not name any more, for the index was emptied: the next one takes its place, or VACUUM frees it.
TEST_P(InlinedInsertLayout, EntryNodeWithoutAName) {
    for (bool vacuum : {false, true}) {
        Grown index(GetParam(), ElementType::f32, Metric::l2, 8);
        index.insert_many(20);
        TestArena arena;
        auto entry_now = [&] {
            MetaRecord meta;
            EXPECT_TRUE(read_meta(index.store, &meta).ok());
            return meta.entry;
        };
        const Link first = entry_now();
        Linker<MemoryStore> linker(index.store, arena.arena, index.shape);
        ASSERT_TRUE(make_entry(index.store, arena.arena, linker, first, index.store.body_size(), index.rng).ok());
        const Link made = entry_now();
        EXPECT_EQ(made.block, kMetaBlock);
        bool done;
        ASSERT_TRUE(set_entry(index.store, made, first, 0, &done, false).ok());
        ASSERT_TRUE(done);
        if (vacuum) {
            VacuumResult result{};
            ASSERT_TRUE(repair(index.store, arena.arena, 1 << 20, &result).ok());
            EXPECT_EQ(result.nodes_freed, 1u);
            Counts counts;
            index.swept_rows(&counts);
            EXPECT_EQ(counts.entries, 0u);
        }
        ASSERT_TRUE(make_entry(index.store, arena.arena, linker, first, index.store.body_size(), index.rng).ok());
        EXPECT_EQ(entry_now().block, kMetaBlock);
        EXPECT_NE(entry_now(), made);
        Counts counts;
        index.swept_rows(&counts);
        EXPECT_EQ(counts.entries, 1u);
        index.expect_reachable();
        index.expect_complete();
    }
}

// VACUUM takes all other rows of a vector away at any moment while one more is inserted: that one stays.
TEST_P(InlinedInsertLayout, AttachedWhileVacuumEmptiesTheNode) {
    for (int full : {1, 2, 10, 11, 26, 27})
        for (uint64_t at = 1; at < 40; ++at) {
            Grown index(GetParam(), ElementType::f32, Metric::l2, 8);
            index.store.copy_pages = false;
            index.insert_many(3);
            const Bytes value = index.fresh();
            for (int i = 0; i < full; ++i)
                index.insert(value);
            const uint32_t row = index.next_row;
            uint64_t count = 0;
            index.store.hook = [&] {
                if (++count != at || index.store.chunk_writers())
                    return;
                TestArena arena;
                VacuumResult result{};
                EXPECT_TRUE(inlined::remove_tids(index.store, arena.arena, [&](HeapTid t) { return row_of(t) != row; }, &result).ok());
                EXPECT_TRUE(inlined::repair(index.store, arena.arena, 1 << 20, &result).ok());
            };
            index.insert(value);
            index.store.hook = nullptr;
            EXPECT_TRUE(index.swept_rows().count(row)) << full << " rows, interrupted at " << at;
            EXPECT_TRUE(index.reachable_rows().count(row)) << full << " rows, interrupted at " << at;
        }
}

// After a crash at any page write: no row is lost, and the index works on.
TEST_P(InlinedInsertLayout, CrashAnywhere) {
    Grown index(GetParam(), ElementType::f32, Metric::l2, 16, 4, 16);
    size_t prefixes = 0;
    auto crash = [&](const char *what, const std::function<void()> &operation) {
        const std::vector<MemoryStore::Page> before = index.store.pages;
        const std::map<uint32_t, Bytes> rows_before = index.rows;
        const std::vector<uint32_t> space_before = index.store.space;
        index.store.log.clear();
        index.store.logging = true;
        operation();
        index.store.logging = false;
        const std::vector<MemoryStore::Write> log = index.store.log;
        const std::vector<MemoryStore::Page> after = index.store.pages;
        const std::map<uint32_t, Bytes> rows_after = index.rows;
        const std::vector<uint32_t> space_after = index.store.space;
        const uint32_t next = index.next_row;
        for (size_t n = 0; n <= log.size(); ++n) {
            const std::string when = std::string(what) + ", after " + std::to_string(n) + " of " + std::to_string(log.size()) + " writes";
            index.store.pages = before;
            index.store.play(log, n);
            index.rows = rows_before;
            const std::map<uint32_t, uint64_t> reached = index.reachable_rows();
            for (auto &[row, value] : rows_before)
                ASSERT_TRUE(reached.count(row)) << "row " << row << " lost " << when;
            for (uint32_t row : index.swept_rows(nullptr, when))
                ASSERT_TRUE(rows_after.count(row)) << "row " << row << " from nowhere " << when;
            const uint32_t another = index.insert(index.fresh());
            ASSERT_TRUE(index.reachable_rows().count(another)) << when;
            ++prefixes;
        }
        index.store.pages = after;
        index.store.space = space_after;
        index.rows = rows_after;
        index.next_row = next;
    };
    crash("first", [&] { index.insert(index.fresh()); });
    crash("second", [&] { index.insert(index.fresh()); });
    index.insert_many(40);
    for (int i = 0; i < 4; ++i)
        crash("ordinary", [&] { index.insert(index.fresh()); });
    const Bytes value = index.rows.begin()->second;
    crash("equal", [&] { index.insert(value); });
    for (int i = 0; i < 9; ++i)
        index.insert(value);
    crash("equal, chunk", [&] { index.insert(value); });
    for (int i = 0; i < 16; ++i)
        index.insert(value);
    crash("equal, second chunk", [&] { index.insert(value); });
    crash("entry node", [&] {
        TestArena arena;
        Linker<MemoryStore> linker(index.store, arena.arena, index.shape);
        MetaRecord meta;
        ASSERT_TRUE(read_meta(index.store, &meta).ok());
        ASSERT_TRUE(make_entry(index.store, arena.arena, linker, meta.entry, index.store.body_size(), index.rng).ok());
    });
    crash("with an entry node", [&] { index.insert(index.fresh()); });
    EXPECT_GT(prefixes, 40u);
    index.expect_complete();
}

} // namespace
} // namespace vecx::hnsw::inlined
