-- Text input and output of vector, halfvec, bf16vec and int8vec.
\pset null '(null)'
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    detail text;
BEGIN
    EXECUTE command INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || SQLERRM || CASE WHEN detail <> '' THEN ' [' || detail || ']' ELSE '' END;
END $$;
CREATE TEMP TABLE type (n serial, name text);
INSERT INTO type (name) VALUES ('vector'), ('halfvec'), ('bf16vec'), ('int8vec');

-- What all types take.
SELECT input, count(*), min(output), max(output)
FROM (SELECT n, input, pg_temp.try(format('SELECT %L::%s', input, name)) AS output
      FROM type, unnest(ARRAY['[1,2,3]', '[-1,0,+7]', ' [ 1 , 2 ] ', E'\t[\n1\r,\x0b2\f]\n', '[127]', '[007]', '[-0]',
                              '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]']) AS input) x
WHERE NOT (n <> 4 AND input = '[-0]')
GROUP BY input ORDER BY input COLLATE "C";

-- What all types refuse.
SELECT input, pg_temp.try(format('SELECT %L::vector', input)) AS error,
       (SELECT bool_and(replace(pg_temp.try(format('SELECT %L::%s', input, name)), name, 'vector') =
                        pg_temp.try(format('SELECT %L::vector', input))) FROM type) AS same_for_all
FROM unnest(ARRAY['', ' ', '[', '[]', '[ ]', '[,]', '[1,]', '[1,,2]', '[,1]', '[1', '[1,', '[1 ', '[1 2]', '1]', '1', '{1}',
                  '[1}', '[[1]]', '[1]]', '[1],', '[1] x', '[a]', '[1a]', '[-]', '[+-1]', '[- 1]', '[--1]', '[1;2]',
                  '[null]', E'[1\u00a02]']) AS input;

-- Numbers, by type.
SELECT input, name, pg_temp.try(format('SELECT %L::%s', input, name)) AS output
FROM unnest(ARRAY['[1.5]', '[.5,5.,-.5e1]', '[1e-5,1E+2,1e5]', '[0x1p-2]', '[-0]', '[0.1]', '[16777217,33554433]', '[65504]', '[65520]',
                  '[128]', '[-128]', '[-129]', '[1e38]', '[3.4e38]', '[3.4028236e38]', '[-1e39]', '[1e-45]', '[1e-46]',
                  '[1e400]', '[-1e400]', '[1e-400]', '[nan]', '[NaN]', '[inf]', '[-Infinity]', '[99999999999999999999]', '[1e]',
                  '[1e+]', '[.]', '[0.000000059604645,0.00000002]', '[1.2345678,12345678.9]']) WITH ORDINALITY AS input(input, i), type
ORDER BY i, n;

-- Floats are read to the nearest one, wherever the text stops; the halves between two floats are decided exactly.
SELECT input, ('[' || input || ']')::vector::text = '[' || input::real::text || ']' AS as_real
FROM unnest(ARRAY['0.30000001192092896', '1.00000005960464477539062', '1.00000005960464477539063', '1.000000059604644775390625',
                  '1.00000017881393432617187500', '1.00000017881393432617187499', '8388608.5', '8388609.5', '8388609.49999999999',
                  '123456789012345678', '1234567890123456789', '12345678901234567890', '0.0000000000000000000001', '1e22',
                  '1e23', '7.2057594037927933e16', '9007199254740993', '0.1e-21', '4.7019774032891500318749461488889827e-38',
                  '1.1754943508222875e-38', '1.17549428e-38', '1.4e-45', '3.4028234663852885e38', '340282350000000000000000000000000000000']) AS input;
SELECT bool_and(('[' || x::text || ']')::vector::text = '[' || x::text || ']') AS reals_round_trip, count(*)
FROM (SELECT ((i * 7919 % 20011 - 10000)::float8 * power(10, i % 70 - 35))::real AS x FROM generate_series(1, 5000) i) s;

-- Messages quote a bounded part of the input, and no part of a character.
SELECT name, length(message), right(message, 12)
FROM type, LATERAL (SELECT pg_temp.try(format('SELECT %L::%s', '[' || repeat('1,', 5000) || 'x]', name)) AS message) m;
SELECT length(message), right(message, 12) FROM pg_temp.try(format('SELECT %L::vector', repeat(U&'\00e9', 5000))) AS message;
SELECT length(message), right(message, 40) FROM pg_temp.try(format('SELECT %L::vector', '[' || repeat('9', 5000) || ']')) AS message;

-- Typmods.
SELECT name, typmod, pg_temp.try(format('SELECT ''[1,2,3]''::%s(%s)', name, typmod)) AS output
FROM type, unnest(ARRAY['3', '2', '4', '16000', '0', '-1', '16001', '3,3', 'x']) WITH ORDINALITY AS typmod(typmod, i) ORDER BY i, n;
SELECT name, pg_temp.try(format('SELECT NULL::%s(3)', name)),
       format_type(to_regtype(name), 3)
FROM type;
CREATE TEMP TABLE columns (a vector(2), b halfvec(2), c bf16vec(2), d int8vec(2));
INSERT INTO columns VALUES ('[1,2]', '[1,2]', '[1,2]', '[1,2]'), (NULL, NULL, NULL, NULL);
INSERT INTO columns (a) VALUES ('[1,2,3]');
INSERT INTO columns (b) VALUES ('[1]');
INSERT INTO columns (c) VALUES ('[1,2,3]'::bf16vec);
INSERT INTO columns (d) SELECT '[1,2,3]'::int8vec;
SELECT * FROM columns;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'columns'::regclass AND attnum > 0 ORDER BY attnum;

-- The largest dimension, and one more.
SELECT name, pg_temp.try(format('SELECT vector_dims(%L::%s(16000))', '[' || repeat('1,', 15999) || '1]', name)) AS most,
       pg_temp.try(format('SELECT %L::%s', '[' || repeat('1,', 16000) || '1]', name)) AS one_more
FROM type;

-- COPY in text.
CREATE TEMP TABLE lines (a vector(3), b halfvec, c bf16vec, d int8vec);
COPY lines FROM stdin;
[1,2,3]	[0.5]	[1e10,-2]	[-128,127]
\N	\N	\N	\N
\.
COPY lines TO stdout;
COPY lines FROM stdin;
[1,2]	\N	\N	\N
\.
COPY lines FROM stdin (FORMAT csv);
"[1,2,3]","[1,2,]",,
\.

-- Errors as values, where PostgreSQL has them (16 and later).
SELECT name, input, CASE WHEN current_setting('server_version_num')::int >= 160000
                         THEN pg_temp.try(format('SELECT pg_input_is_valid(%L, %L)', input, name || '(2)'))
                         ELSE (input = '[1,2]')::text END AS valid
FROM type, unnest(ARRAY['[1,2]', '[1]', '[1,x]', '[1,1e99]', '[nan,1]', '[]']) AS input;
