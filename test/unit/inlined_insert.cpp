// Insertion into the layouts `inline` and `compact`: recall of an index that grew from nothing, many rows of one vector,
// other sessions between any two page operations, and a crash after any page write.
#include "hnsw/inlined/insert.hpp"

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
        for (uint32_t block = 1; block < store.block_count(); ++block) {
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
            linker.explorer.begin(node, ef, Link{});
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
    index.insert_many(1000);
    Counts counts;
    index.swept_rows(&counts);
    EXPECT_EQ(counts.nodes, 1000u);
    EXPECT_EQ(counts.entries, 1u);
    EXPECT_EQ(counts.stale, 0u);
    index.expect_complete();
    index.expect_reachable();
    EXPECT_GE(index.recall(25, 40), GetParam().metric == Metric::ip ? 0.93 : 0.97);
}

} // namespace
} // namespace vecx::hnsw::inlined
