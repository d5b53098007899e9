// Many tenants in one table: what a search within a tenant costs, against an index that holds this tenant's rows alone.
// The bar is on the slow queries: p99 over the same queries of the same tenants.
#include <algorithm>

#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kTenants = 10;  // that are measured: from the largest to the smallest with more than k rows
constexpr size_t kQueries = 100; // each

struct Tenant {
    std::string name;
    double rows;
};

// Makes the table of all tenants, with the vector index and a B-tree on the tenant.
void make_shared(Connection &connection, const SqlCompetitor &competitor, const std::string &table,
                 const std::string &expression, size_t rows) {
    connection.run(format("DROP TABLE IF EXISTS %s", table.c_str()));
    connection.run(format("CREATE TABLE %s AS SELECT id, (%s)::text AS tenant, embedding FROM %s ORDER BY id", table.c_str(),
                          expression.c_str(), competitor.table().c_str()));
    connection.run(competitor.create_index(table + "_idx", table, rows));
    connection.run(format("CREATE INDEX ON %s (tenant)", table.c_str()));
    connection.run(format("VACUUM (ANALYZE) %s", table.c_str()));
}

std::vector<Tenant> choose(Connection &connection, const std::string &table, size_t k) {
    const Rows rows = connection.run(
        format("SELECT tenant, count(*) FROM %s GROUP BY tenant HAVING count(*) > %zu ORDER BY 2 DESC, 1", table.c_str(), k));
    std::vector<Tenant> chosen;
    const size_t count = static_cast<size_t>(rows.count());
    for (size_t i = 0; i < std::min(count, kTenants); i++) {
        const int at = static_cast<int>(count <= kTenants ? i : i * (count - 1) / (kTenants - 1));
        chosen.push_back({rows.text(at, 0), atof(rows.text(at, 1).c_str())});
    }
    return chosen;
}

void measure_tenant(Run &run, SqlCompetitor &competitor, const std::string &shared, const Tenant &tenant) {
    const std::string key = run.key("tenants", competitor, tenant.name);
    if (run.results.has(key))
        return;
    const std::string alone = shared + "_alone";
    const std::string condition = "tenant = " + quote_literal(tenant.name);
    const auto connection = competitor.connect();
    connection->run(format("DROP TABLE IF EXISTS %s", alone.c_str()));
    connection->run(format("CREATE TABLE %s AS SELECT * FROM %s WHERE %s ORDER BY id", alone.c_str(), shared.c_str(),
                           condition.c_str()));
    connection->run(competitor.create_index(alone + "_idx", alone, static_cast<size_t>(tenant.rows)));
    connection->run(format("VACUUM (ANALYZE) %s", alone.c_str()));

    const std::vector<std::string> as_planned = {"SET enable_seqscan = on"};
    std::vector<std::string> for_filters = competitor.system().filter_session;
    for_filters.insert(for_filters.end(), as_planned.begin(), as_planned.end());
    struct Side {
        const char *name;
        std::unique_ptr<Searcher> searcher;
        std::vector<double> latencies;
        double returned = 0;
    };
    Side sides[] = {{"shared", competitor.open_on(shared, condition, for_filters), {}},
                    {"alone_index", competitor.open_on(alone, "", {"SET enable_sort = off"}), {}},
                    {"alone_free", competitor.open_on(alone, "", as_planned), {}}};
    const Pinned pinned(run.options.pin, 0);
    std::vector<int32_t> found;
    const size_t queries = std::min(kQueries, run.set.queries.rows());
    for (int pass = 0; pass < 3; pass++) // the first warms
        for (size_t q = 0; q < queries; q++)
            for (Side &side : sides) {
                check_interrupts();
                const Stopwatch clock;
                side.searcher->search(q, &found);
                if (pass > 0)
                    side.latencies.push_back(clock.microseconds());
                else
                    side.returned += static_cast<double>(found.size()) / static_cast<double>(queries);
            }
    Json json = run.line("tenants", competitor);
    json.add("tenant", tenant.name).add("rows", tenant.rows);
    for (const Side &side : sides) {
        Json figures;
        figures.add("returned", side.returned).add("p50_us", percentile(side.latencies, 0.5));
        figures.add("p99_us", percentile(side.latencies, 0.99));
        json.add_object(side.name, figures);
    }
    run.results.append(key, json);
    connection->run(format("DROP TABLE %s", alone.c_str()));
}

} // namespace

void run_tenants(Run &run) {
    if (run.set.tenants.empty())
        return;
    for (SqlCompetitor *competitor : run.sql("tenants")) {
        const std::string done = run.key("tenants", *competitor, "all");
        if (run.results.has(done))
            continue;
        const std::string shared = competitor->table() + "_tenants";
        const auto connection = competitor->connect();
        if (connection->value(format("SELECT to_regclass('%s_idx') IS NULL", shared.c_str())) == "t")
            make_shared(*connection, *competitor, shared, run.set.tenants, run.set.base.rows());
        const std::vector<Tenant> tenants = choose(*connection, shared, run.options.k);
        Progress progress(format("%s: tenants", run.set.name.c_str()), static_cast<double>(tenants.size()));
        for (size_t i = 0; i < tenants.size(); i++) {
            progress.show(static_cast<double>(i), tenants[i].name);
            measure_tenant(run, *competitor, shared, tenants[i]);
        }
        connection->run(format("DROP TABLE %s", shared.c_str()));
        run.results.append(done, run.line("tenants", *competitor));
    }
}

} // namespace vecx::bench
