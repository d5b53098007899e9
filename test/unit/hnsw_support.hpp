// What the hnsw tests share: an index in memory with its rows, values of every type, exact answers, and scans.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "hnsw/build.hpp"
#include "hnsw/check.hpp"
#include "hnsw/insert.hpp"
#include "hnsw/stream.hpp"
#include "hnsw/vacuum.hpp"
#include "kernels/convert.hpp"
#include "memory_store.hpp"

namespace vecx::test {

// An Arena over malloc that frees everything at its end, and knows how much it has given out at most.
class TestArena {
  public:
    TestArena() : arena{allocate, release, this} {}
    TestArena(const TestArena &) = delete;
    ~TestArena() {
        for (auto &[p, bytes] : live_)
            free(p);
    }
    Arena arena;
    size_t peak = 0; // bytes

  private:
    static void *allocate(void *context, size_t bytes) {
        TestArena *self = static_cast<TestArena *>(context);
        void *p = malloc(bytes == 0 ? 1 : bytes);
        VECX_REQUIRE(p != nullptr);
        self->live_[p] = bytes;
        self->now_ += bytes;
        self->peak = std::max(self->peak, self->now_);
        return p;
    }
    static void release(void *context, void *p) {
        TestArena *self = static_cast<TestArena *>(context);
        const auto at = self->live_.find(p);
        VECX_REQUIRE(at != self->live_.end());
        self->now_ -= at->second;
        self->live_.erase(at);
        free(p);
    }
    std::map<void *, size_t> live_;
    size_t now_ = 0;
};

using Bytes = std::vector<uint8_t>;
inline Payload payload_of(const Bytes &b) { return Payload{b.data(), static_cast<uint32_t>(b.size())}; }

inline hnsw::HeapTid tid_of(uint32_t row) {
    return hnsw::HeapTid{static_cast<uint16_t>(row >> 20), static_cast<uint16_t>(row >> 4), static_cast<uint16_t>((row & 15) + 1)};
}
inline uint32_t row_of(hnsw::HeapTid t) {
    return static_cast<uint32_t>(t.block_hi) << 20 | static_cast<uint32_t>(t.block_lo) << 4 | static_cast<uint32_t>(t.offset - 1);
}

inline double gauss(Rng &rng) {
    return std::sqrt(-2 * std::log(rng.uniform())) * std::cos(6.283185307179586 * rng.uniform());
}

// Values in 20 overlapping clusters, the same centres for the same dimension.
inline Bytes random_value(ElementType type, int dim, Rng &rng) {
    Rng centre(1000 + rng.below(20));
    Bytes out;
    auto put = [&](const auto &x) {
        const uint8_t *p = reinterpret_cast<const uint8_t *>(&x);
        out.insert(out.end(), p, p + sizeof x);
    };
    if (type == ElementType::bit) {
        out.assign(static_cast<size_t>((dim + 7) / 8), 0);
        for (int i = 0; i < dim; ++i)
            if ((centre.below(2) != 0) != (rng.below(4) == 0))
                out[static_cast<size_t>(i / 8)] |= static_cast<uint8_t>(0x80 >> (i % 8));
        return out;
    }
    if (type == ElementType::sparse) {
        std::map<int32_t, float> entries;
        for (int i = 0; i < 12; ++i) {
            int32_t index = static_cast<int32_t>((i < 8 ? centre.next() : rng.next()) % static_cast<uint64_t>(dim));
            entries[index] = static_cast<float>(1 + 0.5 * gauss(rng));
        }
        put(static_cast<int32_t>(entries.size()));
        for (auto &[index, value] : entries)
            put(index);
        for (auto &[index, value] : entries)
            put(value);
        return out;
    }
    for (int i = 0; i < dim; ++i) {
        double x = gauss(centre) + gauss(rng);
        switch (type) {
        case ElementType::f32:
            put(static_cast<float>(x));
            break;
        case ElementType::f16:
            put(float_to_f16(static_cast<float>(x)));
            break;
        case ElementType::bf16:
            put(float_to_bf16(static_cast<float>(x)));
            break;
        default:
            put(static_cast<int8_t>(std::lround(std::clamp(x * 20, -127.0, 127.0))));
        }
    }
    return out;
}

inline Bytes f32_value(const std::vector<float> &v) {
    const uint8_t *p = reinterpret_cast<const uint8_t *>(v.data());
    return Bytes(p, p + v.size() * sizeof(float));
}

// A Sorter over a vector.
struct TestSorter {
    struct Row {
        bool late;
        double low, high;
        hnsw::HeapTid tid;
    };
    std::vector<Row> rows;
    size_t at = 0;
    void put(bool late, double low, double high, hnsw::HeapTid tid) { rows.push_back({late, low, high, tid}); }
    void finish() {
        std::stable_sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
            if (a.late != b.late)
                return b.late;
            return hnsw::order_key(a.low) < hnsw::order_key(b.low);
        });
    }
    bool next(hnsw::HeapTid *tid, double *low, double *high) {
        if (at == rows.size())
            return false;
        *tid = rows[at].tid;
        *high = rows[at].high;
        *low = rows[at++].low;
        return true;
    }
};

constexpr hnsw::StreamOptions kPlainScan{40, -1, 64 << 20, hnsw::LateRows::after_all};

struct ScanResult {
    std::vector<uint32_t> rows;
    std::vector<double> distances;
    hnsw::StreamCounters counters;
};

// An index with the rows it should contain.
struct Index {
    Index(ElementType type, Metric metric, int dim, int m = 16, int ef_construction = 64, uint32_t body_size = 8192 - 24)
        : measure(make_measure(type, metric, dim, kernels::active)), m(m), ef_construction(ef_construction), store(body_size) {
        hnsw::MetaRecord meta{};
        meta.layout = static_cast<uint8_t>(hnsw::LayoutKind::plain);
        meta.element_type = static_cast<uint8_t>(type);
        meta.metric = static_cast<uint8_t>(metric);
        meta.m = static_cast<uint8_t>(m);
        meta.ef_construction = static_cast<uint16_t>(ef_construction);
        meta.dim = dim;
        uint32_t block;
        Status s = store.extend([&](hnsw::MutablePage &page) { hnsw::init_meta(page, meta); }, &block);
        EXPECT_TRUE(s.ok() && block == 0) << s.message;
    }

    Measure measure;
    int m, ef_construction;
    MemoryStore store;
    std::map<uint32_t, Bytes> rows;
    uint32_t next_row = 0;
    Rng rng{42};

    Bytes fresh() { return random_value(measure.type, measure.dim, rng); }

    Status try_insert(const Bytes &value, uint32_t row) {
        TestArena arena;
        return hnsw::insert(store, arena.arena, measure, payload_of(value), tid_of(row), rng);
    }
    uint32_t insert(const Bytes &value) {
        uint32_t row = next_row++;
        Status s = try_insert(value, row);
        EXPECT_TRUE(s.ok()) << s.message;
        rows[row] = value;
        return row;
    }
    void insert_many(int n) {
        for (int i = 0; i < n; ++i)
            insert(fresh());
    }
    void build(const std::vector<Bytes> &values) {
        TestArena arena;
        hnsw::BuildGraph graph(arena.arena, measure, m, ef_construction, 7, store.body_size());
        for (const Bytes &value : values) {
            uint32_t row = next_row++;
            Status s = graph.add(payload_of(value), tid_of(row));
            ASSERT_TRUE(s.ok()) << s.message;
            rows[row] = value;
        }
        EXPECT_EQ(graph.size(), values.size());
        uint64_t done = 0;
        Status s = graph.write(store, [&](uint64_t n) {
            EXPECT_GE(n, done);
            done = n;
        });
        ASSERT_TRUE(s.ok()) << s.message;
        EXPECT_EQ(done, graph.nodes());
    }
    void build_many(int n) {
        std::vector<Bytes> values;
        for (int i = 0; i < n; ++i)
            values.push_back(fresh());
        build(values);
    }
    hnsw::VacuumResult vacuum(const std::set<uint32_t> &dead, size_t memory = 64 << 20) {
        for (uint32_t row : dead)
            rows.erase(row);
        hnsw::VacuumResult result{};
        Status s = try_vacuum(dead, memory, &result);
        EXPECT_TRUE(s.ok()) << s.message;
        return result;
    }
    Status try_vacuum(const std::set<uint32_t> &dead, size_t memory, hnsw::VacuumResult *result) {
        TestArena arena;
        VECX_TRY(hnsw::remove_tids(store, arena.arena, [&](hnsw::HeapTid t) { return dead.count(row_of(t)) != 0; }, result));
        return hnsw::repair(store, arena.arena, measure, memory, rng, result);
    }
    // Picks a share of the rows.
    std::set<uint32_t> sample(double share) {
        std::set<uint32_t> out;
        for (auto &[row, value] : rows)
            if (rng.uniform() < share)
                out.insert(row);
        return out;
    }

    Status try_scan(Payload query, hnsw::StreamOptions options, size_t limit, ScanResult *out) {
        TestArena arena;
        TestSorter sorter;
        hnsw::Stream<MemoryStore, TestSorter> stream(store, arena.arena, measure, query, options, sorter);
        static_assert(std::is_trivially_destructible_v<hnsw::Stream<MemoryStore, TestSorter>>);
        while (out->rows.size() < limit) {
            hnsw::HeapTid tid;
            double distance;
            bool found;
            VECX_TRY(stream.next(&tid, &distance, &found));
            if (!found)
                break;
            out->rows.push_back(row_of(tid));
            out->distances.push_back(distance);
        }
        out->counters = stream.counters();
        return Status{};
    }
    ScanResult scan(const Bytes &query, hnsw::StreamOptions options = kPlainScan, size_t limit = SIZE_MAX) {
        ScanResult out;
        Status s = try_scan(payload_of(query), options, limit, &out);
        EXPECT_TRUE(s.ok()) << s.message;
        return out;
    }

    double distance(const Bytes &a, const Bytes &b) { return measure.distance(measure, payload_of(a), payload_of(b)); }

    // The k-th smallest distance and the share of the first k answers that are not beyond it.
    double recall(const Bytes &query, int k, int ef) {
        std::vector<double> all;
        for (auto &[row, value] : rows)
            all.push_back(hnsw::order_key(distance(query, value)));
        if (all.size() < static_cast<size_t>(k))
            k = static_cast<int>(all.size());
        std::nth_element(all.begin(), all.begin() + (k - 1), all.end());
        double bound = all[static_cast<size_t>(k - 1)];
        hnsw::StreamOptions options = kPlainScan;
        options.ef_search = ef;
        ScanResult got = scan(query, options, static_cast<size_t>(k));
        int good = 0;
        for (double d : got.distances)
            good += hnsw::order_key(d) <= bound;
        return static_cast<double>(good) / k;
    }
    double mean_recall(int queries, int k, int ef) {
        Rng saved = rng;
        rng = Rng(777);
        double sum = 0;
        for (int i = 0; i < queries; ++i)
            sum += recall(fresh(), k, ef);
        rng = saved;
        return sum / queries;
    }

    // Every row once, no other, in order but for the late ones behind the rest.
    void expect_complete(hnsw::StreamOptions options = kPlainScan, const char *when = "") {
        Rng saved = rng;
        ScanResult got = scan(random_value(measure.type, measure.dim, rng), options);
        rng = saved;
        expect_all_rows(got, when);
    }
    void expect_all_rows(const ScanResult &got, const char *when = "") {
        std::set<uint32_t> seen(got.rows.begin(), got.rows.end());
        EXPECT_EQ(seen.size(), got.rows.size()) << "a row was returned twice " << when;
        EXPECT_EQ(seen.size(), rows.size()) << when;
        for (auto &[row, value] : rows)
            ASSERT_TRUE(seen.count(row)) << "row " << row << " is missing " << when;
        int descents = 0;
        for (size_t i = 1; i < got.distances.size(); ++i)
            descents += hnsw::order_key(got.distances[i]) < hnsw::order_key(got.distances[i - 1]);
        EXPECT_LE(descents, 1) << "more than one ascending part " << when;
    }

    hnsw::CheckSummary check(const char *when = "") {
        TestArena arena;
        hnsw::CheckSummary summary{};
        Status s = hnsw::check(store, arena.arena, &measure, [&](const Status &f) { ADD_FAILURE() << f.message << " " << when; }, &summary);
        EXPECT_TRUE(s.ok()) << s.message;
        return summary;
    }
};

} // namespace vecx::test
