-- CREATE INDEX of the layouts inline and compact.
CREATE FUNCTION point(i int, d int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT ARRAY(SELECT (hashint8extended(i, j) % 50)::int FROM generate_series(1, d) j)::vector $$;
CREATE TABLE t (id int, val vector(20));
INSERT INTO t SELECT i, point(i, 20) FROM generate_series(1, 2000) i;
INSERT INTO t VALUES (2001, NULL);

-- All rows through the index, the nearest first.
CREATE FUNCTION check_order(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d float8[];
	bad int;
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	EXECUTE query INTO d;
	SELECT count(*) INTO bad FROM generate_series(2, 100) i WHERE d[i] < d[i - 1];
	RETURN cardinality(d) || ' rows, ' || bad || ' of the first 100 out of order';
END $$;

CREATE INDEX i ON t USING hnsw (val vector_l2_ops) WITH (layout = inline);
SELECT layout, dimensions FROM vecx_index_info('i');
SELECT vecx_check_index('i');
SELECT check_order('SELECT array_agg(d) FROM (SELECT val <-> point(-1, 20) AS d FROM t ORDER BY val <-> point(-1, 20)) s');
SELECT id FROM t ORDER BY val <-> point(77, 20) LIMIT 1;
DROP INDEX i;
CREATE INDEX i ON t USING hnsw (val vector_cosine_ops) WITH (quantizer = sq8);
SELECT layout, dimensions FROM vecx_index_info('i');
SELECT vecx_check_index('i');
SELECT check_order('SELECT array_agg(d) FROM (SELECT val <=> point(-1, 20) AS d FROM t ORDER BY val <=> point(-1, 20)) s');
DROP INDEX i;

-- Options that do not go together, and layouts that are not possible.
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (layout = inline, quantizer = sq8);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (layout = plain, quantizer = rabitq);
CREATE INDEX ON t USING hnsw (val vector_l2_ops) WITH (quantizer = pq);
CREATE INDEX ON t USING hnsw (val vector_l1_ops) WITH (layout = inline);
CREATE INDEX ON t USING hnsw ((val::sparsevec(20)) sparsevec_l2_ops) WITH (layout = compact);
CREATE INDEX i ON t USING hnsw (val vector_l1_ops) WITH (quantizer = none);
SELECT layout FROM vecx_index_info('i');
DROP INDEX i;

-- Workers, which share the table's blocks. Expressions that may not run in them keep it serial.
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
CREATE INDEX i ON t USING hnsw (val vector_l2_ops) WITH (layout = inline);
SELECT vecx_check_index('i');
SELECT reltuples FROM pg_class WHERE relname = 'i';
SELECT check_order('SELECT array_agg(d) FROM (SELECT val <-> point(-1, 20) AS d FROM t ORDER BY val <-> point(-1, 20)) s');
REINDEX INDEX i;
SELECT vecx_check_index('i');
REINDEX INDEX CONCURRENTLY i;
SELECT vecx_check_index('i');
DROP INDEX i;
CREATE INDEX CONCURRENTLY i ON t USING hnsw (val vector_ip_ops) WITH (layout = compact);
SELECT vecx_check_index('i');
SELECT check_order('SELECT array_agg(d) FROM (SELECT val <#> point(-1, 20) AS d FROM t ORDER BY val <#> point(-1, 20)) s');
DROP INDEX i;
CREATE FUNCTION unsafe(vector) RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
CREATE INDEX i ON t USING hnsw ((unsafe(val)::halfvec(20)) halfvec_l2_ops) WITH (layout = inline) WHERE id % 2 = 0;
SELECT vecx_check_index('i');
SELECT reltuples FROM pg_class WHERE relname = 'i';
DROP INDEX i;
CREATE INDEX i ON t USING hnsw ((val::halfvec(20)) halfvec_l2_ops) WITH (layout = inline) WHERE id % 2 = 0;
SELECT vecx_check_index('i');
SELECT reltuples FROM pg_class WHERE relname = 'i';
DROP INDEX i;
RESET min_parallel_table_scan_size;
RESET max_parallel_maintenance_workers;

-- Equal vectors share a node and its list of rows.
CREATE TABLE same (id int, val vector(20));
INSERT INTO same SELECT i, point(i % 3, 20) FROM generate_series(1, 20000) i;
CREATE INDEX same_val ON same USING hnsw (val vector_l2_ops) WITH (layout = inline);
SELECT vecx_check_index('same_val');
SELECT pages < 25 AS few_pages FROM vecx_index_info('same_val');
SELECT count(DISTINCT id) FROM (SELECT id FROM same ORDER BY val <-> point(1, 20) LIMIT 6667) s WHERE id % 3 = 1;
DROP TABLE same;

-- Empty tables, temporary and unlogged ones; rows that come later.
CREATE TABLE empty (id int, val vector(20));
CREATE INDEX empty_val ON empty USING hnsw (val vector_l2_ops) WITH (layout = inline);
SELECT layout, pages FROM vecx_index_info('empty_val');
SELECT * FROM empty ORDER BY val <-> point(1, 20);
INSERT INTO empty SELECT * FROM t WHERE id < 10;
SELECT vecx_check_index('empty_val');
DROP TABLE empty;
CREATE TEMP TABLE temporary AS SELECT * FROM t WHERE id < 100;
CREATE INDEX temporary_val ON temporary USING hnsw (val vector_l2_ops) WITH (layout = compact);
SELECT vecx_check_index('temporary_val');
CREATE UNLOGGED TABLE unlogged AS SELECT * FROM t WHERE id < 100;
CREATE INDEX unlogged_val ON unlogged USING hnsw (val vector_l2_ops) WITH (layout = inline);
SELECT vecx_check_index('unlogged_val');
DROP TABLE unlogged, temporary, t;
DROP FUNCTION point, unsafe, check_order;
