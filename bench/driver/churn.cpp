// Churn: rounds in which a tenth of the rows is deleted, the table vacuumed, and as many new rows come.
// Recall over the rows that live is measured after VACUUM and after the new rows; in the end the index is built
// anew over the same rows, which says what the rounds have cost.
#include <algorithm>
#include <optional>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kQueries = 500;
constexpr size_t kStep = 2; // the third value of the ladder: ef_search 40, 4 probes

struct Life {
    SqlCompetitor *competitor;
    std::string table;
    unsigned rounds; // that it takes part in
};

// The queries that are asked, and the truth over the rows of the moment.
struct Asked {
    const std::vector<size_t> &queries;
    Truth truth;
    size_t live;

    Asked(const Run &run, const std::vector<size_t> &queries, const std::vector<int32_t> &ids)
        : queries(queries), truth(truth_of(run.set, run.options.k, nearest_rows(run.set, run.options.k, ids, queries),
                                           queries)),
          live(ids.size()) {}
};

struct Answers {
    std::vector<double> recalls, latencies;
};

std::string setting_of(const System &system) { return system.values[std::min(kStep, system.values.size() - 1)]; }

// The table alone: what a tenth deleted and vacuumed costs without an index. It is asked nothing.
bool alone(const Life &life) { return life.competitor->system().method == "none"; }

Answers ask(const Run &run, const Life &life, const Asked &asked) {
    if (alone(life))
        return {{0}, {0}};
    const Pinned pinned(run.options.pin, 0);
    life.competitor->check_plan(*life.competitor->connect(), life.competitor->query(life.table));
    const auto searcher = life.competitor->open_on(life.table, "", {});
    searcher->set(setting_of(life.competitor->system()));
    Answers answers;
    std::vector<int32_t> found;
    for (size_t q = 0; q < asked.queries.size(); q++) {
        check_interrupts();
        const size_t query = asked.queries[q];
        const Stopwatch one;
        searcher->search(query, &found);
        answers.latencies.push_back(one.microseconds());
        answers.recalls.push_back(
            recall_of(run.set, run.set.queries.row(query), found, asked.truth.limits[q], asked.truth.counts[q]));
    }
    return answers;
}

// The members that every line of this phase has.
Json churn_line(const Run &run, const Life &life, const std::string &stage, const Asked &asked,
                const Answers &answers) {
    const System &system = life.competitor->system();
    Json json = run.line("churn", *life.competitor);
    json.add("stage", stage).add("live", static_cast<double>(asked.live));
    if (alone(life))
        return json;
    json.add("setting", system.setting).add("value", to_number(setting_of(system), "value"));
    add_recalls(&json, answers.recalls);
    json.add("p50_us", percentile(answers.latencies, 0.5));
    json.add("index_bytes",
             life.competitor->connect()->number(format("SELECT pg_relation_size('%s_idx')", life.table.c_str())));
    return json;
}

double timed(Connection &connection, const std::string &sql) {
    const Stopwatch clock;
    connection.run(sql);
    return clock.seconds();
}

// One round of one system: `deleted` are the rows that live while `dead` are gone and the new rows have not come.
Json live_a_round(const Run &run, const Life &life, const std::vector<int32_t> &dead, size_t first, size_t next,
                  const Asked &deleted, const Asked &renewed) {
    const auto connection = life.competitor->connect();
    std::vector<std::string> ids;
    for (const int32_t id : dead)
        ids.push_back(std::to_string(id));
    const double delete_seconds = timed(*connection, format("DELETE FROM %s WHERE id = ANY ('{%s}')",
                                                            life.table.c_str(), join(ids, ",").c_str()));
    const double vacuum_seconds = timed(*connection, "VACUUM " + life.table);
    const double recall_vacuumed = mean(ask(run, life, deleted).recalls);
    const std::string data = copy_rows(run.set.base, run.options.element, first, next);
    const Stopwatch inserting;
    connection->copy_in("COPY " + life.table + " FROM STDIN (FORMAT binary)", data);
    const double insert_seconds = inserting.seconds();
    Json json = churn_line(run, life, "round", renewed, ask(run, life, renewed));
    json.add("deleted", static_cast<double>(dead.size())).add("recall_vacuumed", recall_vacuumed);
    json.add("delete_seconds", delete_seconds).add("vacuum_seconds", vacuum_seconds);
    return json.add("insert_seconds", insert_seconds);
}

} // namespace

void run_churn(Run &run) {
    std::vector<Life> lives;
    for (SqlCompetitor *competitor : run.sql("churn")) {
        const unsigned rounds = std::min(run.options.rounds, competitor->system().churn_rounds);
        if (!run.results.has(run.key("churn", *competitor, "fresh")))
            lives.push_back({competitor, competitor->table() + "_life", rounds});
    }
    if (lives.empty())
        return;
    const size_t rows = run.life_rows(), turnover = rows / 10;
    std::vector<size_t> queries;
    for (size_t q = 0; q < std::min(kQueries, run.set.queries.rows()); q++)
        queries.push_back(q);
    std::vector<int32_t> live = permutation(rows, 7);
    Progress progress(format("%s: churn", run.set.name.c_str()), run.options.rounds);
    std::optional<Asked> asked(std::in_place, run, queries, live);
    for (const Life &life : lives) {
        life.competitor->make_life_table(life.table, rows);
        Json json = churn_line(run, life, "round", *asked, ask(run, life, *asked));
        run.results.append(run.key("churn", *life.competitor, "round=0"), json.add("round", 0.0));
    }
    unsigned last_round = 0; // the next system may have fewer
    for (const Life &life : lives)
        last_round = std::max(last_round, life.rounds);
    size_t next = rows;
    for (unsigned round = 0; round <= last_round; round++) {
        if (round > 0) {
            // The order of `live` is random at first, and new rows join at the end: the dead are of all ages.
            Random random(round);
            std::vector<int32_t> dead;
            for (size_t i = 0; i < turnover; i++) {
                const size_t at = random.below(live.size());
                dead.push_back(live[at]);
                live[at] = live.back();
                live.pop_back();
            }
            const Asked deleted(run, queries, live);
            const size_t first = next;
            next = std::min(next + turnover, run.set.base.rows());
            for (size_t i = first; i < next; i++)
                live.push_back(static_cast<int32_t>(i));
            asked.emplace(run, queries, live);
            for (const Life &life : lives) {
                if (life.rounds < round)
                    continue;
                progress.show(round, life.competitor->system().name);
                Json json = live_a_round(run, life, dead, first, next, deleted, *asked);
                run.results.append(run.key("churn", *life.competitor, format("round=%u", round)),
                                   json.add("round", static_cast<double>(round)));
            }
        }
        for (const Life &life : lives) {
            if (life.rounds != round)
                continue;
            const auto connection = life.competitor->connect();
            if (run.options.pin)
                pin_process(connection->backend_pid(), -1);
            const double seconds =
                alone(life) ? 0 : timed(*connection, format("REINDEX INDEX %s_idx", life.table.c_str()));
            Json json = churn_line(run, life, "fresh", *asked, ask(run, life, *asked));
            run.results.append(run.key("churn", *life.competitor, "fresh"),
                               json.add("round", static_cast<double>(round)).add("build_seconds", seconds));
            connection->run("DROP TABLE " + life.table);
        }
    }
}

} // namespace vecx::bench
