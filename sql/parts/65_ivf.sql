-- The access methods ivf and ivfflat: lists of rows around centroids. ivfflat has pgvector's options and settings, and its
-- operator classes by name; as there, vector_l2_ops is the default of type vector.

CREATE FUNCTION ivfhandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vecx_ivf_handler' LANGUAGE C;

COMMENT ON FUNCTION ivfhandler(internal) IS 'ivf index access method handler';

CREATE ACCESS METHOD ivf TYPE INDEX HANDLER ivfhandler;

COMMENT ON ACCESS METHOD ivf IS 'ivf index access method';

CREATE FUNCTION ivfflathandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vecx_ivfflat_handler' LANGUAGE C;

COMMENT ON FUNCTION ivfflathandler(internal) IS 'ivfflat index access method handler';

CREATE ACCESS METHOD ivfflat TYPE INDEX HANDLER ivfflathandler;

COMMENT ON ACCESS METHOD ivfflat IS 'ivfflat index access method';

-- Support function 1 names the type and the metric, as for hnsw.

CREATE OPERATOR CLASS vector_l2_ops
    DEFAULT FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_l2_support(internal);

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_ip_support(internal);

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_cosine_support(internal);

CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_l1_support(internal);

CREATE OPERATOR CLASS halfvec_l2_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_l2_support(internal);

CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_ip_support(internal);

CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_cosine_support(internal);

CREATE OPERATOR CLASS halfvec_l1_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_l1_support(internal);

CREATE OPERATOR CLASS bf16vec_l2_ops
    FOR TYPE bf16vec USING ivfflat AS
    OPERATOR 1 <-> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_l2_support(internal);

CREATE OPERATOR CLASS bf16vec_ip_ops
    FOR TYPE bf16vec USING ivfflat AS
    OPERATOR 1 <#> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_ip_support(internal);

CREATE OPERATOR CLASS bf16vec_cosine_ops
    FOR TYPE bf16vec USING ivfflat AS
    OPERATOR 1 <=> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_cosine_support(internal);

CREATE OPERATOR CLASS bf16vec_l1_ops
    FOR TYPE bf16vec USING ivfflat AS
    OPERATOR 1 <+> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_l1_support(internal);

CREATE OPERATOR CLASS int8vec_l2_ops
    FOR TYPE int8vec USING ivfflat AS
    OPERATOR 1 <-> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_l2_support(internal);

CREATE OPERATOR CLASS int8vec_ip_ops
    FOR TYPE int8vec USING ivfflat AS
    OPERATOR 1 <#> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_ip_support(internal);

CREATE OPERATOR CLASS int8vec_cosine_ops
    FOR TYPE int8vec USING ivfflat AS
    OPERATOR 1 <=> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_cosine_support(internal);

CREATE OPERATOR CLASS int8vec_l1_ops
    FOR TYPE int8vec USING ivfflat AS
    OPERATOR 1 <+> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_l1_support(internal);

CREATE OPERATOR CLASS bit_hamming_ops
    FOR TYPE bit USING ivfflat AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bit_hamming_support(internal);

CREATE OPERATOR CLASS vector_l2_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_l2_support(internal);

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_ip_support(internal);

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_cosine_support(internal);

CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_vector_l1_support(internal);

CREATE OPERATOR CLASS halfvec_l2_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_l2_support(internal);

CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_ip_support(internal);

CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_cosine_support(internal);

CREATE OPERATOR CLASS halfvec_l1_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_halfvec_l1_support(internal);

CREATE OPERATOR CLASS bf16vec_l2_ops
    FOR TYPE bf16vec USING ivf AS
    OPERATOR 1 <-> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_l2_support(internal);

CREATE OPERATOR CLASS bf16vec_ip_ops
    FOR TYPE bf16vec USING ivf AS
    OPERATOR 1 <#> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_ip_support(internal);

CREATE OPERATOR CLASS bf16vec_cosine_ops
    FOR TYPE bf16vec USING ivf AS
    OPERATOR 1 <=> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_cosine_support(internal);

CREATE OPERATOR CLASS bf16vec_l1_ops
    FOR TYPE bf16vec USING ivf AS
    OPERATOR 1 <+> (bf16vec, bf16vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bf16vec_l1_support(internal);

CREATE OPERATOR CLASS int8vec_l2_ops
    FOR TYPE int8vec USING ivf AS
    OPERATOR 1 <-> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_l2_support(internal);

CREATE OPERATOR CLASS int8vec_ip_ops
    FOR TYPE int8vec USING ivf AS
    OPERATOR 1 <#> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_ip_support(internal);

CREATE OPERATOR CLASS int8vec_cosine_ops
    FOR TYPE int8vec USING ivf AS
    OPERATOR 1 <=> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_cosine_support(internal);

CREATE OPERATOR CLASS int8vec_l1_ops
    FOR TYPE int8vec USING ivf AS
    OPERATOR 1 <+> (int8vec, int8vec) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_int8vec_l1_support(internal);

CREATE OPERATOR CLASS bit_hamming_ops
    FOR TYPE bit USING ivf AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bit_hamming_support(internal);

CREATE OPERATOR CLASS bit_jaccard_ops
    FOR TYPE bit USING ivf AS
    OPERATOR 1 <%> (bit, bit) FOR ORDER BY float_ops,
    FUNCTION 1 hnsw_bit_jaccard_support(internal);
