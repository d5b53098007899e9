-- Where nobody reads the ORDER BY distance, an index scan does not compute it: vecx.skip_unused_distance.
LOAD 'vecx'; -- the step comes after planning, from the first plan after the library is loaded
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE TABLE t (id int PRIMARY KEY, val vector(3), kind int);
INSERT INTO t SELECT i, ARRAY[i, i % 10, (i * 7) % 11]::vector, i % 4 FROM generate_series(1, 400) i;
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]';
SET vecx.skip_unused_distance = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]';
RESET vecx.skip_unused_distance;

-- The plan's nodes from the top, and whether a scan of a vector index computes the distance.
CREATE FUNCTION plan_of(query text, OUT nodes text, OUT distance boolean) LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) ' || query INTO plan;
    SELECT string_agg(n #>> '{}', ' > ') INTO nodes
        FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Node Type"))."Node Type"') n;
    SELECT bool_or(o::text LIKE '%<->%') INTO distance
        FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Order By"))."Output"') o;
END $$;
CREATE FUNCTION rows_of(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE r record; result jsonb = '[]';
BEGIN
    FOR r IN EXECUTE query LOOP
        result = result || to_jsonb(r);
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION rows_without_skip(query text) RETURNS jsonb LANGUAGE sql SET vecx.skip_unused_distance = off AS
    'SELECT rows_of(query)';
CREATE TABLE queries (nr serial, query text);

-- Nobody reads it. (Of a filter, the scan reads the row itself.)
INSERT INTO queries (query) VALUES
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5 OFFSET 3$$),
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' FETCH FIRST 5 ROWS ONLY$$),
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]'$$),
    ($$SELECT FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT * FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT t FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id, random() < 2 AS yes FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id + 1 AS next FROM t WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id FROM t WHERE val <-> '[1,2,3]' < 5 ORDER BY val <-> '[1,2,3]' LIMIT 50$$),
    ($$SELECT id FROM t ORDER BY val <-> (SELECT val FROM t WHERE id = 7) LIMIT 5$$),
    ($$SELECT id FROM t ORDER BY val <-> (SELECT NULL::vector) LIMIT 0$$),
    ($$SELECT id, (SELECT max(kind) FROM t) AS m FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$);
-- It is selected.
INSERT INTO queries (query) VALUES
    ($$SELECT id, val <-> '[1,2,3]' AS d FROM t ORDER BY d LIMIT 5$$),
    ($$SELECT id, val <-> '[1,2,3]' AS d FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT (val <-> '[1,2,3]') * 2 AS d2 FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$);
-- Something above the scan reads it, or might.
INSERT INTO queries (query) VALUES
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' FETCH FIRST 5 ROWS WITH TIES$$),
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5 FOR UPDATE$$),
    ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5 FOR KEY SHARE$$),
    ($$SELECT id FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5) s$$),
    ($$SELECT count(*) FROM (SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5) s$$),
    ($$WITH s AS MATERIALIZED (SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5) SELECT * FROM s$$),
    ($$(SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 2) UNION ALL (SELECT id FROM t ORDER BY val <-> '[9,2,3]' LIMIT 2)$$),
    ($$SELECT DISTINCT ON (val <-> '[1,2,3]') id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id, rank() OVER (ORDER BY val <-> '[1,2,3]') FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id, generate_series(1, 2) FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT a.id, b.id AS b FROM (VALUES (1), (200)) a(id), LATERAL
        (SELECT id FROM t ORDER BY val <-> ARRAY[a.id, 1, 1]::vector LIMIT 2) b$$);
SELECT nr, (plan_of(query)).*, rows_of(query) = rows_without_skip(query) AS same FROM queries ORDER BY nr;
-- A second ORDER BY column: a sort, since 16 an incremental one over the index scan.
SELECT (plan_of(query)).distance IS DISTINCT FROM false AS kept, rows_of(query) = rows_without_skip(query) AS same
    FROM (VALUES ($$SELECT id FROM t ORDER BY val <-> '[1,2,3]', id LIMIT 5$$)) q(query);
-- With the setting off all scans compute it, but for the one below a ProjectSet, which does it itself.
SET vecx.skip_unused_distance = off;
SELECT nr, query FROM queries WHERE (plan_of(query)).distance IS NOT TRUE;
RESET vecx.skip_unused_distance;

-- Prepared statements: custom and generic plans.
PREPARE p(vector, int) AS SELECT id FROM t ORDER BY val <-> $1 LIMIT $2;
SET plan_cache_mode = force_custom_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE p('[400,0,6]', 2);
EXECUTE p('[400,0,6]', 2);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE p('[400,0,6]', 2);
EXECUTE p('[400,0,6]', 2);
EXECUTE p(NULL, 0);
EXECUTE p('[1,1,1]', 2);
RESET plan_cache_mode;
DEALLOCATE p;

-- Statements that run a query of this shape for themselves.
EXPLAIN (VERBOSE, COSTS OFF) CREATE TABLE made AS SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3;
CREATE TABLE made AS SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3;
SELECT plan_of($$INSERT INTO made SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3$$);
INSERT INTO made SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3;
SELECT * FROM made;
DROP TABLE made;
COPY (SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3) TO STDOUT;
CREATE FUNCTION nearest(vector) RETURNS SETOF int LANGUAGE sql VOLATILE AS
    'SELECT id FROM t ORDER BY val <-> $1 LIMIT 3';
SELECT nearest('[1,2,3]');
CREATE FUNCTION nearest_one(vector) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT id FROM t ORDER BY val <-> $1 LIMIT 1);
END $$;
SELECT nearest_one('[1,2,3]'), nearest_one('[300,1,1]');

-- Cursors.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]';
FETCH 2 FROM c;
DELETE FROM t WHERE CURRENT OF c;
MOVE 10 IN c;
FETCH 2 FROM c;
DECLARE back SCROLL CURSOR FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3;
FETCH ALL FROM back;
FETCH BACKWARD ALL FROM back;
EXPLAIN (VERBOSE, COSTS OFF) DECLARE x SCROLL CURSOR FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 3;
ROLLBACK;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY val <-> '[1,2,3]';
FETCH 3 FROM held;
CLOSE held;

-- Partitions: a merge reads the distance; a single partition that is left has no merge.
CREATE TABLE parts (id int, val vector(3), kind int) PARTITION BY LIST (kind);
CREATE TABLE part0 PARTITION OF parts FOR VALUES IN (0);
CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
INSERT INTO parts SELECT id, val, kind FROM t WHERE kind < 2;
CREATE INDEX ON parts USING hnsw (val vector_l2_ops);
SELECT (plan_of(query)).*, rows_of(query) = rows_without_skip(query) AS same FROM (VALUES
    ($$SELECT id FROM parts ORDER BY val <-> '[1,2,3]' LIMIT 5$$),
    ($$SELECT id FROM parts WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 5$$)) q(query);
DROP TABLE parts;

-- Parallel plans: a Gather stands above the scan.
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT plan_of($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$);
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- An index on an expression, and one whose access method has another name.
CREATE INDEX t_half ON t USING hnsw ((val::halfvec(3)) halfvec_l2_ops);
SELECT plan_of($$SELECT id FROM t ORDER BY val::halfvec(3) <-> '[1,2,3]' LIMIT 5$$);
DROP INDEX t_half, t_val;
CREATE ACCESS METHOD graph TYPE INDEX HANDLER hnswhandler;
CREATE OPERATOR CLASS graph_l2_ops FOR TYPE vector USING graph AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_vector_l2_support(internal);
CREATE INDEX t_graph ON t USING graph (val graph_l2_ops);
SELECT plan_of($$SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 5$$);
DROP ACCESS METHOD graph CASCADE;
-- An access method that is not ours: its plans stay as they are.
CREATE TABLE points (id int, at point);
INSERT INTO points SELECT i, point(i, i) FROM generate_series(1, 100) i;
CREATE INDEX ON points USING gist (at);
SELECT plan_of($$SELECT id FROM points ORDER BY at <-> '(5,5)' LIMIT 5$$);

DROP TABLE t, queries, points;
DROP FUNCTION plan_of, rows_of, rows_without_skip, nearest, nearest_one;

-- Filtered scans have the distance for themselves.
CREATE TABLE filtered (id int, kind int, val vector(3));
INSERT INTO filtered SELECT i, i % 4, ARRAY[i, i % 10, (i * 7) % 11]::vector FROM generate_series(1, 400) i;
CREATE INDEX filtered_val ON filtered USING hnsw (val vector_l2_ops);
CREATE INDEX filtered_kind ON filtered (kind);
ANALYZE filtered;
SET enable_bitmapscan = on;
SET enable_indexscan = off;
SET enable_sort = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM filtered WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 3;
SELECT id FROM filtered WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, val <-> '[1,2,3]' AS d FROM filtered WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 3;
SELECT id, round((val <-> '[1,2,3]')::numeric, 3) AS d FROM filtered WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 3;
SET vecx.skip_unused_distance = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM filtered WHERE kind = 1 ORDER BY val <-> '[1,2,3]' LIMIT 3;
DROP TABLE filtered;
