// The codebook of an index with learnt codes: on pages of its own, written once with the index and never changed, and in
// memory with the directory.
#pragma once

#include "ivf/chain.hpp"
#include "ivf/encode.hpp"
#include "quant/learn.hpp"

namespace vecx::ivf {

// As it lies on pages: quant::CodebookHead, then the words. Shape::codebook_size() bytes.
template <ListStore S>
Status write_codebook(S &store, Arena &arena, const Shape &shape, const uint8_t *bytes, uint32_t born, Link *first) {
    ChainWriter<S> writer(store, arena, shape.body_size);
    writer.start(PageKind::codebook, 0, born, shape.codebook_size());
    VECX_TRY(writer.add(bytes));
    return writer.finish(first);
}

// Bytes of one, checked, as a codebook; `words` receives word_bytes() floats.
inline const char *open_codebook(const Shape &shape, const uint8_t *bytes, float *words, quant::Codebook *out) {
    quant::CodebookHead head;
    memcpy(&head, bytes, sizeof head);
    const int8_t *narrow = reinterpret_cast<const int8_t *>(bytes + sizeof head);
    const uint32_t n = shape.centroid_dim();
    if (const char *fault = quant::codebook_fault(shape.code_kind(), head, narrow, n); fault != nullptr)
        return fault;
    for (uint32_t i = 0; i < quant::word_bytes(shape.code_kind(), n); ++i)
        words[i] = static_cast<float>(narrow[i]);
    *out = quant::Codebook{head, shape.code_kind(), n, shape.code_dim, words};
    return nullptr;
}

// Learns the codebook of an index to be built, from rows of its sample and the centroids that they are nearest to.
class CodebookTeacher {
  public:
    // Memory: about `bytes`. `mean` as RowEncoder has it; must outlive the teacher.
    CodebookTeacher(const Shape &shape, const float *mean, uint64_t seed, size_t bytes, Arena &arena)
        : shape_(shape), learner_(shape.code_kind(), shape.centroid_dim(), shape.code_dim, seed, bytes, arena), encoder_(shape, mean, arena),
          plain_(shape, nullptr, arena), centre_(arena.make_array<float>(shape.centroid_dim())) {}

    uint32_t rows_wanted() const { return learner_.rows_wanted(); }
    uint32_t queries_wanted() const { return learner_.queries_wanted(); }
    // All in the geometry of encode.hpp, not less the mean.
    void add_row(const float *row, const float *centroid) {
        encoder_.place_geometry(centroid);
        memcpy(centre_, encoder_.rotated(), shape_.centroid_dim() * sizeof(float));
        encoder_.place_geometry(row);
        learner_.add_row(encoder_.rotated(), centre_);
    }
    void add_query(const float *query) {
        // As a scan sees them: ../ivf/probe.hpp.
        RowEncoder &encoder = shape_.metric == Metric::ip ? plain_ : encoder_;
        encoder.place_geometry(query);
        learner_.add_query(encoder.rotated());
    }
    // `out`: Shape::codebook_size() bytes.
    void learn(uint8_t *out, const quant::Learner::Poll &poll) {
        quant::CodebookHead head;
        learner_.learn(&head, reinterpret_cast<int8_t *>(out + sizeof head), poll);
        memcpy(out, &head, sizeof head);
    }

  private:
    Shape shape_;
    quant::Learner learner_;
    RowEncoder encoder_, plain_;
    float *centre_;
};

} // namespace vecx::ivf
