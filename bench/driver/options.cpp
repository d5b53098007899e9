#include "options.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>

#include "common.hpp"

namespace vecx::bench {

namespace {

std::string trimmed(std::string text) {
    while (!text.empty() && text.front() == ' ')
        text.erase(text.begin());
    while (!text.empty() && text.back() == ' ')
        text.pop_back();
    return text;
}

struct Preset {
    const char *method;
    const char *with;
    const char *setting;
    const char *values;
};

// pgvector's defaults for hnsw, and the same for everybody who builds that graph. ivfflat's lists follow
// pgvector's documentation (rows / 1000) and are set when the number of rows is known (build.cpp).
constexpr Preset kPresets[] = {
    {"hnsw", "m = 16, ef_construction = 64", "hnsw.ef_search", "10 20 40 80 160 320 640"},
    {"ivfflat", "lists = auto", "ivfflat.probes", "1 2 4 8 16 32 64"},
    {"ivf", "lists = 0", "ivf.probes", "1 2 4 8 16 32 64 128 256"},
    {"none", "", "work_mem", "4MB"}, // a table without an index
    {"hnswlib", "m = 16, ef_construction = 64", "ef", "10 20 40 80 160 320 640"},
    {"faiss-hnsw", "m = 16, ef_construction = 64", "efSearch", "10 20 40 80 160 320 640"},
    {"faiss-ivf", "lists = auto", "nprobe", "1 2 4 8 16 32 64"},
    {"exact", "", "none", "0"}, // the driver's own brute force: a yardstick of the machine
};

// "name=pgvector; conn=host=/tmp dbname=x; index=hnsw; with=m = 16; set=hnsw.ef_search; values=10 20;
// session=SET a = b": the fields that are absent come from the index's preset.
System parse_system(const std::string &text) {
    std::map<std::string, std::string> fields;
    System system;
    for (const std::string &part : split(text, ';')) {
        const size_t equals = part.find('=');
        if (equals == std::string::npos)
            throw Error("--system: \"" + part + "\" is not field=value");
        const std::string field = trimmed(part.substr(0, equals)), value = trimmed(part.substr(equals + 1));
        if (field == "session")
            system.session.push_back(value);
        else if (field == "filter-session")
            system.filter_session.push_back(value);
        else
            fields[field] = value;
    }
    const std::string method = fields.contains("index") ? fields["index"] : "hnsw";
    const auto preset = std::find_if(std::begin(kPresets), std::end(kPresets),
                                     [&](const Preset &candidate) { return method == candidate.method; });
    const auto take = [&](const char *field, const char *fallback) {
        const std::string value = fields.contains(field) ? fields[field] : fallback;
        fields.erase(field);
        return value;
    };
    const bool known = preset != std::end(kPresets);
    system.method = method;
    fields.erase("index");
    system.name = take("name", method.c_str());
    system.connection = take("conn", "");
    system.with = take("with", known ? preset->with : "");
    system.setting = take("set", known ? preset->setting : "");
    system.phases = split(take("phases", ""), ' ');
    system.churn_rounds = static_cast<unsigned>(to_number(take("churn", "1000000"), "churn"));
    system.values = split(take("values", known ? preset->values : ""), ' ');
    if (!fields.empty())
        throw Error("--system: no field \"" + fields.begin()->first + "\"");
    return system;
}

struct Option {
    const char *name;
    const char *argument;
    const char *help;
    std::function<void(Options &, const std::string &)> take;
};

DatasetOptions &last_set(Options &options) {
    if (options.sets.empty())
        options.sets.emplace_back();
    return options.sets.back();
}

size_t to_count(const std::string &text) {
    const double value = to_number(text, "option");
    if (value < 0 || value > 1e12)
        throw Error("\"" + text + "\" is out of range");
    return static_cast<size_t>(value);
}

const std::vector<Option> &all_options() {
    static const std::vector<Option> options = {
        {"--system", "SPEC", "a competitor: name=..; conn=..; index=hnsw; with=..; set=..; values=..; session=..; phases=..; churn=ROUNDS",
         [](Options &o, const std::string &v) { o.systems.push_back(parse_system(v)); }},
        {"--data", "DIR", "a data set: DIR holds base.*, query.* and maybe groundtruth_METRIC.ivecs",
         [](Options &o, const std::string &v) { o.sets.push_back({}), o.sets.back().directory = v; }},
        {"--hdf5", "FILE", "a data set in ann-benchmarks' format",
         [](Options &o, const std::string &v) { o.sets.push_back({}), o.sets.back().hdf5 = v; }},
        {"--synthetic", "SPEC", "a made data set: \"rows=20000 dim=128 queries=500 clusters=200 seed=1\"",
         [](Options &o, const std::string &v) { o.sets.push_back({}), o.sets.back().synthetic = v; }},
        {"--base", "FILE", "a data set's base (.fvecs, .bvecs, also .zst); starts a set, --query follows",
         [](Options &o, const std::string &v) { o.sets.push_back({}), o.sets.back().base = v; }},
        {"--query", "FILE", "queries of the last set", [](Options &o, const std::string &v) { last_set(o).query = v; }},
        {"--truth", "FILE", "ids of exact neighbours (.ivecs) of the last set",
         [](Options &o, const std::string &v) { last_set(o).truth = v; }},
        {"--metric", "NAME", "l2, ip, cosine or l1, of the last set",
         [](Options &o, const std::string &v) { last_set(o).metric = v; }},
        {"--name", "NAME", "name of the last set", [](Options &o, const std::string &v) { last_set(o).name = v; }},
        {"--rows", "N", "only the first N rows of the last set",
         [](Options &o, const std::string &v) { last_set(o).rows = to_count(v); }},
        {"--queries", "N", "only the first N queries of the last set",
         [](Options &o, const std::string &v) { last_set(o).queries = to_count(v); }},
        {"--sparse", "FILE", "sparse vectors: number, tab, text form (ground)",
         [](Options &o, const std::string &v) { o.sparse = v; }},
        {"--attributes", "FILE", "TSV whose rows belong to the last set's base",
         [](Options &o, const std::string &v) { last_set(o).attributes = v; }},
        {"--attribute-columns", "LIST", "which of its columns: \"section:3:text,size:5:int8\"",
         [](Options &o, const std::string &v) { last_set(o).attribute_columns = v; }},
        {"--where", "SQL", "a further filter on them, of the last set",
         [](Options &o, const std::string &v) { last_set(o).where.push_back(v); }},
        {"--type", "NAME", "vector (default) or halfvec",
         [](Options &o, const std::string &v) { o.element = parse_element(v); }},
        {"--k", "N", "results per query (10)", [](Options &o, const std::string &v) { o.k = to_count(v); }},
        {"--phases", "LIST", "of run: build,query,filter,tenants,insert,copy,churn,cold,pgbench,growth",
         [](Options &o, const std::string &v) { o.phases = split(v, ','); }},
        {"--rounds", "N", "alternating rounds (5)",
         [](Options &o, const std::string &v) { o.rounds = static_cast<unsigned>(std::max<size_t>(1, to_count(v))); }},
        {"--build-rounds", "N", "builds of each index (1)",
         [](Options &o, const std::string &v) {
             o.build_rounds = static_cast<unsigned>(std::max<size_t>(1, to_count(v)));
         }},
        {"--short-builds", "N", "builds of each index whose first build takes less than 10 s (1)",
         [](Options &o, const std::string &v) {
             o.short_builds = static_cast<unsigned>(std::max<size_t>(1, to_count(v)));
         }},
        {"--seconds", "S", "time of one measurement (0.3)",
         [](Options &o, const std::string &v) { o.seconds = to_number(v, "--seconds"); }},
        {"--recall-seconds", "S", "the pass that measures recall ends then, but not before 200 queries (10)",
         [](Options &o, const std::string &v) { o.recall_seconds = to_number(v, "--recall-seconds"); }},
        {"--pin", "0|1", "keep connection c's thread and backend on processor c (0)",
         [](Options &o, const std::string &v) { o.pin = to_count(v) != 0; }},
        {"--connections", "LIST", "numbers of connections (1,2)",
         [](Options &o, const std::string &v) {
             o.connections.clear();
             for (const std::string &item : split(v, ','))
                 o.connections.push_back(static_cast<unsigned>(std::clamp<size_t>(to_count(item), 1, 64)));
         }},
        {"--filter-plans", "LIST", "of filter: index, free, exact, sort, masked, strict (index,free)",
         [](Options &o, const std::string &v) { o.filter_plans = split(v, ','); }},
        {"--shares", "LIST", "of the rows that filters select (0.5,0.1,0.01,0.001,0.0001)",
         [](Options &o, const std::string &v) {
             o.shares.clear();
             for (const std::string &item : split(v, ','))
                 o.shares.push_back(to_number(item, "--shares"));
         }},
        {"--tenants", "SQL", "an expression over the last set's attributes that names a row's tenant (r / 1000)",
         [](Options &o, const std::string &v) { last_set(o).tenants = v; }},
        {"--life-rows", "N", "rows of the tables of insert, churn and pgbench (10000); two thirds of the set at most",
         [](Options &o, const std::string &v) { o.life_rows = to_count(v); }},
        {"--growth", "LIST", "numbers of rows of the phase growth (10000,30000,100000,300000,1000000)",
         [](Options &o, const std::string &v) {
             o.growth.clear();
             for (const std::string &item : split(v, ','))
                 o.growth.push_back(std::max<size_t>(100, to_count(item)));
         }},
        {"--restart", "COMMAND", "restarts the servers (phase cold)",
         [](Options &o, const std::string &v) { o.restart = v; }},
        {"--pgbench", "PROGRAM", "where pgbench is", [](Options &o, const std::string &v) { o.pgbench = v; }},
        {"--pgbench-scripts", "DIR", "where its scripts are (bench/pgbench)",
         [](Options &o, const std::string &v) { o.pgbench_scripts = v; }},
        {"--out", "FILE", "result file (JSON lines); keys in it are not measured again",
         [](Options &o, const std::string &v) { o.out = v; }},
        {"--cache", "DIR", "where exact neighbours are kept (build/bench/cache)",
         [](Options &o, const std::string &v) { o.cache = v; }},
        {"--note", "TEXT", "kept in the result file: the commit", [](Options &o, const std::string &v) { o.note = v; }},
        {"--handicap-us", "US", "waste this much time in each query of the first system (to test the guard)",
         [](Options &o, const std::string &v) { o.handicap_us = to_number(v, "--handicap-us"); }},
        {"--handicap-recall", "SHARE", "throw away this share of the first system's results (to test the guard)",
         [](Options &o, const std::string &v) { o.handicap_recall = to_number(v, "--handicap-recall"); }},
    };
    return options;
}

} // namespace

Options parse_options(int argc, char **argv) {
    Options options;
    if (argc < 2)
        throw Error("no command");
    options.command = argv[1];
    for (int i = 2; i < argc; i++) {
        const auto &known = all_options();
        const auto option = std::find_if(known.begin(), known.end(),
                                         [&](const Option &candidate) { return strcmp(argv[i], candidate.name) == 0; });
        if (option == known.end())
            throw Error(format("no option \"%s\"", argv[i]));
        if (++i == argc)
            throw Error(format("%s needs %s", option->name, option->argument));
        option->take(options, argv[i]);
    }
    if (!options.systems.empty())
        options.systems.front().handicapped = options.handicap_us > 0 || options.handicap_recall > 0;
    return options;
}

void print_usage() {
    puts("vecx-bench COMMAND OPTIONS\n"
         "  run       load, build and measure (--phases) every system on every set\n"
         "  ground    COPY and exact scans, alternating\n"
         "  truth     only compute and keep the exact neighbours\n"
         "  selftest  check the recall computation and the HDF5 reader");
    for (const Option &option : all_options())
        printf("  %-20s %-8s %s\n", option.name, option.argument, option.help);
}

} // namespace vecx::bench
