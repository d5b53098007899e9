-- Scans: streams that go on to the last row, rescans, cursors, NULL and zero vectors, and the settings.
SET enable_seqscan = off;
CREATE TABLE t (id int PRIMARY KEY, val vector(3));
INSERT INTO t SELECT i, ARRAY[i, i % 10, (i * 7) % 11]::vector FROM generate_series(1, 400) i;
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5;
SELECT id, val FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5;
-- an index that has no order to give is not used, not even when sequential scans are disabled
CREATE FUNCTION uses_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 't_val' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT query, uses_index(query) FROM (VALUES
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]'$$),
    ($$SELECT count(*) FROM t WHERE val <-> '[1,2,3]' < 3$$),
    ($$SELECT count(*) FROM t$$),
    ($$SELECT id FROM t ORDER BY val <=> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' DESC LIMIT 5$$),
    ($$SELECT id FROM t ORDER BY val LIMIT 5$$)) q(query);

-- LIMIT is not bound by ef_search.
SET hnsw.ef_search = 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 300) s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
SET hnsw.ef_search = 10;
-- with a filter: as many as there are
SELECT count(*) FROM (SELECT id FROM t WHERE id % 100 = 0 ORDER BY val <-> '[1,2,3]' LIMIT 4) s;
SELECT id FROM t WHERE id > 395 ORDER BY val <-> '[1,2,3]' LIMIT 10;
RESET hnsw.ef_search;

-- Errors.
SELECT id FROM t ORDER BY val <-> '[1,2]' LIMIT 5;
SELECT id FROM t ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
\set VERBOSITY sqlstate
SELECT id FROM t ORDER BY val <-> '[1,2]' LIMIT 5;
\set VERBOSITY default

-- NULL as the argument: all rows, in any order.
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> (SELECT NULL::vector)) s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> (SELECT NULL::vector) LIMIT 50) s;

-- Rescans: nested loops and correlated subqueries.
EXPLAIN (COSTS OFF) SELECT a.v, b.id FROM (VALUES ('[1,1,7]'::vector), (NULL), ('[400,0,6]')) a(v) CROSS JOIN LATERAL
    (SELECT id FROM t ORDER BY val <-> a.v LIMIT 1) b;
SELECT a.v, count(*) FROM (VALUES ('[1,1,7]'::vector), (NULL), ('[400,0,6]')) a(v) CROSS JOIN LATERAL
    (SELECT id FROM t ORDER BY val <-> a.v LIMIT 3) b GROUP BY a.v ORDER BY a.v;
SELECT a.id, b.id FROM (VALUES (1), (200), (400)) a(id) CROSS JOIN LATERAL
    (SELECT id FROM t ORDER BY val <-> (SELECT val FROM t t2 WHERE t2.id = a.id) LIMIT 1) b;
SELECT a.id, count(*) FROM (VALUES (1), (200), (400)) a(id) CROSS JOIN LATERAL
    (SELECT id FROM t ORDER BY val <-> (SELECT val FROM t t2 WHERE t2.id = a.id)) b GROUP BY a.id ORDER BY a.id;

-- Cursors.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]';
FETCH 3 FROM c;
SAVEPOINT s;
FETCH 2 FROM c;
ROLLBACK TO s;
MOVE 100 IN c;
INSERT INTO t VALUES (1000, '[1,2,3]');
DELETE FROM t WHERE id BETWEEN 150 AND 160;
MOVE ALL IN c;
FETCH 1 FROM c;
COMMIT;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]';
FETCH 3 FROM held;
CLOSE held;
BEGIN;
DECLARE back SCROLL CURSOR FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5;
FETCH 3 FROM back;
FETCH BACKWARD 2 FROM back;
COMMIT;

-- Prepared statements, generic and custom plans.
PREPARE p(vector) AS SELECT id FROM t ORDER BY val <-> $1 LIMIT 2;
EXECUTE p('[1,2,3]');
SET plan_cache_mode = force_generic_plan;
EXECUTE p('[1,2,3]');
EXECUTE p('[400,0,6]');
CREATE TEMP TABLE any_two AS EXECUTE p(NULL);
SELECT count(DISTINCT id) FROM any_two;
EXPLAIN (COSTS OFF) EXECUTE p('[400,0,6]');
RESET plan_cache_mode;
DEALLOCATE p;

-- What becomes of rows that the search finds late.
SET hnsw.ef_search = 1;
SET hnsw.iterative_scan = off;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
SET hnsw.iterative_scan = strict_order;
SELECT count(*) = count(DISTINCT id) AS no_repeats, bool_and(d >= before) AS in_order FROM
    (SELECT id, d, lag(d, 1, 0.0::float8) OVER (ORDER BY n) AS before FROM
        (SELECT id, d, row_number() OVER () AS n FROM
            (SELECT id, val <-> '[1,2,3]' AS d FROM t ORDER BY val <-> '[1,2,3]') a) b) c;
SET hnsw.ef_search = 1000;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
RESET hnsw.iterative_scan;
RESET hnsw.ef_search;

-- A bound on the work of a scan.
SHOW hnsw.max_scan_tuples;
SET hnsw.max_scan_tuples = 100;
SELECT count(*) BETWEEN 40 AND 389 AS bounded FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
RESET hnsw.max_scan_tuples;

-- A search that outgrows its memory ends all the same, through files if need be.
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
SET hnsw.scan_mem_multiplier = 1000;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]') s;
RESET work_mem;
RESET hnsw.scan_mem_multiplier;
DROP FUNCTION uses_index;

-- Scans are counted.
SELECT pg_stat_force_next_flush();
SELECT idx_scan > 0 AS scans, idx_tup_read > 0 AS tuples FROM pg_stat_user_indexes WHERE indexrelname = 't_val';
DROP TABLE t;

-- NULLs are not indexed, nor are zero vectors under cosine.
CREATE TABLE t (val vector(3));
INSERT INTO t (val) VALUES ('[0,0,0]'), ('[1,2,3]'), ('[1,1,1]'), (NULL);
CREATE INDEX t_val ON t USING hnsw (val vector_cosine_ops);
INSERT INTO t (val) VALUES ('[1,2,4]'), (NULL), ('[0,0,-0]');
SELECT * FROM t ORDER BY val <=> '[3,3,3]';
SELECT count(*) FROM (SELECT * FROM t ORDER BY val <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT * FROM t ORDER BY val <=> (SELECT NULL::vector)) s;
SELECT vecx_check_index('t_val');
-- vectors so small or so large that their norm is not a float: no distance, but rows all the same
INSERT INTO t (val) VALUES ('[1e-40,0,0]'), ('[3e38,3e38,3e38]');
SELECT count(*) FROM (SELECT * FROM t ORDER BY val <=> '[3,3,3]') s;
DROP TABLE t;

-- Distances that overflow to infinity.
CREATE TABLE t (id int, val vector(2));
INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN '[3e38,-3e38]' ELSE '[-3e38,3e38]' END::vector FROM generate_series(1, 20) i;
INSERT INTO t SELECT 100 + i, ARRAY[i, i]::vector FROM generate_series(1, 20) i;
CREATE INDEX t_l2 ON t USING hnsw (val vector_l2_ops);
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,1]') s;
SELECT id FROM t ORDER BY val <-> '[1,1]' LIMIT 3;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[3e38,3e38]') s;
CREATE INDEX t_ip ON t USING hnsw (val vector_ip_ops);
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <#> '[1,1]') s;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <#> '[3e38,3e38]') s;
DROP TABLE t;

-- Many equal vectors.
CREATE TABLE t (id int, val vector(2));
INSERT INTO t SELECT i, '[1,1]' FROM generate_series(1, 100) i;
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
INSERT INTO t SELECT i, '[1,1]' FROM generate_series(101, 200) i;
INSERT INTO t VALUES (500, '[1,2]');
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,1]') s;
SELECT id FROM t ORDER BY val <-> '[1,3]' LIMIT 1;
DELETE FROM t WHERE id % 3 = 0;
VACUUM t;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[1,1]') s;
SELECT vecx_check_index('t_val');
DROP TABLE t;
