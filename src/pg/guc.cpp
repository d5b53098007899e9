#include "pg/guc.hpp"

#include <climits>

#include "kernels/kernels.hpp"
#include "pg/postgres.hpp"

namespace vecx::pg {

int hnsw_ef_search = 40;
int hnsw_iterative_scan = kIterativeOff;
int hnsw_max_scan_tuples = -1;
double hnsw_scan_mem_multiplier = 1.0;

namespace {

int simd = 0; // 0 is auto, otherwise Level + 1

const config_enum_entry kIterativeOptions[] = {
    {"off", kIterativeOff, false},
    {"relaxed_order", kIterativeRelaxed, false},
    {"strict_order", kIterativeStrict, false},
    {nullptr, 0, false},
};

const config_enum_entry kSimdOptions[] = {
    {"auto", 0, false},
    {"scalar", static_cast<int>(kernels::Level::scalar) + 1, false},
    {"x86-64-v2", static_cast<int>(kernels::Level::x86_v2) + 1, false},
    {"avx2", static_cast<int>(kernels::Level::avx2) + 1, false},
    {"avx512", static_cast<int>(kernels::Level::avx512) + 1, false},
    {"neon", static_cast<int>(kernels::Level::neon) + 1, false},
    {nullptr, 0, false},
};

kernels::Level wanted_level(int value) {
    return value == 0 ? kernels::best_level() : static_cast<kernels::Level>(value - 1);
}

bool check_simd(int *value, void **, GucSource) {
    if (kernels::find(wanted_level(*value)) != nullptr)
        return true;
    GUC_check_errdetail("This build or this CPU does not have that instruction set level.");
    return false;
}

void assign_simd(int value, void *) { (void)kernels::choose(wanted_level(value)); }

const char *show_simd() { return kernels::active->name; }

} // namespace

void define_settings() {
    DefineCustomIntVariable("hnsw.ef_search", "Sets the size of the dynamic candidate list for search.",
                            "How far an hnsw scan looks ahead of the rows it returns; it does not limit their number.",
                            &hnsw_ef_search, 40, 1, 100000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("hnsw.iterative_scan", "Sets how rows that are found late are treated.",
                             "off: after all rows that are in order; relaxed_order: at once; strict_order: left out.",
                             &hnsw_iterative_scan, kIterativeOff, kIterativeOptions, PGC_USERSET, 0, nullptr, nullptr,
                             nullptr);
    DefineCustomIntVariable("hnsw.max_scan_tuples", "Sets the number of tuples after which an hnsw scan stops.",
                            "-1, the default, means no limit: a scan ends with the last row of the index.",
                            &hnsw_max_scan_tuples, -1, -1, INT_MAX, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomRealVariable("hnsw.scan_mem_multiplier", "Sets the multiple of work_mem that an hnsw scan may use.",
                             nullptr, &hnsw_scan_mem_multiplier, 1, 1, 1000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("vecx.simd", "Sets the instruction set level of the distance kernels.",
                             "auto takes the best that this CPU has; the setting shows the level in use.", &simd, 0,
                             kSimdOptions, PGC_USERSET, 0, check_simd, assign_simd, show_simd);

    MarkGUCPrefixReserved("hnsw");
    MarkGUCPrefixReserved("vecx");
}

} // namespace vecx::pg
