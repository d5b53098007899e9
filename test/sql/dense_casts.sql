-- Casts among vector, halfvec, bf16vec and int8vec, and from and to arrays.
CREATE TEMP TABLE type (n serial, name text);
INSERT INTO type (name) VALUES ('vector'), ('halfvec'), ('bf16vec'), ('int8vec');
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE command INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- The casts that exist and where they apply by themselves: i anywhere, a on assignment.
SELECT castsource::regtype, string_agg(casttarget::regtype || ' ' || castcontext::text, ', ' ORDER BY casttarget::regtype::text COLLATE "C") AS targets
FROM pg_cast
WHERE castsource::regtype::text IN (SELECT name FROM type UNION SELECT unnest(ARRAY['smallint[]', 'integer[]', 'real[]', 'double precision[]', 'numeric[]']))
  AND casttarget::regtype::text <> 'sparsevec' AND castsource::regtype::text <> 'sparsevec'
GROUP BY castsource ORDER BY castsource::regtype::text COLLATE "C";

-- Every type to every type, with the value that each can hold and with values that one cannot.
SELECT value, f.name AS source, t.name AS target, pg_temp.try(format('SELECT %L::%s::%s', value, f.name, t.name)) AS result
FROM (VALUES (1, '[1,-2,127]'), (2, '[1.5,2.5,-0.5,-127.5]'), (3, '[0.1]'), (4, '[127.5]'), (5, '[-128.5,127.4]'), (6, '[65504]'), (7, '[65520]'), (8, '[3.4e38]'), (9, '[3e38]'),
             (10, '[1e-45]'), (11, '[-0]')) v(i, value), type f, type t
WHERE f.n <> t.n AND (i = 1 OR f.n <> 4) AND (i NOT IN (7, 8, 9) OR f.n <> 2) AND (i <> 8 OR f.n <> 3)
ORDER BY i, f.n, t.n;
SELECT f.name AS source, t.name AS target, pg_temp.try(format('SELECT ''[1,2]''::%s::%s(2)', f.name, t.name)) AS fits,
       pg_temp.try(format('SELECT ''[1,2]''::%s::%s(3)', f.name, t.name)) AS does_not
FROM type f, type t ORDER BY f.n, t.n;
-- Long values pass through in blocks.
SELECT f.name AS source, t.name AS target,
       pg_temp.try(format('SELECT array_agg(i %% 100)::%s::%s::text = ''['' || string_agg((i %% 100)::text, '','') || '']'' FROM generate_series(1, 1000) i', f.name, t.name)) AS right
FROM type f, type t ORDER BY f.n, t.n;

-- Arrays to vectors.
SELECT value, a AS source, t.name AS target, pg_temp.try(format('SELECT %L::%s::%s', value, a, t.name)) AS result
FROM (VALUES (1, '{1,2,-3}', 'integer[]'), (2, '{1,2,-3}', 'real[]'), (3, '{1,2,-3}', 'double precision[]'), (4, '{1,2,-3}', 'numeric[]'), (5, '{1,2,-3}', 'smallint[]'),
             (6, '{}', 'integer[]'), (7, '{1,NULL}', 'real[]'), (8, '{{1,2},{3,4}}', 'double precision[]'), (9, '[5:6]={1,2}', 'integer[]'), (10, '{128,65536,2147483647}', 'integer[]'),
             (11, '{0.5,1.5,-2.5,2.5000001}', 'double precision[]'), (12, '{NaN}', 'real[]'), (13, '{1,Infinity}', 'double precision[]'), (14, '{1e39}', 'double precision[]'),
             (15, '{1e39}', 'numeric[]'), (16, '{NaN}', 'numeric[]'), (17, '{1e-50,0.1}', 'double precision[]'), (18, '{65520}', 'real[]'), (19, '{}', 'numeric[]'), (20, '{NULL}', 'numeric[]'),
             (21, '{0.50000001,127.49999999}', 'double precision[]')) v(i, value, a), type t
WHERE NOT (a = 'smallint[]' AND t.n <> 4) ORDER BY i, t.n;
SELECT name, pg_temp.try(format('SELECT ''{1,2}''::int[]::%s(2)', name)), pg_temp.try(format('SELECT ''{1,2}''::real[]::%s(3)', name)),
       pg_temp.try(format('SELECT vector_dims(array_fill(1, ARRAY[16000])::%s)', name)), pg_temp.try(format('SELECT array_fill(1.0, ARRAY[16001])::%s', name))
FROM type;
SELECT array_to_vector(ARRAY[1,2], 2, false), array_to_halfvec(ARRAY[1.5], -1, true), array_to_vector(ARRAY[1,2], 3, false);
SELECT pg_temp.try('SELECT array_to_vector(ARRAY[''a''], -1, false)');

-- Vectors to arrays.
SELECT name, pg_temp.try(format('SELECT ''[1,-2]''::%s::real[]', name)), pg_temp.try(format('SELECT pg_typeof(''[1,-2]''::%s::real[])', name)), pg_temp.try(format('SELECT ''[1,-2]''::%s::integer[]', name)),
       pg_temp.try(format('SELECT ''[1,-2]''::%s::smallint[]', name))
FROM type;
SELECT '[0.1]'::vector::real[], '[0.1]'::halfvec::real[], '[0.1]'::bf16vec::real[], array_dims('[1,2,3]'::int8vec::int[]), ('[1,2,3]'::int8vec::smallint[])[2];
SELECT name, pg_temp.try(format('SELECT %s_to_float4(''[1,2]'', -1, false)', name)) FROM type;

-- On assignment.
CREATE TEMP TABLE target (v vector(2), h halfvec(2), b bf16vec(2), i int8vec(2), r real[]);
INSERT INTO target SELECT x, x, x, x, x FROM (SELECT '[1,2]'::vector AS x) s;
INSERT INTO target SELECT x, x, x, x, x FROM (SELECT '[3,4]'::halfvec AS x) s;
INSERT INTO target SELECT x, x, x, x, x FROM (SELECT '[5,6]'::bf16vec AS x) s;
INSERT INTO target SELECT x, x, x, x, x FROM (SELECT '[7,8]'::int8vec AS x) s;
INSERT INTO target VALUES (ARRAY[1,2], ARRAY[1.5,2], ARRAY[1,2]::real[], ARRAY[1,2]::smallint[], NULL);
INSERT INTO target (v) VALUES (ARRAY[1,2,3]);
SELECT * FROM target;
-- Not by themselves in an expression: from the narrower type to a wider one, as in pgvector.
SELECT name, pg_temp.try(format('SELECT vector_norm(''[3,4]''::%s)', name)) FROM type;
