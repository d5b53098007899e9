-- Values whose length does not belong to their dimension, as only damage to a table's file (or a superuser's cast)
-- makes them, are refused before a byte beyond them is touched.
\set QUIET on
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
CREATE CAST (bytea AS bf16vec) WITHOUT FUNCTION;
CREATE CAST (bytea AS int8vec) WITHOUT FUNCTION;
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;

-- Dimension 15,934, -1 and 0, and no dimension at all.
SELECT ('\x3e3e0000'::bytea::vector)::text;
SELECT l2_norm('\xffff0000'::bytea::vector);
SELECT l2_norm('\x00000000'::bytea::vector);
SELECT l2_norm(''::bytea::vector);
SELECT vector_dims(''::bytea::vector);
SELECT vector_send('\xffff0000'::bytea::vector);
SELECT '\xffff0000'::bytea::vector <-> '\xffff0000'::bytea::vector;
SELECT '\xffff0000'::bytea::vector = '\xffff0000'::bytea::vector;
SELECT '\xffff0000'::bytea::vector || '[1]';
SELECT '\xffff0000'::bytea::vector::real[];
SELECT sum(v) FROM (VALUES ('\xffff0000'::bytea::vector), ('\xffff0000'::bytea::vector)) t(v);
SELECT avg(v) FROM (VALUES ('\xffff0000'::bytea::vector)) t(v);
SELECT l2_norm('\xffff0000'::bytea::halfvec);
SELECT l2_norm('\xffff0000'::bytea::bf16vec);
SELECT l2_norm('\xffff0000'::bytea::int8vec);
SELECT '\xffff0000'::bytea::int8vec::int[];
SELECT '\xffff0000'::bytea::vector::sparsevec;

-- sparsevec: too short a value, an index beyond the dimension, the same index twice. (The words are a little-endian
-- machine's.)
SELECT vector_dims(''::bytea::sparsevec);
SELECT l2_norm(''::bytea::sparsevec);
SELECT '\x0300000003000000'::bytea::sparsevec;
SELECT l2_norm('\x030000000300000000000000'::bytea::sparsevec);
SELECT '\x030000000100000000000000ffffff7f0000803f'::bytea::sparsevec::vector;
SELECT avg(s) FROM (VALUES ('{3:1}/3'::sparsevec), ('\x03000000020000000000000002000000020000000000803f0000803f'::bytea::sparsevec)) t(s);

DROP CAST (bytea AS vector);
DROP CAST (bytea AS halfvec);
DROP CAST (bytea AS bf16vec);
DROP CAST (bytea AS int8vec);
DROP CAST (bytea AS sparsevec);
