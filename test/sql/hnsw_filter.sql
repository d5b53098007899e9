-- Filters that the index knows nothing of: WHERE ... ORDER BY distance LIMIT k gives min(k, matching) rows at default
-- settings, in every layout, whatever the filter, and under row-level security. They come in order, but for rows that the
-- graph found too late, which a scan that reads the whole index returns behind the others, in order, too.
SET client_min_messages = warning;
CREATE TABLE docs (id int PRIMARY KEY, r int, d float8, owner text, tags text[], v vector(32));
INSERT INTO docs (id, r, owner, tags, v) SELECT i, (hashint8extended(i, 1) & 1048575)::int % 100000, 'user' || i % 50, ARRAY['t' || i % 7, 't' || i % 11],
    (ARRAY(SELECT (hashint8extended(i, j) % 1000) / 1000.0 + i % 5 FROM generate_series(1, 32) j))::vector(32)
    FROM generate_series(1, 3000) i;
UPDATE docs SET d = v <-> (SELECT v FROM docs WHERE id = 1);
CREATE TABLE allowed (usr text, owner text);
INSERT INTO allowed VALUES ('vecx_alice', 'user3'), ('vecx_alice', 'user4');
ANALYZE docs, allowed;

-- For a condition and a limit: rows, whether there are as many as match, whether they come in order, the share of the
-- nearest among them. The vector index is forced, so that it is the stream that is tried.
CREATE FUNCTION try_filter(condition text, k int, OUT uses_index boolean, OUT rows bigint, OUT complete boolean, OUT descents int, OUT recall float8)
LANGUAGE plpgsql AS $$
DECLARE
    line text; got int[]; distances float8[]; truth float8[];
    q vector := (SELECT v FROM docs WHERE id = 1);
    body text := format('SELECT id, v <-> %L AS dist FROM docs WHERE %s ORDER BY v <-> %L LIMIT %s', q, condition, q, k);
BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexscan = on;
    uses_index := false;
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || body LOOP uses_index := uses_index OR line ~ 'Order By: \(v <->'; END LOOP;
    EXECUTE format('SELECT array_agg(id), array_agg(dist) FROM (%s) s', body) INTO got, distances;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_indexscan = off;
    EXECUTE format('SELECT array_agg(dist) FROM (%s) s', body) INTO truth;
    SET LOCAL enable_indexscan = on;
    rows := coalesce(cardinality(got), 0);
    complete := rows = coalesce(cardinality(truth), 0) AND rows = (SELECT count(DISTINCT x) FROM unnest(got) x);
    descents := (SELECT count(*) FROM generate_series(2, rows) i WHERE distances[i] < distances[i - 1]);
    recall := (SELECT count(*) FROM unnest(distances) x WHERE x <= truth[cardinality(truth)]) / nullif(cardinality(truth), 0)::float8;
END $$;
CREATE FUNCTION try_filters(layout text) RETURNS TABLE (condition text, k int, uses_index boolean, rows bigint, complete boolean, in_order boolean, recall boolean)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE INDEX docs_v ON docs USING hnsw (v vector_l2_ops) WITH (layout = %I)', layout);
    RETURN QUERY SELECT c.condition, l.k, t.uses_index, t.rows, t.complete, t.descents <= (t.rows < l.k)::int, coalesce(t.recall >= 0.9, true)
        FROM (VALUES ('true'), ('r < 50000'), ('r < 10000'), ('r < 1000'), ('r < 100'), 
            ('d > 2'), ('d > 9'), ('d < 1.5'), ('id % 5 = 4'), ($c$tags @> '{t3,t5}'$c$), ($c$owner IN (SELECT owner FROM allowed)$c$)) c(condition),
            (VALUES (10), (200)) l(k), LATERAL try_filter(c.condition, l.k) t;
    DROP INDEX docs_v;
END $$;
SELECT * FROM try_filters('inline');
SELECT * FROM try_filters('compact') WHERE NOT (uses_index AND complete AND in_order AND recall);
SELECT * FROM try_filters('plain') WHERE NOT (uses_index AND complete AND in_order AND recall);
-- little memory: the scan ends in a sweep that is sorted on disk, and loses nothing
SET work_mem = '64kB';
SELECT * FROM try_filters('inline') WHERE NOT (uses_index AND complete AND in_order AND recall);
-- what the scan holds then, with the sort behind it
CREATE INDEX docs_v ON docs USING hnsw (v vector_l2_ops) WITH (layout = inline);
SET enable_seqscan = off;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM docs WHERE r < 100 ORDER BY v <-> (SELECT v FROM docs WHERE id = 1);
MOVE 1 IN c;
SELECT count(*) AS scans, sum(total_bytes) <= 64 * 1024 AS bounded FROM pg_backend_memory_contexts WHERE name = 'hnsw scan';
MOVE ALL IN c;
SELECT swept FROM vecx_last_scan();
COMMIT;
RESET enable_seqscan;
DROP INDEX docs_v;
RESET work_mem;
-- a limit of visits ends it, but only one that somebody sets
CREATE INDEX docs_v ON docs USING hnsw (v vector_l2_ops) WITH (layout = inline);
SELECT complete, descents FROM try_filter('r < 100', 200);
SET hnsw.max_scan_tuples = 500;
SELECT complete, descents FROM try_filter('r < 100', 200);
RESET hnsw.max_scan_tuples;

-- Row-level security. The distance operators are not leakproof: they complain about dimensions, and so tell something of
-- a row. That keeps range conditions behind the policy, as filters; it does not keep ORDER BY from the index.
CREATE ROLE vecx_alice;
GRANT SELECT ON docs, allowed TO vecx_alice;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON docs USING (owner = 'user7');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
\set q '(SELECT v FROM docs_1)'
CREATE VIEW docs_1 AS SELECT v FROM docs WHERE id = 1;
GRANT SELECT ON docs_1 TO vecx_alice;
SET ROLE vecx_alice;
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY v <-> :q LIMIT 10;
SELECT count(*), count(*) FILTER (WHERE owner = 'user7') AS own FROM (SELECT owner FROM docs ORDER BY v <-> :q LIMIT 10) s;
SELECT count(*) FROM (SELECT id FROM docs ORDER BY v <-> :q LIMIT 1000) s;
EXPLAIN (COSTS OFF) SELECT id FROM docs WHERE v <<->> sphere(:q, 9) ORDER BY v <-> :q LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM docs WHERE v <-> :q < 9 ORDER BY v <-> :q LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM docs WHERE v <<->> sphere(:q, 9);
SELECT (SELECT count(*) FROM docs WHERE v <<->> sphere(:q, 9)) AS sphere, (SELECT count(*) FROM docs WHERE v <-> :q <= 9) AS bound,
    (SELECT count(*) FROM docs WHERE (v <-> :q) + 0 <= 9) AS exact;
RESET ROLE;
SELECT count(*) AS as_owner FROM docs WHERE owner = 'user7' AND v <-> :q <= 9;
-- a policy with a subquery
DROP POLICY own ON docs;
CREATE POLICY shared ON docs USING (owner IN (SELECT a.owner FROM allowed a WHERE a.usr = current_user));
SET ROLE vecx_alice;
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY v <-> :q LIMIT 10;
SELECT count(*), array_agg(DISTINCT owner) FROM (SELECT owner FROM docs ORDER BY v <-> :q LIMIT 1000) s;
SELECT array_agg(id) AS ids FROM (SELECT id FROM docs WHERE r < 50000 ORDER BY v <-> :q LIMIT 5) s \gset
SET enable_indexscan = off;
SET enable_seqscan = on;
SELECT :'ids' = array_agg(id)::text AS same FROM (SELECT id FROM docs WHERE r < 50000 ORDER BY v <-> :q LIMIT 5) s;
SET enable_indexscan = on;
SET enable_seqscan = off;
RESET ROLE;
-- a security barrier view: the same, and a function that is not leakproof sees no row that the view hides
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM docs WHERE r < 1000;
CREATE FUNCTION spy(r int) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN IF r >= 1000 THEN RAISE 'seen: %', r; END IF; RETURN true; END $$;
EXPLAIN (COSTS OFF) SELECT id FROM barrier WHERE spy(r) ORDER BY v <-> :q LIMIT 10;
SELECT count(*) FROM (SELECT id FROM barrier WHERE spy(r) ORDER BY v <-> :q LIMIT 10) s;
SELECT count(*) = (SELECT count(*) FROM docs WHERE r < 1000) AS complete FROM (SELECT id FROM barrier WHERE spy(r) ORDER BY v <-> :q LIMIT 1000) s;
-- an index's order does not come out of such a view, so the search has to be in it
EXPLAIN (COSTS OFF) SELECT id FROM barrier WHERE v <<->> sphere(:q, 9);
SELECT (SELECT count(*) FROM barrier WHERE v <<->> sphere(:q, 9)) = (SELECT count(*) FROM docs WHERE r < 1000 AND (v <-> :q) + 0 <= 9) AS same;
DROP VIEW barrier, docs_1;
DROP TABLE docs, allowed;
DROP ROLE vecx_alice;
DROP FUNCTION try_filter, try_filters, spy;
