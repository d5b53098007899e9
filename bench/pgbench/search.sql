-- The ten nearest rows of a random query vector. The driver puts the set's own operator in place of <->.
\set q random(0, :queries - 1)
SELECT id FROM bench_load ORDER BY embedding <-> (SELECT embedding FROM bench_load_queries WHERE id = :q) LIMIT 10;
