// The command line: systems under test, data, where results go.
#pragma once

#include <string>
#include <vector>

#include "dataset.hpp"
#include "postgres.hpp"

namespace vecx::bench {

// One competitor. SQL systems are a connection string and the words of CREATE INDEX; the in-process
// ones (hnswlib, faiss) have no connection.
struct System {
    std::string name;       // as it appears in results and plots
    std::string connection; // libpq connection string; empty for in-process systems
    std::string method;     // hnsw, ivfflat: the access method, or the library's name
    std::string with;       // the index's storage parameters, such as "m = 16"
    std::string setting;    // what the sweep varies: hnsw.ef_search
    std::vector<std::string> values;
    std::vector<std::string> session; // statements run on every connection
    std::vector<std::string> filter_session; // and, for filtered queries, these

    std::vector<std::string> phases; // the only ones it takes part in; empty: all
    unsigned churn_rounds = ~0u;     // of churn, at most; pgvector's VACUUM of a large index takes minutes

    bool in_process() const { return connection.empty(); }
    bool handicapped = false; // the first system, when a handicap was asked for
};

struct Options {
    std::string command;
    std::vector<System> systems;
    std::vector<DatasetOptions> sets;
    Element element = Element::vector;
    size_t k = 10;
    unsigned rounds = 5;
    unsigned build_rounds = 1;
    unsigned short_builds = 1; // of an index that is built within seconds (build.cpp)
    double seconds = 0.3; // time of one measurement
    double recall_seconds = 10; // the pass that measures recall ends then, but not before 200 queries
    bool pin = false; // connection c's thread and backend stay on processor c
    std::vector<unsigned> connections = {1, 2};
    std::vector<std::string> phases;
    std::string out;   // result file; empty: print only
    std::string cache = "build/bench/cache";
    std::string note;  // commit or other label, kept in the result file
    std::string restart;            // shell command that restarts the servers (cold start)
    std::string pgbench = "pgbench";
    std::string pgbench_scripts = "bench/pgbench";
    std::vector<std::string> filter_plans = {"index", "free"}; // how filtered queries are planned (filter.cpp)
    std::vector<double> shares = {0.5, 0.1, 0.01, 0.001, 0.0001}; // of the rows that filters select
    size_t life_rows = 10000; // rows of the tables of the insert and churn phases, two thirds of the set at most
    std::vector<size_t> growth = {10000, 30000, 100000, 300000, 1000000}; // numbers of rows of the growth phase
    std::string sparse;       // file of sparse vectors in text form (ground)
    double handicap_us = 0;   // a deliberate slowdown of the first system, per query
    double handicap_recall = 0; // share of the first system's results that are thrown away
};

// Throws Error with what is wrong.
Options parse_options(int argc, char **argv);
void print_usage();

} // namespace vecx::bench
