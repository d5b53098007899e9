// Damaged pages: whatever the bytes, an operation ends with a Status or a sane answer, and reads nothing outside the page (each
// access has its own copy, so the address sanitizer would see it).
#include "ivf/check.hpp"
#include "ivf/info.hpp"
#include "ivf/vacuum.hpp"
#include "ivf_support.hpp"

namespace vecx::test {
namespace {

struct NoVectors {
    Status fetch(hnsw::HeapTid, Payload *, bool *found) {
        *found = false;
        return Status{};
    }
};

bool sane(const Status &s) { return s.ok() || s.code == Code::corrupted || s.code == Code::conflict; }

void use(IvfIndex &index, const Bytes &value) {
    index.store.polls_left = 3000000;
    TestArena arena;
    Status s = ivf::check(index.store, arena.arena, [](const Status &) {}, [](hnsw::HeapTid, const uint64_t *) {});
    EXPECT_TRUE(sane(s)) << s.message;
    ivf::Info info;
    s = ivf::collect_info(index.store, arena.arena, &info);
    EXPECT_TRUE(sane(s)) << s.message;
    ivf::MetaRecord meta;
    ivf::Shape shape;
    s = ivf::read_meta(index.store, &meta, &shape);
    EXPECT_TRUE(sane(s)) << s.message;
    // The shell compares the metapage with the catalogs before anything else.
    if (s.ok() && shape.type == index.shape.type && shape.dim == index.shape.dim && shape.metric == index.shape.metric &&
        shape.attributes == index.shape.attributes) {
        ivf::Directory directory(arena.arena);
        s = directory.load(index.store, meta, shape, 1 << 20);
        EXPECT_TRUE(sane(s)) << s.message;
        if (s.ok()) {
            for (size_t limit : {size_t{3}, SIZE_MAX}) {
                IvfIndex::Heap heap{&index, value};
                TestSorter sorter;
                ivf::StreamOptions options{2, 0, true, limit == 3 ? size_t{1} << 20 : size_t{0}, ivf::LateRows::after_all};
                const filter::Condition condition{filter::Condition::How::less, true, 1, 0, 5, nullptr};
                const filter::Predicate where{&condition, 1, false};
                ivf::Stream<IvfStore, IvfIndex::Heap, TestSorter> stream(index.store, heap, sorter, arena.arena, directory, payload_of(value), options,
                                                                         {}, shape.attributes > 1 ? &where : nullptr);
                ivf::Row row;
                bool found = true;
                size_t rows = 0;
                while (s.ok() && found && rows < limit) {
                    s = stream.next(&row, &found);
                    ASSERT_LT(++rows, 100000u);
                }
                EXPECT_TRUE(sane(s)) << s.message;
            }
            ivf::InsertState state(directory, arena.arena);
            bool stale;
            s = ivf::insert(index.store, state, tid_of(7000), payload_of(value), &stale, index.attributes_of(7000).data());
            EXPECT_TRUE(sane(s)) << s.message;
            if (index.store.allocators()) // an error leaves the lock to the transaction's end
                index.store.unlock_allocation(false);
        }
        ivf::VacuumCounters counters{};
        s = ivf::bulk_delete(index.store, arena.arena, [](hnsw::HeapTid tid) { return row_of(tid) % 3 == 0; }, &counters);
        EXPECT_TRUE(sane(s)) << s.message;
        if (s.ok()) {
            NoVectors vectors;
            s = ivf::clean_up(index.store, arena.arena, vectors, 1 << 20, &counters);
            EXPECT_TRUE(sane(s)) << s.message;
        }
    }
    index.store.polls_left = 0;
}

void flip(IvfIndex &index, uint64_t step) {
    Rng dice(3);
    const std::vector<IvfStore::Page> sound = index.store.pages;
    const Bytes value = index.fresh();
    for (uint64_t at = 0; at < sound.size() * IvfIndex::kBody; at += 1 + dice.below(step)) {
        index.store.pages = sound;
        index.store.free_blocks.clear();
        uint8_t *byte = index.store.bytes(static_cast<uint32_t>(at / IvfIndex::kBody)) + at % IvfIndex::kBody;
        if (at % IvfIndex::kBody > 200 && dice.below(8) != 0)
            continue; // heads matter most
        *byte = dice.below(2) == 0 ? static_cast<uint8_t>(~*byte) : static_cast<uint8_t>(*byte ^ (1u << dice.below(8)));
        use(index, value);
        if (testing::Test::HasFailure())
            FAIL() << "byte " << at % IvfIndex::kBody << " of block " << at / IvfIndex::kBody;
    }
}

TEST(IvfCorrupt, Coded) {
    IvfIndex index(ElementType::f32, Metric::l2, 70, {});
    index.build_many(60);
    flip(index, 60);
}

TEST(IvfCorrupt, Attributes) {
    IvfIndex::Options options;
    options.attributes = 3;
    options.lists = 3;
    IvfIndex index(ElementType::f32, Metric::l2, 70, options);
    index.build_many(60);
    flip(index, 60);
}

TEST(IvfCorrupt, None) {
    IvfIndex::Options options;
    options.quantizer = ivf::QuantizerKind::none;
    options.lists = 3;
    IvfIndex index(ElementType::f16, Metric::cosine, 50, options);
    index.build_many(60);
    flip(index, 60);
}

TEST(IvfCorrupt, Bytes) {
    IvfIndex::Options options;
    options.quantizer = ivf::QuantizerKind::sq8;
    options.lists = 3;
    IvfIndex index(ElementType::f32, Metric::l2, 70, options);
    index.build_many(60);
    flip(index, 60);
}

TEST(IvfCorrupt, Words) {
    IvfIndex::Options options;
    options.quantizer = ivf::QuantizerKind::pq;
    options.lists = 3;
    IvfIndex index(ElementType::f32, Metric::ip, 70, options);
    index.build_many(60);
    flip(index, 60);
}

// Whatever happens to a codebook, scan, insert, VACUUM and the checker say so: its words would move every row.
TEST(IvfCorrupt, CodebookIsNeverBelieved) {
    for (ivf::QuantizerKind quantizer : {ivf::QuantizerKind::sq8, ivf::QuantizerKind::pq}) {
        IvfIndex::Options options;
        options.quantizer = quantizer;
        IvfIndex index(ElementType::f32, Metric::l2, 200, options);
        index.build_many(60);
        const std::vector<IvfStore::Page> sound = index.store.pages;
        ivf::MetaRecord meta;
        ivf::Shape shape;
        ASSERT_TRUE(ivf::read_meta(index.store, &meta, &shape).ok());
        auto refused = [&](uint32_t block) {
            TestArena arena;
            ivf::Directory directory(arena.arena);
            const Status load = directory.load(index.store, meta, shape, 1 << 20);
            const Status check = ivf::check(index.store, arena.arena, [](const Status &) {}, [](hnsw::HeapTid, const uint64_t *) {});
            EXPECT_EQ(load.code, Code::corrupted);
            EXPECT_EQ(check.code, Code::corrupted);
            EXPECT_EQ(load.block, block);
        };
        const size_t low = sizeof(ivf::PageHead), high = low + shape.codebook_size();
        for (size_t at = low; at < high; at += 1 + at % 7) {
            index.store.pages = sound;
            index.store.bytes(meta.codebook.block)[at] ^= 0x10;
            refused(meta.codebook.block);
        }
        index.store.pages = sound;
        reinterpret_cast<ivf::PageHead *>(index.store.bytes(meta.codebook.block))->low = sizeof(ivf::PageHead); // empty
        refused(meta.codebook.block);
    }
}

TEST(IvfCorrupt, VectorsInTheIndex) {
    IvfIndex::Options options;
    options.rerank = ivf::RerankKind::index;
    options.lists = 3;
    IvfIndex index(ElementType::f32, Metric::ip, 200, options);
    index.build_many(60);
    flip(index, 60);
}

} // namespace
} // namespace vecx::test
