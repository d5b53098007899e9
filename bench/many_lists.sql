-- What many lists cost: build, choosing among them, inserts. Rows are those of bench/many_lists.py; processor time of each
-- statement is PostgreSQL's own (log_statement_stats).
--   python3 bench/many_lists.py 1000000 | psql -c "CREATE TABLE many (id int4, v vector(32))" -c "COPY many FROM STDIN"
--   psql -v lists=100000 -f bench/many_lists.sql
\set ON_ERROR_STOP on
SET client_min_messages = log;
SET log_statement_stats = on;
SET max_parallel_maintenance_workers = 0;
CREATE INDEX many_idx ON many USING ivf (v vector_l2_ops) WITH (lists = :lists);
SET log_statement_stats = off;
SELECT lists, branches, auto_probes, pg_size_pretty(pg_relation_size('many_idx')) FROM vecx_index_info('many_idx');
CREATE FUNCTION pg_temp.ask(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    q vector;
BEGIN
    FOR n IN first .. last LOOP
        q := (SELECT array_agg(sin(n * i))::vector FROM generate_series(1, 32) AS i);
        PERFORM id FROM many ORDER BY v <-> q LIMIT 10;
    END LOOP;
END $$;
SET enable_seqscan = off;
SET ivf.probes = 4;
SELECT pg_temp.ask(1, 50);
SET log_statement_stats = on;
SELECT pg_temp.ask(1, 2000);
SET log_statement_stats = off;
EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off)
SELECT id FROM many ORDER BY v <-> (SELECT array_agg(sin(7 * i))::vector FROM generate_series(1, 32) AS i) LIMIT 10;
CREATE TEMP TABLE fresh AS
SELECT 2000000 + id AS id, (SELECT array_agg(x + 0.01 * sin(id * o))::vector FROM unnest(v::real[]) WITH ORDINALITY AS u (x, o)) AS v
FROM many WHERE id % 100 = 7;
CREATE TEMP TABLE bare (id int4, v vector(32));
SET log_statement_stats = on;
INSERT INTO bare SELECT * FROM fresh;
INSERT INTO many SELECT * FROM fresh;
SET log_statement_stats = off;
