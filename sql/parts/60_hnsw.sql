-- The hnsw access method. Names of operator classes are pgvector's; as there, none is a type's default.

CREATE FUNCTION hnswhandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vecx_hnsw_handler' LANGUAGE C;

COMMENT ON FUNCTION hnswhandler(internal) IS 'hnsw index access method handler';

CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER hnswhandler;

COMMENT ON ACCESS METHOD hnsw IS 'hnsw index access method';

-- Support function 1 of an operator class names the type and the metric to the access method.

CREATE FUNCTION hnsw_vector_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f32_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_vector_l2_support(internal) IS 'hnsw index support: vector, Euclidean distance';

CREATE FUNCTION hnsw_vector_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f32_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_vector_ip_support(internal) IS 'hnsw index support: vector, inner product';

CREATE FUNCTION hnsw_vector_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f32_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_vector_cosine_support(internal) IS 'hnsw index support: vector, cosine distance';

CREATE FUNCTION hnsw_vector_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f32_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_vector_l1_support(internal) IS 'hnsw index support: vector, taxicab distance';

CREATE FUNCTION hnsw_halfvec_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f16_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_halfvec_l2_support(internal) IS 'hnsw index support: halfvec, Euclidean distance';

CREATE FUNCTION hnsw_halfvec_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f16_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_halfvec_ip_support(internal) IS 'hnsw index support: halfvec, inner product';

CREATE FUNCTION hnsw_halfvec_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f16_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_halfvec_cosine_support(internal) IS 'hnsw index support: halfvec, cosine distance';

CREATE FUNCTION hnsw_halfvec_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_f16_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_halfvec_l1_support(internal) IS 'hnsw index support: halfvec, taxicab distance';

CREATE FUNCTION hnsw_bf16vec_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_bf16_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bf16vec_l2_support(internal) IS 'hnsw index support: bf16vec, Euclidean distance';

CREATE FUNCTION hnsw_bf16vec_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_bf16_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bf16vec_ip_support(internal) IS 'hnsw index support: bf16vec, inner product';

CREATE FUNCTION hnsw_bf16vec_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_bf16_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bf16vec_cosine_support(internal) IS 'hnsw index support: bf16vec, cosine distance';

CREATE FUNCTION hnsw_bf16vec_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_bf16_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bf16vec_l1_support(internal) IS 'hnsw index support: bf16vec, taxicab distance';

CREATE FUNCTION hnsw_int8vec_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_i8_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_int8vec_l2_support(internal) IS 'hnsw index support: int8vec, Euclidean distance';

CREATE FUNCTION hnsw_int8vec_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_i8_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_int8vec_ip_support(internal) IS 'hnsw index support: int8vec, inner product';

CREATE FUNCTION hnsw_int8vec_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_i8_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_int8vec_cosine_support(internal) IS 'hnsw index support: int8vec, cosine distance';

CREATE FUNCTION hnsw_int8vec_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_i8_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_int8vec_l1_support(internal) IS 'hnsw index support: int8vec, taxicab distance';

CREATE FUNCTION hnsw_sparsevec_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_sparse_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_sparsevec_l2_support(internal) IS 'hnsw index support: sparsevec, Euclidean distance';

CREATE FUNCTION hnsw_sparsevec_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_sparse_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_sparsevec_ip_support(internal) IS 'hnsw index support: sparsevec, inner product';

CREATE FUNCTION hnsw_sparsevec_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_sparse_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_sparsevec_cosine_support(internal) IS 'hnsw index support: sparsevec, cosine distance';

CREATE FUNCTION hnsw_sparsevec_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_sparse_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_sparsevec_l1_support(internal) IS 'hnsw index support: sparsevec, taxicab distance';

CREATE FUNCTION hnsw_bit_hamming_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_bit_hamming' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bit_hamming_support(internal) IS 'hnsw index support: bit, Hamming distance';

CREATE FUNCTION hnsw_bit_jaccard_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_hnsw_bit_jaccard' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hnsw_bit_jaccard_support(internal) IS 'hnsw index support: bit, Jaccard distance';

CREATE OPERATOR CLASS vector_l2_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (vector, sphere_vector),
    FUNCTION 1 hnsw_vector_l2_support(internal);

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (vector, sphere_vector),
    FUNCTION 1 hnsw_vector_ip_support(internal);

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (vector, sphere_vector),
    FUNCTION 1 hnsw_vector_cosine_support(internal);

CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (vector, sphere_vector),
    FUNCTION 1 hnsw_vector_l1_support(internal);

CREATE OPERATOR CLASS halfvec_l2_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (halfvec, sphere_halfvec),
    FUNCTION 1 hnsw_halfvec_l2_support(internal);

CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (halfvec, sphere_halfvec),
    FUNCTION 1 hnsw_halfvec_ip_support(internal);

CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (halfvec, sphere_halfvec),
    FUNCTION 1 hnsw_halfvec_cosine_support(internal);

CREATE OPERATOR CLASS halfvec_l1_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (halfvec, sphere_halfvec),
    FUNCTION 1 hnsw_halfvec_l1_support(internal);

CREATE OPERATOR CLASS bf16vec_l2_ops
    FOR TYPE bf16vec USING hnsw AS
    OPERATOR 1 <-> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (bf16vec, sphere_bf16vec),
    FUNCTION 1 hnsw_bf16vec_l2_support(internal);

CREATE OPERATOR CLASS bf16vec_ip_ops
    FOR TYPE bf16vec USING hnsw AS
    OPERATOR 1 <#> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (bf16vec, sphere_bf16vec),
    FUNCTION 1 hnsw_bf16vec_ip_support(internal);

CREATE OPERATOR CLASS bf16vec_cosine_ops
    FOR TYPE bf16vec USING hnsw AS
    OPERATOR 1 <=> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (bf16vec, sphere_bf16vec),
    FUNCTION 1 hnsw_bf16vec_cosine_support(internal);

CREATE OPERATOR CLASS bf16vec_l1_ops
    FOR TYPE bf16vec USING hnsw AS
    OPERATOR 1 <+> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (bf16vec, sphere_bf16vec),
    FUNCTION 1 hnsw_bf16vec_l1_support(internal);

CREATE OPERATOR CLASS int8vec_l2_ops
    FOR TYPE int8vec USING hnsw AS
    OPERATOR 1 <-> (int8vec, int8vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (int8vec, sphere_int8vec),
    FUNCTION 1 hnsw_int8vec_l2_support(internal);

CREATE OPERATOR CLASS int8vec_ip_ops
    FOR TYPE int8vec USING hnsw AS
    OPERATOR 1 <#> (int8vec, int8vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (int8vec, sphere_int8vec),
    FUNCTION 1 hnsw_int8vec_ip_support(internal);

CREATE OPERATOR CLASS int8vec_cosine_ops
    FOR TYPE int8vec USING hnsw AS
    OPERATOR 1 <=> (int8vec, int8vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (int8vec, sphere_int8vec),
    FUNCTION 1 hnsw_int8vec_cosine_support(internal);

CREATE OPERATOR CLASS int8vec_l1_ops
    FOR TYPE int8vec USING hnsw AS
    OPERATOR 1 <+> (int8vec, int8vec) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (int8vec, sphere_int8vec),
    FUNCTION 1 hnsw_int8vec_l1_support(internal);

CREATE OPERATOR CLASS sparsevec_l2_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (sparsevec, sphere_sparsevec),
    FUNCTION 1 hnsw_sparsevec_l2_support(internal);

CREATE OPERATOR CLASS sparsevec_ip_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (sparsevec, sphere_sparsevec),
    FUNCTION 1 hnsw_sparsevec_ip_support(internal);

CREATE OPERATOR CLASS sparsevec_cosine_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <=> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (sparsevec, sphere_sparsevec),
    FUNCTION 1 hnsw_sparsevec_cosine_support(internal);

CREATE OPERATOR CLASS sparsevec_l1_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <+> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (sparsevec, sphere_sparsevec),
    FUNCTION 1 hnsw_sparsevec_l1_support(internal);

CREATE OPERATOR CLASS bit_hamming_ops
    FOR TYPE bit USING hnsw AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
    OPERATOR 2 <<~>> (bit, sphere_bit),
    FUNCTION 1 hnsw_bit_hamming_support(internal);

CREATE OPERATOR CLASS bit_jaccard_ops
    FOR TYPE bit USING hnsw AS
    OPERATOR 1 <%> (bit, bit) FOR ORDER BY float_ops,
    OPERATOR 2 <<%>> (bit, sphere_bit),
    FUNCTION 1 hnsw_bit_jaccard_support(internal);

-- Looking at an index. Functions that read all of it ask who calls: its owner may, and members of pg_stat_scan_tables.

CREATE FUNCTION vecx_index_info(index regclass, OUT layout text, OUT element_type text, OUT metric text,
    OUT dimensions int, OUT m int, OUT ef_construction int, OUT entry_level int, OUT pages bigint,
    OUT quantizer text, OUT code_bits int, OUT own_vector text, OUT places int, OUT entry text, OUT lists int,
    OUT branches int, OUT rerank text, OUT auto_probes int, OUT auto_probes_reason text, OUT attributes int)
    AS 'MODULE_PATHNAME', 'vecx_index_info' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecx_index_info(regclass) IS 'what an hnsw, ivf or ivfflat index says about itself';

CREATE FUNCTION vecx_index_stats(index regclass, OUT pages bigint, OUT nodes bigint, OUT dead_nodes bigint,
    OUT row_versions bigint, OUT chunks bigint, OUT links bigint, OUT free_bytes bigint)
    AS 'MODULE_PATHNAME', 'vecx_index_stats' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecx_index_stats(regclass) IS 'what the pages of an hnsw, ivf or ivfflat index hold; reads all of them';

CREATE FUNCTION vecx_last_scan(OUT index regclass, OUT layout text, OUT ef_search int, OUT look_ahead bigint,
    OUT nodes bigint, OUT estimates bigint, OUT distances bigint, OUT pages bigint, OUT rows bigint, OUT rechecked bigint,
    OUT swept boolean, OUT probes int, OUT lists bigint)
    AS 'MODULE_PATHNAME', 'vecx_last_scan' LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecx_last_scan() IS 'what the latest scan of an index of vecx in this session did';

CREATE FUNCTION vecx_check_index(index regclass, heapallindexed boolean DEFAULT false) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vecx_check_index' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecx_check_index(regclass, boolean) IS 'number of rows in an hnsw, ivf or ivfflat index, after checking all of it, and all rows of its table against it; an error where it is damaged';
