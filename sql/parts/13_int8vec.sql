
-- int8vec: vector of 8-bit signed integers

CREATE TYPE int8vec;

CREATE FUNCTION int8vec_in(cstring, oid, integer) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION int8vec_out(int8vec) RETURNS cstring
	AS 'MODULE_PATHNAME', 'vecx_int8vec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_out(int8vec) IS 'I/O';

CREATE FUNCTION int8vec_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecx_int8vec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION int8vec_recv(internal, oid, integer) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION int8vec_send(int8vec) RETURNS bytea
	AS 'MODULE_PATHNAME', 'vecx_int8vec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_send(int8vec) IS 'I/O';

CREATE TYPE int8vec (
	INPUT = int8vec_in,
	OUTPUT = int8vec_out,
	TYPMOD_IN = int8vec_typmod_in,
	RECEIVE = int8vec_recv,
	SEND = int8vec_send,
	STORAGE = external
);
COMMENT ON TYPE int8vec IS 'vector of 8-bit signed integers';

-- int8vec: functions

CREATE FUNCTION l2_distance(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_distance(int8vec, int8vec) IS 'Euclidean (L2) distance';

CREATE FUNCTION inner_product(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION inner_product(int8vec, int8vec) IS 'inner product';

CREATE FUNCTION negative_inner_product(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION negative_inner_product(int8vec, int8vec) IS 'inner product with its sign turned, so that less is nearer';

CREATE FUNCTION cosine_distance(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cosine_distance(int8vec, int8vec) IS 'cosine distance: 1 - cosine similarity';

CREATE FUNCTION l1_distance(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l1_distance(int8vec, int8vec) IS 'taxicab (L1) distance';

CREATE FUNCTION vector_dims(int8vec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecx_int8vec_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_dims(int8vec) IS 'number of dimensions';

CREATE FUNCTION l2_norm(int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_l2_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_norm(int8vec) IS 'Euclidean norm';

CREATE FUNCTION binary_quantize(int8vec) RETURNS bit
	AS 'MODULE_PATHNAME', 'vecx_int8vec_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION binary_quantize(int8vec) IS 'one bit for each element, set where it is positive';

CREATE FUNCTION subvector(int8vec, integer, integer) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION subvector(int8vec, integer, integer) IS 'part of a vector: start (from 1) and count';

-- int8vec: behind operators and indexes

CREATE FUNCTION int8vec_add(int8vec, int8vec) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_add(int8vec, int8vec) IS 'implementation of + operator';

CREATE FUNCTION int8vec_sub(int8vec, int8vec) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_sub(int8vec, int8vec) IS 'implementation of - operator';

CREATE FUNCTION int8vec_mul(int8vec, int8vec) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_mul(int8vec, int8vec) IS 'implementation of * operator';

CREATE FUNCTION int8vec_concat(int8vec, int8vec) RETURNS int8vec
	AS 'MODULE_PATHNAME', 'vecx_int8vec_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_concat(int8vec, int8vec) IS 'implementation of || operator';

CREATE FUNCTION int8vec_lt(int8vec, int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_lt(int8vec, int8vec) IS 'implementation of < operator';

CREATE FUNCTION int8vec_le(int8vec, int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_le(int8vec, int8vec) IS 'implementation of <= operator';

CREATE FUNCTION int8vec_eq(int8vec, int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_eq(int8vec, int8vec) IS 'implementation of = operator';

CREATE FUNCTION int8vec_ne(int8vec, int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_ne(int8vec, int8vec) IS 'implementation of <> operator';

CREATE FUNCTION int8vec_ge(int8vec, int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_ge(int8vec, int8vec) IS 'implementation of >= operator';

CREATE FUNCTION int8vec_gt(int8vec, int8vec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecx_int8vec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_gt(int8vec, int8vec) IS 'implementation of > operator';

CREATE FUNCTION int8vec_cmp(int8vec, int8vec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecx_int8vec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_cmp(int8vec, int8vec) IS 'less, equal or greater';

CREATE FUNCTION int8vec_l2_squared_distance(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_l2_squared_distance(int8vec, int8vec) IS 'square of the Euclidean distance';

CREATE FUNCTION int8vec_negative_inner_product(int8vec, int8vec) RETURNS float8
	AS 'MODULE_PATHNAME', 'vecx_int8vec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION int8vec_negative_inner_product(int8vec, int8vec) IS 'implementation of <#> operator';

-- int8vec: operators

CREATE OPERATOR <-> (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = l2_distance,
	COMMUTATOR = '<->'
);

CREATE OPERATOR <#> (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_negative_inner_product,
	COMMUTATOR = '<#>'
);
COMMENT ON OPERATOR <#> (int8vec, int8vec) IS 'negative inner product';

CREATE OPERATOR <=> (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = cosine_distance,
	COMMUTATOR = '<=>'
);

CREATE OPERATOR <+> (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = l1_distance,
	COMMUTATOR = '<+>'
);

CREATE OPERATOR + (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_add,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (int8vec, int8vec) IS 'add';

CREATE OPERATOR - (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_sub
);
COMMENT ON OPERATOR - (int8vec, int8vec) IS 'subtract';

CREATE OPERATOR * (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_mul,
	COMMUTATOR = *
);
COMMENT ON OPERATOR * (int8vec, int8vec) IS 'multiply';

CREATE OPERATOR || (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_concat
);
COMMENT ON OPERATOR || (int8vec, int8vec) IS 'concatenate';

CREATE OPERATOR < (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (int8vec, int8vec) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (int8vec, int8vec) IS 'less than or equal';

CREATE OPERATOR = (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (int8vec, int8vec) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (int8vec, int8vec) IS 'not equal';

CREATE OPERATOR >= (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (int8vec, int8vec) IS 'greater than or equal';

CREATE OPERATOR > (
	LEFTARG = int8vec, RIGHTARG = int8vec, FUNCTION = int8vec_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (int8vec, int8vec) IS 'greater than';

CREATE OPERATOR CLASS int8vec_ops
	DEFAULT FOR TYPE int8vec USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 int8vec_cmp(int8vec, int8vec);
