
-- Spheres: all values within a radius of a center. value <<->> sphere(center, radius) means exactly
-- (value <-> center) <= radius, and is an index condition of hnsw.

CREATE TYPE sphere_vector AS (center vector, radius float8);
COMMENT ON TYPE sphere_vector IS 'all values of vector within a radius of a center';

CREATE FUNCTION sphere(center vector, radius float8) RETURNS sphere_vector
	AS 'MODULE_PATHNAME', 'vecx_sphere' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(vector, float8) IS 'all values within a radius of a center';

CREATE TYPE sphere_halfvec AS (center halfvec, radius float8);
COMMENT ON TYPE sphere_halfvec IS 'all values of halfvec within a radius of a center';

CREATE FUNCTION sphere(center halfvec, radius float8) RETURNS sphere_halfvec
	AS 'MODULE_PATHNAME', 'vecx_sphere' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(halfvec, float8) IS 'all values within a radius of a center';

CREATE TYPE sphere_bf16vec AS (center bf16vec, radius float8);
COMMENT ON TYPE sphere_bf16vec IS 'all values of bf16vec within a radius of a center';

CREATE FUNCTION sphere(center bf16vec, radius float8) RETURNS sphere_bf16vec
	AS 'MODULE_PATHNAME', 'vecx_sphere' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(bf16vec, float8) IS 'all values within a radius of a center';

CREATE TYPE sphere_int8vec AS (center int8vec, radius float8);
COMMENT ON TYPE sphere_int8vec IS 'all values of int8vec within a radius of a center';

CREATE FUNCTION sphere(center int8vec, radius float8) RETURNS sphere_int8vec
	AS 'MODULE_PATHNAME', 'vecx_sphere' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(int8vec, float8) IS 'all values within a radius of a center';

CREATE TYPE sphere_sparsevec AS (center sparsevec, radius float8);
COMMENT ON TYPE sphere_sparsevec IS 'all values of sparsevec within a radius of a center';

CREATE FUNCTION sphere(center sparsevec, radius float8) RETURNS sphere_sparsevec
	AS 'MODULE_PATHNAME', 'vecx_sphere' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(sparsevec, float8) IS 'all values within a radius of a center';

CREATE TYPE sphere_bit AS (center bit, radius float8);
COMMENT ON TYPE sphere_bit IS 'all values of bit within a radius of a center';

CREATE FUNCTION sphere(center bit, radius float8) RETURNS sphere_bit
	AS 'MODULE_PATHNAME', 'vecx_sphere' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(bit, float8) IS 'all values within a radius of a center';

-- sphere('[1,2,3]', 1): a literal is taken for a vector, and converted where another type is wanted.
CREATE FUNCTION sphere(center text, radius float8) RETURNS sphere_vector
	AS 'MODULE_PATHNAME', 'vecx_sphere_from_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere(text, float8) IS 'all vectors within a radius of a center';

-- By the name of its function: a cast is no dependency that pg_dump knows of, and pg_upgrade restores casts last.
CREATE FUNCTION sphere_to_halfvec(sphere_vector) RETURNS sphere_halfvec
	LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE RETURN sphere(vector_to_halfvec(($1).center, -1, true), ($1).radius);
COMMENT ON FUNCTION sphere_to_halfvec(sphere_vector) IS 'convert a sphere of vectors';
CREATE CAST (sphere_vector AS sphere_halfvec) WITH FUNCTION sphere_to_halfvec(sphere_vector) AS IMPLICIT;

CREATE FUNCTION sphere_to_bf16vec(sphere_vector) RETURNS sphere_bf16vec
	LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE RETURN sphere(vector_to_bf16vec(($1).center, -1, true), ($1).radius);
COMMENT ON FUNCTION sphere_to_bf16vec(sphere_vector) IS 'convert a sphere of vectors';
CREATE CAST (sphere_vector AS sphere_bf16vec) WITH FUNCTION sphere_to_bf16vec(sphere_vector) AS IMPLICIT;

CREATE FUNCTION sphere_to_int8vec(sphere_vector) RETURNS sphere_int8vec
	LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE RETURN sphere(vector_to_int8vec(($1).center, -1, true), ($1).radius);
COMMENT ON FUNCTION sphere_to_int8vec(sphere_vector) IS 'convert a sphere of vectors';
CREATE CAST (sphere_vector AS sphere_int8vec) WITH FUNCTION sphere_to_int8vec(sphere_vector) AS IMPLICIT;

-- How many rows a sphere holds, for the planner.
CREATE FUNCTION sphere_selectivity(internal, oid, internal, integer) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_sphere_selectivity' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sphere_selectivity(internal, oid, internal, integer) IS 'restriction selectivity of spheres';

CREATE FUNCTION l2_within(vector, sphere_vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_vector_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_within(vector, sphere_vector) IS 'in the sphere by Euclidean (L2) distance';
CREATE OPERATOR <<->> (
	LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = l2_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION ip_within(vector, sphere_vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_vector_ip_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ip_within(vector, sphere_vector) IS 'in the sphere by negative inner product';
CREATE OPERATOR <<#>> (
	LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = ip_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION cosine_within(vector, sphere_vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_vector_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_within(vector, sphere_vector) IS 'in the sphere by cosine distance';
CREATE OPERATOR <<=>> (
	LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = cosine_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l1_within(vector, sphere_vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_vector_l1_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_within(vector, sphere_vector) IS 'in the sphere by taxicab (L1) distance';
CREATE OPERATOR <<+>> (
	LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = l1_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l2_within(halfvec, sphere_halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_halfvec_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_within(halfvec, sphere_halfvec) IS 'in the sphere by Euclidean (L2) distance';
CREATE OPERATOR <<->> (
	LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = l2_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION ip_within(halfvec, sphere_halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_halfvec_ip_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ip_within(halfvec, sphere_halfvec) IS 'in the sphere by negative inner product';
CREATE OPERATOR <<#>> (
	LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = ip_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION cosine_within(halfvec, sphere_halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_halfvec_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_within(halfvec, sphere_halfvec) IS 'in the sphere by cosine distance';
CREATE OPERATOR <<=>> (
	LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = cosine_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l1_within(halfvec, sphere_halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_halfvec_l1_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_within(halfvec, sphere_halfvec) IS 'in the sphere by taxicab (L1) distance';
CREATE OPERATOR <<+>> (
	LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = l1_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l2_within(bf16vec, sphere_bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_within(bf16vec, sphere_bf16vec) IS 'in the sphere by Euclidean (L2) distance';
CREATE OPERATOR <<->> (
	LEFTARG = bf16vec, RIGHTARG = sphere_bf16vec, FUNCTION = l2_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION ip_within(bf16vec, sphere_bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_ip_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ip_within(bf16vec, sphere_bf16vec) IS 'in the sphere by negative inner product';
CREATE OPERATOR <<#>> (
	LEFTARG = bf16vec, RIGHTARG = sphere_bf16vec, FUNCTION = ip_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION cosine_within(bf16vec, sphere_bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_within(bf16vec, sphere_bf16vec) IS 'in the sphere by cosine distance';
CREATE OPERATOR <<=>> (
	LEFTARG = bf16vec, RIGHTARG = sphere_bf16vec, FUNCTION = cosine_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l1_within(bf16vec, sphere_bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l1_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_within(bf16vec, sphere_bf16vec) IS 'in the sphere by taxicab (L1) distance';
CREATE OPERATOR <<+>> (
	LEFTARG = bf16vec, RIGHTARG = sphere_bf16vec, FUNCTION = l1_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l2_within(int8vec, sphere_int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_within(int8vec, sphere_int8vec) IS 'in the sphere by Euclidean (L2) distance';
CREATE OPERATOR <<->> (
	LEFTARG = int8vec, RIGHTARG = sphere_int8vec, FUNCTION = l2_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION ip_within(int8vec, sphere_int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_ip_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ip_within(int8vec, sphere_int8vec) IS 'in the sphere by negative inner product';
CREATE OPERATOR <<#>> (
	LEFTARG = int8vec, RIGHTARG = sphere_int8vec, FUNCTION = ip_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION cosine_within(int8vec, sphere_int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_within(int8vec, sphere_int8vec) IS 'in the sphere by cosine distance';
CREATE OPERATOR <<=>> (
	LEFTARG = int8vec, RIGHTARG = sphere_int8vec, FUNCTION = cosine_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l1_within(int8vec, sphere_int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_l1_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_within(int8vec, sphere_int8vec) IS 'in the sphere by taxicab (L1) distance';
CREATE OPERATOR <<+>> (
	LEFTARG = int8vec, RIGHTARG = sphere_int8vec, FUNCTION = l1_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l2_within(sparsevec, sphere_sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_sparsevec_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_within(sparsevec, sphere_sparsevec) IS 'in the sphere by Euclidean (L2) distance';
CREATE OPERATOR <<->> (
	LEFTARG = sparsevec, RIGHTARG = sphere_sparsevec, FUNCTION = l2_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION ip_within(sparsevec, sphere_sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_sparsevec_ip_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ip_within(sparsevec, sphere_sparsevec) IS 'in the sphere by negative inner product';
CREATE OPERATOR <<#>> (
	LEFTARG = sparsevec, RIGHTARG = sphere_sparsevec, FUNCTION = ip_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION cosine_within(sparsevec, sphere_sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_sparsevec_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_within(sparsevec, sphere_sparsevec) IS 'in the sphere by cosine distance';
CREATE OPERATOR <<=>> (
	LEFTARG = sparsevec, RIGHTARG = sphere_sparsevec, FUNCTION = cosine_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION l1_within(sparsevec, sphere_sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_sparsevec_l1_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_within(sparsevec, sphere_sparsevec) IS 'in the sphere by taxicab (L1) distance';
CREATE OPERATOR <<+>> (
	LEFTARG = sparsevec, RIGHTARG = sphere_sparsevec, FUNCTION = l1_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION hamming_within(bit, sphere_bit) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_hamming_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hamming_within(bit, sphere_bit) IS 'in the sphere by Hamming distance';
CREATE OPERATOR <<~>> (
	LEFTARG = bit, RIGHTARG = sphere_bit, FUNCTION = hamming_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

CREATE FUNCTION jaccard_within(bit, sphere_bit) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_jaccard_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jaccard_within(bit, sphere_bit) IS 'in the sphere by Jaccard distance';
CREATE OPERATOR <<%>> (
	LEFTARG = bit, RIGHTARG = sphere_bit, FUNCTION = jaccard_within,
	RESTRICT = sphere_selectivity, JOIN = contjoinsel
);

-- Their time is that of the distance.

ALTER FUNCTION l2_within(vector, sphere_vector) SUPPORT distance_support_4;
ALTER FUNCTION ip_within(vector, sphere_vector) SUPPORT distance_support_4;
ALTER FUNCTION cosine_within(vector, sphere_vector) SUPPORT distance_support_4;
ALTER FUNCTION l1_within(vector, sphere_vector) SUPPORT distance_support_4;
ALTER FUNCTION l2_within(halfvec, sphere_halfvec) SUPPORT distance_support_2;
ALTER FUNCTION ip_within(halfvec, sphere_halfvec) SUPPORT distance_support_2;
ALTER FUNCTION cosine_within(halfvec, sphere_halfvec) SUPPORT distance_support_2;
ALTER FUNCTION l1_within(halfvec, sphere_halfvec) SUPPORT distance_support_2;
ALTER FUNCTION l2_within(bf16vec, sphere_bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION ip_within(bf16vec, sphere_bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION cosine_within(bf16vec, sphere_bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION l1_within(bf16vec, sphere_bf16vec) SUPPORT distance_support_2;
ALTER FUNCTION l2_within(int8vec, sphere_int8vec) SUPPORT distance_support_1;
ALTER FUNCTION ip_within(int8vec, sphere_int8vec) SUPPORT distance_support_1;
ALTER FUNCTION cosine_within(int8vec, sphere_int8vec) SUPPORT distance_support_1;
ALTER FUNCTION l1_within(int8vec, sphere_int8vec) SUPPORT distance_support_1;
ALTER FUNCTION l2_within(sparsevec, sphere_sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION ip_within(sparsevec, sphere_sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION cosine_within(sparsevec, sphere_sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION l1_within(sparsevec, sphere_sparsevec) SUPPORT distance_support_sparse;
ALTER FUNCTION hamming_within(bit, sphere_bit) SUPPORT distance_support_bit;
ALTER FUNCTION jaccard_within(bit, sphere_bit) SUPPORT distance_support_bit;
