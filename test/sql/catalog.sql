-- Rules that hold for everything in the extension.
\set QUIET on
CREATE TEMP VIEW members AS SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'vecx';

-- Each function, operator, type and access method says what it is. (psql shows a function's words for its operator
-- where they do not only name the operator; the array types are PostgreSQL's.)
SELECT object FROM members m WHERE classid = ANY ('{pg_proc,pg_operator,pg_type,pg_am}'::regclass[])
    AND obj_description(objid, classid::regclass::name) IS NULL
    AND NOT EXISTS (SELECT FROM pg_operator o WHERE o.oid = objid AND classid = 'pg_operator'::regclass
                    AND obj_description(oprcode, 'pg_proc') !~ '^implementation of')
    AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND classid = 'pg_type'::regclass AND typelem <> 0)
    ORDER BY object COLLATE "C";

-- Few rows equal a value, and nearly all differ from it.
CREATE TABLE estimates (v vector, h halfvec, b bf16vec, i int8vec, s sparsevec);
INSERT INTO estimates SELECT v, v, v, v::int8vec, v
    FROM (SELECT ARRAY[n, 1]::vector AS v FROM generate_series(1, 100) n) x;
ANALYZE estimates;
CREATE FUNCTION estimate(condition text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM estimates WHERE ' || condition INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT name, estimate(format('%I = %L', name, value)) AS equal, estimate(format('%I <> %L', name, value)) AS different
    FROM (VALUES ('v', '[5,1]'), ('h', '[5,1]'), ('b', '[5,1]'), ('i', '[5,1]'), ('s', '{1:5,2:1}/2')) t(name, value);
DROP TABLE estimates;
DROP FUNCTION estimate;

-- EXPLAIN (SETTINGS) shows the settings that a plan may depend on.
CREATE FUNCTION shown() RETURNS TABLE (name text, value text) LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (SETTINGS, FORMAT JSON) SELECT 1' INTO plan;
    RETURN QUERY SELECT * FROM json_each_text(plan -> 0 -> 'Settings') WHERE key ~ '^hnsw';
END $$;
SET hnsw.ef_search = 50;
SET hnsw.iterative_scan = strict_order;
SET hnsw.max_scan_tuples = 1000;
SET hnsw.scan_mem_multiplier = 2;
SELECT * FROM shown() ORDER BY name COLLATE "C";
RESET ALL;
DROP FUNCTION shown;
