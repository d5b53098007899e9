-- avg and sum of vector, halfvec, bf16vec and int8vec.
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
-- Both aggregates over some values, for each type; one row when all types agree.
CREATE FUNCTION pg_temp.all_types(what text, rows text) RETURNS TABLE (result text, types text) LANGUAGE sql AS $$
    SELECT replace(result, name, 'TYPE'), string_agg(name, ' ' ORDER BY n)
    FROM (SELECT n, name, pg_temp.try(format('SELECT %s FROM (SELECT x::%s FROM unnest(%L::text[]) x) v', what, name, rows)) AS result FROM type) r
    GROUP BY 1 ORDER BY min(n)
$$;
SELECT v.rows, what, r.*
FROM (VALUES (1, ARRAY['[1,2,3]', '[4,5,6]']), (2, ARRAY['[1,2,3]']), (3, ARRAY[]::text[]), (4, ARRAY[NULL, NULL]), (5, ARRAY[NULL, '[1,2]', NULL, '[3,5]', '[2,2]']),
             (6, ARRAY['[1,2]', '[3]']), (7, ARRAY['[1,2]', NULL, '[1,2,3]']), (8, ARRAY['[100,-100]', '[100,-100]']), (9, ARRAY['[127,-128]', '[127,-128]', '[127,-128]'])) v(i, rows),
     unnest(ARRAY['avg(x)', 'sum(x)']) AS what, pg_temp.all_types(what, v.rows::text) r
ORDER BY i, what;
SELECT v.rows, what, r.*
FROM (VALUES (1, ARRAY['[65504]', '[65504]']), (2, ARRAY['[3e38]', '[3e38]']), (3, ARRAY['[3e38]', '[3e38]', '[-3e38]'])) v(i, rows),
     unnest(ARRAY['avg(x)', 'sum(x)']) AS what, pg_temp.all_types(what, v.rows::text) r
WHERE types <> 'int8vec' AND r.result NOT LIKE '%out of range for type%' ORDER BY i, what;
SELECT name, pg_temp.try(format('SELECT concat_ws('' '', pg_typeof(avg(x)), pg_typeof(sum(x))) FROM (SELECT NULL::%s AS x) v', name)) FROM type;
-- bfloat16 counts to 256 and no further; its sum is made in double.
SELECT sum('[1,0.5]'::bf16vec), avg('[1,0.5]'::bf16vec), sum('[1,-1]'::int8vec), avg('[1,-1]'::int8vec), sum('[1]'::vector), sum('[1]'::halfvec) FROM generate_series(1, 1000);

-- Groups, windows, moving frames, DISTINCT, FILTER, ORDER BY: the state of one is not that of another.
CREATE TEMP TABLE item (id int, g int, v vector(3), h halfvec(3), b bf16vec(3), i int8vec(3));
INSERT INTO item SELECT n, n % 3, x, x, x, x FROM generate_series(1, 12) n, LATERAL (SELECT ARRAY[n, n * n % 7, -n]::vector AS x) s;
SELECT g, avg(v), avg(h), avg(b), avg(i) FROM item GROUP BY g ORDER BY g;
SELECT g, sum(v), sum(h), sum(b), sum(i) FROM item GROUP BY g ORDER BY g;
SELECT id, sum(v) OVER w, avg(v) OVER w, sum(i) OVER w, avg(h) OVER w FROM item WINDOW w AS (ORDER BY id ROWS 2 PRECEDING) ORDER BY id;
SELECT id, sum(v) OVER w, avg(v) OVER w, sum(h) OVER w FROM item WINDOW w AS (PARTITION BY g ORDER BY id) ORDER BY g, id;
SELECT sum(DISTINCT v * '[0,1,0]'), avg(v) FILTER (WHERE id > 10), sum(h ORDER BY id DESC) FROM item;
SELECT g, avg(v), sum(v) FROM item GROUP BY GROUPING SETS ((g), ()) ORDER BY g;
SELECT v FROM item WHERE id = 1; -- the first value of a sum is still what it was

-- Values that are stored elsewhere, compressed or in line.
CREATE TEMP TABLE long (id int, v vector, h halfvec, b bf16vec, i int8vec);
INSERT INTO long SELECT n, x, x, x, x FROM generate_series(1, 20) n, LATERAL (SELECT array_agg((n * k) % 50)::vector AS x FROM generate_series(1, 4000) k) s;
SELECT bool_and(v = e AND h = e::halfvec AND b = e::bf16vec AND i = e) AS right, bool_and(a = am) AS avg_right
FROM (SELECT sum(v) AS v, sum(h) AS h, sum(b) AS b, sum(i) AS i, avg(v) AS a FROM long) s,
     (SELECT array_agg(x ORDER BY k)::vector AS e, array_agg(x / 20.0::float8 ORDER BY k)::vector AS am FROM (SELECT k, sum((n * k) % 50)::int AS x FROM generate_series(1, 20) n, generate_series(1, 4000) k GROUP BY k) s) t;
SELECT v = array_agg_1 FROM (SELECT v, (SELECT array_agg(k % 50) FROM generate_series(1, 4000) k)::vector AS array_agg_1 FROM long WHERE id = 1) s;

-- Parallel.
CREATE TABLE many (v vector(4), h halfvec(4), b bf16vec(4), i int8vec(4));
INSERT INTO many SELECT x, x, x, x FROM (SELECT ARRAY[n % 3, n % 5, -(n % 2), 1]::vector AS x FROM generate_series(1, 20000) n) s;
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT avg(v), avg(h), avg(b), avg(i), sum(v), sum(b), sum(i) FROM many;
SELECT avg(v) AS v, avg(h) AS h, avg(b) AS b, avg(i) AS i FROM many;
SELECT sum(v) AS v, sum(b) AS b, sum(i) AS i FROM many;
SELECT sum(h) FROM (SELECT h FROM many LIMIT 1000) s;
SELECT avg(v), avg(i), sum(v), sum(i) FROM many WHERE v IS NULL;
RESET ALL;
DROP TABLE many;

-- The functions behind the aggregates, called by hand.
SELECT name, pg_temp.try(format('SELECT %s_accum(''{0}'', ''[1,2]'')', name)), pg_temp.try(format('SELECT %s_accum(''{1,1,2}'', ''[1,2]'')', name)),
       pg_temp.try(format('SELECT %s_accum(''{1,1,2}'', ''[1]'')', name)), pg_temp.try(format('SELECT %s_combine(''{1,2,3}'', ''{2,4,6}'')', name)),
       pg_temp.try(format('SELECT %s_avg(''{2,4,6}'')', name)), pg_temp.try(format('SELECT %s_avg(''{0}'')', name))
FROM type;
SELECT state, r.* FROM unnest(ARRAY['{}', '{NULL}', '{{1,2}}', '{1}', '{1,NaN}', '{1,Infinity}', '{1,1e39}', '{0,1}']) AS state,
     LATERAL (SELECT pg_temp.try(format('SELECT vector_avg(%L)', state)) AS avg, pg_temp.try(format('SELECT vector_accum(%L, ''[1]'')', state)) AS accum,
                     pg_temp.try(format('SELECT vector_combine(%L, ''{1,1}'')', state)) AS combine) r;
SELECT vector_combine('{0}', '{0}'), vector_combine('{0}', '{2,1,2}'), vector_combine('{2,1,2}', '{0}');
SELECT vector_combine('{1,1}', '{1,1,1}');
SELECT pg_temp.try('SELECT vector_avg(array_fill(1::float8, ARRAY[16002]))'), pg_temp.try('SELECT vector_combine(array_fill(1::float8, ARRAY[16002]), array_fill(1::float8, ARRAY[16002]))'),
       pg_temp.try('SELECT vector_combine(''{1,1.7e308}'', ''{1,1.7e308}'')');
-- Called by hand they leave their arguments alone.
SELECT state, vector_accum(state, '[1]'), vector_combine(state, state), state FROM (SELECT ARRAY[1,5]::float8[] AS state OFFSET 0) s;
