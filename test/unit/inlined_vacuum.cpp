// Vacuum of the layouts `inline` and `compact`: rows leave, the graph stays as good as a new one, crashes and inserts
// at any point do no harm, and damaged pages end in an error or in a sane index.
#include "hnsw/inlined/check.hpp"
#include "hnsw/inlined/insert.hpp"
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
    uint32_t insert(const Bytes &value) {
        TestArena arena;
        const uint32_t row = next_row++;
        Status s = inlined::insert(store, arena.arena, shape, payload_of(value), tid_of(row), rng);
        EXPECT_TRUE(s.ok()) << s.message;
        rows[row] = value;
        return row;
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
    // The same where codes were made up, and only the counts matter.
    hnsw::CheckSummary count() {
        TestArena arena;
        hnsw::CheckSummary summary{};
        Status s = inlined::check(store, arena.arena, [](const Status &) {}, &summary);
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

    void expect_rows() {
        std::multiset<uint32_t> stored = stored_rows(), wanted;
        for (auto &[row, value] : rows)
            wanted.insert(row);
        std::vector<uint32_t> lost, left_over;
        std::set_difference(wanted.begin(), wanted.end(), stored.begin(), stored.end(), std::back_inserter(lost));
        std::set_difference(stored.begin(), stored.end(), wanted.begin(), wanted.end(), std::back_inserter(left_over));
        EXPECT_EQ(lost, std::vector<uint32_t>());
        EXPECT_EQ(left_over, std::vector<uint32_t>());
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
                good += (measure.metric == Metric::l2 ? std::sqrt(static_cast<double>(key)) : static_cast<double>(key)) <= bound;
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
    for (double share : {0.1, 0.5}) {
        hnsw::VacuumResult result = index.vacuum(index.sample(share));
        EXPECT_GT(result.nodes_freed, 0u);
        EXPECT_EQ(result.tids_left, index.rows.size());
        index.expect_tidy("share " + std::to_string(share));
        index.expect_rows();
        EXPECT_GE(index.recall(40, 10, 24), fresh_recall(index, 24) - 0.02) << share;
        const uint64_t writes = index.store.writes;
        index.vacuum({});
        EXPECT_EQ(index.store.writes, writes) << "nothing to do, yet a page was written";
    }
}

// All within a ball: whole neighbourhoods die, so that what is left has to be linked through the dead.
TEST_P(InlinedVacuum, ARegionDies) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(500);
    const Bytes centre = index.rows.begin()->second;
    std::vector<std::pair<double, uint32_t>> order;
    for (auto &[row, value] : index.rows)
        order.emplace_back(index.measure.distance(index.measure, payload_of(centre), payload_of(value)), row);
    std::sort(order.begin(), order.end());
    std::set<uint32_t> dead;
    for (size_t i = 0; i < 350; ++i)
        dead.insert(order[i].second);
    index.vacuum(dead);
    index.expect_tidy();
    index.expect_rows();
    EXPECT_GE(index.recall(40, 10, 24), fresh_recall(index, 24) - 0.03);
}

TEST_P(InlinedVacuum, NothingIsLeft) {
    for (bool with_entry : {true, false}) {
        VacuumIndex index = make();
        index.store.copy_pages = false;
        index.build_many(150, with_entry);
        index.vacuum(index.sample(1.1));
        index.expect_tidy();
        EXPECT_EQ(index.stored_rows().size(), 0u);
        EXPECT_EQ(index.entry_now().none(), !with_entry);
        const uint64_t writes = index.store.writes;
        index.vacuum({});
        EXPECT_EQ(index.store.writes, writes);
    }
}

// Without an entry node the first node is the entry: its death must leave another, from which all can be reached.
TEST_P(InlinedVacuum, TheEntryDies) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(200, false);
    const hnsw::Link before = index.entry_now();
    index.vacuum({0, 7, 9});
    EXPECT_NE(index.entry_now(), before);
    index.expect_tidy();
    index.expect_rows();
}

// As little memory as there can be: many rounds, or codes read again and again.
TEST_P(InlinedVacuum, LittleMemory) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(600);
    index.vacuum(index.sample(0.3), 1);
    hnsw::CheckSummary sum = index.check();
    EXPECT_EQ(sum.dead_nodes, 0u);
    EXPECT_EQ(sum.stale_links, 0u);
    index.expect_rows();
    EXPECT_GE(index.recall(40, 10, 24), fresh_recall(index, 24) - 0.03);
}

// Links that lead to freed or to no longer existing nodes, twice to one, to the node itself, and out of the index.
TEST_P(InlinedVacuum, StaleAndWrongLinksGo) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(200);
    index.free_node(index.nodes[5]);
    index.rows.erase(5);
    index.change(index.nodes[20], [&](inlined::NodeEdit &n) { n.links[1] = n.links[0]; });
    index.change(index.nodes[30], [&](inlined::NodeEdit &n) { n.links[1] = index.nodes[30]; });
    index.change(index.nodes[40], [&](inlined::NodeEdit &n) { n.links[1] = hnsw::Link{99999, 1, 1}; });
    index.change(index.nodes[50], [&](inlined::NodeEdit &n) { n.links[1] = hnsw::Link{1, 9000, 1}; });
    index.change(index.nodes[60], [&](inlined::NodeEdit &n) {
        for (uint32_t i = 0; i < n.head->places; ++i)
            inlined::clear_neighbour(n, index.shape, i);
    });
    hnsw::VacuumResult result = index.vacuum({});
    EXPECT_GE(result.nodes_repaired, 5u);
    index.expect_tidy();
    index.expect_rows();
}

// The only link from one cluster to another leads to a node that dies. Its node is the one farthest from the other cluster,
// so that all its neighbours stand between.
TEST(InlinedRepair, ADeadLinkHasAnHeir) {
    VacuumIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 24);
    index.store.copy_pages = false;
    std::vector<Bytes> values;
    Rng rng(5);
    for (int i = 0; i < 180; ++i) {
        float x[24];
        for (float &c : x)
            c = static_cast<float>(rng.uniform());
        x[0] += i == 0 ? -4.0f : i < 90 ? 0.0f : 10.0f;
        const uint8_t *bytes = reinterpret_cast<const uint8_t *>(x);
        values.emplace_back(bytes, bytes + sizeof x);
    }
    index.build(values);
    std::set<uint64_t> there;
    for (size_t i = 90; i < 180; ++i)
        there.insert(index.nodes[i].key());
    auto links_there = [&](hnsw::Link link) {
        int count = 0;
        index.change(link, [&](inlined::NodeEdit &n) {
            for (uint32_t i = 0; i < n.head->places; ++i)
                count += there.count(n.links[i].key()) != 0;
        });
        return count;
    };
    ASSERT_EQ(links_there(index.nodes[0]), 0);
    index.change(index.nodes[0], [&](inlined::NodeEdit &n) {
        std::vector<uint64_t> code(index.shape.code_words);
        inlined::set_neighbour(n, index.shape, 2, index.nodes[100], 200, 1, code.data());
    });
    EXPECT_EQ(index.vacuum({100}).nodes_freed, 1u);
    EXPECT_EQ(links_there(index.nodes[0]), 1);
    there.erase(index.nodes[100].key());
    EXPECT_EQ(links_there(index.nodes[0]), 1) << "the link leads to the dead one";
}

// A node to which nothing leads, and two that lead to each other only.
TEST_P(InlinedVacuum, TheUnreachableAreLinked) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(200);
    const std::set<uint64_t> hidden{index.nodes[3].key(), index.nodes[4].key()};
    for (const hnsw::Link &link : index.nodes) {
        const bool is_hidden = hidden.count(link.key()) != 0;
        index.change(link, [&](inlined::NodeEdit &n) {
            for (uint32_t i = 0; i < n.head->places; ++i)
                if (is_hidden || hidden.count(n.links[i].key()) != 0)
                    inlined::clear_neighbour(n, index.shape, i);
            std::vector<uint64_t> code(std::max<uint32_t>(1, index.shape.code_words));
            if (is_hidden)
                inlined::set_neighbour(n, index.shape, 0, link == index.nodes[3] ? index.nodes[4] : index.nodes[3], 0, 0, code.data());
        });
    }
    index.change(index.entry_now(), [&](inlined::NodeEdit &n) {
        for (uint32_t i = 0; i < n.head->places; ++i)
            if (hidden.count(n.links[i].key()) != 0)
                inlined::clear_neighbour(n, index.shape, i);
    });
    ASSERT_EQ(index.count().reachable, 198u);
    EXPECT_GT(index.vacuum({}).nodes_relinked, 0u);
    EXPECT_EQ(index.count().reachable, 200u);
    index.expect_rows();
}

// Many rows of one vector.
TEST(InlinedLists, ChunksEmptyAndGo) {
    for (hnsw::LayoutKind layout : {hnsw::LayoutKind::inlined, hnsw::LayoutKind::compact}) {
        VacuumIndex index(layout, ElementType::f32, Metric::l2, 16, 8);
        std::vector<Bytes> values;
        for (int i = 0; i < 60; ++i)
            values.push_back(index.fresh());
        for (int i = 0; i < 100; ++i)
            values.push_back(values[3]);
        index.build(values);
        index.check("built");
        // Some of each chunk, then whole chunks from the middle and the ends, then all but one, then that.
        std::vector<std::set<uint32_t>> steps(4);
        for (uint32_t row = 60; row < 160; ++row)
            steps[row % 5 == 0 ? 0 : row < 90 || (row > 120 && row < 140) ? 1 : row < 158 ? 2 : 3].insert(row);
        steps[2].insert(3);
        for (size_t i = 0; i < steps.size(); ++i) {
            hnsw::VacuumResult result = index.vacuum(steps[i], i % 2 == 0 ? 1 : 64 << 20);
            EXPECT_EQ(result.tids_removed, steps[i].size());
            EXPECT_EQ(result.tids_left, index.rows.size());
            index.expect_tidy("step " + std::to_string(i));
            index.expect_rows();
            if (i > 0) {
                EXPECT_GT(result.chunks_freed, 0u);
            }
            EXPECT_EQ(result.nodes_freed, i == 3 ? 1u : 0u);
        }
        EXPECT_EQ(index.check().chunks, 0u);
    }
}

// Chunks in front of a list that the node does not name yet are another session's: only what nobody is writing goes.
TEST(InlinedLists, OrphansGo) {
    VacuumIndex index(hnsw::LayoutKind::inlined, ElementType::f32, Metric::l2, 16, 8);
    std::vector<Bytes> values(30, index.fresh());
    values.push_back(index.fresh());
    index.build(values);
    const uint64_t chunks = index.check().chunks;
    ASSERT_GT(chunks, 1u);
    hnsw::Link orphan = index.add(inlined::tid_chunk_size(8), hnsw::RecordKind::tid_chunk);
    Status s = index.store.update(orphan.block, [&](hnsw::MutablePage &page) {
        auto *head = reinterpret_cast<inlined::TidChunkHead *>(page.body + hnsw::slot_at(page.body, page.size, orphan.slot)->offset);
        head->node = index.nodes[0];
        head->capacity = 8;
        return true;
    });
    ASSERT_TRUE(s.ok());
    EXPECT_EQ(index.check().orphan_chunks, 1u);
    EXPECT_EQ(index.vacuum({}).chunks_freed, 1u);
    EXPECT_EQ(index.check().chunks, chunks);
    index.expect_tidy();
    index.expect_rows();
}

// A crash keeps a prefix of the page writes: each is legal, loses no row, and is tidied up by the next vacuum.
TEST_P(InlinedVacuum, CrashAnywhere) {
    VacuumIndex index = make(6);
    std::vector<Bytes> values;
    for (int i = 0; i < 40; ++i)
        values.push_back(index.fresh());
    for (int i = 0; i < 20; ++i)
        values.push_back(values[static_cast<size_t>(i % 2)]);
    index.build(values);
    std::set<uint32_t> dead = index.sample(0.3);
    for (uint32_t row = 40; row < 60; row += 2)
        dead.insert(row); // of one vector, all but the first
    dead.insert(0);
    const std::vector<MemoryStore::Page> before = index.store.pages;
    const std::vector<uint32_t> space = index.store.space;
    index.store.logging = true;
    index.vacuum(dead);
    index.store.logging = false;
    const std::vector<MemoryStore::Write> log = index.store.log;
    EXPECT_GT(log.size(), 10u);
    for (size_t n = 0; n <= log.size(); ++n) {
        const std::string when = "after " + std::to_string(n) + " of " + std::to_string(log.size()) + " writes";
        index.store.pages = before;
        index.store.space = space;
        index.store.play(log, n);
        index.check(when);
        std::multiset<uint32_t> stored = index.stored_rows();
        for (auto &[row, value] : index.rows)
            ASSERT_EQ(stored.count(row), 1u) << when;
        index.vacuum(dead);
        index.expect_tidy(when);
        index.expect_rows();
        if (HasFailure())
            break;
    }
}

// Others change links between any two page operations: what VACUUM decided from a copy must not be written over it.
TEST_P(InlinedVacuum, LinksChangeMeanwhile) {
    VacuumIndex index = make(6);
    index.build_many(120);
    Rng dice(5);
    std::map<uint64_t, uint32_t> versions;
    bool busy = false;
    index.store.hook = [&] {
        if (busy || dice.below(3) != 0)
            return;
        busy = true;
        const hnsw::Link link = index.nodes[dice.below(index.nodes.size())], to = index.nodes[dice.below(index.nodes.size())];
        Status s = index.store.update(link.block, [&](hnsw::MutablePage &page) {
            inlined::NodeView view;
            const char *fault = inlined::node_fault(hnsw::view_of(page), index.shape, link.slot, &view);
            if (fault != nullptr || view.head == nullptr || view.head->generation != link.generation || view.dead() || link == to)
                return false;
            EXPECT_GE(view.head->links_version, versions[link.key()]) << "a version went back";
            for (uint32_t i = 0; i < view.head->places; ++i)
                if (view.links[i] == to)
                    return false;
            inlined::NodeEdit edit = inlined::edit_node(page, index.shape, view);
            std::vector<uint64_t> code(std::max<uint32_t>(1, index.shape.code_words));
            inlined::set_neighbour(edit, index.shape, static_cast<uint32_t>(dice.below(view.head->places)), to, 0, 0, code.data());
            versions[link.key()] = ++edit.head->links_version;
            return true;
        });
        EXPECT_TRUE(s.ok()) << s.message;
        busy = false;
    };
    index.vacuum(index.sample(0.3));
    index.store.hook = nullptr;
    index.expect_rows();
    hnsw::VacuumResult result = index.vacuum({});
    EXPECT_EQ(result.nodes_freed, 0u);
    hnsw::CheckSummary sum = index.count();
    EXPECT_EQ(sum.stale_links, 0u);
    EXPECT_EQ(sum.reachable, sum.living_nodes);
}

// Half of the rows are replaced, a tenth at a time.
TEST_P(InlinedVacuum, RecallUnderChurn) {
    VacuumIndex index = make();
    index.store.copy_pages = false;
    index.build_many(400);
    const uint32_t blocks = index.store.block_count();
    for (int round = 0; round < 5; ++round) {
        std::set<uint32_t> dead = index.sample(0.1);
        index.vacuum(dead);
        index.expect_tidy("round " + std::to_string(round));
        for (size_t i = 0; i < dead.size(); ++i)
            index.insert(index.fresh());
    }
    index.check("after the last round");
    index.expect_rows();
    EXPECT_LE(index.store.block_count(), blocks + blocks / 8 + 2) << "freed space is not used again";
    EXPECT_GE(index.recall(40, 10, 24), fresh_recall(index, 24) - 0.03);
}

// Rows come in at any page operation of a vacuum, of new vectors and of known ones; none is lost.
TEST_P(InlinedVacuum, InsertsMeanwhile) {
    VacuumIndex index = make(6);
    std::vector<Bytes> values;
    for (int i = 0; i < 60; ++i)
        values.push_back(index.fresh());
    for (int i = 0; i < 40; ++i)
        values.push_back(values[static_cast<size_t>(i % 2)]);
    index.build(values);
    Rng dice(9);
    bool busy = false;
    uint64_t inserted = 0;
    index.store.hook = [&] {
        if (busy || index.store.chunk_writers() || dice.below(12) != 0)
            return;
        busy = true;
        index.insert(dice.below(2) == 0 ? index.fresh() : values[dice.below(4)]);
        ++inserted;
        busy = false;
    };
    for (int round = 0; round < 3; ++round) {
        index.vacuum(index.sample(0.4));
        index.check("round " + std::to_string(round)); // inserts go on: no false alarm
        busy = true;
        index.expect_rows();
        busy = false;
    }
    index.store.hook = nullptr;
    EXPECT_GT(inserted, 20u);
    index.vacuum({});
    index.expect_tidy();
    index.expect_rows();
}

// The other way round: a whole vacuum between any two page operations of an insert.
TEST_P(InlinedVacuum, VacuumsMeanwhile) {
    VacuumIndex index = make(6);
    std::vector<Bytes> values;
    for (int i = 0; i < 40; ++i)
        values.push_back(index.fresh());
    for (int i = 0; i < 30; ++i)
        values.push_back(values[static_cast<size_t>(i % 2)]);
    index.build(values);
    Rng dice(10);
    bool busy = false;
    index.store.hook = [&] {
        if (busy || index.store.chunk_writers() || dice.below(40) != 0)
            return;
        busy = true;
        index.vacuum(index.sample(0.1));
        busy = false;
    };
    for (int i = 0; i < 60; ++i)
        index.insert(i % 3 == 0 ? values[static_cast<size_t>(i % 5)] : index.fresh());
    index.store.hook = nullptr;
    index.check();
    index.expect_rows();
    index.vacuum({});
    index.expect_tidy();
    index.expect_rows();
}

} // namespace
} // namespace vecx::test
