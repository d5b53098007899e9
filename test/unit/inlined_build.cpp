// Indexes of the layouts inline and compact built at once: every row is there, every node can be reached, searches find
// what is near, whatever the data look like.
#include "hnsw/inlined/graph_write.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <vector>

#include "hnsw/inlined/slabs.hpp"
#include "hnsw/inlined/visitor.hpp"
#include "hnsw_support.hpp"

namespace vecx::hnsw::inlined {
namespace {

using Vector = std::vector<float>;

Payload payload_of(const Vector &x) {
    return Payload{reinterpret_cast<const uint8_t *>(x.data()), static_cast<uint32_t>(4 * x.size())};
}

constexpr GraphOptions kPlenty{96, 0, 0, 1.2f, 8, true, 1u << 20, 1u << 12};
constexpr GraphOptions kScarce{96, 0, 0, 1.2f, 4, false, 1u << 20, 1u << 4};

struct MemorySpill {
    std::vector<std::vector<uint8_t>> items;
    Status read(uint8_t, uint32_t number, uint8_t *out) {
        memcpy(out, items[number].data(), items[number].size());
        return Status{};
    }
};

// Memory that several graphs find, as processes do. Nothing is made any more when it is closed.
struct CommonSlabs {
    bool closed = false;
    std::map<std::pair<Slabs::Kind, uint32_t>, std::vector<uint64_t>> pieces;

    Slabs slabs() {
        return Slabs{[](void *context, Slabs::Kind kind, uint32_t index, size_t bytes) {
                         return static_cast<CommonSlabs *>(context)->get(kind, index, bytes);
                     },
                     this};
    }
    uint8_t *get(Slabs::Kind kind, uint32_t index, size_t bytes) {
        auto [piece, made] = pieces.try_emplace({kind, index});
        if (made && closed) {
            ADD_FAILURE() << kind << " " << index;
            pieces.erase(piece);
            return nullptr;
        }
        if (made)
            piece->second.resize(bytes / 8 + 1);
        return reinterpret_cast<uint8_t *>(piece->second.data());
    }
};

// Who makes the pages: so many participants, run by run in turns; 0: the one process that built the graph.
struct Crew {
    size_t participants = 0;
};

// An index built from some vectors; row i is vector i.
struct Built {
    Shape shape;
    test::MemoryStore store;
    MetaRecord meta{};
    uint32_t nodes = 0;
    size_t memory = 0;

    Built(LayoutKind layout, Metric metric, const std::vector<Vector> &rows, int32_t dim, size_t limit = size_t{1} << 30,
          GraphOptions options = kPlenty, Crew crew = {}) {
        EXPECT_TRUE(choose_shape(layout, ElementType::f32, metric, dim, 16, store.body_size(), &shape));
        store.copy_pages = false;
        meta.layout = static_cast<uint8_t>(layout);
        meta.element_type = static_cast<uint8_t>(ElementType::f32);
        meta.metric = static_cast<uint8_t>(metric);
        meta.m = 16;
        meta.ef_construction = 64;
        meta.dim = dim;
        shape_to_meta(shape, &meta);
        uint32_t block;
        EXPECT_TRUE(store.extend([&](MutablePage &page) { init_meta(page, meta); }, &block).ok());

        test::TestArena holder;
        Arena &arena = holder.arena;
        FrameMaker maker(shape, arena);
        for (size_t i = 0; i < rows.size(); i += 1 + rows.size() / 200)
            maker.add(payload_of(rows[i]));
        Frame frame = maker.make();
        options.places = options.own = shape.places;
        std::vector<uint64_t> shared(Graph::shared_size(options) / 8 + 1);
        ArenaSlabs slabs(arena, limit);
        CommonSlabs common;
        const bool alone = crew.participants == 0;
        Graph graph(arena, shape, frame, options, shared.data(), alone ? slabs.slabs() : common.slabs());
        RowCoder coder(shape, frame, options.bits, arena);
        MemorySpill spill;
        for (size_t i = 0; i < rows.size(); ++i) {
            coder.code(payload_of(rows[i]));
            auto added = graph.add(coder, test::tid_of(static_cast<uint32_t>(i)), 0, [&] {
                spill.items.emplace_back(coder.stored(), coder.stored() + RowCoder::stored_size(shape));
                return static_cast<uint32_t>(spill.items.size() - 1);
            });
            if (added == Graph::Added::full)
                break;
            ++rows_taken;
        }
        nodes = graph.nodes();
        memory = slabs.used();
        Poll poll{[](void *, uint64_t, uint64_t) {}, nullptr};
        spilled = spill.items.size();
        made.resize(std::max<size_t>(crew.participants, 1));
        auto share = [&](const Array<uint32_t> &order, uint32_t first, auto make) {
            if (alone)
                return make();
            common.closed = true;
            // The others have a graph of their own, which has looked for nothing yet, and a page maker.
            std::vector<std::unique_ptr<Graph>> graphs;
            std::vector<std::unique_ptr<PageMaker>> makers;
            std::vector<uint8_t> stored;
            for (size_t i = 1; i < crew.participants; ++i) {
                graphs.push_back(std::make_unique<Graph>(arena, shape, frame, options, shared.data(), common.slabs()));
                makers.push_back(std::make_unique<PageMaker>(arena, *graphs.back(), order.data(), static_cast<uint32_t>(order.size()),
                                                             store.body_size(), first, poll));
                stored.resize(makers.back()->stored_room());
            }
            const uint32_t pages = (graph.nodes() + nodes_per_page(shape, store.body_size()) - 1) / nodes_per_page(shape, store.body_size());
            for (size_t at = 0; store.block_count() < first + pages; at = (at + 1) % crew.participants) {
                store.runs_left = 1;
                Status s = at == 0 ? make()
                                   : write_nodes(*makers[at - 1], *graphs[at - 1], store, spill, stored.data(),
                                                 [&](uint32_t count, uint64_t) { made[at] += count; });
                EXPECT_TRUE(s.ok()) << s.message;
            }
            return Status{};
        };
        Status s = write_graph(arena, graph, store, spill, store.body_size(), poll, poll, share,
                               [&](uint32_t count, uint64_t) { made[0] += count; });
        EXPECT_TRUE(s.ok()) << s.message;
        EXPECT_TRUE(read_meta(store, &meta).ok());
    }
    size_t rows_taken = 0, spilled = 0;
    std::vector<uint32_t> made; // pages, by participant

    // Rows of a node, its chunks included.
    std::vector<uint32_t> rows_of(Link link) {
        Visitor<test::MemoryStore> visitor(store, shape);
        std::vector<uint32_t> out;
        bool found;
        Link more{};
        EXPECT_TRUE(visitor.look(link, &found, [&](const NodeView &n) {
            for (uint32_t i = 0; i < n.head->tid_count; ++i)
                out.push_back(test::row_of(n.tids[i]));
            more = n.head->more_tids;
        }).ok());
        EXPECT_TRUE(found);
        while (!more.none()) {
            const char *fault = nullptr;
            Link at = more;
            EXPECT_TRUE(store.read(at.block, [&](const PageView &page) {
                TidChunkView chunk;
                fault = tid_chunk_fault(page, at.slot, &chunk);
                ASSERT_TRUE(fault == nullptr && chunk.head != nullptr && chunk.head->generation == at.generation);
                EXPECT_TRUE(chunk.head->node == link);
                EXPECT_GT(chunk.head->count, 0);
                for (uint32_t i = 0; i < chunk.head->count; ++i)
                    out.push_back(test::row_of(chunk.tids[i]));
                more = chunk.head->next;
            }).ok());
            if (at == more || fault != nullptr)
                break;
        }
        return out;
    }

    // All nodes that links lead to from the entry, itself left out.
    std::vector<Link> reachable() {
        Visitor<test::MemoryStore> visitor(store, shape);
        std::vector<Link> out;
        std::set<uint64_t> seen{meta.entry.key()};
        std::vector<Link> queue{meta.entry};
        while (!queue.empty()) {
            Link at = queue.back();
            queue.pop_back();
            bool found;
            EXPECT_TRUE(visitor.look(at, &found, [&](const NodeView &n) {
                EXPECT_EQ(n.is_entry(), at == meta.entry);
                for (uint32_t i = 0; i < n.head->places; ++i)
                    if (!n.links[i].none() && seen.insert(n.links[i].key()).second)
                        queue.push_back(n.links[i]);
            }).ok());
            EXPECT_TRUE(found);
            if (!(at == meta.entry))
                out.push_back(at);
        }
        return out;
    }

    // The plainest search that uses estimates: rows with their keys, nearest first.
    std::vector<std::pair<float, uint32_t>> search(const Vector &q, size_t ef) {
        test::TestArena holder;
        Visitor<test::MemoryStore> visitor(store, shape);
        Query query = prepare_query(shape, payload_of(q), holder.arena);
        using Item = std::pair<float, uint64_t>;
        std::priority_queue<Item, std::vector<Item>, std::greater<>> frontier;
        std::priority_queue<float> best; // the ef smallest keys of rows
        std::vector<std::pair<float, uint32_t>> out;
        std::set<uint64_t> seen{meta.entry.key()};
        frontier.push({0, meta.entry.key()});
        std::vector<Neighbour> near(kMaxPlaces);
        while (!frontier.empty()) {
            auto [estimate, key] = frontier.top();
            frontier.pop();
            if (best.size() == ef && estimate > best.top())
                break;
            Visit visit;
            EXPECT_TRUE(visitor.visit(link_of_key(key), query, &visit, near.data(), [&](const NodeView &, float) {}).ok());
            EXPECT_TRUE(visit.found);
            if (!visit.dead) {
                for (uint32_t row : rows_of(link_of_key(key)))
                    out.push_back({visit.key, row});
                best.push(visit.key);
                if (best.size() > ef)
                    best.pop();
            }
            for (uint32_t i = 0; i < visit.count; ++i)
                if (seen.insert(near[i].link.key()).second) {
                    if (shape.code_words == 0) { // no estimates: the key itself
                        bool found;
                        EXPECT_TRUE(visitor.look(near[i].link, &found, [&](const NodeView &n) {
                            near[i].key = own_key(shape, query, *n.head, n.own);
                        }).ok());
                    }
                    frontier.push({near[i].key, near[i].link.key()});
                }
        }
        std::sort(out.begin(), out.end());
        return out;
    }

    // Each row must be there once, under its own vector, and reachable.
    void check_rows(size_t expected) {
        std::set<uint32_t> rows;
        std::vector<Link> links = reachable();
        EXPECT_EQ(links.size(), nodes);
        for (Link link : links)
            for (uint32_t row : rows_of(link))
                EXPECT_TRUE(rows.insert(row).second) << row;
        EXPECT_EQ(rows.size(), expected);
        if (!rows.empty()) {
            EXPECT_EQ(*rows.rbegin(), expected - 1);
        }
    }
};

std::vector<Vector> random_rows(size_t n, int32_t dim, uint64_t seed) {
    Rng rng(seed);
    std::vector<Vector> out(n, Vector(static_cast<size_t>(dim)));
    for (Vector &x : out)
        for (float &c : x)
            c = static_cast<float>(3 + test::gauss(rng)); // an offset that says nothing
    return out;
}

double exact_key(Metric metric, const Vector &a, const Vector &b) {
    double l2 = 0, ip = 0, na = 0, nb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        l2 += (x - y) * (x - y);
        ip += x * y;
        na += x * x;
        nb += y * y;
    }
    return metric == Metric::l2 ? l2 : metric == Metric::ip ? -ip : 1 - ip / std::sqrt(na * nb);
}

// Of the ten nearest, how many a search returns among its first ten.
double recall(Built &index, Metric metric, const std::vector<Vector> &rows, const std::vector<Vector> &queries, size_t ef) {
    double hits = 0;
    for (const Vector &q : queries) {
        std::vector<double> keys;
        for (const Vector &x : rows)
            keys.push_back(exact_key(metric, x, q));
        std::vector<double> sorted = keys;
        std::nth_element(sorted.begin(), sorted.begin() + 9, sorted.end());
        auto found = index.search(q, ef);
        for (size_t i = 0; i < 10 && i < found.size(); ++i)
            hits += keys[found[i].second] <= sorted[9];
    }
    return hits / (10 * static_cast<double>(queries.size()));
}

TEST(InlinedBuild, FindsWhatIsNear) {
    for (LayoutKind layout : {LayoutKind::inlined, LayoutKind::compact})
        for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
            std::vector<Vector> rows = random_rows(1200, 24, 1), queries = random_rows(20, 24, 2);
            Built index(layout, metric, rows, 24);
            EXPECT_EQ(index.nodes, rows.size());
            index.check_rows(rows.size());
            EXPECT_GE(recall(index, metric, rows, queries, 40), 0.95) << static_cast<int>(layout) << " " << static_cast<int>(metric);
            Built small(layout, metric, rows, 24, size_t{1} << 30, kScarce);
            GraphOptions plenty = kPlenty, scarce = kScarce;
            plenty.places = scarce.places = index.shape.places;
            EXPECT_LT(Graph::node_size(index.shape, scarce), Graph::node_size(index.shape, plenty) * 3 / 4);
            small.check_rows(rows.size());
            EXPECT_GE(recall(small, metric, rows, queries, 40), 0.93) << static_cast<int>(layout) << " " << static_cast<int>(metric);
        }
}

// The entry node is on the metapage: an index has no page but that one and those of its nodes.
TEST(InlinedBuild, NoPageForTheEntry) {
    for (LayoutKind layout : {LayoutKind::inlined, LayoutKind::compact}) {
        Shape shape;
        ASSERT_TRUE(choose_shape(layout, ElementType::f32, Metric::l2, 24, 16, test::MemoryStore().body_size(), &shape));
        const uint32_t per_page = (test::MemoryStore().body_size() - sizeof(PageHead)) / (shape.record_size(shape.places) + sizeof(Slot));
        std::vector<Vector> rows = random_rows(5 * per_page, 24, 4);
        Built index(layout, Metric::l2, rows, 24);
        EXPECT_EQ(index.store.block_count(), 1u + 5u);
        EXPECT_EQ(index.meta.entry, (Link{kMetaBlock, 0, 1}));
        index.check_rows(rows.size());
    }
}

// Who is visited soon after a node is on its page: of pages of two, most have two neighbours; breadth first it would be few.
TEST(InlinedBuild, NeighboursShareAPage) {
    for (GraphOptions options : {kPlenty, kScarce}) {
        std::vector<Vector> rows = random_rows(400, 768, 5);
        Built index(LayoutKind::inlined, Metric::l2, rows, 768, size_t{1} << 30, options);
        ASSERT_EQ(nodes_per_page(index.shape, index.store.body_size()), 2u);
        index.check_rows(rows.size());
        Visitor<test::MemoryStore> visitor(index.store, index.shape);
        size_t with_mate = 0;
        for (Link link : index.reachable()) {
            bool found, mate = false;
            ASSERT_TRUE(visitor.look(link, &found, [&](const NodeView &n) {
                for (uint32_t i = 0; i < n.head->places; ++i)
                    mate |= !n.links[i].none() && n.links[i].block == link.block;
            }).ok());
            with_mate += mate;
        }
        EXPECT_GE(with_mate, rows.size() / 2);
    }
}

TEST(InlinedBuild, SmallIndexes) {
    for (size_t n : {0, 1, 2, 5, 21}) {
        std::vector<Vector> rows = random_rows(n, 8, 3);
        Built index(LayoutKind::inlined, Metric::l2, rows, 8);
        if (n == 0) {
            EXPECT_TRUE(index.meta.entry.none());
            EXPECT_EQ(index.store.block_count(), 1u);
            continue;
        }
        index.check_rows(n);
        EXPECT_EQ(index.search(Vector(8, 0.0f), 100).size(), n);
    }
}

TEST(InlinedBuild, ManyEqualVectors) {
    Vector one(16, 1.5f), other(16, -2.0f);
    std::vector<Vector> rows = random_rows(500, 16, 4);
    for (int i = 0; i < 30000; ++i)
        rows.push_back(i % 3 == 0 ? other : one);
    for (int i = 0; i < 12; ++i) // just more than a record has room for
        rows.push_back(Vector(16, 9.0f));
    Built index(LayoutKind::inlined, Metric::l2, rows, 16);
    EXPECT_EQ(index.nodes, 503u);
    index.check_rows(rows.size());
    // 6 bytes a row and little more.
    EXPECT_LT(index.store.block_count(), 500u / 7 + 30000 * 6 / 8000 + 20);
    EXPECT_EQ(index.search(Vector(16, 9.0f), 10)[11].first, 0.0f);
}

TEST(InlinedBuild, KeyedHash) {
    // The example of the paper's appendix A.
    uint8_t bytes[16];
    uint64_t secret[2];
    for (uint8_t i = 0; i < 16; ++i)
        bytes[i] = i;
    memcpy(secret, bytes, sizeof secret);
    EXPECT_EQ(keyed_hash(Payload{bytes, 15}, secret), 0xa129ca6149be45e5ull);
}

// Two vectors of one payload hash and one coarse code, made on purpose: the second is no row of the first one's node.
TEST(InlinedBuild, CollisionsAreNotEqual) {
    std::vector<Vector> rows = random_rows(60, 16, 5);
    Vector one(16, 0.0f), other;
    for (size_t i = 2; i < 8; ++i)
        one[i] = 100.0f * static_cast<float>(i);
    // payload_hash takes the 64-bit words 0 and 4 to one sum: what one of them changes, the other takes back.
    auto word = [](const Vector &x, size_t at) {
        uint64_t w;
        memcpy(&w, x.data() + 2 * at, 8);
        return w;
    };
    const uint64_t size = 64;
    Rng rng(6);
    for (bool found = false; !found;) {
        other = one;
        other[0] = static_cast<float>(rng.uniform()) * 1e-3f;
        other[1] = static_cast<float>(rng.uniform()) * 1e-3f;
        const uint64_t back = word(one, 4) ^ mix64(size ^ word(one, 0)) ^ mix64(size ^ word(other, 0));
        memcpy(other.data() + 8, &back, 8);
        found = std::fabs(other[8]) < 1e-3f && std::fabs(other[9]) < 1e-3f; // a NaN is not
    }
    ASSERT_NE(one, other);
    ASSERT_EQ(payload_hash(payload_of(one)), payload_hash(payload_of(other)));
    test::TestArena holder;
    Shape shape;
    ASSERT_TRUE(choose_shape(LayoutKind::inlined, ElementType::f32, Metric::l2, 16, 16, 8192 - 24, &shape));
    FrameMaker maker(shape, holder.arena);
    for (const Vector &row : rows)
        maker.add(payload_of(row));
    RowCoder coder(shape, maker.make(), 8, holder.arena);
    coder.code(payload_of(one));
    std::vector<uint8_t> code(coder.coarse_code(), coder.coarse_code() + shape.rotated_dim());
    coder.code(payload_of(other));
    ASSERT_EQ(memcmp(code.data(), coder.coarse_code(), code.size()), 0);

    for (const Vector *x : {&one, &other, &one, &other})
        rows.push_back(*x);
    Built index(LayoutKind::inlined, Metric::l2, rows, 16);
    EXPECT_EQ(index.nodes, 62u);
    index.check_rows(rows.size());
}

TEST(InlinedBuild, ZeroAndOppositeVectors) {
    // A mean of zero has no direction.
    std::vector<Vector> rows;
    for (int i = 0; i < 40; ++i) {
        Vector x(4, 0.0f);
        x[static_cast<size_t>(i / 10)] = i % 2 == 0 ? 1.0f : -1.0f;
        rows.push_back(x);
    }
    for (Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
        Built index(LayoutKind::inlined, metric, rows, 4);
        EXPECT_EQ(index.nodes, 8u);
        index.check_rows(rows.size());
    }
    Built zero(LayoutKind::inlined, Metric::l2, std::vector<Vector>(3, Vector(4, 0.0f)), 4);
    zero.check_rows(3);
}

TEST(InlinedBuild, ClustersAreReached) {
    // Far apart and tight: without care no link leads from one to the next.
    constexpr size_t kClusters = 300, kEach = 5;
    std::vector<Vector> centres = random_rows(kClusters, 16, 5), rows;
    Rng rng(6);
    for (size_t i = 0; i < kClusters * kEach; ++i) {
        Vector x = centres[i / kEach]; // one cluster after the other
        for (float &c : x)
            c = 1000 * c + static_cast<float>(test::gauss(rng));
        rows.push_back(x);
    }
    Built index(LayoutKind::inlined, Metric::l2, rows, 16);
    index.check_rows(rows.size());
    size_t met = 0;
    for (size_t i = 0; i < rows.size(); i += kEach)
        met += index.search(rows[i], 40)[0].second == i;
    EXPECT_GE(met, kClusters * 95 / 100);
}

TEST(InlinedBuild, TwoBuildsAreEqual) {
    std::vector<Vector> rows = random_rows(400, 12, 7);
    Built a(LayoutKind::inlined, Metric::cosine, rows, 12), b(LayoutKind::inlined, Metric::cosine, rows, 12);
    EXPECT_EQ(a.store.pages, b.store.pages);
}

// A page is made of the graph and of its number alone.
TEST(InlinedBuild, PagesAreTheSameWhoeverMakesThem) {
    for (LayoutKind layout : {LayoutKind::inlined, LayoutKind::compact}) {
        const Metric metric = layout == LayoutKind::compact ? Metric::l2 : Metric::ip;
        std::vector<Vector> rows = random_rows(2300, 24, 11);
        for (size_t i = 0; i < 4000; ++i) // lists of heap TIDs, some of more than a page
            rows.push_back(rows[i % 3 == 0 ? i % 40 : 7]);
        Built one(layout, metric, rows, 24);
        EXPECT_EQ(one.spilled, 2300u);
        for (Crew crew : {Crew{1}, Crew{2}, Crew{3}}) {
            Built more(layout, metric, rows, 24, 0, kPlenty, crew);
            EXPECT_EQ(more.store.pages, one.store.pages) << crew.participants;
            EXPECT_EQ(more.spilled, 2300u);
            for (uint32_t pages : more.made)
                EXPECT_GE(pages, kRun);
        }
    }
}

TEST(InlinedBuild, StopsAtItsLimitOfMemory) {
    std::vector<Vector> rows = random_rows(4000, 128, 8);
    Built index(LayoutKind::compact, Metric::l2, rows, 128, 1 << 20);
    EXPECT_LE(index.memory, size_t{1} << 20);
    EXPECT_GT(index.rows_taken, 500u);
    EXPECT_LT(index.rows_taken, 4000u);
    EXPECT_EQ(index.nodes, index.rows_taken);
    index.check_rows(index.rows_taken);
}

} // namespace
} // namespace vecx::hnsw::inlined
