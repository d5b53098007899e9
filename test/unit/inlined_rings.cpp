// Rows of one vector with different columns beside it: a node each, linked in a ring, so that a search for the vector returns
// all of them before anything else (src/hnsw/inlined/ring.hpp).
#include "inlined_attributed.hpp"

namespace vecx::hnsw::inlined {
namespace {

struct InlinedRings : testing::TestWithParam<LayoutKind> {};
INSTANTIATE_TEST_SUITE_P(Layouts, InlinedRings, testing::Values(LayoutKind::inlined, LayoutKind::compact));

// Nodes of a vector are in one circle, all of them: how many vectors that is not so of.
size_t rings_not_whole(Attributed &index) {
    std::map<uint64_t, std::map<uint64_t, Link>> next; // by hash of the vector, by node
    for (uint32_t block = 1; block < index.store.block_count(); ++block)
        EXPECT_TRUE(for_each_node(index.store, index.shape, block, [&](uint16_t slot, const NodeView &node) {
                        if (!node.dead())
                            next[node.head->hash][Link{block, slot, node.head->generation}.key()] = node.in_ring() ? node.links[0] : Link{};
                    }).ok());
    size_t torn = 0;
    for (auto &[hash, ring] : next) {
        if (ring.size() < 2)
            continue;
        std::set<uint64_t> met;
        for (uint64_t at = ring.begin()->first; ring.count(at) > 0 && met.insert(at).second;)
            at = ring[at].key();
        torn += met.size() < ring.size() || ring.count(0) > 0;
        // One circle leads to each exactly once.
        std::set<uint64_t> named;
        for (auto &[at, link] : ring)
            named.insert(link.key());
        torn += met.size() == ring.size() && named != met;
    }
    return torn;
}

// Rows of one vector that differ in their attributes have a node each, and no node stands for another: a search for
// the vector must return all of them before anything else, however they came and whoever went in between.
struct Equals {
    static constexpr int kValues = 3;

    explicit Equals(LayoutKind layout, Metric metric = Metric::l2) : index(layout, 24, metric) {
        for (int i = 0; i < kValues; ++i)
            values.push_back(index.fresh());
    }
    // One row in four is one of the values, each with attributes that no other row has.
    void grow(int n) {
        for (int i = 0; i < n; ++i, ++inserted) {
            if (inserted % 4 == 0)
                index.insert(values[static_cast<size_t>(inserted / 4 % kValues)], Columns{inserted, 10 * inserted});
            else
                index.insert(index.fresh(), Columns{inserted, 10 * inserted});
        }
    }
    // Rows of the values that a search for them does not return first.
    size_t lost() {
        size_t missing = 0;
        for (const Bytes &value : values) {
            std::set<uint32_t> copies;
            for (auto &[row, of] : index.rows)
                if (of.value == value)
                    copies.insert(row);
            StreamOptions options = kOptions;
            options.ef_search = 40;
            Filter all;
            all.passes = [](const Columns &) { return true; };
            for (uint32_t row : scan(index, test::payload_of(value), all, options, copies.size()).rows)
                copies.erase(row);
            missing += copies.size();
        }
        return missing;
    }

    Attributed index;
    std::vector<Bytes> values;
    int inserted = 0;
};

void expect_found_together(LayoutKind layout, Metric metric) {
    Equals equals(layout, metric);
    for (int i = 0; i < 6; ++i) {
        equals.grow(100);
        EXPECT_EQ(equals.lost(), 0u) << "after " << equals.inserted << " rows";
    }
    equals.index.expect_sound();
    Rng chance(5);
    for (int round = 0; round < 8; ++round) {
        std::set<uint32_t> gone;
        for (auto &[row, of] : equals.index.rows)
            if (chance.below(4) == 0)
                gone.insert(row);
        const int n = static_cast<int>(gone.size());
        equals.index.vacuum([&](uint32_t row) { return gone.count(row) > 0; });
        EXPECT_EQ(equals.lost(), 0u) << "VACUUM " << round;
        EXPECT_EQ(rings_not_whole(equals.index), 0u) << "VACUUM " << round;
        equals.grow(n);
        EXPECT_EQ(equals.lost(), 0u) << "round " << round;
        EXPECT_EQ(rings_not_whole(equals.index), 0u) << "round " << round;
    }
    equals.index.expect_sound();
}

TEST_P(InlinedRings, EqualVectorsAreFoundTogether) { expect_found_together(GetParam(), Metric::l2); }
TEST_P(InlinedRings, EqualVectorsAreFoundTogetherUnderCosine) { expect_found_together(GetParam(), Metric::cosine); }

// Inserts and VACUUMs are cut off anywhere, again and again, and nothing tidies up in between but the next VACUUM.
TEST_P(InlinedRings, EqualVectorsAreFoundTogetherAfterCrashes) {
    Equals equals(GetParam());
    MemoryStore &store = equals.index.store;
    equals.grow(400);
    Rng chance(6);
    for (int round = 0; round < 24; ++round) {
        const std::map<uint32_t, RowOf> rows = equals.index.rows;
        const std::vector<MemoryStore::Page> pages = store.pages;
        store.log.clear();
        store.logging = true;
        const bool vacuum = round % 4 == 3;
        if (vacuum)
            equals.index.vacuum([&](uint32_t row) { return rows.count(row) > 0 && row % 5 == static_cast<uint32_t>(round / 4 % 5); });
        else
            equals.grow(1);
        store.logging = false;
        const std::vector<MemoryStore::Write> log = store.log;
        store.pages = pages;
        store.play(log, chance.below(static_cast<uint32_t>(log.size()) + 1));
        if (!vacuum)
            equals.index.rows = rows;
        EXPECT_EQ(equals.lost(), 0u) << "round " << round;
        equals.grow(12);
        EXPECT_EQ(equals.lost(), 0u) << "round " << round << ", and inserts";
    }
    equals.index.expect_sound();
}

// An index that is built: in the graph in memory, of which coarse codes are all that is known of a vector.
TEST_P(InlinedRings, ABuildLinksThem) {
    Equals equals(GetParam());
    Attributed &index = equals.index;
    for (int i = 0; i < 900; ++i) {
        const Bytes value = i % 3 == 0 ? equals.values[static_cast<size_t>(i / 3 % Equals::kValues)] : index.fresh();
        index.rows[index.next_row++] = RowOf{value, Columns{i % 2, 10 * i}};
    }
    std::vector<Payload> values;
    std::vector<uint64_t> attributes;
    for (auto &[row, of] : index.rows) {
        values.push_back(test::payload_of(of.value));
        attributes.resize(attributes.size() + 3);
        of.columns.encode(attributes.data() + attributes.size() - 3);
    }
    const Status s = build_attributed(index.store, index.shape, values, attributes);
    ASSERT_TRUE(s.ok()) << s.message;
    index.fold();
    index.expect_sound();
    EXPECT_EQ(equals.lost(), 0u);
    EXPECT_EQ(rings_not_whole(index), 0u);
    equals.grow(200);
    EXPECT_EQ(equals.lost(), 0u);
    EXPECT_EQ(rings_not_whole(index), 0u);
    index.vacuum([](uint32_t row) { return row % 2 == 0; });
    EXPECT_EQ(equals.lost(), 0u);
    EXPECT_EQ(rings_not_whole(index), 0u);
    index.expect_sound();
}

// Whatever became of rings, VACUUM makes them whole.
TEST_P(InlinedRings, VacuumClosesThem) {
    Equals equals(GetParam());
    Attributed &index = equals.index;
    equals.grow(500);
    Rng chance(8);
    for (int round = 0; round < 8; ++round) {
        for (uint32_t block = 1; block < index.store.block_count(); ++block)
            EXPECT_TRUE(index.store
                            .update(block,
                                    [&](MutablePage &page) {
                                        for (uint32_t slot = 0; slot < slot_count(view_of(page)); ++slot) {
                                            NodeView node;
                                            EXPECT_EQ(node_fault(view_of(page), index.shape, static_cast<uint16_t>(slot), &node), nullptr);
                                            if (node.head == nullptr || !node.in_ring() || chance.below(4) != 0)
                                                continue;
                                            NodeEdit edit = edit_node(page, index.shape, node);
                                            if (round % 2 == 0)
                                                edit.head->flags &= static_cast<uint8_t>(~kNodeRing);
                                            else // gone
                                                ++edit.links[0].generation;
                                            ++edit.head->links_version;
                                        }
                                        return true;
                                    })
                            .ok());
        EXPECT_GT(rings_not_whole(index), 0u) << round;
        index.vacuum([&](uint32_t row) { return round > 3 && row % 9 == 0; });
        EXPECT_EQ(rings_not_whole(index), 0u) << round;
        EXPECT_EQ(equals.lost(), 0u) << round;
    }
    index.expect_sound();
}

// Inserts of one vector between any two steps of another, and VACUUM between them.
TEST_P(InlinedRings, OtherSessions) {
    Equals equals(GetParam());
    Attributed &index = equals.index;
    equals.grow(120);
    for (int round = 0; round < 60; ++round) {
        int turn = 0;
        index.store.hook = [&] {
            if (turn++ < round * 2 || index.store.chunk_writers())
                return;
            std::function<void()> hook = std::move(index.store.hook); // it ends here
            index.store.hook = nullptr;
            if (round % 3 == 2) {
                const std::map<uint32_t, RowOf> before = index.rows; // not the row that is being inserted
                index.vacuum([&](uint32_t row) { return before.count(row) > 0 && row % 6 == static_cast<uint32_t>(round) % 6; });
            }
            for (int i = 0; i < 2; ++i)
                index.insert(equals.values[0], Columns{1000 + 2 * round + i, 0});
        };
        index.insert(equals.values[0], Columns{3000 + round, 0});
        index.store.hook = nullptr;
        EXPECT_EQ(rings_not_whole(index), 0u) << round;
        EXPECT_EQ(equals.lost(), 0u) << round;
    }
    index.expect_sound();
}
// Two sessions insert the first two rows of a vector, neither sees the other, and a VACUUM that brings them together is cut off
// anywhere: the next one does it.
TEST_P(InlinedRings, TwoFirstOnes) {
    size_t torn = 0;
    for (int when = 0; when < 40; when += 3) {
        Equals equals(GetParam());
        Attributed &index = equals.index;
        index.insert_many(9);
        int turn = 0;
        index.store.hook = [&] {
            if (turn++ != when)
                return;
            std::function<void()> hook = std::move(index.store.hook);
            index.store.hook = nullptr;
            index.insert(equals.values[0], Columns{2, 0});
        };
        index.insert(equals.values[0], Columns{1, 0});
        index.store.hook = nullptr;
        torn += rings_not_whole(index);
        const std::vector<MemoryStore::Page> pages = index.store.pages;
        const std::map<uint32_t, RowOf> rows = index.rows;
        const auto dead = [](uint32_t row) { return row == 3; };
        index.store.log.clear();
        index.store.logging = true;
        index.vacuum(dead);
        index.store.logging = false;
        const std::vector<MemoryStore::Write> log = index.store.log;
        for (size_t n = 0; n <= log.size(); ++n) {
            index.store.pages = pages;
            index.store.play(log, n);
            index.rows = rows;
            index.vacuum(dead);
            EXPECT_EQ(rings_not_whole(index), 0u) << when << ", " << n << " of " << log.size();
            EXPECT_EQ(equals.lost(), 0u) << when << ", " << n << " of " << log.size();
            index.expect_sound();
        }
    }
    EXPECT_GT(torn, 0u);
}

} // namespace
} // namespace vecx::hnsw::inlined
