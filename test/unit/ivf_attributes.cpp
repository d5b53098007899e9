// Further columns of an inverted file: they stay with their rows whatever happens to the lists, and a scan with conditions returns
// all rows that pass and no others.
#include "ivf/check.hpp"
#include "ivf/vacuum.hpp"
#include "ivf_support.hpp"

namespace vecx::test {
namespace {

using filter::Condition;
using How = filter::Condition::How;
using ivf::QuantizerKind;
using ivf::RerankKind;

struct NoVectors {
    Status fetch(hnsw::HeapTid, Payload *, bool *found) {
        *found = false;
        return Status{};
    }
};

// Every row is there once, with the columns it was given.
void expect_columns(IvfIndex &index) {
    TestArena arena;
    std::set<uint32_t> seen;
    const size_t words = filter::attribute_words(index.shape.attributes);
    Status s = ivf::check(index.store, arena.arena, [](const Status &wrong) { ADD_FAILURE() << wrong.block << ": " << wrong.message; },
                          [&](hnsw::HeapTid tid, const uint64_t *attributes) {
                              const uint32_t row = row_of(tid);
                              EXPECT_TRUE(seen.insert(row).second) << row;
                              EXPECT_EQ(std::vector<uint64_t>(attributes, attributes + words), index.attributes_of(row)) << row;
                          });
    EXPECT_TRUE(s.ok()) << s.message;
    for (auto &[row, value] : index.rows)
        EXPECT_EQ(seen.count(row), 1u) << row;
}

const uint64_t kSome[] = {1, 4, 9, 400};
const std::vector<std::vector<Condition>> kWheres = {
    {{How::equal, true, 0, 0, 3, nullptr}},
    {{How::less, true, 1, 0, 5, nullptr}},
    {{How::is_null, true, 1, 0, 0, nullptr}},
    {{How::any, true, 0, 4, 0, kSome}, {How::greater_equal, true, 1, 0, 3, nullptr}},
    {{How::equal, true, 2, 0, 1234, nullptr}},
    {{How::less, false, 2, 0, 40, nullptr}},
    {{How::greater, true, 2, 0, 1u << 30, nullptr}},
    {{How::not_null, true, 1, 0, 0, nullptr}, {How::less_equal, true, 2, 0, 2000, nullptr}},
};

void expect_matches(IvfIndex &index) {
    expect_columns(index);
    const Bytes query = index.fresh();
    for (size_t w = 0; w < kWheres.size(); ++w) {
        const filter::Predicate where{kWheres[w].data(), static_cast<uint32_t>(kWheres[w].size()), false};
        std::set<uint32_t> expected;
        std::vector<double> distances;
        for (auto &[row, value] : index.rows)
            if (where.test(index.attributes_of(row).data()) != filter::Verdict::no) {
                expected.insert(row);
                distances.push_back(index.shown(query, value));
            }
        std::sort(distances.begin(), distances.end());
        // All of them: from a few lists on, with and without memory, and in no order.
        for (const Bytes &ask : {query, Bytes{}})
            for (const size_t memory : {size_t{64} << 20, size_t{1}}) {
                auto with = IvfIndex::kAll;
                with.memory_limit = memory;
                const IvfIndex::Scan scan = index.scan(ask, SIZE_MAX, with, &where);
                size_t shown = 0; // where the index has the vectors it is the executor that leaves out dead rows
                for (uint32_t row : scan.rows) {
                    EXPECT_NE(where.test(index.attributes_of(row).data()), filter::Verdict::no) << w << " " << row;
                    shown += expected.count(row);
                }
                EXPECT_EQ(shown, expected.size()) << w << " " << memory;
                EXPECT_EQ(std::set<uint32_t>(scan.rows.begin(), scan.rows.end()).size(), scan.rows.size()) << w;
            }
        // The nearest ones come first when all lists are looked at.
        auto all = IvfIndex::kAll;
        all.probes = 10000;
        const IvfIndex::Scan near = index.scan(query, 10, all, &where);
        ASSERT_EQ(near.rows.size(), std::min<size_t>(10, expected.size())) << w;
        for (size_t i = 0; i < near.rows.size() && near.rows.size() == expected.size(); ++i)
            EXPECT_NEAR(near.distances[i], distances[i], 1e-4 * (1 + std::fabs(distances[i]))) << w << " " << i;
    }
}

void vacuum(IvfIndex &index, uint32_t every) {
    TestArena arena;
    std::set<uint32_t> dead;
    for (auto &[row, value] : index.rows)
        if (every > 0 && row % every == 0)
            dead.insert(row);
    for (uint32_t row : dead)
        index.rows.erase(row);
    ivf::VacuumCounters counters{};
    NoVectors vectors;
    Status s = ivf::bulk_delete(index.store, arena.arena, [&](hnsw::HeapTid tid) { return dead.count(row_of(tid)) > 0; }, &counters);
    EXPECT_TRUE(s.ok()) << s.message;
    s = ivf::clean_up(index.store, arena.arena, vectors, 16 << 20, &counters);
    EXPECT_TRUE(s.ok()) << s.message;
    index.store.now += 10;
}

std::vector<IvfIndex::Options> all_options() {
    IvfIndex::Options coded, none, kept, one_bit, sq8, pq;
    sq8.quantizer = QuantizerKind::sq8;
    pq.quantizer = QuantizerKind::pq;
    none.quantizer = QuantizerKind::none;
    kept.rerank = RerankKind::index;
    one_bit.bits = 1;
    std::vector<IvfIndex::Options> out = {coded, none, kept, one_bit, sq8, pq};
    for (IvfIndex::Options &options : out)
        options.attributes = 3;
    return out;
}

TEST(IvfAttributes, ConditionsLoseNothing) {
    for (const IvfIndex::Options &options : all_options()) {
        SCOPED_TRACE(testing::Message() << int(options.quantizer) << " " << int(options.rerank) << " " << options.bits);
        IvfIndex index(ElementType::f32, Metric::l2, 60, options);
        index.build_many(1500);
        expect_matches(index);
        index.insert_many(700);
        expect_matches(index);
        vacuum(index, 3); // packed
        expect_matches(index);
    }
}

// One list becomes many, whose rows are encoded anew; then rows of closing lists follow.
TEST(IvfAttributes, StayWithRowsThatMove) {
    for (const IvfIndex::Options &options : all_options()) {
        SCOPED_TRACE(testing::Message() << int(options.quantizer) << " " << int(options.rerank) << " " << options.bits);
        IvfIndex index(ElementType::f32, Metric::cosine, 60, options);
        index.build({});
        index.insert_many(2000);
        for (int round = 0; round < 3; ++round) {
            vacuum(index, 0);
            index.insert_many(50);
            expect_columns(index);
        }
        ivf::MetaRecord meta;
        ivf::Shape shape;
        ASSERT_TRUE(ivf::read_meta(index.store, &meta, &shape).ok());
        EXPECT_EQ(shape.attributes, 3);
        if (options.bits != 1) {
            EXPECT_GT(meta.lists, 5u);
        }
        expect_matches(index);
    }
}

// A scan that few rows pass looks at more lists before the first leaves, and needs no distance of the others.
TEST(IvfAttributes, FewRowsPass) {
    IvfIndex::Options options;
    options.attributes = 3;
    options.lists = 40;
    options.branches = 4;
    IvfIndex index(ElementType::f32, Metric::l2, 60, options);
    index.build_many(4000);
    const Bytes query = index.fresh();
    const Condition tenth{How::equal, true, 0, 0, 3, nullptr}, one{How::equal, true, 2, 0, 777, nullptr}, all{How::not_null, true, 0, 0, 0, nullptr};
    auto lists = [&](const Condition &condition, size_t rows, uint64_t *exact) {
        const filter::Predicate where{&condition, 1, false};
        const IvfIndex::Scan scan = index.scan(query, rows, IvfIndex::kAll, &where);
        EXPECT_EQ(scan.rows.size(), rows);
        *exact = scan.counters.exact;
        return scan.counters.lists;
    };
    uint64_t exact;
    EXPECT_EQ(lists(all, 5, &exact), 2u);
    const uint64_t some = lists(tenth, 5, &exact);
    EXPECT_GE(some, 4u);
    EXPECT_LE(some, 20u);
    EXPECT_EQ(lists(one, 1, &exact), 40u);
    EXPECT_EQ(exact, 1u);
}

// Without further columns not a byte of a page is another's; with them, they are all there is room lost to.
TEST(IvfAttributes, RoomOnAPage) {
    for (const QuantizerKind quantizer : {QuantizerKind::none, QuantizerKind::sq8, QuantizerKind::pq, QuantizerKind::rabitq}) {
        ivf::Shape without, with;
        ASSERT_EQ(ivf::choose_shape({ElementType::f32, Metric::l2, 96, quantizer, RerankKind::heap, 0}, IvfIndex::kBody, &without), nullptr);
        EXPECT_EQ(without.add_offset(), without.attributes_offset());
        EXPECT_EQ(without.attributes_size(), 0u);
        ASSERT_EQ(ivf::choose_shape({ElementType::f32, Metric::l2, 96, quantizer, RerankKind::heap, 0, 0, 4}, IvfIndex::kBody, &with), nullptr);
        EXPECT_LE(with.postings_end(), IvfIndex::kBody);
        EXPECT_LT(with.page_rows, without.page_rows);
        EXPECT_EQ(with.row_size(), without.row_size() + 40);
        EXPECT_NE(ivf::choose_shape({ElementType::f32, Metric::l2, 96, quantizer, RerankKind::heap, 0, 0, 32}, IvfIndex::kBody, &with), nullptr);
    }
}

// A condition on a column that the index has not is an error, not a look beside the page.
TEST(IvfAttributes, NoSuchColumn) {
    IvfIndex::Options options;
    options.attributes = 1;
    IvfIndex index(ElementType::f32, Metric::l2, 60, options);
    index.build_many(50);
    TestArena arena;
    ivf::Directory directory(arena.arena);
    index.load(&directory);
    const Bytes query = index.fresh();
    const Condition condition{How::equal, true, 1, 0, 3, nullptr};
    const filter::Predicate where{&condition, 1, false};
    IvfIndex::Heap heap{&index, query};
    TestSorter sorter;
    ivf::Stream<IvfStore, IvfIndex::Heap, TestSorter> stream(index.store, heap, sorter, arena.arena, directory, payload_of(query), IvfIndex::kAll, {},
                                                             &where);
    ivf::Row row;
    bool found;
    EXPECT_EQ(stream.next(&row, &found).code, Code::internal);
}

} // namespace
} // namespace vecx::test
