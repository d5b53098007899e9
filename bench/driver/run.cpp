// A run: for each data set the phases that were asked for, on every system.
#include <algorithm>
#include <ctime>
#include <fstream>
#include <sys/utsname.h>

#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

std::unique_ptr<Competitor> make_competitor(const System &system, const Options &options, const Dataset &set) {
    if (!system.in_process())
        return std::make_unique<SqlCompetitor>(system, options, set);
    if (system.method == "exact")
        return make_exact(system, options, set);
    if (system.method == "hnswlib")
        return make_hnswlib(system, options, set);
    if (system.method.starts_with("faiss"))
        return make_faiss(system, options, set);
    throw Error("--system: \"" + system.method + "\" without conn= is none of exact, hnswlib, faiss-hnsw, faiss-ivf");
}

std::string processor() {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("model name"))
            return line.substr(line.find(':') + 2);
    }
    return "unknown";
}

// The machine, the servers and their settings, in a line of their own for each run of the driver.
void note_circumstances(const Options &options, ResultFile *results) {
    utsname kernel;
    uname(&kernel);
    const std::time_t now = std::time(nullptr);
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", std::gmtime(&now));
    std::ifstream meminfo("/proc/meminfo");
    std::string word;
    double memory = 0;
    meminfo >> word >> memory;
    Json json;
    json.add("phase", "machine").add("date", date).add("commit", options.note).add("cpu", processor());
    json.add("cores", cores()).add("memory_gb", memory / 1024 / 1024);
    json.add("kernel", std::string(kernel.sysname) + " " + kernel.release + " " + kernel.machine);
    json.add("compiler", __VERSION__);
    for (const System &system : options.systems) {
        Json about;
        about.add("index", system.method).add("with", system.with);
        if (!system.in_process()) {
            try {
                Connection connection(system.connection);
                about.add("server", connection.value("SELECT version()"));
                about.add("extension", connection.value("SELECT string_agg(extname || ' ' || extversion, ', ') FROM "
                                                        "pg_extension WHERE extname <> 'plpgsql'"));
                for (const char *name : {"shared_buffers", "maintenance_work_mem", "max_parallel_maintenance_workers",
                                         "work_mem", "synchronous_commit", "fsync", "full_page_writes"})
                    about.add(name, connection.value(std::string("SHOW ") + name));
                about.add("session", join(system.session, "; "));
            } catch (const Error &error) {
                about.add("failure", error.what());
            }
        }
        json.add_object(system.name, about);
    }
    results->append(format("machine/%s", date), json);
}

struct Phase {
    const char *name;
    void (*run)(Run &);
};

constexpr Phase kPhases[] = {
    {"build", run_build}, {"query", run_query}, {"filter", run_filter}, {"tenants", run_tenants},
    {"insert", run_insert}, {"copy", run_copy},
    {"churn", run_churn}, {"cold", run_cold},   {"pgbench", run_pgbench},
    {"growth", run_growth},
};

} // namespace

Json Run::line(const std::string &phase, const Competitor &competitor) const {
    Json json;
    json.add("phase", phase).add("set", set.name).add("system", competitor.system().name);
    return json;
}

bool Run::takes_part(const Competitor &competitor, const std::string &phase) const {
    const auto &phases = competitor.system().phases;
    return competitor.failure.empty() &&
           (phases.empty() || std::find(phases.begin(), phases.end(), phase) != phases.end());
}

std::vector<SqlCompetitor *> Run::sql(const std::string &phase) const {
    std::vector<SqlCompetitor *> some;
    for (const auto &competitor : competitors) {
        auto *sql = dynamic_cast<SqlCompetitor *>(competitor.get());
        if (sql != nullptr && takes_part(*sql, phase))
            some.push_back(sql);
    }
    return some;
}

void run_phases(const Options &options, ResultFile *results) {
    std::vector<std::string> wanted = options.phases;
    if (wanted.empty())
        wanted = {"build", "query", "filter", "insert", "churn"};
    for (const std::string &name : wanted) {
        if (std::none_of(std::begin(kPhases), std::end(kPhases), [&](const Phase &phase) { return name == phase.name; }))
            throw Error("--phases: no phase \"" + name + "\"");
    }
    note_circumstances(options, results);
    for (const DatasetOptions &set_options : options.sets) {
        const Dataset set = open_dataset(set_options);
        const Truth truth = whole_truth(set, options.k, options.cache);
        say(format("%s: %zu x %zu, %zu queries, %s", set.name.c_str(), set.base.rows(), set.base.dimensions,
                   set.queries.rows(), metric_name(set.metric)));
        std::vector<std::unique_ptr<Competitor>> competitors;
        for (const System &system : options.systems) {
            auto competitor = make_competitor(system, options, set);
            if (competitor != nullptr)
                competitors.push_back(std::move(competitor));
            else
                say(system.name + ": left out, this driver was built without that library");
        }
        Run run{options, *results, set, truth, competitors};
        // Every other phase needs the tables and indexes; the results of earlier runs are kept.
        run_build(run);
        for (const Phase &phase : kPhases) {
            if (phase.run != run_build && std::find(wanted.begin(), wanted.end(), phase.name) != wanted.end())
                phase.run(run);
        }
    }
}

} // namespace vecx::bench
