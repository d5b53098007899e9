// Churn: rounds in which a tenth of the rows is deleted, the table vacuumed, and as many new rows come.
// After each round: recall over the rows that live, speed, time of VACUUM, size.
#include <algorithm>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kQueries = 200;

struct Life {
    SqlCompetitor *competitor;
    std::string table;
};

// Recall and speed on the rows with the ids in `live`, then the round's line.
void record_round(Run &run, const Life &life, unsigned round, const std::vector<int32_t> &live, const Truth &truth,
                  const std::vector<size_t> &queries, double delete_seconds, double vacuum_seconds,
                  double insert_seconds) {
    const Pinned pinned(run.options.pin, 0);
    constexpr size_t kStep = 2; // the third value of the ladder: ef_search 40, 4 probes
    const System &system = life.competitor->system();
    const auto connection = life.competitor->connect();
    life.competitor->check_plan(*connection, life.competitor->query(life.table));
    const auto searcher = life.competitor->open_on(life.table, "", {});
    const std::string value = system.values[std::min(kStep, system.values.size() - 1)];
    searcher->set(value);
    std::vector<double> recalls, latencies;
    std::vector<int32_t> found;
    for (size_t q = 0; q < queries.size(); q++) {
        const Stopwatch one;
        searcher->search(queries[q], &found);
        latencies.push_back(one.microseconds());
        recalls.push_back(
            recall_of(run.set, run.set.queries.row(queries[q]), found, truth.limits[q], truth.counts[q]));
    }
    Json json = run.line("churn", *life.competitor);
    json.add("round", round).add("live", static_cast<double>(live.size()));
    json.add("setting", system.setting).add("value", to_number(value, "value"));
    add_recalls(&json, recalls);
    json.add("p50_us", percentile(latencies, 0.5)).add("delete_seconds", delete_seconds);
    json.add("vacuum_seconds", vacuum_seconds).add("insert_seconds", insert_seconds);
    json.add("index_bytes", connection->number(format("SELECT pg_relation_size('%s_idx')", life.table.c_str())));
    run.results.append(run.key("churn", *life.competitor, format("round=%u", round)), json);
}

} // namespace

void run_churn(Run &run) {
    std::vector<Life> lives;
    for (SqlCompetitor *competitor : run.sql()) {
        if (!run.results.has(run.key("churn", *competitor, format("round=%u", run.options.rounds))))
            lives.push_back({competitor, competitor->table() + "_life"});
    }
    if (lives.empty())
        return;
    const size_t rows = std::min(run.options.life_rows, run.set.base.rows() / 2);
    const size_t turnover = rows / 10;
    std::vector<size_t> queries;
    for (size_t q = 0; q < std::min(kQueries, run.set.queries.rows()); q++)
        queries.push_back(q);
    std::vector<int32_t> live = permutation(rows, 7);
    size_t next = rows;
    Progress progress(format("%s: churn", run.set.name.c_str()), run.options.rounds);
    for (const Life &life : lives)
        life.competitor->make_life_table(life.table, rows);
    for (unsigned round = 0; round <= run.options.rounds; round++) { // round 0: before any change
        std::vector<int32_t> dead;
        const size_t first = next;
        if (round > 0) {
            // The order of `live` is random at first, and new rows join at the end: the dead are of all ages.
            Random random(round);
            for (size_t i = 0; i < turnover; i++) {
                const size_t at = random.below(live.size());
                dead.push_back(live[at]);
                live[at] = live.back();
                live.pop_back();
            }
            next = std::min(next + turnover, run.set.base.rows());
            for (size_t i = first; i < next; i++)
                live.push_back(static_cast<int32_t>(i));
        }
        const Truth truth =
            truth_of(run.set, run.options.k, nearest_rows(run.set, run.options.k, live, queries), queries);
        for (const Life &life : lives) {
            progress.show(round, life.competitor->system().name);
            double delete_seconds = 0, vacuum_seconds = 0, insert_seconds = 0;
            if (round > 0) {
                const auto connection = life.competitor->connect();
                std::vector<std::string> ids;
                for (const int32_t id : dead)
                    ids.push_back(std::to_string(id));
                const Stopwatch deleting;
                connection->run(format("DELETE FROM %s WHERE id = ANY ('{%s}')", life.table.c_str(),
                                       join(ids, ",").c_str()));
                delete_seconds = deleting.seconds();
                const Stopwatch vacuuming;
                connection->run(format("VACUUM %s", life.table.c_str()));
                vacuum_seconds = vacuuming.seconds();
                const std::string data = copy_rows(run.set.base, run.options.element, first, next);
                const Stopwatch inserting;
                connection->copy_in("COPY " + life.table + " FROM STDIN (FORMAT binary)", data);
                insert_seconds = inserting.seconds();
            }
            record_round(run, life, round, live, truth, queries, delete_seconds, vacuum_seconds, insert_seconds);
        }
    }
    for (const Life &life : lives)
        life.competitor->connect()->run("DROP TABLE " + life.table);
}

} // namespace vecx::bench
