// The list of SQL functions that every dense type has. One line here is one C symbol for each type:
// vecx_<type>_<name>.
#pragma once

#include "pg/export.hpp"
#include "pg/types/dense_aggregate.hpp"
#include "pg/types/dense_cast.hpp"
#include "pg/types/dense_io.hpp"
#include "pg/types/dense_operators.hpp"

#define VECX_DENSE_FUNCTION(type, name, expression)                                                                    \
    VECX_FUNCTION(vecx_##type##_##name) {                                                                              \
        using namespace vecx::pg;                                                                                      \
        return expression;                                                                                             \
    }

#define VECX_DENSE_FUNCTIONS(type, E)                                                                                  \
    VECX_DENSE_FUNCTION(type, in, dense_in<E>(fcinfo))                                                                 \
    VECX_DENSE_FUNCTION(type, out, dense_out<E>(fcinfo))                                                               \
    VECX_DENSE_FUNCTION(type, typmod_in, dense_typmod_in<E>(fcinfo))                                                   \
    VECX_DENSE_FUNCTION(type, recv, dense_recv<E>(fcinfo))                                                             \
    VECX_DENSE_FUNCTION(type, send, dense_send<E>(fcinfo))                                                             \
    VECX_DENSE_FUNCTION(type, adjust, dense_adjust<E>(fcinfo))                                                         \
    VECX_DENSE_FUNCTION(type, from_array, dense_from_array<E>(fcinfo))                                                 \
    VECX_DENSE_FUNCTION(type, to_float4, dense_to_float4<E>(fcinfo))                                                   \
    VECX_DENSE_FUNCTION(type, l2_distance, dense_l2_distance<E>(fcinfo))                                               \
    VECX_DENSE_FUNCTION(type, l2_squared_distance, dense_l2_squared_distance<E>(fcinfo))                               \
    VECX_DENSE_FUNCTION(type, inner_product, dense_inner_product<E>(fcinfo))                                           \
    VECX_DENSE_FUNCTION(type, negative_inner_product, dense_negative_inner_product<E>(fcinfo))                         \
    VECX_DENSE_FUNCTION(type, cosine_distance, dense_cosine_distance<E>(fcinfo))                                       \
    VECX_DENSE_FUNCTION(type, l1_distance, dense_l1_distance<E>(fcinfo))                                               \
    VECX_DENSE_FUNCTION(type, dims, dense_dims<E>(fcinfo))                                                             \
    VECX_DENSE_FUNCTION(type, l2_norm, dense_l2_norm<E>(fcinfo))                                                       \
    VECX_DENSE_FUNCTION(type, binary_quantize, dense_binary_quantize<E>(fcinfo))                                       \
    VECX_DENSE_FUNCTION(type, subvector, dense_subvector<E>(fcinfo))                                                   \
    VECX_DENSE_FUNCTION(type, concat, dense_concat<E>(fcinfo))                                                         \
    VECX_DENSE_FUNCTION(type, add, dense_add<E>(fcinfo))                                                               \
    VECX_DENSE_FUNCTION(type, sub, dense_sub<E>(fcinfo))                                                               \
    VECX_DENSE_FUNCTION(type, mul, dense_mul<E>(fcinfo))                                                               \
    VECX_DENSE_FUNCTION(type, lt, BoolGetDatum(compare_arguments<E>(fcinfo) < 0))                                      \
    VECX_DENSE_FUNCTION(type, le, BoolGetDatum(compare_arguments<E>(fcinfo) <= 0))                                     \
    VECX_DENSE_FUNCTION(type, eq, BoolGetDatum(compare_arguments<E>(fcinfo) == 0))                                     \
    VECX_DENSE_FUNCTION(type, ne, BoolGetDatum(compare_arguments<E>(fcinfo) != 0))                                     \
    VECX_DENSE_FUNCTION(type, ge, BoolGetDatum(compare_arguments<E>(fcinfo) >= 0))                                     \
    VECX_DENSE_FUNCTION(type, gt, BoolGetDatum(compare_arguments<E>(fcinfo) > 0))                                      \
    VECX_DENSE_FUNCTION(type, cmp, Int32GetDatum(compare_arguments<E>(fcinfo)))                                        \
    VECX_DENSE_FUNCTION(type, accum, dense_accum<E>(fcinfo))

// What only the floating-point types have: a length of 1 is no length for integers.
#define VECX_FLOAT_FUNCTIONS(type, E)                                                                                  \
    VECX_DENSE_FUNCTION(type, l2_normalize, dense_l2_normalize<E>(fcinfo))                                             \
    VECX_DENSE_FUNCTION(type, spherical_distance, dense_spherical_distance<E>(fcinfo))                                 \
    VECX_DENSE_FUNCTION(type, avg, dense_avg<E>(fcinfo))
