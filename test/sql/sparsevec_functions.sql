-- sparsevec: distances, norms, arithmetic
\set QUIET on
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' | ' || SQLERRM;
END $$;

-- every distance, by name and by operator
SELECT a, b, l2_distance(a, b), a <-> b AS "<->", inner_product(a, b), negative_inner_product(a, b), a <#> b AS "<#>",
       round(cosine_distance(a, b)::numeric, 6) AS cosine_distance, round((a <=> b)::numeric, 6) AS "<=>", l1_distance(a, b), a <+> b AS "<+>"
FROM (VALUES
    ('{1:3}/2'::sparsevec, '{2:4}/2'::sparsevec), ('{1:1,2:2}/2', '{1:2,2:4}/2'), ('{1:1,2:2}/2', '{1:-2,2:-4}/2'),
    ('{1:1,3:3,5:5}/5', '{2:4,3:6,4:8}/5'), ('{1:1,3:3,5:5}/5', '{}/5'), ('{}/5', '{}/5'),
    ('{1:1,1000000000:1}/1000000000', '{1000000000:1}/1000000000')) v(a, b);
SELECT sparsevec_l2_squared_distance('{1:3}/2', '{2:4}/2'), sparsevec_negative_inner_product('{1:1,2:2}/2', '{1:3,2:4}/2');
-- sums that do not fit a float
SELECT l2_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1'), inner_product('{1:3e38}/1'::sparsevec, '{1:3e38}/1'),
       l1_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1'), cosine_distance('{1:3e38}/1'::sparsevec, '{1:3e38}/1');
-- out of the range of [0, 2] by rounding alone
SELECT cosine_distance('{1:1,2:1}/2'::sparsevec, '{1:1.1,2:1.1}/2'), cosine_distance('{1:1,2:1}/2'::sparsevec, '{1:-1.1,2:-1.1}/2');

SELECT v, l2_norm(v), l2_normalize(v), vector_dims(v) FROM (VALUES
    ('{1:3,2:4}/2'::sparsevec), ('{2:0.1}/3'), ('{}/7'), ('{1:3e38}/1'), ('{1:3e38,2:1e-37}/2'), ('{1:1e-45}/1')) x(v);

-- results have no zeros
SELECT a, b, a + b AS "+", a - b AS "-", a * b AS "*", a || b AS "||" FROM (VALUES
    ('{1:1,3:3}/4'::sparsevec, '{1:-1,2:2,3:1}/4'::sparsevec), ('{1:1,3:3}/4', '{1:1,3:3}/4'), ('{1:1}/4', '{4:2}/4'),
    ('{}/4', '{2:0.5}/4'), ('{}/4', '{}/4')) v(a, b);
SELECT '{1:2}/2'::sparsevec || '{1:3}/1' || '{2:1}/2', sparsevec_concat('{1:1}/1', '{}/999999999');

-- subvector counts from 1 and is cut to what there is, as substring is
SELECT start, count, pg_temp.error_of(format('SELECT subvector(''{1:1,3:3,5:5}/5''::sparsevec, %s, %s)', start, count)) AS error,
       CASE WHEN count > 0 AND start <= 5 AND start::bigint + count > 1 THEN subvector('{1:1,3:3,5:5}/5'::sparsevec, start, count) END AS result
FROM (VALUES (1, 5), (2, 3), (2, 1), (5, 1), (4, 100), (-1, 3), (-2, 3), (6, 1), (1, 0), (1, -1), (3, 2147483647),
    (2147483647, 2147483647), (-2147483648, 2147483647)) v(start, count);

SELECT statement, pg_temp.error_of('SELECT ' || statement) FROM (VALUES
    ('''{1:1}/2''::sparsevec <-> ''{1:1}/3'''), ('''{1:1}/2''::sparsevec <#> ''{1:1}/3'''), ('''{1:1}/2''::sparsevec <=> ''{1:1}/3'''),
    ('''{1:1}/2''::sparsevec <+> ''{1:1}/3'''), ('inner_product(''{1:1}/2''::sparsevec, ''{1:1}/3'')'),
    ('sparsevec_l2_squared_distance(''{1:1}/2'', ''{1:1}/3'')'), ('negative_inner_product(''{1:1}/2''::sparsevec, ''{1:1}/3'')'),
    ('''{1:1}/2''::sparsevec + ''{1:1}/3'''), ('''{1:1}/2''::sparsevec - ''{1:1}/3'''), ('''{1:1}/2''::sparsevec * ''{1:1}/3'''),
    ('''{1:3e38}/1''::sparsevec + ''{1:3e38}/1'''), ('''{1:-3e38}/1''::sparsevec - ''{1:3e38}/1'''),
    ('''{1:1e38}/1''::sparsevec * ''{1:1e38}/1'''), ('''{1:1e-38}/1''::sparsevec * ''{1:1e-38}/1'''),
    ('''{}/1''::sparsevec || ''{}/1000000000''')) v(statement);

-- 16,000 elements at odd or even places: each is a value, together they are not
CREATE TABLE halves AS SELECT i % 2 AS half, ('{' || string_agg(i || ':1', ',') || '}/32000')::sparsevec AS v
    FROM generate_series(1, 32000) i GROUP BY 1;
SELECT a.v <-> b.v AS distance, l2_norm(a.v * b.v) AS product FROM halves a, halves b WHERE a.half = 0 AND b.half = 1;
SELECT a.v + b.v FROM halves a, halves b WHERE a.half = 0 AND b.half = 1;
SELECT a.v || b.v FROM halves a, halves b WHERE a.half = 0 AND b.half = 1;
SELECT sum(v) FROM halves;
SELECT avg(v) FROM halves;
DROP TABLE halves;

-- aggregates
CREATE TABLE numbers (i int, v sparsevec);
INSERT INTO numbers SELECT i, format('{%s:%s,%s:-1,50:1}/50', 1 + i % 10, i, 20 + i % 7)::sparsevec FROM generate_series(1, 1000) i;
INSERT INTO numbers VALUES (0, NULL);
SELECT sum(v), avg(v) FROM numbers WHERE i <= 4;
SELECT sum(v), avg(v) FROM numbers WHERE i = 0;
SELECT sum(v), avg(v) FROM numbers WHERE false;
SELECT i, avg(v) OVER (ORDER BY i ROWS 1 PRECEDING), sum(v) OVER (ORDER BY i ROWS 1 PRECEDING) FROM numbers WHERE i BETWEEN 1 AND 3 ORDER BY i;
SELECT avg(v) FROM (VALUES ('{1:1}/2'::sparsevec), ('{1:-1}/2')) x(v);
SELECT avg(v) FROM (VALUES ('{1:3.4e38}/2'::sparsevec), ('{1:3.4e38}/2')) x(v);
SELECT avg(v) FROM (VALUES ('{1:1}/2'::sparsevec), ('{1:1}/3')) x(v);
SELECT sum(v) FROM (VALUES ('{1:1}/2'::sparsevec), ('{1:1}/3')) x(v);
SELECT sum(v) FROM (VALUES ('{1:3e38}/2'::sparsevec), ('{1:3e38}/2')) x(v);
-- workers give the same result
CREATE TABLE alone AS SELECT i % 3 AS g, sum(v), avg(v) FROM numbers GROUP BY 1;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE numbers SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT sum(v), avg(v) FROM numbers;
CREATE TABLE together AS SELECT i % 3 AS g, sum(v), avg(v) FROM numbers GROUP BY 1;
SELECT a.g, a.sum = t.sum AS same_sum, a.avg = t.avg AS same_avg FROM alone a JOIN together t USING (g) ORDER BY 1;
SELECT avg(v) IS NULL AS nothing FROM numbers WHERE i < 0;
DROP TABLE numbers, alone, together;
