// Every test of PG_VERSION_NUM in the project lives here. Supported: PostgreSQL 15 to 18.
#pragma once

#if PG_VERSION_NUM < 150000
#error "vecx needs PostgreSQL 15 or newer"
#endif

extern "C" {
#include "access/generic_xlog.h"
#include "access/relscan.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

// Since 16 an input function's caller may ask for an error as a value instead of an exception.
#if PG_VERSION_NUM >= 160000
#define VECX_ERRSAVE(context, ...) errsave(context, __VA_ARGS__)
#else
#define VECX_ERRSAVE(context, ...) ereport(ERROR, __VA_ARGS__)
#endif

namespace vecx::pg {

// vacuum_delay_point() takes an argument since 18.
inline void vacuum_delay() {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

} // namespace vecx::pg
