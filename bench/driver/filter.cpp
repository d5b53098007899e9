// Filtered queries: WHERE attribute < x ORDER BY distance LIMIT k, from half the table to a ten-thousandth,
// for filters that have nothing to do with the query, that select its neighbourhood, and that select
// everything but its neighbourhood. Recall is measured against the exact neighbours among matching rows.
#include <algorithm>
#include <numeric>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

constexpr size_t kQueries = 50; // those nearest to the anchor, so that "correlated" means what it says

struct Filter {
    std::string kind; // random, correlated, anti-correlated, own
    double share;
    std::string condition;
};

// The queries that lie nearest to the first one, from which the attribute d measures.
std::vector<size_t> anchored_queries(const Dataset &set) {
    std::vector<size_t> order(set.queries.rows());
    std::iota(order.begin(), order.end(), 0);
    std::vector<double> distances;
    for (const size_t q : order)
        distances.push_back(exact_distance(set.metric, set.queries.row(0), set.queries.row(q)));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return distances[a] < distances[b]; });
    order.resize(std::min(order.size(), kQueries));
    return order;
}

std::vector<Filter> all_filters(const Dataset &set, const std::vector<double> &shares) {
    std::vector<Filter> filters;
    for (const double share : shares) {
        const long long bound = static_cast<long long>(share * kShareUnit + 0.5);
        filters.push_back({"random", share, format("r < %lld", bound)});
        filters.push_back({"correlated", share, format("d < %lld", bound)});
        filters.push_back({"anti-correlated", share,
                           format("d >= %lld", static_cast<long long>(kShareUnit) - bound)});
    }
    for (const std::string &where : set.where)
        filters.push_back({"own", 0, where});
    return filters;
}

// How the statement is planned. "index": the vector index is used whatever the planner thinks, which shows
// the access method; "free": what a user gets, with B-trees on the attributes; "exact" and "sort" are what a user can do
// without a vector index: read the whole table, or what the B-trees select, and sort. They are measured with the first
// system's distances. "masked" is vecx's scan of what the B-trees select, whatever the planner thinks. "strict" is
// pgvector's other iterative scan: for systems that need settings for filters.
enum class For { all, without_settings, with_settings };
struct Plan {
    std::string name;
    For systems;
    std::vector<std::string> settings;
};
const std::vector<Plan> kPlans = {
    {"index", For::all, {"SET enable_sort = off", "SET enable_bitmapscan = off"}},
    {"free", For::all, {"SET enable_seqscan = on"}},
    {"exact", For::without_settings,
     {"SET enable_seqscan = on", "SET enable_indexscan = off", "SET enable_bitmapscan = off", "SET vecx.enable_bitmap_filter = off"}},
    {"sort", For::without_settings, {"SET enable_indexscan = off", "SET enable_seqscan = off", "SET vecx.enable_bitmap_filter = off"}},
    {"masked", For::without_settings, {"SET enable_indexscan = off", "SET enable_seqscan = off"}},
    {"strict", For::with_settings,
     {"SET enable_sort = off", "SET enable_bitmapscan = off", "SET hnsw.iterative_scan = strict_order"}},
};

struct Contender {
    SqlCompetitor *competitor;
    const Plan *plan;
    std::string key;
    std::unique_ptr<Searcher> searcher;
    std::vector<double> recalls, latencies, qps;
    double returned = 0; // rows per query
};

// All plans of one filter side by side, round by round, so that they can be compared with each other.
void measure_filter(Run &run, const Filter &filter, const std::vector<Plan> &plans, size_t step,
                    const std::vector<size_t> &queries) {
    std::vector<Contender> contenders;
    const auto enter = [&](SqlCompetitor *competitor, const Plan &plan) {
        const System &system = competitor->system();
        if (system.values.empty() || (plan.systems == For::without_settings && !system.filter_session.empty()) ||
            (plan.systems == For::with_settings && system.filter_session.empty()))
            return;
        const std::string value = system.values[std::min(step, system.values.size() - 1)];
        const std::string key = run.key("filter", *competitor,
                                        format("%s/%s/%s=%s", plan.name.c_str(), filter.condition.c_str(),
                                               system.setting.c_str(), value.c_str()));
        if (run.results.has(key))
            return;
        try {
            std::vector<std::string> settings = system.filter_session;
            settings.insert(settings.end(), plan.settings.begin(), plan.settings.end());
            auto searcher = competitor->open_on(competitor->table(), filter.condition, settings);
            searcher->set(value);
            contenders.push_back({competitor, &plan, key, std::move(searcher), {}, {}, {}, 0});
        } catch (const Error &error) {
            say(format("%s: %s: %s", key.c_str(), system.name.c_str(), error.what()));
        }
    };
    for (const Plan &plan : plans)
        for (SqlCompetitor *competitor : run.sql("filter"))
            enter(competitor, plan);
    if (contenders.empty())
        return;
    const Rows matching = contenders.front().competitor->connect()->run(format(
        "SELECT id FROM %s WHERE %s", contenders.front().competitor->table().c_str(), filter.condition.c_str()));
    std::vector<int32_t> ids;
    for (int i = 0; i < matching.count(); i++)
        ids.push_back(static_cast<int32_t>(atoi(matching.text(i, 0).c_str())));
    if (ids.empty())
        return;
    const Truth truth = truth_of(run.set, run.options.k, nearest_rows(run.set, run.options.k, ids, queries), queries);

    const Pinned pinned(run.options.pin, 0);
    std::vector<int32_t> found;
    for (Contender &contender : contenders) {
        const Stopwatch clock;
        size_t asked = 0;
        for (size_t q = 0; q < queries.size() && (clock.seconds() < 1.5 || q < 10); q++, asked++) {
            check_interrupts();
            contender.searcher->search(queries[q], &found);
            contender.returned += static_cast<double>(found.size());
            contender.recalls.push_back(
                recall_of(run.set, run.set.queries.row(queries[q]), found, truth.limits[q], truth.counts[q]));
        }
        contender.returned /= static_cast<double>(asked);
    }
    const double seconds = run.options.seconds / 3; // many points: a third of the usual time for each
    for (unsigned round = 0; round < run.options.rounds; round++) {
        for (Contender &contender : contenders) {
            const Stopwatch clock;
            size_t asked = 0;
            do {
                const Stopwatch one;
                contender.searcher->search(queries[(round * 7 + asked++) % queries.size()], &found);
                contender.latencies.push_back(one.microseconds());
            } while (clock.seconds() < seconds);
            contender.qps.push_back(static_cast<double>(asked) / clock.seconds());
        }
    }
    for (Contender &contender : contenders) {
        const System &system = contender.competitor->system();
        Json json = run.line("filter", *contender.competitor);
        json.add("kind", filter.kind).add("share", filter.share).add("condition", filter.condition);
        json.add("matching", static_cast<double>(ids.size())).add("plan", contender.plan->name).add("setting", system.setting);
        json.add("value", to_number(system.values[std::min(step, system.values.size() - 1)], "value"));
        add_recalls(&json, contender.recalls);
        json.add("returned", contender.returned);
        add_rounds(&json, "qps", contender.qps);
        json.add("p50_us", percentile(contender.latencies, 0.5)).add("p95_us", percentile(contender.latencies, 0.95));
        json.add("p99_us", percentile(contender.latencies, 0.99));
        run.results.append(contender.key, json);
    }
}

} // namespace

void run_filter(Run &run) {
    for (SqlCompetitor *competitor : run.sql("filter")) {
        const auto connection = competitor->connect();
        std::vector<std::string> columns = {"r", "d"};
        for (const std::string &item : split(run.set.attribute_columns, ','))
            columns.push_back(split(item, ':').front());
        for (const std::string &column : columns)
            connection->run(format("CREATE INDEX IF NOT EXISTS %s_%s ON %s (%s)", competitor->table().c_str(),
                                   column.c_str(), competitor->table().c_str(), column.c_str()));
        connection->run(format("ANALYZE %s", competitor->table().c_str()));
    }
    const std::vector<size_t> queries = anchored_queries(run.set);
    const std::vector<Filter> filters = all_filters(run.set, run.options.shares);
    constexpr size_t kStep = 2; // the third value of the ladder: ef_search 40, 4 probes
    std::vector<Plan> plans;
    for (const std::string &name : run.options.filter_plans) {
        const auto plan = std::find_if(kPlans.begin(), kPlans.end(), [&](const Plan &p) { return p.name == name; });
        if (plan == kPlans.end())
            throw Error("--filter-plans: no plan \"" + name + "\"");
        plans.push_back(*plan);
    }
    Progress progress(format("%s: filters", run.set.name.c_str()), static_cast<double>(filters.size()));
    double done = 0;
    for (const Filter &filter : filters) {
        progress.show(done++, filter.condition);
        measure_filter(run, filter, plans, kStep, queries);
    }
}

} // namespace vecx::bench
