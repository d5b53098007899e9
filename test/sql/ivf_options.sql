-- ivf and ivfflat: options, settings, limits and errors.
CREATE TABLE t (val vector(3));
CREATE INDEX ON t USING ivfflat (val vector_l2_ops) WITH (lists = 0);
CREATE INDEX ON t USING ivfflat (val vector_l2_ops) WITH (lists = 32769);
CREATE INDEX ON t USING ivfflat (val vector_l2_ops) WITH (quantizer = none);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (lists = -1);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (lists = 1048577);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (quantizer = sq4);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (bits = 9);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (rerank = memory);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (quantizer = none, rerank = heap);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (quantizer = none, bits = 4);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (quantizer = sq8, bits = 8);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (quantizer = pq, bits = 3);
CREATE INDEX ON t USING ivf (val vector_l1_ops) WITH (quantizer = rabitq);
CREATE INDEX ON t USING ivf (val vector_l1_ops) WITH (quantizer = sq8);
CREATE INDEX ON t USING ivf (val vector_l1_ops) WITH (quantizer = pq);
CREATE INDEX ON t USING ivf (val vector_l2_ops) WITH (m = 16);

-- The notice is pgvector's; ivf has no number of lists to live up to.
CREATE INDEX flat ON t USING ivfflat (val) WITH (lists = 3);
CREATE INDEX coded ON t USING ivf (val vector_cosine_ops) WITH (quantizer = rabitq);
CREATE INDEX short ON t USING ivf (val vector_ip_ops);
CREATE INDEX bits1 ON t USING ivf (val vector_l2_ops) WITH (bits = 1, rerank = index);
CREATE INDEX plain ON t USING ivf (val vector_l1_ops);
CREATE INDEX bytes ON t USING ivf (val vector_ip_ops) WITH (quantizer = sq8);
CREATE INDEX words ON t USING ivf (val vector_l2_ops) WITH (quantizer = pq);
CREATE INDEX words1 ON t USING ivf (val vector_cosine_ops) WITH (quantizer = pq, bits = 1, rerank = index);
SELECT i, layout, element_type, metric, dimensions, quantizer, code_bits, own_vector, lists, branches, rerank, auto_probes
FROM unnest('{flat,coded,bits1,plain,short,bytes,words,words1}'::text[]) i, vecx_index_info(i::regclass);
SELECT m, ef_construction, entry_level, places, entry FROM vecx_index_info('flat');
INSERT INTO t SELECT ARRAY[i, i % 7, -i]::vector FROM generate_series(1, 500) i;
SELECT vecx_check_index('flat', true), vecx_check_index('coded', true), vecx_check_index('bits1', true), vecx_check_index('plain', true);
SELECT vecx_check_index('bytes', true), vecx_check_index('words', true), vecx_check_index('words1', true);
REINDEX INDEX flat;
REINDEX INDEX coded;
REINDEX INDEX bytes;
REINDEX INDEX words;
SELECT lists FROM vecx_index_info('flat');
SELECT lists, auto_probes BETWEEN 1 AND lists AS has_probes, auto_probes_reason ~ '^measured' AS measured FROM vecx_index_info('coded');
SELECT vecx_check_index('flat', true), vecx_check_index('coded', true);
SELECT vecx_check_index('bytes', true), vecx_check_index('words', true);
SELECT row_versions, dead_nodes FROM vecx_index_stats('coded');
ALTER INDEX flat SET (lists = 5);
SELECT lists FROM vecx_index_info('flat');
REINDEX INDEX flat;
SELECT lists FROM vecx_index_info('flat');

-- Settings: pgvector's, and those of ivf.
SHOW ivfflat.probes;
SHOW ivfflat.iterative_scan;
SHOW ivfflat.max_probes;
SHOW ivf.probes;
SET ivfflat.probes = 0;
SET ivfflat.probes = 32769;
SET ivfflat.iterative_scan = on;
SET ivfflat.iterative_scan = strict_order;
SET ivfflat.max_probes = 0;
SET ivfflat.max_probes = 32769;
SET ivf.probes = 0;
SET ivf.probes = many;
SET ivf.probes = 12;
SHOW ivf.probes;
SET ivf.probes = AUTO;
RESET ivf.probes;
SET ivf.nothing = 1;
SET ivfflat.nothing = 1;

-- What the access methods cannot do.
CREATE UNIQUE INDEX ON t USING ivfflat (val vector_l2_ops);
CREATE INDEX ON t USING ivf (val vector_l2_ops, val vector_ip_ops);
CREATE INDEX ON t USING ivfflat (val vector_l2_ops) INCLUDE (val);
CREATE INDEX ON t USING ivf (val vector_l2_ops DESC);
CREATE INDEX ON t USING ivfflat (val bit_hamming_ops);
DROP TABLE t;

-- Dimensions.
CREATE TABLE t (val vector);
CREATE INDEX ON t USING ivfflat (val vector_l2_ops);
CREATE INDEX ON t USING ivf (val vector_l2_ops);
CREATE INDEX ON t USING ivfflat ((val::vector(2001)) vector_l2_ops);
CREATE INDEX ON t USING ivf ((val::vector(16000)) vector_l2_ops);
CREATE INDEX ON t USING ivf ((val::vector(1)) vector_cosine_ops);
CREATE INDEX ON t USING ivf ((val::vector(9000)) vector_l2_ops) WITH (quantizer = sq8);
CREATE INDEX ON t USING ivf ((val::vector(9000)) vector_l2_ops) WITH (quantizer = pq);
CREATE INDEX ON t USING ivf ((val::vector(16000)) vector_l2_ops) WITH (quantizer = pq);
CREATE INDEX ON t USING ivf ((val::vector(3000)) vector_l2_ops) WITH (quantizer = pq, bits = 2);
CREATE INDEX ON t USING ivf ((val::vector(1)) vector_ip_ops) WITH (quantizer = pq);
DROP TABLE t;
CREATE TABLE t (val vector(3));
CREATE INDEX ON t USING ivf (val vector_l2_ops);
INSERT INTO t VALUES ('[1,2,3]'), ('[0,0,0]'), (NULL);
SET enable_seqscan = off;
SELECT * FROM t ORDER BY val <-> '[1,2]';
SELECT * FROM t ORDER BY val <-> '[1,2,3]';
SELECT vecx_check_index('pg_class_oid_index');
DROP TABLE t;
