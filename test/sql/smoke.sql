SHOW hnsw.ef_search;
SELECT extname FROM pg_extension WHERE extname = 'vecx';
