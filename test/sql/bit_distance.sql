-- bit: Hamming and Jaccard distance
\set QUIET on
SELECT a, b, hamming_distance(a, b), a <~> b AS "<~>", jaccard_distance(a, b), a <%> b AS "<%>" FROM (VALUES
    (B'1111', B'1111'), (B'1111', B'1110'), (B'1111', B'1000'), (B'1111', B'0000'), (B'1100', B'1000'), (B'0000', B'0000'),
    (B'', B''), (B'10101010101', B'01010101010'), (B'1', B'0'), (B'100000001', B'000000001')) v(a, b);
-- bit varying is taken, too
SELECT '111'::varbit <~> '110'::varbit, B'1111' <%> '1100'::varbit;
-- from integers, and padded
SELECT hamming_distance(5::bit(3), 6::bit(3)), '101'::bit(5) <~> '10100'::bit(5);

-- lengths around the widths of the kernels, against counting in SQL
CREATE TABLE strings (n int, a varbit, b varbit);
INSERT INTO strings SELECT n, string_agg((i * 7919::bigint % 13 < 5)::int::text, '' ORDER BY i)::varbit, string_agg((i * 104729::bigint % 17 < 8)::int::text, '' ORDER BY i)::varbit
    FROM unnest(ARRAY[7, 8, 9, 63, 64, 65, 127, 255, 256, 257, 511, 513, 1023, 4099, 64000]) n, generate_series(1, n) i GROUP BY n;
CREATE VIEW wrong AS SELECT n FROM strings
    WHERE a <~> b <> bit_count(a # b) OR a <%> b <> 1 - bit_count(a & b)::float8 / bit_count(a | b) OR a <~> a <> 0 OR a <%> a <> 0;
SELECT * FROM wrong;
SET vecx.simd = scalar;
SELECT * FROM wrong;
RESET vecx.simd;
-- stored compressed
SELECT pg_column_size(a) < 8000 AS compressed, a <~> b FROM strings WHERE n = 64000;
SELECT n FROM strings ORDER BY (a <%> b), n LIMIT 3;
DROP VIEW wrong;
DROP TABLE strings;

-- what quantising gives
SELECT binary_quantize('[1,0,-1,0.5]'::vector) <~> B'1010', binary_quantize('[1,0,-1,0.5]'::vector)::bit(4) <%> '1010';
CREATE TABLE items (id int, v vector(3));
INSERT INTO items VALUES (1, '[1,2,3]'), (2, '[-1,2,-3]'), (3, '[1,-2,3]');
SELECT id FROM items ORDER BY binary_quantize(v)::bit(3) <~> binary_quantize('[1,-2,3]'::vector), id;
DROP TABLE items;

SELECT NULL::bit(3) <~> B'111', B'111' <%> NULL;
\set VERBOSITY sqlstate
SELECT B'111' <~> B'11';
SELECT B'111' <%> '1111'::varbit;
\set VERBOSITY terse
SELECT hamming_distance(B'111', B'11');
SELECT jaccard_distance(B'111', B'1111');
