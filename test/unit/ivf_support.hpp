// An inverted file in memory with the rows it should contain: built around randomly chosen rows, searched, inserted into.
#pragma once

#include <cstdlib>

#include "cluster/train.hpp"
#include "hnsw_support.hpp"
#include "ivf/build.hpp"
#include "ivf/insert.hpp"
#include "ivf/stream.hpp"
#include "ivf_store.hpp"

namespace vecx::test {

struct IvfIndex {
    static constexpr uint32_t kBody = 8192 - 24;

    struct Options {
        ivf::QuantizerKind quantizer = ivf::QuantizerKind::rabitq;
        ivf::RerankKind rerank = ivf::RerankKind::heap;
        int bits = 0;
        uint32_t branches = 2, lists = 6;
        bool mean = true;
        size_t directory_memory = 64 << 20;
        int attributes = 0;
    };

    IvfIndex(ElementType type, Metric metric, int dim, Options options) : measure(make_measure(type, metric, dim, kernels::active)), options(options) {
        const char *fault = ivf::choose_shape({type, metric, dim, options.quantizer, options.rerank, options.bits, 0, options.attributes}, kBody, &shape);
        EXPECT_EQ(fault, nullptr) << fault;
    }

    Measure measure;
    Options options;
    ivf::Shape shape;
    IvfStore store;
    std::map<uint32_t, Bytes> rows; // by row number, which is the heap TID
    uint32_t next_row = 0;
    Rng rng{42};

    Bytes fresh() { return random_value(measure.type, measure.dim, rng); }

    // A row's further columns, which follow from its number: the first is its last digit, the second its hundreds, NULL where the number
    // is divisible by 7; others are the number.
    std::vector<uint64_t> attributes_of(uint32_t row) const {
        std::vector<uint64_t> out(1 + static_cast<size_t>(options.attributes));
        for (uint32_t c = 0; c < static_cast<uint32_t>(options.attributes); ++c)
            if (c == 1 && row % 7 == 0)
                filter::set_attribute_null(out.data(), c);
            else
                filter::set_attribute(out.data(), c, c == 0 ? row % 10 : c == 1 ? row / 100 : row);
        return out;
    }
    double shown(const Bytes &a, const Bytes &b) const {
        const double d = measure.distance(measure, payload_of(a), payload_of(b));
        return measure.metric == Metric::l2 ? std::sqrt(d) : d;
    }
    std::vector<float> geometry(const Bytes &value) const {
        std::vector<float> out(static_cast<size_t>(measure.dim));
        ivf::to_geometry(shape, payload_of(value), out.data());
        return out;
    }

    void build_many(int n) {
        std::vector<Bytes> values;
        for (int i = 0; i < n; ++i)
            values.push_back(fresh());
        build(values);
    }

    // Centroids as CREATE INDEX finds them.
    std::vector<std::vector<float>> cluster(const std::vector<Bytes> &values, uint32_t lists) const {
        const uint32_t dim = static_cast<uint32_t>(measure.dim);
        std::vector<float> sample;
        for (const Bytes &value : values)
            for (float x : geometry(value))
                sample.push_back(x);
        cluster::TrainOptions wanted{};
        wanted.lists = lists;
        wanted.dim = dim;
        wanted.count = static_cast<uint32_t>(values.size());
        wanted.seed = 1;
        const cluster::Plan plan = cluster::make_plan(wanted);
        TestArena arena;
        void *workspace = std::aligned_alloc(64, (plan.workspace_bytes + 63) / 64 * 64);
        uint32_t made = 0;
        cluster::train(plan, sample.data(), dim, workspace, arena.arena, cluster::Team{}, &made);
        std::vector<std::vector<float>> out(made, std::vector<float>(dim));
        for (uint32_t i = 0; i < made; ++i)
            cluster::clustering_in(plan, workspace).lists.get(i, out[i].data());
        std::free(workspace);
        return out;
    }

    // Lists around rows chosen by turns, or centroids, options.lists of them; a branch's centroid is its first list's.
    void build(const std::vector<Bytes> &values, const std::vector<std::vector<float>> &centroids = {}) {
        TestArena arena;
        const size_t dim = static_cast<size_t>(measure.dim);
        std::vector<float> mean(dim, 0.0f), zero(dim, 0.0f);
        for (const Bytes &value : values) {
            const std::vector<float> x = geometry(value);
            for (size_t i = 0; i < dim; ++i)
                mean[i] += x[i] / static_cast<float>(values.size());
        }
        ivf::Builder<IvfStore> builder(store, arena.arena, shape);
        auto ok = [](const Status &s) { ASSERT_TRUE(s.ok()) << s.message; };
        ok(builder.begin(options.mean && !values.empty() ? mean.data() : nullptr, options.lists));
        const uint32_t lists = values.empty() ? 1 : options.lists, branches = values.empty() ? 1 : options.branches;
        for (uint32_t list = 0, branch = 0; branch < branches; ++branch) {
            const uint32_t children = lists / branches + (branch < lists % branches ? 1 : 0);
            for (uint32_t child = 0; child < children; ++child, ++list) {
                const std::vector<float> x = !centroids.empty() ? centroids[list]
                                             : values.empty()    ? zero
                                                                 : geometry(values[list % values.size()]);
                if (child == 0)
                    ok(builder.add_branch(x.data(), children));
                ok(builder.add_list(x.data()));
            }
        }
        ok(builder.finish_directory());
        if (shape.learnt())
            ok(builder.add_codebook(learn(values, mean).data()));
        ivf::Directory directory(arena.arena);
        ok(directory.load(store, builder.meta(), shape, options.directory_memory));
        ivf::RowEncoder encoder(shape, directory.mean(), arena.arena, &directory.codebook());
        std::vector<float> scratch(directory.nearest_scratch());
        std::vector<int8_t> code(shape.centroid_dim());
        std::multimap<uint32_t, std::pair<uint32_t, std::vector<uint64_t>>> sorted;
        for (const Bytes &value : values) {
            encoder.place(payload_of(value));
            ivf::Directory::Found found;
            ok(directory.nearest(store, encoder.rotated(), branches, scratch.data(), code.data(), &found));
            std::vector<uint64_t> row(shape.row_size() / 8);
            encoder.encode(found.head, code.data(), payload_of(value), reinterpret_cast<uint8_t *>(row.data()));
            put_row_attributes(shape, reinterpret_cast<uint8_t *>(row.data()), attributes_of(next_row).data());
            rows[next_row] = value;
            sorted.emplace(found.head.id, std::pair(next_row++, row));
        }
        for (auto &[list, row] : sorted)
            ok(builder.add(list, tid_of(row.first), reinterpret_cast<uint8_t *>(row.second.data())));
        ok(builder.finish({}));
    }

    // A codebook from rows seen from the first ones, as they are in build().
    std::vector<uint8_t> learn(const std::vector<Bytes> &values, const std::vector<float> &mean) const {
        TestArena arena;
        ivf::CodebookTeacher teacher(shape, options.mean && !values.empty() ? mean.data() : nullptr, 7, 4 << 20, arena.arena);
        for (size_t i = 0; i < values.size(); ++i) {
            const std::vector<float> x = geometry(values[i]), c = geometry(values[i % options.lists % values.size()]);
            teacher.add_row(x.data(), c.data());
            if (i % 7 == 0)
                teacher.add_query(x.data());
        }
        std::vector<uint8_t> out(shape.codebook_size());
        teacher.learn(out.data(), {});
        return out;
    }

    void load(ivf::Directory *directory) {
        ivf::MetaRecord meta;
        ivf::Shape read;
        Status s = ivf::read_meta(store, &meta, &read);
        ASSERT_TRUE(s.ok()) << s.message;
        s = directory->load(store, meta, read, options.directory_memory);
        ASSERT_TRUE(s.ok()) << s.message;
    }

    // An inserting backend.
    struct Backend {
        explicit Backend(IvfIndex &index) : index(&index) { reload(); }
        void reload() {
            state.reset();
            directory.reset();
            arena = std::make_unique<TestArena>();
            directory = std::make_unique<ivf::Directory>(arena->arena);
            index->load(directory.get());
            state = std::make_unique<ivf::InsertState>(*directory, arena->arena);
        }
        Status insert(const Bytes &value, uint32_t row) {
            for (;;) {
                bool stale;
                VECX_TRY(ivf::insert(index->store, *state, tid_of(row), payload_of(value), &stale, index->attributes_of(row).data()));
                if (!stale)
                    return Status{};
                ++reloads;
                reload();
            }
        }
        IvfIndex *index;
        std::unique_ptr<TestArena> arena;
        std::unique_ptr<ivf::Directory> directory;
        std::unique_ptr<ivf::InsertState> state;
        int reloads = 0;
    };

    uint32_t insert(Backend &backend, const Bytes &value) {
        const uint32_t row = next_row++;
        Status s = backend.insert(value, row);
        EXPECT_TRUE(s.ok()) << s.message;
        rows[row] = value;
        return row;
    }
    void insert_many(int n) {
        Backend backend(*this);
        for (int i = 0; i < n; ++i)
            insert(backend, fresh());
    }

    // The heap: rows that are there, with their exact distances.
    struct Heap {
        const IvfIndex *index;
        Bytes query;
        uint64_t fetched = 0;
        Status distance(hnsw::HeapTid tid, double *d, bool *found) {
            ++fetched;
            auto row = index->rows.find(row_of(tid));
            *found = row != index->rows.end();
            if (*found)
                *d = index->shown(query, row->second);
            return Status{};
        }
    };

    struct Scan {
        std::vector<uint32_t> rows;
        std::vector<double> distances;
        ivf::StreamCounters counters;
        Status status;
    };
    static constexpr ivf::StreamOptions kAll{2, 0, true, 64 << 20, ivf::LateRows::after_all};

    Scan scan(const Bytes &query, size_t limit, ivf::StreamOptions with = kAll, const filter::Predicate *where = nullptr) {
        TestArena arena;
        ivf::Directory directory(arena.arena);
        load(&directory);
        Heap heap{this, query};
        TestSorter sorter;
        ivf::Stream<IvfStore, Heap, TestSorter> stream(store, heap, sorter, arena.arena, directory, query.empty() ? Payload{nullptr, 0} : payload_of(query), with, {}, where);
        Scan result;
        for (size_t i = 0; i < limit; ++i) {
            ivf::Row row;
            bool found;
            result.status = stream.next(&row, &found);
            EXPECT_TRUE(result.status.ok()) << result.status.message;
            if (!result.status.ok() || !found)
                break;
            result.rows.push_back(row_of(row.tid));
            result.distances.push_back(row.distance);
        }
        result.counters = stream.counters();
        return result;
    }

    std::vector<double> exact(const Bytes &query) const {
        std::vector<double> all;
        for (auto &[row, value] : rows)
            all.push_back(shown(query, value));
        std::sort(all.begin(), all.end());
        return all;
    }
};

} // namespace vecx::test
