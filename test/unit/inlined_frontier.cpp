// The frontier of a search against a sorted set: what lies below the bound comes nearest first, and nothing is lost.
#include <gtest/gtest.h>

#include <set>

#include "hnsw/inlined/frontier.hpp"
#include "hnsw_support.hpp"

namespace vecx::test {
namespace {

using hnsw::Link;
using hnsw::inlined::Frontier;
using hnsw::inlined::Neighbour;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Model {
    explicit Model(uint64_t seed) : rng(seed), frontier(memory.arena) { frontier.clear(); }

    // Keys of `range` different values, so that many are equal.
    void offer(uint32_t count, float from, uint32_t range) {
        Neighbour batch[64];
        for (uint32_t i = 0; i < count; ++i) {
            const float key = from + static_cast<float>(rng.below(range));
            keys.push_back(key);
            const uint32_t id = static_cast<uint32_t>(keys.size());
            known.insert({key, id});
            batch[i] = Neighbour{Link{id, 0, 1}, key};
        }
        if (count == 1)
            frontier.offer(batch[0].key, batch[0].link);
        else
            frontier.offer_all(batch, count, [](Link) { return false; });
    }

    void pop() {
        ASSERT_EQ(frontier.size(), known.size());
        Link peeked{};
        size_t ahead = 0;
        float last = -kInfinity;
        const size_t asked = 1 + rng.below(Frontier::kPeek);
        frontier.peek(asked, [&](Link link) {
            const float key = keys[link.block - 1];
            if (ahead++ == 0)
                peeked = link;
            EXPECT_TRUE(key >= last && key < bound && known.count({key, link.block}) == 1);
            last = key;
        });
        EXPECT_LE(ahead, asked);
        const float nearest = frontier.nearest(), least = known.begin()->first;
        const Link link = frontier.pop();
        if (!peeked.none()) {
            ASSERT_EQ(peeked, link);
        }
        const float key = keys[link.block - 1];
        ASSERT_EQ(known.erase({key, link.block}), 1u) << "came twice";
        if (least < bound) {
            ASSERT_EQ(key, least);
            ASSERT_EQ(nearest, least);
        } else {
            ASSERT_GE(nearest, bound);
        }
    }

    TestArena memory;
    Rng rng;
    Frontier frontier;
    float bound = kInfinity;
    std::vector<float> keys; // by id - 1
    std::set<std::pair<float, uint32_t>> known;
};

TEST(InlinedFrontier, NearestFirst) {
    for (uint64_t seed = 1; seed <= 12; ++seed) {
        Model model(seed);
        const size_t wide = seed % 3 == 0 ? 10 : seed % 3 == 1 ? 100 : 1000;
        const uint32_t range = seed % 2 == 0 ? 40 : 1000000;
        model.frontier.set_bound(kInfinity, wide);
        for (int hop = 0; hop < 1500; ++hop) {
            // Farther on, as a search goes: else the far part would never be reached.
            model.offer(1 + static_cast<uint32_t>(model.rng.below(28)), static_cast<float>(hop), range);
            for (uint64_t n = model.rng.below(3); n > 0; --n) {
                model.pop();
                if (testing::Test::HasFatalFailure())
                    FAIL() << "seed " << seed << ", hop " << hop;
            }
        }
        while (!model.known.empty()) {
            model.pop();
            if (testing::Test::HasFatalFailure())
                FAIL() << "seed " << seed << ", at the end";
        }
        EXPECT_TRUE(model.frontier.empty());
    }
}

TEST(InlinedFrontier, Bounds) {
    for (uint64_t seed = 1; seed <= 12; ++seed) {
        Model model(seed);
        const size_t wide = seed % 2 == 0 ? 10 : 400;
        model.frontier.set_bound(kInfinity, wide);
        for (int hop = 0; hop < 2000; ++hop) {
            model.offer(1 + static_cast<uint32_t>(model.rng.below(28)), 0, 5000);
            if (model.rng.below(4) == 0) {
                const float bound = static_cast<float>(model.rng.below(5000));
                if (bound < model.bound)
                    model.frontier.tighten(model.bound = bound);
            } else if (model.rng.below(40) == 0) { // rows were returned: T has grown
                model.bound = model.rng.below(3) == 0 ? kInfinity : model.bound + 100;
                model.frontier.set_bound(model.bound, wide);
            }
            while (model.rng.below(2) == 0 && !model.known.empty()) {
                model.pop();
                if (testing::Test::HasFatalFailure())
                    FAIL() << "seed " << seed << ", hop " << hop;
            }
        }
        model.frontier.set_bound(model.bound = kInfinity, wide);
        while (!model.known.empty()) {
            model.pop();
            if (testing::Test::HasFatalFailure())
                FAIL() << "seed " << seed << ", at the end";
        }
        EXPECT_TRUE(model.frontier.empty());
    }
}

// What was visited meanwhile is forgotten, and only that; after that nearest() may be too low, but nothing is out of order.
TEST(InlinedFrontier, Purge) {
    Model model(7);
    model.frontier.set_bound(kInfinity, 100);
    for (int hop = 0; hop < 1000; ++hop)
        model.offer(20, 0, 100000);
    model.frontier.purge([](Link link) { return link.block % 4 != 0; });
    float last = -1;
    std::set<uint32_t> seen;
    while (!model.frontier.empty()) {
        const Link link = model.frontier.pop();
        const float key = model.keys[link.block - 1];
        ASSERT_GE(key, last);
        ASSERT_TRUE(seen.insert(link.block).second);
        last = key;
    }
    for (uint32_t id = 4; id <= model.keys.size(); id += 4)
        ASSERT_TRUE(seen.count(id) == 1) << id;
    EXPECT_LT(seen.size(), model.keys.size() / 4 + 400) << "only the window is left alone";
}

// Short of room, it also forgets what lies at the bound or beyond, and says where that begins.
TEST(InlinedFrontier, PurgeBeyondTheBound) {
    Model model(8);
    const float bound = 2000;
    model.frontier.set_bound(bound, 100);
    EXPECT_EQ(model.frontier.dropped(), kInfinity);
    for (int hop = 0; hop < 4000; ++hop) {
        model.offer(20, 0, 100000);
        (void)model.frontier.purge([](Link) { return false; });
    }
    EXPECT_GE(model.frontier.dropped(), bound);
    EXPECT_LT(model.frontier.size(), model.keys.size() / 2) << "nothing was forgotten";
    std::set<uint32_t> seen;
    float last = -1;
    while (!model.frontier.empty() && model.frontier.nearest() < bound) {
        const Link link = model.frontier.pop();
        const float key = model.keys[link.block - 1];
        ASSERT_GE(key, last);
        last = key;
        ASSERT_TRUE(seen.insert(link.block).second);
    }
    for (uint32_t id = 1; id <= model.keys.size(); ++id)
        if (model.keys[id - 1] < bound) {
            ASSERT_TRUE(seen.count(id) == 1) << id;
        }
    model.frontier.clear();
    EXPECT_EQ(model.frontier.dropped(), kInfinity);
}

} // namespace
} // namespace vecx::test
