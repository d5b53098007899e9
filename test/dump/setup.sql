-- A database with every type, typmods, arrays, generated columns and an hnsw index for every operator class.
-- Used by test/t/900_dump_restore.pl and scripts/stage/upgrade; answers.sql says what must not change.
\set ON_ERROR_STOP 1
CREATE EXTENSION vecx;

-- Small integers from a formula, so that no type rounds them and every machine makes the same rows.
CREATE FUNCTION numbers(i int) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((i::bigint * i * (j + 3) + i * 7919 * j + j * 104729) % 101 - 50 ORDER BY j) FROM generate_series(1, 16) AS j
$$;

CREATE TABLE points (
    id          int PRIMARY KEY,
    c_vector    vector(16) NOT NULL,
    c_halfvec   halfvec(16),
    c_bf16vec   bf16vec(16),
    c_int8vec   int8vec(16),
    c_sparsevec sparsevec(16),
    c_bit       bit(16),
    norm        float8 GENERATED ALWAYS AS (l2_norm(c_vector)) STORED
);
INSERT INTO points
SELECT i, numbers(i)::vector, numbers(i)::vector::halfvec, numbers(i)::vector::bf16vec, numbers(i)::vector::int8vec,
    numbers(i)::vector::sparsevec, binary_quantize(numbers(i)::vector)
FROM generate_series(1, 500) AS i;
INSERT INTO points (id, c_vector) VALUES (501, numbers(501)::vector); -- NULLs in the other columns
DELETE FROM points WHERE id % 10 = 0;

CREATE TABLE arrays (
    id       int PRIMARY KEY,
    vectors  vector(3)[],
    halves   halfvec[],
    bfloats  bf16vec(3)[],
    bytes    int8vec[],
    sparse   sparsevec(5)[],
    free     vector DEFAULT '[1.5,-2.25]'
);
INSERT INTO arrays VALUES
    (1, '{"[1,2,3]","[4,5,6]"}', '{"[1,2]","[3]"}', '{"[0.5,1,2]"}', '{"[-128,127]"}', '{"{1:1.5,3:-2}/5","{}/5"}', DEFAULT),
    (2, '{}', NULL, '{NULL}', '{{"[1]"},{"[2]"}}', '{}', '[1e-20,3.4028235e38]');

CREATE VIEW nearest AS SELECT id FROM points ORDER BY c_vector <-> (SELECT c_vector FROM points WHERE id = 7) LIMIT 5;
CREATE INDEX points_order ON points (c_vector);

SELECT format('CREATE INDEX points_%1$s_%2$s ON points USING hnsw (c_%1$s %1$s_%2$s_ops) WITH (m = 8, ef_construction = 40)', type, metric)
FROM unnest(ARRAY['vector', 'halfvec', 'bf16vec', 'int8vec', 'sparsevec']) AS type, unnest(ARRAY['l2', 'ip', 'cosine', 'l1']) AS metric
\gexec
CREATE INDEX points_bit_hamming ON points USING hnsw (c_bit bit_hamming_ops);
CREATE INDEX points_bit_jaccard ON points USING hnsw (c_bit bit_jaccard_ops);
