#include "dataset.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

#include "common.hpp"

namespace vecx::bench {

namespace fs = std::filesystem;

namespace {

struct MetricNames {
    Metric metric;
    const char *name;
    const char *sql_operator;
    const char *opclass;
};

constexpr MetricNames kMetrics[] = {
    {Metric::l2, "l2", "<->", "l2"},
    {Metric::inner_product, "ip", "<#>", "ip"},
    {Metric::cosine, "cosine", "<=>", "cosine"},
    {Metric::l1, "l1", "<+>", "l1"},
};

const MetricNames &names_of(Metric metric) {
    return *std::find_if(std::begin(kMetrics), std::end(kMetrics),
                         [&](const MetricNames &names) { return names.metric == metric; });
}

// A file, or the output of the decompressor that its name asks for.
class Input {
  public:
    explicit Input(const std::string &path) : path_(path) {
        if (!fs::exists(path))
            throw Error("no such file: " + path);
        const char *tool = path.ends_with(".zst") ? "zstd -dcq" : path.ends_with(".gz") ? "gzip -dcq" : nullptr;
        pipe_ = tool != nullptr;
        file_ = pipe_ ? popen(format("%s %s 2>/dev/null", tool, shell_quote(path).c_str()).c_str(), "r") : fopen(path.c_str(), "rb");
        if (file_ == nullptr)
            throw Error("cannot open " + path);
    }
    ~Input() {
        if (file_ != nullptr)
            pipe_ ? pclose(file_) : fclose(file_);
    }
    Input(const Input &) = delete;
    Input &operator=(const Input &) = delete;

    // False at the end of the file; throws when it ends within the bytes wanted, or when the decompressor
    // failed. (One that is not read to its end may complain of a broken pipe: nobody cares.)
    bool read(void *into, size_t bytes) {
        const size_t got = fread(into, 1, bytes, file_);
        if (got == 0 && pipe_) {
            const int status = pclose(file_);
            file_ = nullptr;
            if (status != 0)
                throw Error("cannot decompress " + path_);
        }
        if (got != 0 && got != bytes)
            throw Error(path_ + " ends within a row");
        return got == bytes;
    }

    // The count before each row; false at the end.
    bool read_count(int32_t *count) {
        if (!read(count, sizeof *count))
            return false;
        if (*count < 1 || *count > 1 << 20)
            throw Error(format("%s: a row of %d elements; is this the right format?", path_.c_str(), *count));
        return true;
    }

  private:
    std::string path_;
    FILE *file_;
    bool pipe_;
};

std::string without_compression(const std::string &path) {
    const std::string extension = fs::path(path).extension();
    return extension == ".zst" || extension == ".gz" ? path.substr(0, path.size() - extension.size()) : path;
}

// The file of that stem in the directory, whatever its extension; "" when there is none.
std::string find_file(const std::string &directory, const std::string &stem) {
    for (const char *extension : {".fvecs", ".bvecs", ".ivecs"}) {
        for (const char *compression : {"", ".zst", ".gz"}) {
            const std::string path = directory + "/" + stem + extension + compression;
            if (fs::exists(path))
                return path;
        }
    }
    return "";
}

} // namespace

Metric parse_metric(const std::string &name) {
    for (const MetricNames &names : kMetrics) {
        if (name == names.name)
            return names.metric;
    }
    throw Error("metric \"" + name + "\" is none of l2, ip, cosine, l1");
}

const char *metric_name(Metric metric) { return names_of(metric).name; }
const char *metric_operator(Metric metric) { return names_of(metric).sql_operator; }
std::string metric_opclass(Metric metric, const std::string &type) {
    return type + "_" + names_of(metric).opclass + "_ops";
}

Matrix read_vectors(const std::string &path, size_t limit) {
    const bool bytes = without_compression(path).ends_with(".bvecs");
    if (!bytes && !without_compression(path).ends_with(".fvecs"))
        throw Error(path + ": neither .fvecs nor .bvecs");
    Input in(path);
    Matrix all;
    std::vector<uint8_t> row;
    for (int32_t count; (limit == 0 || all.rows() < limit || all.dimensions == 0) && in.read_count(&count);) {
        if (all.dimensions == 0)
            all.dimensions = static_cast<size_t>(count);
        if (all.dimensions != static_cast<size_t>(count))
            throw Error(path + ": rows of different lengths");
        const size_t at = all.values.size();
        all.values.resize(at + all.dimensions);
        row.resize(all.dimensions * (bytes ? 1 : sizeof(float)));
        if (!in.read(row.data(), row.size()))
            throw Error(path + " ends within a row");
        if (bytes)
            std::copy(row.begin(), row.end(), all.values.begin() + static_cast<std::ptrdiff_t>(at));
        else
            memcpy(all.values.data() + at, row.data(), row.size());
    }
    return all;
}

std::vector<std::vector<int32_t>> read_ivecs(const std::string &path, size_t limit) {
    Input in(path);
    std::vector<std::vector<int32_t>> rows;
    for (int32_t count; (limit == 0 || rows.size() < limit) && in.read_count(&count);) {
        rows.emplace_back(static_cast<size_t>(count));
        if (!in.read(rows.back().data(), rows.back().size() * sizeof(int32_t)))
            throw Error(path + " ends within a row");
    }
    return rows;
}

void write_ivecs(const std::string &path, const std::vector<std::vector<int32_t>> &rows) {
    const std::string temporary = path + ".tmp";
    FILE *file = fopen(temporary.c_str(), "wb");
    if (file == nullptr)
        throw Error("cannot write " + temporary);
    bool good = true;
    for (const std::vector<int32_t> &row : rows) {
        const int32_t count = static_cast<int32_t>(row.size());
        good = good && fwrite(&count, sizeof count, 1, file) == 1;
        good = good && fwrite(row.data(), sizeof(int32_t), row.size(), file) == row.size();
    }
    if (fclose(file) != 0 || !good)
        throw Error("cannot write " + temporary);
    fs::rename(temporary, path);
}

Dataset make_synthetic(const std::string &description) {
    std::map<std::string, double> given = {
        {"rows", 20000}, {"dim", 128}, {"queries", 500}, {"clusters", 200}, {"seed", 1}};
    for (const std::string &item : split(description, ' ')) {
        const size_t equals = item.find('=');
        if (equals == std::string::npos || !given.contains(item.substr(0, equals)))
            throw Error("synthetic: \"" + item + "\" is none of rows=, dim=, queries=, clusters=, seed=");
        given[item.substr(0, equals)] = to_number(item.substr(equals + 1), "synthetic");
    }
    const auto count_of = [&](const char *name) { return static_cast<size_t>(std::max(1.0, given[name])); };
    const size_t dimensions = count_of("dim"), clusters = count_of("clusters");
    Random random(static_cast<uint64_t>(given["seed"]));

    std::vector<float> spread(dimensions);
    for (size_t d = 0; d < dimensions; d++)
        spread[d] = 1.0f / std::sqrt(1.0f + static_cast<float>(d) / 8.0f);
    std::vector<float> centres(clusters * dimensions);
    for (size_t i = 0; i < centres.size(); i++)
        centres[i] = static_cast<float>(random.normal()) * spread[i % dimensions];

    const auto draw = [&](size_t rows) {
        Matrix matrix;
        matrix.dimensions = dimensions;
        matrix.values.resize(rows * dimensions);
        for (size_t i = 0; i < rows; i++) {
            const float *centre = &centres[random.below(clusters) * dimensions];
            for (size_t d = 0; d < dimensions; d++)
                matrix.values[i * dimensions + d] =
                    centre[d] + 0.7f * static_cast<float>(random.normal()) * spread[d];
        }
        return matrix;
    };
    Dataset set;
    set.name = format("synthetic-%zu-%zu", dimensions, count_of("rows"));
    set.base = draw(count_of("rows"));
    set.queries = draw(count_of("queries"));
    return set;
}

Dataset open_dataset(const DatasetOptions &options) {
    Dataset set;
    std::string truth = options.truth;
    if (!options.synthetic.empty()) {
        set = make_synthetic(options.synthetic);
    } else if (!options.hdf5.empty()) {
        set = read_hdf5(options.hdf5, options.rows, options.queries);
    } else {
        std::string base = options.base, query = options.query;
        if (!options.directory.empty()) {
            base = base.empty() ? find_file(options.directory, "base") : base;
            query = query.empty() ? find_file(options.directory, "query") : query;
            for (const MetricNames &names : kMetrics) {
                const std::string found = find_file(options.directory, std::string("groundtruth_") + names.name);
                if (truth.empty() && !found.empty() && (options.metric.empty() || options.metric == names.name)) {
                    truth = found;
                    set.metric = names.metric;
                }
            }
            set.name = fs::path(options.directory).filename();
        }
        if (base.empty() || query.empty())
            throw Error("no data: give --data DIRECTORY with base.* and query.*, or --base and --query, or --hdf5, "
                        "or --synthetic");
        if (set.name.empty())
            set.name = fs::path(without_compression(base)).stem();
        set.base = read_vectors(base, options.rows == 0 ? 0 : options.rows + 1); // one more tells whether some are left
        set.queries = read_vectors(query, options.queries);
    }
    if (options.rows != 0 && set.base.rows() > options.rows) {
        set.base.values.resize(options.rows * set.base.dimensions);
        set.whole = false;
    }
    if (options.queries != 0 && set.queries.rows() > options.queries)
        set.queries.values.resize(options.queries * set.queries.dimensions);
    if (set.base.dimensions != set.queries.dimensions || set.base.rows() == 0 || set.queries.rows() == 0)
        throw Error("base and queries must have rows of the same length");
    if (!options.metric.empty()) {
        if (parse_metric(options.metric) != set.metric && options.truth.empty())
            set.whole = false; // neighbours known for another metric do not apply
        set.metric = parse_metric(options.metric);
    }
    if (!truth.empty() && set.whole)
        set.neighbours = read_ivecs(truth, set.queries.rows());
    if (!set.whole)
        set.neighbours.clear();
    if (!options.name.empty())
        set.name = options.name;
    set.attributes = options.attributes;
    set.attribute_columns = options.attribute_columns;
    set.where = options.where;
    set.tenants = options.tenants;
    return set;
}

} // namespace vecx::bench
