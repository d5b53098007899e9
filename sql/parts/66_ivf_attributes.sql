-- Further columns of an ivf index, behind the vector: CREATE INDEX ON t USING ivf (embedding vector_l2_ops, tenant, price). As for hnsw,
-- whose support functions say what a column's keys are.

CREATE OPERATOR FAMILY integer_ops USING ivf;
CREATE OPERATOR FAMILY float_ops USING ivf;

CREATE OPERATOR CLASS bool_ops
    DEFAULT FOR TYPE boolean USING ivf AS
    OPERATOR 1 pg_catalog.< (boolean, boolean),
    OPERATOR 2 pg_catalog.<= (boolean, boolean),
    OPERATOR 3 pg_catalog.= (boolean, boolean),
    OPERATOR 4 pg_catalog.>= (boolean, boolean),
    OPERATOR 5 pg_catalog.> (boolean, boolean),
    FUNCTION 1 hnsw_bool_attribute(internal);

CREATE OPERATOR CLASS int2_ops
    DEFAULT FOR TYPE smallint USING ivf FAMILY integer_ops AS
    OPERATOR 1 pg_catalog.< (smallint, smallint),
    OPERATOR 2 pg_catalog.<= (smallint, smallint),
    OPERATOR 3 pg_catalog.= (smallint, smallint),
    OPERATOR 4 pg_catalog.>= (smallint, smallint),
    OPERATOR 5 pg_catalog.> (smallint, smallint),
    FUNCTION 1 hnsw_integer_attribute(internal);

CREATE OPERATOR CLASS int4_ops
    DEFAULT FOR TYPE integer USING ivf FAMILY integer_ops AS
    OPERATOR 1 pg_catalog.< (integer, integer),
    OPERATOR 2 pg_catalog.<= (integer, integer),
    OPERATOR 3 pg_catalog.= (integer, integer),
    OPERATOR 4 pg_catalog.>= (integer, integer),
    OPERATOR 5 pg_catalog.> (integer, integer),
    FUNCTION 1 hnsw_integer_attribute(internal);

CREATE OPERATOR CLASS int8_ops
    DEFAULT FOR TYPE bigint USING ivf FAMILY integer_ops AS
    OPERATOR 1 pg_catalog.< (bigint, bigint),
    OPERATOR 2 pg_catalog.<= (bigint, bigint),
    OPERATOR 3 pg_catalog.= (bigint, bigint),
    OPERATOR 4 pg_catalog.>= (bigint, bigint),
    OPERATOR 5 pg_catalog.> (bigint, bigint),
    FUNCTION 1 hnsw_integer_attribute(internal);

CREATE OPERATOR CLASS float4_ops
    DEFAULT FOR TYPE real USING ivf FAMILY float_ops AS
    OPERATOR 1 pg_catalog.< (real, real),
    OPERATOR 2 pg_catalog.<= (real, real),
    OPERATOR 3 pg_catalog.= (real, real),
    OPERATOR 4 pg_catalog.>= (real, real),
    OPERATOR 5 pg_catalog.> (real, real),
    FUNCTION 1 hnsw_float_attribute(internal);

CREATE OPERATOR CLASS float8_ops
    DEFAULT FOR TYPE double precision USING ivf FAMILY float_ops AS
    OPERATOR 1 pg_catalog.< (double precision, double precision),
    OPERATOR 2 pg_catalog.<= (double precision, double precision),
    OPERATOR 3 pg_catalog.= (double precision, double precision),
    OPERATOR 4 pg_catalog.>= (double precision, double precision),
    OPERATOR 5 pg_catalog.> (double precision, double precision),
    FUNCTION 1 hnsw_float_attribute(internal);

ALTER OPERATOR FAMILY integer_ops USING ivf ADD
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

ALTER OPERATOR FAMILY float_ops USING ivf ADD
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
    DEFAULT FOR TYPE numeric USING ivf AS
    OPERATOR 1 pg_catalog.< (numeric, numeric),
    OPERATOR 2 pg_catalog.<= (numeric, numeric),
    OPERATOR 3 pg_catalog.= (numeric, numeric),
    OPERATOR 4 pg_catalog.>= (numeric, numeric),
    OPERATOR 5 pg_catalog.> (numeric, numeric),
    FUNCTION 1 hnsw_numeric_attribute(internal);

CREATE OPERATOR CLASS date_ops
    DEFAULT FOR TYPE date USING ivf AS
    OPERATOR 1 pg_catalog.< (date, date),
    OPERATOR 2 pg_catalog.<= (date, date),
    OPERATOR 3 pg_catalog.= (date, date),
    OPERATOR 4 pg_catalog.>= (date, date),
    OPERATOR 5 pg_catalog.> (date, date),
    FUNCTION 1 hnsw_date_attribute(internal);

CREATE OPERATOR CLASS timestamp_ops
    DEFAULT FOR TYPE timestamp without time zone USING ivf AS
    OPERATOR 1 pg_catalog.< (timestamp without time zone, timestamp without time zone),
    OPERATOR 2 pg_catalog.<= (timestamp without time zone, timestamp without time zone),
    OPERATOR 3 pg_catalog.= (timestamp without time zone, timestamp without time zone),
    OPERATOR 4 pg_catalog.>= (timestamp without time zone, timestamp without time zone),
    OPERATOR 5 pg_catalog.> (timestamp without time zone, timestamp without time zone),
    FUNCTION 1 hnsw_timestamp_attribute(internal);

CREATE OPERATOR CLASS timestamptz_ops
    DEFAULT FOR TYPE timestamp with time zone USING ivf AS
    OPERATOR 1 pg_catalog.< (timestamp with time zone, timestamp with time zone),
    OPERATOR 2 pg_catalog.<= (timestamp with time zone, timestamp with time zone),
    OPERATOR 3 pg_catalog.= (timestamp with time zone, timestamp with time zone),
    OPERATOR 4 pg_catalog.>= (timestamp with time zone, timestamp with time zone),
    OPERATOR 5 pg_catalog.> (timestamp with time zone, timestamp with time zone),
    FUNCTION 1 hnsw_timestamp_attribute(internal);

CREATE OPERATOR CLASS uuid_ops
    DEFAULT FOR TYPE uuid USING ivf AS
    OPERATOR 1 pg_catalog.< (uuid, uuid),
    OPERATOR 2 pg_catalog.<= (uuid, uuid),
    OPERATOR 3 pg_catalog.= (uuid, uuid),
    OPERATOR 4 pg_catalog.>= (uuid, uuid),
    OPERATOR 5 pg_catalog.> (uuid, uuid),
    FUNCTION 1 hnsw_uuid_attribute(internal);

-- Keys of text are hashes, and those of an enum do not follow its order, which ALTER TYPE may change.

CREATE OPERATOR CLASS text_ops
    DEFAULT FOR TYPE text USING ivf AS
    OPERATOR 3 pg_catalog.= (text, text),
    FUNCTION 1 hnsw_text_attribute(internal);

CREATE OPERATOR CLASS enum_ops
    DEFAULT FOR TYPE anyenum USING ivf AS
    OPERATOR 3 pg_catalog.= (anyenum, anyenum),
    FUNCTION 1 hnsw_enum_attribute(internal);

