-- Further columns of an hnsw index, behind the vector: CREATE INDEX ON t USING hnsw (embedding vector_l2_ops, tenant, price).
-- Strategies are btree's. Operators that compare two types are there where both have the same kind of keys.

CREATE FUNCTION hnsw_bool_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_boolean' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bool_attribute(internal) IS 'hnsw index support: column of boolean';

CREATE FUNCTION hnsw_integer_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_integer' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_integer_attribute(internal) IS 'hnsw index support: column of whole numbers';

CREATE FUNCTION hnsw_float_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_real' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_float_attribute(internal) IS 'hnsw index support: column of floating-point numbers';

CREATE FUNCTION hnsw_numeric_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_numeric' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_numeric_attribute(internal) IS 'hnsw index support: column of numeric';

CREATE FUNCTION hnsw_date_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_date' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_date_attribute(internal) IS 'hnsw index support: column of date';

CREATE FUNCTION hnsw_timestamp_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_timestamp_attribute(internal) IS 'hnsw index support: column of timestamp, with or without time zone';

CREATE FUNCTION hnsw_uuid_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_uuid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_uuid_attribute(internal) IS 'hnsw index support: column of uuid';

CREATE FUNCTION hnsw_text_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_text_attribute(internal) IS 'hnsw index support: column of text or varchar';

CREATE FUNCTION hnsw_enum_attribute(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_attribute_enumeration' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_enum_attribute(internal) IS 'hnsw index support: column of an enum';

CREATE OPERATOR FAMILY integer_ops USING hnsw;
CREATE OPERATOR FAMILY float_ops USING hnsw;

CREATE OPERATOR CLASS bool_ops
    DEFAULT FOR TYPE boolean USING hnsw AS
    OPERATOR 1 pg_catalog.< (boolean, boolean),
    OPERATOR 2 pg_catalog.<= (boolean, boolean),
    OPERATOR 3 pg_catalog.= (boolean, boolean),
    OPERATOR 4 pg_catalog.>= (boolean, boolean),
    OPERATOR 5 pg_catalog.> (boolean, boolean),
    FUNCTION 1 hnsw_bool_attribute(internal);

CREATE OPERATOR CLASS int2_ops
    DEFAULT FOR TYPE smallint USING hnsw FAMILY integer_ops AS
    OPERATOR 1 pg_catalog.< (smallint, smallint),
    OPERATOR 2 pg_catalog.<= (smallint, smallint),
    OPERATOR 3 pg_catalog.= (smallint, smallint),
    OPERATOR 4 pg_catalog.>= (smallint, smallint),
    OPERATOR 5 pg_catalog.> (smallint, smallint),
    FUNCTION 1 hnsw_integer_attribute(internal);

CREATE OPERATOR CLASS int4_ops
    DEFAULT FOR TYPE integer USING hnsw FAMILY integer_ops AS
    OPERATOR 1 pg_catalog.< (integer, integer),
    OPERATOR 2 pg_catalog.<= (integer, integer),
    OPERATOR 3 pg_catalog.= (integer, integer),
    OPERATOR 4 pg_catalog.>= (integer, integer),
    OPERATOR 5 pg_catalog.> (integer, integer),
    FUNCTION 1 hnsw_integer_attribute(internal);

CREATE OPERATOR CLASS int8_ops
    DEFAULT FOR TYPE bigint USING hnsw FAMILY integer_ops AS
    OPERATOR 1 pg_catalog.< (bigint, bigint),
    OPERATOR 2 pg_catalog.<= (bigint, bigint),
    OPERATOR 3 pg_catalog.= (bigint, bigint),
    OPERATOR 4 pg_catalog.>= (bigint, bigint),
    OPERATOR 5 pg_catalog.> (bigint, bigint),
    FUNCTION 1 hnsw_integer_attribute(internal);

CREATE OPERATOR CLASS float4_ops
    DEFAULT FOR TYPE real USING hnsw FAMILY float_ops AS
    OPERATOR 1 pg_catalog.< (real, real),
    OPERATOR 2 pg_catalog.<= (real, real),
    OPERATOR 3 pg_catalog.= (real, real),
    OPERATOR 4 pg_catalog.>= (real, real),
    OPERATOR 5 pg_catalog.> (real, real),
    FUNCTION 1 hnsw_float_attribute(internal);

CREATE OPERATOR CLASS float8_ops
    DEFAULT FOR TYPE double precision USING hnsw FAMILY float_ops AS
    OPERATOR 1 pg_catalog.< (double precision, double precision),
    OPERATOR 2 pg_catalog.<= (double precision, double precision),
    OPERATOR 3 pg_catalog.= (double precision, double precision),
    OPERATOR 4 pg_catalog.>= (double precision, double precision),
    OPERATOR 5 pg_catalog.> (double precision, double precision),
    FUNCTION 1 hnsw_float_attribute(internal);

ALTER OPERATOR FAMILY integer_ops USING hnsw ADD
    OPERATOR 1 pg_catalog.< (smallint, integer),
    OPERATOR 2 pg_catalog.<= (smallint, integer),
    OPERATOR 3 pg_catalog.= (smallint, integer),
    OPERATOR 4 pg_catalog.>= (smallint, integer),
    OPERATOR 5 pg_catalog.> (smallint, integer),
    OPERATOR 1 pg_catalog.< (smallint, bigint),
    OPERATOR 2 pg_catalog.<= (smallint, bigint),
    OPERATOR 3 pg_catalog.= (smallint, bigint),
    OPERATOR 4 pg_catalog.>= (smallint, bigint),
    OPERATOR 5 pg_catalog.> (smallint, bigint),
    OPERATOR 1 pg_catalog.< (integer, smallint),
    OPERATOR 2 pg_catalog.<= (integer, smallint),
    OPERATOR 3 pg_catalog.= (integer, smallint),
    OPERATOR 4 pg_catalog.>= (integer, smallint),
    OPERATOR 5 pg_catalog.> (integer, smallint),
    OPERATOR 1 pg_catalog.< (integer, bigint),
    OPERATOR 2 pg_catalog.<= (integer, bigint),
    OPERATOR 3 pg_catalog.= (integer, bigint),
    OPERATOR 4 pg_catalog.>= (integer, bigint),
    OPERATOR 5 pg_catalog.> (integer, bigint),
    OPERATOR 1 pg_catalog.< (bigint, smallint),
    OPERATOR 2 pg_catalog.<= (bigint, smallint),
    OPERATOR 3 pg_catalog.= (bigint, smallint),
    OPERATOR 4 pg_catalog.>= (bigint, smallint),
    OPERATOR 5 pg_catalog.> (bigint, smallint),
    OPERATOR 1 pg_catalog.< (bigint, integer),
    OPERATOR 2 pg_catalog.<= (bigint, integer),
    OPERATOR 3 pg_catalog.= (bigint, integer),
    OPERATOR 4 pg_catalog.>= (bigint, integer),
    OPERATOR 5 pg_catalog.> (bigint, integer);

ALTER OPERATOR FAMILY float_ops USING hnsw ADD
    OPERATOR 1 pg_catalog.< (real, double precision),
    OPERATOR 2 pg_catalog.<= (real, double precision),
    OPERATOR 3 pg_catalog.= (real, double precision),
    OPERATOR 4 pg_catalog.>= (real, double precision),
    OPERATOR 5 pg_catalog.> (real, double precision),
    OPERATOR 1 pg_catalog.< (double precision, real),
    OPERATOR 2 pg_catalog.<= (double precision, real),
    OPERATOR 3 pg_catalog.= (double precision, real),
    OPERATOR 4 pg_catalog.>= (double precision, real),
    OPERATOR 5 pg_catalog.> (double precision, real);

CREATE OPERATOR CLASS numeric_ops
    DEFAULT FOR TYPE numeric USING hnsw AS
    OPERATOR 1 pg_catalog.< (numeric, numeric),
    OPERATOR 2 pg_catalog.<= (numeric, numeric),
    OPERATOR 3 pg_catalog.= (numeric, numeric),
    OPERATOR 4 pg_catalog.>= (numeric, numeric),
    OPERATOR 5 pg_catalog.> (numeric, numeric),
    FUNCTION 1 hnsw_numeric_attribute(internal);

CREATE OPERATOR CLASS date_ops
    DEFAULT FOR TYPE date USING hnsw AS
    OPERATOR 1 pg_catalog.< (date, date),
    OPERATOR 2 pg_catalog.<= (date, date),
    OPERATOR 3 pg_catalog.= (date, date),
    OPERATOR 4 pg_catalog.>= (date, date),
    OPERATOR 5 pg_catalog.> (date, date),
    FUNCTION 1 hnsw_date_attribute(internal);

CREATE OPERATOR CLASS timestamp_ops
    DEFAULT FOR TYPE timestamp without time zone USING hnsw AS
    OPERATOR 1 pg_catalog.< (timestamp without time zone, timestamp without time zone),
    OPERATOR 2 pg_catalog.<= (timestamp without time zone, timestamp without time zone),
    OPERATOR 3 pg_catalog.= (timestamp without time zone, timestamp without time zone),
    OPERATOR 4 pg_catalog.>= (timestamp without time zone, timestamp without time zone),
    OPERATOR 5 pg_catalog.> (timestamp without time zone, timestamp without time zone),
    FUNCTION 1 hnsw_timestamp_attribute(internal);

CREATE OPERATOR CLASS timestamptz_ops
    DEFAULT FOR TYPE timestamp with time zone USING hnsw AS
    OPERATOR 1 pg_catalog.< (timestamp with time zone, timestamp with time zone),
    OPERATOR 2 pg_catalog.<= (timestamp with time zone, timestamp with time zone),
    OPERATOR 3 pg_catalog.= (timestamp with time zone, timestamp with time zone),
    OPERATOR 4 pg_catalog.>= (timestamp with time zone, timestamp with time zone),
    OPERATOR 5 pg_catalog.> (timestamp with time zone, timestamp with time zone),
    FUNCTION 1 hnsw_timestamp_attribute(internal);

CREATE OPERATOR CLASS uuid_ops
    DEFAULT FOR TYPE uuid USING hnsw AS
    OPERATOR 1 pg_catalog.< (uuid, uuid),
    OPERATOR 2 pg_catalog.<= (uuid, uuid),
    OPERATOR 3 pg_catalog.= (uuid, uuid),
    OPERATOR 4 pg_catalog.>= (uuid, uuid),
    OPERATOR 5 pg_catalog.> (uuid, uuid),
    FUNCTION 1 hnsw_uuid_attribute(internal);

-- Keys of text are hashes, and those of an enum do not follow its order, which ALTER TYPE may change.

CREATE OPERATOR CLASS text_ops
    DEFAULT FOR TYPE text USING hnsw AS
    OPERATOR 3 pg_catalog.= (text, text),
    FUNCTION 1 hnsw_text_attribute(internal);

CREATE OPERATOR CLASS enum_ops
    DEFAULT FOR TYPE anyenum USING hnsw AS
    OPERATOR 3 pg_catalog.= (anyenum, anyenum),
    FUNCTION 1 hnsw_enum_attribute(internal);

