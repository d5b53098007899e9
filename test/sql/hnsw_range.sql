-- Range search: spheres as an index condition, distance bounds, and what a sequential scan says of the same conditions.
SET client_min_messages = warning;
CREATE TABLE places (id int PRIMARY KEY, v vector(8), h halfvec(8), b bf16vec(8), i8 int8vec(8), s sparsevec(8), bits bit(40));
INSERT INTO places SELECT id, v, v::halfvec, v::bf16vec, v::int8vec, v::sparsevec, (hashint8extended(id, 77)::bit(64))::bit(40)
    FROM (SELECT i AS id, (ARRAY(SELECT (hashint8extended(i, j) % 40)::int FROM generate_series(1, 8) j))::vector(8) AS v
          FROM generate_series(1, 1000) i) x;
INSERT INTO places (id) SELECT generate_series(1001, 1010);
INSERT INTO places SELECT 2000 + i, z, z::halfvec, z::bf16vec, z::int8vec, z::sparsevec, 0::bit(40)
    FROM (SELECT i, '[0,0,0,0,0,0,0,0]'::vector(8) AS z FROM generate_series(1, 12) i) x;
ANALYZE places;

-- Every operator means distance <= radius, and every operator class has it. For each: whether both forms use the index,
-- with ORDER BY and without, and whether the rows are those of the sequential scan. ef_search is above the number of rows,
-- so that scans are exact; a radius is the distance of a row, to the last bit.
CREATE FUNCTION rows_of(body text, indexed boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; ids int[]; used boolean := false;
BEGIN
    PERFORM set_config('enable_seqscan', (NOT indexed)::text, true), set_config('enable_indexscan', indexed::text, true),
        set_config('enable_sort', 'true', true);
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || body LOOP used := used OR line ~ 'Index Cond:'; END LOOP;
    IF used <> indexed THEN RETURN 'wrong plan'; END IF;
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (%s) s', body) INTO ids;
    RETURN coalesce(ids::text, 'none');
END $$;
CREATE FUNCTION try_range(col text, opclass text, op text, query text, layout text)
    RETURNS TABLE (name text, same boolean, hits boolean) LANGUAGE plpgsql AS $$
DECLARE
    within text := '<' || op || '>';
    form text;
    radius float8;
    exact text;
    type text := (SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'places'::regclass AND attname = col);
BEGIN
    IF type = 'bit' THEN type := 'bit(40)'; END IF;
    name := opclass; same := true; hits := true;
    EXECUTE format('CREATE INDEX tried ON places USING hnsw (%I %I) WITH (layout = %I)', col, opclass, layout);
    FOR form IN VALUES ('%1$I %3$s sphere(%4$L::%5$s, %6$L)'), ('%1$I %2$s %4$L <= %6$L::float8'), ('%1$I %2$s %4$L < %6$L::float8'),
        ('%6$L::float8 > %1$I %2$s %4$L'), ('%6$L::float8 >= %4$L %2$s %1$I') LOOP
        EXECUTE format('SELECT %I %s %L FROM places WHERE %1$I %2$s %3$L <> ''NaN'' ORDER BY 1 OFFSET 50 LIMIT 1', col, op, query) INTO radius;
        form := format('SELECT id FROM places WHERE ' || form, col, op, within, query, type, radius);
        exact := rows_of(form, false);
        hits := hits AND exact ~ ',.*,.*,';
        same := same AND exact = rows_of(form, true) AND exact = rows_of(format('%s ORDER BY %I %s %L', form, col, op, query), true);
    END LOOP;
    RETURN NEXT;
    DROP INDEX tried;
END $$;
SET hnsw.ef_search = 3000;
SELECT layout, t.* FROM (VALUES ('plain'), ('inline'), ('compact')) l(layout), (VALUES
    ('v', 'vector_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'), ('v', 'vector_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'),
    ('v', 'vector_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'), ('v', 'vector_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('h', 'halfvec_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'), ('h', 'halfvec_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'),
    ('b', 'bf16vec_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'), ('b', 'bf16vec_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'),
    ('i8', 'int8vec_l2_ops', '<->', '[3,1,4,1,5,9,2,6]'), ('i8', 'int8vec_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]')) c(col, opclass, op, query),
    LATERAL try_range(col, opclass, op, query, layout) t WHERE layout = 'plain' OR op IN ('<->', '<#>', '<=>');
SELECT t.* FROM (VALUES
    ('h', 'halfvec_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'), ('h', 'halfvec_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('b', 'bf16vec_cosine_ops', '<=>', '[3,1,4,1,5,9,2,6]'), ('b', 'bf16vec_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('i8', 'int8vec_ip_ops', '<#>', '[3,1,4,1,5,9,2,6]'), ('i8', 'int8vec_l1_ops', '<+>', '[3,1,4,1,5,9,2,6]'),
    ('s', 'sparsevec_l2_ops', '<->', '{1:3,2:1,3:4}/8'), ('s', 'sparsevec_ip_ops', '<#>', '{1:3,2:1,3:4}/8'),
    ('s', 'sparsevec_cosine_ops', '<=>', '{1:3,2:1,3:4}/8'), ('s', 'sparsevec_l1_ops', '<+>', '{1:3,2:1,3:4}/8'),
    ('bits', 'bit_hamming_ops', '<~>', '1010101010101010101010101010101010101010'),
    ('bits', 'bit_jaccard_ops', '<%>', '1010101010101010101010101010101010101010')) c(col, opclass, op, query),
    LATERAL try_range(col, opclass, op, query, 'plain') t;

-- Literals, NULL, negative and infinite radii, NaN, zero vectors.
CREATE INDEX places_v ON places USING hnsw (v vector_l2_ops);
CREATE INDEX places_h ON places USING hnsw (h halfvec_cosine_ops);
CREATE FUNCTION counts(condition text, OUT by_scan text, OUT by_index text) LANGUAGE plpgsql AS $$
DECLARE indexed boolean; n bigint;
BEGIN
    FOREACH indexed IN ARRAY ARRAY[false, true] LOOP
        PERFORM set_config('enable_seqscan', (NOT indexed)::text, true), set_config('enable_indexscan', indexed::text, true);
        BEGIN
            EXECUTE 'SELECT count(*) FROM places WHERE ' || condition INTO n;
            IF indexed THEN by_index := n; ELSE by_scan := n; END IF;
        EXCEPTION WHEN OTHERS THEN
            IF indexed THEN by_index := SQLERRM; ELSE by_scan := SQLERRM; END IF;
        END;
    END LOOP;
END $$;
SELECT q.condition, c.* FROM (VALUES
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 60)$$), ($$h <<=>> sphere('[3,1,4,1,5,9,2,6]', 0.5)$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', -1)$$), ($$v <-> '[3,1,4,1,5,9,2,6]' < -1$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 'Infinity')$$), ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', '-Infinity')$$),
    ($$v <-> '[3,1,4,1,5,9,2,6]' < 'Infinity'$$), ($$v <-> '[3,1,4,1,5,9,2,6]' <= '-Infinity'$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 'NaN')$$), ($$v <-> '[3,1,4,1,5,9,2,6]' <= 'NaN'$$),
    ($$v <<->> sphere('[0,0,0,0,0,0,0,0]', 0)$$), ($$v <-> '[0,0,0,0,0,0,0,0]' < 0$$), ($$v <-> '[0,0,0,0,0,0,0,0]' <= 0$$),
    ($$v <<->> NULL$$), ($$v <<->> sphere(NULL::vector, 1)$$), ($$v <<->> ROW('[3,1,4,1,5,9,2,6]', NULL)::sphere_vector$$),
    ($$v <<->> (SELECT sphere(NULL::vector, 1))$$), ($$v <<->> (SELECT ROW(NULL, 1)::sphere_vector)$$),
    ($$v <-> '[3,1,4,1,5,9,2,6]' < (SELECT NULL::float8)$$),
    ($$h <<=>> sphere('[0,0,0,0,0,0,0,0]', 1)$$), ($$h <<=>> sphere('[0,0,0,0,0,0,0,0]', 'Infinity')$$),
    ($$h <<=>> sphere('[3,1,4,1,5,9,2,6]', 'Infinity')$$), ($$h <=> '[3,1,4,1,5,9,2,6]' < 2.5$$),
    ($$h <<=>> (SELECT sphere('[3,1,4,1,5,9,2,6]'::halfvec, 'NaN'))$$),
    ($$v <<->> sphere('[3,1,4]', 1)$$), ($$v <-> '[3,1,4]' < 1$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 60) AND v <<->> sphere('[3,1,4,1,5,9,2,6]', 55)$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 60) AND v <<->> sphere('[9,9,9,9,9,9,9,9]', 60)$$),
    ($$v <-> '[3,1,4,1,5,9,2,6]' BETWEEN 50 AND 60$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 60) AND id % 2 = 0$$),
    ($$v <<->> sphere('[3,1,4,1,5,9,2,6]', 50) OR v <<->> sphere('[9,9,9,9,9,9,9,9]', 50)$$)) q(condition), LATERAL counts(q.condition) c;

-- Order by one value, range around another; several bounds at once; the bound as a parameter.
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM places WHERE v <<->> sphere('[9,9,9,9,9,9,9,9]', 60) ORDER BY v <-> '[3,1,4,1,5,9,2,6]' LIMIT 5;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM places WHERE (v <-> '[9,9,9,9,9,9,9,9]') + 0 <= 60
    ORDER BY (v <-> '[3,1,4,1,5,9,2,6]') + 0, id LIMIT 5) t) AS same
    FROM (SELECT id FROM places WHERE v <<->> sphere('[9,9,9,9,9,9,9,9]', 60) ORDER BY v <-> '[3,1,4,1,5,9,2,6]' LIMIT 5) s;
RESET enable_sort;
SET plan_cache_mode = force_generic_plan;
PREPARE near(vector, float8) AS SELECT count(*) FROM places WHERE v <-> $1 < $2;
EXPLAIN (COSTS OFF) EXECUTE near('[3,1,4,1,5,9,2,6]', 60);
EXECUTE near('[3,1,4,1,5,9,2,6]', 60);
EXECUTE near('[3,1,4,1,5,9,2,6]', 55);
EXECUTE near('[3,1,4,1,5,9,2,6]', NULL);
EXECUTE near(NULL, 1);
EXPLAIN (COSTS OFF) SELECT id FROM places WHERE l2_distance(v, '[3,1,4,1,5,9,2,6]') <= 60;
-- These say nothing about an index of v: another distance, a bound from below, a column, a volatile bound.
EXPLAIN (COSTS OFF) SELECT id FROM places WHERE v <#> '[3,1,4,1,5,9,2,6]' < 60 AND v <-> '[3,1,4,1,5,9,2,6]' > 1
    AND v <-> '[3,1,4,1,5,9,2,6]' < id AND v <-> '[3,1,4,1,5,9,2,6]' < random() * 100;

-- A join: for each row of one table those of the other within a distance.
EXPLAIN (COSTS OFF) SELECT a.id, b.id FROM places a JOIN places b ON b.v <<->> sphere(a.v, 40) WHERE a.id < 10;
SELECT count(*), count(*) = (SELECT count(*) FROM places a JOIN places b ON (b.v <-> a.v) + 0 <= 40 WHERE a.id < 10) AS same
    FROM places a JOIN places b ON b.v <<->> sphere(a.v, 40) WHERE a.id < 10;

-- A scan ends at the radius: what it visits does not depend on the rows beyond.
RESET hnsw.ef_search;
CREATE TABLE many (id int, v vector(8));
INSERT INTO many SELECT i, (ARRAY(SELECT (hashint8extended(i, j) % 1000) / 1000.0 FROM generate_series(1, 8) j))::vector(8)
    FROM generate_series(1, 20000) i;
ANALYZE many;
CREATE INDEX ON many USING hnsw (v vector_l2_ops);
SELECT count(*) FROM many WHERE v <-> '[0,0,0,0,0,0,0,0]' < 0.7;
SELECT rows, nodes < 4000 AS few, swept FROM vecx_last_scan();
SELECT count(*) FROM (SELECT FROM many WHERE v <-> '[0,0,0,0,0,0,0,0]' < 0.7 ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s;
SELECT rows, nodes < 4000 AS few, swept FROM vecx_last_scan();

-- Estimates: within a factor of three where the statistics have values, at the center and in the tail.
CREATE FUNCTION estimated(condition text) RETURNS TABLE (estimate int, actual bigint) LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM many WHERE ' || condition INTO plan;
    EXECUTE 'SELECT count(*) FROM many WHERE ' || condition INTO actual;
    estimate := plan -> 0 -> 'Plan' ->> 'Plan Rows';
    RETURN NEXT;
END $$;
SELECT radius, estimate::float8 / actual BETWEEN 1 / 3.0 AND 3 AS near
    FROM (VALUES (1.2), (1.5), (1.8), (2.5)) r(radius), LATERAL estimated(format('v <<->> sphere(''[0,0,0,0,0,0,0,0]'', %s)', radius));
SELECT radius, estimate::float8 / actual BETWEEN 1 / 3.0 AND 3 AS near -- of the ordinary comparison, too
    FROM (VALUES (1.2), (1.5), (1.8), (2.5)) r(radius), LATERAL estimated(format('v <-> ''[0,0,0,0,0,0,0,0]'' < %s', radius));
SELECT estimate < 100 AS few FROM estimated($$0.5 >= l2_distance(v, '[0,0,0,0,0,0,0,0]')$$);
SELECT estimate < 100 AS few FROM estimated($$v <<->> sphere('[0,0,0,0,0,0,0,0]', 0.5)$$);
SELECT estimate = 1 AS none FROM estimated($$v <<->> sphere('[0,0,0,0,0,0,0,0]', -1)$$);
-- without a LIMIT the rows are sorted, so that none comes late; with one the index's order counts
SET hnsw.ef_search = 1;
EXPLAIN (COSTS OFF) SELECT id FROM many WHERE v <-> '[0,0,0,0,0,0,0,0]' < 1.2 ORDER BY v <-> '[0,0,0,0,0,0,0,0]';
EXPLAIN (COSTS OFF) SELECT id FROM many WHERE v <<->> sphere('[0,0,0,0,0,0,0,0]', 1.2) ORDER BY v <-> '[0,0,0,0,0,0,0,0]';
EXPLAIN (COSTS OFF) SELECT id FROM many WHERE v <<->> sphere('[0,0,0,0,0,0,0,0]', 1.2) ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 10;
SELECT array_agg(d) = array_agg(d ORDER BY d) AS in_order FROM (SELECT v <-> '[0,0,0,0,0,0,0,0]' AS d FROM many
    WHERE v <<->> sphere('[0,0,0,0,0,0,0,0]', 1.2) ORDER BY d) s;
RESET hnsw.ef_search;
RESET enable_seqscan;
-- so a large range is read from the table, and a small one from the index
EXPLAIN (COSTS OFF) SELECT id FROM many WHERE v <<->> sphere('[0,0,0,0,0,0,0,0]', 2.5);
EXPLAIN (COSTS OFF) SELECT id FROM many WHERE v <<->> sphere('[0,0,0,0,0,0,0,0]', 0.7);
-- of vectors of several dimensions, only the query itself complains
CREATE TABLE mixed AS SELECT ARRAY[i]::vector AS v FROM generate_series(1, 50) i UNION ALL SELECT ARRAY[i, i]::vector FROM generate_series(1, 50) i;
ANALYZE mixed;
EXPLAIN (COSTS OFF) SELECT FROM mixed WHERE v <<->> sphere('[1]', 1);
SELECT FROM mixed WHERE v <<->> sphere('[1]', 1);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw') GROUP BY 1;
DROP TABLE places, many, mixed;
DROP FUNCTION rows_of, try_range, counts, estimated;
