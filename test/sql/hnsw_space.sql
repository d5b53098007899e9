-- The space of rows that VACUUM removed is used again, also by nodes that fill a page or span several.
CREATE FUNCTION v(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$SELECT array_agg(i * 7919 % (j + 31))::vector FROM generate_series(1, dim) j$$;

-- 4,096 dimensions: a node and two chunks. 1,930: a node of nearly a page. 300: several to a page.
CREATE TABLE t (id int, val vector(4096));
CREATE INDEX ON t USING hnsw (val vector_l2_ops);
INSERT INTO t SELECT i, v(i, 4096) FROM generate_series(1, 60) i;
SELECT pages AS before FROM vecx_index_info('t_val_idx') \gset
DELETE FROM t WHERE id <= 30;
VACUUM t;
INSERT INTO t SELECT i, v(i, 4096) FROM generate_series(61, 90) i;
SELECT pages <= :before * 1.1 AS reused FROM vecx_index_info('t_val_idx');
DELETE FROM t WHERE id <= 60;
VACUUM t;
INSERT INTO t SELECT i, v(i, 4096) FROM generate_series(91, 120) i;
SELECT pages <= :before * 1.1 AS reused FROM vecx_index_info('t_val_idx');
SELECT vecx_check_index('t_val_idx');
DROP TABLE t;

CREATE TABLE t (id int, val vector(1930));
CREATE INDEX ON t USING hnsw (val vector_l2_ops);
INSERT INTO t SELECT i, v(i, 1930) FROM generate_series(1, 60) i;
SELECT pages AS before FROM vecx_index_info('t_val_idx') \gset
DELETE FROM t WHERE id <= 30;
VACUUM t;
INSERT INTO t SELECT i, v(i, 1930) FROM generate_series(61, 90) i;
-- a node of a higher level is longer and may need a place of its own
SELECT pages <= :before * 1.1 AS reused FROM vecx_index_info('t_val_idx');
SELECT vecx_check_index('t_val_idx');
DROP TABLE t;

CREATE TABLE t (id int, val vector(300));
CREATE INDEX ON t USING hnsw (val vector_l2_ops);
INSERT INTO t SELECT i, v(i, 300) FROM generate_series(1, 200) i;
SELECT pages AS before FROM vecx_index_info('t_val_idx') \gset
DELETE FROM t WHERE id <= 100;
VACUUM t;
INSERT INTO t SELECT i, v(i, 300) FROM generate_series(201, 300) i;
SELECT pages <= :before * 1.1 AS reused FROM vecx_index_info('t_val_idx');
SELECT vecx_check_index('t_val_idx');
DROP TABLE t;
DROP FUNCTION v;
