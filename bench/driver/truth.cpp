#include "truth.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "common.hpp"

namespace vecx::bench {

namespace {

// Single precision in sixteen lanes, for the first pass of the brute force.
template <typename Term>
float sum_terms(std::span<const float> a, std::span<const float> b, Term term) {
    constexpr size_t kLanes = 16;
    float lanes[kLanes] = {};
    const size_t n = a.size();
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (size_t lane = 0; lane < kLanes; lane++)
            lanes[lane] += term(a[i + lane], b[i + lane]);
    }
    float sum = 0;
    for (const float lane : lanes)
        sum += lane;
    for (; i < n; i++)
        sum += term(a[i], b[i]);
    return sum;
}

float dot(std::span<const float> a, std::span<const float> b) {
    return sum_terms(a, b, [](float x, float y) { return x * y; });
}

float quick_distance(Metric metric, std::span<const float> a, std::span<const float> b, float norm_product) {
    switch (metric) {
    case Metric::l2:
        return sum_terms(a, b, [](float x, float y) { return (x - y) * (x - y); });
    case Metric::inner_product:
        return -dot(a, b);
    case Metric::cosine:
        return norm_product > 0 ? 1 - dot(a, b) / norm_product : 1;
    case Metric::l1:
        return sum_terms(a, b, [](float x, float y) { return std::abs(x - y); });
    }
    return 0;
}

struct Candidate {
    double distance;
    int32_t id;
    bool operator<(const Candidate &other) const {
        return distance != other.distance ? distance < other.distance : id < other.id;
    }
};

// Keeps the `most` nearest candidates in a heap whose front is the farthest of them.
void keep_nearest(std::vector<Candidate> *heap, size_t most, const Candidate &candidate) {
    if (heap->size() == most) {
        if (!(candidate < heap->front()))
            return;
        std::pop_heap(heap->begin(), heap->end());
        heap->pop_back();
    }
    heap->push_back(candidate);
    std::push_heap(heap->begin(), heap->end());
}

// Tells data sets of one name and size apart (a cached truth of other data would be a wrong one).
uint64_t fingerprint(const Dataset &set) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const Matrix *matrix : {&set.base, &set.queries}) {
        for (const float value : matrix->values)
            hash = (hash ^ std::bit_cast<uint32_t>(value)) * 0x100000001b3u;
    }
    return hash;
}

std::vector<size_t> all_of(std::span<const size_t> which, size_t n) {
    std::vector<size_t> all(which.begin(), which.end());
    for (size_t i = 0; which.empty() && i < n; i++)
        all.push_back(i);
    return all;
}

} // namespace

double exact_distance(Metric metric, std::span<const float> a, std::span<const float> b) {
    double sum = 0, norm_a = 0, norm_b = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const double x = a[i], y = b[i];
        switch (metric) {
        case Metric::l2:
            sum += (x - y) * (x - y);
            break;
        case Metric::inner_product:
            sum -= x * y;
            break;
        case Metric::cosine:
            sum += x * y;
            norm_a += x * x;
            norm_b += y * y;
            break;
        case Metric::l1:
            sum += std::abs(x - y);
            break;
        }
    }
    if (metric == Metric::cosine)
        return norm_a > 0 && norm_b > 0 ? 1 - sum / std::sqrt(norm_a * norm_b) : 1;
    return sum;
}

std::vector<std::vector<int32_t>> nearest_rows(const Dataset &set, size_t k, std::span<const int32_t> ids,
                                               std::span<const size_t> which) {
    const std::vector<size_t> queries = all_of(which, set.queries.rows());
    const size_t rows = ids.empty() ? set.base.rows() : ids.size();
    const auto id_at = [&](size_t i) { return ids.empty() ? static_cast<int32_t>(i) : ids[i]; };

    std::vector<float> norms(set.metric == Metric::cosine ? set.base.rows() : 0);
    for (size_t i = 0; i < norms.size(); i++)
        norms[i] = std::sqrt(dot(set.base.row(i), set.base.row(i)));

    // First single precision, keeping spare candidates; then double precision decides. The spare ones
    // make up for rounding: they would have to be closer than rounding errors to be missed.
    const size_t keep = std::min(rows, k + 32);
    const size_t wanted = std::min(rows, k);
    constexpr size_t kQueriesAtOnce = 8; // queries that share one pass over the base's rows
    std::vector<std::vector<int32_t>> found(queries.size());
    parallel_for((queries.size() + kQueriesAtOnce - 1) / kQueriesAtOnce, [&](size_t group) {
        const size_t first = group * kQueriesAtOnce;
        const size_t count = std::min(kQueriesAtOnce, queries.size() - first);
        std::vector<Candidate> heaps[kQueriesAtOnce];
        float query_norms[kQueriesAtOnce] = {};
        for (size_t q = 0; q < count && set.metric == Metric::cosine; q++) {
            const auto query = set.queries.row(queries[first + q]);
            query_norms[q] = std::sqrt(dot(query, query));
        }
        for (size_t i = 0; i < rows; i++) {
            const int32_t id = id_at(i);
            const auto row = set.base.row(static_cast<size_t>(id));
            for (size_t q = 0; q < count; q++) {
                const float norms_product = norms.empty() ? 0 : norms[static_cast<size_t>(id)] * query_norms[q];
                const Candidate candidate{
                    quick_distance(set.metric, set.queries.row(queries[first + q]), row, norms_product), id};
                keep_nearest(&heaps[q], keep, candidate);
            }
        }
        for (size_t q = 0; q < count; q++) {
            for (Candidate &candidate : heaps[q])
                candidate.distance = exact_distance(set.metric, set.queries.row(queries[first + q]),
                                                    set.base.row(static_cast<size_t>(candidate.id)));
            std::sort(heaps[q].begin(), heaps[q].end());
            for (size_t i = 0; i < wanted; i++)
                found[first + q].push_back(heaps[q][i].id);
        }
    });
    return found;
}

void nearest_of(const Dataset &set, size_t query, size_t k, std::vector<int32_t> *ids) {
    const auto vector = set.queries.row(query);
    const float query_norm = std::sqrt(dot(vector, vector));
    std::vector<Candidate> heap;
    for (size_t i = 0; i < set.base.rows(); i++) {
        const auto row = set.base.row(i);
        const float norms = set.metric == Metric::cosine ? query_norm * std::sqrt(dot(row, row)) : 0;
        keep_nearest(&heap, k, {quick_distance(set.metric, vector, row, norms), static_cast<int32_t>(i)});
    }
    std::sort(heap.begin(), heap.end());
    ids->clear();
    for (const Candidate &candidate : heap)
        ids->push_back(candidate.id);
}

Truth truth_of(const Dataset &set, size_t k, const std::vector<std::vector<int32_t>> &neighbours,
               std::span<const size_t> which) {
    const std::vector<size_t> queries = all_of(which, set.queries.rows());
    Truth truth;
    truth.k = k;
    truth.limits.resize(queries.size());
    truth.counts.resize(queries.size());
    for (size_t q = 0; q < queries.size(); q++) {
        const size_t count = std::min(k, neighbours[q].size());
        double limit = count < k ? std::numeric_limits<double>::infinity()
                                 : -std::numeric_limits<double>::infinity();
        for (size_t i = 0; i < count && count == k; i++)
            limit = std::max(limit, exact_distance(set.metric, set.queries.row(queries[q]),
                                                   set.base.row(static_cast<size_t>(neighbours[q][i]))));
        truth.limits[q] = limit;
        truth.counts[q] = count;
    }
    return truth;
}

Truth whole_truth(const Dataset &set, size_t k, const std::string &cache_directory) {
    if (set.neighbours.size() >= set.queries.rows() && set.neighbours.front().size() >= k)
        return truth_of(set, k, set.neighbours, {});
    const std::string path =
        format("%s/%s-%s-%016llx-top%zu.ivecs", cache_directory.c_str(), set.name.c_str(), metric_name(set.metric),
               static_cast<unsigned long long>(fingerprint(set)), k);
    std::vector<std::vector<int32_t>> neighbours;
    if (!cache_directory.empty() && std::filesystem::exists(path))
        neighbours = read_ivecs(path, 0);
    if (neighbours.size() != set.queries.rows()) {
        say(format("%s: exact neighbours of %zu queries over %zu rows", set.name.c_str(), set.queries.rows(),
                   set.base.rows()));
        neighbours = nearest_rows(set, k, {}, {});
        if (!cache_directory.empty()) {
            std::filesystem::create_directories(cache_directory);
            write_ivecs(path, neighbours);
        }
    }
    return truth_of(set, k, neighbours, {});
}

double recall_of(const Dataset &set, std::span<const float> query, std::span<const int32_t> returned, double limit,
                 size_t count) {
    if (count == 0)
        return 1;
    const double reach = limit + std::abs(limit) * 1e-6;
    std::set<int32_t> seen;
    size_t found = 0;
    for (const int32_t id : returned) {
        if (id < 0 || static_cast<size_t>(id) >= set.base.rows() || !seen.insert(id).second)
            continue;
        if (exact_distance(set.metric, query, set.base.row(static_cast<size_t>(id))) <= reach)
            found++;
    }
    return static_cast<double>(std::min(found, count)) / static_cast<double>(count);
}

bool check_recall() {
    int failures = 0;
    const auto expect = [&](const char *what, double got, double wanted) {
        const bool good = std::abs(got - wanted) < 1e-9;
        printf("%s %s: %g\n", good ? "ok  " : "FAIL", what, got);
        failures += good ? 0 : 1;
    };

    // Rows on a line at 0 0 1 2 3 ... 9 (row 1 is a duplicate of row 0).
    Dataset set;
    set.name = "line";
    set.base.dimensions = set.queries.dimensions = 1;
    set.base.values = {0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    set.queries.values = {0, 9.4f};
    const Truth truth = truth_of(set, 3, nearest_rows(set, 3, {}, {}), {});
    expect("third nearest of 0 is at squared distance 1", truth.limits[0], 1);
    const auto recall = [&](size_t query, std::vector<int32_t> ids) {
        return recall_of(set, set.queries.row(query), ids, truth.limits[query], truth.counts[query]);
    };
    expect("all found", recall(0, {0, 1, 2}), 1);
    expect("none found", recall(0, {8, 9, 10}), 0);
    expect("two of three", recall(0, {0, 1, 9}), 2.0 / 3);
    expect("the same row twice counts once", recall(0, {0, 0, 0}), 1.0 / 3);
    expect("rows that do not exist do not count", recall(0, {-1, 99, 0}), 1.0 / 3);
    expect("too few rows", recall(1, {10}), 1.0 / 3);

    // With k = 1 either of the two duplicates is right.
    const Truth first = truth_of(set, 1, nearest_rows(set, 1, {}, {}), {});
    const std::vector<int32_t> one = {0}, other = {1};
    expect("a tie, one way", recall_of(set, set.queries.row(0), one, first.limits[0], 1), 1);
    expect("a tie, the other way", recall_of(set, set.queries.row(0), other, first.limits[0], 1), 1);

    // Fewer rows than k: recall is a share of the rows there are.
    const std::vector<int32_t> subset = {4, 5};
    const Truth few = truth_of(set, 3, nearest_rows(set, 3, subset, {}), {});
    expect("two rows exist", static_cast<double>(few.counts[0]), 2);
    expect("both found", recall_of(set, set.queries.row(0), subset, few.limits[0], few.counts[0]), 1);
    expect("nothing to find is found", recall_of(set, set.queries.row(0), {}, 0, 0), 1);

    // Negative limits (inner product): the slack must widen the reach, not narrow it.
    set.metric = Metric::inner_product;
    set.queries.values = {1, 2};
    const Truth product = truth_of(set, 1, nearest_rows(set, 1, {}, {}), {});
    const std::vector<int32_t> best = {10};
    expect("largest product", product.limits[0], -9);
    expect("inner product found", recall_of(set, set.queries.row(0), best, product.limits[0], 1), 1);

    // Brute force against the definition on random data, every metric.
    for (const Metric metric : {Metric::l2, Metric::inner_product, Metric::cosine, Metric::l1}) {
        Dataset random = make_synthetic("rows=300 dim=19 queries=9 clusters=5 seed=7");
        random.metric = metric;
        const auto found = nearest_rows(random, 10, {}, {});
        double wrong = 0;
        for (size_t q = 0; q < random.queries.rows(); q++) {
            std::vector<Candidate> all;
            for (size_t i = 0; i < random.base.rows(); i++)
                all.push_back({exact_distance(metric, random.queries.row(q), random.base.row(i)),
                               static_cast<int32_t>(i)});
            std::sort(all.begin(), all.end());
            for (size_t i = 0; i < 10; i++)
                wrong += found[q][i] != all[i].id;
        }
        expect(format("brute force by %s differs from the definition in", metric_name(metric)).c_str(), wrong, 0);
    }
    expect("median of 3 1 2", median({3, 1, 2}), 2);
    expect("95th percentile of 0..100", [] {
        std::vector<double> values;
        for (int i = 0; i <= 100; i++)
            values.push_back(i);
        return percentile(values, 0.95);
    }(), 95);
    printf("%s\n", failures == 0 ? "all good" : "FAILED");
    return failures == 0;
}

} // namespace vecx::bench
