// A build for tests of scans: what either is made of has a `Row` of its own.
#include "hnsw/inlined/graph_write.hpp"
#include "hnsw/inlined/slabs.hpp"
#include "hnsw_support.hpp"

namespace vecx::hnsw::inlined {

Status build_attributed(test::MemoryStore &store, const Shape &shape, const std::vector<Payload> &values, const std::vector<uint64_t> &attributes);

Status build_attributed(test::MemoryStore &store, const Shape &shape, const std::vector<Payload> &values, const std::vector<uint64_t> &attributes) {
    struct Spill {
        std::vector<std::vector<uint8_t>> items;
        Status read(uint8_t, uint32_t number, uint8_t *out) {
            memcpy(out, items[number].data(), items[number].size());
            return Status{};
        }
    } spill;
    test::TestArena holder;
    FrameMaker maker(shape, holder.arena);
    for (const Payload &value : values)
        maker.add(value);
    const Frame frame = maker.make();
    const GraphOptions options{64, shape.places, shape.places, 1.2f, 8, true, 1u << 12, 1u << 8};
    std::vector<uint64_t> shared(Graph::shared_size(options) / 8 + 1);
    ArenaSlabs slabs(holder.arena, size_t{1} << 28);
    Graph graph(holder.arena, shape, frame, options, shared.data(), slabs.slabs());
    RowCoder coder(shape, frame, options.bits, holder.arena);
    for (size_t i = 0; i < values.size(); ++i) {
        coder.code(values[i], attributes.data() + 3 * i);
        EXPECT_EQ(graph.add(coder, test::tid_of(static_cast<uint32_t>(i)), 0,
                            [&] {
                                spill.items.emplace_back(coder.stored(), coder.stored() + RowCoder::stored_size(shape));
                                return static_cast<uint32_t>(spill.items.size() - 1);
                            }),
                  Graph::Added::node);
    }
    const Poll poll{[](void *, uint64_t, uint64_t) {}, nullptr};
    auto alone = [](const Array<uint32_t> &, uint32_t, auto make) { return make(); };
    return write_graph(holder.arena, graph, store, spill, store.body_size(), poll, poll, alone, [](uint32_t, uint64_t) {});
}

} // namespace vecx::hnsw::inlined
