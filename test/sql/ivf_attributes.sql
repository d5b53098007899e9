-- Columns behind the vector of an ivf index: what conditions on them return, for every type.
SET client_min_messages = warning;
SET ivf.probes = 10000; -- all lists: the whole order is that of the distances
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE att (id int PRIMARY KEY, v vector(8), b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, d date,
	ts timestamp, tz timestamptz, u uuid, t text, vc varchar(20), m mood);
-- Every seventh row has NULLs, every 31st vector is NULL, and i % 9 makes equal vectors.
INSERT INTO att SELECT i, CASE WHEN i % 31 > 0 THEN ARRAY(SELECT (hashint8extended(i - i % 9 / 8, j) % 100)::int FROM generate_series(1, 8) j)::vector END,
	x % 2 = 0, x, x - 10, (x - 10) * 5000000000, x / 3.0, CASE x WHEN 1 THEN 'NaN' WHEN 2 THEN 'infinity' WHEN 3 THEN '-0' ELSE x / 7.0 END,
	CASE x WHEN 1 THEN 'NaN' ELSE x * 1e20 + i % 3 END, DATE '2020-01-01' + x, TIMESTAMP '2020-01-01' + x * INTERVAL '1 hour',
	TIMESTAMPTZ '2020-01-01 00:00:00+00' + x * INTERVAL '1 hour', md5((x % 5)::text)::uuid, 'text ' || x % 6, 'v' || x % 4, (enum_range(NULL::mood))[x % 3 + 1]
FROM (SELECT i, CASE WHEN i % 7 > 0 THEN ((hashint8extended(i, 77) % 25 + 25) % 25)::int END AS x FROM generate_series(1, 700) i) s;
-- Whether the index gives the rows that the table has, in order; returns how many. Rows without a vector are not in it.
CREATE FUNCTION same(condition text, op text DEFAULT '<->') RETURNS text LANGUAGE plpgsql AS $$
DECLARE q text = '[9,-20,30,5,50,-60,7,0]'; expected int[]; found int[]; distances float8[]; body text; plan text = ''; line text;
BEGIN
	SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = on;
	EXECUTE format('SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM att WHERE v IS NOT NULL AND (%s)', condition) INTO expected;
	SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
	body = format('SELECT id, v %s %L AS d FROM att WHERE %s ORDER BY v %s %L', op, q, condition, op, q);
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || body LOOP plan = plan || line || E'\n'; END LOOP;
	IF plan !~ 'Index Cond' OR plan ~ 'Filter' THEN RETURN plan; END IF;
	EXECUTE format('SELECT coalesce(array_agg(id), ''{}''), coalesce(array_agg(d), ''{}'') FROM (%s) s', body) INTO found, distances;
	IF (SELECT array_agg(x ORDER BY x) FROM unnest(found) x) IS DISTINCT FROM nullif(expected, '{}') THEN
		RETURN format('%s: %s rows of %s', condition, cardinality(found), cardinality(expected));
	END IF;
	FOR i IN 2 .. cardinality(distances) LOOP
		IF distances[i] < distances[i - 1] THEN RETURN condition || ': out of order'; END IF;
	END LOOP;
	RETURN cardinality(found) || ' rows';
END $$;
CREATE TABLE asked (nr serial, c text);
INSERT INTO asked (c) VALUES ('b'), ('NOT b'), ('b = true AND i4 < 0'), ('b IS NULL'), ('i2 = 5'), ('i2 = 5::int2'), ('i2 < 5::int8'),
	('i4 = -3'), ('i4 BETWEEN -5 AND 5'), ('i4 > 100'), ('i4 >= 14'), ('i4 = ANY (''{1,2,NULL,-9}'')'), ('i4 = ANY (''{}'')'),
	('i4 < ANY (''{-8,-7}'')'), ('i4 > ANY (''{8,9,NULL}'')'), ('i8 = -50000000000'), ('i8 >= 0'), ('i8 < 7'), ('f4 = 2'), ('f4 <= 0.5'), ('f4 > 7.5::float8'),
	('f8 = 0'), ('f8 > 1000'), ('f8 >= ''NaN'''), ('f8 < ''-infinity'''), ('n = 5e20'), ('n > 5e20'), ('n >= 500000000000000000001'), ('n < 500000000000000000001'),
	('n <= 500000000000000000000'), ('n = ''NaN'''), ('n = ANY (''{500000000000000000001,700000000000000000002}'')'), ('d = ''2020-01-05'''), ('d >= ''2020-01-20'''),
	('ts < ''2020-01-01 05:00'''), ('tz BETWEEN ''2020-01-01 05:00+00'' AND ''2020-01-01 07:00+00'''), ('u = md5(''3'')::uuid'), ('u < md5(''3'')::uuid'), ('u >= md5(''1'')::uuid'),
	('t = ''text 3'''), ('t = ''text 9'''), ('t IS NULL AND m IS NULL'), ('t = ANY (''{text 1,text 2}'')'), ('vc = ''v2'''), ('m = ''happy'''), ('m = ANY (''{sad,ok}'')'),
	('NOT b AND t = ''text 3'' AND n > 3e20 AND d < ''2020-01-20'''), ('i4 IS NOT NULL'), ('i4 IS NULL AND v IS NOT NULL');
CREATE INDEX att_idx ON att USING ivf (v vector_l2_ops, i4, b, i2, i8, f4, f8, n, d, ts, tz, u, t, vc, m);
ANALYZE att;
SELECT c, same(c) FROM asked ORDER BY nr;
SELECT vecx_check_index('att_idx', true);
-- The same after inserts, updates of columns and of vectors, deletes and VACUUM; with every quantizer; under cosine.
INSERT INTO att SELECT id + 1000, v, b, i2, i4, i8, f4, f8, n, d, ts, tz, u, t, vc, m FROM att WHERE id % 3 = 0;
UPDATE att SET i4 = i4 + 1, t = t || '' WHERE id % 5 = 0;
UPDATE att SET v = v + '[1,1,1,1,1,1,1,1]' WHERE id % 8 = 0;
SELECT count(*) AS differ FROM asked WHERE same(c) !~ '^\d+ rows$';
SELECT vecx_check_index('att_idx', true) > 0 AS sound;
DELETE FROM att WHERE id % 4 = 1;
VACUUM att;
SELECT count(*) AS differ FROM asked WHERE same(c) !~ '^\d+ rows$';
SELECT vecx_check_index('att_idx', true) > 0 AS sound;
REINDEX INDEX att_idx;
SELECT count(*) AS differ FROM asked WHERE same(c) !~ '^\d+ rows$';
-- Every quantizer: rows that are loaded and rows that are added.
CREATE FUNCTION each_quantizer() RETURNS TABLE (quantizer text, rerank text, differ bigint, sound bool) LANGUAGE plpgsql AS $$
BEGIN
	FOR quantizer, rerank IN SELECT * FROM (VALUES ('none', 'index'), ('sq8', 'heap'), ('pq', 'heap'), ('rabitq', 'heap'), ('rabitq', 'index')) s LOOP
		EXECUTE format('CREATE INDEX att_idx ON att USING ivf (v vector_cosine_ops, m, vc, t, u, tz, ts, d, n, f8, f4, i8, i2, b, i4)
			WITH (quantizer = %s, rerank = %s, lists = 7)', quantizer, rerank);
		INSERT INTO att SELECT id + 2000, v, b, i2, i4, i8, f4, f8, n, d, ts, tz, u, t, vc, m FROM att WHERE id % 3 = 0;
		SELECT count(*) INTO differ FROM asked WHERE same(c, '<=>') !~ '(\d rows|out of order)$'; -- bounds of codes may err
		sound = vecx_check_index('att_idx', true) > 0;
		DELETE FROM att WHERE id >= 2000;
		DROP INDEX att_idx;
		RETURN NEXT;
	END LOOP;
END $$;
DROP INDEX att_idx;
SELECT * FROM each_quantizer();
-- One list that VACUUM makes many of, of vectors in the index and of codes alone.
CREATE TABLE grown (id int, shop int, name text, v vector(40));
CREATE INDEX grown_heap ON grown USING ivf (v vector_l2_ops, shop, name) WITH (rerank = heap);
CREATE INDEX grown_index ON grown USING ivf (v vector_l2_ops, name, shop) WITH (rerank = index);
INSERT INTO grown SELECT i, i % 50, CASE WHEN i % 9 > 0 THEN 'n' || i % 4 END,
	ARRAY(SELECT (hashint8extended(i, j) % 100)::int FROM generate_series(1, 40) j)::vector FROM generate_series(1, 4000) i;
VACUUM grown;
DELETE FROM grown WHERE id % 5 = 1;
VACUUM grown;
VACUUM grown;
SELECT relname, vecx_check_index(oid, true), (vecx_index_info(oid)).lists > 4 AS many, (vecx_index_info(oid)).attributes FROM pg_class WHERE relname IN ('grown_heap', 'grown_index') ORDER BY relname;
SET enable_seqscan = off; SET enable_sort = off;
SELECT count(*), min(shop), max(shop), min(name), max(name) FROM (SELECT * FROM grown WHERE shop = 32 AND name = 'n0' ORDER BY v <-> array_fill(0, ARRAY[40])::vector OFFSET 0) s;
DROP INDEX grown_heap;
SELECT count(*), min(shop), max(shop), min(name), max(name) FROM (SELECT * FROM grown WHERE shop = 32 AND name IS NULL ORDER BY v <-> array_fill(0, ARRAY[40])::vector OFFSET 0) s;
SET enable_indexscan = off;
SELECT count(*) FILTER (WHERE name = 'n0') AS named, count(*) FILTER (WHERE name IS NULL) AS nameless FROM grown WHERE shop = 32;
RESET enable_indexscan; RESET enable_seqscan; RESET enable_sort;
CREATE INDEX att_idx ON att USING ivf (v vector_cosine_ops, i4, m, t) WITH (lists = 5);

-- What the planner makes of it. Without an order, and for rows without a vector, the index is of no use.
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM att WHERE i4 = 3 AND m = 'ok' ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM att WHERE i4 = ANY ('{3,4}') AND t IS NULL ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM att ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM att WHERE t > 'text' AND m > 'ok' ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT count(*) FROM att WHERE i4 = 3;
SELECT count(*) = (SELECT count(*) FROM att WHERE v IS NULL) AS all_nulls FROM (SELECT id FROM att WHERE v IS NULL ORDER BY v <=> '[1,2,3,4,5,6,7,8]') s;
SET plan_cache_mode = force_generic_plan;
PREPARE near(int, text[], vector) AS SELECT id FROM att WHERE i4 < $1 AND t = ANY ($2) ORDER BY v <=> $3 LIMIT 1000;
EXPLAIN (COSTS OFF) EXECUTE near(3, '{text 1}', '[1,2,3,4,5,6,7,8]');
CREATE TEMP TABLE out1 AS EXECUTE near(3, '{text 1,text 4}', '[1,2,3,4,5,6,7,8]');
SELECT count(*) = (SELECT count(*) FROM att WHERE v IS NOT NULL AND i4 < 3 AND t IN ('text 1', 'text 4')) AS all_rows FROM out1;
CREATE TEMP TABLE out2 AS EXECUTE near(NULL, '{text 1}', '[1,2,3,4,5,6,7,8]');
SELECT count(*) FROM out2;
-- From the other side of a join, by LATERAL.
SELECT a.i4, n.count = (SELECT count(*) FROM att b WHERE b.i4 = a.i4 AND b.v IS NOT NULL) AS all_rows FROM (VALUES (1), (2), (NULL)) a(i4),
	LATERAL (SELECT count(*) FROM (SELECT id FROM att b WHERE b.i4 = a.i4 ORDER BY v <=> '[1,2,3,4,5,6,7,8]' OFFSET 0) s) n;
RESET plan_cache_mode;

-- Types, places and access methods that have no columns.
CREATE INDEX ON att USING ivf (i4);
CREATE INDEX ON att USING ivf (i4, v vector_l2_ops);
CREATE INDEX ON att USING ivf (v vector_l2_ops, v vector_l2_ops);
CREATE INDEX ON att USING ivf (v vector_l2_ops) INCLUDE (i4);
CREATE INDEX ON att USING ivf (v vector_l2_ops, (ARRAY[i4]));
CREATE INDEX ON att USING ivfflat (v vector_l2_ops, i4);
SELECT opcname FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'ivf' AND opcdefault AND NOT amvalidate(pg_opclass.oid);

-- An empty table, and an index on an expression.
CREATE TABLE none (v vector(3), shop int, name text);
CREATE INDEX none_idx ON none USING ivf (v vector_l2_ops, shop, lower(name));
SELECT count(*) FROM (SELECT 1 FROM none WHERE shop = 1 ORDER BY v <-> '[1,2,3]') s;
INSERT INTO none SELECT ARRAY[i, i % 5, 1]::vector, i % 10, CASE WHEN i % 2 = 0 THEN 'Ab' ELSE 'cd' END FROM generate_series(1, 200) i;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM none WHERE shop = 4 AND lower(name) = 'ab' ORDER BY v <-> '[50,2,3]' LIMIT 3;
SELECT v FROM none WHERE shop = 4 AND lower(name) = 'ab' ORDER BY v <-> '[50,2,3]' LIMIT 3;
SELECT count(*) FROM (SELECT 1 FROM none WHERE shop = 4 AND lower(name) = 'ab' ORDER BY v <-> '[50,2,3]') s;
-- Tenants, one of which has nothing.
SELECT shop, (SELECT count(*) FROM (SELECT 1 FROM none n WHERE n.shop = s.shop ORDER BY v <-> '[1,2,3]') x) FROM generate_series(8, 11) s(shop);
SELECT vecx_check_index('none_idx', true);
TRUNCATE none;
SELECT count(*) FROM (SELECT 1 FROM none WHERE shop = 1 ORDER BY v <-> '[1,2,3]') s;
DROP TABLE att, none, grown, asked, out1, out2;
DROP FUNCTION same, each_quantizer;
DROP TYPE mood;
