#include "competitor.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <malloc.h>

#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

std::string identifier(const std::string &text) {
    std::string out;
    for (const char c : text)
        out += isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(tolower(c)) : '_';
    return out;
}

class SqlSearcher : public Searcher {
  public:
    SqlSearcher(std::unique_ptr<Connection> connection, const SqlCompetitor &competitor, const std::string &sql,
                const Options &options)
        : connection_(std::move(connection)), competitor_(competitor), options_(options) {
        connection_->prepare("q", sql);
    }

    void set(const std::string &value) override {
        if (!competitor_.system().setting.empty())
            connection_->run("SET " + competitor_.system().setting + " = " + value);
    }

    void search(size_t query, std::vector<int32_t> *ids) override {
        const std::string_view parameters[] = {competitor_.query_parameter(query)};
        const Rows rows = connection_->execute("q", parameters);
        ids->clear();
        for (int i = 0; i < rows.count(); i++)
            ids->push_back(rows.int4(i, 0));
        if (competitor_.system().handicapped) {
            spin_microseconds(options_.handicap_us);
            const double left = static_cast<double>(ids->size()) * (1 - options_.handicap_recall);
            ids->resize(static_cast<size_t>(left + 0.5));
        }
    }

    double server_cpu() override { return connection_->backend_cpu(); }
    int server_pid() override { return connection_->backend_pid(); }

  private:
    std::unique_ptr<Connection> connection_;
    const SqlCompetitor &competitor_;
    const Options &options_;
};

} // namespace

std::string Competitor::with_clause(size_t rows) const {
    std::string with = system_.with;
    const size_t at = with.find("auto");
    if (system_.with.starts_with("lists") && at != std::string::npos)
        with.replace(at, 4, std::to_string(std::max<size_t>(10, rows / 1000)));
    return with;
}

int Competitor::with_number(const std::string &name, int fallback) const {
    const std::string with = with_clause(set_.base.rows());
    const size_t at = with.find(name);
    const size_t equals = at == std::string::npos ? at : with.find('=', at);
    return equals == std::string::npos ? fallback : atoi(with.c_str() + equals + 1);
}

double own_memory() {
    malloc_trim(0); // what an earlier data set left free would hide what is allocated next
    std::ifstream in("/proc/self/smaps_rollup");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("Private_Dirty:"))
            return 1024 * atof(line.c_str() + 14);
    }
    return 0;
}

SqlCompetitor::SqlCompetitor(const System &system, const Options &options, const Dataset &set)
    : Competitor(system, options, set), table_("bench_" + identifier(set.name + "_" + system.name)),
      index_(table_ + "_idx") {
    for (size_t q = 0; q < set.queries.rows(); q++)
        parameters_.push_back(to_binary(options.element, set.queries.row(q)));
}

std::unique_ptr<Connection> SqlCompetitor::connect() const {
    auto connection = std::make_unique<Connection>(system_.connection);
    connection->run("SET jit = off; SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off");
    // A library is loaded with its first function call; settings of the access method need it now.
    connection->run(format("SELECT '[1]'::%s", element_name(options_.element)));
    for (const std::string &statement : system_.session)
        connection->run(statement);
    raise_priority(connection->backend_pid());
    if (options_.pin)
        pin_process(connection->backend_pid(), 0);
    return connection;
}

std::string SqlCompetitor::create_index(const std::string &index, const std::string &table, size_t rows) const {
    const std::string with = with_clause(rows);
    if (system_.method == "none") // the table alone, for the rate of inserts
        return "SELECT 1";
    return format("CREATE INDEX %s ON %s USING %s (embedding %s)%s", index.c_str(), table.c_str(),
                  system_.method.c_str(), metric_opclass(set_.metric, element_name(options_.element)).c_str(),
                  with.empty() ? "" : (" WITH (" + with + ")").c_str());
}

std::string SqlCompetitor::query(const std::string &table, const std::string &condition) const {
    return format("SELECT id FROM %s%s ORDER BY embedding %s $1 LIMIT %zu", table.c_str(),
                  condition.empty() ? "" : (" WHERE " + condition).c_str(), metric_operator(set_.metric), options_.k);
}

void SqlCompetitor::check_plan(Connection &connection, const std::string &sql) const {
    const Rows plan = connection.run_with("EXPLAIN " + sql, parameters_[0]);
    std::string text;
    for (int i = 0; i < plan.count(); i++)
        text += plan.text(i, 0) + "\n";
    if (text.find("Order By: (embedding") == std::string::npos)
        throw Error("the planner does not use the index:\n" + text);
}

SqlCompetitor::Effort SqlCompetitor::effort_per_query(Connection &connection, const std::string &sql,
                                                      size_t sample) const {
    Effort sum;
    sample = std::min(sample, parameters_.size());
    const bool tells = connection.value("SELECT to_regprocedure('vecx_last_scan()') IS NOT NULL") == "t";
    if (tells)
        sum.nodes = 0;
    for (size_t q = 0; q < sample; q++) {
        const Rows rows = connection.run_with("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) " + sql,
                                              parameters_[q]);
        const std::string plan = rows.text(0, 0);
        for (const char *counter : {"\"Shared Hit Blocks\": ", "\"Shared Read Blocks\": "}) {
            const size_t at = plan.find(counter); // the first is the top node's, which includes all below
            sum.buffers += at == std::string::npos ? 0 : atof(plan.c_str() + at + strlen(counter));
        }
        if (tells)
            sum.nodes += atof(connection.value("SELECT nodes FROM vecx_last_scan()").c_str());
    }
    if (sample > 0) {
        sum.buffers /= static_cast<double>(sample);
        sum.nodes /= sum.nodes < 0 ? 1 : static_cast<double>(sample);
    }
    return sum;
}

std::unique_ptr<Searcher> SqlCompetitor::open_on(const std::string &table, const std::string &condition,
                                                 const std::vector<std::string> &settings) {
    auto connection = connect();
    for (const std::string &setting : settings)
        connection->run(setting);
    return std::make_unique<SqlSearcher>(std::move(connection), *this, query(table, condition), options_);
}

std::unique_ptr<Searcher> SqlCompetitor::open() { return open_on(table_, "", {}); }

} // namespace vecx::bench
