// What the functions of all dense types share: arguments, results and the check of their dimensions.
#pragma once

#include "pg/types/datum.hpp"
#include "types/dense_check.hpp"
#include "types/element.hpp"

extern "C" {
#include "common/shortest_dec.h"
}

namespace vecx::pg {

using types::BF16;
using types::DenseHeader;
using types::F16;
using types::F32;
using types::I8;
using types::elements;

using DenseArgument = Detoasted<DenseHeader>;

// How the core prints floats: as PostgreSQL prints them with extra_float_digits = 1.
constexpr auto kFormatFloat = float_to_shortest_decimal_bufn;

// A value of `dim` elements, which the caller sets; 22000 or 54000 for a dimension that no value has.
template <class E>
DenseHeader *allocate_dense(int64 dim) {
    check(types::check_dim<E>(dim));
    DenseHeader *value = allocate_value<DenseHeader>(types::value_size<E>(static_cast<int32>(dim)));
    value->dim = static_cast<int16>(dim);
    value->unused = 0;
    return value;
}

template <class E>
[[noreturn]] __attribute__((cold, noinline)) void refuse_dims(int32 a, int32 b) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("different %s dimensions %d and %d", E::kName, a, b)));
    pg_unreachable();
}

template <class E>
inline void check_same_dim(const DenseArgument &a, const DenseArgument &b) {
    if (unlikely(a->dim != b->dim))
        refuse_dims<E>(a->dim, b->dim);
}

inline int32 dimension_of(Datum datum) { return first_field<int16>(datum); }

} // namespace vecx::pg
