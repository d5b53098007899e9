-- Binary output and input of vector, halfvec, bf16vec and int8vec; hostile messages.
CREATE TEMP TABLE type (n serial, name text, width int);
INSERT INTO type (name, width) VALUES ('vector', 4), ('halfvec', 2), ('bf16vec', 2), ('int8vec', 1);
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    detail text;
BEGIN
    EXECUTE command INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || SQLERRM || CASE WHEN detail <> '' THEN ' [' || detail || ']' ELSE '' END;
END $$;

-- What is sent: dimension, zero, elements, in network byte order.
SELECT vector_send('[1,-2.5]'), halfvec_send('[1,-2.5]'), bf16vec_send('[1,-2.5]'), int8vec_send('[1,-2]');

-- What is received: the function makes a file of COPY's binary format from the message and reads it as the type.
CREATE FUNCTION pg_temp.receive(type text, message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    path text := current_setting('data_directory') || '/vecx_receive_test';
    file oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000' || '\x0001'::bytea ||
                                 int4send(length(message)) || message || '\xffff'::bytea);
    result text;
BEGIN
    PERFORM lo_export(file, path), lo_unlink(file);
    DROP TABLE IF EXISTS received;
    EXECUTE format('CREATE TEMP TABLE received (x %s)', type);
    EXECUTE format('COPY received FROM %L (FORMAT binary)', path);
    SELECT x::text INTO result FROM received;
    RETURN result;
END $$;
CREATE FUNCTION pg_temp.try_receive(type text, message bytea) RETURNS text LANGUAGE sql AS
    $$ SELECT pg_temp.try(format('SELECT pg_temp.receive(%L, %L)', type, message)) $$;
SET client_min_messages = warning;

-- There and back.
SELECT name, value, pg_temp.receive(name, message) = pg_temp.try(format('SELECT %L::%s', value, name)) AS same
FROM type, unnest(ARRAY['[1]', '[1,-2,3]', '[-128,127,0,-0]', '[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]']) AS value,
     LATERAL (SELECT pg_temp.try(format('SELECT %s_send(%L)', name, value))::bytea AS message) m;
SELECT pg_temp.receive('vector', vector_send('[1e-45,-3.4028235e38,0.1,1.17549435e-38]')),
       pg_temp.receive('halfvec', halfvec_send('[6e-8,-65504,0.1]')),
       pg_temp.receive('bf16vec', bf16vec_send('[1e-40,-3e38,0.1]'));
SELECT name, pg_temp.receive(name || '(16000)', message) = value AS same
FROM type, LATERAL (SELECT '[' || string_agg((i % 256 - 128)::text, ',') || ']' AS value FROM generate_series(1, 16000) i) v,
     LATERAL (SELECT pg_temp.try(format('SELECT %s_send(%L)', name, value))::bytea AS message) m;

-- Bad headers; the elements are there.
SELECT name, header, pg_temp.try_receive(name, header || decode(repeat('00', width), 'hex')) AS error
FROM type, unnest(ARRAY['\x00000000', '\x80000000', '\xffff0000', '\x3e810000', '\x00010001', '\x0001ffff']::bytea[])
     WITH ORDINALITY AS header(header, i)
ORDER BY i, n;

-- Too short and too long.
SELECT name, rest, pg_temp.try_receive(name, '\x00020000'::bytea || decode(repeat('00', 2 * width + rest), 'hex')) AS error
FROM type, unnest(ARRAY[-1, 1, 100]) AS rest ORDER BY rest, n;
SELECT message, (SELECT string_agg(DISTINCT replace(pg_temp.try_receive(name, message), name, 'vector'), '; ') FROM type) AS error
FROM unnest(ARRAY['\x', '\x00', '\x000100', '\x00010000', '\x3e800000']::bytea[]) AS message;

-- NaN and infinity, first and last.
SELECT name, element, pg_temp.try_receive(name, '\x0002'::bytea || '\x0000' || element || decode(repeat('00', width), 'hex')) AS first,
       pg_temp.try_receive(name, '\x0002'::bytea || '\x0000' || decode(repeat('00', width), 'hex') || element) AS last
FROM type, LATERAL unnest(CASE name WHEN 'vector' THEN ARRAY['\x7f800000', '\xff800000', '\x7fc00000', '\xff800001']::bytea[]
                                    WHEN 'halfvec' THEN ARRAY['\x7c00', '\xfc00', '\x7e00', '\xfc01']::bytea[]
                                    WHEN 'bf16vec' THEN ARRAY['\x7f80', '\xff80', '\x7fc0', '\xff81']::bytea[] END) AS element
ORDER BY n, element;

-- The typmod.
SELECT name, pg_temp.try_receive(name || '(3)', '\x00020000'::bytea || decode(repeat('00', 2 * width), 'hex')) AS error FROM type;

-- Inside other types, whose messages hold ours.
SELECT pg_temp.receive('vector[]', array_send(ARRAY['[1,2]', '[3]']::vector[])),
       pg_temp.receive('int8vec[]', array_send(ARRAY['[1,2]', '[3]']::int8vec[]));
CREATE DOMAIN pair AS halfvec(2) CHECK (VALUE <> '[0,0]');
SELECT pg_temp.receive('pair', halfvec_send('[1,2]')), pg_temp.try_receive('pair', halfvec_send('[0,0]')),
       pg_temp.try_receive('pair', halfvec_send('[1,2,3]'));

-- A table through COPY BINARY and back.
CREATE TABLE rows_out (i int, a vector, b halfvec(2), c bf16vec, d int8vec);
CREATE TABLE rows_in (LIKE rows_out);
INSERT INTO rows_out VALUES (1, '[1,2,3]', '[0.5,-1]', '[7]', '[-128,127]'), (2, NULL, NULL, NULL, NULL);
INSERT INTO rows_out SELECT 3, array_agg(i)::vector, '[0,0]', array_agg(i)::bf16vec, array_agg(i % 100)::int8vec FROM generate_series(1, 3000) i;
DO $$
DECLARE
    path text := current_setting('data_directory') || '/vecx_receive_test';
BEGIN
    EXECUTE format('COPY rows_out TO %L (FORMAT binary)', path);
    EXECUTE format('COPY rows_in FROM %L (FORMAT binary)', path);
END $$;
SELECT count(*), bool_and(o IS NOT DISTINCT FROM r) AS same FROM rows_out o JOIN rows_in r USING (i);
DROP TABLE rows_out, rows_in, received;
DROP DOMAIN pair;
