
-- Casts of the dense types to themselves (for the typmod), to one another, and from and to arrays.
-- As for PostgreSQL's numbers, what loses nothing that matters is implicit in one direction only.

CREATE FUNCTION vector(vector, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_vector_adjust' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector(vector, integer, boolean) IS 'check the number of dimensions';

CREATE FUNCTION halfvec(halfvec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_adjust' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec(halfvec, integer, boolean) IS 'check the number of dimensions';

CREATE FUNCTION bf16vec(bf16vec, integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_adjust' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec(bf16vec, integer, boolean) IS 'check the number of dimensions';

CREATE FUNCTION int8vec(int8vec, integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_adjust' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec(int8vec, integer, boolean) IS 'check the number of dimensions';

CREATE FUNCTION halfvec_to_vector(halfvec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_halfvec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_vector(halfvec, integer, boolean) IS 'convert halfvec to vector';

CREATE FUNCTION vector_to_halfvec(vector, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_vector_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_halfvec(vector, integer, boolean) IS 'convert vector to halfvec';

CREATE FUNCTION bf16vec_to_vector(bf16vec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_to_vector(bf16vec, integer, boolean) IS 'convert bf16vec to vector';

CREATE FUNCTION vector_to_bf16vec(vector, integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_vector_to_bf16vec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_bf16vec(vector, integer, boolean) IS 'convert vector to bf16vec';

CREATE FUNCTION bf16vec_to_halfvec(bf16vec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_to_halfvec(bf16vec, integer, boolean) IS 'convert bf16vec to halfvec';

CREATE FUNCTION halfvec_to_bf16vec(halfvec, integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_to_bf16vec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_bf16vec(halfvec, integer, boolean) IS 'convert halfvec to bf16vec';

CREATE FUNCTION int8vec_to_vector(int8vec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_int8vec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_to_vector(int8vec, integer, boolean) IS 'convert int8vec to vector';

CREATE FUNCTION vector_to_int8vec(vector, integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_vector_to_int8vec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_int8vec(vector, integer, boolean) IS 'convert vector to int8vec';

CREATE FUNCTION int8vec_to_halfvec(int8vec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_to_halfvec(int8vec, integer, boolean) IS 'convert int8vec to halfvec';

CREATE FUNCTION halfvec_to_int8vec(halfvec, integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_to_int8vec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_int8vec(halfvec, integer, boolean) IS 'convert halfvec to int8vec';

CREATE FUNCTION int8vec_to_bf16vec(int8vec, integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_to_bf16vec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_to_bf16vec(int8vec, integer, boolean) IS 'convert int8vec to bf16vec';

CREATE FUNCTION bf16vec_to_int8vec(bf16vec, integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_to_int8vec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_to_int8vec(bf16vec, integer, boolean) IS 'convert bf16vec to int8vec';

CREATE FUNCTION array_to_vector(integer[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(integer[], integer, boolean) IS 'convert integer[] to vector';

CREATE FUNCTION array_to_vector(real[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(real[], integer, boolean) IS 'convert real[] to vector';

CREATE FUNCTION array_to_vector(double precision[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(double precision[], integer, boolean) IS 'convert double precision[] to vector';

CREATE FUNCTION array_to_vector(numeric[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecx_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(numeric[], integer, boolean) IS 'convert numeric[] to vector';

CREATE FUNCTION array_to_halfvec(integer[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(integer[], integer, boolean) IS 'convert integer[] to halfvec';

CREATE FUNCTION array_to_halfvec(real[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(real[], integer, boolean) IS 'convert real[] to halfvec';

CREATE FUNCTION array_to_halfvec(double precision[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(double precision[], integer, boolean) IS 'convert double precision[] to halfvec';

CREATE FUNCTION array_to_halfvec(numeric[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecx_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(numeric[], integer, boolean) IS 'convert numeric[] to halfvec';

CREATE FUNCTION array_to_bf16vec(integer[], integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_bf16vec(integer[], integer, boolean) IS 'convert integer[] to bf16vec';

CREATE FUNCTION array_to_bf16vec(real[], integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_bf16vec(real[], integer, boolean) IS 'convert real[] to bf16vec';

CREATE FUNCTION array_to_bf16vec(double precision[], integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_bf16vec(double precision[], integer, boolean) IS 'convert double precision[] to bf16vec';

CREATE FUNCTION array_to_bf16vec(numeric[], integer, boolean) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_bf16vec(numeric[], integer, boolean) IS 'convert numeric[] to bf16vec';

CREATE FUNCTION array_to_int8vec(smallint[], integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_int8vec(smallint[], integer, boolean) IS 'convert smallint[] to int8vec';

CREATE FUNCTION array_to_int8vec(integer[], integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_int8vec(integer[], integer, boolean) IS 'convert integer[] to int8vec';

CREATE FUNCTION array_to_int8vec(real[], integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_int8vec(real[], integer, boolean) IS 'convert real[] to int8vec';

CREATE FUNCTION array_to_int8vec(double precision[], integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_int8vec(double precision[], integer, boolean) IS 'convert double precision[] to int8vec';

CREATE FUNCTION array_to_int8vec(numeric[], integer, boolean) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_int8vec(numeric[], integer, boolean) IS 'convert numeric[] to int8vec';

CREATE FUNCTION vector_to_float4(vector, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecx_vector_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_float4(vector, integer, boolean) IS 'convert vector to real[]';

CREATE FUNCTION halfvec_to_float4(halfvec, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecx_halfvec_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_float4(halfvec, integer, boolean) IS 'convert halfvec to real[]';

CREATE FUNCTION bf16vec_to_float4(bf16vec, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_to_float4(bf16vec, integer, boolean) IS 'convert bf16vec to real[]';

CREATE FUNCTION int8vec_to_float4(int8vec, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecx_int8vec_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_to_float4(int8vec, integer, boolean) IS 'convert int8vec to real[]';

CREATE FUNCTION int8vec_to_int2(int8vec, integer, boolean) RETURNS smallint[]
	AS 'MODULE_PATHNAME', 'vecx_int8vec_to_int2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_to_int2(int8vec, integer, boolean) IS 'convert int8vec to smallint[]';

CREATE FUNCTION int8vec_to_int4(int8vec, integer, boolean) RETURNS integer[]
	AS 'MODULE_PATHNAME', 'vecx_int8vec_to_int4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_to_int4(int8vec, integer, boolean) IS 'convert int8vec to integer[]';

CREATE CAST (vector AS vector)
	WITH FUNCTION vector(vector, integer, boolean) AS IMPLICIT;

CREATE CAST (halfvec AS halfvec)
	WITH FUNCTION halfvec(halfvec, integer, boolean) AS IMPLICIT;

CREATE CAST (bf16vec AS bf16vec)
	WITH FUNCTION bf16vec(bf16vec, integer, boolean) AS IMPLICIT;

CREATE CAST (int8vec AS int8vec)
	WITH FUNCTION int8vec(int8vec, integer, boolean) AS IMPLICIT;

CREATE CAST (halfvec AS vector)
	WITH FUNCTION halfvec_to_vector(halfvec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (vector AS halfvec)
	WITH FUNCTION vector_to_halfvec(vector, integer, boolean) AS IMPLICIT;

CREATE CAST (bf16vec AS vector)
	WITH FUNCTION bf16vec_to_vector(bf16vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (vector AS bf16vec)
	WITH FUNCTION vector_to_bf16vec(vector, integer, boolean) AS IMPLICIT;

CREATE CAST (bf16vec AS halfvec)
	WITH FUNCTION bf16vec_to_halfvec(bf16vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (halfvec AS bf16vec)
	WITH FUNCTION halfvec_to_bf16vec(halfvec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (int8vec AS vector)
	WITH FUNCTION int8vec_to_vector(int8vec, integer, boolean) AS IMPLICIT;

CREATE CAST (vector AS int8vec)
	WITH FUNCTION vector_to_int8vec(vector, integer, boolean) AS ASSIGNMENT;

CREATE CAST (int8vec AS halfvec)
	WITH FUNCTION int8vec_to_halfvec(int8vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (halfvec AS int8vec)
	WITH FUNCTION halfvec_to_int8vec(halfvec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (int8vec AS bf16vec)
	WITH FUNCTION int8vec_to_bf16vec(int8vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (bf16vec AS int8vec)
	WITH FUNCTION bf16vec_to_int8vec(bf16vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (integer[] AS vector)
	WITH FUNCTION array_to_vector(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS vector)
	WITH FUNCTION array_to_vector(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS vector)
	WITH FUNCTION array_to_vector(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS vector)
	WITH FUNCTION array_to_vector(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (integer[] AS halfvec)
	WITH FUNCTION array_to_halfvec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS halfvec)
	WITH FUNCTION array_to_halfvec(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS halfvec)
	WITH FUNCTION array_to_halfvec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS halfvec)
	WITH FUNCTION array_to_halfvec(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (integer[] AS bf16vec)
	WITH FUNCTION array_to_bf16vec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS bf16vec)
	WITH FUNCTION array_to_bf16vec(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS bf16vec)
	WITH FUNCTION array_to_bf16vec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS bf16vec)
	WITH FUNCTION array_to_bf16vec(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (smallint[] AS int8vec)
	WITH FUNCTION array_to_int8vec(smallint[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (integer[] AS int8vec)
	WITH FUNCTION array_to_int8vec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS int8vec)
	WITH FUNCTION array_to_int8vec(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS int8vec)
	WITH FUNCTION array_to_int8vec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS int8vec)
	WITH FUNCTION array_to_int8vec(numeric[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (vector AS real[])
	WITH FUNCTION vector_to_float4(vector, integer, boolean) AS IMPLICIT;

CREATE CAST (halfvec AS real[])
	WITH FUNCTION halfvec_to_float4(halfvec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (bf16vec AS real[])
	WITH FUNCTION bf16vec_to_float4(bf16vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (int8vec AS real[])
	WITH FUNCTION int8vec_to_float4(int8vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (int8vec AS smallint[])
	WITH FUNCTION int8vec_to_int2(int8vec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (int8vec AS integer[])
	WITH FUNCTION int8vec_to_int4(int8vec, integer, boolean) AS ASSIGNMENT;
