-- Kinds of tables and indexes, and what happens to their rows.
SET enable_seqscan = off;
CREATE FUNCTION ids(query text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE result int[];
BEGIN
    EXECUTE format('SELECT array_agg(id) FROM (%s) s', query) INTO result;
    RETURN result;
END $$;

-- An empty table, first rows, TRUNCATE, a rolled-back TRUNCATE.
CREATE TABLE t (id int, val vector(2));
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
SELECT * FROM t ORDER BY val <-> '[0,0]';
INSERT INTO t VALUES (1, '[1,1]'), (2, '[2,2]'), (3, NULL);
SELECT * FROM t ORDER BY val <-> '[0,0]';
BEGIN;
TRUNCATE t;
SELECT * FROM t ORDER BY val <-> '[0,0]';
INSERT INTO t VALUES (9, '[9,9]');
SELECT * FROM t ORDER BY val <-> '[0,0]';
ROLLBACK;
SELECT * FROM t ORDER BY val <-> '[0,0]';
TRUNCATE t;
SELECT * FROM t ORDER BY val <-> '[0,0]';

-- UPDATE, DELETE, VACUUM.
INSERT INTO t SELECT i, ARRAY[i, 0]::vector FROM generate_series(1, 100) i;
UPDATE t SET val = ARRAY[-id, 0]::vector WHERE id % 2 = 0;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]' LIMIT 6$$);
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[-50.1,0]' LIMIT 3$$);
DELETE FROM t WHERE id BETWEEN 11 AND 90;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[50.1,0]'$$);
VACUUM t;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[50.1,0]'$$);
SELECT vecx_check_index('t_val');
INSERT INTO t SELECT i, ARRAY[i, 0]::vector FROM generate_series(40, 44) i;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[42.1,0]' LIMIT 6$$);
UPDATE t SET id = id + 1000 WHERE id > 40; -- the vector stays as it is
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[42.1,0]' LIMIT 6$$);
DELETE FROM t;
VACUUM t;
SELECT count(*) FROM (SELECT * FROM t ORDER BY val <-> '[0,0]') s;
SELECT entry_level FROM vecx_index_info('t_val');
INSERT INTO t VALUES (1, '[1,1]');
SELECT * FROM t ORDER BY val <-> '[0,0]';
-- space that VACUUM freed is used again
TRUNCATE t;
INSERT INTO t SELECT i, ARRAY[i, i % 13]::vector FROM generate_series(1, 500) i;
SELECT pages AS pages_before FROM vecx_index_info('t_val') \gset
DELETE FROM t;
VACUUM t;
INSERT INTO t SELECT i, ARRAY[i, i % 17]::vector FROM generate_series(501, 1000) i;
DELETE FROM t;
VACUUM t;
INSERT INTO t SELECT i, ARRAY[i, i % 19]::vector FROM generate_series(1001, 1500) i;
SELECT pages <= :pages_before * 1.2 AS space_is_reused FROM vecx_index_info('t_val');
SELECT vecx_check_index('t_val');
-- also by vectors so large that a node fills its page
CREATE TABLE large (id int, val vector(3000));
CREATE INDEX large_val ON large USING hnsw (val vector_l2_ops);
INSERT INTO large SELECT i, array_fill(i, ARRAY[3000])::vector FROM generate_series(1, 40) i;
SELECT pages AS pages_before FROM vecx_index_info('large_val') \gset
DELETE FROM large;
VACUUM large;
INSERT INTO large SELECT i, array_fill(i, ARRAY[3000])::vector FROM generate_series(41, 80) i;
SELECT pages <= :pages_before AS space_is_reused FROM vecx_index_info('large_val');
SELECT vecx_check_index('large_val');
DROP TABLE large;
VACUUM FULL t;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[0,0]') s;
DROP TABLE t;

-- Two builds of one table are the same, page for page.
CREATE TABLE t (id int, val vector(4));
INSERT INTO t SELECT i, ARRAY[i % 31, i % 37, i % 41, i % 43]::vector FROM generate_series(1, 1000) i;
CREATE INDEX one ON t USING hnsw (val vector_l2_ops);
CREATE INDEX two ON t USING hnsw (val vector_l2_ops);
CHECKPOINT;
-- all of each page but its LSN and checksum
CREATE FUNCTION bytes_of(index regclass) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(substr(file, 8192 * block + 11, 8182), '' ORDER BY block))
    FROM (SELECT pg_read_binary_file(pg_relation_filepath(index)) AS file) f, generate_series(0, length(file) / 8192 - 1) block
$$;
SELECT bytes_of('one') = bytes_of('two') AS same;
DROP FUNCTION bytes_of;
DROP INDEX two;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[5,6,7,8]' LIMIT 20$$) AS before \gset
REINDEX INDEX one;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[5,6,7,8]' LIMIT 20$$) = :'before' AS same;
REINDEX INDEX CONCURRENTLY one;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[5,6,7,8]' LIMIT 20$$) = :'before' AS same;
CREATE INDEX CONCURRENTLY two ON t USING hnsw (val vector_l1_ops);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'two'::regclass;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <+> '[5,6,7,8]') s;
SELECT vecx_check_index('one'), vecx_check_index('two');
-- little memory: the rest of the rows is inserted on disk
SET maintenance_work_mem = '1MB';
SET client_min_messages = warning; -- the NOTICE names a number of rows
DROP INDEX one, two;
INSERT INTO t SELECT i, ARRAY[i % 31, i % 37, i % 41, i % 43]::vector FROM generate_series(1001, 5000) i;
CREATE INDEX two ON t USING hnsw (val vector_l1_ops);
RESET client_min_messages;
RESET maintenance_work_mem;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <+> '[5,6,7,8]') s;
SELECT vecx_check_index('two');
-- both indexes of a table in one parallel VACUUM
CREATE INDEX one ON t USING hnsw (val vector_cosine_ops);
SET min_parallel_index_scan_size = 0;
DELETE FROM t WHERE id % 4 = 0;
VACUUM (PARALLEL 2) t;
RESET min_parallel_index_scan_size;
SELECT vecx_check_index('one'), vecx_check_index('two');
-- a build that fails leaves nothing
CREATE FUNCTION fails_at(i int, v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF i = 901 THEN RAISE EXCEPTION 'row %', i; END IF;
    RETURN v;
END $$;
CREATE INDEX three ON t USING hnsw ((fails_at(id, val)::vector(4)) vector_l2_ops);
SELECT to_regclass('three');
DROP TABLE t;
DROP FUNCTION fails_at;

-- Unlogged and temporary tables.
CREATE UNLOGGED TABLE t (id int, val vector(2));
INSERT INTO t VALUES (1, '[1,1]'), (2, '[2,2]');
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
INSERT INTO t VALUES (3, '[0,1]');
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]'$$);
DELETE FROM t WHERE id = 1;
VACUUM t;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]'$$);
ALTER TABLE t SET LOGGED;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]'$$);
ALTER TABLE t SET UNLOGGED;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]'$$);
SELECT vecx_check_index('t_val');
DROP TABLE t;
CREATE TEMP TABLE t (id int, val vector(2));
INSERT INTO t VALUES (1, '[1,1]'), (2, '[2,2]');
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
INSERT INTO t VALUES (3, '[0,1]');
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]'$$);
DELETE FROM t WHERE id = 1;
VACUUM t;
SELECT ids($$SELECT id FROM t ORDER BY val <-> '[0,0]'$$);
SELECT vecx_check_index('t_val');
DROP TABLE t;

-- Expression and partial indexes.
CREATE TABLE t (id int, kind int, val vector(3));
INSERT INTO t SELECT i, i % 3, ARRAY[i, i, 1]::vector FROM generate_series(1, 60) i;
CREATE INDEX t_half ON t USING hnsw ((val::halfvec(3)) halfvec_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY val::halfvec(3) <-> '[20.25,20.25,1]' LIMIT 3;
SELECT id FROM t ORDER BY val::halfvec(3) <-> '[20.25,20.25,1]' LIMIT 3;
CREATE INDEX t_bits ON t USING hnsw ((binary_quantize(val)::bit(3)) bit_hamming_ops);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY binary_quantize(val)::bit(3) <~> B'111' LIMIT 3;
SELECT count(*) FROM (SELECT id FROM t ORDER BY binary_quantize(val)::bit(3) <~> B'111') s;
CREATE INDEX t_sub ON t USING hnsw ((subvector(val, 1, 2)::vector(2)) vector_l2_ops);
SELECT id FROM t ORDER BY subvector(val, 1, 2)::vector(2) <-> '[30,30]' LIMIT 1;
CREATE INDEX t_part ON t USING hnsw (val vector_l2_ops) WHERE kind = 1;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE kind = 1 ORDER BY val <-> '[20.25,20.25,1]' LIMIT 3;
SELECT id FROM t WHERE kind = 1 ORDER BY val <-> '[20.25,20.25,1]' LIMIT 3;
SELECT count(*) FROM (SELECT id FROM t WHERE kind = 1 ORDER BY val <-> '[20.25,20.25,1]') s;
UPDATE t SET kind = 2 WHERE id = 19;
UPDATE t SET kind = 1 WHERE id = 20;
SELECT id FROM t WHERE kind = 1 ORDER BY val <-> '[20.25,20.25,1]' LIMIT 3;
DROP TABLE t;

-- Partitions: one ordered stream out of several.
CREATE TABLE t (id int, val vector(2)) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (101);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (101) TO (201);
CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (201) TO (301);
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
INSERT INTO t SELECT i, ARRAY[(i * 37) % 300, 0]::vector FROM generate_series(1, 300) i;
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY val <-> '[150,0]' LIMIT 4;
SELECT id, val FROM t ORDER BY val <-> '[150.1,0]' LIMIT 4;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[150,0]') s;
CREATE TABLE t4 (id int, val vector(2));
INSERT INTO t4 VALUES (301, '[150,0.01]');
ALTER TABLE t ATTACH PARTITION t4 FOR VALUES FROM (301) TO (401);
SELECT id, val FROM t ORDER BY val <-> '[150.1,0]' LIMIT 2;
ALTER TABLE t DETACH PARTITION t1;
SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY val <-> '[150,0]') s;
DROP TABLE t, t1;

-- The planner takes the index for a few rows of many, and without being told to.
RESET enable_seqscan;
CREATE TABLE t (id int, val vector(3));
INSERT INTO t SELECT i, ARRAY[i % 101, i % 103, i % 107]::vector FROM generate_series(1, 4000) i;
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops) WITH (m = 8, ef_construction = 16);
ANALYZE t;
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY val <-> '[1,2,3]';
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE id = 5 ORDER BY val <-> '[1,2,3]' LIMIT 10;
DROP TABLE t;
-- vectors that the table keeps out of line
CREATE TABLE t (id int, val vector(1536));
INSERT INTO t SELECT i, (SELECT array_agg((i * j) % 17) FROM generate_series(1, 1536) j)::vector FROM generate_series(1, 1000) i;
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops) WITH (m = 4, ef_construction = 8);
ANALYZE t;
PREPARE nearest(vector) AS SELECT id FROM t ORDER BY val <-> $1 LIMIT 10;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest(NULL);
RESET plan_cache_mode;
DEALLOCATE nearest;
DROP TABLE t;
DROP FUNCTION ids;
