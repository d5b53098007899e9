-- Every operator class of ivf and ivfflat: the planner uses it, and a scan that looks at every list gives the exact order.
SET client_min_messages = warning;
CREATE TABLE numbers AS
    SELECT i AS id, (ARRAY(SELECT (hashint8extended(i, j) % 40)::int FROM generate_series(1, 8) j))::vector(8) AS v
    FROM generate_series(1, 300) i;
CREATE TABLE items (id int, v vector(8), h halfvec(8), b bf16vec(8), i8 int8vec(8), bits bit(40));
INSERT INTO items
    SELECT id, v, v::halfvec(8), v::bf16vec(8), v::int8vec(8), (hashint8extended(id, 77)::bit(64))::bit(40) FROM numbers;
INSERT INTO items (id) SELECT generate_series(1001, 1010);
INSERT INTO items
    SELECT 2000 + i, z, z::halfvec, z::bf16vec, z::int8vec, (0::bit(40))
    FROM (SELECT i, '[0,0,0,0,0,0,0,0]'::vector(8) AS z FROM generate_series(1, 12) i) s;
ANALYZE items;

-- Builds an index on a third of the rows, inserts the others, and compares distances with and without it.
CREATE FUNCTION try_opclass(method text, options text, col text, opclass text, op text, query text)
    RETURNS TABLE (node text, indexed bigint, all_there boolean, first_found boolean, in_exact_order boolean) LANGUAGE plpgsql AS $$
DECLARE
    line text;
    exact float8[];
    found float8[];
    body text := format('SELECT %I %s %L AS d FROM items WHERE %I IS NOT NULL ORDER BY %I %s %L', col, op, query, col, col, op, query);
BEGIN
    CREATE TEMP TABLE saved AS SELECT * FROM items WHERE id % 3 <> 0;
    DELETE FROM items WHERE id % 3 <> 0;
    EXECUTE format('CREATE INDEX tried ON items USING %s (%I %I) WITH (%s)', method, col, opclass, options);
    INSERT INTO items SELECT * FROM saved;
    PERFORM set_config('enable_seqscan', 'off', true), set_config('ivf.probes', '1000', true),
        set_config('ivfflat.probes', '1000', true);
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || body LOOP
        node := coalesce(node, trim(line));
    END LOOP;
    -- The scan leaves out zero vectors under cosine, whose distance is NaN.
    EXECUTE format('SELECT array_agg(d), count(*) FROM (%s) s', body) INTO found, indexed;
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
    EXECUTE format('SELECT array_agg(d) FROM (%s) s WHERE d <> ''NaN''', body) INTO exact;
    PERFORM set_config('enable_indexscan', 'on', true);
    -- Bounds from codes are right nearly always, and these vectors are much too short for codes: a row may come late.
    all_there := exact = (SELECT array_agg(d ORDER BY d) FROM unnest(found) d);
    first_found := (SELECT count(*) >= 9 FROM unnest(found[1:10]) d WHERE d <= exact[10]);
    in_exact_order := CASE WHEN options !~ 'rabitq' THEN exact = found END;
    RETURN NEXT;
    DROP INDEX tried;
    DROP TABLE saved;
END $$;

SELECT m.method, m.options, c.opclass, c.op, t.*
FROM (VALUES
    ('v', 'vector_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'),
    ('v', 'vector_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'),
    ('v', 'vector_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'),
    ('v', 'vector_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('h', 'halfvec_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'),
    ('h', 'halfvec_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'),
    ('h', 'halfvec_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'),
    ('h', 'halfvec_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('b', 'bf16vec_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'),
    ('b', 'bf16vec_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'),
    ('b', 'bf16vec_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'),
    ('b', 'bf16vec_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('i8', 'int8vec_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'),
    ('i8', 'int8vec_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'),
    ('i8', 'int8vec_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'),
    ('i8', 'int8vec_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('bits', 'bit_hamming_ops', '<~>', '1010101010101010101010101010101010101010')
) c(col, opclass, op, query),
(VALUES ('ivfflat', 'lists = 7'), ('ivf', 'lists = 7'), ('ivf', 'lists = 7, quantizer = rabitq'),
    ('ivf', 'lists = 7, quantizer = rabitq, rerank = index, bits = 8')) m(method, options),
LATERAL try_opclass(m.method, m.options, c.col, c.opclass, c.op, c.query) t
WHERE m.options !~ 'rabitq' OR c.opclass !~ '(l1|hamming)';
SELECT t.* FROM try_opclass('ivf', 'lists = 3', 'bits', 'bit_jaccard_ops', '<%>', '1010101010101010101010101010101010101010') t;

-- All of them pass validation; as in pgvector, the one of ivfflat for the L2 distance of vectors is the default.
SELECT am.amname, count(*), bool_and(amvalidate(oc.oid)) AS valid, string_agg(oc.opcname, ' ' ORDER BY oc.oid) FILTER (WHERE oc.opcdefault) AS default
FROM pg_opclass oc JOIN pg_am am ON am.oid = oc.opcmethod WHERE am.amname ~ '^ivf' GROUP BY am.amname ORDER BY am.amname COLLATE "C";
CREATE INDEX ON items USING ivfflat (v);
CREATE INDEX ON items USING ivf (v);
CREATE OPERATOR CLASS no_function_ops FOR TYPE vector USING ivf AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
RESET client_min_messages;
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname = 'no_function_ops';
DROP OPERATOR FAMILY no_function_ops USING ivf;
DROP FUNCTION try_opclass;
DROP TABLE items, numbers;
