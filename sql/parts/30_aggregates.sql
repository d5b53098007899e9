
-- avg and sum of the dense types. The state is an array: the count of values, then their sums.

CREATE FUNCTION vector_accum(double precision[], vector) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_vector_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_accum(double precision[], vector) IS 'aggregate transition function';

CREATE FUNCTION vector_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE FUNCTION vector_avg(double precision[]) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_vector_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_avg(double precision[]) IS 'aggregate final function';

CREATE AGGREGATE avg(vector) (
	SFUNC = vector_accum,
	STYPE = double precision[],
	FINALFUNC = vector_avg,
	COMBINEFUNC = vector_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(vector) IS 'average (arithmetic mean) of all values, element by element';

CREATE AGGREGATE sum(vector) (
	SFUNC = vector_add,
	STYPE = vector,
	COMBINEFUNC = vector_add,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(vector) IS 'sum of all values, element by element';

CREATE FUNCTION halfvec_accum(double precision[], halfvec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_halfvec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_accum(double precision[], halfvec) IS 'aggregate transition function';

CREATE FUNCTION halfvec_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE FUNCTION halfvec_avg(double precision[]) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_avg(double precision[]) IS 'aggregate final function';

CREATE AGGREGATE avg(halfvec) (
	SFUNC = halfvec_accum,
	STYPE = double precision[],
	FINALFUNC = halfvec_avg,
	COMBINEFUNC = halfvec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(halfvec) IS 'average (arithmetic mean) of all values, element by element';

CREATE AGGREGATE sum(halfvec) (
	SFUNC = halfvec_add,
	STYPE = halfvec,
	COMBINEFUNC = halfvec_add,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(halfvec) IS 'sum of all values, element by element';

CREATE FUNCTION bf16vec_accum(double precision[], bf16vec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_accum(double precision[], bf16vec) IS 'aggregate transition function';

CREATE FUNCTION bf16vec_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE FUNCTION bf16vec_avg(double precision[]) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_avg(double precision[]) IS 'aggregate final function';

CREATE FUNCTION bf16vec_sum(double precision[]) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_sum(double precision[]) IS 'aggregate final function';

CREATE AGGREGATE avg(bf16vec) (
	SFUNC = bf16vec_accum,
	STYPE = double precision[],
	FINALFUNC = bf16vec_avg,
	COMBINEFUNC = bf16vec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(bf16vec) IS 'average (arithmetic mean) of all values, element by element';

CREATE AGGREGATE sum(bf16vec) (
	SFUNC = bf16vec_accum,
	STYPE = double precision[],
	FINALFUNC = bf16vec_sum,
	COMBINEFUNC = bf16vec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(bf16vec) IS 'sum of all values, element by element';

CREATE FUNCTION int8vec_accum(double precision[], int8vec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_int8vec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_accum(double precision[], int8vec) IS 'aggregate transition function';

CREATE FUNCTION int8vec_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE FUNCTION int8vec_avg(double precision[]) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_int8vec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_avg(double precision[]) IS 'aggregate final function';

CREATE FUNCTION int8vec_sum(double precision[]) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_int8vec_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_sum(double precision[]) IS 'aggregate final function';

CREATE AGGREGATE avg(int8vec) (
	SFUNC = int8vec_accum,
	STYPE = double precision[],
	FINALFUNC = int8vec_avg,
	COMBINEFUNC = int8vec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(int8vec) IS 'average (arithmetic mean) of all values, element by element';

CREATE AGGREGATE sum(int8vec) (
	SFUNC = int8vec_accum,
	STYPE = double precision[],
	FINALFUNC = int8vec_sum,
	COMBINEFUNC = int8vec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(int8vec) IS 'sum of all values, element by element';
