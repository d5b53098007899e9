
-- What the planner is told of distances: their time depends on the dimensions and on whether the table keeps the
-- vectors out of line. The functions behind the operators have it, and inner_product.

CREATE FUNCTION distance_support_4(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vecx_distance_support_4' LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION distance_support_4(internal) IS 'planner support: distance of vectors with 4 bytes a dimension';

CREATE FUNCTION distance_support_2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vecx_distance_support_2' LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION distance_support_2(internal) IS 'planner support: distance of vectors with 2 bytes a dimension';

CREATE FUNCTION distance_support_1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vecx_distance_support_1' LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION distance_support_1(internal) IS 'planner support: distance of vectors with 1 byte a dimension';

CREATE FUNCTION distance_support_bit(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vecx_distance_support_bit' LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION distance_support_bit(internal) IS 'planner support: distance of bit strings';

CREATE FUNCTION distance_support_sparse(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vecx_distance_support_sparse' LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION distance_support_sparse(internal) IS 'planner support: distance of sparse vectors';

ALTER FUNCTION l2_distance(vector, vector) SUPPORT distance_support_4;
ALTER FUNCTION inner_product(vector, vector) SUPPORT distance_support_4;
ALTER FUNCTION vector_negative_inner_product(vector, vector) SUPPORT distance_support_4;
ALTER FUNCTION cosine_distance(vector, vector) SUPPORT distance_support_4;
ALTER FUNCTION l1_distance(vector, vector) SUPPORT distance_support_4;
ALTER FUNCTION l2_distance(halfvec, halfvec) SUPPORT distance_support_2;
ALTER FUNCTION inner_product(halfvec, halfvec) SUPPORT distance_support_2;
ALTER FUNCTION halfvec_negative_inner_product(halfvec, halfvec) SUPPORT distance_support_2;
ALTER FUNCTION cosine_distance(halfvec, halfvec) SUPPORT distance_support_2;
ALTER FUNCTION l1_distance(halfvec, halfvec) SUPPORT distance_support_2;
ALTER FUNCTION l2_distance(bf16vec, bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION inner_product(bf16vec, bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION bf16vec_negative_inner_product(bf16vec, bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION cosine_distance(bf16vec, bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION l1_distance(bf16vec, bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION l2_distance(int8vec, int8vec) SUPPORT distance_support_1;
ALTER FUNCTION inner_product(int8vec, int8vec) SUPPORT distance_support_1;
ALTER FUNCTION int8vec_negative_inner_product(int8vec, int8vec) SUPPORT distance_support_1;
ALTER FUNCTION cosine_distance(int8vec, int8vec) SUPPORT distance_support_1;
ALTER FUNCTION l1_distance(int8vec, int8vec) SUPPORT distance_support_1;
ALTER FUNCTION l2_distance(sparsevec, sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION inner_product(sparsevec, sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION cosine_distance(sparsevec, sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION l1_distance(sparsevec, sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION hamming_distance(bit, bit) SUPPORT distance_support_bit;
ALTER FUNCTION jaccard_distance(bit, bit) SUPPORT distance_support_bit;
