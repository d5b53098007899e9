// An index of layout `inlined` or `compact` in memory, built by brute force: what the tests of search, insert and vacuum
// start from. Small sets only: it computes all distances.
#pragma once

#include "hnsw/inlined/codec.hpp"
#include "hnsw/inlined/node.hpp"
#include "hnsw_support.hpp"

namespace vecx::test {

namespace inlined = hnsw::inlined;

struct InlinedIndex {
    static constexpr uint32_t kBody = 8192 - 24;

    InlinedIndex(hnsw::LayoutKind layout, ElementType type, Metric metric, int dim, int m = 16)
        : layout(layout), measure(make_measure(type, metric, dim, kernels::active)), store(kBody) {
        EXPECT_TRUE(inlined::choose_shape(layout, type, metric, dim, m, kBody, &shape));
        hnsw::MetaRecord meta{};
        meta.layout = static_cast<uint8_t>(layout);
        meta.element_type = static_cast<uint8_t>(type);
        meta.metric = static_cast<uint8_t>(metric);
        meta.m = static_cast<uint8_t>(m);
        meta.ef_construction = 64;
        meta.dim = dim;
        inlined::shape_to_meta(shape, &meta);
        uint32_t block;
        Status s = store.extend([&](hnsw::MutablePage &page) { hnsw::init_meta(page, meta); }, &block);
        EXPECT_TRUE(s.ok() && block == 0) << s.message;
    }

    hnsw::LayoutKind layout;
    Measure measure;
    inlined::Shape shape;
    MemoryStore store;
    std::map<uint32_t, Bytes> rows; // by row number, which is the heap TID
    std::vector<hnsw::Link> nodes;  // in the order of their first rows
    hnsw::Link entry{};
    uint32_t next_row = 0;
    Rng rng{42};

    Bytes fresh() { return random_value(measure.type, measure.dim, rng); }

    // What SQL shows; NaN last, as order_key.
    double shown(const Bytes &a, const Bytes &b) {
        double d = measure.distance(measure, payload_of(a), payload_of(b));
        return measure.metric == Metric::l2 ? std::sqrt(d) : d;
    }

    void build_many(int n, bool with_entry = true) {
        std::vector<Bytes> values;
        for (int i = 0; i < n; ++i)
            values.push_back(fresh());
        build(values, with_entry);
    }

    // A new index of these values: equal ones share a node. Each node is linked to the diverse ones among its nearest
    // and to those that chose it. Without an entry node the first node is the entry.
    void build(const std::vector<Bytes> &values, bool with_entry = true) {
        ASSERT_EQ(store.block_count(), 1u);
        std::map<Bytes, size_t> known;
        std::vector<Built> built;
        for (const Bytes &value : values) {
            rows[next_row] = value;
            auto [at, fresh] = known.try_emplace(value, built.size());
            if (fresh)
                built.push_back(Built{value, {}, geometry(value), {}, {}, {}});
            built[at->second].rows.push_back(next_row++);
        }
        choose_neighbours(built);
        for (Built &b : built)
            b.link = add_node(b.value, b.rows);
        for (Built &b : built) {
            nodes.push_back(b.link);
            link_node(b.link, shape.places, b.rotated, b.neighbours, built);
        }
        if (built.empty())
            return;
        if (with_entry)
            add_entry(built);
        else
            set_entry(nodes[0]);
    }

    void set_entry(hnsw::Link link) {
        Status s = store.update(0, [&](hnsw::MutablePage &page) {
            reinterpret_cast<hnsw::MetaRecord *>(page.body + sizeof(hnsw::PageHead))->entry = link;
            return true;
        });
        EXPECT_TRUE(s.ok()) << s.message;
        entry = link;
    }

    // f(NodeEdit &) on the node, its page written.
    template <class F>
    void change(hnsw::Link link, F f) {
        Status s = store.update(link.block, [&](hnsw::MutablePage &page) {
            inlined::NodeView view;
            EXPECT_EQ(inlined::node_fault(hnsw::view_of(page), shape, link.slot, &view), nullptr);
            EXPECT_NE(view.head, nullptr);
            inlined::NodeEdit node = inlined::edit_node(page, shape, view);
            f(node);
            return true;
        });
        EXPECT_TRUE(s.ok()) << s.message;
    }

    // Takes the rows of a node away, as VACUUM does first.
    void kill(hnsw::Link link) {
        change(link, [&](inlined::NodeEdit &node) {
            for (int i = 0; i < node.head->tid_count; ++i)
                rows.erase(row_of(node.tids[i]));
            node.head->tid_count = 0;
            node.head->flags |= hnsw::kNodeDead;
        });
    }
    void free_node(hnsw::Link link) {
        Status s = store.update(link.block, [&](hnsw::MutablePage &page) {
            hnsw::free_record(page, link.slot);
            return true;
        });
        EXPECT_TRUE(s.ok()) << s.message;
    }

    // A record on the last page, or on a new one.
    hnsw::Link add(uint32_t length, hnsw::RecordKind kind) {
        hnsw::Link link{};
        bool done = false;
        auto place = [&](hnsw::MutablePage &page) {
            done = hnsw::add_record(page, length, kind, &link.slot, &link.generation);
            link.block = page.block;
            return done;
        };
        Status s{};
        if (store.block_count() > 1)
            s = store.update(store.block_count() - 1, place);
        uint32_t block;
        if (!done)
            s = store.extend(place, &block);
        EXPECT_TRUE(s.ok() && done) << s.message;
        return link;
    }

  private:
    struct Built {
        Bytes value;
        std::vector<uint32_t> rows;
        std::vector<float> rotated;
        std::vector<uint32_t> neighbours;
        std::vector<std::pair<double, uint32_t>> candidates;
        hnsw::Link link;
    };

    // The rotated g(x).
    std::vector<float> geometry(const Bytes &value) {
        std::vector<float> x(static_cast<size_t>(shape.dim));
        inlined::widen(shape, payload_of(value), x.data());
        return rotated(x);
    }
    std::vector<float> rotated(std::vector<float> x) {
        std::vector<float> out(shape.rotated_dim());
        inlined::to_geometry(shape, x.data(), inlined::norm_of(shape, x.data()), x.data());
        inlined::rotate(shape, x.data(), out.data());
        return out;
    }
    static float square(const std::vector<float> &a, const std::vector<float> &b) {
        return kernels::active->l2sq_f32(a.data(), b.data(), a.size());
    }

    void choose_neighbours(std::vector<Built> &built) {
        const size_t n = built.size(), wide = 2u * shape.places;
        std::vector<std::pair<double, uint32_t>> all;
        for (uint32_t i = 0; i < n; ++i) {
            all.clear();
            for (uint32_t j = 0; j < n; ++j)
                if (j != i)
                    all.emplace_back(static_cast<double>(square(built[i].rotated, built[j].rotated)), j);
            size_t keep = std::min(wide, all.size());
            std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(keep), all.end());
            all.resize(keep);
            built[i].candidates = all;
            select(built, i);
        }
        // Those that chose a node are candidates too.
        for (uint32_t i = 0; i < n; ++i)
            for (uint32_t j : std::vector<uint32_t>(built[i].neighbours))
                built[j].candidates.emplace_back(static_cast<double>(square(built[i].rotated, built[j].rotated)), i);
        for (uint32_t i = 0; i < n; ++i) {
            auto &c = built[i].candidates;
            std::sort(c.begin(), c.end());
            c.erase(std::unique(c.begin(), c.end()), c.end());
            select(built, i);
        }
    }

    // Algorithm 4 of the HNSW paper, then filled up with the nearest of the rest.
    void select(std::vector<Built> &built, uint32_t i) {
        Built &b = built[i];
        b.neighbours.clear();
        std::vector<uint32_t> rest;
        for (auto &[d, j] : b.candidates) {
            bool diverse = true;
            for (uint32_t k : b.neighbours)
                diverse = diverse && static_cast<double>(square(built[k].rotated, built[j].rotated)) >= d;
            (diverse && b.neighbours.size() < shape.places ? b.neighbours : rest).push_back(j);
        }
        for (uint32_t j : rest)
            if (b.neighbours.size() < shape.places)
                b.neighbours.push_back(j);
    }

    hnsw::Link add_node(const Bytes &value, const std::vector<uint32_t> &its_rows) {
        hnsw::Link link = add(shape.record_size(shape.places), hnsw::RecordKind::inlined_node);
        std::vector<float> x(static_cast<size_t>(shape.dim));
        inlined::widen(shape, payload_of(value), x.data());
        size_t at = std::min<size_t>(its_rows.size(), shape.tid_places);
        hnsw::Link chunks = add_tid_chunks(link, std::vector<uint32_t>(its_rows.begin() + static_cast<ptrdiff_t>(at), its_rows.end()));
        Status s = store.update(link.block, [&](hnsw::MutablePage &page) {
            inlined::NodeEdit node = fresh_node(page, link, shape.places);
            for (size_t i = 0; i < at; ++i)
                node.tids[i] = tid_of(its_rows[i]);
            node.head->tid_count = static_cast<uint8_t>(at);
            node.head->more_tids = chunks;
            node.head->hash = inlined::payload_hash(payload_of(value));
            inlined::encode_own(shape, x.data(), node.own, node.head);
            return true;
        });
        EXPECT_TRUE(s.ok()) << s.message;
        return link;
    }

    // In small chunks, so that few rows make a list.
    hnsw::Link add_tid_chunks(hnsw::Link node, const std::vector<uint32_t> &more) {
        hnsw::Link list{};
        constexpr uint16_t kCapacity = 8;
        for (size_t from = 0; from < more.size(); from += kCapacity) {
            hnsw::Link chunk = add(inlined::tid_chunk_size(kCapacity), hnsw::RecordKind::tid_chunk);
            Status s = store.update(chunk.block, [&](hnsw::MutablePage &page) {
                inlined::TidChunkHead *head = record<inlined::TidChunkHead>(page, chunk.slot);
                hnsw::HeapTid *tids = reinterpret_cast<hnsw::HeapTid *>(head + 1);
                head->capacity = kCapacity;
                head->next = list;
                head->node = node;
                for (size_t i = from; i < more.size() && i < from + kCapacity; ++i)
                    tids[head->count++] = tid_of(more[i]);
                return true;
            });
            EXPECT_TRUE(s.ok()) << s.message;
            list = chunk;
        }
        return list;
    }

    // A node without a row whose neighbours are spread over all.
    void add_entry(const std::vector<Built> &built) {
        const int places = static_cast<int>(inlined::entry_places(shape, kBody));
        std::vector<float> mean(static_cast<size_t>(shape.dim)), x(static_cast<size_t>(shape.dim));
        for (const Built &b : built) {
            inlined::widen(shape, payload_of(b.value), x.data());
            inlined::to_geometry(shape, x.data(), inlined::norm_of(shape, x.data()), x.data());
            for (size_t i = 0; i < x.size(); ++i)
                mean[i] += x[i] / static_cast<float>(built.size());
        }
        Status s = store.update(hnsw::kMetaBlock, [&](hnsw::MutablePage &page) {
            inlined::NodeEdit node;
            const char *fault;
            EXPECT_TRUE(inlined::add_entry_node(page, shape, {}, &node, &fault)) << fault;
            inlined::encode_own(shape, mean.data(), node.own, node.head);
            return true;
        });
        EXPECT_TRUE(s.ok()) << s.message;
        hnsw::MetaRecord meta;
        EXPECT_TRUE(hnsw::read_meta(store, &meta).ok());
        entry = meta.entry;
        std::vector<uint32_t> spread;
        for (size_t i = 0; i < built.size() && i < static_cast<size_t>(places); ++i)
            spread.push_back(static_cast<uint32_t>(i * built.size() / std::min<size_t>(built.size(), static_cast<size_t>(places))));
        link_node(entry, places, rotated(mean), spread, built);
    }

    void link_node(hnsw::Link link, int places, const std::vector<float> &from, const std::vector<uint32_t> &to,
                   const std::vector<Built> &built) {
        auto placed = [](const std::vector<float> &r) {
            float norm2 = 0;
            for (float c : r)
                norm2 += c * c;
            return inlined::Placed{r.data(), norm2};
        };
        change(link, [&](inlined::NodeEdit &node) {
            ASSERT_LE(to.size(), static_cast<size_t>(places));
            std::vector<uint64_t> code(std::max<uint32_t>(1, shape.code_words));
            for (uint32_t i = 0; i < to.size(); ++i) {
                const Built &b = built[to[i]];
                float add_factor = 0, mul = 0;
                if (shape.code_words > 0)
                    inlined::encode_neighbour(shape, placed(from), placed(b.rotated), square(from, b.rotated), &add_factor, &mul,
                                              code.data());
                inlined::set_neighbour(node, shape, i, b.link, add_factor, mul, code.data());
            }
            ++node.head->links_version;
        });
    }

    inlined::NodeEdit fresh_node(hnsw::MutablePage &page, hnsw::Link link, int places) {
        uint8_t *bytes = record<uint8_t>(page, link.slot);
        inlined::NodeEdit node = inlined::edit_record(bytes, shape, places);
        node.head->places = static_cast<uint8_t>(places);
        node.head->add_scale = node.head->mul_scale = 1;
        return node;
    }

    template <class T>
    T *record(hnsw::MutablePage &page, uint16_t slot) {
        return reinterpret_cast<T *>(page.body + hnsw::slot_at(page.body, page.size, slot)->offset);
    }
};

} // namespace vecx::test
