// What the sparsevec fuzz targets share: an arena over malloc, and what every accepted value must be.
#pragma once

#include <cstdlib>
#include <cstring>
#include <vector>

#include "types/sparse.hpp"

namespace vecx::types::fuzz {

inline void require(bool condition) {
    if (!condition)
        abort();
}

inline Arena malloc_arena() {
    return Arena{[](void *, size_t bytes) -> void * { return malloc(bytes); },
                 [](void *, void *pointer) { free(pointer); }, nullptr};
}

inline void require_well_formed(const SparseVector &v) {
    require(check_sparse_dim(v.dim).ok() && check_sparse_nnz(v.elements.nnz, v.dim).ok());
    require(check_sparse_indices(v.elements.indices, v.elements.nnz, v.dim).ok());
    for (int32_t i = 0; i < v.elements.nnz; ++i)
        require(check_sparse_element(v.elements.values[i]).ok() && v.elements.values[i] != 0);
    require(compare_sparse(v, v) == 0);
}

// An error has a code and words that end.
inline void require_error(const Status &s) {
    require(s.code != Code::internal && s.message[0] != '\0');
    require(memchr(s.message, 0, sizeof s.message) != nullptr && memchr(s.detail, 0, sizeof s.detail) != nullptr);
}

} // namespace vecx::types::fuzz
