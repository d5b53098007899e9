// The refusals that all dense types share, in the words that pgvector's clients know.
#pragma once

#include "base/status.hpp"
#include "types/element.hpp"

namespace vecx::types {

// 22000 or 54000 unless 1 <= dim <= kMaxDenseDim.
template <class E>
Status check_dim(int64_t dim) {
    if (dim < 1)
        return Status::make(Code::data_exception, "%s must have at least 1 dimension", E::kName);
    if (dim > kMaxDenseDim)
        return Status::make(Code::limit_exceeded, "%s cannot have more than %d dimensions", E::kName, kMaxDenseDim);
    return Status{};
}

// 22000 for an element that is not finite.
template <class E>
Status refuse_element(float value) {
    if (std::isnan(value))
        return Status::make(Code::data_exception, "NaN not allowed in %s", E::kName);
    return Status::make(Code::data_exception, "infinite value not allowed in %s", E::kName);
}

// PostgreSQL's words for its own float types.
inline Status overflow() { return Status::make(Code::out_of_range, "value out of range: overflow"); }
inline Status underflow() { return Status::make(Code::out_of_range, "value out of range: underflow"); }

} // namespace vecx::types
