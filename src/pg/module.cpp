// The module's entry: magic and start-up, in a listed order.
#include "pg/crash.hpp"
#include "pg/explain.hpp"
#include "pg/export.hpp"
#include "pg/filter/filter.hpp"
#include "pg/guc.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/plan_attributes.hpp"
#include "pg/ivf/ivf.hpp"
#include "pg/plan_distance_bound.hpp"
#include "pg/plan_unused_distance.hpp"
#include "pg/postgres.hpp"

extern "C" {
#pragma GCC visibility push(default)
PG_MODULE_MAGIC;
void _PG_init(void);
#pragma GCC visibility pop
}

void _PG_init(void) {
#ifdef VECX_CRASH_POINTS
    vecx::pg::define_crash_settings();
#endif
    vecx::pg::define_settings(); // also chooses the kernel table
    vecx::pg::hnsw_define_options();
    vecx::pg::ivf_define_options();
    vecx::pg::install_unused_distance();
    vecx::pg::install_explain();
    vecx::pg::install_attribute_conditions();
    vecx::pg::install_distance_bound();
    vecx::pg::install_filtered_scan();
}
