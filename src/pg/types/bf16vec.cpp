// bf16vec: bfloat16 elements. Their eight significant bits are too few to add many values up in, so sum goes
// through the state of avg.
#include "pg/types/dense_functions.hpp"

VECX_DENSE_FUNCTIONS(bf16vec, BF16)
VECX_FLOAT_FUNCTIONS(bf16vec, BF16)
VECX_DENSE_FUNCTION(bf16vec, sum, dense_sum<BF16>(fcinfo))
VECX_DENSE_FUNCTION(vector, to_bf16vec, (dense_cast<F32, BF16>(fcinfo)))
VECX_DENSE_FUNCTION(halfvec, to_bf16vec, (dense_cast<F16, BF16>(fcinfo)))
VECX_DENSE_FUNCTION(int8vec, to_bf16vec, (dense_cast<I8, BF16>(fcinfo)))
