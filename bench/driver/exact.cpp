// Brute force in this process on one thread per connection: what the machine can do without an index,
// and a yardstick that does not change with the extension.
#include <algorithm>
#include <cmath>

#include "common.hpp"
#include "competitor.hpp"
#include "truth.hpp"

namespace vecx::bench {

namespace {

class ExactSearcher : public Searcher {
  public:
    ExactSearcher(const Dataset &set, size_t k) : set_(set), k_(k) {}
    void set(const std::string &) override {}
    void search(size_t query, std::vector<int32_t> *ids) override { nearest_of(set_, query, k_, ids); }

  private:
    const Dataset &set_;
    size_t k_;
};

class Exact : public Competitor {
  public:
    using Competitor::Competitor;
    BuildFigures build() override { return {}; }
    bool is_built() override { return true; }
    std::unique_ptr<Searcher> open() override { return std::make_unique<ExactSearcher>(set_, options_.k); }
};

} // namespace

std::unique_ptr<Competitor> make_exact(const System &system, const Options &options, const Dataset &set) {
    return std::make_unique<Exact>(system, options, set);
}

} // namespace vecx::bench
