// Any bytes as the pages of an inverted file: searching, inserting, vacuum and the checker end with a Status or a sane answer,
// and read nothing outside a page. The first byte chooses the index, and between whole pages of input and a sound index with some
// bytes changed, which gets deeper.
#include <cstdlib>
#include <memory>
#include <vector>

#include "../unit/ivf_store.hpp"
#include "base/rng.hpp"
#include "ivf/build.hpp"
#include "ivf/check.hpp"
#include "ivf/info.hpp"
#include "ivf/insert.hpp"
#include "ivf/stream.hpp"
#include "ivf/vacuum.hpp"

using namespace vecx;
using vecx::test::IvfStore;

namespace {

constexpr uint32_t kBody = 2048 - 24;
constexpr uint64_t kPolls = 2000000; // a run that polls more often hangs
constexpr int kDim = 40;

struct FuzzArena {
    FuzzArena() : arena{allocate, release, this} {}
    ~FuzzArena() {
        for (void *p : live)
            free(p);
    }
    static void *allocate(void *self, size_t bytes) {
        VECX_REQUIRE(bytes < (size_t{64} << 20)); // nothing that pages say asks for much
        void *p = malloc(bytes + 1);
        VECX_REQUIRE(p != nullptr);
        static_cast<FuzzArena *>(self)->live.push_back(p);
        return p;
    }
    static void release(void *self, void *p) {
        std::vector<void *> &live = static_cast<FuzzArena *>(self)->live;
        for (size_t i = live.size(); i-- > 0;)
            if (live[i] == p) {
                live.erase(live.begin() + static_cast<long>(i));
                free(p);
                return;
            }
        VECX_REQUIRE(!"released what was not allocated");
    }
    std::vector<void *> live;
    Arena arena;
};

struct Sorted {
    struct Row {
        double low, high;
        ivf::HeapTid tid;
    };
    std::vector<Row> rows;
    size_t at = 0;
    void put(bool, double low, double high, ivf::HeapTid tid) { rows.push_back({low, high, tid}); }
    void finish() {}
    bool next(ivf::HeapTid *tid, double *low, double *high) {
        if (at == rows.size())
            return false;
        *tid = rows[at].tid;
        *low = rows[at].low;
        *high = rows[at++].high;
        return true;
    }
};
struct Heap {
    Status distance(ivf::HeapTid tid, double *d, bool *found) {
        *d = tid.offset;
        *found = tid.block_lo != 3;
        return Status{};
    }
};
struct Vectors {
    Status fetch(ivf::HeapTid, Payload *, bool *found) {
        *found = false;
        return Status{};
    }
};

void sane(const Status &s) { VECX_REQUIRE(s.ok() || s.code == Code::corrupted || s.code == Code::conflict); }
void built(const Status &s) { VECX_REQUIRE(s.ok()); }

std::vector<uint8_t> value_of(uint64_t seed, uint32_t size) {
    Rng rng(seed);
    std::vector<uint8_t> out(size);
    if (size == 4 * kDim) {
        for (int i = 0; i < kDim; ++i) {
            const float x = static_cast<float>(rng.below(2001)) / 1000 - 1;
            memcpy(out.data() + 4 * i, &x, 4);
        }
    } else {
        for (uint8_t &byte : out)
            byte = static_cast<uint8_t>(rng.next());
    }
    return out;
}

// A row's further columns; every third row has NULLs.
std::vector<uint64_t> attributes_of(uint32_t row) {
    std::vector<uint64_t> out(filter::attribute_words(filter::kMostAttributes), row);
    out[0] = row % 3 == 0 ? ~uint64_t{0} >> 33 : 0;
    for (size_t i = 1; row % 3 == 0 && i < out.size(); ++i)
        out[i] = 0;
    return out;
}

struct Kind {
    ivf::ShapeOptions options;
};

ivf::Shape shape_of(unsigned choice) {
    const Kind kinds[] = {
        {{ElementType::f32, Metric::l2, kDim, ivf::QuantizerKind::rabitq, ivf::RerankKind::heap, 4}},
        {{ElementType::f32, Metric::ip, kDim, ivf::QuantizerKind::rabitq, ivf::RerankKind::index, 2}},
        {{ElementType::i8, Metric::cosine, kDim, ivf::QuantizerKind::rabitq, ivf::RerankKind::heap, 1}},
        {{ElementType::f32, Metric::l1, kDim, ivf::QuantizerKind::none, ivf::RerankKind::heap, 0}},
        {{ElementType::f32, Metric::cosine, kDim, ivf::QuantizerKind::sq8, ivf::RerankKind::heap, 0}},
        {{ElementType::f32, Metric::l2, kDim, ivf::QuantizerKind::pq, ivf::RerankKind::heap, 2}},
        {{ElementType::i8, Metric::ip, kDim, ivf::QuantizerKind::pq, ivf::RerankKind::index, 1}},
        {{ElementType::f32, Metric::l2, kDim, ivf::QuantizerKind::sq8, ivf::RerankKind::index, 0}},
        {{ElementType::f32, Metric::l2, kDim, ivf::QuantizerKind::rabitq, ivf::RerankKind::heap, 4, 0, 2}},
        {{ElementType::f32, Metric::l2, kDim, ivf::QuantizerKind::none, ivf::RerankKind::heap, 0, 0, 1}},
    };
    ivf::Shape shape;
    VECX_REQUIRE(ivf::choose_shape(kinds[choice % std::size(kinds)].options, kBody, &shape) == nullptr);
    return shape;
}

void build(IvfStore &store, const ivf::Shape &shape) {
    FuzzArena arena;
    ivf::Builder<IvfStore> builder(store, arena.arena, shape);
    std::vector<float> x(kDim, 0.25f);
    built(builder.begin(x.data(), 3));
    built(builder.add_branch(x.data(), 2));
    built(builder.add_list(x.data()));
    x[0] = -1;
    built(builder.add_list(x.data()));
    built(builder.add_branch(x.data(), 1));
    built(builder.add_list(x.data()));
    built(builder.finish_directory());
    if (shape.learnt()) {
        ivf::CodebookTeacher teacher(shape, nullptr, 1, 1 << 16, arena.arena);
        std::vector<uint8_t> bytes(shape.codebook_size());
        teacher.learn(bytes.data(), {});
        built(builder.add_codebook(bytes.data()));
    }
    ivf::Directory directory(arena.arena);
    built(directory.load(store, builder.meta(), shape, 1 << 20));
    ivf::RowEncoder encoder(shape, directory.mean(), arena.arena, &directory.codebook());
    std::vector<uint64_t> row(shape.row_size() / 8);
    for (uint32_t list = 0; list < 3; ++list)
        VECX_REQUIRE(directory.for_each_list(store, list / 2, [&](const ivf::CentroidHead &head, const int8_t *code) {
            if (head.id != list)
                return;
            for (uint32_t i = 0; i < 40; ++i) {
                const std::vector<uint8_t> value = value_of(100 * list + i, shape.payload_size);
                encoder.place(Payload{value.data(), shape.payload_size});
                encoder.encode(head, code, Payload{value.data(), shape.payload_size}, reinterpret_cast<uint8_t *>(row.data()));
                put_row_attributes(shape, reinterpret_cast<uint8_t *>(row.data()), attributes_of(i).data());
                built(builder.add(list, ivf::HeapTid{0, static_cast<uint16_t>(list), static_cast<uint16_t>(i + 1)}, reinterpret_cast<uint8_t *>(row.data())));
            }
        }).ok());
    built(builder.finish({}));
}

void use(IvfStore &store, const ivf::Shape &expected) {
    FuzzArena arena;
    store.polls_left = kPolls;
    const std::vector<uint8_t> value = value_of(7, expected.payload_size);
    const Payload payload{value.data(), expected.payload_size};
    sane(ivf::check(store, arena.arena, [](const Status &) {}, [](ivf::HeapTid, const uint64_t *) {}));
    ivf::Info info;
    sane(ivf::collect_info(store, arena.arena, &info));
    ivf::MetaRecord meta;
    ivf::Shape shape;
    Status s = ivf::read_meta(store, &meta, &shape);
    sane(s);
    // The shell compares the metapage with the catalogs.
    if (!s.ok() || shape.type != expected.type || shape.dim != expected.dim || shape.metric != expected.metric ||
        shape.attributes != expected.attributes)
        return;
    ivf::Directory directory(arena.arena);
    s = directory.load(store, meta, shape, 1 << 20);
    sane(s);
    if (s.ok()) {
        Heap heap;
        Sorted sorter;
        const filter::Condition condition{filter::Condition::How::less, true, 0, 0, 30, nullptr};
        const filter::Predicate where{&condition, 1, false};
        ivf::Stream<IvfStore, Heap, Sorted> stream(store, heap, sorter, arena.arena, directory, payload,
                                                   ivf::StreamOptions{1, 0, true, 1 << 12, ivf::LateRows::after_all}, {},
                                                   shape.attributes > 0 ? &where : nullptr);
        bool found = true;
        for (uint32_t rows = 0; s.ok() && found; ++rows) {
            ivf::Row row;
            s = stream.next(&row, &found);
            VECX_REQUIRE(rows < 1000000);
        }
        sane(s);
        ivf::InsertState state(directory, arena.arena);
        for (uint16_t i = 0; i < 3; ++i) {
            bool stale;
            sane(ivf::insert(store, state, ivf::HeapTid{0, 9, static_cast<uint16_t>(i + 1)}, payload, &stale, attributes_of(i).data()));
            if (store.allocators()) // an error leaves the lock to the transaction's end
                store.unlock_allocation(false);
        }
    }
    ivf::VacuumCounters counters{};
    s = ivf::bulk_delete(store, arena.arena, [](ivf::HeapTid tid) { return tid.offset % 3 == 0; }, &counters);
    sane(s);
    if (!s.ok())
        return;
    Vectors vectors;
    sane(ivf::clean_up(store, arena.arena, vectors, 1 << 20, &counters));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    kernels::choose(kernels::best_level());
    const ivf::Shape shape = shape_of(data[0]);
    IvfStore store(kBody);
    if (data[0] & 0x80) {
        for (size_t at = 1; at < size && store.pages.size() < 16; at += kBody) {
            store.pages.push_back(IvfStore::Page(kBody / 8, 0));
            memcpy(store.pages.back().data(), data + at, size - at < kBody ? size - at : kBody);
        }
    } else {
        static std::vector<IvfStore::Page> sound[8];
        std::vector<IvfStore::Page> &pages = sound[data[0] % 8];
        if (pages.empty()) {
            build(store, shape);
            pages = store.pages;
        }
        store.pages = pages;
        store.free_blocks.clear();
        // Changes of three bytes of place and one of value.
        for (size_t at = 1; at + 4 <= size; at += 4) {
            const size_t place = (data[at] | data[at + 1] << 8 | data[at + 2] << 16) % (store.pages.size() * kBody);
            store.bytes(static_cast<uint32_t>(place / kBody))[place % kBody] = data[at + 3];
        }
    }
    use(store, shape);
    return 0;
}
