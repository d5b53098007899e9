// Cold start: the first queries after a restart with the files out of the operating system's cache.
#include <fcntl.h>
#include <unistd.h>

#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kQueries = 50;
constexpr double kRecall = 0.95; // at the first setting that reaches it, warm

// Drops the table's, its TOAST table's and their indexes' files from the page cache, if this user may read
// them. Only those files: other programs on the machine keep theirs. False when it may not.
bool drop_from_cache(SqlCompetitor &competitor) {
    const auto connection = competitor.connect();
    const std::string directory = connection->value("SHOW data_directory") + "/";
    const Rows files = connection->run(format(
        "WITH relations AS (SELECT oid, reltoastrelid FROM pg_class WHERE oid = '%s'::regclass) "
        "SELECT pg_relation_filepath(file) FROM (SELECT oid FROM relations UNION SELECT reltoastrelid FROM relations "
        "UNION SELECT indexrelid FROM pg_index, relations WHERE indrelid IN (oid, reltoastrelid)) AS f(file) "
        "WHERE file <> 0",
        competitor.table().c_str()));
    bool dropped = files.count() > 0;
    for (int i = 0; i < files.count(); i++) {
        for (int segment = 0;; segment++) {
            const std::string path =
                directory + files.text(i, 0) + (segment == 0 ? "" : "." + std::to_string(segment));
            const int file = open(path.c_str(), O_RDONLY);
            if (file < 0) {
                dropped = dropped && segment > 0;
                break;
            }
            // Dirty pages would stay; the restart's checkpoint has written them.
            dropped = fdatasync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 && dropped;
            close(file);
        }
    }
    return dropped;
}

} // namespace

void run_cold(Run &run) {
    if (run.options.restart.empty()) {
        say("cold: left out, there is no --restart COMMAND");
        return;
    }
    for (SqlCompetitor *competitor : run.sql("cold")) {
        const std::string key = run.key("cold", *competitor, "");
        if (run.results.has(key))
            continue;
        std::vector<double> first, all;
        bool dropped = true;
        double recall = 0;
        const std::string value = reach_recall(run, competitor->system(), *competitor->open(), kRecall, &recall);
        for (unsigned round = 0; round < run.options.rounds; round++) {
            output_of(run.options.restart);
            dropped = drop_from_cache(*competitor) && dropped;
            const Pinned pinned(run.options.pin, 0);
            const auto searcher = competitor->open();
            searcher->set(value);
            std::vector<int32_t> ids;
            for (size_t q = 0; q < std::min(kQueries, run.set.queries.rows()); q++) {
                const Stopwatch clock;
                searcher->search((round * kQueries + q) % run.set.queries.rows(), &ids);
                all.push_back(clock.microseconds());
                if (q == 0)
                    first.push_back(clock.microseconds());
            }
        }
        Json json = run.line("cold", *competitor);
        json.add_flag("page_cache_dropped", dropped);
        add_rounds(&json, "first_us", first);
        json.add("p50_us", percentile(all, 0.5)).add("p95_us", percentile(all, 0.95)).add("queries", kQueries);
        json.add("setting", competitor->system().setting).add("value", to_number(value, "value")).add("recall", recall);
        run.results.append(key, json);
    }
}

} // namespace vecx::bench
