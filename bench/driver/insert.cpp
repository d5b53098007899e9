// Inserting into a table with an index: one row per statement, ten rows per statement, COPY.
#include <algorithm>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kRowsPerStatement = 10;

// Rows that a round inserts in each way, and the ways.
struct Way {
    const char *name;
    size_t rows;
    void (*insert)(Connection &, const Run &, const std::string &table, size_t first, size_t rows);
};

// Parameters of one row: id and vector.
void add_row(std::vector<std::string> *parameters, const Run &run, size_t row) {
    std::string id;
    append_int32(&id, static_cast<int32_t>(row));
    parameters->push_back(id);
    parameters->push_back(to_binary(run.options.element, run.set.base.row(row)));
}

void execute_rows(Connection &connection, const char *statement, const Run &run, size_t first, size_t rows) {
    std::vector<std::string> parameters;
    for (size_t i = 0; i < rows; i++)
        add_row(&parameters, run, first + i);
    const std::vector<std::string_view> views(parameters.begin(), parameters.end());
    connection.execute(statement, views);
}

void insert_single(Connection &connection, const Run &run, const std::string &, size_t first, size_t rows) {
    for (size_t i = 0; i < rows; i++)
        execute_rows(connection, "one", run, first + i, 1);
}

void insert_multiple(Connection &connection, const Run &run, const std::string &, size_t first, size_t rows) {
    for (size_t i = 0; i + kRowsPerStatement <= rows; i += kRowsPerStatement)
        execute_rows(connection, "ten", run, first + i, kRowsPerStatement);
}

void insert_copy(Connection &connection, const Run &run, const std::string &table, size_t first, size_t rows) {
    connection.copy_in("COPY " + table + " FROM STDIN (FORMAT binary)",
                       copy_rows(run.set.base, run.options.element, first, first + rows));
}

void prepare_inserts(Connection &connection, const std::string &table) {
    std::vector<std::string> tuples;
    for (size_t i = 0; i < kRowsPerStatement; i++)
        tuples.push_back(format("($%zu, $%zu)", 2 * i + 1, 2 * i + 2));
    connection.prepare("one", "INSERT INTO " + table + " VALUES ($1, $2)");
    connection.prepare("ten", "INSERT INTO " + table + " VALUES " + join(tuples, ", "));
}

// pg_walinspect (PostgreSQL 15) tells records from full-page images, whose number depends on checkpoints.
bool wal_can_be_inspected(Connection &connection) {
    return connection.value("SELECT to_regprocedure('pg_get_wal_stats(pg_lsn, pg_lsn, boolean)') IS NOT NULL") == "t";
}

// Bytes of the records between two places without full-page images; and of those, the ones of generic WAL, which
// are the access method's.
std::pair<double, double> wal_records(Connection &connection, const std::string &from, const std::string &to) {
    // Only flushed WAL can be read: a transaction that waits for the disk.
    connection.run("BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'bench', ''); COMMIT");
    const Rows rows = connection.run(format(
        "SELECT coalesce(sum(record_size), 0), coalesce(sum(record_size) FILTER (WHERE \"resource_manager/record_type\" "
        "= 'Generic'), 0) FROM pg_get_wal_stats('%s', '%s', false)",
        from.c_str(), to.c_str()));
    return {to_number(rows.text(0, 0), "record_size"), to_number(rows.text(0, 1), "record_size")};
}

} // namespace

void run_insert(Run &run) {
    std::vector<SqlCompetitor *> systems;
    for (SqlCompetitor *competitor : run.sql("insert")) {
        if (!run.results.has(run.key("insert", *competitor, "COPY")))
            systems.push_back(competitor);
    }
    if (systems.empty())
        return;
    const size_t rows = run.life_rows();
    const size_t spare = (run.set.base.rows() - rows) / run.options.rounds;
    const Way ways[] = {
        {"single", std::min<size_t>(500, spare / 8), insert_single},
        {"multiple", std::min<size_t>(500, spare / 4) / kRowsPerStatement * kRowsPerStatement, insert_multiple},
        {"COPY", std::min<size_t>(1000, spare / 2), insert_copy},
    };
    struct Figures {
        std::vector<double> rates, cpu, wal, records, index;
    };
    std::vector<std::vector<Figures>> figures(systems.size(), std::vector<Figures>(std::size(ways)));
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<std::string> tables;
    Progress progress(format("%s: insert", run.set.name.c_str()),
                      static_cast<double>(run.options.rounds * systems.size()));
    for (SqlCompetitor *competitor : systems) {
        tables.push_back(competitor->table() + "_life");
        competitor->make_life_table(tables.back(), rows);
        connections.push_back(competitor->connect());
        prepare_inserts(*connections.back(), tables.back());
    }
    const bool inspects = wal_can_be_inspected(*connections.front());
    size_t next = rows;
    const Pinned pinned(run.options.pin, 0);
    for (unsigned round = 0; round < run.options.rounds; round++) {
        for (size_t w = 0; w < std::size(ways); w++) {
            for (size_t i = 0; i < systems.size(); i++) {
                const size_t s = round % 2 == 0 ? i : systems.size() - 1 - i;
                progress.show(static_cast<double>(round * systems.size() + i), systems[s]->system().name);
                Connection &connection = *connections[s];
                const std::string before = connection.value("SELECT pg_current_wal_insert_lsn()");
                const double cpu_before = connection.backend_cpu();
                const Stopwatch clock;
                ways[w].insert(connection, run, tables[s], next, ways[w].rows);
                const double seconds = clock.seconds();
                const double cpu = cpu_before < 0 ? 0 : connection.backend_cpu() - cpu_before;
                const std::string after = connection.value("SELECT pg_current_wal_insert_lsn()");
                const double wal =
                    connection.number(format("SELECT '%s'::pg_lsn - '%s'::pg_lsn", after.c_str(), before.c_str()));
                if (inspects) {
                    const auto [records, index] = wal_records(connection, before, after);
                    figures[s][w].records.push_back(records / static_cast<double>(ways[w].rows));
                    figures[s][w].index.push_back(index / static_cast<double>(ways[w].rows));
                }
                figures[s][w].cpu.push_back(cpu * 1e6 / static_cast<double>(ways[w].rows));
                figures[s][w].rates.push_back(static_cast<double>(ways[w].rows) / seconds);
                figures[s][w].wal.push_back(wal / static_cast<double>(ways[w].rows));
            }
            next += ways[w].rows;
        }
    }
    for (size_t s = 0; s < systems.size(); s++) {
        for (size_t w = 0; w < std::size(ways); w++) {
            Json json = run.line("insert", *systems[s]);
            json.add("way", ways[w].name).add("rows_before", static_cast<double>(rows));
            add_rounds(&json, "rows_per_second", figures[s][w].rates);
            add_rounds(&json, "cpu_us_per_row", figures[s][w].cpu);
            add_rounds(&json, "wal_bytes_per_row", figures[s][w].wal);
            if (inspects) {
                add_rounds(&json, "wal_record_bytes_per_row", figures[s][w].records);
                add_rounds(&json, "wal_index_bytes_per_row", figures[s][w].index);
            }
            run.results.append(run.key("insert", *systems[s], ways[w].name), json);
        }
        connections[s]->run("DROP TABLE " + tables[s]);
    }
}

} // namespace vecx::bench
