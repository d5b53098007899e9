-- Filtered vector scans: a bitmap of other indexes as the mask of a vector index scan, or its rows by their distances.
LOAD 'vecx';
SET max_parallel_workers_per_gather = 0;
CREATE TABLE f (id int PRIMARY KEY, a int, b int, tags int[], spot int4range, day int, name text, val vector(4), pad text);
ALTER TABLE f ALTER pad SET STORAGE PLAIN;
INSERT INTO f SELECT i, hashint8extended(i, 1) % 1000, abs(hashint8extended(i, 2) % 10), ARRAY[i % 7, i % 11, 100 + i % 13],
        int4range(i % 500, i % 500 + 10), i / 10, 'name' || i % 20,
        CASE WHEN i % 97 > 0 THEN ARRAY(SELECT (hashint8extended(i, 10 + j) % 100)::int FROM generate_series(1, 4) j)::vector END, ''
    FROM generate_series(1, 3000) i;
CREATE INDEX f_val ON f USING hnsw (val vector_l2_ops);
CREATE INDEX f_a ON f (a);
CREATE INDEX f_b ON f (b);
CREATE INDEX f_tags ON f USING gin (tags);
CREATE INDEX f_spot ON f USING gist (spot);
CREATE INDEX f_day ON f USING brin (day) WITH (pages_per_range = 2);
CREATE INDEX f_name ON f USING hash (name);
CREATE INDEX f_part ON f (id) WHERE b = 3;
CREATE INDEX f_expr ON f ((a % 10));
VACUUM ANALYZE f;

-- Plans. What the planner chooses freely is for other tests.
SET enable_seqscan = off;
SET enable_indexscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a < 10 ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id, val <-> '[1,2,3,4]' FROM f WHERE a < 100 AND tags @> '{3}' AND b <> 5 AND pad = '' ORDER BY 2 LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a < 10 OR name = 'name3' ORDER BY val <-> '[1,2,3,4]';
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM f WHERE a = 10 ORDER BY '[1,2,3,4]' <-> val LIMIT 5;
-- not: without a condition that has an index, with another order, switched off
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE pad = 'x' ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a = 10 ORDER BY val <=> '[1,2,3,4]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a = 10 ORDER BY val <-> '[1,2,3,4]' DESC LIMIT 5;
SET vecx.enable_bitmap_filter = off;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a = 10 ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
RESET vecx.enable_bitmap_filter;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a = 10 ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
RESET enable_bitmapscan;

-- What the scan returns, in each of its ways, and what a sort returns: the same distances in the same order, of rows that are
-- all different. The query's columns are id and d.
CREATE FUNCTION check_filter(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    strategy text;
    plan text;
    expected text[];
    got text[];
    ids int[];
    result text = '';
BEGIN
    SET LOCAL vecx.enable_bitmap_filter = off;
    SET LOCAL enable_sort = on;
    EXECUTE format('SELECT array_agg(coalesce(d::text, ''null'')) FROM (%s) s', query) INTO expected;
    SET LOCAL vecx.enable_bitmap_filter = on;
    SET LOCAL enable_sort = off;
    FOREACH strategy IN ARRAY ARRAY['auto', 'exact', 'index', 'stream'] LOOP
        PERFORM set_config('vecx.filter_strategy', strategy, true);
        EXECUTE format('EXPLAIN (FORMAT JSON) %s', query) INTO plan;
        IF plan NOT LIKE '%VecxScan%' THEN
            RETURN 'another plan';
        END IF;
        EXECUTE format('SELECT array_agg(coalesce(d::text, ''null'')), array_agg(id) FROM (%s) s', query) INTO got, ids;
        IF expected IS DISTINCT FROM got THEN
            result = result || format(' %s: %s, not %s', strategy, got, expected);
        ELSIF (SELECT count(*) > count(DISTINCT i) FROM unnest(ids) i) THEN
            result = result || format(' %s: rows twice', strategy);
        END IF;
    END LOOP;
    RETURN coalesce(cardinality(expected), 0) || ' rows' || CASE result WHEN '' THEN '' ELSE ', different:' END || result;
END $$;
CREATE TABLE conditions (nr serial, condition text);
INSERT INTO conditions (condition) VALUES
    ('a = 10'), ('a < 0'), ('a < 300'), ('a > 700 AND b = 3'), ('a < 50 OR b = 4'), ('(a < 50 OR a > 900) AND (b = 4 OR tags @> ''{5}'')'),
    ('a = ANY (''{1,2,3,100,700}'')'), ('tags @> ''{3}'''), ('tags && ''{3,104}'' AND a < 300'), ('spot && ''[100,120)'''), ('day < 30'),
    ('day BETWEEN 30 AND 40 AND a > 500'), ('name = ''name7'''), ('b = 3 AND id < 2000'), ('b = 3'), ('a % 10 = 5'), ('a IS NULL'),
    ('a < 300 AND pad IS NULL'), ('a < 300 AND val IS NULL'), ('a < 300 AND id % 3 = 0'), ('a < 5000'), ('a = (SELECT max(a) FROM f)'),
    ('a = ANY (ARRAY(SELECT a FROM f WHERE id < 10))'), ('a < 300 AND val <-> ''[1,2,3,4]'' < 80'), ('a IN (SELECT id FROM f WHERE id < 0)');
SELECT condition, l AS "limit", check_filter(format(
    'SELECT id, val <-> ''[1,2,3,4]'' AS d FROM f WHERE %s ORDER BY val <-> ''[1,2,3,4]'' LIMIT %s', condition, l))
    FROM conditions, unnest(ARRAY['10', '500', 'ALL']) l ORDER BY nr, length(l), l;
-- other metrics and layouts; indexes on expressions; partial ones
CREATE INDEX f_cos ON f USING hnsw (val vector_cosine_ops) WITH (layout = 'plain');
CREATE INDEX f_half ON f USING hnsw ((val::halfvec(4)) halfvec_ip_ops);
CREATE INDEX f_rest ON f USING hnsw ((val::halfvec(4)) halfvec_l1_ops) WHERE b > 4;
SELECT check_filter($$SELECT id, val <=> '[1,2,3,4]' AS d FROM f WHERE a < 100 ORDER BY val <=> '[1,2,3,4]' LIMIT 20$$);
SELECT check_filter($$SELECT id, val <=> '[0,0,0,0]' AS d FROM f WHERE a < 100 ORDER BY val <=> '[0,0,0,0]' LIMIT 20$$);
SELECT check_filter($$SELECT id, val::halfvec(4) <#> '[1,2,3,4]' AS d FROM f WHERE a < 100 ORDER BY val::halfvec(4) <#> '[1,2,3,4]' LIMIT 20$$);
SELECT check_filter($$SELECT id, val::halfvec(4) <+> '[1,2,3,4]' AS d FROM f WHERE a < 100 AND b > 4 ORDER BY val::halfvec(4) <+> '[1,2,3,4]' LIMIT 20$$);
SELECT check_filter($$SELECT id, val::halfvec(4) <+> '[1,2,3,4]' AS d FROM f WHERE a < 100 AND b > 3 ORDER BY val::halfvec(4) <+> '[1,2,3,4]' LIMIT 20$$);
-- a query that is NULL, or comes from elsewhere
SELECT check_filter($$SELECT id, val <-> NULL::vector AS d FROM f WHERE a < 100 ORDER BY val <-> (SELECT NULL::vector) LIMIT 20$$);
SELECT check_filter($$SELECT id, val <-> (SELECT val FROM f WHERE id = 5) AS d FROM f WHERE a < 100 ORDER BY val <-> (SELECT val FROM f WHERE id = 5) LIMIT 20$$);
-- OFFSET, more rows than the LIMIT that the planner knew, WITH TIES
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM f WHERE a < 500 ORDER BY val <-> '[1,2,3,4]' LIMIT 10 OFFSET 5$$);
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM f WHERE a < 500 ORDER BY val <-> '[1,2,3,4]' FETCH FIRST 7 ROWS WITH TIES$$);

-- The index is changed under it: updates (HOT or not), deletes, before and after VACUUM.
UPDATE f SET pad = 'x' WHERE a < 100;
UPDATE f SET val = val + '[1,1,1,1]' WHERE b = 2;
UPDATE f SET a = a + 1 WHERE b = 5;
DELETE FROM f WHERE b = 9;
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM f WHERE a < 400 ORDER BY val <-> '[1,2,3,4]' LIMIT 200$$);
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM f WHERE day < 40 AND pad = 'x' ORDER BY val <-> '[1,2,3,4]' LIMIT 200$$);
VACUUM f;
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM f WHERE a < 400 ORDER BY val <-> '[1,2,3,4]' LIMIT 200$$);
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM f WHERE day < 40 AND pad = 'x' ORDER BY val <-> '[1,2,3,4]' LIMIT 200$$);

-- Lossy pages: a bitmap of more pages than work_mem holds. Two rows a page.
CREATE TABLE wide (id int, a int, val vector(4), pad text) WITH (fillfactor = 100);
ALTER TABLE wide ALTER pad SET STORAGE PLAIN;
INSERT INTO wide SELECT i, abs(hashint8extended(i, 1) % 100), ARRAY(SELECT (hashint8extended(i, 10 + j) % 100)::int FROM generate_series(1, 4) j)::vector,
    repeat('x', 3900) FROM generate_series(1, 3000) i;
UPDATE wide SET pad = left(pad, 10) WHERE id % 4 = 0;
CREATE INDEX wide_val ON wide USING hnsw (val vector_l2_ops);
CREATE INDEX wide_a ON wide (a);
VACUUM ANALYZE wide;
SET work_mem = '64kB';
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM wide WHERE a < 80 ORDER BY val <-> '[1,2,3,4]' LIMIT 50$$);
SELECT check_filter($$SELECT id, val <-> '[1,2,3,4]' AS d FROM wide WHERE a < 80 ORDER BY val <-> '[1,2,3,4]'$$);
SET vecx.filter_strategy = exact;
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ 'Strategy|Rows Removed|Lossy|Distances|Bitmap Rows' THEN
            RETURN NEXT regexp_replace(trim(line), '(Blocks|Rows|Distances From Index): \d+', '\1: N');
        END IF;
    END LOOP;
END $$;
SELECT explained($$SELECT id FROM wide WHERE a < 80 ORDER BY val <-> '[1,2,3,4]' LIMIT 50$$);
RESET vecx.filter_strategy;
RESET work_mem;

-- Few rows match by chance near the query: the search through the index gives up.
SET vecx.filter_strategy = auto;
SELECT explained($$SELECT id FROM f WHERE a BETWEEN 100 AND 120 ORDER BY val <-> '[1,2,3,4]' LIMIT 10$$);

-- Without the bitmap at first: a stream whose rows pass, and one of which they do not.
SET vecx.filter_strategy = stream;
SELECT explained($$SELECT id FROM f WHERE a < 500 ORDER BY val <-> '[1,2,3,4]' LIMIT 10$$);
SELECT explained($$SELECT id FROM f WHERE a < 500 ORDER BY val <-> '[1,2,3,4]' LIMIT 3000$$);
RESET vecx.filter_strategy;
SET enable_indexscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE day <= 290 ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
SELECT explained($$SELECT id FROM f WHERE day <= 290 ORDER BY val <-> '[1,2,3,4]' LIMIT 5$$);
SET enable_indexscan = off;

-- What a session has learned of the places of rows in the index is only a hint. Long vectors: they are not in the row.
CREATE TABLE far (id int, a int, val vector(700));
INSERT INTO far SELECT i, abs(hashint8extended(i, 1) % 100), (SELECT array_agg(hashint8extended(i, j) % 100) FROM generate_series(1, 700) j)::real[]::vector
    FROM generate_series(1, 500) i;
CREATE INDEX far_val ON far USING hnsw (val vector_l2_ops);
CREATE INDEX far_a ON far (a);
VACUUM ANALYZE far;
CREATE VIEW near AS SELECT id, val <-> (SELECT val FROM far WHERE id = 77) AS d FROM far WHERE a < 30 ORDER BY val <-> (SELECT val FROM far WHERE id = 77) LIMIT 20;
SET vecx.filter_strategy = exact;
SELECT count(*) > 0 AS learned FROM (SELECT explained('SELECT id FROM near') FROM generate_series(1, 20)) s;
SELECT explained('SELECT id FROM near');
RESET vecx.filter_strategy;
SELECT check_filter('SELECT * FROM near');
UPDATE far SET a = 1 WHERE id % 20 = 0;
UPDATE far SET val = val + val WHERE id % 20 = 1;
DELETE FROM far WHERE id % 20 = 2;
INSERT INTO far SELECT id + 1000, a, val FROM far WHERE id % 20 = 3;
INSERT INTO far SELECT id + 2000, a, NULL FROM far WHERE id % 20 = 4;
SELECT check_filter('SELECT * FROM near');
VACUUM far;
INSERT INTO far SELECT id + 3000, a, val + val FROM far WHERE id % 20 = 5;
SELECT check_filter('SELECT * FROM near');
SELECT check_filter(replace(pg_get_viewdef('near'), 'LIMIT 20;', ''));
REINDEX INDEX far_val;
SELECT check_filter('SELECT * FROM near');
DROP TABLE far CASCADE;

-- Indexes with lists.
CREATE TABLE l AS SELECT id, a, b, day, val FROM f;
CREATE INDEX l_a ON l (a);
CREATE INDEX l_b ON l (b);
VACUUM ANALYZE l;
CREATE INDEX l_val ON l USING ivf (val vector_l2_ops) WITH (lists = 20);
SET ivf.probes = 20; -- all: what comes is exact
EXPLAIN (COSTS OFF) SELECT id FROM l WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 5;
SELECT condition, n AS "limit", check_filter(format('SELECT id, val <-> ''[1,2,3,4]'' AS d FROM l WHERE %s ORDER BY val <-> ''[1,2,3,4]'' LIMIT %s', condition, n))
    FROM unnest('{a < 10, a < 300 AND b = 3, a < 900 OR b = 4, a < 300 AND val IS NULL, a < 300 AND day < 100}'::text[]) condition, unnest('{10,2000}'::int[]) n;
SELECT check_filter($$SELECT id, val <-> NULL::vector AS d FROM l WHERE a < 100 ORDER BY val <-> (SELECT NULL::vector) LIMIT 20$$);
SET ivf.probes = 1; -- few: as many rows
SET vecx.filter_strategy = index;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM l WHERE a < 300 ORDER BY val <-> '[1,2,3,4]' LIMIT 2000) s;
SELECT explained($$SELECT id FROM l WHERE a < 300 ORDER BY val <-> '[1,2,3,4]' LIMIT 10$$);
SET vecx.filter_strategy = stream;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM l WHERE a < 300 ORDER BY val <-> '[1,2,3,4]' LIMIT 2000) s;
SELECT explained($$SELECT id FROM l WHERE a < 300 ORDER BY val <-> '[1,2,3,4]' LIMIT 10$$);
RESET vecx.filter_strategy;
RESET ivf.probes;
DROP INDEX l_val;
CREATE INDEX l_val ON l USING ivfflat (val vector_cosine_ops) WITH (lists = 5);
SET ivfflat.probes = 5;
SELECT check_filter($$SELECT id, val <=> '[1,2,3,4]' AS d FROM l WHERE a < 300 ORDER BY val <=> '[1,2,3,4]' LIMIT 30$$);
RESET ivfflat.probes;
DROP TABLE l;

-- Security barriers: a function that leaks sees nothing of rows that a policy or a view hides.
CREATE FUNCTION leak(int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'seen: %', $1; RETURN true; END $$;
CREATE TABLE s (id int, tenant text, a int, val vector(2));
INSERT INTO s SELECT i, CASE WHEN i % 300 = 0 THEN 'alice' ELSE 'bob' END, i % 50, ARRAY[i, 0]::vector FROM generate_series(1, 3000) i;
CREATE INDEX s_val ON s USING hnsw (val vector_l2_ops);
CREATE INDEX s_tenant ON s (tenant);
CREATE INDEX s_a ON s (a);
ANALYZE s;
CREATE ROLE vecx_alice;
GRANT SELECT ON s TO vecx_alice;
ALTER TABLE s ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s USING (tenant = 'alice');
SET ROLE vecx_alice;
EXPLAIN (COSTS OFF) SELECT id FROM s WHERE leak(id) ORDER BY val <-> '[900,0]' LIMIT 3;
SELECT id FROM s WHERE leak(id) ORDER BY val <-> '[900,0]' LIMIT 3;
SELECT check_filter($$SELECT id, val <-> '[900,0]' AS d FROM s ORDER BY val <-> '[900,0]' LIMIT 5$$);
SELECT check_filter($$SELECT id, val <-> '[900,0]' AS d FROM s WHERE a < 40 ORDER BY val <-> '[900,0]' LIMIT 20$$);
RESET ROLE;
CREATE VIEW seen WITH (security_barrier) AS SELECT * FROM s WHERE a = 7;
EXPLAIN (COSTS OFF) SELECT id FROM seen WHERE leak(id) AND id < 200 ORDER BY val <-> '[57,0]' LIMIT 2;
SELECT id FROM seen WHERE leak(id) AND id < 200 ORDER BY val <-> '[57,0]' LIMIT 2;
DROP TABLE s CASCADE;
DROP ROLE vecx_alice;

-- Partitions and inheritance: their scans are merged.
CREATE TABLE p (id int, a int, val vector(2)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p2 (val vector(2), dropped int, id int, a int);
ALTER TABLE p2 DROP dropped;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (1000) TO (2000);
INSERT INTO p SELECT i, i % 30, ARRAY[i, i % 10]::vector FROM generate_series(1, 1999) i;
CREATE INDEX ON p USING hnsw (val vector_l2_ops);
CREATE INDEX ON p (a);
ANALYZE p;
EXPLAIN (COSTS OFF) SELECT id FROM p WHERE a = 3 ORDER BY val <-> '[1000,0]' LIMIT 5;
SELECT check_filter($$SELECT id, val <-> '[1000,0]' AS d FROM p WHERE a = 3 ORDER BY val <-> '[1000,0]' LIMIT 5$$);
SELECT check_filter($$SELECT id, val <-> '[1000,0]' AS d FROM p WHERE a = 3 ORDER BY val <-> '[1000,0]'$$);
SELECT check_filter($$SELECT id, val <-> '[1000,0]' AS d FROM (SELECT * FROM p1 UNION ALL SELECT id, a, val FROM p2) u WHERE a = 3 ORDER BY val <-> '[1000,0]' OFFSET 0$$);

-- Joins: a filter from outside by LATERAL, again and again with other parameters.
CREATE TABLE q (nr int, a int, val vector(4));
INSERT INTO q SELECT i, i * 50, ARRAY[i, 2 * i, 3 * i, 4]::vector FROM generate_series(1, 12) i;
INSERT INTO q VALUES (13, NULL, '[1,2,3,4]'), (14, 50, NULL), (15, 50, '[1,2,3,4]');
ANALYZE q;
SET enable_material = off;
CREATE VIEW nearest AS SELECT q.nr, n.id, n.d FROM q LEFT JOIN LATERAL (SELECT f.id, f.val <-> q.val AS d FROM f
    WHERE f.a BETWEEN q.a AND q.a + 60 ORDER BY f.val <-> q.val LIMIT 4) n ON true;
EXPLAIN (COSTS OFF) SELECT * FROM nearest;
CREATE TABLE with_scan AS SELECT * FROM nearest;
SET vecx.filter_strategy = index;
CREATE TABLE with_index AS SELECT * FROM nearest;
RESET vecx.filter_strategy;
SET vecx.enable_bitmap_filter = off;
CREATE TABLE with_sort AS SELECT * FROM nearest;
RESET vecx.enable_bitmap_filter;
SELECT count(*) FROM with_sort;
(TABLE with_scan EXCEPT ALL TABLE with_sort) UNION ALL (TABLE with_sort EXCEPT ALL TABLE with_scan);
(TABLE with_index EXCEPT ALL TABLE with_sort) UNION ALL (TABLE with_sort EXCEPT ALL TABLE with_index);
-- below a join, which takes as many rows as it needs
SELECT check_filter($$SELECT f.id, val <-> '[1,2,3,4]' AS d FROM f WHERE a < 400 AND EXISTS (SELECT 1 FROM generate_series(1, 3000, 7) g WHERE g = f.id)
    ORDER BY val <-> '[1,2,3,4]' LIMIT 20$$);

-- Prepared statements, with plans for all parameters.
SET plan_cache_mode = force_generic_plan;
PREPARE nearest_of(vector, int, int) AS SELECT id FROM f WHERE a < $2 ORDER BY val <-> $1 LIMIT $3;
EXPLAIN (COSTS OFF) EXECUTE nearest_of('[1,2,3,4]', 100, 3);
EXECUTE nearest_of('[1,2,3,4]', 100, 3);
EXECUTE nearest_of('[1,2,3,4]', -2000, 3);
EXECUTE nearest_of('[9,2,3,4]', 900, 4);
EXECUTE nearest_of(NULL, 50, 0);
SET plan_cache_mode = force_custom_plan;
EXECUTE nearest_of('[9,2,3,4]', 900, 4);
RESET plan_cache_mode;
PREPARE by_index AS SELECT id FROM f WHERE a < 100 ORDER BY val <=> '[1,2,3,4]' LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE by_index;
EXECUTE by_index;
DROP INDEX f_cos;
SET enable_sort = on;
EXECUTE by_index;
SET enable_sort = off;

-- Cursors: a scan does not go backwards, so that a scrollable one keeps its rows.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]';
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH 2 FROM c;
DECLARE n NO SCROLL CURSOR FOR SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]';
FETCH 2 FROM n;
FETCH BACKWARD 1 FROM n;
ROLLBACK;
BEGIN;
SET LOCAL vecx.filter_strategy = index;
DECLARE c NO SCROLL CURSOR FOR SELECT id, a < 800 AS yes FROM f WHERE a < 800 ORDER BY val <-> '[1,2,3,4]';
FETCH 2 FROM c;
UPDATE f SET val = '[1,2,3,4]', a = 1 WHERE b = 7;
DELETE FROM f WHERE b = 8;
FETCH 2 FROM c; -- as they were when the cursor was declared
MOVE FORWARD ALL FROM c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' FOR UPDATE;
FETCH 1 FROM c;
UPDATE f SET pad = 'current' WHERE CURRENT OF c RETURNING id;
ROLLBACK;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 2 FOR UPDATE;
SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 2 FOR UPDATE;

-- System columns, whole rows, and columns that nobody asks for.
SELECT tableoid::regclass, (ctid = (SELECT ctid FROM f i WHERE i.id = f.id)) AS right_place, (f.*)::text = (SELECT (i.*)::text FROM f i WHERE i.id = f.id) AS same
    FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 2;
SELECT count(*) FROM (SELECT FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 9) s;
-- An error in the middle leaves nothing behind.
SELECT id / (id - id) FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 2;
SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3]' LIMIT 2;
-- In a parallel worker.
SET max_parallel_workers_per_gather = 2;
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT id FROM f WHERE a < 100 ORDER BY val <-> '[1,2,3,4]' LIMIT 2;
