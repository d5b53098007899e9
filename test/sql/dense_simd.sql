-- Every instruction-set level of this build and CPU gives the same results to the precision of a float; what
-- this CPU does not have passes untested, so that the output is the same on all.
SELECT '[1]'::vector <-> '[2]' AS loads_the_library;
SELECT current_setting('vecx.simd') AS best \gset
CREATE TEMP TABLE pair (dim int, v vector, w vector, h halfvec, g halfvec, b bf16vec, c bf16vec, i int8vec, j int8vec);
SELECT setseed(0.5);
INSERT INTO pair SELECT dim, a, d, a, d, a, d, a, d FROM (SELECT generate_series(1, 70) UNION ALL VALUES (127), (128), (129), (768), (1000), (16000)) s(dim),
    LATERAL (SELECT array_agg((random() * 200 - 100)::real)::vector AS a, array_agg((random() * 200 - 100)::real)::vector AS d FROM generate_series(1, dim + 0)) r;
-- One number for each kernel and row.
CREATE FUNCTION pg_temp.measure() RETURNS TABLE (dim int, what text, value float8) LANGUAGE sql AS $$
    SELECT dim, what, value FROM pair, unnest(
        ARRAY['v <->', 'v <#>', 'v <=>', 'v <+>', 'h <->', 'h <#>', 'h <=>', 'h <+>', 'b <->', 'b <#>', 'b <=>', 'b <+>', 'i <->', 'i <#>', 'i <=>', 'i <+>', 'h norm', 'b avg'],
        ARRAY[v <-> w, v <#> w, v <=> w, v <+> w, h <-> g, h <#> g, h <=> g, h <+> g, b <-> c, b <#> c, b <=> c, b <+> c, i <-> j, i <#> j, i <=> j, i <+> j,
              l2_norm(h::vector), l2_norm(b::vector::halfvec::vector)]) m(what, value)
$$;
SET vecx.simd = scalar;
SHOW vecx.simd;
CREATE TEMP TABLE reference AS SELECT * FROM pg_temp.measure();
CREATE FUNCTION pg_temp.compare(level text) RETURNS TABLE (rows bigint, all_right bool, wrong text) LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM set_config('vecx.simd', level, false);
    EXCEPTION WHEN invalid_parameter_value THEN
        PERFORM set_config('vecx.simd', 'scalar', false); -- not on this CPU
    END;
    RETURN QUERY
    SELECT count(*), bool_and(ok), string_agg(DISTINCT m.what, ', ' ORDER BY m.what) FILTER (WHERE NOT ok)
    FROM pg_temp.measure() m JOIN reference r USING (dim, what),
         -- a sum's error grows with the size of its terms, not with the sum; integers are exact
         LATERAL (SELECT CASE WHEN what LIKE 'i%' THEN m.value = r.value
                              WHEN what LIKE '%=>' THEN abs(m.value - r.value) < 1e-5
                              WHEN what LIKE '%#>' THEN abs(m.value - r.value) < 1e-5 * 10000 * sqrt(dim) * 4
                              ELSE abs(m.value - r.value) <= 1e-5 * r.value END AS ok) o;
END $$;
SELECT * FROM unnest(ARRAY['scalar', 'x86-64-v2', 'avx2', 'avx512', 'neon', 'auto']) level, pg_temp.compare(level);
SELECT current_setting('vecx.simd') = :'best' AS auto_is_best;
SET vecx.simd = 'mmx';
RESET vecx.simd;
