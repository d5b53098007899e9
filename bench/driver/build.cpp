// Building: time, peak memory of the processes that build, WAL, size.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

// Memory of a process in bytes: its private pages, and its share of dynamic shared memory, where parallel
// builds keep their graph. Shared buffers do not count. 0 when it may not be read (another user's process).
double process_memory(const std::string &pid) {
    std::ifstream in("/proc/" + pid + "/smaps");
    double sum = 0;
    bool dynamic_shared = false;
    for (std::string line; std::getline(in, line);) {
        if (line.find('-') < line.find(' ') && line.find(':') > line.find(' '))
            dynamic_shared = line.find("/dev/shm/PostgreSQL") != std::string::npos; // the head of a mapping
        else if (line.starts_with("Anonymous:") && !dynamic_shared)
            sum += atof(line.c_str() + 10);
        else if (line.starts_with("Pss:") && dynamic_shared)
            sum += atof(line.c_str() + 4);
    }
    return sum * 1024;
}

// Watches a backend and its parallel workers from a connection of its own, until destroyed.
class Watch {
  public:
    Watch(const System &system, int backend, const std::string &what)
        : connection_(system.connection), backend_(backend), what_(what), thread_([this] { watch(); }) {}
    ~Watch() {
        done_ = true;
        thread_.join();
    }
    double peak_memory() const { return peak_; }
    double most_processes() const { return most_processes_; }

  private:
    void watch() {
        Progress progress(what_, 1);
        try {
            while (!done_) {
                const Rows pids = connection_.run(
                    format("SELECT pid FROM pg_stat_activity WHERE pid = %d OR leader_pid = %d", backend_, backend_));
                double memory = 0;
                for (int i = 0; i < pids.count(); i++)
                    memory += process_memory(pids.text(i, 0));
                peak_ = std::max(peak_.load(), memory);
                most_processes_ = std::max(most_processes_.load(), static_cast<double>(pids.count()));
                const Rows state = connection_.run(
                    format("SELECT phase, greatest(tuples_done::float8 / nullif(tuples_total, 0), "
                           "blocks_done::float8 / nullif(blocks_total, 0), 0) "
                           "FROM pg_stat_progress_create_index WHERE pid = %d",
                           backend_));
                if (state.count() > 0)
                    progress.show(atof(state.text(0, 1).c_str()), state.text(0, 0));
                std::this_thread::sleep_for(std::chrono::milliseconds(200));
            }
        } catch (const std::exception &) {
            // The build itself reports a lost server or Ctrl-C.
        }
    }

    Connection connection_;
    const int backend_;
    const std::string what_;
    std::atomic<bool> done_{false};
    std::atomic<double> peak_{0}, most_processes_{0};
    std::thread thread_; // last: it uses the members above
};

} // namespace

bool SqlCompetitor::is_built() {
    return connect()->value(format("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('%s')",
                                   index_.c_str())) == "t";
}

BuildFigures SqlCompetitor::build() {
    load();
    auto connection = connect();
    if (options_.pin)
        pin_process(connection->backend_pid(), -1); // a build uses what there is
    connection->run(format("DROP INDEX IF EXISTS %s", index_.c_str()));
    connection->run("CHECKPOINT");
    BuildFigures figures;
    const std::string before = connection->value("SELECT pg_current_wal_insert_lsn()");
    {
        const Watch watch(system_, connection->backend_pid(),
                          format("%s: building %s", set_.name.c_str(), system_.name.c_str()));
        const Stopwatch clock;
        connection->run(create_index(index_, table_, set_.base.rows()));
        figures.seconds = clock.seconds();
        figures.memory_bytes = watch.peak_memory();
        figures.threads = watch.most_processes();
    }
    figures.wal_bytes =
        connection->number(format("SELECT pg_current_wal_insert_lsn() - '%s'::pg_lsn", before.c_str()));
    figures.index_bytes = connection->number(format("SELECT pg_relation_size('%s')", index_.c_str()));
    return figures;
}

// One that was built so quickly is built again some times: its time varies most, and that costs little.
void run_build(Run &run) {
    constexpr double kShort = 10;
    std::vector<std::vector<double>> seconds(run.competitors.size());
    const unsigned most = std::max(run.options.build_rounds, run.options.short_builds);
    for (unsigned round = 0; round < most; round++) {
        for (size_t c = 0; c < run.competitors.size(); c++) {
            Competitor &competitor = *run.competitors[c];
            const char *name = competitor.system().name.c_str();
            if (competitor.system().method == "none") // nothing to build; the insert phase has a table of its own
                continue;
            const std::string key = run.key("build", competitor, "");
            const bool known = run.results.has(key);
            const auto rounds = [&] { return seconds[c].front() < kShort ? most : run.options.build_rounds; };
            if (round > 0 && (known || seconds[c].empty() || round >= rounds()))
                continue;
            if (!competitor.failure.empty() || (known && competitor.is_built()))
                continue;
            Json json = run.line("build", competitor);
            try {
                const BuildFigures figures = competitor.build();
                say(format("%s: %s built in %.1f s", run.set.name.c_str(), name, figures.seconds));
                seconds[c].push_back(figures.seconds);
                if (known || round + 1 < rounds())
                    continue;
                add_rounds(&json, "seconds", seconds[c]);
                json.add("memory_bytes", figures.memory_bytes).add("wal_bytes", figures.wal_bytes);
                json.add("index_bytes", figures.index_bytes).add("processes", figures.threads);
                json.add("rows", static_cast<double>(run.set.base.rows()));
                run.results.append(key, json);
            } catch (const Error &error) {
                competitor.failure = error.what();
                say(format("%s: %s takes no part: %s", run.set.name.c_str(), name, error.what()));
                // Under a key of its own: a later run tries again.
                run.results.append(run.key("failure", competitor, ""), json.add("failure", competitor.failure));
            }
        }
    }
}

} // namespace vecx::bench
