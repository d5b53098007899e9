// Growth: how build, search, insert and VACUUM cost as the table grows. The set is extended to the rows that are
// asked for by copies whose coordinates are permuted, each in another order: that keeps the distances within a copy.
#include <algorithm>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kQueries = 200;
constexpr size_t kInserts = 500;

// `rows` rows and, after them, as many again as will be inserted; the queries belong to the copies in turn.
Dataset extended(const Dataset &set, size_t rows) {
    const size_t dimensions = set.base.dimensions, copies = (rows + set.base.rows() - 1) / set.base.rows();
    std::vector<std::vector<int32_t>> orders;
    for (size_t c = 0; c < copies; c++) {
        orders.push_back(permutation(dimensions, c));
        if (c == 0)
            std::sort(orders[0].begin(), orders[0].end());
    }
    const auto append = [&](Matrix *to, std::span<const float> row, size_t copy) {
        for (const int32_t d : orders[copy])
            to->values.push_back(row[static_cast<size_t>(d)]);
    };
    Dataset grown;
    grown.name = format("%s-grown-%zu", set.name.c_str(), rows);
    grown.metric = set.metric;
    grown.base.dimensions = grown.queries.dimensions = dimensions;
    grown.base.values.reserve(rows * dimensions);
    for (size_t i = 0; i < rows; i++)
        append(&grown.base, set.base.row(i % set.base.rows()), i / set.base.rows());
    for (size_t q = 0; q < std::min(kQueries, set.queries.rows()); q++)
        append(&grown.queries, set.queries.row(q), q % copies);
    return grown;
}

// One system with one number of rows, then its tables are gone.
void grow(Run &run, SqlCompetitor &original, size_t rows, const std::string &key) {
    const Dataset grown = extended(run.set, rows);
    const Truth truth = whole_truth(grown, run.options.k, run.options.cache);
    std::vector<std::unique_ptr<Competitor>> alone;
    alone.push_back(std::make_unique<SqlCompetitor>(original.system(), run.options, grown));
    auto &competitor = static_cast<SqlCompetitor &>(*alone.front());
    const Run part{run.options, run.results, grown, truth, alone};

    const BuildFigures built = competitor.build();
    say(format("%s: %s built in %.1f s", grown.name.c_str(), original.system().name.c_str(), built.seconds));
    Json json = run.line("growth", original);
    json.add("rows", static_cast<double>(rows)).add("build_seconds", built.seconds);
    json.add("memory_bytes", built.memory_bytes).add("index_bytes", built.index_bytes);

    std::vector<std::unique_ptr<Searcher>> searchers;
    searchers.push_back(competitor.open());
    double recall = 0;
    const std::string value = reach_recall(part, competitor.system(), *searchers.front(), 0.95, &recall);
    const SqlCompetitor::Effort effort = [&] {
        const auto connection = competitor.connect();
        connection->run("SET " + competitor.system().setting + " = " + value);
        return competitor.effort_per_query(*connection, competitor.query(competitor.table()), 50);
    }();
    std::vector<double> qps, latencies;
    for (unsigned round = 0; round < run.options.rounds; round++) {
        const Measurement got = measure(part, searchers, round * 40, run.options.seconds);
        qps.push_back(got.qps);
        latencies.insert(latencies.end(), got.latencies_us.begin(), got.latencies_us.end());
    }
    json.add("setting", competitor.system().setting).add("value", to_number(value, "value")).add("recall", recall);
    add_rounds(&json, "qps", qps);
    json.add("p50_us", percentile(latencies, 0.5)).add("p99_us", percentile(latencies, 0.99));
    json.add("buffers", effort.buffers);
    if (effort.nodes >= 0)
        json.add("nodes", effort.nodes);

    // The rows inserted are rows of the set's queries, so that they are new; then a hundredth is deleted.
    const auto connection = competitor.connect();
    connection->prepare("one", "INSERT INTO " + competitor.table() + " VALUES ($1, 0, 0, $2)");
    const Stopwatch inserting;
    for (size_t i = 0; i < kInserts; i++) {
        std::string id;
        append_int32(&id, static_cast<int32_t>(rows + i));
        const std::string vector = to_binary(run.options.element, run.set.queries.row(i % run.set.queries.rows()));
        const std::string_view parameters[] = {id, vector};
        connection->execute("one", parameters);
    }
    json.add("inserts_per_second", kInserts / inserting.seconds());
    connection->run(format("DELETE FROM %s WHERE id %% 100 = 7", competitor.table().c_str()));
    const Stopwatch vacuuming;
    connection->run("VACUUM " + competitor.table());
    json.add("vacuum_seconds", vacuuming.seconds());
    connection->run("DROP TABLE " + competitor.table());
    run.results.append(key, json);
}

} // namespace

void run_growth(Run &run) {
    for (const size_t rows : run.options.growth) {
        for (SqlCompetitor *competitor : run.sql("growth")) {
            const std::string key = run.key("growth", *competitor, format("rows=%zu", rows));
            if (run.results.has(key))
                continue;
            try {
                grow(run, *competitor, rows, key);
            } catch (const Error &error) {
                say(format("%s: %s", key.c_str(), error.what()));
            }
        }
    }
}

} // namespace vecx::bench
