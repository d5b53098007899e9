-- sparsevec: casts
\set QUIET on
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' | ' || SQLERRM;
END $$;

-- the matrix: i implicit, a assignment
SELECT castsource::regtype, casttarget::regtype, castcontext, castfunc::regprocedure FROM pg_cast
    WHERE 'sparsevec'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text, casttarget::regtype::text;

SELECT '[0,1.5,0,-2]'::vector::sparsevec, '[0,1.5,0,-2]'::halfvec::sparsevec, '[0,1.5,0,-2]'::bf16vec::sparsevec, '[0,1,0,-128]'::int8vec::sparsevec;
SELECT '[-0,0]'::vector::sparsevec, '[-0,6e-8]'::halfvec::sparsevec, '[-0,1e-40]'::bf16vec::sparsevec;
SELECT v::vector, v::halfvec, v::bf16vec, v::int8vec FROM (VALUES ('{2:1.5,4:-2}/4'::sparsevec), ('{}/3'), ('{1:127.4,2:-128}/2'), ('{1:1e-20}/1')) x(v);
SELECT ARRAY[0,1,0,-2]::int4[]::sparsevec, ARRAY[0,1.5,0]::float4[]::sparsevec, ARRAY[0,1.5,1e-50]::float8[]::sparsevec, ARRAY[0,1.5,-0.0]::numeric[]::sparsevec;
SELECT '[5:6]={7,8}'::int4[]::sparsevec;
SELECT '[0,1]'::vector::sparsevec(2), '{1:1}/2'::sparsevec::vector(2), '{1:1}/2'::sparsevec::halfvec(2), ARRAY[0,1]::sparsevec(2);

-- by assignment
CREATE TABLE many (s sparsevec(3), v vector(3), h halfvec(3), b bf16vec(3), i int8vec(3));
INSERT INTO many (s) SELECT '[0,1,2]'::vector(3);
INSERT INTO many (s) SELECT '[0,1,2]'::halfvec;
INSERT INTO many (s) SELECT '[0,1,2]'::bf16vec;
INSERT INTO many (s) SELECT '[0,1,2]'::int8vec;
INSERT INTO many (s) SELECT ARRAY[0,1,2];
UPDATE many SET v = s, h = s, b = s, i = s;
SELECT DISTINCT v, h, b, i, s FROM many;
DROP TABLE many;

-- implicitly, from vector and halfvec
SELECT '[1,2]'::vector <-> '{1:1}/2'::sparsevec, '{1:1}/2'::sparsevec <-> '[1,2]'::halfvec;

SELECT statement, pg_temp.error_of('SELECT ' || statement) FROM (VALUES
    ('''[0,1]''::vector::sparsevec(3)'), ('''[0,1]''::halfvec::sparsevec(3)'), ('''[0,1]''::bf16vec::sparsevec(3)'), ('''[0,1]''::int8vec::sparsevec(3)'),
    ('''{1:1}/2''::sparsevec::vector(3)'), ('''{1:1}/2''::sparsevec::halfvec(3)'), ('''{1:1}/2''::sparsevec::bf16vec(3)'), ('''{1:1}/2''::sparsevec::int8vec(3)'),
    ('''{}/16001''::sparsevec::vector'), ('''{}/16001''::sparsevec::halfvec'), ('''{}/1000000000''::sparsevec::bf16vec'), ('''{}/16001''::sparsevec::int8vec'),
    ('''{1:65520}/1''::sparsevec::halfvec'), ('''{1:-3.4e38}/1''::sparsevec::bf16vec'), ('''{1:128}/1''::sparsevec::int8vec'), ('''{1:-129}/1''::sparsevec::int8vec'),
    ('''{}''::int4[]::sparsevec'), ('ARRAY[1,NULL]::sparsevec'), ('ARRAY[ARRAY[1,2]]::sparsevec'), ('ARRAY[1,2]::sparsevec(3)'),
    ('''{NaN}''::float4[]::sparsevec'), ('''{Infinity}''::float8[]::sparsevec'), ('''{-1e300}''::float8[]::sparsevec'),
    ('''{NaN}''::numeric[]::sparsevec'), ('array_fill(1e50::numeric, ARRAY[1])::sparsevec'),
    ('array_fill(1, ARRAY[16001])::sparsevec'), ('array_fill(1, ARRAY[16000])::sparsevec'),
    ('array_fill(0::float8, ARRAY[100000])::sparsevec'), ('''[1,2]''::int8vec <-> ''{1:1}/2''::sparsevec'),
    ('''{1:1}/2''::sparsevec::real[]')) v(statement);
