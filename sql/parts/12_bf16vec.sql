
-- bf16vec: vector of bfloat16 numbers

CREATE TYPE bf16vec;

CREATE FUNCTION bf16vec_in(cstring, oid, integer) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION bf16vec_out(bf16vec) RETURNS cstring
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_out(bf16vec) IS 'I/O';

CREATE FUNCTION bf16vec_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION bf16vec_recv(internal, oid, integer) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION bf16vec_send(bf16vec) RETURNS bytea
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_send(bf16vec) IS 'I/O';

CREATE TYPE bf16vec (
	INPUT = bf16vec_in,
	OUTPUT = bf16vec_out,
	TYPMOD_IN = bf16vec_typmod_in,
	RECEIVE = bf16vec_recv,
	SEND = bf16vec_send,
	STORAGE = external
);
COMMENT ON TYPE bf16vec IS 'vector of bfloat16 numbers';

-- bf16vec: functions

CREATE FUNCTION l2_distance(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_distance(bf16vec, bf16vec) IS 'Euclidean (L2) distance';

CREATE FUNCTION inner_product(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION inner_product(bf16vec, bf16vec) IS 'inner product';

CREATE FUNCTION negative_inner_product(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION negative_inner_product(bf16vec, bf16vec) IS 'inner product with its sign turned, so that less is nearer';

CREATE FUNCTION cosine_distance(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_distance(bf16vec, bf16vec) IS 'cosine distance: 1 - cosine similarity';

CREATE FUNCTION l1_distance(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_distance(bf16vec, bf16vec) IS 'taxicab (L1) distance';

CREATE FUNCTION vector_dims(bf16vec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_dims(bf16vec) IS 'number of dimensions';

CREATE FUNCTION l2_norm(bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l2_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_norm(bf16vec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(bf16vec) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_normalize(bf16vec) IS 'the vector divided by its Euclidean norm';

CREATE FUNCTION binary_quantize(bf16vec) RETURNS bit
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION binary_quantize(bf16vec) IS 'one bit for each element, set where it is positive';

CREATE FUNCTION subvector(bf16vec, integer, integer) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION subvector(bf16vec, integer, integer) IS 'part of a vector: start (from 1) and count';

-- bf16vec: behind operators and indexes

CREATE FUNCTION bf16vec_add(bf16vec, bf16vec) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_add(bf16vec, bf16vec) IS 'implementation of + operator';

CREATE FUNCTION bf16vec_sub(bf16vec, bf16vec) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_sub(bf16vec, bf16vec) IS 'implementation of - operator';

CREATE FUNCTION bf16vec_mul(bf16vec, bf16vec) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_mul(bf16vec, bf16vec) IS 'implementation of * operator';

CREATE FUNCTION bf16vec_concat(bf16vec, bf16vec) RETURNS bf16vec
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_concat(bf16vec, bf16vec) IS 'implementation of || operator';

CREATE FUNCTION bf16vec_lt(bf16vec, bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_lt(bf16vec, bf16vec) IS 'implementation of < operator';

CREATE FUNCTION bf16vec_le(bf16vec, bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_le(bf16vec, bf16vec) IS 'implementation of <= operator';

CREATE FUNCTION bf16vec_eq(bf16vec, bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_eq(bf16vec, bf16vec) IS 'implementation of = operator';

CREATE FUNCTION bf16vec_ne(bf16vec, bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_ne(bf16vec, bf16vec) IS 'implementation of <> operator';

CREATE FUNCTION bf16vec_ge(bf16vec, bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_ge(bf16vec, bf16vec) IS 'implementation of >= operator';

CREATE FUNCTION bf16vec_gt(bf16vec, bf16vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_gt(bf16vec, bf16vec) IS 'implementation of > operator';

CREATE FUNCTION bf16vec_cmp(bf16vec, bf16vec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_cmp(bf16vec, bf16vec) IS 'less, equal or greater';

CREATE FUNCTION bf16vec_l2_squared_distance(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_l2_squared_distance(bf16vec, bf16vec) IS 'square of the Euclidean distance';

CREATE FUNCTION bf16vec_negative_inner_product(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_negative_inner_product(bf16vec, bf16vec) IS 'implementation of <#> operator';

CREATE FUNCTION bf16vec_spherical_distance(bf16vec, bf16vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_bf16vec_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bf16vec_spherical_distance(bf16vec, bf16vec) IS 'angle between two vectors of length 1, in half turns';

-- bf16vec: operators

CREATE OPERATOR <-> (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = l2_distance,
	COMMUTATOR = '<->'
);

CREATE OPERATOR <#> (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_negative_inner_product,
	COMMUTATOR = '<#>'
);
COMMENT ON OPERATOR <#> (bf16vec, bf16vec) IS 'negative inner product';

CREATE OPERATOR <=> (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = cosine_distance,
	COMMUTATOR = '<=>'
);

CREATE OPERATOR <+> (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = l1_distance,
	COMMUTATOR = '<+>'
);

CREATE OPERATOR + (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_add,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (bf16vec, bf16vec) IS 'add';

CREATE OPERATOR - (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_sub
);
COMMENT ON OPERATOR - (bf16vec, bf16vec) IS 'subtract';

CREATE OPERATOR * (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_mul,
	COMMUTATOR = *
);
COMMENT ON OPERATOR * (bf16vec, bf16vec) IS 'multiply';

CREATE OPERATOR || (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_concat
);
COMMENT ON OPERATOR || (bf16vec, bf16vec) IS 'concatenate';

CREATE OPERATOR < (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (bf16vec, bf16vec) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (bf16vec, bf16vec) IS 'less than or equal';

CREATE OPERATOR = (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (bf16vec, bf16vec) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (bf16vec, bf16vec) IS 'not equal';

CREATE OPERATOR >= (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (bf16vec, bf16vec) IS 'greater than or equal';

CREATE OPERATOR > (
	LEFTARG = bf16vec, RIGHTARG = bf16vec, FUNCTION = bf16vec_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (bf16vec, bf16vec) IS 'greater than';

CREATE OPERATOR CLASS bf16vec_ops
	DEFAULT FOR TYPE bf16vec USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 bf16vec_cmp(bf16vec, bf16vec);
