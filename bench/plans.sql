-- Whether the planner chooses well: each query is measured with the vector index, with a B-tree and a sort, and with a
-- sequential scan, and as the planner runs it. Called by bench/run plans; prints the table, and last the number of
-- queries whose plan takes more than twice the time of the best one. Everything is in schema bench_plans.
-- psql's variables: method, the access method of the vector index (hnsw, ivf); layout, of hnsw's indexes of 16
-- dimensions or more (auto); dims, which are measured (8,768).
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS bench_plans CASCADE;
CREATE SCHEMA bench_plans;
SET search_path = bench_plans, public;
\if :{?method}
\else
    \set method hnsw
\endif
\if :{?layout}
\else
    \set layout auto
\endif
\if :{?dims}
\else
    \set dims '8,768'
\endif
SELECT set_config('bench_plans.method', :'method', false), set_config('bench_plans.layout', :'layout', false),
    set_config('bench_plans.dims', '{' || :'dims' || '}', false) \g /dev/null
SET jit = off;
SET max_parallel_workers_per_gather = 0;
LOAD 'vecx';
SET vecx.enable_bitmap_filter = off; -- three plans are compared here; filtered scans choose between two of them when they run

-- Ten numbers, each shown in several dimensions with some noise: about as many neighbours lie near as in real data.
CREATE FUNCTION make_vector(d int) RETURNS vector LANGUAGE plpgsql AS $$
DECLARE hidden float8[] = ARRAY(SELECT random() FROM generate_series(1, 10));
BEGIN
    RETURN ARRAY(SELECT (hidden[j % 10 + 1] + 0.3 * random())::float4 FROM generate_series(0, d - 1) j)::vector;
END $$;

-- Of every table t: t_v is the vector index, t_r a B-tree on r, whose values have nothing to do with the vectors.
\echo 'loading and indexing'
SELECT setseed(0.5) \g /dev/null
DO $$
DECLARE d int; n int; name text;
BEGIN
    FOREACH d IN ARRAY current_setting('bench_plans.dims')::int[] LOOP
        FOREACH n IN ARRAY ARRAY[500, 10000, 60000] LOOP
            name = format('t%s_%s', d, n);
            EXECUTE format('CREATE TABLE %I (id int, r int, v vector(%s))', name, d);
            EXECUTE format('INSERT INTO %I SELECT i, row_number() OVER (ORDER BY random()) - 1, make_vector(%s)
                FROM generate_series(1, %s) i ORDER BY i', name, d, n);
            EXECUTE format('CREATE INDEX %I ON %I (r)', name || '_r', name);
            EXECUTE format('CREATE INDEX %I ON %I USING %I (v vector_l2_ops)', name || '_v', name, current_setting('bench_plans.method'))
                || CASE WHEN d < 16 OR current_setting('bench_plans.method') <> 'hnsw' THEN ''
                    ELSE format(' WITH (layout = %I)', current_setting('bench_plans.layout')) END;
        END LOOP;
    END LOOP;
END $$;
SELECT format('VACUUM ANALYZE %I', tablename) FROM pg_tables WHERE schemaname = 'bench_plans' \gexec
CREATE TABLE queries AS SELECT d, n, make_vector(d) AS v FROM generate_series(1, 5) n, unnest(current_setting('bench_plans.dims')::int[]) d;

CREATE FUNCTION kind_of(plan jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN plan::text ~ '"t\d+_\d+_v"' THEN 'vector' WHEN plan::text ~ '"t\d+_\d+_r"' THEN 'btree' ELSE 'seq' END
$$;
-- Median over the query vectors, each the better of two runs, after one run that does not count; slow ones run less.
CREATE FUNCTION timed(query text, d int, without text[], OUT kind text, OUT nodes text, OUT cost float8, OUT ms float8)
    LANGUAGE plpgsql AS $$
DECLARE off text; q vector; plan jsonb; best float8; times float8[] = '{}';
BEGIN
    FOREACH off IN ARRAY without LOOP PERFORM set_config('enable_' || off, 'off', true); END LOOP;
    FOR q IN SELECT v FROM queries WHERE queries.d = timed.d ORDER BY n LOOP
        best = NULL;
        FOR i IN 1 .. CASE WHEN times = '{}' THEN 3 ELSE 2 END LOOP
            EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || query INTO plan USING q;
            best = least(best, (plan #>> '{0,Execution Time}')::float8);
            EXIT WHEN best > 100 AND i > 1;
        END LOOP;
        times = times || best;
        EXIT WHEN best > 100 AND cardinality(times) > 1;
    END LOOP;
    kind = kind_of(plan);
    SELECT string_agg(n::text, ' ') INTO nodes FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Node Type"))."Node Type"') n;
    cost = (plan #>> '{0,Plan,Total Cost}')::float8;
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO ms FROM unnest(times) t;
    FOREACH off IN ARRAY without LOOP PERFORM set_config('enable_' || off, 'on', true); END LOOP;
END $$;

CREATE TABLE measured (d int, rows int, passing float8, most text, chosen text, vector_ms float8, btree_ms float8, seq_ms float8,
    ms float8, vector_cost float8, btree_cost float8, seq_cost float8, cheap_pages text);
\echo 'measuring: some minutes'
DO $$
DECLARE c record; query text; vector_plan record; btree_plan record; seq_plan record; free record; again record; cheap jsonb; q vector;
BEGIN
    FOR c IN SELECT d, rows, passing, most FROM unnest(current_setting('bench_plans.dims')::int[]) d, unnest(ARRAY[500, 10000, 60000]) rows,
            unnest(ARRAY[1, 0.5, 0.1, 0.01, 0.001, 0.0001]) passing, unnest(ARRAY['1', '10', '100', '1000', 'ALL']) most
            ORDER BY d, rows, passing DESC, length(most), most LOOP
        query = format('SELECT id FROM t%s_%s %s ORDER BY v <-> $1 LIMIT %s', c.d, c.rows,
            CASE WHEN c.passing < 1 THEN format('WHERE r < %s', greatest(1, c.rows * c.passing)::int) ELSE '' END, c.most);
        vector_plan = timed(query, c.d, '{seqscan,bitmapscan,sort}');
        seq_plan = timed(query, c.d, '{indexscan,bitmapscan}');
        SELECT NULL::text AS kind, NULL::text AS nodes, NULL::float8 AS cost, NULL::float8 AS ms INTO btree_plan;
        IF c.passing < 1 THEN
            btree_plan = timed(query, c.d, '{seqscan,indexscan}');
        END IF;
        ASSERT vector_plan.kind = 'vector' AND seq_plan.kind = 'seq' AND btree_plan.kind IS DISTINCT FROM 'vector', query;
        free = timed(query, c.d, '{}');
        -- Often it is one of the three again, to the node: then both times count for it.
        SELECT least(free.ms, min(p.ms)) INTO free.ms FROM (VALUES (vector_plan.kind, vector_plan.nodes, vector_plan.ms),
            (btree_plan.kind, btree_plan.nodes, btree_plan.ms), (seq_plan.kind, seq_plan.nodes, seq_plan.ms)) p(kind, nodes, ms)
            WHERE p.kind = free.kind AND p.nodes = free.nodes;
        FOR i IN 1 .. 3 LOOP -- others use the machine, too
            EXIT WHEN free.ms <= 2 * least(vector_plan.ms, btree_plan.ms, seq_plan.ms);
            again = timed(query, c.d, '{}');
            free.ms = least(free.ms, again.ms);
        END LOOP;
        SET LOCAL random_page_cost = 1.1; -- what many set for solid-state disks
        SELECT v INTO q FROM queries WHERE queries.d = c.d AND n = 1;
        EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO cheap USING q;
        SET LOCAL random_page_cost = DEFAULT;
        INSERT INTO measured VALUES (c.d, c.rows, c.passing, c.most, free.kind, vector_plan.ms, btree_plan.ms, seq_plan.ms, free.ms,
            vector_plan.cost, btree_plan.cost, seq_plan.cost, kind_of(cheap));
    END LOOP;
END $$;

-- "slower": the chosen plan's time over the best one's. With random_page_cost 1.1 the plan is not run again.
CREATE VIEW results AS SELECT *, ms / best AS slower,
        CASE cheap_pages WHEN chosen THEN ms WHEN 'vector' THEN vector_ms WHEN 'btree' THEN btree_ms ELSE seq_ms END / best AS slower_cheap
    FROM measured, LATERAL (SELECT least(vector_ms, btree_ms, seq_ms, ms) AS best) b;
\pset format unaligned
\pset fieldsep ' | '
SELECT d AS dimensions, rows, round(passing::numeric * 100, 2) || ' %' AS passing, most AS "limit", round(vector_ms::numeric, 2) AS vector_ms,
    coalesce(round(btree_ms::numeric, 2)::text, '') AS btree_ms, round(seq_ms::numeric, 2) AS seq_ms, chosen, round(slower::numeric, 2) AS slower,
    CASE WHEN cheap_pages <> chosen THEN cheap_pages || ' ' || round(slower_cheap::numeric, 2) ELSE '' END AS "random_page_cost 1.1",
    round(vector_cost) AS vector_cost, coalesce(round(btree_cost)::text, '') AS btree_cost, round(seq_cost) AS seq_cost
    FROM results ORDER BY d, rows, passing DESC, length(most), most;
\pset tuples_only on
SELECT format('chosen plans: %s of %s take more than twice the best time (worst %s); with random_page_cost 1.1: %s (worst %s)',
    count(*) FILTER (WHERE slower > 2), count(*), round(max(slower)::numeric, 2), count(*) FILTER (WHERE slower_cheap > 2),
    round(max(slower_cheap)::numeric, 2)) FROM results;
