/*
 * A library that defines hnsw.* settings before vecx does, as pgvector's does when it was loaded earlier in the
 * same session. Its defaults are its own business; what the user sets is meant for whoever reads the setting.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static int ef_search = 7;
static int max_scan_tuples = 3;
static int iterative_scan = 2;

/* In another order than elsewhere: only the names count. */
static const struct config_enum_entry modes[] = {
	{"strict_order", 0, false}, {"relaxed_order", 1, false}, {"off", 2, false}, {NULL, 0, false}};

void
_PG_init(void)
{
	DefineCustomIntVariable("hnsw.ef_search", "Another library's.", NULL, &ef_search, 7, 1, 1000, PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("hnsw.max_scan_tuples", "Another library's.", NULL, &max_scan_tuples, 3, 1, 1000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("hnsw.iterative_scan", "Another library's.", NULL, &iterative_scan, 2, modes,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("hnsw");
}
