-- Order: btree indexes, sorting, grouping and joining by vectors.
CREATE TEMP TABLE type (n serial, name text);
INSERT INTO type (name) VALUES ('vector'), ('halfvec'), ('bf16vec'), ('int8vec');
SELECT opcname, opcintype::regtype, opcdefault, amvalidate(c.oid) AS valid
FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'btree' AND opcintype::regtype::text IN (SELECT name FROM type) ORDER BY 1;

CREATE TABLE ordered (id int, v vector(2), h halfvec(2), b bf16vec(2), i int8vec(2));
INSERT INTO ordered SELECT n, x, x, x, x FROM generate_series(1, 500) n, LATERAL (SELECT ARRAY[n * 37 % 101 - 50, n * 11 % 13]::vector AS x) s;
INSERT INTO ordered VALUES (501, NULL, NULL, NULL, NULL);
CREATE UNIQUE INDEX ON ordered (v);
CREATE INDEX ON ordered (h);
CREATE INDEX ON ordered (b DESC NULLS LAST);
CREATE INDEX ON ordered (i);
ANALYZE ordered;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT id FROM ordered WHERE v = '[-50,0]';
EXPLAIN (COSTS off) SELECT id FROM ordered WHERE h > '[49,2]' ORDER BY h;
EXPLAIN (COSTS off) SELECT id FROM ordered ORDER BY b DESC NULLS LAST LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM ordered WHERE i BETWEEN '[0,0]' AND '[0,12]';
CREATE TEMP TABLE by_index AS
SELECT 'v' AS what, array_agg(id) AS ids FROM (SELECT id FROM ordered WHERE v >= '[48,1]' ORDER BY v) s UNION ALL
SELECT 'h', array_agg(id) FROM (SELECT id FROM ordered WHERE h > '[49,2]' ORDER BY h) s UNION ALL
SELECT 'b', array_agg(id) FROM (SELECT id FROM ordered ORDER BY b DESC NULLS LAST LIMIT 20) s UNION ALL
SELECT 'i', array_agg(id ORDER BY id) FROM ordered WHERE i BETWEEN '[0,0]' AND '[0,12]' UNION ALL
SELECT '=', array_agg(id ORDER BY id) FROM ordered WHERE v = '[-13,11]' OR i < '[-48,0]';
RESET enable_sort;
SET enable_seqscan = on;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT what, ids = CASE what
    WHEN 'v' THEN (SELECT array_agg(id ORDER BY v) FROM ordered WHERE v >= '[48,1]')
    WHEN 'h' THEN (SELECT array_agg(id ORDER BY h) FROM ordered WHERE h > '[49,2]')
    WHEN 'b' THEN (SELECT array_agg(id) FROM (SELECT id FROM ordered ORDER BY (b::vector::real[]) DESC NULLS LAST LIMIT 20) s)
    WHEN 'i' THEN (SELECT array_agg(id ORDER BY id) FROM ordered WHERE (i::int[])[1] = 0)
    ELSE (SELECT array_agg(id ORDER BY id) FROM ordered WHERE (v::real[]) = '{-13,11}' OR (i::int[]) < '{-48,0}') END AS same, cardinality(ids)
FROM by_index;
RESET ALL;
INSERT INTO ordered (id, v) VALUES (502, '[-13,11]');

-- Arrays of the same numbers sort alike.
SELECT bool_and(rv = ra), bool_and(rh = ra), bool_and(rb = ra), bool_and(ri = ra)
FROM (SELECT rank() OVER (ORDER BY v) AS rv, rank() OVER (ORDER BY h) AS rh, rank() OVER (ORDER BY b) AS rb, rank() OVER (ORDER BY i) AS ri, rank() OVER (ORDER BY v::real[]) AS ra FROM ordered) s;
SELECT x FROM unnest(ARRAY['[1]', '[1,2]', '[0,9]', '[-1]', '[1,2,0]', '[-1,-5]', '[0]']::vector[]) x ORDER BY x;
SELECT x FROM unnest(ARRAY['[1]', '[1,2]', '[0,9]', '[-1]', '[1,2,0]', '[-1,-5]', '[0]']::int8vec[]) x ORDER BY x DESC;
SELECT count(DISTINCT v), count(DISTINCT h), count(DISTINCT b), count(DISTINCT i), count(DISTINCT (b, i)) FROM ordered;
SELECT h, count(*) FROM (SELECT ('[' || n % 3 || ']')::halfvec AS h FROM generate_series(1, 10) n) s GROUP BY h ORDER BY h;
SELECT greatest('[1,2]'::vector, '[1,3]', '[0,5]'), least('[1,2]'::int8vec, '[1,-3]');
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM ordered x JOIN ordered y USING (i);
RESET ALL;
SELECT x = ANY (ARRAY['[1,2]', '[3,4]']::vector[]), x <> ALL (ARRAY['[1,2]']::vector[]) FROM (VALUES ('[1,2]'::vector), ('[3,4]')) v(x);
SELECT array_position(ARRAY['[1]', '[2]']::bf16vec[], '[2]'), ARRAY['[1]']::halfvec[] < ARRAY['[2]']::halfvec[];
DROP TABLE ordered;
