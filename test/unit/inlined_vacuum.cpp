// Vacuum of the layouts `inline` and `compact`: rows leave, the graph stays as good as a new one, crashes and inserts
// at any point do no harm, and damaged pages end in an error or in a sane index.
#include "hnsw/inlined/check.hpp"
#include "hnsw/inlined/vacuum.hpp"
#include "inlined_support.hpp"

namespace vecx::test {
namespace {

struct VacuumIndex : InlinedIndex {
    using InlinedIndex::InlinedIndex;

    Status try_vacuum(const std::set<uint32_t> &dead, size_t memory, hnsw::VacuumResult *result) {
        TestArena arena;
        VECX_TRY(inlined::remove_tids(store, arena.arena, [&](hnsw::HeapTid t) { return dead.count(row_of(t)) != 0; }, result));
        return inlined::repair(store, arena.arena, memory, result);
    }
    hnsw::VacuumResult vacuum(const std::set<uint32_t> &dead, size_t memory = 64 << 20) {
        for (uint32_t row : dead)
            rows.erase(row);
        hnsw::VacuumResult result{};
        Status s = try_vacuum(dead, memory, &result);
        EXPECT_TRUE(s.ok()) << s.message;
        return result;
    }
    std::set<uint32_t> sample(double share) {
        std::set<uint32_t> out;
        for (auto &[row, value] : rows)
            if (rng.uniform() < share)
                out.insert(row);
        return out;
    }
    hnsw::CheckSummary check(const std::string &when = "") {
        TestArena arena;
        hnsw::CheckSummary summary{};
        Status s = inlined::check(store, arena.arena, [&](const Status &f) { ADD_FAILURE() << f.message << " " << when; }, &summary);
        EXPECT_TRUE(s.ok()) << s.message;
        return summary;
    }
    // After a vacuum with nothing else going on.
    void expect_tidy(const std::string &when = "") {
        hnsw::CheckSummary sum = check(when);
        EXPECT_EQ(sum.dead_nodes, 0u) << when;
        EXPECT_EQ(sum.stale_links, 0u) << when;
        EXPECT_EQ(sum.orphan_chunks, 0u) << when;
        EXPECT_EQ(sum.reachable, sum.living_nodes) << when;
        EXPECT_EQ(sum.tids, rows.size()) << when;
    }
    // All heap TIDs on the pages.
    std::multiset<uint32_t> stored_rows() {
        std::multiset<uint32_t> out;
        for (uint32_t block = 1; block < store.block_count(); ++block) {
            Status s = inlined::for_each_node(store, shape, block, [&](uint16_t, const inlined::NodeView &n) {
                for (int i = 0; i < n.head->tid_count; ++i)
                    out.insert(row_of(n.tids[i]));
            });
            EXPECT_TRUE(s.ok()) << s.message;
            s = inlined::for_each_chunk(store, block, [&](uint16_t, const inlined::TidChunkView &c) {
                for (int i = 0; i < c.head->count; ++i)
                    out.insert(row_of(c.tids[i]));
            });
            EXPECT_TRUE(s.ok()) << s.message;
        }
        return out;
    }

    // The keys of the k nearest found by a best-first search of `ef`: by estimates if there are codes.
    std::vector<float> search(const Bytes &value, size_t k, size_t ef) {
        TestArena arena;
        inlined::Query query = inlined::prepare_query(shape, payload_of(value), arena.arena);
        inlined::Visitor<MemoryStore> visitor(store, shape);
        std::set<std::pair<float, uint64_t>> frontier, best;
        std::set<uint64_t> met{entry_now().key()};
        frontier.insert({0.0f, entry_now().key()});
        while (!frontier.empty()) {
            auto [key, link] = *frontier.begin();
            frontier.erase(frontier.begin());
            if (best.size() >= ef && key > best.rbegin()->first)
                break;
            inlined::Visit visit;
            inlined::Neighbour out[inlined::kMaxPlaces];
            Status s = visitor.visit(hnsw::link_of_key(link), query, &visit, out, [](const inlined::NodeView &, float) {});
            EXPECT_TRUE(s.ok()) << s.message;
            if (!visit.found)
                continue;
            if (!visit.dead)
                best.insert({visit.key, link});
            if (best.size() > ef)
                best.erase(--best.end());
            for (uint32_t i = 0; i < visit.count; ++i) {
                if (!met.insert(out[i].link.key()).second)
                    continue;
                float estimate = out[i].key;
                if (shape.code_words == 0) {
                    bool found;
                    s = visitor.look(out[i].link, &found, [&](const inlined::NodeView &n) {
                        estimate = inlined::own_key(shape, query, *n.head, n.own);
                    });
                    EXPECT_TRUE(s.ok()) << s.message;
                }
                frontier.insert({estimate, out[i].link.key()});
            }
        }
        std::vector<float> keys;
        for (auto &[key, link] : best)
            if (keys.size() < k)
                keys.push_back(key);
        return keys;
    }
    hnsw::Link entry_now() {
        hnsw::MetaRecord meta;
        Status s = hnsw::read_meta(store, &meta);
        EXPECT_TRUE(s.ok()) << s.message;
        return meta.entry;
    }
    // Of rows that all have vectors of their own.
    double recall(int queries, size_t k, size_t ef) {
        Rng saved = rng;
        rng = Rng(777);
        double good = 0;
        for (int i = 0; i < queries; ++i) {
            Bytes query = fresh();
            std::vector<double> all;
            for (auto &[row, value] : rows)
                all.push_back(measure.distance(measure, payload_of(query), payload_of(value)));
            std::nth_element(all.begin(), all.begin() + static_cast<ptrdiff_t>(k - 1), all.end());
            const double bound = all[k - 1] + std::fabs(all[k - 1]) * 1e-3;
            for (float key : search(query, k, ef))
                good += (measure.metric == Metric::l2 ? std::sqrt(static_cast<double>(key)) : static_cast<double>(key)) <=
                        (measure.metric == Metric::l2 ? bound : bound);
        }
        rng = saved;
        return good / queries / static_cast<double>(k);
    }
};

struct Kind {
    hnsw::LayoutKind layout;
    ElementType type;
    Metric metric;
    int dim;
};
class InlinedVacuum : public testing::TestWithParam<Kind> {
  protected:
    VacuumIndex make(int m = 10) {
        return VacuumIndex(GetParam().layout, GetParam().type, GetParam().metric, GetParam().dim, m);
    }
    // What a new index of the same rows reaches.
    double fresh_recall(VacuumIndex &old, size_t ef) {
        VacuumIndex index = make();
        std::vector<Bytes> values;
        for (auto &[row, value] : old.rows)
            values.push_back(value);
        index.build(values);
        return index.recall(40, 10, ef);
    }
};
INSTANTIATE_TEST_SUITE_P(Kinds, InlinedVacuum,
                         testing::Values(Kind{hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 64},
                                         Kind{hnsw::LayoutKind::inlined, ElementType::f16, Metric::cosine, 100},
                                         Kind{hnsw::LayoutKind::compact, ElementType::f32, Metric::ip, 48}),
                         [](const testing::TestParamInfo<Kind> &info) {
                             return std::string(info.param.layout == hnsw::LayoutKind::compact ? "compact" : "inline") +
                                    std::to_string(info.param.dim);
                         });

TEST_P(InlinedVacuum, RecallOfWhatIsLeft) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(600);
    index.check("built");
    const double before = index.recall(40, 10, 24);
    for (double share : {0.1, 0.5}) {
        hnsw::VacuumResult result = index.vacuum(index.sample(share));
        EXPECT_GT(result.nodes_freed, 0u);
        index.expect_tidy(std::to_string(share));
        std::multiset<uint32_t> stored = index.stored_rows();
        EXPECT_EQ(std::set<uint32_t>(stored.begin(), stored.end()).size(), index.rows.size());
        const double after = index.recall(40, 10, 24), fresh = fresh_recall(index, 24);
        printf("%g: before %.4f after %.4f fresh %.4f repaired %lu relinked %lu\n", share, before, after, fresh, result.nodes_repaired, result.nodes_relinked);
        EXPECT_GE(after, fresh - 0.02) << share;
    }
}

} // namespace
} // namespace vecx::test
