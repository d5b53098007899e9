// ann-benchmarks' HDF5 files through libhdf5's C interface, when it was there at build time.
#include "common.hpp"
#include "dataset.hpp"

#ifdef HAVE_HDF5
#include <hdf5.h>
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

#else

Dataset read_hdf5(const std::string &path, size_t, size_t) {
    throw Error(path + ": this driver was built without HDF5 (Debian: libhdf5-dev)");
}

#endif

} // namespace vecx::bench
