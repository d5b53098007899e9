// Distances, arithmetic and comparison of the dense types. The distances run once for every row of an exact
// search: they allocate nothing and call the kernel in force.
#pragma once

#include "pg/types/dense.hpp"
#include "types/dense_math.hpp"

extern "C" {
#include "utils/varbit.h"
}

namespace vecx::pg {

template <class E, class Measure>
inline Datum measure(FunctionCallInfo fcinfo, Measure distance) {
    DenseArgument<E> a(PG_GETARG_DATUM(0)), b(PG_GETARG_DATUM(1));
    check_same_dim<E>(a, b);
    double result = distance(elements<E>(a.get()), elements<E>(b.get()), static_cast<size_t>(a->dim));
    a.release(); // a sort may keep the memory context for long
    b.release();
    PG_RETURN_FLOAT8(result);
}

template <class E>
Datum dense_l2_distance(FunctionCallInfo fcinfo) {
    return measure<E>(fcinfo, [](auto a, auto b, size_t n) { return std::sqrt(E::l2sq(a, b, n)); });
}

template <class E>
Datum dense_l2_squared_distance(FunctionCallInfo fcinfo) {
    return measure<E>(fcinfo, E::l2sq);
}

template <class E>
Datum dense_inner_product(FunctionCallInfo fcinfo) {
    return measure<E>(fcinfo, E::dot);
}

template <class E>
Datum dense_negative_inner_product(FunctionCallInfo fcinfo) {
    // Of integers, zero has no sign.
    return measure<E>(fcinfo, [](auto a, auto b, size_t n) { return (E::kIsFloat ? -0.0 : 0.0) - E::dot(a, b, n); });
}

template <class E>
Datum dense_cosine_distance(FunctionCallInfo fcinfo) {
    return measure<E>(fcinfo, E::cosine);
}

template <class E>
Datum dense_l1_distance(FunctionCallInfo fcinfo) {
    return measure<E>(fcinfo, E::l1);
}

// The angle between two vectors of length 1, as a part of a half turn.
template <class E>
Datum dense_spherical_distance(FunctionCallInfo fcinfo) {
    return measure<E>(fcinfo, [](auto a, auto b, size_t n) {
        double cosine = E::dot(a, b, n);
        if (cosine > 1)
            cosine = 1;
        else if (cosine < -1)
            cosine = -1;
        return std::acos(cosine) / M_PI;
    });
}

template <class E>
Datum dense_dims(FunctionCallInfo fcinfo) {
    PG_RETURN_INT32(dimension_of(PG_GETARG_DATUM(0)));
}

template <class E>
Datum dense_l2_norm(FunctionCallInfo fcinfo) {
    DenseArgument<E> x(PG_GETARG_DATUM(0));
    PG_RETURN_FLOAT8(types::l2_norm<E>(elements<E>(x.get()), static_cast<size_t>(x->dim)));
}

template <class E>
Datum dense_l2_normalize(FunctionCallInfo fcinfo) {
    DenseArgument<E> x(PG_GETARG_DATUM(0));
    DenseHeader *result = allocate_dense<E>(x->dim);
    check(types::l2_normalize<E>(elements<E>(x.get()), static_cast<size_t>(x->dim), elements<E>(result)));
    PG_RETURN_POINTER(result);
}

template <class E>
Datum dense_binary_quantize(FunctionCallInfo fcinfo) {
    DenseArgument<E> x(PG_GETARG_DATUM(0));
    VarBit *result = allocate_value<VarBit>(VARBITTOTALLEN(x->dim));
    VARBITLEN(result) = x->dim;
    types::binary_quantize<E>(elements<E>(x.get()), static_cast<size_t>(x->dim), VARBITS(result));
    PG_RETURN_VARBIT_P(result);
}

// (type, start integer, count integer)
template <class E>
Datum dense_subvector(FunctionCallInfo fcinfo) {
    DenseArgument<E> x(PG_GETARG_DATUM(0));
    types::Span span;
    check(types::find_span<E>(x->dim, PG_GETARG_INT32(1), PG_GETARG_INT32(2), &span));
    DenseHeader *result = allocate_dense<E>(span.count);
    memcpy(elements<E>(result), elements<E>(x.get()) + span.first,
           static_cast<size_t>(span.count) * sizeof(typename E::Stored));
    PG_RETURN_POINTER(result);
}

template <class E>
Datum dense_concat(FunctionCallInfo fcinfo) {
    DenseArgument<E> a(PG_GETARG_DATUM(0)), b(PG_GETARG_DATUM(1));
    DenseHeader *result = allocate_dense<E>(int64{a->dim} + b->dim);
    memcpy(elements<E>(result), elements<E>(a.get()), static_cast<size_t>(a->dim) * sizeof(typename E::Stored));
    memcpy(elements<E>(result) + a->dim, elements<E>(b.get()),
           static_cast<size_t>(b->dim) * sizeof(typename E::Stored));
    PG_RETURN_POINTER(result);
}

template <class E, class Operation>
inline Datum arithmetic(FunctionCallInfo fcinfo, Operation operation) {
    DenseArgument<E> a(PG_GETARG_DATUM(0)), b(PG_GETARG_DATUM(1));
    check_same_dim<E>(a, b);
    DenseHeader *result = allocate_dense<E>(a->dim);
    check(operation(elements<E>(a.get()), elements<E>(b.get()), static_cast<size_t>(a->dim), elements<E>(result)));
    PG_RETURN_POINTER(result);
}

// Also the transition and combine function of sum: then the left argument belongs to the aggregate, and the
// sum is made in its place unless it is stored in a form that had to be copied.
template <class E>
Datum dense_add(FunctionCallInfo fcinfo) {
    if (unlikely(fcinfo->context != nullptr) && AggCheckCallContext(fcinfo, nullptr) &&
        VARATT_IS_4B_U(DatumGetPointer(PG_GETARG_DATUM(0)))) {
        DenseHeader *sum = reinterpret_cast<DenseHeader *>(PG_GETARG_POINTER(0));
        check_undamaged<E>(sum);
        DenseArgument<E> x(PG_GETARG_DATUM(1));
        if (unlikely(sum->dim != x->dim))
            refuse_dims<E>(sum->dim, x->dim);
        check(types::add<E>(elements<E>(sum), elements<E>(x.get()), static_cast<size_t>(x->dim), elements<E>(sum)));
        PG_RETURN_POINTER(sum);
    }
    return arithmetic<E>(fcinfo, types::add<E>);
}

template <class E>
Datum dense_sub(FunctionCallInfo fcinfo) {
    return arithmetic<E>(fcinfo, types::subtract<E>);
}

template <class E>
Datum dense_mul(FunctionCallInfo fcinfo) {
    return arithmetic<E>(fcinfo, types::multiply<E>);
}

template <class E>
inline int compare_arguments(FunctionCallInfo fcinfo) {
    DenseArgument<E> a(PG_GETARG_DATUM(0)), b(PG_GETARG_DATUM(1));
    int order = types::compare<E>(elements<E>(a.get()), static_cast<size_t>(a->dim), elements<E>(b.get()),
                                  static_cast<size_t>(b->dim));
    a.release(); // comparisons in a sort or a btree share one memory context
    b.release();
    return order;
}

} // namespace vecx::pg
