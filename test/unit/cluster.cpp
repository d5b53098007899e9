// Clustering: quality, empty clusters, determinism under a seed and any number of members, memory, cancellation.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/neighbours.hpp"
#include "cluster/sample.hpp"
#include "cluster/train.hpp"
#include "kernels_support.hpp"

namespace vecx::test {
namespace {

using namespace vecx::cluster;

// With the best kernels of this CPU: under the sanitizers the scalar ones would take minutes.
class Cluster : public testing::Test {
  protected:
    Cluster() { kernels::choose(kernels::best_level()); }
    ~Cluster() override { kernels::choose(before_); }

  private:
    Level before_ = kernels::active->level;
};

struct Counted {
    std::atomic<size_t> now{0}, most{0};
    Arena arena() {
        return {[](void *context, size_t bytes) -> void * {
                    auto *self = static_cast<Counted *>(context);
                    auto *block = static_cast<size_t *>(malloc(bytes + 64));
                    block[0] = bytes;
                    size_t now = self->now += bytes;
                    size_t most = self->most;
                    while (most < now && !self->most.compare_exchange_weak(most, now)) {
                    }
                    self->blocks_lock.lock();
                    self->blocks.insert(block);
                    self->blocks_lock.unlock();
                    return block + 8;
                },
                [](void *context, void *pointer) {
                    auto *self = static_cast<Counted *>(context);
                    auto *block = static_cast<size_t *>(pointer) - 8;
                    self->now -= block[0];
                    self->blocks_lock.lock();
                    self->blocks.erase(block);
                    self->blocks_lock.unlock();
                    free(block);
                },
                this};
    }
    ~Counted() {
        for (void *block : blocks)
            free(block);
    }
    std::mutex blocks_lock;
    std::set<void *> blocks;
};

struct Trained {
    Plan plan;
    std::vector<float> workspace;
    Clustering clustering;
    uint32_t lists = 0;
    size_t member_memory = 0;
};

void run(Trained &t, const TrainOptions &options, const std::vector<float> &rows, uint32_t members = 1) {
    t.plan = make_plan(options);
    // Zeroes, as fresh memory has them: a centroid of zeroes that nobody has made is near to many rows.
    t.workspace.assign(t.plan.workspace_bytes / sizeof(float) + 16, 0.0f);
    void *memory = t.workspace.data();
    size_t space = t.workspace.size() * sizeof(float);
    std::align(64, t.plan.workspace_bytes, memory, space);
    std::barrier<> meeting(members);
    std::vector<std::thread> threads;
    std::vector<uint32_t> lists(members);
    std::vector<size_t> most(members);
    for (uint32_t r = 0; r < members; ++r)
        threads.emplace_back([&, r] {
            Team team;
            team.members = members;
            team.rank = r;
            team.context = &meeting;
            team.barrier = [](void *context) { static_cast<std::barrier<> *>(context)->arrive_and_wait(); };
            Counted counted;
            Arena arena = counted.arena();
            train(t.plan, rows.data(), options.dim, memory, arena, team, &lists[r]);
            most[r] = counted.most;
        });
    for (std::thread &thread : threads)
        thread.join();
    for (uint32_t r = 0; r < members; ++r)
        ASSERT_EQ(lists[r], lists[0]);
    t.lists = lists[0];
    t.member_memory = *std::max_element(most.begin(), most.end());
    t.clustering = clustering_in(t.plan, memory);
    t.clustering.lists.columns = t.lists;
}

// `blobs` round clusters with centres in [-1, 1].
std::vector<float> blobs(uint32_t count, uint32_t dim, uint32_t blobs, float spread, uint64_t seed) {
    Random random(seed);
    std::vector<float> centres(size_t{blobs} * dim), rows(size_t{count} * dim);
    for (float &x : centres)
        x = random.real();
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t b = random.below(blobs);
        for (uint32_t j = 0; j < dim; ++j)
            rows[size_t{i} * dim + j] = centres[size_t{b} * dim + j] + spread * random.real();
    }
    return rows;
}

void normalise(std::vector<float> &rows, uint32_t dim) {
    for (size_t i = 0; i < rows.size(); i += dim) {
        double square = 0;
        for (uint32_t j = 0; j < dim; ++j)
            square += static_cast<double>(rows[i + j]) * rows[i + j];
        for (uint32_t j = 0; j < dim; ++j)
            rows[i + j] = static_cast<float>(rows[i + j] / std::sqrt(square));
    }
}

struct Assigned {
    std::vector<uint32_t> which;
    std::vector<float> score;
    double error = 0; // mean square distance
};

Assigned assign_all(const Clustering &clustering, const std::vector<float> &rows, uint32_t dim, uint32_t breadth = 0) {
    Counted counted;
    Arena arena = counted.arena();
    Assigner assigner(clustering, arena, breadth);
    const uint32_t count = static_cast<uint32_t>(rows.size() / dim);
    Assigned all{std::vector<uint32_t>(count), std::vector<float>(count)};
    std::vector<const float *> pointers(count);
    for (uint32_t i = 0; i < count; ++i)
        pointers[i] = &rows[size_t{i} * dim];
    for (uint32_t begin = 0; begin < count; begin += Assigner::kMostRows)
        assigner.assign(&pointers[begin], std::min(Assigner::kMostRows, count - begin), &all.score[begin], &all.which[begin],
                        Team{});
    for (uint32_t i = 0; i < count; ++i) {
        double square = 0;
        for (uint32_t j = 0; j < dim; ++j)
            square += static_cast<double>(pointers[i][j]) * pointers[i][j];
        all.error += (square - 2.0 * static_cast<double>(all.score[i])) / count;
    }
    return all;
}

std::vector<float> centroid(const Clustering &clustering, uint32_t c) {
    std::vector<float> all(clustering.lists.dim);
    clustering.lists.get(c, all.data());
    return all;
}

TEST_F(Cluster, FindsTheBlobs) {
    const auto rows = blobs(4000, 20, 16, 0.05f, 1);
    Trained t;
    run(t, {16, 20, 4000, Geometry::euclidean, 5}, rows);
    EXPECT_EQ(t.lists, 16u);
    // A row is off its centre by 0.05^2 / 3 in each of 20 dimensions; a merged pair of blobs would cost far more.
    EXPECT_LT(assign_all(t.clustering, rows, 20).error, 20 * 0.05 * 0.05 / 3 * 1.3);
}

TEST_F(Cluster, EveryMemberCountGivesTheSame) {
    const auto rows = blobs(2500, 32, 300, 0.3f, 2);
    for (uint32_t lists : {30u, 300u}) {
        Trained alone;
        run(alone, {lists, 32, 2500, Geometry::euclidean, 9}, rows);
        ASSERT_EQ(alone.plan.tops > 0, lists == 300);
        for (uint32_t members : {2u, 3u}) {
            Trained together;
            run(together, {lists, 32, 2500, Geometry::euclidean, 9}, rows, members);
            ASSERT_EQ(together.lists, alone.lists);
            for (uint32_t c = 0; c < alone.lists; ++c)
                ASSERT_EQ(centroid(alone.clustering, c), centroid(together.clustering, c)) << c << " of " << lists;
        }
        Trained other;
        run(other, {lists, 32, 2500, Geometry::euclidean, 10}, rows);
        EXPECT_NE(centroid(alone.clustering, 0), centroid(other.clustering, 0));
    }
}

// The tree: as good as flat, and no list without points.
TEST_F(Cluster, TreeIsAboutAsGoodAsFlat) {
    constexpr uint32_t kDim = 16, kCount = 4000, kLists = 300;
    const auto rows = blobs(kCount, kDim, 500, 0.2f, 3);
    TrainOptions options{kLists, kDim, kCount, Geometry::euclidean, 3};
    Trained flat;
    run(flat, options, rows);
    ASSERT_FALSE(flat.plan.through_tree);
    // The same rows, with zeroes behind them, through the tree.
    constexpr uint32_t kWide = 40;
    options.flat_work = 1e6;
    std::vector<float> wide(size_t{kCount} * kWide);
    for (uint32_t i = 0; i < kCount; ++i)
        std::copy_n(&rows[size_t{i} * kDim], kDim, &wide[size_t{i} * kWide]);
    options.dim = kWide;
    Trained tree;
    run(tree, options, wide, 2);
    ASSERT_TRUE(tree.plan.through_tree);
    EXPECT_GT(tree.lists, kLists * 0.95);
    const Assigned by_tree = assign_all(tree.clustering, wide, kWide);
    EXPECT_LT(by_tree.error, assign_all(flat.clustering, rows, kDim).error * 1.08);
    std::vector<uint32_t> sizes(tree.lists);
    for (uint32_t list : by_tree.which)
        ++sizes.at(list);
    EXPECT_GT(*std::min_element(sizes.begin(), sizes.end()), 0u);
    EXPECT_LT(*std::max_element(sizes.begin(), sizes.end()), 8 * kCount / kLists);
    // Looking below a few tops finds what looking below all finds, nearly always.
    const Assigned exact = assign_all(tree.clustering, wide, kWide, tree.plan.tops);
    uint32_t same = 0;
    for (uint32_t i = 0; i < kCount; ++i)
        same += exact.which[i] == by_tree.which[i];
    EXPECT_GT(same, kCount * 0.97);
    ASSERT_EQ(tree.clustering.first_child[tree.plan.tops], tree.lists);
}

TEST_F(Cluster, DirectionsHaveNormOne) {
    auto rows = blobs(3000, 24, 12, 0.2f, 4);
    normalise(rows, 24);
    Trained t;
    run(t, {12, 24, 3000, Geometry::spherical, 4}, rows);
    for (uint32_t c = 0; c < t.lists; ++c) {
        double square = 0;
        for (float x : centroid(t.clustering, c))
            square += static_cast<double>(x) * x;
        EXPECT_NEAR(square, 1.0, 1e-5);
    }
    EXPECT_LT(assign_all(t.clustering, rows, 24).error, 0.2);
}

TEST_F(Cluster, MajorityCentroidsAreBits) {
    Random random(5);
    constexpr uint32_t kDim = 64, kCount = 2000, kKinds = 8;
    std::vector<uint64_t> kinds(kKinds);
    for (uint64_t &kind : kinds)
        kind = random.next();
    std::vector<float> rows(size_t{kCount} * kDim);
    for (uint32_t i = 0; i < kCount; ++i) {
        const uint64_t bits = kinds[i % kKinds] ^ uint64_t{1} << random.below(64) ^ uint64_t{1} << random.below(64);
        for (uint32_t j = 0; j < kDim; ++j)
            rows[size_t{i} * kDim + j] = (bits >> j & 1) != 0 ? 1.0f : 0.0f;
    }
    Trained t;
    run(t, {kKinds, kDim, kCount, Geometry::majority, 5}, rows);
    ASSERT_EQ(t.lists, kKinds);
    std::set<uint64_t> found;
    for (uint32_t c = 0; c < t.lists; ++c) {
        uint64_t bits = 0;
        const auto x = centroid(t.clustering, c);
        for (uint32_t j = 0; j < kDim; ++j) {
            ASSERT_TRUE(x[j] == 0 || x[j] == 1);
            bits |= static_cast<uint64_t>(x[j]) << j;
        }
        found.insert(bits);
    }
    // Two kinds may have got one centroid, and one kind two: k-means finds a good clustering, not always the best.
    uint32_t right = 0;
    for (uint64_t kind : kinds)
        right += found.count(kind) != 0;
    EXPECT_GE(right, kKinds - 2);
}

TEST_F(Cluster, FewerDifferentPointsThanLists) {
    std::vector<float> rows;
    for (uint32_t i = 0; i < 500; ++i)
        for (uint32_t j = 0; j < 8; ++j)
            rows.push_back(static_cast<float>(i % 3 * (j + 1)));
    Trained t;
    run(t, {50, 8, 500, Geometry::euclidean, 6}, rows);
    EXPECT_EQ(t.lists, 3u);
    EXPECT_NEAR(assign_all(t.clustering, rows, 8).error, 0, 1e-4);

    Trained one;
    run(one, {10, 8, 1, Geometry::euclidean, 6}, rows);
    EXPECT_EQ(one.lists, 1u);

    Trained none;
    run(none, {10, 8, 0, Geometry::euclidean, 6}, rows);
    EXPECT_EQ(none.lists, 0u);
}

TEST_F(Cluster, MoreListsThanPointsThroughTheTree) {
    const auto rows = blobs(1500, 40, 1500, 0.1f, 7);
    Trained t;
    run(t, {100000, 40, 1500, Geometry::euclidean, 7, 1e6}, rows, 2);
    ASSERT_TRUE(t.plan.through_tree);
    EXPECT_GT(t.lists, 1200u);
    EXPECT_LE(t.lists, 1500u);
}

// Values whose squares overflow are no reason to crash, or never to end.
TEST_F(Cluster, SurvivesOverflow) {
    std::vector<float> rows(200 * 4);
    Random random(8);
    for (float &x : rows)
        x = 3e38f * random.real();
    Trained t;
    run(t, {10, 4, 200, Geometry::euclidean, 8}, rows);
    EXPECT_LE(t.lists, 10u);
}

TEST_F(Cluster, KeepsToItsMemory) {
    for (uint32_t lists : {20u, 300u, 1000u}) {
        TrainOptions options{lists, 64, 4000, Geometry::euclidean, 1, 1e6};
        constexpr size_t kMembers = 2;
        for (size_t bytes : {size_t{600} << 10, size_t{2} << 20, size_t{64} << 20}) {
            const uint32_t count = sample_that_fits(options, kMembers, bytes);
            ASSERT_LE(count, options.count);
            if (count == 0)
                continue;
            TrainOptions fitted = options;
            fitted.count = count;
            Trained t;
            run(t, fitted, blobs(count, 64, 500, 0.2f, 9), kMembers);
            const size_t used = t.plan.workspace_bytes + kMembers * t.member_memory + size_t{count} * 64 * sizeof(float);
            EXPECT_LE(used, bytes) << lists << " lists of " << count << " points, " << t.member_memory << " each";
        }
    }
    EXPECT_EQ(sample_that_fits({100, 16000, 5000, Geometry::euclidean, 1}, 1, 64 << 10), 0u);
}

TEST_F(Cluster, CanBeStopped) {
    struct Stop {};
    const auto rows = blobs(2500, 32, 300, 0.3f, 2);
    for (int after : {1, 20, 300}) {
        Trained t;
        t.plan = make_plan({300, 32, 2500, Geometry::euclidean, 9});
        t.workspace.resize(t.plan.workspace_bytes / sizeof(float) + 16);
        void *memory = t.workspace.data();
        size_t space = t.workspace.size() * sizeof(float);
        std::align(64, t.plan.workspace_bytes, memory, space);
        static int left;
        left = after;
        Team team;
        team.poll = [](void *) {
            if (--left == 0)
                throw Stop{};
        };
        Counted counted;
        Arena arena = counted.arena();
        uint32_t lists;
        EXPECT_THROW(train(t.plan, rows.data(), 32, memory, arena, team, &lists), Stop) << after;
    }
}

// Queries, what is near to them, and in how many lists that is.
struct Asked {
    std::vector<float> elements, bias, scratch;
    Panels queries;
    std::vector<Neighbour> found;
    NearestRows nearest;
    uint32_t left; // of the sample

    Asked(const std::vector<float> &rows, uint32_t dim)
        : elements(Panels::element_count(kQueries, dim)), bias(Panels::bias_count(kQueries)), scratch(dim),
          queries{elements.data(), bias.data(), kQueries, dim}, found(kQueries * kKept), nearest{found.data()} {
        queries.clear();
        std::vector<float> sample = rows;
        left = static_cast<uint32_t>(rows.size() / dim);
        make_queries(sample.data(), &left, false, 3, queries, scratch.data());
        nearest.clear();
    }
};

TEST_F(Cluster, NearestRowsAreExactHoweverTheyAreCut) {
    constexpr uint32_t kDim = 12, kCount = 1500;
    const auto rows = blobs(kCount, kDim, 40, 0.3f, 21);
    std::vector<const float *> pointers(kCount);
    std::vector<uint32_t> lists(kCount);
    for (uint32_t i = 0; i < kCount; ++i) {
        pointers[i] = &rows[size_t{i} * kDim];
        lists[i] = i; // so that a list names its row
    }
    for (Nearness nearness : {Nearness::distance, Nearness::product}) {
        Asked whole(rows, kDim), part(rows, kDim), rest(rows, kDim);
        whole.nearest.add(whole.queries, nearness, pointers.data(), lists.data(), kCount);
        part.nearest.add(part.queries, nearness, pointers.data(), lists.data(), 700);
        rest.nearest.add(rest.queries, nearness, &pointers[700], &lists[700], kCount - 700);
        part.nearest.merge(rest.nearest);
        std::vector<float> query(kDim);
        for (uint32_t q = 0; q < kQueries; ++q) {
            whole.queries.get(q, query.data());
            std::vector<double> keys(kCount);
            for (uint32_t i = 0; i < kCount; ++i)
                for (uint32_t j = 0; j < kDim; ++j) {
                    const double x = query[j], y = pointers[i][j];
                    keys[i] += nearness == Nearness::product ? -x * y : (x - y) * (x - y);
                }
            std::vector<double> sorted = keys;
            std::sort(sorted.begin(), sorted.end());
            for (uint32_t k = 0; k < kKept; ++k) {
                ASSERT_NEAR(keys.at(whole.found[q * kKept + k].list), sorted[k], 1e-4);
                ASSERT_EQ(whole.found[q * kKept + k].list, part.found[q * kKept + k].list);
            }
            if (query_is_row(q) && nearness == Nearness::distance) {
                EXPECT_NEAR(sorted[0], 0, 1e-9);
            }
        }
    }
}

TEST_F(Cluster, ProbesAreAsManyAsItTakes) {
    constexpr uint32_t kDim = 8, kCount = 4000;
    const auto rows = blobs(kCount, kDim, 500, 0.5f, 22);
    Trained t;
    run(t, {40, kDim, kCount, Geometry::euclidean, 5}, rows);
    const Assigned assigned = assign_all(t.clustering, rows, kDim);
    std::vector<const float *> pointers(kCount);
    for (uint32_t i = 0; i < kCount; ++i)
        pointers[i] = &rows[size_t{i} * kDim];
    Asked asked(rows, kDim);
    Counted counted;
    Arena arena = counted.arena();
    EXPECT_EQ(asked.left, kCount - kQueries / 2); // rows that are queries have left it
    double mean;
    const RecallCurve none(t.clustering, asked.queries, Nearness::distance, asked.nearest, arena);
    EXPECT_EQ(none.probes_for(true, 0.9, 0, &mean), 0u); // no rows yet
    asked.nearest.add(asked.queries, Nearness::distance, pointers.data(), assigned.which.data(), kCount);
    const RecallCurve curve(t.clustering, asked.queries, Nearness::distance, asked.nearest, arena);
    for (bool rows_only : {true, false}) {
        uint32_t before = 0;
        for (double wanted : {0.5, 0.8, 0.95, 1.0}) {
            const uint32_t probes = curve.probes_for(rows_only, wanted, 0, &mean);
            EXPECT_GE(mean, wanted - 1e-9);
            EXPECT_GE(probes, std::max(before, 1u));
            EXPECT_LE(probes, t.lists);
            before = probes;
            // To be sure of it takes as many or more.
            double sure;
            EXPECT_GE(curve.probes_for(rows_only, wanted, 2, &sure), probes);
            EXPECT_GE(sure, mean);
        }
        EXPECT_GT(before, 2u);
    }
}

TEST_F(Cluster, ReservoirIsUniform) {
    constexpr uint32_t kStream = 1000, kPlaces = 100, kRuns = 400;
    std::vector<uint32_t> taken(kStream);
    for (uint32_t run = 0; run < kRuns; ++run) {
        Reservoir reservoir(kPlaces, run);
        std::vector<uint32_t> sample(kPlaces, kStream);
        for (uint32_t i = 0; i < kStream; ++i)
            if (const uint32_t place = reservoir.offer(); place != Reservoir::kSkip)
                sample.at(place) = i;
        EXPECT_EQ(reservoir.size(), kPlaces);
        for (uint32_t item : sample)
            ++taken.at(item);
    }
    // Each item is expected 40 times, with a standard deviation of 6.
    uint32_t early = 0;
    for (uint32_t i = 0; i < kStream / 2; ++i)
        early += taken[i];
    EXPECT_NEAR(early, kRuns * kPlaces / 2, 4 * 100);
    EXPECT_LT(*std::max_element(taken.begin(), taken.end()), 40u + 6 * 6);
}

} // namespace
} // namespace vecx::test
