// The sweep: recall against speed. At each step of the ladder of settings every system is measured in
// turn, round by round, so that a slow minute of the machine meets all of them.
#include <algorithm>
#include <map>

#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr double kEnough = 0.9995; // recall at which further steps of the ladder tell nothing new

// Recall of every query (of slow systems, of some), in one untimed pass, which also warms the caches.
std::vector<double> all_recalls(const Run &run, Searcher &searcher) {
    std::vector<double> recalls;
    std::vector<int32_t> ids;
    const Pinned pinned(run.options.pin, 0);
    const Stopwatch clock;
    constexpr size_t kAtLeast = 200;
    for (size_t q = 0; q < run.set.queries.rows(); q++) {
        if (q >= kAtLeast && clock.seconds() > run.options.recall_seconds)
            break;
        check_interrupts();
        searcher.search(q, &ids);
        recalls.push_back(recall_of(run.set, run.set.queries.row(q), ids, run.truth.limits[q], run.truth.counts[q]));
    }
    return recalls;
}

// One system at one step.
struct Entry {
    Competitor *competitor;
    std::string value;
    std::vector<double> recalls;
    SqlCompetitor::Effort effort;
};

std::string step_key(const Run &run, const Entry &entry, unsigned connections) {
    return run.key("query", *entry.competitor,
                   format("%s=%s/c=%u", entry.competitor->system().setting.c_str(), entry.value.c_str(), connections));
}

// All steps of all systems, round by round: a curve that is read between two of its points needs both from the
// same minutes, like two systems that are compared.
void measure_all(Run &run, std::vector<Entry> &entries, unsigned connections) {
    if (std::all_of(entries.begin(), entries.end(),
                    [&](const Entry &entry) { return run.results.has(step_key(run, entry, connections)); }))
        return;
    std::map<Competitor *, std::vector<std::unique_ptr<Searcher>>> searchers;
    for (const Entry &entry : entries) {
        auto &mine = searchers[entry.competitor];
        for (unsigned c = static_cast<unsigned>(mine.size()); c < connections; c++) {
            mine.push_back(entry.competitor->open());
            if (run.options.pin && mine.back()->server_pid() != 0)
                pin_process(mine.back()->server_pid(), static_cast<int>(c));
        }
    }
    Progress progress(format("%s: sweep, %u connections", run.set.name.c_str(), connections), run.options.rounds);
    std::vector<std::vector<double>> qps(entries.size()), cpu(entries.size()), latencies(entries.size());
    for (unsigned round = 0; round < run.options.rounds; round++) {
        const size_t first = round * run.set.queries.rows() / run.options.rounds;
        for (size_t i = 0; i < entries.size(); i++) {
            const size_t e = round % 2 == 0 ? i : entries.size() - 1 - i;
            progress.show(round, entries[e].competitor->system().name);
            auto &mine = searchers[entries[e].competitor];
            for (auto &searcher : mine) {
                searcher->set(entries[e].value);
                std::vector<int32_t> ids;
                for (size_t q = 0; q < std::min<size_t>(10, run.set.queries.rows()); q++)
                    searcher->search(q, &ids); // plans, and the backend's own caches
            }
            const Measurement got = measure(run, mine, first, run.options.seconds);
            qps[e].push_back(got.qps);
            cpu[e].push_back(got.cpu_us);
            latencies[e].insert(latencies[e].end(), got.latencies_us.begin(), got.latencies_us.end());
        }
    }
    for (size_t e = 0; e < entries.size(); e++) {
        const Entry &entry = entries[e];
        if (run.results.has(step_key(run, entry, connections)))
            continue;
        Json json = run.line("query", *entry.competitor);
        json.add("setting", entry.competitor->system().setting).add("value", to_number(entry.value, "value"));
        json.add("connections", connections);
        add_recalls(&json, entry.recalls);
        add_rounds(&json, "qps", qps[e]);
        add_rounds(&json, "cpu_us", cpu[e]);
        json.add("p50_us", percentile(latencies[e], 0.5)).add("p95_us", percentile(latencies[e], 0.95));
        json.add("p99_us", percentile(latencies[e], 0.99)).add("buffers", entry.effort.buffers);
        if (entry.effort.nodes >= 0)
            json.add("nodes", entry.effort.nodes);
        json.add("recall_queries", static_cast<double>(entry.recalls.size()));
        run.results.append(step_key(run, entry, connections), json);
    }
}

} // namespace

Measurement measure(const Run &run, std::vector<std::unique_ptr<Searcher>> &searchers, size_t first,
                    double seconds) {
    const size_t queries = run.set.queries.rows();
    const unsigned threads = static_cast<unsigned>(searchers.size());
    std::vector<std::vector<double>> latencies(threads);
    std::vector<double> rates(threads), cpu(threads);
    run_together(threads, [&](unsigned t) {
        const Pinned pinned(run.options.pin, t);
        std::vector<int32_t> ids;
        size_t query = first + t * queries / threads;
        const double cpu_before = searchers[t]->server_cpu(), own_before = thread_cpu();
        const Stopwatch clock;
        while (clock.seconds() < seconds) {
            check_interrupts();
            const Stopwatch one;
            searchers[t]->search(query++ % queries, &ids);
            latencies[t].push_back(one.microseconds());
        }
        rates[t] = static_cast<double>(latencies[t].size()) / clock.seconds();
        // A library's time is this thread's.
        cpu[t] = searchers[t]->server_pid() == 0 ? thread_cpu() - own_before
                 : cpu_before < 0                ? 0
                                                 : searchers[t]->server_cpu() - cpu_before;
    });
    Measurement all;
    for (unsigned t = 0; t < threads; t++) {
        all.qps += rates[t];
        all.cpu_us += cpu[t] * 1e6;
        all.latencies_us.insert(all.latencies_us.end(), latencies[t].begin(), latencies[t].end());
    }
    all.cpu_us /= static_cast<double>(std::max<size_t>(1, all.latencies_us.size()));
    return all;
}

std::string reach_recall(const Run &run, const System &system, Searcher &searcher, double target, double *recall) {
    constexpr size_t kMost = 200;
    std::vector<int32_t> ids;
    std::string last;
    for (const std::string &value : system.values) {
        searcher.set(last = value);
        double sum = 0;
        const size_t count = std::min(kMost, run.set.queries.rows());
        for (size_t q = 0; q < count; q++) {
            searcher.search(q, &ids);
            sum += recall_of(run.set, run.set.queries.row(q), ids, run.truth.limits[q], run.truth.counts[q]);
        }
        *recall = sum / static_cast<double>(count);
        if (*recall >= target)
            break;
    }
    return last;
}

void add_recalls(Json *json, std::vector<double> recalls) {
    json->add("recall", mean(recalls)).add("recall_p5", percentile(recalls, 0.05));
    json->add("recall_min", percentile(recalls, 0));
}

void add_rounds(Json *json, const std::string &name, const std::vector<double> &rounds) {
    json->add(name, median(rounds)).add(name + "_rounds", rounds);
}

void run_query(Run &run) {
    size_t steps = 0;
    for (const auto &competitor : run.competitors)
        steps = std::max(steps, competitor->system().values.size());
    // The lines of a sweep are written together: when the first step is known, all are.
    bool known = true;
    for (const auto &competitor : run.competitors) {
        for (const unsigned connections : run.options.connections) {
            if (run.takes_part(*competitor, "query") && !competitor->system().values.empty())
                known = known && run.results.has(step_key(
                                     run, {competitor.get(), competitor->system().values.front(), {}, {}}, connections));
        }
    }
    if (known)
        return;
    std::vector<bool> finished(run.competitors.size(), false);
    std::vector<Entry> all;
    for (size_t step = 0; step < steps; step++) {
        std::vector<Entry> entries;
        for (size_t c = 0; c < run.competitors.size(); c++) {
            Competitor &competitor = *run.competitors[c];
            const auto &values = competitor.system().values;
            if (!run.takes_part(competitor, "query") || finished[c] || step >= values.size())
                continue;
            entries.push_back({&competitor, values[step], {}, {}});
        }
        Progress progress(format("%s: sweep", run.set.name.c_str()), static_cast<double>(steps));
        for (auto entry = entries.begin(); entry != entries.end();) {
            progress.show(static_cast<double>(step), entry->competitor->system().name);
            try {
                auto *sql = dynamic_cast<SqlCompetitor *>(entry->competitor);
                if (sql != nullptr) {
                    const auto connection = sql->connect();
                    connection->run("SET " + sql->system().setting + " = " + entry->value);
                    sql->check_plan(*connection, sql->query(sql->table()));
                    entry->effort = sql->effort_per_query(*connection, sql->query(sql->table()), 50);
                }
                const auto searcher = entry->competitor->open();
                searcher->set(entry->value);
                entry->recalls = all_recalls(run, *searcher);
                ++entry;
            } catch (const Error &error) {
                entry->competitor->failure = error.what();
                say(format("%s: %s leaves the sweep: %s", run.set.name.c_str(),
                           entry->competitor->system().name.c_str(), error.what()));
                entry = entries.erase(entry);
            }
        }
        for (const Entry &entry : entries) {
            const double recall = mean(entry.recalls);
            say(format("%s: %s %s=%s recall %.4f", run.set.name.c_str(), entry.competitor->system().name.c_str(),
                       entry.competitor->system().setting.c_str(), entry.value.c_str(), recall));
            for (size_t c = 0; c < run.competitors.size(); c++) {
                if (run.competitors[c].get() == entry.competitor && recall >= kEnough)
                    finished[c] = true;
            }
        }
        all.insert(all.end(), entries.begin(), entries.end());
    }
    // One that failed at a later step has no part at all.
    std::erase_if(all, [](const Entry &entry) { return !entry.competitor->failure.empty(); });
    for (const unsigned connections : run.options.connections)
        measure_all(run, all, connections);
}

} // namespace vecx::bench
