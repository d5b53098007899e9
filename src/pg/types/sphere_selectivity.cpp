// How many rows of a table lie in a sphere, for the planner. The statistics of a column hold some of its values (the most
// common, and the bounds of the histogram, if they are no wider than 1 kB); their distances from the center are a sample.
// Where it holds too few near ones, the share of rows within r is taken to grow as a power of r, whose exponent the
// sample's nearest tell: Hill's estimator of the local intrinsic dimension (Amsaleg et al., Estimating Local Intrinsic
// Dimensionality, KDD 2015, section 3.2).
#include <algorithm>
#include <limits>

#include "pg/export.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/types/datum.hpp"
#include "pg/types/sphere.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_statistic.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
}

namespace vecx::pg {

namespace {

constexpr double kUnknown = 0.005; // what PostgreSQL assumes of a range
constexpr int kFewest = 8;         // values of a sample that say something
constexpr int kNearest = 20;       // of these, as many lead into the tail
constexpr double kMostDimensions = 32;
constexpr double kLeast = 1e-6;

struct Sample {
    double *distances;
    int count;
};

// The distance that belongs to a condition, by the operator family of both.
struct Distance {
    Oid oid; // InvalidOid when the operator class has been dropped
    FmgrInfo function;
    bool short_dimension; // a value begins with its dimension, in int16, else in int32
    Datum center;
    int dimension; // its

    int dimension_of(Datum value) const { return short_dimension ? first_field<int16>(value) : first_field<int32>(value); }

    // NaN for a value of other dimensions, too: that is an error, but for the query to raise.
    double to(Datum value) {
        if (dimension_of(value) != dimension)
            return std::numeric_limits<double>::quiet_NaN();
        return DatumGetFloat8(FunctionCall2(&function, value, center));
    }
};

void find_distance(Oid within, Datum center, Distance *out) {
    out->oid = InvalidOid;
    CatCList *members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(within));
    for (int i = 0; i < members->n_members && !OidIsValid(out->oid); ++i) {
        const FormData_pg_amop *member = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&members->members[i]->tuple));
        Oid family = member->amopfamily, type = member->amoplefttype;
        Oid distance = get_opfamily_member(family, type, type, kDistanceStrategy);
        Oid support = get_opfamily_proc(family, type, type, 1);
        if (!OidIsValid(distance) || !OidIsValid(support))
            continue;
        const OpclassInfo *info = reinterpret_cast<const OpclassInfo *>(
            DatumGetPointer(OidFunctionCall1(support, PointerGetDatum(nullptr))));
        if (info == nullptr || info->magic != kOpclassMagic)
            continue;
        out->short_dimension = info->type != ElementType::sparse && info->type != ElementType::bit;
        out->oid = get_opcode(distance);
    }
    ReleaseCatCacheList(members);
    if (!OidIsValid(out->oid))
        return;
    fmgr_info(out->oid, &out->function);
    out->center = center;
    out->dimension = out->dimension_of(center);
}

// Distances of values from the center, but those that are NaN.
Sample measure_values(Distance *distance, const AttStatsSlot &slot) {
    Sample out{static_cast<double *>(palloc(sizeof(double) * static_cast<size_t>(slot.nvalues + 1))), 0};
    for (int i = 0; i < slot.nvalues; ++i) {
        double d = distance->to(slot.values[i]);
        if (!std::isnan(d))
            out.distances[out.count++] = d;
    }
    return out;
}

double share_within(const Sample &sample, double radius) {
    double *first = sample.distances, *last = first + sample.count;
    std::sort(first, last);
    double inside = static_cast<double>(std::upper_bound(first, last, radius) - first);
    if (inside >= kNearest || sample.count <= kNearest)
        return std::max(inside, 0.5) / (sample.count + 1);
    double edge = first[kNearest - 1];
    if (edge <= 0 || radius <= 0)
        return radius < first[0] ? kLeast : std::max(inside, 0.5) / (sample.count + 1);
    double sum = 0;
    int used = 0;
    for (int i = 0; i < kNearest; ++i) {
        if (first[i] <= 0)
            continue;
        sum += std::log(first[i] / edge);
        ++used;
    }
    double exponent = sum < 0 ? std::clamp(-used / sum, 0.5, kMostDimensions) : kMostDimensions;
    return (kNearest / (sample.count + 1.0)) * std::pow(radius / edge, exponent);
}

double estimate(PlannerInfo *root, Oid within, VariableStatData *column, Datum sphere_value) {
    Sphere sphere = read_sphere(sphere_value);
    if (sphere.null)
        return 0;
    if (!HeapTupleIsValid(column->statsTuple))
        return kUnknown;
    const FormData_pg_statistic *stats = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(column->statsTuple));
    double not_null = 1.0 - static_cast<double>(stats->stanullfrac);
    if (std::isnan(sphere.radius))
        return not_null;
    Distance distance;
    find_distance(within, sphere.center, &distance);
    // Who may not read the column is told nothing of its values.
    if (!OidIsValid(distance.oid) || !statistic_proc_security_check(column, distance.oid))
        return kUnknown * not_null;

    double common = 0, common_within = 0;
    AttStatsSlot slot;
    if (get_attstatsslot(&slot, column->statsTuple, STATISTIC_KIND_MCV, InvalidOid,
                         ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS)) {
        for (int i = 0; i < slot.nvalues && i < slot.nnumbers; ++i) {
            double share = static_cast<double>(slot.numbers[i]);
            common += share;
            if (distance.to(slot.values[i]) <= sphere.radius)
                common_within += share;
        }
        free_attstatsslot(&slot);
    }
    double others = std::max(0.0, not_null - common);
    double share = kUnknown;
    if (get_attstatsslot(&slot, column->statsTuple, STATISTIC_KIND_HISTOGRAM, InvalidOid, ATTSTATSSLOT_VALUES)) {
        Sample sample = measure_values(&distance, slot);
        if (sample.count >= kFewest)
            share = share_within(sample, sphere.radius);
        free_attstatsslot(&slot);
    }
    return std::max(kLeast, common_within + others * share);
}

} // namespace

} // namespace vecx::pg

// RESTRICT of the conditions: (planner, operator, arguments, relation) -> float8.
VECX_FUNCTION(vecx_sphere_selectivity) {
    using namespace vecx::pg;
    PlannerInfo *root = static_cast<PlannerInfo *>(static_cast<void *>(PG_GETARG_POINTER(0)));
    List *arguments = static_cast<List *>(static_cast<void *>(PG_GETARG_POINTER(2)));
    VariableStatData column;
    Node *other;
    bool on_left;
    double share = kUnknown;
    if (get_restriction_variable(root, arguments, PG_GETARG_INT32(3), &column, &other, &on_left)) {
        if (IsA(other, Const) && castNode(Const, other)->constisnull)
            share = 0;
        else if (IsA(other, Const) && on_left)
            share = estimate(root, PG_GETARG_OID(1), &column, castNode(Const, other)->constvalue);
        ReleaseVariableStats(column);
    }
    CLAMP_PROBABILITY(share);
    PG_RETURN_FLOAT8(share);
}
