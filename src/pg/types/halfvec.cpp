// halfvec: binary16 elements.
#include "pg/types/dense_functions.hpp"

VECX_DENSE_FUNCTIONS(halfvec, F16)
VECX_FLOAT_FUNCTIONS(halfvec, F16)
VECX_DENSE_FUNCTION(vector, to_halfvec, (dense_cast<F32, F16>(fcinfo)))
VECX_DENSE_FUNCTION(bf16vec, to_halfvec, (dense_cast<BF16, F16>(fcinfo)))
VECX_DENSE_FUNCTION(int8vec, to_halfvec, (dense_cast<I8, F16>(fcinfo)))
