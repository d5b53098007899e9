// Learning a codebook from rows of a sample: the range of sq8, the words of pq (k-means in each part of the coordinates,
// Lloyd's iterations from random rows), and how far bounds have to go.
#pragma once

#include "base/rng.hpp"
#include "quant/codebook.hpp"

namespace vecx::quant {

// Rows to learn from. None is needed: what is missing to kEnoughRows comes from a normal distribution, which is what rotated
// vectors are nearly like.
class Learner {
  public:
    static constexpr uint32_t kEnoughRows = 1024, kMostRows = 2048;
    static constexpr uint32_t kQueries = 32, kTestRows = 512; // the bounds are measured with

    // Called now and then: may not return.
    struct Poll {
        void (*call)(void *context) = nullptr;
        void *context = nullptr;
        void operator()() const {
            if (call != nullptr)
                call(context);
        }
    };

    // Memory: `bytes` at most, but enough for some rows. kind, n, code_dim: Codebook.
    Learner(CodeKind kind, uint32_t n, uint32_t code_dim, uint64_t seed, size_t bytes, Arena &arena);

    // How many rows and queries there is room for; more are ignored. Half of what was wanted is still good to have.
    uint32_t rows_wanted() const { return room_ + tests_room_; }
    uint32_t queries_wanted() const { return queries_room_; }

    // A row and the centre it is seen from, both rotated. Every so many of them are kept apart, to measure the bounds with.
    void add_row(const float *x, const float *centre);
    // A query, rotated, in the same place as the rows.
    void add_query(const float *rotated);

    // `words`: word_bytes() bytes.
    void learn(CodebookHead *head, int8_t *words, const Poll &poll);

  private:
    void fill_up();
    float find_clip(const Poll &poll);
    void find_words(int8_t *words, const Poll &poll);
    void measure(CodebookHead *head, const int8_t *words, const Poll &poll);
    float normal();

    CodeKind kind_;
    uint32_t n_, code_dim_;
    Rng rng_;
    Arena *arena_;
    uint32_t room_, tests_room_, queries_room_;
    uint32_t offered_ = 0, rows_ = 0, learnt_ = 0, tests_ = 0, queries_ = 0;
    float *units_; // rows of mean square 1
    float *test_;  // x and centre, one after the other
    float *query_;
};

} // namespace vecx::quant
