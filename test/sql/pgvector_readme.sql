-- What pgvector's README shows its users, feature by feature, without the indexes: an application written
-- after it works unchanged. Every answer here is also pgvector's.
\set QUIET on
\getenv abs_builddir PG_ABS_BUILDDIR

-- a table, or a column for one that exists
CREATE TABLE films (id bigserial PRIMARY KEY, title text, genre int, embedding vector(3));
CREATE TABLE cities (id bigserial PRIMARY KEY, name text);
ALTER TABLE cities ADD COLUMN embedding vector(3);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'cities'::regclass AND attnum > 0 ORDER BY attnum;

-- insert, bulk load, upsert, update, delete
INSERT INTO films (title, genre, embedding) VALUES ('Alpha', 1, '[1,2,3]'), ('Beta', 1, '[4,5,6]'), ('Gamma', 2, '[3,1,1]'), ('Delta', 2, NULL);
COPY films (title, genre, embedding) FROM STDIN;
Epsilon	3	[-1,0.5,2e-1]
Zeta	3	[0,0,0]
\.
\set file :abs_builddir '/results/pgvector_readme.bin'
COPY films (title, genre, embedding) TO :'file' WITH (FORMAT BINARY);
CREATE TABLE loaded (title text, genre int, embedding vector(3));
COPY loaded FROM :'file' WITH (FORMAT BINARY);
SELECT count(*) AS lost FROM (SELECT title, genre, embedding FROM films EXCEPT SELECT * FROM loaded) x;
INSERT INTO films (id, title, genre, embedding) VALUES (1, 'Alpha', 1, '[1,2,2]'), (7, 'Eta', 1, '[2,2,2]')
    ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding;
UPDATE films SET embedding = '[4,5,5]' WHERE id = 2;
DELETE FROM films WHERE id = 3;
SELECT id, title, embedding FROM films ORDER BY id;
INSERT INTO films (embedding) VALUES ('[1,2]');

-- nearest to a vector, by each distance
SELECT id, embedding <-> '[3,1,2]' AS l2 FROM films WHERE embedding IS NOT NULL ORDER BY embedding <-> '[3,1,2]' LIMIT 3;
SELECT id, embedding <#> '[3,1,2]' AS negative_ip FROM films WHERE embedding IS NOT NULL ORDER BY embedding <#> '[3,1,2]' LIMIT 3;
SELECT id, round((embedding <=> '[3,1,2]')::numeric, 6) AS cosine FROM films WHERE embedding IS NOT NULL ORDER BY embedding <=> '[3,1,2]' LIMIT 3;
SELECT id, embedding <+> '[3,1,2]' AS l1 FROM films WHERE embedding IS NOT NULL ORDER BY embedding <+> '[3,1,2]' LIMIT 3;
-- nearest to a row, and within a distance
SELECT id FROM films WHERE id <> 1 ORDER BY embedding <-> (SELECT embedding FROM films WHERE id = 1) LIMIT 2;
SELECT id FROM films WHERE embedding <-> '[3,1,2]' < 4 ORDER BY id;
-- with a condition, in a materialized CTE, and through a parameter
SELECT id FROM films WHERE genre = 1 ORDER BY embedding <-> '[3,1,2]' LIMIT 2;
WITH nearest AS MATERIALIZED (SELECT id, embedding <-> '[1,2,3]' AS distance FROM films ORDER BY distance LIMIT 3)
    SELECT id FROM nearest WHERE distance < 3 ORDER BY distance + 0;
PREPARE nearest(vector) AS SELECT id FROM films ORDER BY embedding <-> $1 LIMIT 1;
EXECUTE nearest('[2,2,2]');
DEALLOCATE nearest;
-- the distances as numbers: inner product from its negative, similarity from the cosine distance
SELECT id, (embedding <#> '[3,1,2]') * -1 AS inner_product, round((1 - (embedding <=> '[3,1,2]'))::numeric, 6) AS cosine_similarity
    FROM films WHERE id IN (1, 6) ORDER BY id;
-- aggregates
SELECT avg(embedding), sum(embedding) FROM films;
SELECT genre, avg(embedding) FROM films GROUP BY genre ORDER BY genre;

-- vector: operators and functions
SELECT '[1,2,3]'::vector + '[4,5,6]', '[1,2,3]'::vector - '[4,5,6]', '[1,2,3]'::vector * '[4,5,6]', '[1,2]'::vector || '[3]';
SELECT cosine_distance('[1,1]'::vector, '[1,1]'), inner_product('[1,2]'::vector, '[3,4]'), l1_distance('[0,0]'::vector, '[3,4]'), l2_distance('[0,0]'::vector, '[3,4]');
SELECT l2_normalize('[3,4]'::vector), subvector('[1,2,3,4,5]'::vector, 2, 3), vector_dims('[1,2,3]'::vector), vector_norm('[3,4]'::vector), binary_quantize('[0,0.1,-0.2,0.3]'::vector);
-- 4 bytes for each dimension and 8
SELECT pg_column_size('[1,2,3]'::vector);

-- half precision
CREATE TABLE small (id bigserial PRIMARY KEY, embedding halfvec(3));
INSERT INTO small (embedding) VALUES ('[1,2,3]'), ('[4,5,6]'), ('[0.1,65504,-6e-8]');
SELECT id, embedding FROM small ORDER BY embedding <-> '[3,1,2]' LIMIT 5;
SELECT id FROM films WHERE embedding IS NOT NULL ORDER BY embedding::halfvec(3) <-> '[1,2,3]' LIMIT 2;
SELECT '[1,2,3]'::halfvec + '[4,5,6]', '[1,2,3]'::halfvec - '[4,5,6]', '[1,2,3]'::halfvec * '[4,5,6]', '[1,2]'::halfvec || '[3]';
SELECT '[0,0]'::halfvec <-> '[3,4]', '[1,2]'::halfvec <#> '[3,4]', '[1,1]'::halfvec <=> '[1,1]', '[0,0]'::halfvec <+> '[3,4]';
SELECT cosine_distance('[1,1]'::halfvec, '[1,1]'), inner_product('[1,2]'::halfvec, '[3,4]'), l1_distance('[0,0]'::halfvec, '[3,4]'), l2_distance('[0,0]'::halfvec, '[3,4]');
SELECT l2_norm('[3,4]'::halfvec), l2_normalize('[3,4]'::halfvec), subvector('[1,2,3,4,5]'::halfvec, 2, 3), vector_dims('[1,2,3]'::halfvec), binary_quantize('[0,0.1,-0.2,0.3]'::halfvec);
SELECT avg(embedding), sum(embedding) FROM small WHERE id < 3;
SELECT pg_column_size('[1,2,3]'::halfvec);

-- binary vectors
CREATE TABLE hashes (id bigserial PRIMARY KEY, embedding bit(4));
INSERT INTO hashes (embedding) VALUES ('0000'), ('1111'), ('1010');
SELECT id, embedding <~> '1011' AS hamming FROM hashes ORDER BY embedding <~> '1011', id LIMIT 5;
SELECT id, embedding <%> '1110' AS jaccard FROM hashes ORDER BY embedding <%> '1110' LIMIT 5;
SELECT hamming_distance('1011', '1110'), jaccard_distance('1011', '1110');
-- quantised to bits, then ranked again by the vectors
SELECT id FROM films WHERE embedding IS NOT NULL ORDER BY binary_quantize(embedding)::bit(3) <~> binary_quantize('[1,-2,3]'::vector), id LIMIT 3;
SELECT id FROM (SELECT * FROM films WHERE embedding IS NOT NULL ORDER BY binary_quantize(embedding)::bit(3) <~> binary_quantize('[1,-2,3]'::vector), id LIMIT 4) x
    ORDER BY embedding <-> '[1,-2,3]' LIMIT 2;

-- sparse vectors
CREATE TABLE terms (id bigserial PRIMARY KEY, embedding sparsevec(5));
INSERT INTO terms (embedding) VALUES ('{1:1,3:2,5:3}/5'), ('{2:4,3:5}/5'), ('{}/5');
SELECT id, embedding, embedding <-> '{1:3,3:1,5:2}/5' AS l2 FROM terms ORDER BY embedding <-> '{1:3,3:1,5:2}/5' LIMIT 5;
SELECT id, embedding <#> '{3:1}/5' AS negative_ip, embedding <=> '{3:5,2:4}/5' AS cosine, embedding <+> '{3:1}/5' AS l1 FROM terms WHERE id = 2;
SELECT cosine_distance('{1:1}/2'::sparsevec, '{2:1}/2'), inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2'), l1_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2');
SELECT l2_norm('{1:3,2:4}/2'::sparsevec), l2_normalize('{1:3,2:4}/2'::sparsevec);
-- 8 bytes for each element and 16
SELECT pg_column_size('{1:1,3:2,5:3}/5'::sparsevec);

-- together with full-text search: the ranks of both, fused
WITH by_vector AS (SELECT id, row_number() OVER (ORDER BY embedding <-> '[1,2,3]') AS rank FROM films WHERE embedding IS NOT NULL),
     by_text AS (SELECT id, row_number() OVER (ORDER BY ts_rank_cd(to_tsvector('simple', title), query) DESC, id) AS rank
                 FROM films, plainto_tsquery('simple', 'eta') query WHERE to_tsvector('simple', title) @@ query)
    SELECT id, round(coalesce(1.0 / (60 + v.rank), 0) + coalesce(1.0 / (60 + t.rank), 0), 5) AS score
    FROM by_vector v FULL JOIN by_text t USING (id) ORDER BY score DESC, id LIMIT 3;

-- parts of vectors first, then the whole
CREATE TABLE nested (id bigserial PRIMARY KEY, embedding vector(5));
INSERT INTO nested (embedding) VALUES ('[1,2,3,4,5]'), ('[1,2,3,-4,-5]'), ('[-1,2,3,4,5]');
SELECT id FROM (SELECT * FROM nested ORDER BY subvector(embedding, 1, 3)::vector(3) <=> subvector('[1,2,3,-4,5]'::vector, 1, 3), id LIMIT 2) x
    ORDER BY embedding <=> '[1,2,3,-4,5]' LIMIT 1;

-- different dimensions in one column
CREATE TABLE mixed (model int, item int, embedding vector, PRIMARY KEY (model, item));
INSERT INTO mixed VALUES (1, 1, '[1,2,3]'), (1, 2, '[3,1,2]'), (2, 1, '[1,2]');
SELECT item FROM mixed WHERE model = 1 ORDER BY embedding::vector(3) <-> '[3,1,2]' LIMIT 1;
SELECT embedding::vector(3) FROM mixed WHERE model = 2;
SELECT embedding <-> '[3,1,2]' FROM mixed WHERE model = 2;

-- more precision than a vector has, and a constraint that it can become one
CREATE TABLE precise (id bigserial PRIMARY KEY, embedding double precision[]);
INSERT INTO precise (embedding) VALUES ('{1,2,3}'), ('{4,5,6.123456789012345}');
ALTER TABLE precise ADD CONSTRAINT three CHECK (vector_dims(embedding::vector) = 3);
INSERT INTO precise (embedding) VALUES ('{1,2}');
INSERT INTO precise (embedding) VALUES ('{1,2,NaN}');
SELECT id, embedding, embedding::vector FROM precise ORDER BY embedding::vector(3) <-> '[3,1,2]' LIMIT 5;

-- one partition for each tenant
CREATE TABLE tenants (customer int, embedding vector(3)) PARTITION BY LIST (customer);
CREATE TABLE tenant_1 PARTITION OF tenants FOR VALUES IN (1);
CREATE TABLE tenant_2 PARTITION OF tenants FOR VALUES IN (2);
INSERT INTO tenants SELECT 1 + i % 2, ARRAY[i, i * i % 7, 1]::vector FROM generate_series(1, 20) i;
SELECT embedding FROM tenants WHERE customer = 2 ORDER BY embedding <-> '[4,2,1]' LIMIT 2;

-- stored inline, and searched by several workers
ALTER TABLE films ALTER COLUMN embedding SET STORAGE PLAIN;
BEGIN;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
ALTER TABLE films SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT id FROM films ORDER BY embedding <-> '[3,1,2]' LIMIT 2;
SELECT id FROM films ORDER BY embedding <-> '[3,1,2]' LIMIT 2;
COMMIT;
DROP TABLE films, cities, loaded, small, hashes, terms, nested, mixed, precise, tenants;
