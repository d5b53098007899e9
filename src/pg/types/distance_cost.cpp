// What the planner is told of a distance: support functions for SupportRequestCost. PostgreSQL
// charges a function the same whatever its arguments, and nothing for values that the table keeps
// out of line. A distance to a vector of 768 dimensions takes 100 times as long as one to 8
// dimensions, because its value must be fetched first, and that decides between an index and a
// sequential scan.
#include <algorithm>
#include <cmath>

#include "pg/export.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "access/heaptoast.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

namespace vecx::pg {

namespace {

// Times are operators, times cpu_operator_cost. Measured on 60,000 x 8 and 60,000 x 768 (make
// bench-plans): a call 30 ns, 3 kB of two vectors 60 ns; a value out of line 2.7 us when all is in
// the CPU's caches and up to 6 us else, of which the pages below, charged like those of the scan
// itself, are the larger part.
constexpr double kCall = 2;
constexpr double kBytesPerOperator = 512;
constexpr double kFirstChunk = 200; // finding it in the TOAST index
constexpr double kChunksPerPage = 4;
// A value of which neither the type nor the statistics tell the size.
constexpr double kUnknownBytes = 4.0 * 768;
// The statistics of a column know what lies in the row: of a value out of line, a pointer of 18
// bytes.
constexpr double kPointer = 18;
constexpr double kSmall =
    32; // nobody puts these out of line, though they may be as wide as a pointer

struct Size {
    double bytes;
    bool out_of_line;
};

int32 average_width(PlannerInfo *root, const Var *var) {
    if (root == nullptr || var->varlevelsup != 0 || IS_SPECIAL_VARNO(var->varno) ||
        var->varattno <= 0)
        return 0;
    const RangeTblEntry *table = planner_rt_fetch(var->varno, root);
    return table->rtekind == RTE_RELATION ? get_attavgwidth(table->relid, var->varattno) : 0;
}

Size size_of_column(PlannerInfo *root, const Var *var, double bytes_per_dim) {
    double declared = var->vartypmod > 0 ? var->vartypmod * bytes_per_dim : 0; // 0: any
    double stored = average_width(root, var);                                  // 0: never analyzed
    bool small = declared > 0 && declared <= kSmall;
    if (stored > 0 && !small && std::abs(stored - kPointer) <= 2)
        return Size{declared > 0 ? declared : kUnknownBytes, true};
    if (stored > 0)
        return Size{stored, false};
    if (declared > 0)
        return Size{declared, declared > TOAST_TUPLE_THRESHOLD};
    return Size{kUnknownBytes, true};
}

Cost cost_of_fetching(double bytes) {
    double chunks = std::ceil(bytes / TOAST_MAX_CHUNK_SIZE);
    return chunks / kChunksPerPage * seq_page_cost +
           chunks * (cpu_tuple_cost + cpu_index_tuple_cost) + kFirstChunk * cpu_operator_cost;
}

void estimate(SupportRequestCost *request, double bytes_per_dim) {
    List *arguments = NIL;
    if (request->node != nullptr && IsA(request->node, OpExpr))
        arguments = castNode(OpExpr, request->node)->args;
    else if (request->node != nullptr && IsA(request->node, FuncExpr))
        arguments = castNode(FuncExpr, request->node)->args;

    double bytes = 0;
    request->startup = 0;
    request->per_tuple = 0;
    ListCell *cell;
    foreach (cell, arguments) {
        Node *argument = static_cast<Node *>(lfirst(cell));
        bool plain = IsA(argument, Var);
        // Of an expression (v::halfvec, binary_quantize(v)) the values below count: they are
        // vectors, most likely.
        ListCell *inner;
        foreach (inner, pull_var_clause(argument, PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS |
                                                      PVC_RECURSE_PLACEHOLDERS)) {
            const Var *var = lfirst_node(Var, inner);
            Size size = size_of_column(request->root, var, plain ? bytes_per_dim : 4);
            bytes = std::max(bytes, size.bytes);
            if (size.out_of_line)
                request->per_tuple += cost_of_fetching(size.bytes);
        }
    }
    request->per_tuple += cpu_operator_cost * (kCall + bytes / kBytesPerOperator);
}

Datum support(FunctionCallInfo fcinfo, double bytes_per_dim) {
    Node *request = static_cast<Node *>(static_cast<void *>(PG_GETARG_POINTER(0)));
    if (!IsA(request, SupportRequestCost))
        PG_RETURN_POINTER(nullptr); // nothing to say about anything else
    estimate(castNode(SupportRequestCost, request), bytes_per_dim);
    PG_RETURN_POINTER(request);
}

} // namespace

} // namespace vecx::pg

// A function for each number of bytes that a dimension takes. Of a sparse vector the dimensions say
// little: 128 of 30,000 are not zero in a text, 8 bytes each.
VECX_FUNCTION(vecx_distance_support_4) {
    return vecx::pg::support(fcinfo, 4);
}
VECX_FUNCTION(vecx_distance_support_2) {
    return vecx::pg::support(fcinfo, 2);
}
VECX_FUNCTION(vecx_distance_support_1) {
    return vecx::pg::support(fcinfo, 1);
}
VECX_FUNCTION(vecx_distance_support_bit) {
    return vecx::pg::support(fcinfo, 1.0 / 8);
}
VECX_FUNCTION(vecx_distance_support_sparse) {
    return vecx::pg::support(fcinfo, 8.0 * 128 / 30000);
}
