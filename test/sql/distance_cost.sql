-- What the planner thinks a distance costs: the work, and fetching values that the table keeps out of line.
CREATE TABLE short (id int, v vector(8));
INSERT INTO short SELECT i, array_fill(i, ARRAY[8])::vector FROM generate_series(1, 100) i;
CREATE TABLE long (id int, v vector(768), h halfvec(768), b bit(768), any_v vector, s sparsevec(30000));
INSERT INTO long SELECT i, v, v, '1'::bit(768), v, '{1:1,9:2}/30000' FROM (SELECT i, array_fill(i, ARRAY[768])::vector AS v
    FROM generate_series(1, 100) i) x;
CREATE TABLE long_in_row (id int, v vector(768));
ALTER TABLE long_in_row ALTER v SET STORAGE PLAIN;
INSERT INTO long_in_row SELECT id, v FROM long;
ANALYZE short, long, long_in_row;
CREATE TABLE unknown (id int, v vector(768), u vector(8), any_v vector); -- never analyzed
INSERT INTO unknown SELECT l.id, l.v, s.v, l.v FROM long l JOIN short s USING (id);

-- More than a comparison costs, in operators a row. PostgreSQL charges any operator 1.
CREATE FUNCTION distance_cost(source regclass, distance text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE a json; b json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT %s FROM %s', distance, source) INTO a;
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT id FROM %s', source) INTO b;
    RETURN round(((a #>> '{0,Plan,Total Cost}')::numeric - (b #>> '{0,Plan,Total Cost}')::numeric)
        / (a #>> '{0,Plan,Plan Rows}')::numeric / current_setting('cpu_operator_cost')::numeric);
END $$;
SELECT source, what, cost BETWEEN 1 AND 20 AS small, cost > 100 AS fetched FROM (VALUES
    ('short', $$v <-> '[1,1,1,1,1,1,1,1]'$$),
    ('short', $$l2_distance(v, v)$$),
    ('long', $$v <-> array_fill(1, ARRAY[768])::vector$$),
    ('long', $$v <#> array_fill(1, ARRAY[768])::vector$$),
    ('long', $$v <=> array_fill(1, ARRAY[768])::vector$$),
    ('long', $$v <+> array_fill(1, ARRAY[768])::vector$$),
    ('long', $$inner_product(v, array_fill(1, ARRAY[768])::vector)$$),
    ('long', $$array_fill(1, ARRAY[768])::vector <-> v$$),
    ('long', $$v::halfvec(768) <-> array_fill(1, ARRAY[768])::halfvec$$),
    ('long', $$any_v <-> array_fill(1, ARRAY[768])::vector$$),
    ('long', $$h <-> array_fill(1, ARRAY[768])::halfvec$$),
    ('long', $$b <~> b$$),
    ('long', $$b <%> b$$),
    ('long', $$s <#> '{1:1}/30000'$$),
    ('long_in_row', $$v <-> array_fill(1, ARRAY[768])::vector$$),
    ('unknown', $$v <-> array_fill(1, ARRAY[768])::vector$$),
    ('unknown', $$u <-> '[1,1,1,1,1,1,1,1]'$$),
    ('unknown', $$any_v <-> '[1,1,1,1,1,1,1,1]'$$)) q(source, what), distance_cost(source, what) cost;
SELECT distance_cost('long', 'v <-> v') > 1.9 * distance_cost('long', 'v <-> array_fill(1, ARRAY[768])::vector') AS two_values;
-- The functions behind the distance operators all have it.
SELECT oprname, oprleft::regtype FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode
    WHERE oprname IN ('<->', '<#>', '<=>', '<+>', '<~>', '<%>') AND prosupport = 0
    AND EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = refobjid WHERE d.objid = o.oid AND extname = 'vecx');
DROP TABLE short, long, long_in_row, unknown;
DROP FUNCTION distance_cost;
