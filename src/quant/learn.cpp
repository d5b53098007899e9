// Learning a codebook. See learn.hpp.
#include "quant/learn.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "base/core_only.hpp"

namespace vecx::quant {

namespace {

constexpr uint32_t kIterations = 8;
constexpr uint32_t kLeastPairs = 2000; // fewer tell little of rare errors
// Shares of pairs whose true key may lie below their bound, and the deviations of a normal error for them.
constexpr double kMissedWords = 0.006, kMissedBytes = 0.0013;
constexpr float kNormalWords = 2.5f, kNormalBytes = 3.0f;
constexpr float kLeastDeviations = 1.5f;
constexpr uint32_t kMostRanked = 1 << 18; // coordinates that the range of sq8 is looked for in

double dot(const float *a, const float *b, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

} // namespace

Learner::Learner(CodeKind kind, uint32_t n, uint32_t code_dim, uint64_t seed, size_t bytes, Arena &arena)
    : kind_(kind), n_(n), code_dim_(code_dim), rng_(mix64(seed)), arena_(&arena) {
    const size_t row = n * sizeof(float), fits = bytes / row;
    // One part for the queries, three for rows and centres to test with, the rest to learn from.
    auto part = [&](size_t parts, uint32_t most, uint32_t least) {
        return static_cast<uint32_t>(std::clamp<size_t>(fits * parts / 16, least, most));
    };
    queries_room_ = part(1, kQueries, 8);
    tests_room_ = part(3, 2 * kTestRows, 16) / 2;
    room_ = part(12, kMostRows, 4 * kWords);
    units_ = arena.make_array<float>(size_t{room_} * n);
    test_ = arena.make_array<float>(size_t{tests_room_} * 2 * n);
    query_ = arena.make_array<float>(size_t{queries_room_} * n);
}

float Learner::normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i)
        sum += rng_.uniform();
    return static_cast<float>(sum);
}

void Learner::add_row(const float *x, const float *centre) {
    const uint32_t every = rows_wanted() / tests_room_;
    if (offered_++ % every == every - 1 && tests_ < tests_room_) {
        float *to = test_ + size_t{tests_++} * 2 * n_;
        memcpy(to, x, n_ * sizeof(float));
        memcpy(to + n_, centre, n_ * sizeof(float));
        return;
    }
    if (rows_ == room_)
        return;
    float *to = units_ + size_t{rows_} * n_;
    for (uint32_t i = 0; i < n_; ++i)
        to[i] = x[i] - centre[i];
    const double square = dot(to, to, n_);
    if (!(square > 0x1p-120 && square < 0x1p120))
        return;
    const float unit = static_cast<float>(std::sqrt(static_cast<double>(n_) / square));
    for (uint32_t i = 0; i < n_; ++i)
        to[i] *= unit;
    ++rows_;
}

void Learner::add_query(const float *rotated) {
    if (queries_ < queries_room_)
        memcpy(query_ + size_t{queries_++} * n_, rotated, n_ * sizeof(float));
}

void Learner::fill_up() {
    learnt_ = rows_;
    for (const uint32_t enough = std::min(kEnoughRows, room_); rows_ < enough; ++rows_)
        for (uint32_t i = 0; i < n_; ++i)
            units_[size_t{rows_} * n_ + i] = normal();
}

// The range whose code loses least: a smaller one has finer steps and clips more.
float Learner::find_clip(const Poll &poll) {
    const uint32_t wanted = std::min<uint32_t>(rows_, std::max<uint32_t>(kMostRanked / n_, 1));
    const size_t count = size_t{wanted} * n_;
    float *sizes = arena_->make_array<float>(count);
    for (size_t i = 0; i < count; ++i)
        sizes[i] = std::fabs(units_[i]);
    std::sort(sizes, sizes + count);
    poll();
    float best = sizes[count - 1];
    double least = DBL_MAX;
    for (double share : {1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 0.0}) {
        const float clip = std::clamp(sizes[count - 1 - static_cast<size_t>(share * static_cast<double>(count - 1))], 0.1f, 1e5f);
        const float step = clip / 127.0f;
        double lost = 0;
        for (size_t i = 0; i < count; ++i) {
            const float level = std::min(std::floor(sizes[i] / step + 0.5f), 127.0f), error = sizes[i] - step * level;
            lost += static_cast<double>(error) * static_cast<double>(error);
        }
        if (lost < least) {
            least = lost;
            best = clip;
        }
        poll();
    }
    arena_->give_back(sizes);
    return best;
}

void Learner::find_words(int8_t *words, const Poll &poll) {
    float word[kWords * kWords]; // coordinate j of word k at j * kWords + k
    double sums[kWords * kWords];
    uint32_t counts[kWords];
    float *points = arena_->make_array<float>(size_t{rows_} * code_dim_);
    for (uint32_t part = 0; part < n_ / code_dim_; ++part) {
        for (uint32_t r = 0; r < rows_; ++r)
            for (uint32_t j = 0; j < code_dim_; ++j)
                points[r * code_dim_ + j] = units_[size_t{r} * n_ + part * code_dim_ + j] * kWordUnit;
        auto take = [&](uint32_t k) {
            const uint32_t r = static_cast<uint32_t>(rng_.below(rows_));
            for (uint32_t j = 0; j < code_dim_; ++j)
                word[j * kWords + k] = points[r * code_dim_ + j];
        };
        for (uint32_t k = 0; k < kWords; ++k)
            take(k);
        for (uint32_t round = 0; round < kIterations; ++round) {
            memset(sums, 0, sizeof sums);
            memset(counts, 0, sizeof counts);
            for (uint32_t r = 0; r < rows_; ++r) {
                const float *point = points + r * code_dim_;
                float distance[kWords] = {};
                for (uint32_t j = 0; j < code_dim_; ++j)
                    for (uint32_t k = 0; k < kWords; ++k) {
                        const float d = word[j * kWords + k] - point[j];
                        distance[k] += d * d;
                    }
                uint32_t best = 0;
                for (uint32_t k = 1; k < kWords; ++k)
                    best = distance[k] < distance[best] ? k : best;
                ++counts[best];
                for (uint32_t j = 0; j < code_dim_; ++j)
                    sums[j * kWords + best] += static_cast<double>(point[j]);
            }
            for (uint32_t k = 0; k < kWords; ++k) {
                if (counts[k] == 0) {
                    take(k);
                    continue;
                }
                for (uint32_t j = 0; j < code_dim_; ++j)
                    word[j * kWords + k] = static_cast<float>(sums[j * kWords + k] / counts[k]);
            }
            poll();
        }
        for (uint32_t i = 0; i < code_dim_ * kWords; ++i)
            *words++ = static_cast<int8_t>(std::clamp(std::floor(word[i] + 0.5f), -127.0f, 127.0f));
    }
    arena_->give_back(points);
}

// How many units of error (codebook.hpp) there are between the estimate and the truth, for rows that nothing was learnt from.
void Learner::measure(CodebookHead *head, const int8_t *words, const Poll &poll) {
    const bool pq = kind_ == CodeKind::pq;
    head->deviations = pq ? kNormalWords : kNormalBytes;
    if (tests_ == 0 || queries_ == 0)
        return;
    const uint32_t bytes = word_bytes(kind_, n_);
    float *wide = arena_->make_array<float>(bytes + 1);
    for (uint32_t i = 0; i < bytes; ++i)
        wide[i] = static_cast<float>(words[i]);
    const Codebook book{*head, kind_, n_, code_dim_, wide};
    uint8_t *code = arena_->make_array<uint8_t>(code_bytes(kind_, n_, code_dim_));
    float *v = arena_->make_array<float>(n_), *o = arena_->make_array<float>(n_), *y = arena_->make_array<float>(n_);
    float *errors = arena_->make_array<float>(size_t{tests_} * queries_);
    size_t count = 0;
    for (uint32_t t = 0; t < tests_; ++t) {
        poll();
        const float *x = test_ + size_t{t} * 2 * n_, *centre = x + n_;
        const Factors f = encode_learnt(Form::ip, x, centre, book, o, code); // leaves o
        if (!(f.mul < 0) || !(f.fine_error > 0))
            continue;
        decode_learnt(book, code, v);
        for (uint32_t q = 0; q < queries_; ++q) {
            for (uint32_t i = 0; i < n_; ++i)
                y[i] = query_[size_t{q} * n_ + i] - centre[i];
            const double unit = static_cast<double>(f.fine_error) * std::sqrt(dot(y, y, n_));
            if (unit > 0)
                errors[count++] = static_cast<float>((dot(y, o, n_) + static_cast<double>(f.mul) * dot(y, v, n_)) / unit);
        }
    }
    if (count > 0) {
        // A bound is missed where the product is larger than was estimated.
        const size_t place = count - 1 - static_cast<size_t>((pq ? kMissedWords : kMissedBytes) * static_cast<double>(count - 1));
        std::nth_element(errors, errors + place, errors + count);
        const float found = std::clamp(errors[place], kLeastDeviations, kMostDeviations);
        head->deviations = count < kLeastPairs ? std::max(found, head->deviations) : found;
        head->pairs = static_cast<uint32_t>(count);
    }
    for (void *p : {static_cast<void *>(wide), static_cast<void *>(code), static_cast<void *>(v), static_cast<void *>(o), static_cast<void *>(y), static_cast<void *>(errors)})
        arena_->give_back(p);
}

void Learner::learn(CodebookHead *head, int8_t *words, const Poll &poll) {
    *head = CodebookHead{};
    fill_up();
    if (kind_ == CodeKind::sq8)
        head->clip = find_clip(poll);
    else
        find_words(words, poll);
    head->rows = learnt_;
    measure(head, words, poll);
    head->sum = codebook_sum(*head, words, word_bytes(kind_, n_));
    arena_->give_back(units_);
    arena_->give_back(test_);
    arena_->give_back(query_);
    units_ = test_ = query_ = nullptr;
    room_ = tests_room_ = queries_room_ = 0;
}

} // namespace vecx::quant
