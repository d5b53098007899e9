// Any text: it is refused, or gives a well-formed value whose own text gives the value again.
#include <string>

#include "sparsevec_support.hpp"

using namespace vecx;
using namespace vecx::types;
using namespace vecx::types::fuzz;

namespace {

struct Storage {
    explicit Storage(size_t length)
        : capacity(sparse_text_capacity(length)), indices(static_cast<size_t>(capacity)),
          values(static_cast<size_t>(capacity)), builder{indices.data(), values.data(), capacity, 0} {}

    SparseVector view() const { return {dim, SparseView{builder.indices, builder.values, builder.nnz}}; }

    int32_t capacity;
    std::vector<int32_t> indices;
    std::vector<float> values;
    SparseBuilder builder;
    int32_t dim = 0;
};

Status parse(const std::string &text, Storage *out) {
    Arena arena = malloc_arena();
    return parse_sparse(text.c_str(), text.size(), -1, arena, &out->builder, &out->dim);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string text(reinterpret_cast<const char *>(data), strnlen(reinterpret_cast<const char *>(data), size));
    text.shrink_to_fit();
    Storage value(text.size());
    Status s = parse(text, &value);
    if (!s.ok()) {
        require_error(s);
        return 0;
    }
    SparseVector v = value.view();
    require_well_formed(v);

    std::string printed = "{";
    for (int32_t i = 0; i < v.elements.nnz; ++i) {
        char element[64];
        snprintf(element, sizeof element, "%s%d:%.9g", i > 0 ? "," : "", v.elements.indices[i] + 1,
                 static_cast<double>(v.elements.values[i]));
        printed += element;
    }
    printed += "}/" + std::to_string(v.dim);
    Storage again(printed.size());
    require(parse(printed, &again).ok());
    require(compare_sparse(v, again.view()) == 0 && again.view().elements.nnz == v.elements.nnz);
    return 0;
}
