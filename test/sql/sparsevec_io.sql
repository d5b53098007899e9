-- sparsevec: text and binary form, type modifier, storage
\set QUIET on
\getenv abs_builddir PG_ABS_BUILDDIR
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''));
END $$;

-- what is taken
SELECT literal, literal::sparsevec AS value FROM (VALUES
    ('{}/1'), ('{1:1.5,3:2}/5'), (E' \t\n\x0b\f\r{ 1 : 1.5 , 3 : .5 } / 5 '), ('{3:1,1:2,2:-3}/3'), ('{+1:+1,2:1.}/2'),
    ('{1:0,2:-0,3:0e-99,4:1}/4'), ('{9:0,0:0,-5:0}/3'), ('{1:1e2,2:1E-2,3:-1e+1}/3'), ('{1:0x1p4}/1'),
    ('{1:1.17549435e-38,2:1e-45,3:3.4028235e38}/3'), ('{1:16777217,2:0.1,3:123456.7890123456789}/3'),
    ('{1000000000:1}/1000000000')) v(literal);

-- what is refused
SELECT literal, pg_temp.error_of(format('SELECT %L::sparsevec', literal)) FROM (VALUES
    (''), ('['), ('{'), ('{ '), ('{:'), ('{1'), ('{1:'), ('{1:1'), ('{1:1,'), ('{1:1,}/1'), ('{,}/1'), ('{1}/1'), ('{:1}/1'),
    ('{1:}/1'), ('{1:1 2:2}/2'), ('{a:1}/1'), ('{1:a}/1'), ('{1:1a}/1'), ('{1.5:1}/2'), ('{}'), ('{}/'), ('{}/a'),
    ('{}/1a'), ('{}/1 1'), ('{}/0'), ('{}/-1'), ('{}/1000000001'), ('{}/99999999999999999999'),
    ('{}/-99999999999999999999'), ('{0:1}/1'), ('{-1:1}/1'), ('{2:1}/1'), ('{99999999999999999999:1}/1'),
    ('{-99999999999999999999:1}/1'), ('{1:1,1:2}/2'), ('{2:1,1:1,2:1}/2'), ('{1:NaN}/1'), ('{1:nan(7)}/1'),
    ('{1:Infinity}/1'), ('{1:-inf}/1'), ('{1:4e38}/1'), ('{1:-4e38}/1'), ('{1:1e-46}/1'), ('{1:-1e-46}/1'),
    ('{1:é}/1')) v(literal);

-- no more elements than 16,000, zeros included
SELECT length(('{' || string_agg(i || ':1', ',') || '}/16000')::sparsevec::text) FROM generate_series(1, 16000) i;
SELECT ('{' || string_agg(i || ':1', ',') || '}/16001')::sparsevec FROM generate_series(1, 16001) i;
SELECT ('{' || string_agg(i || ':0', ',') || '}/16001')::sparsevec FROM generate_series(1, 16001) i;
-- a long literal is quoted in part
SELECT ('{' || repeat('é', 100000))::sparsevec;

-- type modifier
SELECT '{}/3'::sparsevec(3);
SELECT format_type('sparsevec'::regtype, 3);
SELECT statement, pg_temp.error_of(statement) FROM (VALUES
    ('SELECT ''{}/3''::sparsevec(2)'), ('SELECT ''{}/3''::sparsevec(0)'), ('SELECT ''{}/3''::sparsevec(-1)'),
    ('SELECT ''{}/3''::sparsevec(1000000001)'), ('SELECT ''{}/3''::sparsevec(3, 2)'),
    ('SELECT ''{}/3''::sparsevec(''a'')')) v(statement);
CREATE TABLE typed (v sparsevec(3));
INSERT INTO typed VALUES ('{1:1}/3');
INSERT INTO typed VALUES ('{1:1}/4');
INSERT INTO typed SELECT '{1:1}/4'::sparsevec;
ALTER TABLE typed ALTER v TYPE sparsevec(4);
ALTER TABLE typed ALTER v TYPE sparsevec;
SELECT * FROM typed;

-- the bytes that clients send and receive, and the bytes on disk
SELECT sparsevec_send('{1:1.5,3:-2}/5'), sparsevec_send('{}/1000000000');
SELECT pg_column_size('{1:1.5,3:-2}/5'::sparsevec);
SELECT typlen, typalign, typstorage, typbyval, typcategory FROM pg_type WHERE typname = 'sparsevec';

-- stored with short header, in line, compressed, and out of line
CREATE TABLE stored (id int, v sparsevec);
INSERT INTO stored SELECT n, ('{' || string_agg(i || ':' || 1 + i % 2, ',') || '}/20000')::sparsevec
    FROM (VALUES (1), (13), (14), (200), (5000), (16000)) s(n), generate_series(1, n) i GROUP BY n;
SELECT id, pg_column_size(v), vector_dims(v), l1_distance(v, '{}/20000') = id + (id + 1) / 2 AS same_norm, v = v::text::sparsevec AS same
    FROM stored ORDER BY id;
ALTER TABLE stored ALTER v SET STORAGE extended;
UPDATE stored SET v = ('{' || (SELECT string_agg(i || ':7', ',') FROM generate_series(1, id) i) || '}/20000')::sparsevec WHERE id > 1000;
SELECT id, pg_column_size(v) < 16 + 8 * id AS compressed, l1_distance(v, '{}/20000') = 7 * id AS same_norm, vector_dims(v::sparsevec(20000)) FROM stored
    WHERE id > 1000 ORDER BY id;

-- COPY BINARY there and back
\set file :abs_builddir '/results/sparsevec.bin'
CREATE TABLE source (id int, v sparsevec(9));
INSERT INTO source VALUES (1, '{}/9'), (2, '{1:1.5,9:-1e-45}/9'), (3, NULL), (4, '{1:3.4028235e38,2:-3.4028235e38}/9');
CREATE TABLE target (LIKE source);
COPY source TO :'file' (FORMAT binary);
COPY target FROM :'file' (FORMAT binary);
SELECT id, s.v, s.v IS NOT DISTINCT FROM t.v AS same FROM source s JOIN target t USING (id) ORDER BY id;
CREATE TABLE narrow (id int, v sparsevec(8));
COPY narrow FROM :'file' (FORMAT binary);

-- hostile messages; send_message() writes a file as COPY BINARY would, with any bytes in the place of a value
CREATE FUNCTION pg_temp.send_message(message bytea, file text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    o oid := lo_from_bytea(0, '\x5047434f50590aff0d0a00'::bytea || '\x0000000000000000' || '\x0001' ||
                              int4send(length(message)) || message || '\xffff');
BEGIN
    PERFORM lo_export(o, file);
    PERFORM lo_unlink(o);
END $$;
CREATE TEMP TABLE received (v sparsevec);
CREATE FUNCTION pg_temp.receive(message bytea, file text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error text;
BEGIN
    DELETE FROM received;
    PERFORM pg_temp.send_message(message, file);
    error := pg_temp.error_of(format('COPY received FROM %L (FORMAT binary)', file));
    RETURN coalesce((SELECT v::text FROM received), error);
END $$;
SELECT what, pg_temp.receive(message, :'file') FROM (VALUES
    ('good', '\x00000005 00000002 00000000 00000000 00000002 3fc00000 c0000000'::bytea),
    ('no element', '\x00000005 00000000 00000000'),
    ('empty', '\x'),
    ('header cut off', '\x00000005 00000002 0000'),
    ('indices cut off', '\x00000005 00000002 00000000 00000000 00'),
    ('values cut off', '\x00000005 00000002 00000000 00000000 00000002 3fc00000'),
    ('trailing bytes', '\x00000005 00000002 00000000 00000000 00000002 3fc00000 c0000000 00'),
    ('dim 0', '\x00000000 00000000 00000000'),
    ('dim negative', '\x80000000 00000000 00000000'),
    ('dim too large', '\x3b9aca01 00000000 00000000'),
    ('nnz negative', '\x00000005 ffffffff 00000000'),
    ('nnz too large', '\x7fffffff 7fffffff 00000000'),
    ('nnz too large, dim good', '\x3b9aca00 00003e81 00000000'),
    ('nnz above dim', '\x00000005 00000006 00000000'),
    ('nnz without elements', '\x3b9aca00 00003e80 00000000'),
    ('unused', '\x00000005 00000000 00000001'),
    ('index negative', '\x00000005 00000001 00000000 ffffffff 3f800000'),
    ('index too large', '\x00000005 00000001 00000000 00000005 3f800000'),
    ('descending', '\x00000005 00000002 00000000 00000002 00000001 3f800000 3f800000'),
    ('duplicate', '\x00000005 00000002 00000000 00000002 00000002 3f800000 3f800000'),
    ('zero', '\x00000005 00000001 00000000 00000000 00000000'),
    ('minus zero', '\x00000005 00000001 00000000 00000000 80000000'),
    ('NaN', '\x00000005 00000001 00000000 00000000 7fc00000'),
    ('infinity', '\x00000005 00000001 00000000 00000000 ff800000'),
    ('smallest', '\x00000005 00000001 00000000 00000004 00000001')) v(what, message);
DROP TABLE typed, stored, source, target, narrow;
