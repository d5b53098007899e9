#include "cluster/train.hpp"

#include <cmath>
#include <limits>

#include "base/rng.hpp"

#include "base/core_only.hpp"

namespace vecx::cluster {

namespace {

constexpr uint32_t kTopsFrom = 256;       // lists; fewer are compared with all of them
constexpr uint32_t kPointsPerList = 40;   // of a sample
constexpr uint32_t kLeastSample = 10000;
constexpr uint32_t kPointsPerTop = 256;
constexpr uint32_t kFlatIterations = 8;
constexpr uint32_t kLeafIterations = 6;
constexpr uint32_t kRefinements = 2;

size_t aligned(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

// The workspace, cut into its parts.
struct Workspace {
    uint32_t *control;     // 16: flags
    uint32_t *changes;     // Team::kMostMembers
    uint32_t *first_child; // tops + 1
    uint32_t *top_start;   // lists + 1: `start` of the tops, and of the tops' own clustering
    uint32_t *start;       // lists + 1
    uint32_t *which, *order, *leaf_order; // count; top_start
    float *score, *slack;  // count
    float *top_elements, *top_bias;
    float *list_elements, *list_bias;
    size_t bytes;
};

Workspace cut(const Plan &plan, void *memory) {
    uint8_t *base = static_cast<uint8_t *>(memory);
    size_t used = 0;
    auto take = [&]<class T>(T *&part, size_t n) {
        part = base != nullptr ? reinterpret_cast<T *>(base + used) : nullptr;
        used += aligned(n * sizeof(T));
    };
    const size_t points = plan.options.count > plan.lists ? plan.options.count : plan.lists;
    Workspace w{};
    take(w.control, 16);
    take(w.changes, Team::kMostMembers);
    take(w.first_child, size_t{plan.tops} + 1);
    take(w.top_start, size_t{plan.tops} + 1);
    take(w.start, size_t{plan.lists} + 1);
    take(w.which, points);
    take(w.order, points);
    take(w.leaf_order, plan.through_tree ? points : 1);
    take(w.score, points);
    take(w.slack, points);
    take(w.top_elements, Panels::element_count(plan.tops, plan.options.dim));
    take(w.top_bias, Panels::bias_count(plan.tops));
    take(w.list_elements, Panels::element_count(plan.lists, plan.options.dim));
    take(w.list_bias, Panels::bias_count(plan.lists));
    w.bytes = used;
    return w;
}

Scratch scratch_of(const Workspace &w, uint32_t *order, uint32_t *start) {
    return Scratch{w.which, w.score, w.slack, order, start, w.changes, w.control};
}

Panels tops_of(const Plan &plan, const Workspace &w) { return Panels{w.top_elements, w.top_bias, plan.tops, plan.options.dim}; }
Panels lists_of(const Plan &plan, const Workspace &w) {
    return Panels{w.list_elements, w.list_bias, plan.lists, plan.options.dim};
}

// Moves the columns in use to the front; their number. Of one member.
uint32_t close_gaps(const Panels &panels) {
    uint32_t used = 0;
    for (uint32_t c = 0; c < panels.columns; ++c)
        if (panels.in_use(c)) {
            if (c != used)
                panels.swap(c, used);
            ++used;
        }
    return used;
}

// Numbers the lists anew, top after top, and makes first_child. `which[c]` is the top of list c. Of one member.
void order_lists(const Workspace &w, const Panels &lists, uint32_t tops) {
    for (uint32_t t = 0; t <= tops; ++t)
        w.first_child[t] = 0;
    for (uint32_t c = 0; c < lists.columns; ++c)
        ++w.first_child[w.which[c]];
    uint32_t sum = 0;
    for (uint32_t t = 0; t <= tops; ++t) {
        const uint32_t size = w.first_child[t];
        w.first_child[t] = sum;
        sum += size;
    }
    for (uint32_t c = 0; c < lists.columns; ++c)
        w.order[c] = w.first_child[w.which[c]]++;
    for (uint32_t t = tops; t > 0; --t)
        w.first_child[t] = w.first_child[t - 1];
    w.first_child[0] = 0;
    for (uint32_t c = 0; c < lists.columns; ++c) // order[c]: where the list that is now at c belongs
        while (w.order[c] != c) {
            const uint32_t to = w.order[c];
            lists.swap(c, to);
            w.order[c] = w.order[to];
            w.order[to] = to;
        }
}

struct Trainer {
    const Plan &plan;
    Points points;
    Workspace w;
    Arena &arena;
    const Team &team;
    double *sums;
    Geometry geometry;
    uint32_t lists; // in use
    uint64_t steps_done, steps;

    void step() { team.report(++steps_done, steps); }

    Panels list_panels() const {
        Panels panels = lists_of(plan, w);
        panels.columns = lists;
        return panels;
    }

    // Tops over the lists there are: k-means of the centroids.
    void build_tops() {
        const Panels tops = tops_of(plan, w);
        const Panels all = list_panels();
        team.meet();
        if (team.leads()) {
            float *rows = arena.make_array<float>(size_t{lists} * plan.options.dim);
            for (uint32_t c = 0; c < lists; ++c)
                all.get(c, rows + size_t{c} * plan.options.dim);
            const Points centroids{rows, plan.options.dim, nullptr, lists};
            // A mean of centroids, not a direction or a majority of them, unless theirs is the space.
            train_flat({geometry, kFlatIterations, mix64(plan.options.seed + 2)}, centroids, tops,
                       scratch_of(w, w.order, w.top_start), sums, arena, team.alone());
            arena.give_back(rows);
            order_lists(w, all, plan.tops);
        }
        team.meet();
    }

    // Points of each top into its share of the lists. Members take tops in turn.
    void train_leaves() {
        const Panels tops = tops_of(plan, w);
        Scratch scratch = scratch_of(w, w.leaf_order, w.top_start);
        find_tops(tops);
        sort_points(points, plan.tops, scratch, team);
        if (team.leads()) {
            lists_of(plan, w).clear(); // the places behind the last list, too
            share_lists();
        }
        team.meet();
        const Panels all = lists_of(plan, w);
        for (uint32_t t = 0; t < plan.tops; ++t) {
            if (t % team.members == team.rank)
                train_leaf(t, all);
        }
        team.meet();
        if (team.leads())
            w.control[0] = close_gaps(all);
        team.meet();
        lists = w.control[0];
    }

    void find_tops(const Panels &tops) {
        const float *rows[kBlock];
        const uint32_t end = team.slice_end(points.count);
        for (uint32_t begin = team.slice_begin(points.count); begin < end; begin += kBlock) {
            team.check();
            const uint32_t n = end - begin < kBlock ? end - begin : kBlock;
            for (uint32_t i = 0; i < n; ++i) {
                rows[i] = points.row(begin + i);
                w.which[begin + i] = 0;
                w.score[begin + i] = -std::numeric_limits<float>::infinity();
            }
            find_best(tops, 0, tops.panels(), rows, n, w.score + begin, w.which + begin);
        }
    }

    // first_child: lists in proportion to points, by the largest remainders.
    void share_lists() {
        double *rest = arena.make_array<double>(plan.tops);
        uint32_t given = 0;
        for (uint32_t t = 0; t < plan.tops; ++t) {
            const uint32_t size = w.top_start[t + 1] - w.top_start[t];
            const double share = static_cast<double>(plan.lists) * size / points.count;
            uint32_t whole = static_cast<uint32_t>(share);
            if (whole == 0 && size > 0)
                whole = 1;
            whole = whole < size ? whole : size;
            rest[t] = whole < size ? share - whole : -std::numeric_limits<double>::infinity();
            w.first_child[t] = whole;
            given += whole;
        }
        while (given != plan.lists) {
            const bool more = given < plan.lists;
            uint32_t best = UINT32_MAX;
            for (uint32_t t = 0; t < plan.tops; ++t) {
                const uint32_t size = w.top_start[t + 1] - w.top_start[t];
                if (more ? w.first_child[t] >= size : w.first_child[t] <= 1)
                    continue;
                if (best == UINT32_MAX || (more ? rest[t] > rest[best] : rest[t] < rest[best]))
                    best = t;
            }
            if (best == UINT32_MAX)
                break;
            w.first_child[best] += more ? 1 : UINT32_MAX;
            rest[best] += more ? -1 : 1;
            given += more ? 1 : UINT32_MAX;
        }
        uint32_t sum = 0;
        for (uint32_t t = 0; t <= plan.tops; ++t) {
            const uint32_t size = t < plan.tops ? w.first_child[t] : 0;
            w.first_child[t] = sum;
            sum += size;
        }
        for (uint32_t c = sum; c < plan.lists; ++c) // cannot be, as there are no more lists than points
            lists_of(plan, w).disable(c);
        arena.give_back(rest);
    }

    void train_leaf(uint32_t top, const Panels &all) {
        const uint32_t first = w.first_child[top], columns = w.first_child[top + 1] - first;
        const uint32_t begin = w.top_start[top], count = w.top_start[top + 1] - begin;
        if (columns == 0)
            return;
        const uint32_t dim = plan.options.dim;
        Panels own{arena.make_array<float>(Panels::element_count(columns, dim)),
                   arena.make_array<float>(Panels::bias_count(columns)), columns, dim};
        uint32_t *order = arena.make_array<uint32_t>(count);
        uint32_t *start = arena.make_array<uint32_t>(size_t{columns} + 1);
        float *centroid = arena.make_array<float>(dim);
        uint32_t changes[1];
        // The points of a top lie side by side in leaf_order, and so do their scratch entries.
        const Points leaf{points.rows, points.stride, w.leaf_order + begin, count};
        const Scratch scratch{w.which + begin, w.score + begin, w.slack + begin, order, start, changes, w.control};
        train_flat({geometry, kLeafIterations, mix64(plan.options.seed + 5 + top)}, leaf, own, scratch, sums, arena,
                   team.alone());
        for (uint32_t c = 0; c < columns; ++c) {
            own.get(c, centroid);
            all.set(first + c, centroid, geometry);
            if (!own.in_use(c))
                all.disable(first + c);
        }
        arena.give_back(centroid);
        arena.give_back(start);
        arena.give_back(order);
        arena.give_back(own.bias);
        arena.give_back(own.elements);
    }

    // Lloyd's iterations over all lists.
    void refine() {
        Clustering clustering{list_panels(), tops_of(plan, w), w.first_child};
        const Scratch scratch = scratch_of(w, w.order, w.start);
        Assigner assigner(clustering, arena);
        const float **rows = arena.make_array<const float *>(Assigner::kMostRows);
        measure_points(points, scratch, plan.options.dim, team);
        for (uint32_t round = 0; round < kRefinements; ++round) {
            const uint32_t end = team.slice_end(points.count);
            for (uint32_t begin = team.slice_begin(points.count); begin < end; begin += Assigner::kMostRows) {
                const uint32_t n = end - begin < Assigner::kMostRows ? end - begin : Assigner::kMostRows;
                for (uint32_t i = 0; i < n; ++i)
                    rows[i] = points.row(begin + i);
                assigner.assign(rows, n, w.score + begin, w.which + begin, team);
            }
            sort_points(points, lists, scratch, team);
            move_centroids(geometry, points, clustering.lists, scratch, sums, team);
            step();
        }
        arena.give_back(rows);
        if (team.leads())
            w.control[0] = close_gaps(clustering.lists);
        team.meet();
        lists = w.control[0];
    }

    // The first of leaf_order become different points at random.
    void choose_points(uint32_t count) {
        Rng rng(mix64(plan.options.seed + 4));
        for (uint32_t i = 0; i < points.count; ++i)
            w.leaf_order[i] = i;
        for (uint32_t i = 0; i < count; ++i) {
            const uint32_t j = i + static_cast<uint32_t>(rng.below(points.count - i));
            const uint32_t kept = w.leaf_order[i];
            w.leaf_order[i] = w.leaf_order[j];
            w.leaf_order[j] = kept;
        }
    }

    void run() {
        if (plan.through_tree) {
            Points some = points; // a few are enough for the tops
            const uint64_t enough = uint64_t{plan.tops} * kPointsPerTop;
            if (some.count > enough) {
                some.count = static_cast<uint32_t>(enough);
                some.ids = w.leaf_order;
                if (team.leads())
                    choose_points(some.count);
                team.meet();
            }
            const Panels tops = tops_of(plan, w);
            train_flat({geometry, kFlatIterations, mix64(plan.options.seed + 1)}, some, tops,
                       scratch_of(w, w.order, w.top_start), sums, arena, team);
            step();
            train_leaves();
            step();
            build_tops();
            refine();
            build_tops();
            step();
        } else {
            train_flat({geometry, kFlatIterations, mix64(plan.options.seed)}, points, lists_of(plan, w),
                       scratch_of(w, w.order, w.start), sums, arena, team);
            step();
            if (team.leads())
                w.control[0] = close_gaps(lists_of(plan, w));
            team.meet();
            lists = w.control[0];
            if (plan.tops > 0)
                build_tops();
            step();
        }
    }
};

} // namespace

uint32_t sample_wanted(uint32_t lists, double rows) {
    double wanted = static_cast<double>(lists) * kPointsPerList;
    wanted = wanted > kLeastSample ? wanted : kLeastSample;
    wanted = wanted < rows ? wanted : rows;
    return wanted < 0 ? 0 : wanted < UINT32_MAX / 2 ? static_cast<uint32_t>(wanted) : UINT32_MAX / 2;
}

Plan make_plan(const TrainOptions &options) {
    Plan plan{};
    plan.options = options;
    plan.lists = options.lists < options.count ? options.lists : options.count;
    plan.lists = plan.lists > 0 ? plan.lists : 1;
    plan.tops = plan.lists >= kTopsFrom ? static_cast<uint32_t>(std::sqrt(plan.lists)) : 0;
    const double work = static_cast<double>(options.count) * plan.lists * options.dim;
    plan.through_tree = plan.tops > 0 && work > options.flat_work;
    plan.workspace_bytes = cut(plan, nullptr).bytes;
    const size_t dim = options.dim, points = options.count;
    plan.member_bytes = dim * 12 + points * 12;
    if (plan.tops > 0) { // centroids as rows, or the panels of a leaf; an Assigner
        plan.member_bytes += dim * plan.lists * sizeof(float);
        plan.member_bytes += size_t{Assigner::kMostRows} * (plan.tops + 64);
    }
    return plan;
}

uint32_t sample_that_fits(const TrainOptions &options, uint32_t members, size_t bytes) {
    auto fits = [&](uint32_t count) {
        TrainOptions tried = options;
        tried.count = count;
        const Plan plan = make_plan(tried);
        const double needed = static_cast<double>(plan.workspace_bytes) +
                              static_cast<double>(members) * static_cast<double>(plan.member_bytes) +
                              static_cast<double>(count) * options.dim * sizeof(float);
        return needed <= static_cast<double>(bytes);
    };
    if (fits(options.count))
        return options.count;
    uint32_t low = 0, high = options.count; // fits, does not
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        (fits(middle) ? low : high) = middle;
    }
    return low;
}

Clustering clustering_in(const Plan &plan, void *workspace) {
    const Workspace w = cut(plan, workspace);
    return Clustering{lists_of(plan, w), tops_of(plan, w), w.first_child};
}

void train(const Plan &plan, const float *rows, size_t stride, void *workspace, Arena &arena, const Team &team,
           uint32_t *lists) {
    const Points points{rows, stride, nullptr, plan.options.count};
    Trainer trainer{plan,
                    points,
                    cut(plan, workspace),
                    arena,
                    team,
                    arena.make_array<double>(plan.options.dim),
                    plan.options.geometry,
                    0,
                    0,
                    plan.through_tree ? 3 + kRefinements : 2u};
    trainer.run();
    *lists = trainer.lists;
}

} // namespace vecx::cluster
