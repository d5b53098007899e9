-- Options, settings, limits and errors.
CREATE TABLE t (val vector(3));
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (m = 1);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (m = 101);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (ef_construction = 1001);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (m = 16, ef_construction = 31);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (m = many);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (layout = round);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (lists = 10);
CREATE INDEX ok ON t USING hnsw (val vector_l2_ops) WITH (m = 16, ef_construction = 32);
CREATE INDEX least ON t USING hnsw (val vector_l2_ops) WITH (m = 2, ef_construction = 4, layout = auto);
CREATE INDEX most ON t USING hnsw (val vector_ip_ops) WITH (m = 100, ef_construction = 1000, layout = plain);
SELECT * FROM vecx_index_info('ok');
INSERT INTO t SELECT ARRAY[i, i % 7, -i]::vector FROM generate_series(1, 50) i;
SELECT layout, element_type, metric, dimensions, m, ef_construction, entry_level IS NOT NULL AS has_entry FROM vecx_index_info('least');
SELECT layout, element_type, metric, dimensions, m, ef_construction, entry_level IS NOT NULL AS has_entry FROM vecx_index_info('most');
SELECT vecx_check_index('ok'), vecx_check_index('least'), vecx_check_index('most');
-- changed options count from the next REINDEX on
ALTER INDEX ok SET (m = 8);
SELECT m FROM vecx_index_info('ok');
REINDEX INDEX ok;
SELECT m FROM vecx_index_info('ok');
ALTER INDEX ok SET (m = 1);

-- What the access method cannot do.
CREATE UNIQUE INDEX ON t USING hnsw (val vector_l2_ops);
CREATE INDEX ON t USING hnsw (val vector_l2_ops, val vector_ip_ops);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) INCLUDE (val);
CREATE INDEX ON t USING hnsw (val vector_l2_ops DESC);
CREATE INDEX ON t USING hnsw (val halfvec_l2_ops);
CLUSTER t USING ok;

-- Functions on what is no hnsw index.
CREATE INDEX t_btree ON t (val);
SELECT * FROM vecx_index_info('t');
SELECT * FROM vecx_index_info('t_btree');
SELECT vecx_check_index('t_btree');
SELECT * FROM vecx_index_info('no_such_index');
CREATE TABLE parted (val vector(3)) PARTITION BY LIST (vector_dims(val));
CREATE INDEX parted_idx ON parted USING hnsw (val vector_l2_ops);
SELECT * FROM vecx_index_info('parted_idx');
DROP TABLE parted;
CREATE ROLE hnsw_test_user;
SET ROLE hnsw_test_user;
SELECT vecx_check_index('ok');
RESET ROLE;
DROP ROLE hnsw_test_user;
DROP TABLE t;

-- Settings.
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.scan_mem_multiplier;
SET hnsw.ef_search = 0;
SET hnsw.iterative_scan = on;
SET hnsw.scan_mem_multiplier = 0;
SET hnsw.scan_mem_multiplier = 1001;
SET hnsw.no_such_setting = 1;

-- Dimensions.
CREATE TABLE t (val vector);
CREATE INDEX ON t USING hnsw (val vector_l2_ops);
CREATE INDEX ON t USING hnsw ((val::halfvec(3)) halfvec_l2_ops);
INSERT INTO t VALUES ('[1,2]');
INSERT INTO t VALUES ('[1,2,3]');
DROP TABLE t;
CREATE TABLE t (val varbit);
CREATE INDEX ON t USING hnsw (val bit_hamming_ops);
DROP TABLE t;
CREATE TABLE t (val bit(1024000));
CREATE INDEX ON t USING hnsw (val bit_hamming_ops);
DROP TABLE t;
CREATE TABLE t (val bit(1024001));
CREATE INDEX ON t USING hnsw (val bit_hamming_ops);
DROP TABLE t;
CREATE TABLE t (val sparsevec(1000000000));
CREATE INDEX ON t USING hnsw (val sparsevec_l2_ops);
INSERT INTO t VALUES ('{1:1,1000000000:2}/1000000000'), ('{5:3}/1000000000');
SET enable_seqscan = off;
SELECT * FROM t ORDER BY val <-> '{5:2}/1000000000';
DROP TABLE t;

-- Vectors that span pages, up to the largest.
CREATE TABLE t (id int, val vector(16000));
INSERT INTO t SELECT i, array_fill(i, ARRAY[16000])::vector FROM generate_series(1, 8) i;
CREATE INDEX t_val ON t USING hnsw (val vector_l2_ops);
INSERT INTO t SELECT i, array_fill(i, ARRAY[16000])::vector FROM generate_series(9, 12) i;
SELECT id FROM t ORDER BY val <-> array_fill(6.1, ARRAY[16000])::vector;
SELECT dimensions FROM vecx_index_info('t_val');
SELECT vecx_check_index('t_val');
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT vecx_check_index('t_val');
INSERT INTO t SELECT i, array_fill(i, ARRAY[16000])::vector FROM generate_series(13, 15) i;
SELECT id FROM t ORDER BY val <-> array_fill(6.1, ARRAY[16000])::vector;
DROP TABLE t;
CREATE TABLE t (id int, val sparsevec(20000));
INSERT INTO t SELECT i, (SELECT '{' || string_agg(j || ':' || i, ',') || '}/20000' FROM generate_series(1, 16000) j)::sparsevec FROM generate_series(1, 4) i;
CREATE INDEX t_val ON t USING hnsw (val sparsevec_l1_ops);
INSERT INTO t SELECT i, (SELECT '{' || string_agg(j || ':' || i, ',') || '}/20000' FROM generate_series(1, 16000) j)::sparsevec FROM generate_series(5, 6) i;
SELECT id FROM t ORDER BY val <+> '{1:4}/20000';
DROP TABLE t;
