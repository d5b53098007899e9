-- Every operator class: the planner uses it, and a scan that looks at every row gives the exact order.
SET client_min_messages = warning;
CREATE TABLE numbers AS
    SELECT i AS id, (ARRAY(SELECT (hashint8extended(i, j) % 40)::int FROM generate_series(1, 8) j))::vector(8) AS v
    FROM generate_series(1, 300) i;
CREATE TABLE items (id int, v vector(8), h halfvec(8), b bf16vec(8), i8 int8vec(8), s sparsevec(8), bits bit(40));
INSERT INTO items
    SELECT id, v, v::halfvec(8), v::bf16vec(8), v::int8vec(8),
        (CASE WHEN id % 3 = 0 THEN v ELSE v * '[1,0,0,1,0,0,1,0]' END)::sparsevec(8),
        (hashint8extended(id, 77)::bit(64))::bit(40)
    FROM numbers;
INSERT INTO items (id) SELECT generate_series(1001, 1010);
INSERT INTO items
    SELECT 2000 + i, z, z::halfvec, z::bf16vec, z::int8vec, z::sparsevec, (0::bit(40))
    FROM (SELECT i, '[0,0,0,0,0,0,0,0]'::vector(8) AS z FROM generate_series(1, 12) i) s;
ANALYZE items;

-- Builds an index on a third of the rows, inserts the others, and compares distances with and without it.
CREATE FUNCTION try_opclass(col text, opclass text, op text, query text)
    RETURNS TABLE (node text, indexed bigint, in_exact_order boolean) LANGUAGE plpgsql AS $$
DECLARE
    line text;
    exact float8[];
    found float8[];
    body text := format('SELECT %I %s %L AS d FROM items WHERE %I IS NOT NULL ORDER BY %I %s %L', col, op, query, col, col, op, query);
BEGIN
    CREATE TEMP TABLE saved AS SELECT * FROM items WHERE id % 3 <> 0;
    DELETE FROM items WHERE id % 3 <> 0;
    EXECUTE format('CREATE INDEX tried ON items USING hnsw (%I %I)', col, opclass);
    INSERT INTO items SELECT * FROM saved;
    PERFORM set_config('enable_seqscan', 'off', true), set_config('hnsw.ef_search', '1000', true);
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || body LOOP
        node := coalesce(node, trim(line));
    END LOOP;
    -- The scan leaves out zero vectors under cosine, whose distance is NaN.
    EXECUTE format('SELECT array_agg(d), count(*) FROM (%s) s', body) INTO found, indexed;
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
    EXECUTE format('SELECT array_agg(d) FROM (%s) s WHERE d <> ''NaN''', body) INTO exact;
    PERFORM set_config('enable_indexscan', 'on', true);
    in_exact_order := exact = found;
    RETURN NEXT;
    DROP INDEX tried;
    DROP TABLE saved;
END $$;

SELECT c.opclass, c.op, t.*
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
    ('s', 'sparsevec_l2_ops', '<->', '{1:3,4:1,7:2}/8'),
    ('s', 'sparsevec_ip_ops', '<#>', '{1:3,4:1,7:2}/8'),
    ('s', 'sparsevec_cosine_ops', '<=>', '{1:3,4:1,7:2}/8'),
    ('s', 'sparsevec_l1_ops', '<+>', '{1:3,4:1,7:2}/8'),
    ('bits', 'bit_hamming_ops', '<~>', '1010101010101010101010101010101010101010'),
    ('bits', 'bit_jaccard_ops', '<%>', '1010101010101010101010101010101010101010')
) c(col, opclass, op, query), LATERAL try_opclass(c.col, c.opclass, c.op, c.query) t;

-- All of them pass the access method's own validation. Those of the columns behind the vector are their types' defaults, no other is.
SELECT count(*), bool_and(amvalidate(oc.oid)) AS valid, count(*) FILTER (WHERE oc.opcdefault) AS defaults
FROM pg_opclass oc JOIN pg_am am ON am.oid = oc.opcmethod WHERE am.amname = 'hnsw';
CREATE INDEX ON items USING hnsw (v);

-- Validation says what is wrong with others.
CREATE OPERATOR CLASS no_function_ops FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS no_operator_ops FOR TYPE vector USING hnsw AS
    FUNCTION 1 hnsw_vector_l2_support(internal);
CREATE OPERATOR CLASS search_ops FOR TYPE vector USING hnsw AS
    OPERATOR 1 = (vector, vector), FUNCTION 1 hnsw_vector_l2_support(internal);
CREATE OPERATOR CLASS wrong_strategy_ops FOR TYPE vector USING hnsw AS
    OPERATOR 6 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS wrong_condition_ops FOR TYPE vector USING hnsw AS
    OPERATOR 2 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_vector_l2_support(internal);
CREATE OPERATOR CLASS wrong_function_ops FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 vector_dims(vector);
RESET client_min_messages;
SELECT opcname, amvalidate(oid) FROM pg_opclass
WHERE opcname IN ('no_function_ops', 'no_operator_ops', 'search_ops', 'wrong_condition_ops', 'wrong_function_ops') ORDER BY opcname;
DROP OPERATOR FAMILY no_function_ops USING hnsw;
DROP OPERATOR FAMILY no_operator_ops USING hnsw;
DROP OPERATOR FAMILY search_ops USING hnsw;
DROP OPERATOR FAMILY wrong_condition_ops USING hnsw;
DROP OPERATOR FAMILY wrong_function_ops USING hnsw;
DROP FUNCTION try_opclass;
DROP TABLE items, numbers;
