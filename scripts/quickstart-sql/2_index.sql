\set ON_ERROR_STOP 1
\set QUIET 1
CREATE INDEX packages_embedding ON packages USING hnsw (embedding vector_cosine_ops);
