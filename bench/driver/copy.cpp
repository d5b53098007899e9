// COPY into a table whose index is as large as the set: all rows of the set once more, under new ids.
#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

void run_copy(Run &run) {
    const size_t rows = run.set.base.rows();
    for (SqlCompetitor *competitor : run.sql("copy")) {
        const std::string key = run.key("copy", *competitor, "");
        if (run.results.has(key))
            continue;
        const std::string table = competitor->table() + "_copy";
        competitor->make_life_table(table, rows);
        const auto connection = competitor->connect();
        const std::string data = copy_rows(run.set.base, run.options.element, 0, rows, rows);
        connection->run("CHECKPOINT"); // the load before is not this one's to write
        const Pinned pinned(run.options.pin, 0);
        if (run.options.pin)
            pin_process(connection->backend_pid(), 1);
        const std::string before = connection->value("SELECT pg_current_wal_insert_lsn()");
        const double cpu_before = connection->backend_cpu();
        const Stopwatch clock;
        connection->copy_in("COPY " + table + " FROM STDIN (FORMAT binary)", data);
        const double seconds = clock.seconds();
        const double cpu = cpu_before < 0 ? 0 : connection->backend_cpu() - cpu_before;
        const double wal =
            connection->number(format("SELECT pg_current_wal_insert_lsn() - '%s'::pg_lsn", before.c_str()));
        const double count = static_cast<double>(rows);
        say(format("%s: %s: COPY of %zu rows: %.0f rows/s", run.set.name.c_str(), competitor->system().name.c_str(), rows,
                   count / seconds));
        Json json = run.line("copy", *competitor);
        json.add("rows_before", count).add("rows", count).add("rows_per_second", count / seconds);
        json.add("cpu_us_per_row", cpu * 1e6 / count).add("wal_bytes_per_row", wal / count);
        connection->run("DROP TABLE " + table);
        run.results.append(key, json);
    }
}

} // namespace vecx::bench
