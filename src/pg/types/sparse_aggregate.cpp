// avg(sparsevec). Its state is internal, so that no SQL can hand a made-up one in; it travels from a
// parallel worker to the leader as bytes, in the machine's own format.
#include <new>

#include "pg/export.hpp"
#include "pg/memory.hpp"
#include "pg/types/sparse_datum.hpp"
#include "types/sparse_sum.hpp"

using namespace vecx;
using namespace vecx::pg;

namespace {

// The arrays of `sum` point to `arena`, so the two live together.
struct State {
    explicit State(MemoryContext context) : arena(arena_over(context)), sum(arena) {}

    Arena arena;
    types::SparseSum sum;
};
static_assert(std::is_trivially_destructible_v<State>);

// Behind the varlena length word: this, int32 indices[nnz], double sums[nnz].
struct Serialized {
    int64 count;
    int32 dim;
    int32 nnz;
};

MemoryContext aggregate_context(FunctionCallInfo fcinfo) {
    MemoryContext context;
    if (!AggCheckCallContext(fcinfo, &context))
        elog(ERROR, "aggregate function called in non-aggregate context");
    return context;
}

State *new_state(MemoryContext context) { return new (MemoryContextAlloc(context, sizeof(State))) State(context); }

State *state_argument(FunctionCallInfo fcinfo, int n) {
    return fcinfo->args[n].isnull ? nullptr : reinterpret_cast<State *>(fcinfo->args[n].value);
}

} // namespace

VECX_FUNCTION(vecx_sparsevec_accum) {
    MemoryContext context = aggregate_context(fcinfo);
    State *state = state_argument(fcinfo, 0);
    if (!PG_ARGISNULL(1)) {
        if (state == nullptr)
            state = new_state(context);
        SparseArg arg(PG_GETARG_DATUM(1));
        types::SparseVector v = view(arg);
        check_undamaged(v);
        check(types::add_to_sum(&state->sum, v));
    }
    if (state == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(state);
}

VECX_FUNCTION(vecx_sparsevec_combine) {
    MemoryContext context = aggregate_context(fcinfo);
    State *state = state_argument(fcinfo, 0);
    State *other = state_argument(fcinfo, 1);
    if (other != nullptr) {
        // `other` may not outlive this call: it is added to the state, never taken as the state.
        if (state == nullptr)
            state = new_state(context);
        check(types::add_to_sum(&state->sum, other->sum));
    }
    if (state == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(state);
}

VECX_FUNCTION(vecx_sparsevec_serialize) {
    (void)aggregate_context(fcinfo);
    const types::SparseSum &sum = reinterpret_cast<State *>(PG_GETARG_POINTER(0))->sum;
    size_t n = sum.indices.size();
    Serialized head = {sum.count, sum.dim, static_cast<int32>(n)};
    bytea *result = allocate_value<bytea>(VARHDRSZ + sizeof head + n * (sizeof(int32) + sizeof(double)));
    char *p = VARDATA(result);
    memcpy(p, &head, sizeof head);
    if (n > 0) {
        memcpy(p + sizeof head, sum.indices.data(), n * sizeof(int32));
        memcpy(p + sizeof head + n * sizeof(int32), sum.sums.data(), n * sizeof(double));
    }
    PG_RETURN_BYTEA_P(result);
}

VECX_FUNCTION(vecx_sparsevec_deserialize) {
    (void)aggregate_context(fcinfo);
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    const char *p = VARDATA_ANY(bytes);
    Serialized head;
    memcpy(&head, p, sizeof head);
    size_t n = static_cast<size_t>(head.nnz);
    State *state = new_state(CurrentMemoryContext);
    types::SparseSum &sum = state->sum;
    sum.count = head.count;
    sum.dim = head.dim;
    if (n > 0) {
        sum.indices.resize_uninitialized(n);
        sum.sums.resize_uninitialized(n);
        memcpy(sum.indices.data(), p + sizeof head, n * sizeof(int32));
        memcpy(sum.sums.data(), p + sizeof head + n * sizeof(int32), n * sizeof(double));
    }
    PG_RETURN_POINTER(state);
}

VECX_FUNCTION(vecx_sparsevec_avg) {
    (void)aggregate_context(fcinfo);
    State *state = state_argument(fcinfo, 0);
    if (state == nullptr || state->sum.count == 0)
        PG_RETURN_NULL();
    SparseDraft draft(static_cast<int32>(state->sum.indices.size()));
    types::average_of_sum(state->sum, &draft.builder);
    PG_RETURN_DATUM(draft.finish(state->sum.dim));
}
