// vector: float elements.
#include "pg/types/dense_functions.hpp"

VECX_DENSE_FUNCTIONS(vector, F32)
VECX_FLOAT_FUNCTIONS(vector, F32)
VECX_DENSE_FUNCTION(halfvec, to_vector, (dense_cast<F16, F32>(fcinfo)))
VECX_DENSE_FUNCTION(bf16vec, to_vector, (dense_cast<BF16, F32>(fcinfo)))
VECX_DENSE_FUNCTION(int8vec, to_vector, (dense_cast<I8, F32>(fcinfo)))
