// hnswlib in this process: the same graph without SQL, pages or transactions.
#include "common.hpp"
#include "competitor.hpp"

#if __has_include(<hnswlib/hnswlib.h>)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wreorder"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include <hnswlib/hnswlib.h>
#pragma GCC diagnostic pop
#define HAVE_HNSWLIB 1
#endif

#include <cmath>

namespace vecx::bench {

#ifdef HAVE_HNSWLIB

namespace {

// hnswlib has no cosine space: unit vectors and the inner product are its way.
std::vector<float> prepared(Metric metric, std::span<const float> row) {
    std::vector<float> copy(row.begin(), row.end());
    double norm = 0;
    for (const float value : copy)
        norm += static_cast<double>(value) * value;
    if (metric == Metric::cosine && norm > 0) {
        for (float &value : copy)
            value = static_cast<float>(value / std::sqrt(norm));
    }
    return copy;
}

class Hnswlib : public Competitor {
  public:
    using Competitor::Competitor;

    bool is_built() override { return graph_ != nullptr; }

    BuildFigures build() override {
        if (set_.metric == Metric::l1)
            throw Error("hnswlib has no L1 space");
        if (set_.metric == Metric::l2)
            space_ = std::make_unique<hnswlib::L2Space>(set_.base.dimensions);
        else
            space_ = std::make_unique<hnswlib::InnerProductSpace>(set_.base.dimensions);
        graph_.reset(); // of an earlier round
        const double before = own_memory();
        const Stopwatch clock;
        graph_ = std::make_unique<hnswlib::HierarchicalNSW<float>>(
            space_.get(), set_.base.rows(), static_cast<size_t>(with_number("m", 16)),
            static_cast<size_t>(with_number("ef_construction", 64)));
        graph_->addPoint(prepared(set_.metric, set_.base.row(0)).data(), 0);
        parallel_for(set_.base.rows() - 1, [&](size_t i) {
            graph_->addPoint(prepared(set_.metric, set_.base.row(i + 1)).data(), i + 1);
        });
        BuildFigures figures;
        figures.seconds = clock.seconds();
        figures.memory_bytes = own_memory() - before;
        figures.index_bytes = figures.memory_bytes;
        figures.threads = cores();
        return figures;
    }

    std::unique_ptr<Searcher> open() override {
        if (graph_ == nullptr)
            build();
        return std::make_unique<GraphSearcher>(*this);
    }

  private:
    class GraphSearcher : public Searcher {
      public:
        explicit GraphSearcher(Hnswlib &owner) : owner_(owner) {
            for (size_t q = 0; q < owner.set_.queries.rows(); q++)
                queries_.push_back(prepared(owner.set_.metric, owner.set_.queries.row(q)));
        }
        void set(const std::string &value) override { owner_.graph_->setEf(static_cast<size_t>(atoi(value.c_str()))); }
        void search(size_t query, std::vector<int32_t> *ids) override {
            auto found = owner_.graph_->searchKnn(queries_[query].data(), owner_.options_.k);
            ids->clear();
            for (; !found.empty(); found.pop())
                ids->push_back(static_cast<int32_t>(found.top().second));
        }

      private:
        Hnswlib &owner_;
        std::vector<std::vector<float>> queries_;
    };

    std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph_;
};

} // namespace

std::unique_ptr<Competitor> make_hnswlib(const System &system, const Options &options, const Dataset &set) {
    return std::make_unique<Hnswlib>(system, options, set);
}

#else

std::unique_ptr<Competitor> make_hnswlib(const System &, const Options &, const Dataset &) { return nullptr; }

#endif

} // namespace vecx::bench
