// The phases of a run. Each appends its results as soon as they are complete, under a key that a later
// run finds and does not measure again.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "competitor.hpp"
#include "options.hpp"
#include "results.hpp"
#include "truth.hpp"

namespace vecx::bench {

// What all phases of one data set share.
struct Run {
    const Options &options;
    ResultFile &results;
    const Dataset &set;
    const Truth &truth;
    std::vector<std::unique_ptr<Competitor>> &competitors;

    // "query/sift-300k/pgvector/" and so on.
    std::string key(const std::string &phase, const Competitor &competitor, const std::string &rest) const {
        return phase + "/" + set.name + "/" + competitor.system().name + "/" + rest;
    }
    // The members that every line has.
    Json line(const std::string &phase, const Competitor &competitor) const;
    // Whether a competitor has not failed and takes part in a phase.
    bool takes_part(const Competitor &competitor, const std::string &phase) const;
    // The competitors that speak SQL and take part in the phase.
    std::vector<SqlCompetitor *> sql(const std::string &phase) const;
    // Rows of the tables of the phases that change them.
    size_t life_rows() const { return std::min(options.life_rows, set.base.rows() * 2 / 3); }
};

void run_build(Run &run);  // build.cpp
void run_query(Run &run);  // query.cpp
void run_filter(Run &run); // filter.cpp
void run_tenants(Run &run); // tenants.cpp
void run_insert(Run &run); // insert.cpp
void run_copy(Run &run);   // copy.cpp
void run_churn(Run &run);  // churn.cpp
void run_cold(Run &run);   // cold.cpp
void run_pgbench(Run &run); // pgbench.cpp
void run_growth(Run &run);  // growth.cpp

// Sets the smallest value of the ladder at which the searcher reaches the recall (over at most 200 queries), or the
// last one. Returns it; *recall is what it reaches.
std::string reach_recall(const Run &run, const System &system, Searcher &searcher, double target, double *recall);

// One measurement of a searcher per thread: as many queries as fit into `seconds`, from query number
// `first` on, in order, around the end.
struct Measurement {
    double qps = 0;
    double cpu_us = 0; // of the server, per query; 0 when unknown
    std::vector<double> latencies_us;
};
Measurement measure(const Run &run, std::vector<std::unique_ptr<Searcher>> &searchers, size_t first,
                    double seconds);

// Adds mean, 5th percentile and minimum recall.
void add_recalls(Json *json, std::vector<double> recalls);
// Adds median, extremes and all values of a figure that was measured once a round.
void add_rounds(Json *json, const std::string &name, const std::vector<double> &rounds);

// COPY and exact scans, without an index (ground.cpp).
void run_ground(const Options &options, ResultFile *results);
// Everything else: the phases asked for, set by set (run.cpp).
void run_phases(const Options &options, ResultFile *results);

} // namespace vecx::bench
