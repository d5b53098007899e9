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

// XX001 for a value whose length does not belong to its dimension: damage, refused before a byte beyond the value
// is touched.
template <class E>
[[noreturn]] __attribute__((cold, noinline)) void refuse_damaged(const DenseHeader *value) {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("damaged %s of dimension %d has %zu bytes", E::kName,
                                                            value->dim, static_cast<size_t>(VARSIZE(value)))));
    pg_unreachable();
}

template <class E>
inline void check_undamaged(const DenseHeader *value) {
    size_t size = VARSIZE(value);
    if (unlikely(size < sizeof(DenseHeader)))
        refuse_short(E::kName, size);
    if (unlikely(value->dim < 1 || size != types::value_size<E>(value->dim)))
        refuse_damaged<E>(value);
}

template <class E>
struct DenseArgument : Detoasted<DenseHeader> {
    explicit DenseArgument(Datum datum) : Detoasted(datum) { check_undamaged<E>(get()); }
};

template <class E>
inline void check_same_dim(const DenseArgument<E> &a, const DenseArgument<E> &b) {
    if (unlikely(a->dim != b->dim))
        refuse_dims<E>(a->dim, b->dim);
}

inline int32 dimension_of(Datum datum) { return first_field<int16>(datum); }

} // namespace vecx::pg
