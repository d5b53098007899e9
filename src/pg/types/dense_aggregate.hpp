// The transition, combine and final functions of avg, and of sum where the type is too narrow to add up in.
// The state is pgvector's: float8[] {count, sums...}, {0} before the first value.
#pragma once

#include "pg/types/dense.hpp"
#include "types/dense_convert.hpp"

namespace vecx::pg {

struct SumState {
    ArrayType *array;
    double *values; // the count, then the sums
    int32 dim;      // 0 before the first value
};

// 22023 when `datum` is not such an array; the message names the function <type>_<verb>.
SumState open_sum_state(Datum datum, const char *type, const char *verb);

// A state with all values zero.
SumState make_sum_state(int32 dim);

// `state` itself where the calling aggregate owns it, otherwise a copy.
SumState writable_sum_state(const SumState &state, FunctionCallInfo fcinfo);

// (float8[], float8[])
Datum combine_sum_states(FunctionCallInfo fcinfo);

// (float8[], type)
template <class E>
Datum dense_accum(FunctionCallInfo fcinfo) {
    SumState state = open_sum_state(PG_GETARG_DATUM(0), E::kName, "accum");
    DenseArgument<E> x(PG_GETARG_DATUM(1));
    if (state.dim == 0) {
        double count = state.values[0];
        state = make_sum_state(x->dim);
        state.values[0] = count;
    } else {
        check_typmod(state.dim, x->dim);
        state = writable_sum_state(state, fcinfo);
    }
    state.values[0] += 1;
    check(types::accumulate<E>(elements<E>(x.get()), static_cast<size_t>(x->dim), state.values + 1));
    PG_RETURN_ARRAYTYPE_P(state.array);
}

template <class To>
inline Datum finish_sum_state(FunctionCallInfo fcinfo, bool average) {
    SumState state = open_sum_state(PG_GETARG_DATUM(0), To::kName, average ? "avg" : "sum");
    if (state.values[0] == 0) // SQL: of no values, NULL
        PG_RETURN_NULL();
    DenseHeader *result = allocate_dense<To>(state.dim);
    check(types::divide_sums<To>(state.values + 1, average ? state.values[0] : 1, static_cast<size_t>(state.dim),
                                 kFormatFloat, elements<To>(result)));
    PG_RETURN_POINTER(result);
}

// (float8[])
template <class To>
Datum dense_avg(FunctionCallInfo fcinfo) {
    return finish_sum_state<To>(fcinfo, true);
}
template <class To>
Datum dense_sum(FunctionCallInfo fcinfo) {
    return finish_sum_state<To>(fcinfo, false);
}

} // namespace vecx::pg
