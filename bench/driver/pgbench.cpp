// Load tests with pgbench: the scripts of bench/pgbench against a table with an index.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <cstring>
#include <sstream>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

// Mixes of scripts with their weights.
struct Mix {
    const char *name;
    std::vector<std::pair<const char *, int>> scripts;
};
const Mix kMixes[] = {
    {"search", {{"search", 1}}},
    {"search and write", {{"search", 8}, {"insert", 1}, {"delete", 1}}},
};

constexpr int kSeconds = 3;

// A copy of the script with the set's operator in place of <->.
std::string specialised(const Run &run, const std::string &name) {
    const std::string source = run.options.pgbench_scripts + "/" + name + ".sql";
    std::ifstream in(source);
    if (!in)
        throw Error("no such script: " + source);
    std::stringstream all;
    all << in.rdbuf();
    std::string text = all.str();
    for (size_t at; (at = text.find("<->")) != std::string::npos && run.set.metric != Metric::l2;)
        text.replace(at, 3, metric_operator(run.set.metric));
    std::filesystem::create_directories(run.options.cache);
    const std::string copy = run.options.cache + "/" + name + ".sql";
    std::ofstream(copy) << text;
    return copy;
}

void make_tables(const Run &run, SqlCompetitor &competitor, size_t rows) {
    competitor.make_life_table("bench_load", rows);
    const auto connection = competitor.connect();
    connection->run("DROP TABLE IF EXISTS bench_load_queries");
    connection->run(format("CREATE TABLE bench_load_queries (id int4 PRIMARY KEY, embedding %s(%zu))",
                           element_name(run.options.element), run.set.queries.dimensions));
    connection->copy_in("COPY bench_load_queries FROM STDIN (FORMAT binary)",
                        copy_rows(run.set.queries, run.options.element, 0, run.set.queries.rows()));
    connection->run(format("DROP SEQUENCE IF EXISTS bench_load_ids; CREATE SEQUENCE bench_load_ids START %zu", rows));
    connection->run("VACUUM (ANALYZE) bench_load_queries");
}

} // namespace

void run_pgbench(Run &run) {
    const size_t rows = run.life_rows();
    for (SqlCompetitor *competitor : run.sql("pgbench")) {
        for (const Mix &mix : kMixes) {
            bool made = false;
            for (const unsigned clients : run.options.connections) {
                const std::string key = run.key("pgbench", *competitor, format("%s/c=%u", mix.name, clients));
                if (run.results.has(key))
                    continue;
                try {
                    if (!made)
                        make_tables(run, *competitor, rows);
                    made = true;
                    std::string command = format(
                        "PGOPTIONS='-c enable_seqscan=off' %s -n -M prepared -c %u -j %u -T %d -D queries=%zu -D rows=%zu",
                        run.options.pgbench.c_str(), clients, clients, kSeconds, run.set.queries.rows(), rows);
                    for (const auto &[script, weight] : mix.scripts)
                        command += format(" -f %s@%d", shell_quote(specialised(run, script)).c_str(), weight);
                    const std::string report =
                        output_of(command + " " + shell_quote(competitor->system().connection) + " 2>&1");
                    const auto figure = [&](const char *label) {
                        const size_t at = report.find(label);
                        return at == std::string::npos ? 0 : atof(report.c_str() + at + strlen(label));
                    };
                    Json json = run.line("pgbench", *competitor);
                    json.add("mix", mix.name).add("connections", clients).add("tps", figure("\ntps = "));
                    json.add("latency_ms", figure("latency average = "));
                    run.results.append(key, json);
                } catch (const Error &error) {
                    say(format("%s: %s", key.c_str(), error.what()));
                }
            }
        }
    }
}

} // namespace vecx::bench
