// Data sets: base vectors, query vectors and, when the set has it, the ids of the exact neighbours.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vecx::bench {

enum class Metric { l2, inner_product, cosine, l1 };
Metric parse_metric(const std::string &name); // l2, ip, cosine, l1
const char *metric_name(Metric metric);
const char *metric_operator(Metric metric);             // <-> and so on
std::string metric_opclass(Metric metric, const std::string &type); // vector_l2_ops and so on

// Row-major vectors of one length.
struct Matrix {
    size_t dimensions = 0;
    std::vector<float> values;

    size_t rows() const { return dimensions == 0 ? 0 : values.size() / dimensions; }
    std::span<const float> row(size_t i) const { return {values.data() + i * dimensions, dimensions}; }
};

struct Dataset {
    std::string name;
    Metric metric = Metric::l2;
    Matrix base;
    Matrix queries;
    std::vector<std::vector<int32_t>> neighbours; // per query, nearest first; empty when not known
    std::string attributes, attribute_columns; // as in the options
    std::vector<std::string> where;
    std::string tenants;
    bool whole = true;                            // false when rows were left out: neighbours do not apply
};

struct DatasetOptions {
    std::string name;
    std::string directory; // holds base.*, query.*, groundtruth_METRIC.ivecs
    std::string base, query, truth, hdf5, synthetic;
    std::string metric;
    std::string attributes;         // TSV whose columns join the table
    std::string attribute_columns;  // "section:3,size:5:int8": name, column number from 1, type
    std::vector<std::string> where; // further filters for the filtered sweep
    std::string tenants;            // an expression over the attributes: whose row it is
    size_t rows = 0;    // 0: all
    size_t queries = 0; // 0: all
};

// Reads .fvecs, .bvecs (both also .zst, .gz); at most `limit` rows unless that is 0.
Matrix read_vectors(const std::string &path, size_t limit);
std::vector<std::vector<int32_t>> read_ivecs(const std::string &path, size_t limit);
void write_ivecs(const std::string &path, const std::vector<std::vector<int32_t>> &rows);

// "rows=20000 dim=128 queries=500 clusters=200 seed=1": a mixture of normal distributions whose spread
// falls from one axis to the next, as in real embeddings; the same values on every machine.
Dataset make_synthetic(const std::string &description);

// ann-benchmarks' format: datasets train, test, neighbors, attribute distance (hdf5.cpp).
Dataset read_hdf5(const std::string &path, size_t rows, size_t queries);
// Writes such files, reads them back and compares; prints a line each; false on failure, true without HDF5.
bool check_hdf5();

Dataset open_dataset(const DatasetOptions &options);

} // namespace vecx::bench
