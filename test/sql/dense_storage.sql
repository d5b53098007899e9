-- Values as tables hold them: behind a short header, plain, compressed, moved to the toast table.
CREATE TEMP TABLE type (n serial, name text);
INSERT INTO type (name) VALUES ('vector'), ('halfvec'), ('bf16vec'), ('int8vec');
SELECT typname, typlen, typbyval, typalign, typstorage, typcategory, typinput, typoutput, typreceive, typsend, typmodin, typmodout
FROM pg_type WHERE typname IN (SELECT name FROM type) ORDER BY typname;
SELECT pg_column_size('[1,2,3]'::vector), pg_column_size('[1,2,3]'::halfvec), pg_column_size('[1,2,3]'::bf16vec), pg_column_size('[1,2,3]'::int8vec);

CREATE TABLE stored (dim int, how text, v vector, h halfvec, b bf16vec, i int8vec);
CREATE FUNCTION pg_temp.fill(how text, storage text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c text;
BEGIN
    FOREACH c IN ARRAY ARRAY['v', 'h', 'b', 'i'] LOOP
        EXECUTE format('ALTER TABLE stored ALTER %s SET STORAGE %s', c, storage);
    END LOOP;
    INSERT INTO stored SELECT dim, how, a, a, a, a FROM unnest(ARRAY[1, 2, 3, 28, 29, 30, 31, 57, 58, 59, 115, 116, 117, 118, 119, 120, 300, 1900]) dim,
        LATERAL (SELECT array_agg(CASE WHEN n % 2 = 0 THEN n % 7 - 3 ELSE dim % 5 END ORDER BY n) AS a FROM generate_series(1, dim) n) s;
END $$;
SELECT pg_temp.fill('external', 'external'), pg_temp.fill('extended', 'extended'), pg_temp.fill('main', 'main');
-- They are there in all forms: short, in line, compressed, toasted.
SELECT how, min(pg_column_size(v)) < 20 AS short, max(pg_column_size(v)) > 7000 AS whole, count(pg_column_compression(v)) > 0 AS compressed FROM stored GROUP BY how ORDER BY how;
SELECT pg_relation_size(reltoastrelid) > 0 AS toasted FROM pg_class WHERE oid = 'stored'::regclass;

-- Each function takes each form; the same value, built again, is the reference.
CREATE TEMP TABLE fresh AS SELECT dim, how, v::text, h::text, b::text, i::text FROM stored WHERE how = 'external';
SELECT s.how, count(*), bool_and(s.v::text = f.v AND s.h::text = f.h AND s.b::text = f.b AND s.i::text = f.i) AS text,
       bool_and(vector_send(s.v) = vector_send(f.v::vector) AND halfvec_send(s.h) = halfvec_send(f.h::halfvec) AND bf16vec_send(s.b) = bf16vec_send(f.b::bf16vec) AND int8vec_send(s.i) = int8vec_send(f.i::int8vec)) AS send,
       bool_and(s.v = f.v::vector AND s.h = f.h::halfvec AND s.b = f.b::bf16vec AND s.i = f.i::int8vec) AS equal,
       bool_and(s.v <-> f.v::vector = 0 AND s.h <-> f.h::halfvec = 0 AND s.b <+> f.b::bf16vec = 0 AND s.i <+> f.i::int8vec = 0) AS distance,
       bool_and(s.v <#> f.v::vector = s.h <#> f.h::halfvec AND s.b <#> f.b::bf16vec = s.i <#> f.i::int8vec) AS product,
       bool_and(vector_dims(s.v) = s.dim AND vector_dims(s.h) = s.dim AND vector_dims(s.b) = s.dim AND vector_dims(s.i) = s.dim) AS dims,
       bool_and(l2_norm(s.v) = l2_norm(s.i) AND l2_norm(s.h) = l2_norm(s.b)) AS norm,
       bool_and(s.v + s.v = s.v * (array_fill(2, ARRAY[s.dim]))::vector AND s.i - s.i = array_fill(0, ARRAY[s.dim])::int8vec) AS arithmetic,
       bool_and(binary_quantize(s.v) = binary_quantize(f.i::int8vec) AND binary_quantize(s.h) = binary_quantize(s.b)) AS bits,
       bool_and(subvector(s.v, 1, s.dim) = s.v AND subvector(s.i, 1, s.dim) = s.i AND s.h || s.h = f.h::halfvec || s.h) AS parts,
       bool_and(s.v::halfvec = s.h AND s.h::bf16vec = s.b AND s.b::int8vec = s.i AND s.i::vector = s.v AND s.v::real[]::vector = s.v) AS casts,
       bool_and(s.v::vector(1900) = s.v) FILTER (WHERE s.dim = 1900) AS typmod
FROM stored s JOIN fresh f USING (dim) GROUP BY s.how ORDER BY s.how;
SELECT how, sum(v) = sum(i) AS sums, avg(h)::bf16vec = avg(b) AS averages FROM stored WHERE dim = 1900 GROUP BY how ORDER BY how;
-- The cast to itself hands on the value; it can be stored in another table.
ALTER TABLE stored ADD w vector(1900);
UPDATE stored SET w = v WHERE dim = 1900;
SELECT count(*), bool_and(w = v) FROM stored WHERE w IS NOT NULL;
UPDATE stored SET w = v WHERE dim = 300;
DROP TABLE stored;
