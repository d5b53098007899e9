// What the planner is told of a scan. In the planner's own unit, as pg/hnsw/cost.cpp, which says what that is worth here.
#include <algorithm>
#include <cmath>

#include "ivf/meta.hpp"
#include "pg/error.hpp"
#include "pg/guc.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/ivf/probes.hpp"
#include "pg/ivf/store.hpp"

extern "C" {
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
}

namespace vecx::pg {

namespace {

// Work in operators (cpu_operator_cost, 5 us of PostgreSQL's default unit are 400 of them).
constexpr double kStart = 200;            // a search: the metapage, the query, the centroids of branches
constexpr double kCentroid = 2;           // a centroid of 768 bytes compared
constexpr double kCoordinatesPerOperator = 512; // of codes of one bit compared
constexpr double kBytesPerOperator = 200; // of vectors compared
constexpr double kPage = 25;              // a page of postings: its buffer and its lock
constexpr double kExact = 400;            // an exact distance of a row that lies in the table
constexpr double kExactRows = 30;         // of these for the first ten rows
constexpr double kWarmPage = 1.0 / 40;    // part of random_page_cost, as in pg/hnsw/cost.cpp

struct ListFacts {
    ivf::MetaRecord meta;
    ivf::Shape shape;
    uint32_t probes;
};

ListFacts facts_of(IndexOptInfo *info) {
    ListFacts facts{};
    if (info->hypothetical || !OidIsValid(info->indexoid)) {
        facts.shape.dim = 768;
        facts.meta.lists = static_cast<uint32_t>(std::max(1.0, 2 * std::sqrt(std::max(1.0, info->tuples))));
        facts.probes = probes_of(ivf_settings(), facts.meta);
        return facts;
    }
    Relation index = index_open(info->indexoid, NoLock); // the planner has the lock
    ListPageStore store(index);
    check(ivf::read_meta(store, &facts.meta, &facts.shape), RelationGetRelationName(index));
    facts.probes = probes_of(is_ivfflat(index) ? ivfflat_settings() : ivf_settings(), facts.meta);
    index_close(index, NoLock);
    return facts;
}

double row_work(const ivf::Shape &shape) {
    switch (shape.quantizer) {
    case ivf::QuantizerKind::none:
        return 1 + shape.payload_size / kBytesPerOperator;
    case ivf::QuantizerKind::sq8:
        return 1 + shape.dim / kBytesPerOperator;
    case ivf::QuantizerKind::pq:
        return 8.0 * shape.near_code_size() / kCoordinatesPerOperator;
    case ivf::QuantizerKind::rabitq:
        break;
    }
    return shape.dim / kCoordinatesPerOperator;
}

} // namespace

void ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost, Cost *total_cost,
                       Selectivity *selectivity, double *correlation, double *pages) {
    if (path->indexorderbys == NIL) {
        *startup_cost = *total_cost = get_float8_infinity();
        *selectivity = 0;
        *correlation = 0;
        *pages = 0;
        disable_path(&path->path);
        return;
    }
    IndexOptInfo *info = path->indexinfo;
    const ListFacts facts = facts_of(info);
    GenericCosts generic = {}; // for the selectivity of a partial index's predicate
    generic.numIndexTuples = std::max(1.0, info->tuples);
    genericcostestimate(root, path, loop_count, &generic);

    const double rows = std::max(1.0, info->tuples);
    const double all_pages = std::max(1.0, static_cast<double>(info->pages));
    const double part = std::min(1.0, static_cast<double>(facts.probes) / std::max<uint32_t>(facts.meta.lists, 1));
    double random_page;
    get_tablespace_page_costs(info->reltablespace, &random_page, nullptr);
    const double cached = std::min(1.0, effective_cache_size / (all_pages + info->rel->pages));
    const double page_cost = random_page * std::max(kWarmPage, 1 - cached);
    const bool fetches = facts.shape.coded();

    // The first row leaves when the probes have been read; each further one costs its exact distance; all of them, the rest
    // of the lists as well.
    auto until = [&](double seen) {
        const double lists = std::max(part, std::min(1.0, seen / rows));
        const double operators = kStart + facts.meta.lists * kCentroid + lists * (rows * row_work(facts.shape) + all_pages * kPage) +
                                 (fetches ? (kExactRows + seen) * kExact : 0);
        return cpu_operator_cost * operators + page_cost * lists * all_pages;
    };
    *startup_cost = until(1);
    *total_cost = std::max(until(rows), *startup_cost);
    *selectivity = generic.indexSelectivity;
    *correlation = 0;
    *pages = all_pages;
}

} // namespace vecx::pg
