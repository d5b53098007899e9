// The ground floor, without an index: COPY in and out, text and binary, and exact search by sequential
// scan. Every measurement alternates between the systems; what counts is the median of the ratios of
// one round. The first system is the one under test, the second the one it is compared with. "cpu" is the
// ratio of the backends' processor time: it tells a slower program from a busy machine.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr double kTextBar = 1.5; // COPY FROM text must be this much faster than the reference
constexpr double kScanBar = 1.0;

struct Contest {
    std::string what;
    double bar; // 0: for information
    // Once per system and round: does the work, returns seconds.
    std::function<double(Connection &)> work;
};

class Ground {
  public:
    Ground(const Options &options, ResultFile *results) : options_(options), results_(results) {
        for (const System &system : options.systems) {
            if (!system.in_process())
                connections_.push_back(std::make_unique<Connection>(system.connection));
        }
        if (connections_.empty())
            throw Error("ground needs at least one --system with conn=");
        for (auto &connection : connections_) {
            connection->run("SET max_parallel_workers_per_gather = 0; SET enable_indexscan = off; "
                            "SET synchronous_commit = off; SET jit = off");
        }
        printf("%-58s", "what (milliseconds, median)");
        for (const System &system : options.systems)
            printf(" %12s", system.name.c_str());
        printf("  %-18s %5s  %s\n", "ratio (spread)", "cpu", "bar");
    }

    ~Ground() {
        for (auto &connection : connections_) {
            try {
                connection->run("DROP TABLE IF EXISTS bench_ground");
            } catch (const std::exception &) {
                // the connection's own error was already reported
            }
        }
    }

    void copy_dense(const Dataset &set, size_t rows);
    void copy_sparse(const std::string &path, size_t rows);
    void scan(const Dataset &set);
    void print_verdict() const {
        printf("bars: %d met, %d missed; %d measurements skipped\n", met_, missed_, skipped_);
    }

  private:
    void copy(const std::string &label, const std::string &type, const std::string &text);
    void run(const Contest &contest, unsigned rounds);
    void skip(const std::string &what, const Error &error) {
        printf("%-58s skipped: %s\n", what.c_str(), error.what());
        skipped_++;
    }
    void on_all(const std::string &sql) {
        for (auto &connection : connections_)
            connection->run(sql);
    }

    const Options &options_;
    ResultFile *results_;
    std::vector<std::unique_ptr<Connection>> connections_;
    int met_ = 0, missed_ = 0, skipped_ = 0;
};

void Ground::run(const Contest &contest, unsigned rounds) {
    const size_t n = connections_.size();
    std::vector<std::vector<double>> seconds(n), cpu(n);
    std::vector<double> ratios, cpu_ratios;
    try {
        for (auto &connection : connections_)
            contest.work(*connection); // warms up: not counted
        for (unsigned round = 0; round < rounds; round++) {
            for (size_t i = 0; i < n; i++) {
                const size_t s = round % 2 == 0 ? i : n - 1 - i; // who goes first alternates too
                const double cpu_before = connections_[s]->backend_cpu();
                seconds[s].push_back(contest.work(*connections_[s]));
                const double used = connections_[s]->backend_cpu() - cpu_before;
                if (cpu_before >= 0 && used > 0)
                    cpu[s].push_back(used);
            }
            if (n > 1) {
                ratios.push_back(seconds[1].back() / seconds[0].back());
                if (!cpu[0].empty() && !cpu[1].empty())
                    cpu_ratios.push_back(cpu[1].back() / cpu[0].back());
            }
        }
    } catch (const Error &error) {
        skip(contest.what, error);
        return;
    }
    printf("%-58s", contest.what.c_str());
    Json json;
    json.add("phase", "ground").add("what", contest.what).add("bar", contest.bar);
    for (size_t s = 0; s < n; s++) {
        printf(" %12.2f", median(seconds[s]) * 1e3);
        json.add(options_.systems[s].name + "_seconds", seconds[s]);
        json.add(options_.systems[s].name + "_cpu_seconds", cpu[s]);
    }
    if (n > 1) {
        const double ratio = median(ratios);
        const bool good = contest.bar == 0 || ratio >= contest.bar;
        if (contest.bar > 0)
            (good ? met_ : missed_)++;
        printf("  %5.2f (%.2f-%.2f)  %5s  %s", ratio, percentile(ratios, 0), percentile(ratios, 1),
               cpu_ratios.empty() ? "-" : format("%.2f", median(cpu_ratios)).c_str(),
               contest.bar == 0 ? "" : format("%.1f %s", contest.bar, good ? "met" : "MISSED").c_str());
        json.add("ratio", ratio).add("ratios", ratios);
    }
    printf("\n");
    fflush(stdout);
    results_->append("ground/" + contest.what, json);
}

void Ground::copy(const std::string &label, const std::string &type, const std::string &text) {
    try {
        on_all("DROP TABLE IF EXISTS bench_ground");
        on_all("CREATE TABLE bench_ground (id int4, embedding " + type + ")");
    } catch (const Error &error) {
        skip(label, error);
        return;
    }
    const auto copy_in = [](const std::string &sql, const std::string &data) {
        return [&data, sql](Connection &connection) {
            connection.run("TRUNCATE bench_ground");
            const Stopwatch clock;
            connection.copy_in(sql, data);
            return clock.seconds();
        };
    };
    run({"COPY FROM text, " + label, kTextBar, copy_in("COPY bench_ground FROM STDIN", text)}, options_.rounds);

    // The binary form as the reference writes it: what its clients have stored.
    std::string binary;
    const auto collect = [&](std::string_view piece) { binary.append(piece); };
    try {
        connections_.back()->copy_out("COPY bench_ground TO STDOUT (FORMAT binary)", collect);
    } catch (const Error &error) {
        skip(label, error);
        return;
    }
    run({"COPY FROM binary, " + label, 0, copy_in("COPY bench_ground FROM STDIN (FORMAT binary)", binary)},
        options_.rounds);
    for (const char *form : {"text", "binary"}) {
        const std::string sql = format("COPY bench_ground TO STDOUT (FORMAT %s)", form);
        run({format("COPY TO %s, %s", form, label.c_str()), 0,
             [&](Connection &connection) {
                 const Stopwatch clock;
                 connection.copy_out(sql, [](std::string_view) {});
                 return clock.seconds();
             }},
            options_.rounds);
    }
    on_all("DROP TABLE bench_ground");
}

void Ground::copy_dense(const Dataset &set, size_t rows) {
    rows = std::min(rows, set.base.rows());
    std::string text;
    for (size_t i = 0; i < rows; i++) {
        text += std::to_string(i) + "\t";
        append_text(&text, set.base.row(i));
        text += "\n";
    }
    for (const char *type : {"vector", "halfvec"}) {
        copy(format("%s(%zu), %zu rows of %s", type, set.base.dimensions, rows, set.name.c_str()),
             format("%s(%zu)", type, set.base.dimensions), text);
    }
}

void Ground::copy_sparse(const std::string &path, size_t rows) {
    const std::string all = output_of((path.ends_with(".zst") ? "zstd -dcq " : "cat ") + shell_quote(path));
    std::string text;
    size_t count = 0;
    for (const std::string &line : split(all, '\n')) {
        if (count == rows)
            break;
        // The file's second column is {index:value,...}, with "/1" or nothing for the dimensions.
        const size_t tab = line.find('\t'), brace = line.rfind('}');
        if (tab == std::string::npos || brace == std::string::npos)
            continue;
        text += std::to_string(count++) + "\t" + line.substr(tab + 1, brace - tab) + "/30522\n";
    }
    copy(format("sparsevec(30522), %zu rows", count), "sparsevec(30522)", text);
}

void Ground::scan(const Dataset &set) {
    const size_t dimensions = set.base.dimensions;
    try {
        on_all("DROP TABLE IF EXISTS bench_ground");
        on_all(format("CREATE TABLE bench_ground (id int4, embedding vector(%zu))", dimensions));
        const std::string data = copy_rows(set.base, Element::vector, 0, set.base.rows());
        for (auto &connection : connections_) {
            connection->copy_in("COPY bench_ground FROM STDIN (FORMAT binary)", data);
            connection->run("VACUUM (ANALYZE) bench_ground"); // hint bits are set before the clock runs
        }
    } catch (const Error &error) {
        skip(set.name, error);
        return;
    }
    for (const Metric metric : {Metric::l2, Metric::inner_product, Metric::cosine}) {
        const std::string name = std::string("scan_") + metric_name(metric);
        on_all("DEALLOCATE ALL");
        for (auto &connection : connections_)
            connection->prepare(name, format("SELECT id FROM bench_ground ORDER BY embedding %s $1 LIMIT 10",
                                             metric_operator(metric)));
        size_t turn = 0;
        run({format("exact scan %s, %s (%zu x %zu)", metric_operator(metric), set.name.c_str(), set.base.rows(),
                    dimensions),
             kScanBar,
             [&](Connection &connection) {
                 // Both systems get the same query in one round.
                 const size_t query = turn++ / connections_.size() % set.queries.rows();
                 const std::string parameter = to_binary(Element::vector, set.queries.row(query));
                 const std::string_view parameters[] = {parameter};
                 const Stopwatch clock;
                 connection.execute(name, parameters);
                 return clock.seconds();
             }},
            std::max(options_.rounds, 11u));
    }
    on_all("DROP TABLE bench_ground");
}

} // namespace

void run_ground(const Options &options, ResultFile *results) {
    Ground ground(options, results);
    constexpr size_t kCopyMegabytes = 24; // of float data per COPY: half a second or so
    for (const DatasetOptions &set_options : options.sets) {
        const Dataset set = open_dataset(set_options);
        ground.copy_dense(set, (kCopyMegabytes << 20) / (set.base.dimensions * sizeof(float)));
        ground.scan(set);
    }
    if (!options.sparse.empty())
        ground.copy_sparse(options.sparse, 12000);
    ground.print_verdict();
}

} // namespace vecx::bench
