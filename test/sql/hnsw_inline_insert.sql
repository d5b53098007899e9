-- Rows inserted into the layouts inline and compact, into tables that were empty when the index was made.
CREATE FUNCTION v(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$SELECT array_agg(hashint4(i * 1000 + j) % 1000 / 100.0)::vector FROM generate_series(1, dim) j$$;
-- How many of the ten nearest rows by the index are among the ten nearest, over twenty queries that are not rows.
CREATE FUNCTION recall(t regclass, dim int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    q vector;
    bound float8;
    hits int := 0;
    n int;
BEGIN
    FOR i IN 1..20 LOOP
        q := v(100000 + i, dim);
        EXECUTE format('SELECT max(d) FROM (SELECT val <-> $1 AS d FROM %s ORDER BY 1 + (val <-> $1) LIMIT 10) s', t) INTO bound USING q;
        EXECUTE format('SELECT count(*) FROM (SELECT val <-> $1 AS d FROM %s ORDER BY val <-> $1 LIMIT 10) s WHERE d <= $2', t) INTO n USING q, bound;
        hits := hits + n;
    END LOOP;
    RETURN hits / 200.0;
END $$;
SET enable_seqscan = off;

CREATE TABLE a (id int, other int, val vector(40));
CREATE TABLE b (LIKE a);
CREATE INDEX a_val ON a USING hnsw (val vector_l2_ops) WITH (layout = 'inline');
CREATE INDEX b_val ON b USING hnsw (val vector_l2_ops) WITH (layout = 'compact');
CREATE INDEX ON a (other);
CREATE INDEX ON b (other);
SELECT count(*) FROM (SELECT * FROM a ORDER BY val <-> v(1, 40)) s;
INSERT INTO a SELECT i, i, v(i, 40) FROM generate_series(1, 700) i;
INSERT INTO b SELECT * FROM a;
SELECT count(DISTINCT id), count(*) FROM (SELECT * FROM a ORDER BY val <-> v(1, 40)) s;
SELECT count(DISTINCT id), count(*) FROM (SELECT * FROM b ORDER BY val <-> v(1, 40)) s;
SELECT recall('a', 40) > 0.95 AS inline, recall('b', 40) > 0.95 AS compact;
SELECT id FROM a ORDER BY val <-> v(77, 40) LIMIT 1;
SELECT id FROM b ORDER BY val <-> v(77, 40) LIMIT 1;
INSERT INTO a VALUES (0, 0, NULL);
INSERT INTO a VALUES (0, 0, '[1,2]');

-- An UPDATE that leaves the vector alone attaches a heap TID to its node.
SELECT pages AS before FROM vecx_index_info('a_val') \gset
UPDATE a SET other = other + 1;
SELECT pages = :before AS same FROM vecx_index_info('a_val');
SELECT count(DISTINCT id), count(*) FROM (SELECT * FROM a ORDER BY val <-> v(1, 40)) s;

-- Many rows of one vector: 6 bytes each.
INSERT INTO a SELECT 1000, i, v(1000, 40) FROM generate_series(1, 5000) i;
INSERT INTO b SELECT 1000, i, v(1000, 40) FROM generate_series(1, 5000) i;
SELECT pages < :before + 20 AS small FROM vecx_index_info('a_val');
SELECT count(*) FROM (SELECT * FROM a ORDER BY val <-> v(1000, 40) LIMIT 5000) s WHERE id = 1000;
SELECT count(*) FROM (SELECT * FROM b ORDER BY val <-> v(1000, 40) LIMIT 5000) s WHERE id = 1000;
DROP TABLE a, b;

-- Every type and metric; zero vectors have no cosine.
CREATE TABLE t (id int, f vector(20), h halfvec(20), i int8vec(20), b bf16vec(20));
CREATE INDEX ON t USING hnsw (f vector_ip_ops) WITH (layout = 'inline');
CREATE INDEX ON t USING hnsw (h halfvec_cosine_ops) WITH (layout = 'inline');
CREATE INDEX ON t USING hnsw (i int8vec_l2_ops) WITH (layout = 'compact');
CREATE INDEX ON t USING hnsw (b bf16vec_l2_ops) WITH (layout = 'inline');
INSERT INTO t SELECT n, x, x::halfvec, x::int8vec, x::bf16vec FROM (SELECT n, v(n, 20) AS x FROM generate_series(1, 300) n) s;
INSERT INTO t SELECT 0, x, x::halfvec, x::int8vec, x::bf16vec FROM (SELECT array_fill(0, ARRAY[20])::vector AS x) s;
SELECT count(DISTINCT id) FROM (SELECT * FROM t ORDER BY f <#> v(5, 20)) s;
SELECT count(DISTINCT id) FROM (SELECT * FROM t ORDER BY h <=> v(5, 20)::halfvec) s;
SELECT id FROM t ORDER BY h <=> v(5, 20)::halfvec LIMIT 1;
SELECT id FROM t ORDER BY i <-> v(5, 20)::int8vec LIMIT 1;
SELECT id FROM t ORDER BY b <-> v(5, 20)::bf16vec LIMIT 1;
DROP TABLE t;
DROP FUNCTION recall, v;
