-- VACUUM and the checker on the layouts inline and compact.
CREATE FUNCTION v(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$SELECT array_agg(i * 7919 % (j + 131))::vector FROM generate_series(1, dim) j$$;
CREATE TABLE t (id int, val vector(100));
INSERT INTO t SELECT i, v(i, 100) FROM generate_series(1, 600) i;
INSERT INTO t SELECT 1000 + i, v(7, 100) FROM generate_series(1, 200) i;
INSERT INTO t VALUES (2000, NULL);
CREATE INDEX inl ON t USING hnsw (val vector_l2_ops) WITH (layout = inline);
CREATE INDEX com ON t USING hnsw (val vector_cosine_ops) WITH (layout = compact);
SELECT layout, quantizer, code_bits, own_vector, entry IS NOT NULL AS has_entry FROM vecx_index_info('inl');
SELECT layout, quantizer, code_bits, own_vector, entry IS NOT NULL AS has_entry FROM vecx_index_info('com');
SELECT vecx_check_index('inl', true), vecx_check_index('com', true);
SELECT nodes <= 600 AS shared, row_versions, dead_nodes, chunks > 0 AS has_chunks FROM vecx_index_stats('inl');
SELECT nodes <= 600 AS shared, row_versions, dead_nodes, chunks > 0 AS has_chunks FROM vecx_index_stats('com');

-- a third of the rows, and most of the equal ones
DELETE FROM t WHERE id % 3 = 0 OR id BETWEEN 1050 AND 1190;
VACUUM t;
SELECT count(*) FROM t WHERE val IS NOT NULL;
SELECT vecx_check_index('inl', true), vecx_check_index('com', true);
SELECT dead_nodes, row_versions FROM vecx_index_stats('inl');
SET enable_seqscan = off;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> v(5, 100)) s;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <=> v(5, 100)) s;
-- each is found by its own vector
SELECT count(*) FROM t a CROSS JOIN LATERAL (SELECT b.val FROM t b ORDER BY b.val <-> a.val LIMIT 1) s WHERE a.id <= 600 AND a.val = s.val;
RESET enable_seqscan;

-- space is used again
SELECT pages AS inl_before FROM vecx_index_info('inl') \gset
SELECT pages AS com_before FROM vecx_index_info('com') \gset
INSERT INTO t SELECT 3000 + i, v(3000 + i, 100) FROM generate_series(1, 190) i;
SELECT pages <= :inl_before * 1.1 AS reused FROM vecx_index_info('inl');
SELECT pages <= :com_before * 1.1 AS reused FROM vecx_index_info('com');
SELECT vecx_check_index('inl', true), vecx_check_index('com', true);

-- everything, and then something
DELETE FROM t;
VACUUM t;
SELECT vecx_check_index('inl', true), vecx_check_index('com', true);
SELECT nodes, row_versions, chunks FROM vecx_index_stats('inl');
INSERT INTO t SELECT i, v(i, 100) FROM generate_series(1, 20) i;
SELECT vecx_check_index('inl', true), vecx_check_index('com', true);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT 1 FROM t ORDER BY val <-> v(5, 100)) s;
RESET enable_seqscan;

-- with as little memory as there may be
SET maintenance_work_mem = '1MB';
INSERT INTO t SELECT i, v(i, 100) FROM generate_series(21, 700) i;
DELETE FROM t WHERE id % 4 = 0;
VACUUM (PARALLEL 0) t;
RESET maintenance_work_mem;
SELECT vecx_check_index('inl', true), vecx_check_index('com', true);
DROP TABLE t;

-- rows that an index lacks: as if it had not been told of them
CREATE TABLE t (id int, val vector(3));
CREATE INDEX missing ON t USING hnsw (val vector_cosine_ops);
INSERT INTO t SELECT i, ARRAY[i, 1, 2]::vector FROM generate_series(1, 10) i;
INSERT INTO t VALUES (11, NULL), (12, '[0,0,0]');
SELECT vecx_check_index('missing', true);
UPDATE pg_index SET indisready = false WHERE indexrelid = 'missing'::regclass;
INSERT INTO t VALUES (13, '[1,2,3]'), (14, '[3,2,1]');
UPDATE pg_index SET indisready = true WHERE indexrelid = 'missing'::regclass;
SELECT vecx_check_index('missing');
SELECT vecx_check_index('missing', true);
REINDEX INDEX missing;
SELECT vecx_check_index('missing', true);
DROP TABLE t;
DROP FUNCTION v;
