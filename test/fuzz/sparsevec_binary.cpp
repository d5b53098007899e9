// Any message: it is refused, or gives a well-formed value that is sent as the same message.
#include "sparsevec_support.hpp"

using namespace vecx;
using namespace vecx::types;
using namespace vecx::types::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < kSparseBinaryHeaderSize)
        return 0;
    SparseBinaryHeader header = read_sparse_header(data);
    Status s = check_sparse_header(header, -1);
    if (!s.ok()) {
        require_error(s);
        return 0;
    }
    // The caller's check: PostgreSQL refuses messages that are too short or too long.
    if (size != kSparseBinaryHeaderSize + sparse_binary_body_size(header.nnz))
        return 0;
    std::vector<int32_t> indices(static_cast<size_t>(header.nnz));
    std::vector<float> values(static_cast<size_t>(header.nnz));
    SparseBuilder builder{indices.data(), values.data(), header.nnz, 0};
    s = read_sparse_body(data + kSparseBinaryHeaderSize, header, &builder);
    if (!s.ok()) {
        require_error(s);
        return 0;
    }
    SparseVector v{header.dim, SparseView{builder.indices, builder.values, builder.nnz}};
    require_well_formed(v);
    std::vector<uint8_t> sent(size);
    write_sparse(v, sent.data());
    require(memcmp(sent.data(), data, size) == 0);
    return 0;
}
