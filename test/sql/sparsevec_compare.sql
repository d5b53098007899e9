-- sparsevec: comparison and btree. The order is that of the dense vectors: element by element, then by dimension.
\set QUIET on
SELECT a, b, a < b AS "<", a <= b AS "<=", a = b AS "=", a <> b AS "<>", a >= b AS ">=", a > b AS ">", sparsevec_cmp(a, b)
FROM (VALUES
    ('{1:1,2:2,3:3}/3'::sparsevec, '{1:1,2:2,3:3}/3'::sparsevec), ('{1:1,2:2,3:3}/3', '{1:1,2:2}/2'), ('{1:1}/3', '{2:1}/3'),
    ('{1:-1}/3', '{2:1}/3'), ('{2:-1}/3', '{}/3'), ('{}/3', '{3:1}/3'), ('{}/1', '{2:-1}/2'), ('{}/2', '{2:-1}/2'),
    ('{1:1,3:1}/3', '{1:1,2:1}/3')) v(a, b);

CREATE TABLE points (id int, v sparsevec);
INSERT INTO points SELECT i, format('{%s:%s,%s:%s}/10', 1 + i % 5, i % 7 - 3, 6 + i % 4, i % 3 - 1)::sparsevec FROM generate_series(1, 300) i;
INSERT INTO points VALUES (1001, NULL), (1002, '{}/10'), (1003, '{}/11');
SELECT count(*) AS out_of_order
    FROM (SELECT v::vector AS d, lag(v::vector) OVER (ORDER BY v) AS before FROM points WHERE v IS NOT NULL) x WHERE before > d;
CREATE INDEX points_v ON points (v);
ANALYZE points;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM points WHERE v = '{}/10';
SELECT id FROM points WHERE v = '{}/10';
SELECT id FROM points WHERE v > '{}/10' AND v < '{10:0.5}/10' ORDER BY v;
EXPLAIN (COSTS OFF) SELECT id, v FROM points ORDER BY v LIMIT 3;
SELECT DISTINCT v FROM (SELECT v FROM points ORDER BY v LIMIT 20) x ORDER BY v;
SELECT count(DISTINCT v) FROM points;
RESET enable_seqscan;
SELECT v, count(*) FROM points GROUP BY v ORDER BY count(*) DESC, v LIMIT 3;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM points a JOIN points b USING (v);
CREATE TABLE once (v sparsevec UNIQUE);
INSERT INTO once VALUES ('{1:1}/2'), ('{2:1}/2');
INSERT INTO once VALUES ('{2:1,1:0}/2');
DROP TABLE points, once;
