// FAISS in this process: its HNSW (flat storage) and its inverted lists (flat), without SQL.
#include "common.hpp"
#include "competitor.hpp"

#ifdef HAVE_FAISS
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <omp.h>
#endif

#include <cmath>

namespace vecx::bench {

#ifdef HAVE_FAISS

namespace {

class Faiss : public Competitor {
  public:
    using Competitor::Competitor;

    bool is_built() override { return index_ != nullptr; }

    BuildFigures build() override {
        if (set_.metric == Metric::l1)
            throw Error("not measured with L1");
        const faiss::MetricType metric = set_.metric == Metric::l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
        const int dimensions = static_cast<int>(set_.base.dimensions);
        const std::vector<float> base = prepared(set_.base);
        index_.reset(); // of an earlier round
        coarse_.reset();
        const double before = own_memory();
        omp_set_num_threads(static_cast<int>(cores()));
        const Stopwatch clock;
        if (system_.method == "faiss-ivf") {
            coarse_ = metric == faiss::METRIC_L2
                          ? std::unique_ptr<faiss::IndexFlat>(std::make_unique<faiss::IndexFlatL2>(dimensions))
                          : std::make_unique<faiss::IndexFlatIP>(dimensions);
            index_ = std::make_unique<faiss::IndexIVFFlat>(coarse_.get(), dimensions, with_number("lists", 100), metric);
        } else {
            auto graph = std::make_unique<faiss::IndexHNSWFlat>(dimensions, with_number("m", 16), metric);
            graph->hnsw.efConstruction = with_number("ef_construction", 64);
            index_ = std::move(graph);
        }
        const auto rows = static_cast<faiss::Index::idx_t>(set_.base.rows());
        index_->train(rows, base.data());
        index_->add(rows, base.data());
        BuildFigures figures;
        figures.seconds = clock.seconds();
        figures.memory_bytes = own_memory() - before;
        figures.index_bytes = figures.memory_bytes;
        figures.threads = cores();
        queries_ = prepared(set_.queries);
        return figures;
    }

    std::unique_ptr<Searcher> open() override {
        if (index_ == nullptr)
            build();
        return std::make_unique<IndexSearcher>(*this);
    }

  private:
    // FAISS, too, takes unit vectors and the inner product for cosine.
    std::vector<float> prepared(const Matrix &matrix) const {
        std::vector<float> copy = matrix.values;
        for (size_t i = 0; i < matrix.rows() && set_.metric == Metric::cosine; i++) {
            float *row = copy.data() + i * matrix.dimensions;
            double norm = 0;
            for (size_t d = 0; d < matrix.dimensions; d++)
                norm += static_cast<double>(row[d]) * row[d];
            for (size_t d = 0; d < matrix.dimensions && norm > 0; d++)
                row[d] = static_cast<float>(row[d] / std::sqrt(norm));
        }
        return copy;
    }

    class IndexSearcher : public Searcher {
      public:
        explicit IndexSearcher(Faiss &owner) : owner_(owner), distances_(owner.options_.k), labels_(owner.options_.k) {}
        void set(const std::string &value) override {
            const int number = atoi(value.c_str());
            if (auto *graph = dynamic_cast<faiss::IndexHNSW *>(owner_.index_.get()))
                graph->hnsw.efSearch = number;
            if (auto *lists = dynamic_cast<faiss::IndexIVF *>(owner_.index_.get()))
                lists->nprobe = static_cast<size_t>(number);
        }
        void search(size_t query, std::vector<int32_t> *ids) override {
            omp_set_num_threads(1); // of this thread: one query is answered by one processor, as in SQL
            owner_.index_->search(1, owner_.queries_.data() + query * owner_.set_.queries.dimensions,
                                  static_cast<faiss::Index::idx_t>(labels_.size()), distances_.data(), labels_.data());
            ids->assign(labels_.begin(), labels_.end());
        }

      private:
        Faiss &owner_;
        std::vector<float> distances_;
        std::vector<faiss::Index::idx_t> labels_;
    };

    std::unique_ptr<faiss::IndexFlat> coarse_; // before index_, which refers to it
    std::unique_ptr<faiss::Index> index_;
    std::vector<float> queries_;
};

} // namespace

std::unique_ptr<Competitor> make_faiss(const System &system, const Options &options, const Dataset &set) {
    return std::make_unique<Faiss>(system, options, set);
}

#else

std::unique_ptr<Competitor> make_faiss(const System &, const Options &, const Dataset &) { return nullptr; }

#endif

} // namespace vecx::bench
