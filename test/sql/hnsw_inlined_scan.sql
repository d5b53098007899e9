-- Scans of the layouts inline and compact: exact order where stored vectors lose bits, completeness, and vecx_last_scan().
SET enable_seqscan = off;
SET enable_sort = off;
CREATE TABLE near (id int PRIMARY KEY, val vector(16));
-- near ties: the vectors differ by less than the steps of binary16, and far less than those of 8 bits
INSERT INTO near SELECT i, (SELECT array_agg(1 + j * 0.01 + 0.0003 * ((i * 7919 + j * 104729) % 1009) / 1009.0 ORDER BY j)
    FROM generate_series(1, 16) j)::vector FROM generate_series(1, 500) i;

-- Whether the index returns all rows in exact order, and the first ten are the nearest ten.
CREATE FUNCTION exact_order(op text, query text, OUT uses_index boolean, OUT rows bigint, OUT ordered boolean, OUT nearest boolean)
LANGUAGE plpgsql AS $$
DECLARE line text; distances float8[]; truth float8[]; ten float8[];
BEGIN
    uses_index := false;
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM near ORDER BY val %s %L', op, query) LOOP
        uses_index := uses_index OR line ~ 'Index Scan using near_val';
    END LOOP;
    -- two queries: from PostgreSQL 16 on, count(DISTINCT) sorts the rows for its neighbours, too
    EXECUTE format('SELECT array_agg(d) FROM (SELECT val %s %L d FROM near ORDER BY val %s %L) s', op, query, op, query) INTO distances;
    EXECUTE format('SELECT count(DISTINCT id) FROM (SELECT id FROM near ORDER BY val %s %L) s', op, query) INTO rows;
    SELECT array_agg(d ORDER BY d) INTO truth FROM unnest(distances) d;
    ordered := distances = truth;
    EXECUTE format('SELECT array_agg(d) FROM (SELECT val %s %L d FROM near ORDER BY val %s %L LIMIT 10) s',
        op, query, op, query) INTO ten;
    nearest := ten = truth[1:10];
END $$;
\set query '''[1.01,1.02,1.03,1.04,1.05,1.06,1.07,1.08,1.09,1.1,1.11,1.12,1.13,1.14,1.15,1.16]'''

CREATE INDEX near_val ON near USING hnsw (val vector_l2_ops) WITH (layout = inline);
SELECT * FROM exact_order('<->', :query);
SELECT count(*) FROM (SELECT id FROM near ORDER BY val <-> :query) s;
SELECT index, layout, ef_search, swept, rows, rechecked > 0 AS rechecked, nodes > 0 AS nodes, estimates > nodes AS estimates,
    distances >= nodes AS distances, pages > 0 AS pages, look_ahead >= 40 AS look_ahead FROM vecx_last_scan();
DROP INDEX near_val;
CREATE INDEX near_val ON near USING hnsw (val vector_ip_ops) WITH (layout = inline);
SELECT * FROM exact_order('<#>', :query);
DROP INDEX near_val;
CREATE INDEX near_val ON near USING hnsw (val vector_cosine_ops) WITH (layout = inline);
SELECT * FROM exact_order('<=>', :query);
DROP INDEX near_val;
CREATE INDEX near_val ON near USING hnsw (val vector_l2_ops) WITH (layout = compact);
SELECT * FROM exact_order('<->', :query);
-- the sweep alone, and the other treatments of late rows
SET hnsw.ef_search = 1;
SELECT uses_index, rows FROM exact_order('<->', :query);
SET hnsw.iterative_scan = strict_order;
SELECT uses_index, ordered FROM exact_order('<->', :query);
SET hnsw.iterative_scan = relaxed_order;
SELECT uses_index, rows FROM exact_order('<->', :query);
RESET hnsw.iterative_scan;
RESET hnsw.ef_search;

-- Many rows of one vector, NULL as the argument, a filter, a cursor.
INSERT INTO near SELECT 1000 + i, (SELECT val FROM near WHERE id = 7) FROM generate_series(1, 300) i;
SELECT * FROM exact_order('<->', :query);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM near ORDER BY val <-> (SELECT NULL::vector)) s;
SELECT count(*) FROM (SELECT id FROM near WHERE id % 100 = 0 ORDER BY val <-> :query) s;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM near ORDER BY val <-> :query;
MOVE 700 IN c;
MOVE ALL IN c;
COMMIT;
SELECT a.i, count(*) FROM generate_series(1, 3) a(i), LATERAL (SELECT id FROM near ORDER BY val <-> (SELECT val FROM near n WHERE n.id = a.i) LIMIT 30) b
    GROUP BY a.i ORDER BY a.i;
-- Kernels that round differently, between two rows of a cursor.
CREATE TABLE fetched (at int GENERATED ALWAYS AS IDENTITY, d float8);
DO $$
DECLARE c refcursor; d float8;
BEGIN
    OPEN c FOR EXECUTE 'SELECT val <-> $1 FROM near ORDER BY val <-> $1' USING '[1.01,1.02,1.03,1.04,1.05,1.06,1.07,1.08,1.09,1.1,1.11,1.12,1.13,1.14,1.15,1.16]'::vector;
    FOR i IN 1..50 LOOP
        FETCH c INTO d;
        INSERT INTO fetched (d) VALUES (d);
    END LOOP;
    SET LOCAL vecx.simd = scalar;
    LOOP
        FETCH c INTO d;
        EXIT WHEN NOT FOUND;
        INSERT INTO fetched (d) VALUES (d);
    END LOOP;
END $$;
SELECT count(*), count(*) FILTER (WHERE d < before) AS misplaced FROM (SELECT d, lag(d) OVER (ORDER BY at) AS before FROM fetched WHERE at > 50) s;
DROP TABLE near, fetched;
