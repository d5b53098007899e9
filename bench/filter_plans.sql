-- Whether filtered searches go the fastest way: each is measured along every way of a filtered scan, with a B-tree and a sort, and
-- with a sequential scan, and as planner and executor have it. Called by bench/run filter-plans; prints the table, and last the share of
-- queries that take at most one and a half times as long as the best way. Everything is in schema bench_filter_plans.
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS bench_filter_plans CASCADE;
CREATE SCHEMA bench_filter_plans;
SET search_path = bench_filter_plans, public;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
LOAD 'vecx';

-- As in plans.sql. r has nothing to do with the vectors; d is the rank of the distance from the middle of the queries.
CREATE FUNCTION make_vector(d int, base float8) RETURNS vector LANGUAGE plpgsql AS $$
DECLARE hidden float8[] = ARRAY(SELECT coalesce(base, random()) FROM generate_series(1, 10));
BEGIN
    RETURN ARRAY(SELECT (hidden[j % 10 + 1] + 0.3 * random())::float4 FROM generate_series(0, d - 1) j)::vector;
END $$;
\echo 'loading and indexing'
SELECT setseed(0.5) \g /dev/null
CREATE TABLE queries AS SELECT d, n, make_vector(d, 0.5) AS v FROM generate_series(1, 5) n, unnest(ARRAY[8, 768]) d;
DO $$
DECLARE d int; n int; name text;
BEGIN
    FOREACH d IN ARRAY ARRAY[8, 768] LOOP
        FOREACH n IN ARRAY ARRAY[10000, 60000] LOOP
            name = format('t%s_%s', d, n);
            EXECUTE format('CREATE TABLE %I (id int, r int, d int, v vector(%s))', name, d);
            EXECUTE format('INSERT INTO %I SELECT i, row_number() OVER (ORDER BY random()) - 1,
                row_number() OVER (ORDER BY v <-> array_fill(0.65, ARRAY[%s])::vector) - 1, v
                FROM (SELECT i, make_vector(%s, NULL) AS v FROM generate_series(1, %s) i) s ORDER BY i', name, d, d, n);
            EXECUTE format('CREATE INDEX %I ON %I (r)', name || '_r', name);
            EXECUTE format('CREATE INDEX %I ON %I (d)', name || '_d', name);
            EXECUTE format('CREATE INDEX %I ON %I USING hnsw (v vector_l2_ops)', name || '_v', name);
        END LOOP;
    END LOOP;
END $$;
VACUUM ANALYZE t8_10000, t8_60000, t768_10000, t768_60000;

-- Median over the query vectors, each the best of three runs; slow ones run less. What a session learns it has learned before.
CREATE FUNCTION timed(query text, d int, settings text, OUT way text, OUT ms float8) LANGUAGE plpgsql AS $$
DECLARE one text; q vector; plan jsonb; best float8; times float8[] = '{}';
BEGIN
    FOREACH one IN ARRAY string_to_array('enable_sort=on enable_seqscan=on enable_indexscan=on enable_bitmapscan=on vecx.filter_strategy=auto '
            || 'vecx.enable_bitmap_filter=on ' || settings, ' ') LOOP
        CONTINUE WHEN one = '';
        PERFORM set_config(split_part(one, '=', 1), split_part(one, '=', 2), true);
    END LOOP;
    FOR q IN SELECT v FROM queries WHERE queries.d = timed.d ORDER BY n LOOP
        best = NULL;
        FOR i IN 1 .. CASE WHEN times = '{}' THEN 4 ELSE 3 END LOOP
            EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || query INTO plan USING q;
            best = least(best, (plan #>> '{0,Execution Time}')::float8);
            EXIT WHEN best > 50 AND i > 1;
        END LOOP;
        times = times || best;
        EXIT WHEN best > 50 AND cardinality(times) > 1;
    END LOOP;
    way = coalesce(jsonb_path_query_first(plan, 'strict $.**."Strategy"') #>> '{}',
        CASE WHEN plan::text ~ '"t\d+_\d+_v"' THEN 'plain' WHEN plan::text ~ '"t\d+_\d+_[rd]"' THEN 'sort' ELSE 'seq' END);
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO ms FROM unnest(times) t;
END $$;
CREATE TABLE ways (name text, settings text);
INSERT INTO ways VALUES
    ('stream', 'vecx.filter_strategy=stream enable_sort=off enable_seqscan=off'),
    ('index', 'vecx.filter_strategy=index enable_sort=off enable_seqscan=off enable_indexscan=off'),
    ('exact', 'vecx.filter_strategy=exact enable_sort=off enable_seqscan=off enable_indexscan=off'),
    ('sort', 'vecx.enable_bitmap_filter=off enable_seqscan=off enable_indexscan=off'),
    ('seq', 'vecx.enable_bitmap_filter=off enable_bitmapscan=off enable_indexscan=off');
CREATE TABLE measured (d int, rows int, kind text, passing float8, most text, free text, free_ms float8, way text, ms float8);
\echo 'measuring: some minutes'
DO $$
DECLARE c record; query text; w record; free record; one record; bound int;
BEGIN
    FOR c IN SELECT d, rows, kind, passing, most FROM unnest(ARRAY[8, 768]) d, unnest(ARRAY[10000, 60000]) rows,
            unnest('{random,correlated,anti-correlated}'::text[]) kind, unnest(ARRAY[0.5, 0.1, 0.01, 0.001, 0.0001]) passing,
            unnest(ARRAY['10', '100']) most ORDER BY d, rows, kind DESC, passing DESC, length(most) LOOP
        bound = greatest(1, c.rows * c.passing)::int;
        query = format('SELECT id FROM t%s_%s WHERE %s ORDER BY v <-> $1 LIMIT %s', c.d, c.rows,
            CASE c.kind WHEN 'random' THEN format('r < %s', bound) WHEN 'correlated' THEN format('d < %s', bound)
                ELSE format('d >= %s', c.rows - bound) END, c.most);
        one = timed(query, c.d, (SELECT settings FROM ways WHERE name = 'exact')); -- learns
        free = timed(query, c.d, '');
        FOR w IN SELECT * FROM ways LOOP
            one = timed(query, c.d, w.settings);
            INSERT INTO measured VALUES (c.d, c.rows, c.kind, c.passing, c.most, free.way, free.ms, w.name, one.ms);
        END LOOP;
    END LOOP;
END $$;

-- "slower": as it runs, over the best way. A way that takes as long as another is the same way.
CREATE VIEW results AS SELECT d, rows, kind, passing, most, free, min(free_ms) AS free_ms, json_object_agg(way, round(ms::numeric, 2)) AS ways,
    (array_agg(way ORDER BY ms))[1] AS best, min(free_ms) / least(min(ms), min(free_ms)) AS slower
    FROM measured GROUP BY d, rows, kind, passing, most, free;
\pset format unaligned
\pset fieldsep ' | '
SELECT d AS dimensions, rows, kind, round(passing::numeric * 100, 2) || ' %' AS passing, most AS "limit", ways ->> 'stream' AS stream,
    ways ->> 'index' AS index, ways ->> 'exact' AS exact, ways ->> 'sort' AS sort, ways ->> 'seq' AS seq, round(free_ms::numeric, 2) AS chosen,
    free AS way, best, round(slower::numeric, 2) AS slower FROM results ORDER BY d, rows, kind DESC, passing DESC, length(most);
\pset tuples_only on
SELECT format('within 1.5 of the best: %s of %s queries (%s %%); worst %s', count(*) FILTER (WHERE slower <= 1.5), count(*),
    round(100.0 * count(*) FILTER (WHERE slower <= 1.5) / count(*)), round(max(slower)::numeric, 2)) FROM results;
