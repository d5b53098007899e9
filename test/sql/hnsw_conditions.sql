-- Conditions in places where the planner makes something of them that a simple query does not.
SET client_min_messages = warning;
CREATE TABLE cond (id int PRIMARY KEY, tenant int, v vector(8));
INSERT INTO cond SELECT i, i % 50, CASE WHEN i % 7 > 0 THEN (ARRAY(SELECT (hashint8extended(i, j) % 40)::int FROM generate_series(1, 8) j))::vector END
	FROM generate_series(1, 3000) i;
CREATE INDEX cond_v ON cond USING hnsw (v vector_l2_ops, tenant);
CREATE TABLE tenants AS SELECT i AS tenant FROM generate_series(1, 3) i;
ANALYZE cond, tenants;

-- In a join the rows of a tenant could come from the index, which has none without a vector, for an order that the join does not
-- keep: so they must not.
SELECT count(*) FROM (SELECT c.id FROM tenants t JOIN cond c ON c.tenant = t.tenant ORDER BY c.v <-> '[1,2,3,4,5,6,7,8]' OFFSET 0) s;
-- With LATERAL the order is asked for.
SELECT count(*) FROM tenants t, LATERAL (SELECT c.id FROM cond c WHERE c.tenant = t.tenant ORDER BY c.v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5) s;

SET enable_seqscan = off;
-- An array from the nullable side of an outer join, which the planner wraps (PlaceHolderVar).
SELECT count(*) FROM (SELECT s.id FROM tenants t LEFT JOIN (SELECT id, tenant, v, ARRAY[1, 2] AS some FROM cond) s ON s.id = t.tenant
	WHERE s.tenant = ANY (s.some) ORDER BY s.v <-> '[1,2,3,4,5,6,7,8]') s;
SELECT count(*) FROM (SELECT s.id FROM tenants t LEFT JOIN (SELECT id, tenant, v, ARRAY[tenant, 2] AS some FROM cond) s ON s.id = t.tenant
	WHERE s.tenant = ANY (s.some) ORDER BY s.v <-> '[1,2,3,4,5,6,7,8]') s;

-- Two distances: the index has the order of the first one only.
CREATE TABLE grid AS SELECT ARRAY[i % 3, i / 3 % 3, i / 9]::vector(3) AS v FROM generate_series(0, 26) i;
CREATE INDEX ON grid USING hnsw (v vector_l2_ops) WITH (layout = compact);
EXPLAIN (COSTS OFF) SELECT v FROM grid ORDER BY v <-> '[1,1,1]', v <-> '[0,0,0]', v <-> '[2,0,1]' LIMIT 5;
SELECT v FROM grid ORDER BY v <-> '[1,1,1]', v <-> '[0,0,0]', v <-> '[2,0,1]' LIMIT 5;
CREATE INDEX ON grid USING ivf (v vector_ip_ops);
EXPLAIN (COSTS OFF) SELECT v FROM grid ORDER BY v <#> '[1,1,1]', v <#> '[0,1,2]' LIMIT 5;
SELECT v FROM grid ORDER BY v <#> '[1,1,1]', v <#> '[0,1,2]' LIMIT 5;
DROP TABLE grid;

-- In one of several spheres: the scan goes through all rows in order, and the executor tests the condition.
SET enable_sort = off;
CREATE FUNCTION by_both(condition text) RETURNS TABLE (by_index boolean, same boolean, hits bigint) LANGUAGE plpgsql AS $$
DECLARE body text = format('SELECT id FROM cond WHERE v IS NOT NULL AND (%s) ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''', condition); plan text; a int[]; b int[];
BEGIN
	SET LOCAL enable_indexscan = on;
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || body INTO plan;
	EXECUTE format('SELECT array_agg(id ORDER BY id), count(*) FROM (%s) s', body) INTO a, hits;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (%s) s', body) INTO b;
	by_index = plan ~ '"Index Scan"';
	same = a IS NOT DISTINCT FROM b;
	RETURN NEXT;
END $$;
SELECT * FROM by_both($$v <<->> ANY (ARRAY[sphere('[1,2,3,4,5,6,7,8]', 60), sphere('[-9,-9,-9,-9,-9,-9,-9,-9]', 50)])$$);
SELECT * FROM by_both($$v <<->> ANY (ARRAY[sphere('[1,2,3,4,5,6,7,8]', 60), NULL, sphere('[-9,-9,-9,-9,-9,-9,-9,-9]', 50)]) AND tenant < 20$$);
SELECT * FROM by_both($$v <<->> ANY (ARRAY[sphere('[1,2,3,4,5,6,7,8]', 60)]) AND v <<->> sphere('[1,2,3,4,5,6,7,8]', 50)$$);
SELECT * FROM by_both($$v <<->> ANY (NULL::sphere_vector[])$$);
SELECT * FROM by_both($$v <<->> ANY ('{}'::sphere_vector[])$$);
RESET enable_sort;
SELECT count(*) FROM cond WHERE v <<->> ANY (ARRAY[sphere('[1,2,3,4,5,6,7,8]', 60), sphere('[-9,-9,-9,-9,-9,-9,-9,-9]', 50)]);
RESET enable_seqscan;

-- The checker compares the columns with those of the table: here a function is not as immutable as it says.
CREATE FUNCTION kind(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i % 3; END';
CREATE INDEX cond_kind ON cond USING hnsw (v vector_l2_ops, kind(id));
SELECT vecx_check_index('cond_kind', true);
CREATE OR REPLACE FUNCTION kind(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN i = 2011 THEN 7 ELSE i % 3 END; END';
SELECT vecx_check_index('cond_kind');
\set VERBOSITY terse
SELECT vecx_check_index('cond_kind', true);
\set VERBOSITY default
DROP TABLE cond, tenants;
DROP FUNCTION by_both, kind;
