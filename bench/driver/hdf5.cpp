// ann-benchmarks' HDF5 files through libhdf5's C interface, when it was there at build time.
#include "common.hpp"
#include "dataset.hpp"
#include "truth.hpp"

#ifdef HAVE_HDF5
#include <hdf5.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#endif

namespace vecx::bench {

#ifdef HAVE_HDF5

namespace {

// Reads at most `limit` (0: all) rows of a two-dimensional dataset as `type`.
template <typename T>
std::vector<T> read_table(hid_t file, const char *name, hid_t type, size_t limit, size_t *columns, bool *whole) {
    const hid_t table = H5Dopen2(file, name, H5P_DEFAULT);
    if (table < 0)
        throw Error(format("no dataset \"%s\" in the HDF5 file", name));
    const hid_t space = H5Dget_space(table);
    hsize_t size[2] = {0, 0};
    if (H5Sget_simple_extent_ndims(space) != 2)
        throw Error(format("dataset \"%s\" is not a table of vectors", name));
    H5Sget_simple_extent_dims(space, size, nullptr);
    *whole = limit == 0 || limit >= size[0];
    if (!*whole)
        size[0] = limit;
    const hsize_t start[2] = {0, 0};
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, size, nullptr);
    const hid_t memory = H5Screate_simple(2, size, nullptr);
    std::vector<T> values(size[0] * size[1]);
    const herr_t read = H5Dread(table, type, memory, space, H5P_DEFAULT, values.data());
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(table);
    if (read < 0)
        throw Error(format("cannot read dataset \"%s\"", name));
    *columns = size[1];
    return values;
}

// The string attribute "distance" of the file: euclidean, angular, ... ; euclidean when absent.
std::string read_distance(hid_t file) {
    if (H5Aexists(file, "distance") <= 0)
        return "euclidean";
    const hid_t attribute = H5Aopen(file, "distance", H5P_DEFAULT);
    const hid_t type = H5Aget_type(attribute);
    std::string text;
    if (H5Tis_variable_str(type) > 0) {
        char *value = nullptr;
        if (H5Aread(attribute, type, &value) >= 0 && value != nullptr) {
            text = value;
            H5free_memory(value);
        }
    } else {
        std::string buffer(H5Tget_size(type), '\0');
        if (H5Aread(attribute, type, buffer.data()) >= 0)
            text = buffer.c_str();
    }
    H5Tclose(type);
    H5Aclose(attribute);
    return text;
}

} // namespace

Dataset read_hdf5(const std::string &path, size_t rows, size_t queries) {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        throw Error("cannot open " + path + " as HDF5");
    Dataset set;
    set.name = path.substr(path.rfind('/') + 1);
    set.name = set.name.substr(0, set.name.rfind('.'));
    const std::string distance = read_distance(file);
    set.metric = distance == "angular" ? Metric::cosine : distance == "dot" ? Metric::inner_product : Metric::l2;
    if (distance != "angular" && distance != "dot" && distance != "euclidean")
        throw Error("the file's distance \"" + distance + "\" is none of euclidean, angular, dot");
    bool all_queries;
    set.base.values = read_table<float>(file, "train", H5T_NATIVE_FLOAT, rows, &set.base.dimensions, &set.whole);
    set.queries.values =
        read_table<float>(file, "test", H5T_NATIVE_FLOAT, queries, &set.queries.dimensions, &all_queries);
    if (set.whole && H5Lexists(file, "neighbors", H5P_DEFAULT) > 0) {
        size_t columns;
        const auto ids = read_table<int32_t>(file, "neighbors", H5T_NATIVE_INT32, queries, &columns, &all_queries);
        for (size_t at = 0; at + columns <= ids.size(); at += columns)
            set.neighbours.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(at),
                                        ids.begin() + static_cast<std::ptrdiff_t>(at + columns));
    }
    H5Fclose(file);
    return set;
}

namespace {

void write_table(hid_t file, const char *name, hid_t stored, hid_t type, size_t rows, size_t columns, const void *data) {
    const hsize_t size[2] = {rows, columns};
    const hid_t space = H5Screate_simple(2, size, nullptr);
    const hid_t table = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (table < 0 || H5Dwrite(table, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        throw Error(format("cannot write dataset \"%s\"", name));
    H5Dclose(table);
    H5Sclose(space);
}

// A file as ann-benchmarks writes them; h5py writes the distance as a string of variable length, other programs as
// one of fixed length.
void write_hdf5(const std::string &path, const Dataset &set, const char *distance, bool variable_length) {
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file < 0)
        throw Error("cannot write " + path);
    write_table(file, "train", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, set.base.rows(), set.base.dimensions,
                set.base.values.data());
    write_table(file, "test", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, set.queries.rows(), set.queries.dimensions,
                set.queries.values.data());
    std::vector<int32_t> ids;
    std::vector<float> distances;
    for (size_t q = 0; q < set.neighbours.size(); q++) {
        for (const int32_t id : set.neighbours[q]) {
            ids.push_back(id);
            distances.push_back(static_cast<float>(
                exact_distance(set.metric, set.queries.row(q), set.base.row(static_cast<size_t>(id)))));
        }
    }
    const size_t columns = set.neighbours.front().size();
    write_table(file, "neighbors", H5T_STD_I32LE, H5T_NATIVE_INT32, set.neighbours.size(), columns, ids.data());
    write_table(file, "distances", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, set.neighbours.size(), columns, distances.data());
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, variable_length ? H5T_VARIABLE : strlen(distance));
    const hid_t attribute = H5Acreate2(file, "distance", type, space, H5P_DEFAULT, H5P_DEFAULT);
    const herr_t written = variable_length ? H5Awrite(attribute, type, &distance) : H5Awrite(attribute, type, distance);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    if (H5Fclose(file) < 0 || written < 0)
        throw Error("cannot write " + path);
}

} // namespace

bool check_hdf5() {
    const std::string path = std::filesystem::temp_directory_path() / format("vecx-bench-%d.hdf5", getpid());
    bool good = true;
    const auto expect = [&](const char *what, bool right) {
        printf("%s HDF5: %s\n", right ? "ok  " : "FAIL", what);
        good = good && right;
    };
    const struct {
        const char *distance;
        Metric metric;
        bool variable_length;
    } kinds[] = {{"euclidean", Metric::l2, false}, {"angular", Metric::cosine, true}, {"dot", Metric::inner_product, true}};
    for (const auto &kind : kinds) {
        Dataset set = make_synthetic("rows=400 dim=17 queries=7 clusters=5 seed=3");
        set.metric = kind.metric;
        set.neighbours = nearest_rows(set, 20, {}, {});
        write_hdf5(path, set, kind.distance, kind.variable_length);
        const Dataset all = read_hdf5(path, 0, 0);
        expect(kind.distance, all.metric == kind.metric);
        expect("the rows and queries that were written", all.base.values == set.base.values &&
                                                             all.base.dimensions == 17 &&
                                                             all.queries.values == set.queries.values);
        expect("the neighbours that were written", all.neighbours == set.neighbours);
        const Truth truth = whole_truth(all, 10, "");
        double recall = 0;
        const auto found = nearest_rows(all, 10, {}, {});
        for (size_t q = 0; q < all.queries.rows(); q++)
            recall += recall_of(all, all.queries.row(q), found[q], truth.limits[q], truth.counts[q]);
        expect("brute force has recall 1 by the file's neighbours",
               recall == static_cast<double>(all.queries.rows()));
        const Dataset some = read_hdf5(path, 100, 3);
        expect("a part of the rows has no known neighbours",
               some.base.rows() == 100 && some.queries.rows() == 3 && some.neighbours.empty() && !some.whole);
    }
    std::filesystem::remove(path);
    return good;
}

#else

bool check_hdf5() {
    puts("skip HDF5: this driver was built without it");
    return true;
}

Dataset read_hdf5(const std::string &path, size_t, size_t) {
    throw Error(path + ": this driver was built without HDF5 (Debian: libhdf5-dev)");
}

#endif

} // namespace vecx::bench
