// A system under test with one data set: builds its index, answers queries. SqlCompetitor speaks SQL to a
// server; the others are libraries in this process (hnswlib.cpp, faiss.cpp, exact.cpp).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "options.hpp"

namespace vecx::bench {

// Answers queries, one at a time; one per thread.
class Searcher {
  public:
    virtual ~Searcher() = default;
    // Sets what the sweep varies (ef_search, probes).
    virtual void set(const std::string &value) = 0;
    // The ids of the k nearest rows that the system finds for query number `query`.
    virtual void search(size_t query, std::vector<int32_t> *ids) = 0;
    // Processor time that the server has used for this searcher; negative when unknown.
    virtual double server_cpu() { return -1; }
    // The server's process for this searcher; 0 when it is a library in this process.
    virtual int server_pid() { return 0; }
};

struct BuildFigures {
    double seconds = 0;
    double memory_bytes = 0; // peak, of all processes that build, without shared buffers
    double wal_bytes = 0;
    double index_bytes = 0;
    double threads = 1;
};

class Competitor {
  public:
    Competitor(const System &system, const Options &options, const Dataset &set)
        : system_(system), options_(options), set_(set) {}
    virtual ~Competitor() = default;
    Competitor(const Competitor &) = delete;
    Competitor &operator=(const Competitor &) = delete;

    const System &system() const { return system_; }
    virtual BuildFigures build() = 0;
    // True when an index of this set is there already (from an earlier run).
    virtual bool is_built() = 0;
    virtual std::unique_ptr<Searcher> open() = 0;

    // Why it takes no further part; empty while it does.
    std::string failure;

  protected:
    // "lists = auto" with the number that pgvector's documentation recommends for the rows there are.
    std::string with_clause(size_t rows) const;
    // The number after "name =" in the storage parameters.
    int with_number(const std::string &name, int fallback) const;

    const System &system_;
    const Options &options_;
    const Dataset &set_;
};

// The table of an SQL competitor: id int4 primary key; r, d int4 for filters; the vector.
class SqlCompetitor : public Competitor {
  public:
    SqlCompetitor(const System &system, const Options &options, const Dataset &set);

    BuildFigures build() override;
    bool is_built() override;
    std::unique_ptr<Searcher> open() override;

    // Creates and fills the table unless it is there with the same data.
    void load();
    // A connection with the settings of every measurement.
    std::unique_ptr<Connection> connect() const;
    const std::string &table() const { return table_; }
    const std::string &index() const { return index_; }
    // Creates `table` with an index like the main one, holding rows [0, rows) of the base.
    void make_life_table(const std::string &table, size_t rows);
    std::string create_index(const std::string &index, const std::string &table, size_t rows) const;
    // SELECT id FROM table WHERE condition ORDER BY distance to $1 LIMIT k.
    std::string query(const std::string &table, const std::string &condition = "") const;
    const std::string &query_parameter(size_t query) const { return parameters_[query]; }
    // Throws unless the plan of `sql` with one parameter uses an index on the vector.
    void check_plan(Connection &connection, const std::string &sql) const;
    // What a query touches, mean over a sample: shared buffers, and the graph's nodes when the extension has a
    // function vecx_last_scan() that tells (else negative).
    struct Effort {
        double buffers = 0, nodes = -1;
    };
    Effort effort_per_query(Connection &connection, const std::string &sql, size_t sample) const;
    std::unique_ptr<Searcher> open_on(const std::string &table, const std::string &condition,
                                      const std::vector<std::string> &settings);

  private:
    std::string signature() const;

    std::string table_, index_;
    std::vector<std::string> parameters_; // the queries in binary form
};

// Brute force in this process: the yardstick of the machine.
std::unique_ptr<Competitor> make_exact(const System &, const Options &, const Dataset &);
// Null when this driver was built without the library.
std::unique_ptr<Competitor> make_hnswlib(const System &, const Options &, const Dataset &);
std::unique_ptr<Competitor> make_faiss(const System &, const Options &, const Dataset &);

// Resident memory of this process that is its own, in bytes.
double own_memory();

} // namespace vecx::bench
