-- Distances, arithmetic, comparison and the other functions of vector, halfvec, bf16vec and int8vec.
SET extra_float_digits = 0;
CREATE TEMP TABLE type (n serial, name text);
INSERT INTO type (name) VALUES ('vector'), ('halfvec'), ('bf16vec'), ('int8vec');
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE command INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
-- Runs an expression over a and b for each type; one row when all types agree.
CREATE FUNCTION pg_temp.all_types(a text, b text, expression text) RETURNS TABLE (result text, types text) LANGUAGE sql AS $$
    SELECT replace(result, name, 'TYPE'), string_agg(name, ' ' ORDER BY n)
    FROM (SELECT n, name, pg_temp.try(format('SELECT %s FROM (SELECT %L::%4$s AS a, %3$L::%4$s AS b) x', expression, a, b, name)) AS result
          FROM type) x
    GROUP BY 1 ORDER BY min(n)
$$;

-- Distances: operator and function, both ways round.
SELECT a, b, expression, r.*
FROM (VALUES (1, '[1,2,3]', '[4,-6,3]'), (2, '[3,4]', '[3,4]'), (3, '[0,0]', '[0,0]'), (4, '[0,0]', '[1,2]'), (5, '[1,0]', '[-5,0]'), (6, '[7]', '[9]'),
             (7, '[100,-100,100]', '[-100,100,100]')) v(i, a, b),
     unnest(ARRAY['l2_distance(a, b)', 'inner_product(a, b)', 'negative_inner_product(a, b)', 'cosine_distance(a, b)', 'l1_distance(a, b)']) WITH ORDINALITY AS e(expression, j),
     pg_temp.all_types(a, b, expression) r
ORDER BY i, j;
SELECT a, b, expression, r.*
FROM (VALUES ('[1,2,3]', '[4,-6,3]'), ('[0,0]', '[1,2]'), ('[0]', '[0]')) v(a, b),
     unnest(ARRAY['(a <-> b) = l2_distance(a, b) AND a <-> b = b <-> a', '(a <#> b) = negative_inner_product(a, b) AND a <#> b = b <#> a',
                  '(a <=> b) = cosine_distance(a, b) AND a <=> b = b <=> a', '(a <+> b) = l1_distance(a, b) AND a <+> b = b <+> a',
                  '-(a <#> b) = inner_product(a, b)']) AS expression,
     pg_temp.all_types(a, b, expression) r;
SELECT name, pg_temp.try(format('SELECT %s_l2_squared_distance(''[1,2]'', ''[4,6]'')', name)),
       pg_temp.try(format('SELECT %s_negative_inner_product(''[1,2]'', ''[4,6]'')', name)),
       pg_temp.try(format('SELECT %s_spherical_distance(''[1,0]'', ''[0,1]'')', name)),
       pg_temp.try(format('SELECT %s_spherical_distance(''[1,1]'', ''[1,1]'')', name)),
       pg_temp.try(format('SELECT %s_spherical_distance(''[1,1]'', ''[-1,-1]'')', name))
FROM type;
-- Sums of floats are sums of floats: what does not fit is infinite, as in pgvector.
SELECT a, b, expression, r.*
FROM (VALUES ('[3e38]', '[-3e38]')) v(a, b), unnest(ARRAY['a <-> b', 'a <#> b', 'a <+> b']) AS expression, pg_temp.all_types(a, b, expression) r;
-- Other lengths than those that fill a register: compared with plain SQL.
SELECT name, count(*), bool_and(pg_temp.try(format(
    'SELECT abs((a <-> b) - l2) < 1e-3 AND (a <#> b) = ip AND abs((a <=> b) - cos) < 1e-6 AND (a <+> b) = l1
     FROM (SELECT array_agg(i %% 5 - 2 ORDER BY i)::%1$s AS a, array_agg(i %% 3 ORDER BY i)::%1$s AS b,
                  sqrt(sum((i %% 5 - 2 - i %% 3) ^ 2)) AS l2, -sum((i %% 5 - 2) * (i %% 3)) AS ip, sum(abs(i %% 5 - 2 - i %% 3)) AS l1,
                  1 - sum((i %% 5 - 2) * (i %% 3)) / sqrt(sum((i %% 5 - 2) ^ 2) * sum((i %% 3) ^ 2)) AS cos
           FROM generate_series(1, %2$s) i) x', name, dim))::bool) AS right
FROM type, (SELECT generate_series(1, 70) UNION ALL VALUES (128), (255), (768), (1536), (16000)) d(dim)
GROUP BY n, name ORDER BY n;

-- Different dimensions.
SELECT e.expression, r.*
FROM unnest(ARRAY['a <-> b', 'a <#> b', 'a <=> b', 'a <+> b', 'a + b', 'a - b', 'a * b', 'l2_distance(b, a)', 'a || b', 'a = b', 'a < b']) AS e(expression),
     pg_temp.all_types('[1,2,3]', '[1,2]', e.expression) r;

-- Arithmetic.
SELECT e.expression, r.* FROM unnest(ARRAY['a + b', 'a - b', 'a * b', 'a || b', 'b || a', 'a - a']) AS e(expression), pg_temp.all_types('[1,2,-3]', '[4,-5,0]', e.expression) r;
SELECT a, b, e.expression, r.*
FROM (VALUES ('[127]', '[1]'), ('[-128]', '[1]'), ('[-128]', '[-1]'), ('[12]', '[11]'), ('[65504]', '[65504]'), ('[65504]', '[16]'), ('[65504]', '[15]'), ('[3e38]', '[1e38]'), ('[-3e38]', '[1e38]'),
             ('[1e-30]', '[1e-30]'), ('[1e-7]', '[1e-7]'), ('[0]', '[1e-30]'), ('[1,2]', '[1e-40,3]')) v(a, b),
     unnest(ARRAY['a + b', 'a - b', 'a * b']) AS e(expression), pg_temp.all_types(a, b, e.expression) r;
SELECT r.* FROM pg_temp.all_types('[' || repeat('1,', 9999) || '1]', '[' || repeat('1,', 6000) || '1]', 'a || b') r;
SELECT r.* FROM pg_temp.all_types('[' || repeat('1,', 9999) || '1]', '[' || repeat('1,', 5999) || '1]', 'vector_dims(a || b)') r;

-- Norms and dimensions.
SELECT a, e.expression, r.*
FROM unnest(ARRAY['[3,4]', '[0,0]', '[1]', '[-1,-1,-1,-1]', '[100,100,100,100]', '[1e30,-1e30]', '[1e-40]']) AS a,
     unnest(ARRAY['vector_dims(a)', 'l2_norm(a)', 'l2_normalize(a)', 'l2_norm(l2_normalize(a))']) AS e(expression), pg_temp.all_types(a, '[1]', e.expression) r;
SELECT vector_norm('[3,4]'), vector_norm('[3e38,3e38]'), l2_norm('[3,4]'::vector);

-- Bits and parts.
SELECT a, r.* FROM unnest(ARRAY['[1]', '[-1,0,1,2,-3,0,5,1]', '[0,0,0,0,0,0,0,0,1]', '[1,-1,1,-1,1,-1,1,-1,1,-1,1,-1,1]', '[1e-45,-1e-45,-0]']) AS a,
     pg_temp.all_types(a, '[1]', 'binary_quantize(a)') r;
SELECT r.* FROM pg_temp.all_types('[1,-1]', '[1]', 'length(binary_quantize(a || a || a)) || pg_typeof(binary_quantize(a))::text') r;
SELECT start, count, r.*
FROM (VALUES (1, 5), (1, 3), (2, 3), (5, 1), (3, 100), (-1, 4), (0, 2), (2147483647, 2147483647), (-2147483648, 2147483647), (1, 0), (1, -1), (6, 1), (-5, 3), (0, 1), (1, 2147483647),
             (-2147483648, -2147483648), (3, NULL)) v(start, count),
     LATERAL pg_temp.all_types('[1,2,3,4,5]', '[1]', format('subvector(a, %L, %L)', start, count)) r;

-- Comparison: elements first, then length; -0 equals 0.
SELECT a, b, e.expression, r.*
FROM (VALUES ('[1,2,3]', '[1,2,3]'), ('[1,2,3]', '[1,2,4]'), ('[1,2]', '[1,2,3]'), ('[2]', '[1,2,3]'), ('[-1]', '[1]'), ('[-0,1]', '[0,1]'), ('[-2,0]', '[-1,0]')) v(a, b),
     unnest(ARRAY['concat(a < b, a <= b, a = b, a <> b, a >= b, a > b)', 'concat(b < a, b <= a, b = a, b <> a, b >= a, b > a)']) AS e(expression),
     pg_temp.all_types(a, b, e.expression) r;
SELECT name, a, b, pg_temp.try(format('SELECT %s_cmp(%L, %L)', name, a, b)) FROM type, (VALUES ('[1]', '[2]'), ('[2]', '[1]'), ('[1]', '[1]'), ('[1]', '[1,1]')) v(a, b) ORDER BY a, b, n;

-- NULL in, NULL out.
SELECT name, pg_temp.try(format('SELECT num_nonnulls(x <-> NULL, NULL <#> x, x <=> NULL, x <+> NULL, x + NULL, x * NULL, x || NULL, l2_norm(NULL::%1$s), x < NULL) FROM (SELECT ''[1]''::%1$s AS x) v', name)) FROM type;

-- pgvector's expressions with literals of unknown type resolve as there.
SELECT '[1,2]'::vector <-> '[3,4]', '[1,2]' <=> '[3,4]'::halfvec, l2_distance('[1,2]'::vector, '[3,4]'), '[1,2]'::vector <-> '[1,2]'::halfvec,
       '[1,2]'::int8vec <-> '[1,2]'::vector, '[1,2]'::vector <-> '[1,2]'::bf16vec;
SELECT l2_distance('[1,2]', '[3,4]');
