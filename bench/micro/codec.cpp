// Times what the inlined layouts compute, through hnsw/inlined/codec.hpp, on every level of this CPU. Prints Markdown.
// README.md of src/kernels has figures.
//
//   codec [DIMENSION ...]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/rng.hpp"
#include "hnsw/inlined/codec.hpp"
#include "kernels/convert.hpp"

using namespace vecx;
using namespace vecx::hnsw;
using namespace vecx::hnsw::inlined;

namespace {

constexpr size_t kMemory = 256u << 20; // beyond every cache
volatile float sink;

// An arena that starts over when it is full: queries are made again and again.
alignas(64) uint8_t pool[1 << 22];
size_t used;
void *allocate(void *, size_t bytes) {
    if (used + bytes > sizeof pool)
        used = 0;
    void *at = pool + used;
    used += (bytes + 63) / 64 * 64;
    return at;
}
void release(void *, void *) {}

double now_ns() {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The least of 60 times: what else the machine does only adds.
template <class F>
double time_ns(int calls, F f) {
    double least = 1e18;
    for (int round = 0; round < 60; ++round) {
        double start = now_ns();
        for (int i = 0; i < calls; ++i)
            f(static_cast<size_t>(i));
        least = std::min(least, (now_ns() - start) / calls);
    }
    return least;
}

void measure(const Shape &shape, uint8_t *memory) {
    const size_t size = (shape.record_size(shape.places) + 15) / 16 * 16 + 8, count = kMemory / size;
    const size_t dim = static_cast<size_t>(shape.dim), n = shape.rotated_dim();
    Rng rng(1);
    for (size_t i = 0; i + 8 <= kMemory; i += 8) {
        uint64_t x = rng.next();
        memcpy(memory + i, &x, 8);
    }
    auto record = [&](size_t i) { return edit_record(memory + i * size, shape, shape.places); };
    auto view = [&](size_t i) {
        auto e = record(i);
        return inlined::NodeView{e.head, e.tids, e.links, e.add, e.mul, e.codes, e.own};
    };
    for (size_t i = 0; i < count; ++i) {
        auto e = record(i);
        memset(static_cast<void *>(e.head), 0, sizeof(Head));
        e.head->places = static_cast<uint8_t>(shape.places);
        e.head->own_scale = e.head->add_scale = e.head->mul_scale = 1;
        for (size_t k = 0; k < 2u * shape.places; ++k)
            e.add[k] = float_to_f16(static_cast<float>(rng.uniform()));
        if (shape.own == OwnKind::f16)
            for (size_t k = 0; k < dim; ++k)
                reinterpret_cast<uint16_t *>(e.own)[k] = static_cast<uint16_t>(0x3000 + rng.below(0xC00));
    }
    std::vector<uint32_t> order(1 << 16);
    for (uint32_t &i : order)
        i = static_cast<uint32_t>(rng.below(count));
    std::vector<float> x(dim), y(dim), rx(n), ry(n), to(n);
    for (size_t i = 0; i < dim; ++i) {
        x[i] = static_cast<float>(rng.uniform());
        y[i] = static_cast<float>(rng.uniform());
    }
    rotate(shape, x.data(), rx.data());
    rotate(shape, y.data(), ry.data());
    std::vector<int8_t> cx(n), cy(n);
    const Coarse a = encode_coarse(shape, rx.data(), cx.data()), b = encode_coarse(shape, ry.data(), cy.data());
    std::vector<uint64_t> code(shape.code_words);
    std::vector<uint8_t> own(shape.own_size());
    const Payload payload{reinterpret_cast<const uint8_t *>(x.data()), static_cast<uint32_t>(4 * dim)};
    Arena arena{allocate, release, nullptr};

    printf("\n### %d dimensions, %d places, %d words: ns\n\n", shape.dim, shape.places, shape.code_words);
    printf("| level | sweep, hot | own key, hot | both, cold | prepare_query | rotate | encode_neighbour | from int8 | "
           "coarse_distance2 | encode_coarse | encode_own | norm_of | payload_hash |\n");
    printf("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (kernels::Level level : {kernels::Level::scalar, kernels::Level::x86_v2, kernels::Level::avx2,
                                 kernels::Level::avx512, kernels::Level::neon}) {
        if (!kernels::choose(level))
            continue;
        const Query query = prepare_query(shape, payload, arena);
        const inlined::NodeView hot[2] = {view(order[0]), view(order[1])};
        float out[kMaxPlaces], add, mul;
        Head head;
        size_t at = 0;
        double sweep = time_ns(500, [&](size_t i) {
            estimate(shape, query, hot[i & 1], 1, out);
            sink = out[0];
        });
        double key = time_ns(500, [&](size_t i) { sink = own_key(shape, query, *hot[i & 1].head, hot[i & 1].own); });
        double cold = time_ns(1000, [&](size_t) {
            inlined::NodeView node = view(order[at++ % order.size()]);
            estimate(shape, query, node, own_key(shape, query, *node.head, node.own), out);
            sink = out[0];
        });
        double prepare = time_ns(20, [&](size_t) { sink = prepare_query(shape, payload, arena).norm; });
        double turn = time_ns(20, [&](size_t) { rotate(shape, x.data(), to.data()); });
        double encode = time_ns(100, [&](size_t) {
            encode_neighbour(shape, Placed{rx.data(), 1}, Placed{ry.data(), 1}, 1, &add, &mul, code.data());
        });
        double encode_i8 = time_ns(100, [&](size_t) {
            encode_neighbour_coarse(shape, a, cx.data(), b, cy.data(), 1, &add, &mul, code.data());
        });
        double distance = time_ns(500, [&](size_t) { sink = coarse_distance2(shape, a, cx.data(), b, cy.data()); });
        double coarse = time_ns(100, [&](size_t) { sink = encode_coarse(shape, rx.data(), cx.data()).norm2; });
        double store = time_ns(100, [&](size_t) { encode_own(shape, x.data(), own.data(), &head); });
        double norm = time_ns(100, [&](size_t) { sink = norm_of(shape, x.data()); });
        double hash = time_ns(100, [&](size_t) { sink = static_cast<float>(payload_hash(payload)); });
        printf("| %s | %.1f | %.1f | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f | %.0f | %.0f | %.0f | %.0f |\n",
               kernels::active->name, sweep, key, cold, prepare, turn, encode, encode_i8, distance, coarse, store, norm,
               hash);
        fflush(stdout);
    }
}

} // namespace

int main(int argc, char **argv) {
    std::vector<int32_t> dims;
    for (int i = 1; i < argc; ++i)
        dims.push_back(atoi(argv[i]));
    if (dims.empty())
        dims = {784, 128};
    uint8_t *memory = static_cast<uint8_t *>(aligned_alloc(4096, kMemory));
    if (memory == nullptr)
        return 1;
    for (int32_t dim : dims) {
        Shape shape;
        if (choose_shape(LayoutKind::inlined, ElementType::f32, Metric::l2, dim, 16, 8192 - 24, &shape))
            measure(shape, memory);
    }
    free(memory);
    return 0;
}
