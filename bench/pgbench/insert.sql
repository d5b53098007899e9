-- One new row; its vector is one of the query vectors.
\set q random(0, :queries - 1)
INSERT INTO bench_load SELECT nextval('bench_load_ids'), embedding FROM bench_load_queries WHERE id = :q;
