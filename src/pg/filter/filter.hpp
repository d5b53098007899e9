// Filtered vector scans, `Custom Scan (VecxScan)`: what the planner's and the executor's part share. README.md first.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/extensible.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
}

namespace vecx::pg {

// What the planner tells the executor; kept in CustomScan::custom_private. Costs are in the planner's unit.
struct ScanFacts {
    Oid index;
    double limit;      // rows that will probably be asked for; 0: unknown. A hint, nothing more.
    double wanted;     // the same as an estimate; all that match when nothing is known
    double index_rows; // as the planner knows them
    double page_rows;  // of the table on one page
    double mask_rows;  // estimated
    double passing;    // of the mask's rows, the part that passes the other conditions; estimated
    double wanted_nodes; // of the index, visited for the wanted rows if as many match as was estimated
    double visit_cost; // of a node of the index
    double row_cost;   // of a row that is fetched and whose distance is computed
    double each_cost;  // of a row that is looked at in the index; 0: that is not possible
    double bitmap_cost; // without a bitmap: of reading the table, distances included
    double stream_rows;  // tested as they come, without a bitmap, until there are enough
    double stream_nodes; // of the index, visited when rows are tested as they come, without a bitmap; 0: it is to begin with the bitmap
};

// A LIMIT up to this is collected before the first row is returned, which allows to change the way without a trace.
constexpr double kMostCollected = 10000;

// Finding a row by its heap TID, in operators.
constexpr double kRowFetch = 60;

// CustomScan::custom_plans has the bitmap's tree, or nothing where no index knows any of the conditions.
// CustomScan::custom_exprs: the ORDER BY expression, its argument that is not the indexed one, and the conditions that
// bitmaps stand for (a list, implicitly ANDed).
enum FilterExpr { kExprDistance = 0, kExprQuery = 1, kExprRecheck = 2 };

// plan.cpp
void install_filtered_scan(); // takes the planner's hook; called once, when the module is loaded
ScanFacts scan_facts_of(const CustomScan *scan);
bool is_filtered_scan(const Plan *plan);
Node *filtered_scan_order(const Plan *plan); // its ORDER BY expression

// scan.cpp
extern const CustomScanMethods filtered_scan_methods;

// cost.cpp: of `path`, whose rows, pathkeys and parts have been set; fills in its costs and the facts that have to do with it.
void cost_filtered_path(PlannerInfo *root, CustomPath *path, BitmapHeapPath *bitmap, IndexPath *order, ScanFacts *facts);
// The same of a path without a bitmap; the query has a LIMIT.
void cost_streamed_path(PlannerInfo *root, CustomPath *path, IndexPath *order, ScanFacts *facts);

} // namespace vecx::pg
