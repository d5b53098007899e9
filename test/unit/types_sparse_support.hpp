// What the sparsevec tests share: values that own their elements, and an arena over malloc.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "types/sparse.hpp"

namespace vecx::types::test {

inline Arena malloc_arena() {
    return Arena{[](void *, size_t bytes) -> void * { return malloc(bytes); },
                 [](void *, void *pointer) { free(pointer); }, nullptr};
}

// Elements in vectors of exactly the size asked for, so that ASan sees a write past the capacity.
struct Value {
    explicit Value(int32_t capacity = 0)
        : indices(static_cast<size_t>(capacity)), values(static_cast<size_t>(capacity)),
          builder{indices.data(), values.data(), capacity, 0} {}
    Value(int32_t d, std::vector<int32_t> i, std::vector<float> v)
        : dim(d), indices(std::move(i)), values(std::move(v)),
          builder{indices.data(), values.data(), static_cast<int32_t>(indices.size()),
                  static_cast<int32_t>(indices.size())} {}
    Value(Value &&) = default; // moving a vector keeps its storage, so the builder stays right
    Value &operator=(Value &&) = default;
    Value(const Value &) = delete;

    SparseVector view() const { return {dim, SparseView{builder.indices, builder.values, builder.nnz}}; }

    std::vector<float> dense() const {
        std::vector<float> out(static_cast<size_t>(dim));
        for (int32_t i = 0; i < builder.nnz; ++i)
            out[static_cast<size_t>(builder.indices[i])] = builder.values[i];
        return out;
    }

    std::string text() const {
        std::string out = "{";
        for (int32_t i = 0; i < builder.nnz; ++i) {
            char buffer[64];
            snprintf(buffer, sizeof buffer, "%s%d:%.9g", i ? "," : "", builder.indices[i] + 1,
                     static_cast<double>(builder.values[i]));
            out += buffer;
        }
        return out + "}/" + std::to_string(dim);
    }

    int32_t dim = 0;
    std::vector<int32_t> indices;
    std::vector<float> values;
    SparseBuilder builder;
};

// The result of parsing a literal.
struct Parsed {
    Status status;
    Value value;
};

inline Parsed parse(const std::string &literal, int32_t typmod = -1) {
    Parsed p{Status{}, Value(sparse_text_capacity(literal.size()))};
    Arena arena = malloc_arena();
    p.status = parse_sparse(literal.c_str(), literal.size(), typmod, arena, &p.value.builder, &p.value.dim);
    return p;
}

// A value with elements that a test may count on.
inline Value value_of(const std::string &literal) {
    Parsed p = parse(literal);
    EXPECT_TRUE(p.status.ok()) << literal << ": " << p.status.message;
    return std::move(p.value);
}

// Small integers, about half of them zero: sums and products are exact, and collisions are frequent.
inline Value random_value(std::mt19937 &random, int32_t dim) {
    std::vector<int32_t> indices;
    std::vector<float> values;
    for (int32_t i = 0; i < dim; ++i) {
        int pick = static_cast<int>(random() % 11) - 5;
        if (pick != 0 && random() % 2) {
            indices.push_back(i);
            values.push_back(static_cast<float>(pick));
        }
    }
    return Value(dim, std::move(indices), std::move(values));
}

inline void expect_well_formed(const Value &v) {
    EXPECT_TRUE(check_sparse_dim(v.dim).ok());
    EXPECT_TRUE(check_sparse_nnz(v.builder.nnz, v.dim).ok());
    EXPECT_TRUE(check_sparse_indices(v.builder.indices, v.builder.nnz, v.dim).ok());
    for (int32_t i = 0; i < v.builder.nnz; ++i) {
        EXPECT_TRUE(check_sparse_element(v.builder.values[i]).ok());
        EXPECT_NE(v.builder.values[i], 0.0f);
    }
}

} // namespace vecx::types::test
