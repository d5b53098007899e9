// Codes that are learnt. See codebook.hpp.
#include "quant/codebook.hpp"

#include <cfloat>
#include <cmath>
#include <cstring>

#include "base/rng.hpp"

#include "base/core_only.hpp"

namespace vecx::quant {

namespace {

// Sums of doubles go to lanes in turns, as in rabitq.cpp: the same on every level.
constexpr uint32_t kLanes = 8;
double sum_lanes(const double *lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

bool usable(double x) { return x >= -0x1p120 && x <= 0x1p120; }

constexpr uint8_t kTopEntry = 127; // of a table: two of them fit a byte

Factors boundless() {
    return Factors{.add = -FLT_MAX, .mul = 0, .fine_add = 0, .fine_mul = 0, .fine_error = FLT_MAX, .length = FLT_MAX};
}

// The word nearest to `u`, code_dim coordinates in units of words. The first of several.
uint32_t nearest_word(const float *words, const float *u, uint32_t code_dim) {
    float distance[kWords] = {};
    for (uint32_t j = 0; j < code_dim; ++j)
        for (uint32_t k = 0; k < kWords; ++k) {
            const float d = words[j * kWords + k] - u[j];
            distance[k] += d * d;
        }
    uint32_t best = 0;
    for (uint32_t k = 1; k < kWords; ++k)
        best = distance[k] < distance[best] ? k : best;
    return best;
}

} // namespace

uint64_t codebook_sum(const CodebookHead &head, const int8_t *words, uint32_t bytes) {
    CodebookHead rest = head;
    rest.sum = 0;
    uint64_t state = mix64(sizeof rest + bytes);
    auto add = [&](const void *data, size_t size) {
        const uint8_t *at = static_cast<const uint8_t *>(data);
        for (; size >= 8; at += 8, size -= 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            state = mix64(state ^ word);
        }
    };
    add(&rest, sizeof rest);
    add(words, bytes); // a multiple of 16
    return state;
}

const char *codebook_fault(CodeKind kind, const CodebookHead &head, const int8_t *words, uint32_t n) {
    if (head.sum != codebook_sum(head, words, word_bytes(kind, n)))
        return "codebook has a wrong checksum";
    if (!(head.deviations > 0 && head.deviations <= kMostDeviations))
        return "codebook with impossible bounds";
    if (kind == CodeKind::sq8 ? !(head.clip > 0x1p-20f && head.clip < 0x1p20f) : head.clip != 0)
        return "codebook with an impossible range";
    return nullptr;
}

Factors encode_learnt(Form form, const float *x, const float *centre, const Codebook &book, float *scratch, uint8_t *code) {
    const uint32_t n = book.n;
    double square_lanes[kLanes] = {}, dot_lanes[kLanes] = {};
    for (uint32_t i = 0; i < n; i += kLanes)
        for (uint32_t k = 0; k < kLanes; ++k) {
            const float o = x[i + k] - centre[i + k];
            scratch[i + k] = o;
            square_lanes[k] += static_cast<double>(o) * static_cast<double>(o);
            dot_lanes[k] += static_cast<double>(o) * static_cast<double>(centre[i + k]);
        }
    const double square = sum_lanes(square_lanes), centre_dot = sum_lanes(dot_lanes); // |o|^2, <c, o>
    memset(code, 0, code_bytes(book.kind, n, book.code_dim));
    // As in rabitq.cpp: too large to compute with, or the centre itself.
    if (!(square <= 0x1p120))
        return boundless();
    if (!(square > 0x1p-120))
        return Factors{};
    Factors f{};
    f.length = static_cast<float>(std::sqrt(square));
    const float unit = static_cast<float>(std::sqrt(static_cast<double>(n) / square)); // makes the mean square 1

    double along[kLanes] = {}, node[kLanes] = {}, length2[kLanes] = {};
    auto add = [&](uint32_t i, float v) {
        along[i % kLanes] += static_cast<double>(v) * static_cast<double>(scratch[i]);
        node[i % kLanes] += static_cast<double>(v) * static_cast<double>(centre[i]);
        length2[i % kLanes] += static_cast<double>(v) * static_cast<double>(v);
    };
    if (book.kind == CodeKind::sq8) {
        int8_t *bytes = reinterpret_cast<int8_t *>(code);
        kernels::active->quantise_i8(scratch, unit * (127.0f / book.head.clip), bytes, n);
        for (uint32_t i = 0; i < n; ++i)
            add(i, static_cast<float>(bytes[i]));
    } else {
        const float to_words = unit * kWordUnit;
        const uint32_t size = book.code_dim;
        const float *words = book.words;
        for (uint32_t m = 0, at = 0; at < n; ++m, at += size, words += size * kWords) {
            float u[kWords];
            for (uint32_t j = 0; j < size; ++j)
                u[j] = scratch[at + j] * to_words;
            const uint32_t k = nearest_word(words, u, size);
            code[m / 2] = static_cast<uint8_t>(code[m / 2] | k << (m % 2 * 4));
            for (uint32_t j = 0; j < size; ++j)
                add(at + j, words[j * kWords + k]);
        }
    }

    const double dot = sum_lanes(along), v2 = sum_lanes(length2);
    if (!(dot > 0)) { // no word is near: a codebook of other data
        Factors none = boundless();
        none.length = f.length;
        return none;
    }
    const double s = square / dot;
    const double sum = form == Form::l2 ? square + 2 * s * sum_lanes(node) : s * sum_lanes(node) - centre_dot;
    const double mul = form == Form::l2 ? -2 * s : -s;
    const double cosine2 = dot * dot / (v2 * square);
    const double error = std::fabs(mul) * std::sqrt(v2 * (cosine2 < 1 ? 1 - cosine2 : 0) / static_cast<double>(n - 1));
    if (!usable(sum) || !usable(mul) || !usable(error)) {
        Factors none = boundless();
        none.length = f.length;
        return none;
    }
    f.add = static_cast<float>(sum);
    f.mul = static_cast<float>(mul);
    f.fine_error = static_cast<float>(error);
    return f;
}

void decode_learnt(const Codebook &book, const uint8_t *code, float *v) {
    if (book.kind == CodeKind::sq8) {
        for (uint32_t i = 0; i < book.n; ++i)
            v[i] = static_cast<float>(static_cast<int8_t>(code[i]));
        return;
    }
    const float *words = book.words;
    for (uint32_t m = 0; m < book.n / book.code_dim; ++m)
        for (uint32_t j = 0; j < book.code_dim; ++j, words += kWords)
            *v++ = words[(code[m / 2] >> (m % 2 * 4)) & 15];
}

float learnt_length(const Codebook &book, float s, float unit, const uint8_t *code) {
    double v2 = 0;
    if (book.kind == CodeKind::sq8) {
        const int8_t *bytes = reinterpret_cast<const int8_t *>(code);
        v2 = static_cast<double>(kernels::active->dot_i8(bytes, bytes, book.n));
    } else {
        const uint32_t size = book.code_dim;
        for (uint32_t m = 0; m < book.n / size; ++m) {
            const float *word = book.words + static_cast<size_t>(m) * size * kWords + ((code[m / 2] >> (m % 2 * 4)) & 15);
            for (uint32_t j = 0; j < size; ++j)
                v2 += static_cast<double>(word[j * kWords]) * static_cast<double>(word[j * kWords]);
        }
    }
    // |o| = s <o, v> / |o| = s |v| cos(o, v), and `unit` is |v| sin(o, v) / sqrt(n - 1).
    const double across = static_cast<double>(unit) * static_cast<double>(unit) * static_cast<double>(book.n - 1);
    // A row that VACUUM has moved by its code alone has a larger unit than its code: less than is true, but not nothing.
    return s * static_cast<float>(std::sqrt(across < 0.9 * v2 ? v2 - across : 0.1 * v2));
}

LookupQuery prepare_lookup(const float *rotated, const Codebook &book, Arena &arena) {
    const uint32_t size = book.code_dim, codes = book.n / size, pairs = codes / 2;
    LookupQuery query{};
    query.pairs = pairs;
    uint8_t *room = arena.make_array<uint8_t>(64 + 32 * static_cast<size_t>(pairs));
    room += (64 - reinterpret_cast<uintptr_t>(room) % 64) % 64;
    query.tables = room;
    memset(room, 0, 32 * static_cast<size_t>(pairs));
    if (!(kernels::active->largest_f32(rotated, book.n) < 0x1p100f)) { // bounds of no use
        query.noise = 0x1p100f;
        return query;
    }
    float *products = arena.make_array<float>(kWords * static_cast<size_t>(codes)), *least = arena.make_array<float>(codes);
    float range = 0;
    double base = 0;
    const float *words = book.words;
    for (uint32_t m = 0; m < codes; ++m) {
        float *row = products + kWords * static_cast<size_t>(m);
        memset(row, 0, kWords * sizeof(float));
        for (uint32_t j = 0; j < size; ++j, words += kWords)
            for (uint32_t k = 0; k < kWords; ++k)
                row[k] += rotated[m * size + j] * words[k];
        float low = row[0], high = row[0];
        for (uint32_t k = 1; k < kWords; ++k) {
            low = row[k] < low ? row[k] : low;
            high = row[k] > high ? row[k] : high;
        }
        least[m] = low;
        base += static_cast<double>(low);
        range = high - low > range ? high - low : range;
    }
    query.base = static_cast<float>(base);
    query.step = range > 0x1p-100f ? range / kTopEntry : 0.0f;
    const float inverse = query.step > 0 ? 1.0f / query.step : 0.0f;
    for (uint32_t m = 0; m < codes; ++m) {
        uint8_t *table = room + kWords * static_cast<size_t>(m / 2 + m % 2 * pairs);
        for (uint32_t k = 0; k < kWords; ++k) {
            const int32_t entry = static_cast<int32_t>((products[kWords * static_cast<size_t>(m) + k] - least[m]) * inverse + 0.5f);
            table[k] = static_cast<uint8_t>(entry < kTopEntry ? entry : kTopEntry);
        }
    }
    // Rounded to a step, uniformly.
    query.noise = query.step * 0.28868f * std::sqrt(static_cast<float>(codes));
    arena.give_back(products);
    arena.give_back(least);
    return query;
}

void lookup_bounds(const LookupQuery &query, const Bounds &bounds, uint32_t groups, const uint8_t *codes, const uint16_t *add,
                   const uint16_t *mul, const uint16_t *unit, float *out) {
    constexpr uint32_t kGroups = 4, kRows = 16 * kGroups; // at a time
    const kernels::KernelTable &table = *kernels::active;
    const float first = query.base + bounds.deviations * query.noise, each = bounds.deviations * bounds.reach;
    while (groups > 0) {
        const uint32_t now = groups < kGroups ? groups : kGroups, rows = 16 * now;
        uint32_t sums[kRows];
        float a[kRows], m[kRows], u[kRows];
        table.lookup_sums(query.tables, codes, query.pairs, now, sums);
        table.f16_to_f32(add, a, rows);
        table.f16_to_f32(mul, m, rows);
        table.f16_to_f32(unit, u, rows);
        for (uint32_t i = 0; i < rows; ++i) {
            const float along = first + query.step * static_cast<float>(static_cast<int32_t>(sums[i])) + each * u[i];
            const float x = bounds.centre_key + bounds.add_scale * a[i] + bounds.mul_scale * m[i] * along;
            out[i] = x < FLT_MAX ? x : FLT_MAX;
        }
        groups -= now;
        codes += static_cast<size_t>(now) * 16 * query.pairs;
        add += rows;
        mul += rows;
        unit += rows;
        out += rows;
    }
}

float scalar_bound(const float *rotated, uint32_t n, const Bounds &bounds, const int8_t *code, float add, float mul, float error) {
    const float along = kernels::active->dot_f32_i8(rotated, code, 1.0f, n);
    const float x = bounds.centre_key + add + mul * along - bounds.deviations * bounds.reach * error;
    return x < FLT_MAX ? x : FLT_MAX;
}

} // namespace vecx::quant
