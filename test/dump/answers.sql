-- Prints what a dump and restore or pg_upgrade must not change.
\set ON_ERROR_STOP 1
\pset tuples_only on
\pset format unaligned
SET client_min_messages = warning;
SET jit = off;

SELECT 'rows', count(*), md5(string_agg(p::text, E'\n' ORDER BY id)) FROM points AS p;
SELECT 'arrays', a FROM arrays AS a ORDER BY id;
SELECT 'typmod', attrelid::regclass, attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid IN ('points'::regclass, 'arrays'::regclass) AND attnum > 0 ORDER BY attrelid::regclass::text, attnum;
SELECT 'index', indexdef FROM pg_indexes WHERE tablename IN ('points', 'arrays') ORDER BY indexname;
SELECT 'average', avg(c_vector) FROM points;
SELECT 'btree', array_agg(id) FROM (SELECT id FROM points ORDER BY c_vector LIMIT 10) AS t;
SET enable_seqscan = off;
SET enable_sort = off;
SET hnsw.ef_search = 1000; -- more than there are rows: the answer does not depend on the graph's shape
SELECT 'view', array_agg(id) FROM nearest;

CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Index Scan' THEN RETURN trim(line, '-> '); END IF;
    END LOOP;
    RETURN 'no index';
END
$$;
CREATE FUNCTION pg_temp.distances(query text) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
    result float8[];
BEGIN
    EXECUTE format('SELECT array_agg(d) FROM (%s) AS t', query) INTO result;
    RETURN result;
END
$$;
SELECT type, metric, pg_temp.plan(query), pg_temp.distances(query)
FROM (SELECT type, metric, format('SELECT c_%1$s %2$s %3$L AS d FROM points ORDER BY c_%1$s %2$s %3$L LIMIT 10', type, op,
          (CASE type WHEN 'bit' THEN (SELECT c_bit::text FROM points WHERE id = 123)
              WHEN 'sparsevec' THEN (SELECT c_sparsevec::text FROM points WHERE id = 123)
              ELSE (SELECT c_vector::text FROM points WHERE id = 123) END)) AS query
      FROM (VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>'), ('l1', '<+>'), ('hamming', '<~>'), ('jaccard', '<%>')) AS m (metric, op),
          unnest(ARRAY['vector', 'halfvec', 'bf16vec', 'int8vec', 'sparsevec', 'bit']) AS type
      WHERE (type = 'bit') = (metric IN ('hamming', 'jaccard'))) AS q
ORDER BY type, metric;
SELECT type, count(*) FROM (SELECT 'vector' AS type FROM (SELECT id FROM points ORDER BY c_vector <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]') AS t) AS s GROUP BY type;
