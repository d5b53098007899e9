-- Queries around a search that are more than one table's nearest rows: their plans, and their results against the exact ones.
SET client_min_messages = warning;
SET hnsw.ef_search = 100;
CREATE TABLE parts (id int, day int, grp int, v vector(16)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (20) TO (30);
INSERT INTO parts SELECT i, i % 30, i % 8, (ARRAY(SELECT (hashint8extended(i, j) % 1000) / 1000.0 FROM generate_series(1, 16) j))::vector(16)
    FROM generate_series(1, 3000) i;
CREATE INDEX ON parts USING hnsw (v vector_l2_ops);
CREATE TABLE asked AS SELECT i AS id, (ARRAY(SELECT (hashint8extended(-i, j) % 1000) / 1000.0 FROM generate_series(1, 16) j))::vector(16) AS v
    FROM generate_series(1, 20) i;
ANALYZE parts, parts_1, parts_2, parts_3, asked;
SELECT v AS q FROM asked WHERE id = 1 \gset

-- Partitions: each index gives its rows in order, and they are merged; a partition that WHERE rules out is not searched.
EXPLAIN (COSTS OFF) SELECT id FROM parts ORDER BY v <-> :'q' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM parts WHERE day < 20 AND grp <> 3 ORDER BY v <-> :'q' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM parts WHERE day = 5 AND v <-> :'q' < 2 ORDER BY v <-> :'q' LIMIT 10;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM parts ORDER BY (v <-> :'q') + 0 LIMIT 20) e) AS same
    FROM (SELECT id FROM parts ORDER BY v <-> :'q' LIMIT 20) s;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM parts WHERE day < 20 AND grp <> 3 ORDER BY (v <-> :'q') + 0 LIMIT 20) e) AS same
    FROM (SELECT id FROM parts WHERE day < 20 AND grp <> 3 ORDER BY v <-> :'q' LIMIT 20) s;
SELECT count(*) FROM (SELECT FROM parts WHERE day IN (5, 15, 25) ORDER BY v <-> :'q' LIMIT 1000) s;

-- UNION ALL in the order of distance, of tables and of two columns' worth of conditions
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT id, v <-> :'q' AS d FROM parts_1 UNION ALL SELECT id, v <-> :'q' FROM parts_2) u ORDER BY d LIMIT 10;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM parts WHERE day < 20 ORDER BY (v <-> :'q') + 0 LIMIT 20) e) AS same
    FROM (SELECT * FROM (SELECT id, v <-> :'q' AS d FROM parts_1 UNION ALL SELECT id, v <-> :'q' FROM parts_2) u ORDER BY d LIMIT 20) s;

-- The nearest of each group: when groups are few and known, a search for each; else distinct rows of an ordered scan.
CREATE TABLE grps AS SELECT generate_series(0, 7) AS grp;
ANALYZE grps;
EXPLAIN (COSTS OFF) SELECT g.grp, n.id FROM grps g CROSS JOIN LATERAL
    (SELECT id, v <-> :'q' AS d FROM parts_1 p WHERE p.grp = g.grp ORDER BY v <-> :'q' LIMIT 2) n;
SELECT array_agg(ROW(grp, id) ORDER BY grp, d) = (SELECT array_agg(ROW(grp, id) ORDER BY grp, rank) FROM (SELECT grp, id,
        row_number() OVER (PARTITION BY grp ORDER BY (v <-> :'q') + 0) AS rank FROM parts_1) e WHERE rank <= 2) AS same
    FROM (SELECT g.grp, n.id, n.d FROM grps g CROSS JOIN LATERAL
        (SELECT id, v <-> :'q' AS d FROM parts_1 p WHERE p.grp = g.grp ORDER BY v <-> :'q' LIMIT 2) n) s;
EXPLAIN (COSTS OFF) SELECT DISTINCT ON (grp) grp, id, d FROM (SELECT grp, id, v <-> :'q' AS d FROM parts_1 ORDER BY v <-> :'q' LIMIT 200) n ORDER BY grp, d;
SELECT array_agg(ROW(grp, id) ORDER BY grp) = (SELECT array_agg(ROW(grp, id) ORDER BY grp) FROM (SELECT DISTINCT ON (grp) grp, id
        FROM parts_1 ORDER BY grp, (v <-> :'q') + 0) e) AS same
    FROM (SELECT DISTINCT ON (grp) grp, id, d FROM (SELECT grp, id, v <-> :'q' AS d FROM parts_1 ORDER BY v <-> :'q' LIMIT 200) n ORDER BY grp, d) s;

-- The nearest of each row of another table
EXPLAIN (COSTS OFF) SELECT a.id, n.id FROM asked a CROSS JOIN LATERAL (SELECT p.id FROM parts_1 p ORDER BY p.v <-> a.v LIMIT 3) n;
SELECT count(*), count(*) FILTER (WHERE (a.id, n.id) IN (SELECT x.id, e.id FROM asked x CROSS JOIN LATERAL
        (SELECT p.id FROM parts_1 p ORDER BY (p.v <-> x.v) + 0 LIMIT 3) e)) >= 59 AS nearly_all_exact
    FROM asked a CROSS JOIN LATERAL (SELECT p.id FROM parts_1 p ORDER BY p.v <-> a.v LIMIT 3) n;
-- with a filter of the inner table, a bound on the distance, and over partitions; LEFT JOIN keeps who has nothing near
EXPLAIN (COSTS OFF) SELECT a.id, n.id FROM asked a LEFT JOIN LATERAL
    (SELECT p.id FROM parts p WHERE p.grp <> 3 AND p.v <-> a.v < 2 ORDER BY p.v <-> a.v LIMIT 3) n ON true;
SELECT count(*), count(n.id) = (SELECT count(e.id) FROM asked a LEFT JOIN LATERAL
        (SELECT p.id FROM parts p WHERE p.grp <> 3 AND (p.v <-> a.v) + 0 < 2 ORDER BY (p.v <-> a.v) + 0 LIMIT 3) e ON true) AS same
    FROM asked a LEFT JOIN LATERAL (SELECT p.id FROM parts p WHERE p.grp <> 3 AND p.v <-> a.v < 2 ORDER BY p.v <-> a.v LIMIT 3) n ON true;
-- a join above the search: the limit reaches the scan
CREATE TABLE names AS SELECT id, 'name ' || id AS name FROM parts;
ALTER TABLE names ADD PRIMARY KEY (id);
ANALYZE names;
EXPLAIN (COSTS OFF) SELECT n.name FROM parts_1 p JOIN names n USING (id) ORDER BY p.v <-> :'q' LIMIT 5;
DROP TABLE parts, asked, grps, names;
