-- ivf and ivfflat on all kinds of tables.
SET enable_seqscan = off;
SET client_min_messages = warning;
CREATE TEMP TABLE temporary (val vector(3));
CREATE INDEX temporary_idx ON temporary USING ivf (val vector_l2_ops);
INSERT INTO temporary SELECT ARRAY[i, i, i]::vector FROM generate_series(1, 300) i;
SELECT count(*) FROM (SELECT FROM temporary ORDER BY val <-> '[1,1,1]') s;
CREATE UNLOGGED TABLE unlogged (val vector(3));
CREATE INDEX unlogged_idx ON unlogged USING ivfflat (val vector_l2_ops) WITH (lists = 5);
INSERT INTO unlogged SELECT ARRAY[i, i, i]::vector FROM generate_series(1, 300) i;
SELECT count(*) FROM (SELECT FROM unlogged ORDER BY val <-> '[1,1,1]') s;
SELECT vecx_check_index('temporary_idx', true), vecx_check_index('unlogged_idx', true);

CREATE TABLE parts (id int, val vector(3)) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE part2 PARTITION OF parts FOR VALUES IN (2);
CREATE INDEX ON parts USING ivf (val vector_l2_ops);
INSERT INTO parts SELECT 1 + i % 2, ARRAY[i, i, i]::vector FROM generate_series(1, 300) i;
SELECT array_agg(val) FROM (SELECT val FROM parts ORDER BY val <-> '[7,7,7]' LIMIT 3) s;

-- TRUNCATE in the transaction that made the index, and a rollback of it.
CREATE TABLE t (val vector(3));
INSERT INTO t SELECT ARRAY[i, i, i]::vector FROM generate_series(1, 300) i;
CREATE INDEX t_idx ON t USING ivf (val vector_l2_ops);
INSERT INTO t VALUES ('[0,0,0]');
BEGIN;
TRUNCATE t;
INSERT INTO t VALUES ('[5,5,5]');
SELECT count(*) FROM (SELECT FROM t ORDER BY val <-> '[1,1,1]') s;
ROLLBACK;
SELECT count(*) FROM (SELECT FROM t ORDER BY val <-> '[1,1,1]') s;
BEGIN;
REINDEX INDEX t_idx;
INSERT INTO t VALUES ('[-1,0,0]');
ROLLBACK;
INSERT INTO t VALUES ('[-2,0,0]');
SELECT count(*) FROM (SELECT FROM t ORDER BY val <-> '[1,1,1]') s;
SELECT vecx_check_index('t_idx', true);

CREATE INDEX CONCURRENTLY t_conc ON t USING ivfflat (val) WITH (lists = 10);
REINDEX INDEX CONCURRENTLY t_idx;
SELECT vecx_check_index('t_idx', true), vecx_check_index('t_conc', true);
VACUUM FULL t;
SELECT vecx_check_index('t_idx', true), vecx_check_index('t_conc', true);
INSERT INTO t SELECT NULL FROM generate_series(1, 5);
SELECT vecx_check_index('t_idx', true);

-- All rows equal, one row, and none.
CREATE TABLE equal (val vector(3));
INSERT INTO equal SELECT '[1,2,3]' FROM generate_series(1, 3000);
CREATE INDEX equal_idx ON equal USING ivf (val vector_l2_ops) WITH (lists = 20);
SELECT lists FROM vecx_index_info('equal_idx');
INSERT INTO equal SELECT '[1,2,3]' FROM generate_series(1, 3000);
SELECT count(*) FROM (SELECT FROM equal ORDER BY val <-> '[1,1,1]') s;
SELECT vecx_check_index('equal_idx', true);
TRUNCATE equal;
SELECT count(*) FROM (SELECT FROM equal ORDER BY val <-> '[1,1,1]') s;
INSERT INTO equal VALUES ('[1,2,3]');
REINDEX INDEX equal_idx;
SELECT lists FROM vecx_index_info('equal_idx');

-- A build by several processes is as one by a single process.
CREATE TABLE large (id int, val vector(24)) WITH (parallel_workers = 2);
INSERT INTO large SELECT i, ARRAY(SELECT (hashint8extended(i, j) % 100)::int FROM generate_series(1, 24) j)::vector FROM generate_series(1, 12000) i;
SET maintenance_work_mem = '4MB';
CREATE INDEX together ON large USING ivf (val vector_l2_ops) WITH (lists = 300);
SET max_parallel_maintenance_workers = 0;
CREATE INDEX alone ON large USING ivf (val vector_l2_ops) WITH (lists = 300);
SELECT vecx_check_index('together', true), vecx_check_index('alone', true);
SET maintenance_work_mem = '1MB';
REINDEX INDEX alone;
SELECT vecx_check_index('alone', true);
SELECT lists > 100 AS many FROM vecx_index_info('alone');
DROP TABLE parts, unlogged, t, equal, large;

-- Codes that are learnt: on tables of all kinds, with and without rows to learn from, by one process and by several.
CREATE UNLOGGED TABLE unlogged_words (val vector(20));
CREATE INDEX unlogged_words_idx ON unlogged_words USING ivf (val vector_l2_ops) WITH (quantizer = pq);
CREATE UNLOGGED TABLE unlogged_bytes (val vector(20));
CREATE INDEX unlogged_bytes_idx ON unlogged_bytes USING ivf (val vector_l2_ops) WITH (quantizer = sq8);
CREATE FUNCTION learnt_point(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((hashint4(i * 32 + j) % 1000)::real)::vector(20) FROM generate_series(1, 20) j $$;
INSERT INTO unlogged_words SELECT learnt_point(i) FROM generate_series(1, 2500) i;
INSERT INTO unlogged_bytes SELECT val FROM unlogged_words;
VACUUM unlogged_words, unlogged_bytes;
SELECT lists > 1 AS split FROM vecx_index_info('unlogged_words_idx');
SELECT lists > 1 AS split FROM vecx_index_info('unlogged_bytes_idx');
SELECT vecx_check_index('unlogged_words_idx', true), vecx_check_index('unlogged_bytes_idx', true);
SELECT count(*), count(DISTINCT val::text) FROM (SELECT val FROM unlogged_words ORDER BY val <-> learnt_point(1)) s;
SELECT count(*), count(DISTINCT val::text) FROM (SELECT val FROM unlogged_bytes ORDER BY val <-> learnt_point(1)) s;
CREATE TABLE learnt AS SELECT val FROM unlogged_words;
ALTER TABLE learnt SET (parallel_workers = 2);
SET min_parallel_table_scan_size = 0;
SET ivf.probes = 1000;
CREATE INDEX learnt_words ON learnt USING ivf (val vector_l2_ops) WITH (quantizer = pq, lists = 20);
SELECT array_agg(val <-> learnt_point(7) ORDER BY val <-> learnt_point(7)) AS by_words FROM (SELECT val FROM learnt ORDER BY val <-> learnt_point(7) LIMIT 10) s \gset
DROP INDEX learnt_words;
CREATE INDEX learnt_bytes ON learnt USING ivf (val vector_l2_ops) WITH (quantizer = sq8, lists = 20);
SELECT array_agg(val <-> learnt_point(7) ORDER BY val <-> learnt_point(7)) AS by_bytes FROM (SELECT val FROM learnt ORDER BY val <-> learnt_point(7) LIMIT 10) s \gset
SET enable_indexscan = off;
SET enable_seqscan = on;
SELECT array_agg(val <-> learnt_point(7) ORDER BY val <-> learnt_point(7)) = :'by_words' AS words,
	array_agg(val <-> learnt_point(7) ORDER BY val <-> learnt_point(7)) = :'by_bytes' AS bytes
FROM (SELECT val FROM learnt ORDER BY val <-> learnt_point(7) LIMIT 10) s;
RESET enable_indexscan;
SET enable_seqscan = off;
-- The same rows and the same seed give the same index.
SET max_parallel_maintenance_workers = 0;
CREATE INDEX one ON learnt USING ivf (val vector_l2_ops) WITH (quantizer = pq, lists = 20);
CREATE INDEX two ON learnt USING ivf (val vector_l2_ops) WITH (quantizer = pq, lists = 20);
SELECT pg_relation_size('one') = pg_relation_size('two') AS same_size;
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
RESET ivf.probes;
DROP TABLE learnt, unlogged_words, unlogged_bytes;
DROP FUNCTION learnt_point(int);
