-- Run from the top of the checkout by scripts/quickstart, in a new database.
\set ON_ERROR_STOP 1
\set QUIET 1
SET client_min_messages = warning;

CREATE EXTENSION vecx;

CREATE TABLE packages (
    id             int PRIMARY KEY,
    name           text NOT NULL,
    section        text NOT NULL,
    priority       text NOT NULL,
    installed_size int NOT NULL,            -- KiB
    maintainer     text NOT NULL,
    title          text NOT NULL,
    description    text NOT NULL,
    embedding      vector(192) NOT NULL
);
CREATE TABLE queries (
    id         int PRIMARY KEY,
    package_id int NOT NULL REFERENCES packages,
    title      text NOT NULL,
    embedding  vector(192) NOT NULL
);
\copy packages FROM PROGRAM 'gzip -dc test/data/packages.tsv.gz' WITH (FORMAT text, HEADER match)
\copy queries FROM PROGRAM 'gzip -dc test/data/queries.tsv.gz' WITH (FORMAT text, HEADER match)
CREATE INDEX packages_section ON packages (section);
ANALYZE;

-- Runs the ten nearest packages of every query exactly (no index) and through the index.
-- Recall counts by distance: a package at the tenth distance is as good as the tenth package.
CREATE FUNCTION exact_against_index() RETURNS TABLE (search text, queries bigint, recall_at_10 numeric, ms_per_query numeric)
LANGUAGE plpgsql AS $$
DECLARE
    query record;
    exact float8[];
    found float8[];
    started timestamptz;
    exact_ms float8 := 0;
    index_ms float8 := 0;
    hits bigint := 0;
    search_text constant text := 'SELECT array_agg(d ORDER BY d) FROM (SELECT embedding <=> $1 AS d FROM packages'
        ' ORDER BY embedding <=> $1 LIMIT 10) nearest';
BEGIN
    queries := 0;
    FOR query IN SELECT embedding FROM queries AS q ORDER BY q.id LOOP
        PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
        started := clock_timestamp();
        EXECUTE search_text INTO exact USING query.embedding;
        exact_ms := exact_ms + 1000 * extract(epoch FROM clock_timestamp() - started);

        PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
        started := clock_timestamp();
        EXECUTE search_text INTO found USING query.embedding;
        index_ms := index_ms + 1000 * extract(epoch FROM clock_timestamp() - started);

        hits := hits + (SELECT count(*) FROM unnest(found) AS d WHERE d <= exact[10] + 1e-6);
        queries := queries + 1;
    END LOOP;
    search := 'exact, every row';
    recall_at_10 := 1;
    ms_per_query := round((exact_ms / queries)::numeric, 3);
    RETURN NEXT;
    search := 'hnsw index';
    recall_at_10 := round(hits / (10.0 * queries), 3);
    ms_per_query := round((index_ms / queries)::numeric, 3);
    RETURN NEXT;
END
$$;
