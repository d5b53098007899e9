-- Scans of ivf and ivfflat: the order, how far they go, cursors, and what they say they did.
SET enable_seqscan = off;
CREATE TABLE t (id int, val vector(4));
INSERT INTO t SELECT i, ARRAY[i % 50, i % 13, i % 7, 1 + i % 3]::vector FROM generate_series(1, 2000) i;
ANALYZE t;
CREATE INDEX listed ON t USING ivf (val vector_l2_ops) WITH (lists = 20);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY val <-> '[3,3,3,3]' LIMIT 3;

-- A scan goes on until it has no more to give: all rows, in order, from one list on.
SET ivf.probes = 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[3,3,3,3]') s;
SET ivf.probes = 20;
SELECT array_agg(d) = array_agg(d ORDER BY d) AS in_order, count(*)
FROM (SELECT val <-> '[3,3,3,3]' AS d FROM t ORDER BY val <-> '[3,3,3,3]') s;
SELECT probes, lists, rows, swept, ef_search FROM vecx_last_scan();
-- ... or to the number of lists that it may look at.
SET ivf.probes = 1;
SET ivf.iterative_scan = strict_order;
SET ivf.max_probes = 2;
SELECT count(*) < 1000 AS fewer, array_agg(d) = array_agg(d ORDER BY d) AS in_order
FROM (SELECT val <-> '[3,3,3,3]' AS d FROM t ORDER BY val <-> '[3,3,3,3]') s;
SELECT probes, lists FROM vecx_last_scan();
SET ivf.iterative_scan = relaxed_order;
SET ivf.max_probes = 0;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[3,3,3,3]') s;
RESET ivf.iterative_scan;

-- No memory to speak of.
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[3,3,3,3]') s;
RESET work_mem;

-- NULL, parameters, and scans that start again.
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> NULL) s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> (SELECT NULL::vector)) s;
SELECT q, array(SELECT round((val <-> q)::numeric, 3) FROM t ORDER BY val <-> q LIMIT 2)
FROM (VALUES ('[0,0,0,1]'::vector), ('[49,12,6,3]')) v(q);
PREPARE nearest (vector) AS SELECT round((val <-> $1)::numeric, 3) FROM t ORDER BY val <-> $1 LIMIT 1;
EXECUTE nearest('[1,1,1,1]');
EXECUTE nearest('[40,1,1,1]');
DEALLOCATE nearest;

-- Cursors: two at a time, over changes and an index that is built anew behind them.
BEGIN;
DECLARE a CURSOR FOR SELECT round((val <-> '[3,3,3,3]')::numeric, 3) FROM t ORDER BY val <-> '[3,3,3,3]';
DECLARE b CURSOR FOR SELECT round((val <-> '[30,3,3,3]')::numeric, 3) FROM t ORDER BY val <-> '[30,3,3,3]';
FETCH 2 FROM a;
FETCH 2 FROM b;
INSERT INTO t SELECT 5000 + i, '[3,3,3,3]' FROM generate_series(1, 50) i;
FETCH 2 FROM a;
FETCH BACKWARD 1 FROM b;
ROLLBACK;

-- A condition, and rows that are gone.
SELECT count(*), max(d) < 30 FROM (SELECT val <-> '[3,3,3,3]' AS d FROM t WHERE id % 100 = 7 ORDER BY val <-> '[3,3,3,3]' LIMIT 10) s;
DELETE FROM t WHERE id % 2 = 0;
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> '[3,3,3,3]') s;
VACUUM t;
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> '[3,3,3,3]') s;
SELECT vecx_check_index('listed', true);
UPDATE t SET val = val + val WHERE id % 3 = 0;
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> '[3,3,3,3]') s;
DROP TABLE t;

-- Expressions and predicates.
CREATE TABLE t (id int, val vector(4));
INSERT INTO t SELECT i, ARRAY[i % 50, i % 13, i % 7, 1 + i % 3]::vector FROM generate_series(1, 500) i;
CREATE INDEX ON t USING ivf ((val::halfvec(4)) halfvec_cosine_ops) WHERE id % 2 = 0;
CREATE INDEX ON t USING ivfflat ((binary_quantize(val - '[25,6,3,2]')::bit(4)) bit_hamming_ops) WITH (lists = 2);
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE id % 2 = 0 ORDER BY val::halfvec(4) <=> '[3,3,3,3]' LIMIT 3;
SELECT count(*) FROM (SELECT val::halfvec(4) <=> '[3,3,3,3]' AS d FROM t WHERE id % 2 = 0 ORDER BY val::halfvec(4) <=> '[3,3,3,3]') s;
SELECT array_agg(d) = array_agg(d ORDER BY d) AS in_order
FROM (SELECT val::halfvec(4) <=> '[3,3,3,3]' AS d FROM t WHERE id % 2 = 0 ORDER BY val::halfvec(4) <=> '[3,3,3,3]' LIMIT 10) s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY binary_quantize(val - '[25,6,3,2]')::bit(4) <~> '1010') s;
DROP TABLE t;

-- Codes: distances come from the table.
CREATE TABLE t (id int, val vector(64));
INSERT INTO t SELECT i, ARRAY(SELECT (hashint8extended(i % 40, j) % 100)::int + (hashint8extended(i, j) % 30)::int FROM generate_series(1, 64) j)::vector
    FROM generate_series(1, 3000) i;
CREATE INDEX coded ON t USING ivf (val vector_l2_ops) WITH (lists = 30);
SET ivf.probes = 5;
SELECT bool_and(first.id = t.id) AS finds_itself FROM t, LATERAL (SELECT id FROM t o ORDER BY o.val <-> t.val LIMIT 1) first WHERE t.id % 100 = 3;
SELECT rows < 1500 AS few_codes, nodes < 300 AS few_second_looks, distances < 50 AS few_distances, lists < 15 AS few_lists FROM vecx_last_scan();
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> (SELECT val FROM t WHERE id = 7)) s;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY val <-> (SELECT val FROM t WHERE id = 7);
FETCH 1 FROM c;
REINDEX INDEX coded;
ROLLBACK;
DELETE FROM t WHERE id % 2 = 0;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> (SELECT val FROM t WHERE id = 7)) s;
VACUUM t;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> (SELECT val FROM t WHERE id = 7)) s;
SELECT vecx_check_index('coded', true);
DROP TABLE t;
