// Payloads that span pages, many equal rows, and what vacuum does with both.
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

TEST(HnswPayload, SpanningPages) {
    Index index(ElementType::f32, Metric::l2, 16000, 8, 20);
    index.build_many(25);
    index.insert_many(15);
    hnsw::CheckSummary sum = index.check();
    EXPECT_GT(sum.chunks, 40u * 6);
    EXPECT_EQ(sum.orphan_chunks, 0u);
    index.expect_complete();
    EXPECT_GE(index.mean_recall(5, 10, 20), 0.9);
    hnsw::StreamOptions sweep{20, -1, 0, hnsw::LateRows::after_all};
    index.expect_complete(sweep);

    uint32_t blocks = index.store.block_count();
    hnsw::VacuumResult v = index.vacuum(index.sample(0.5));
    EXPECT_GT(v.chunks_freed, 0u);
    sum = index.check("after vacuum");
    EXPECT_EQ(sum.orphan_chunks, 0u);
    EXPECT_EQ(sum.nodes, index.rows.size());
    index.expect_complete();
    index.insert_many(static_cast<int>(40 - index.rows.size()));
    index.expect_complete();
    EXPECT_LE(index.store.block_count(), blocks + 8) << "freed pages are used again";
    EXPECT_FALSE(index.store.chunk_writers());
}

TEST(HnswPayload, EverySizeAroundAPage) {
    for (int dim = 1900; dim <= 2100; dim += 7) {
        Index index(ElementType::f32, Metric::l2, dim, 4, 10);
        index.build_many(4);
        index.insert_many(4);
        index.expect_complete();
        index.check();
    }
}

TEST(HnswPayload, LargeSparse) {
    Index index(ElementType::sparse, Metric::ip, 1000000, 8, 20);
    auto value = [&](int nnz) {
        Bytes out;
        auto put = [&](auto x) {
            const uint8_t *p = reinterpret_cast<const uint8_t *>(&x);
            out.insert(out.end(), p, p + sizeof x);
        };
        put(nnz);
        for (int i = 0; i < nnz; ++i)
            put(static_cast<int32_t>(i * 60 + static_cast<int>(index.rng.below(60))));
        for (int i = 0; i < nnz; ++i)
            put(static_cast<float>(gauss(index.rng)));
        return out;
    };
    std::vector<Bytes> values;
    for (int nnz : {0, 1, 16000, 5, 900, 1000, 1100, 3000, 16000, 12000})
        values.push_back(value(nnz));
    index.build(values);
    for (int nnz : {16000, 1, 2000, 0, 16000, 700})
        index.insert(value(nnz));
    index.check();
    index.expect_complete();
    Bytes query = value(16000);
    ScanResult got = index.scan(query, kPlainScan, 5);
    EXPECT_EQ(got.rows.size(), 5u);
    index.vacuum(index.sample(0.4));
    index.check();
    index.expect_complete();
}

TEST(HnswPayload, OrphanChunksAreFreed) {
    Index index(ElementType::f32, Metric::l2, 6000, 4, 10);
    index.insert_many(4);
    Bytes value = index.fresh();
    hnsw::Link first;
    ASSERT_TRUE(hnsw::write_chunks(index.store, payload_of(value), 100, index.store.body_size(), &first).ok());
    EXPECT_EQ(index.check().orphan_chunks, 1u) << "the head of the list is referred to by nobody";
    hnsw::VacuumResult v = index.vacuum({});
    EXPECT_GE(v.chunks_freed, 2u);
    hnsw::CheckSummary sum = index.check();
    EXPECT_EQ(sum.orphan_chunks, 0u);
    index.expect_complete();
    v = index.vacuum({});
    EXPECT_EQ(v.chunks_freed, 0u);
    uint32_t blocks = index.store.block_count();
    index.insert(value);
    EXPECT_LE(index.store.block_count(), blocks + 1) << "the chunks' pages are used again, the node may need one";
}

TEST(HnswDuplicates, TenThousandEqualRows) {
    for (bool built : {true, false}) {
        Index index(ElementType::f32, Metric::l2, 8);
        index.store.copy_pages = false;
        Bytes same = index.fresh();
        const int copies = built ? 10000 : 2500;
        if (built) {
            std::vector<Bytes> values(static_cast<size_t>(copies), same);
            for (int i = 0; i < 200; ++i)
                values.push_back(index.fresh());
            index.build(values);
        } else {
            for (int i = 0; i < copies; ++i)
                index.insert(same);
            index.insert_many(200);
        }
        hnsw::CheckSummary sum = index.check();
        EXPECT_EQ(sum.tids, static_cast<uint64_t>(copies) + 200);
        EXPECT_LE(sum.nodes, static_cast<uint64_t>(copies) / 8 + 220) << "equal rows share nodes";
        EXPECT_GE(sum.reachable * 100, sum.living_nodes * 95);
        index.expect_complete();
        // The others are still found among the crowd.
        EXPECT_GE(index.mean_recall(20, 10, 40), 0.9);
        std::set<uint32_t> dead;
        for (int i = 0; i < copies; ++i)
            if (i % 10 != 0)
                dead.insert(static_cast<uint32_t>(i));
        hnsw::VacuumResult v = index.vacuum(dead);
        EXPECT_EQ(v.tids_removed, dead.size());
        index.check();
        index.expect_complete();
        EXPECT_GE(index.mean_recall(20, 10, 40), 0.9);
    }
}

TEST(HnswDuplicates, EqualSparseRowsCostNoMemoryInABuild) {
    Index index(ElementType::sparse, Metric::l2, 5000, 8, 20);
    TestArena arena;
    hnsw::BuildGraph graph(arena.arena, index.measure, 8, 20, 1, index.store.body_size());
    Bytes same = index.fresh(), other = index.fresh();
    ASSERT_TRUE(graph.add(payload_of(other), tid_of(0)).ok());
    for (uint32_t i = 1; i <= 10; ++i)
        ASSERT_TRUE(graph.add(payload_of(same), tid_of(i)).ok());
    EXPECT_EQ(graph.nodes(), 2u);
    size_t before = graph.memory_used();
    for (uint32_t i = 11; i <= 20000; ++i) {
        ASSERT_TRUE(graph.add(payload_of(i % 2 == 0 ? same : other), tid_of(i)).ok());
    }
    EXPECT_LE(graph.nodes(), 20000u / 10 * 11 / 10) << "nearly all nodes are full";
    // Not 20,000 payloads: links and heap TIDs of 2,000 nodes.
    EXPECT_LE(graph.memory_used() - before, size_t{3} << 20);
    ASSERT_TRUE(graph.write(index.store, [](uint64_t) {}).ok());
    for (uint32_t i = 0; i <= 20000; ++i)
        index.rows[i] = i == 0 || (i > 10 && i % 2 != 0) ? other : same;
    index.store.copy_pages = false;
    index.check();
    index.expect_complete();
}

TEST(HnswDuplicates, FreedPlacesOfANodeAreUsed) {
    Index index(ElementType::f32, Metric::l2, 8);
    Bytes same = index.fresh();
    std::set<uint32_t> dead;
    for (int i = 0; i < 10; ++i)
        dead.insert(index.insert(same));
    dead.erase(0);
    EXPECT_EQ(index.check().nodes, 1u);
    hnsw::VacuumResult v = index.vacuum(dead);
    EXPECT_EQ(v.nodes_freed, 0u);
    for (int i = 0; i < 9; ++i)
        index.insert(same);
    EXPECT_EQ(index.check().nodes, 1u);
    index.expect_complete();
}

TEST(HnswVacuum, EverythingDiesAndComesBack) {
    Index index(ElementType::f32, Metric::l2, 16);
    index.build_many(300);
    uint32_t blocks = index.store.block_count();
    hnsw::VacuumResult v = index.vacuum(index.sample(1.1));
    EXPECT_EQ(v.nodes_freed, 300u);
    hnsw::CheckSummary sum = index.check();
    EXPECT_EQ(sum.nodes, 0u);
    EXPECT_EQ(index.scan(index.fresh()).rows.size(), 0u);
    hnsw::MetaRecord meta;
    ASSERT_TRUE(hnsw::read_meta(index.store, &meta).ok());
    EXPECT_TRUE(meta.entry.none());
    index.insert_many(300);
    EXPECT_LE(index.store.block_count(), blocks + 2);
    index.check();
    index.expect_complete();
    EXPECT_GE(index.mean_recall(20, 10, 40), 0.95);
}

// The map of free space is lost in a crash, and does not exist on a standby that is promoted.
TEST(HnswVacuum, FindsFreeSpaceThatTheMapForgot) {
    for (int dim : {16, 6000}) {
        Index index(ElementType::f32, Metric::l2, dim, 8, 20);
        index.build_many(60);
        index.vacuum(index.sample(0.9));
        index.store.space.clear();
        uint32_t row = index.insert(index.fresh());
        index.vacuum({row});
        const uint32_t blocks = index.store.block_count();
        index.insert_many(40);
        EXPECT_EQ(index.store.block_count(), blocks) << dim;
        index.expect_complete();
    }
}

TEST(HnswVacuum, ManyRoundsWithLittleMemory) {
    Index index(ElementType::f32, Metric::l2, 16);
    index.store.copy_pages = false;
    index.build_many(1200);
    std::set<uint32_t> dead = index.sample(0.4);
    hnsw::VacuumResult v = index.vacuum(dead, 4000);
    EXPECT_EQ(v.nodes_freed, dead.size());
    hnsw::CheckSummary sum = index.check();
    EXPECT_EQ(sum.dead_nodes, 0u);
    EXPECT_GE(index.mean_recall(20, 10, 40), 0.95);
    index.expect_complete();
}

TEST(HnswVacuum, NothingToDoWritesNothing) {
    Index index(ElementType::f32, Metric::l2, 16);
    index.build_many(400);
    index.vacuum({});
    uint64_t writes = index.store.writes;
    hnsw::VacuumResult v = index.vacuum({});
    EXPECT_EQ(v.tids_left, 400u);
    EXPECT_EQ(v.nodes_freed + v.nodes_repaired + v.tids_removed, 0u);
    EXPECT_LE(index.store.writes - writes, v.nodes_relinked * 40);
}

TEST(HnswVacuum, AtMostOneWritePerPageToStrip) {
    Index index(ElementType::f32, Metric::l2, 16);
    index.build_many(400);
    std::set<uint32_t> dead = index.sample(0.5);
    uint64_t writes = index.store.writes;
    TestArena arena;
    hnsw::VacuumResult v{};
    ASSERT_TRUE(hnsw::remove_tids(index.store, arena.arena, [&](hnsw::HeapTid t) { return dead.count(row_of(t)) != 0; }, &v).ok());
    EXPECT_EQ(v.tids_removed, dead.size());
    EXPECT_EQ(v.pages + 1, index.store.block_count());
    EXPECT_LE(index.store.writes - writes, v.pages);
}

TEST(HnswVacuum, UnlinkedNodesAreLinked) {
    Index index(ElementType::f32, Metric::l2, 16);
    index.build_many(300);
    // A node whose writer crashed before its back links, and one that lost its own links too.
    hnsw::MetaRecord meta;
    ASSERT_TRUE(hnsw::read_meta(index.store, &meta).ok());
    for (bool with_links : {true, false}) {
        TestArena arena;
        hnsw::Linker<MemoryStore> linker(index.store, arena.arena, index.measure, meta);
        Bytes value = index.fresh();
        ASSERT_TRUE(linker.find(payload_of(value), 0, hnsw::Link{}).ok());
        ASSERT_TRUE(linker.choose_ground().ok());
        if (!with_links)
            linker.chosen_count[0] = 0;
        hnsw::Link node;
        uint32_t row = index.next_row++;
        ASSERT_TRUE(hnsw::write_node(index.store, linker, payload_of(value), tid_of(row), 0, index.store.body_size(), &node).ok());
        index.rows[row] = value;
    }
    hnsw::CheckSummary before = index.check();
    index.expect_complete();
    hnsw::VacuumResult v = index.vacuum({});
    EXPECT_GE(v.nodes_relinked, 2u);
    hnsw::CheckSummary after = index.check();
    EXPECT_GE(after.reachable, before.reachable + 2);
    EXPECT_EQ(after.reachable, after.living_nodes);
}

} // namespace
} // namespace vecx::test
