#include "pg/guc.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "kernels/kernels.hpp"
#include "pg/postgres.hpp"

namespace vecx::pg {

namespace {

// A setting whose name pgvector has, too. In a session that used pgvector before vecx the name is
// taken, and to define it again would be an error: then what the user sets through the other
// library's setting is obeyed, and its default, which is meant for the other library, is not.
template <class Config, config_type kType, class Value>
struct Setting {
    Value own;
    const Config *other = nullptr; // settings that are no placeholders live as long as the backend

    bool is_taken(const char *name) {
        config_generic *found = find_setting(name);
        if (found == nullptr || (found->flags & GUC_CUSTOM_PLACEHOLDER) != 0)
            return false;
        if (found->vartype == kType)
            other = reinterpret_cast<const Config *>(found);
        return true;
    }
    bool is_other() const { return other != nullptr && other->gen.source != PGC_S_DEFAULT; }
    Value value() const { return is_other() ? *other->variable : own; }
};
using IntSetting = Setting<config_int, PGC_INT, int>;
using RealSetting = Setting<config_real, PGC_REAL, double>;
using EnumSetting = Setting<config_enum, PGC_ENUM, int>;

IntSetting ef_search{40};
EnumSetting iterative_scan{kIterativeOff};
IntSetting max_scan_tuples{-1};
RealSetting scan_mem_multiplier{1.0};

IntSetting flat_probes{1};
EnumSetting flat_iterative_scan{kIterativeOff};
IntSetting flat_max_probes{32768};

char *list_probes = nullptr; // "auto" or a number
int list_iterative_scan = kIterativeOff;
int list_max_probes = 0;
int list_seed = 1;
constexpr int kMostProbes = 1 << 20;

int simd = 0; // 0 is auto, otherwise Level + 1
bool skip_distance = true;
bool bitmap_filter = true;
int filter_strategy_value = kFilterAuto;

const config_enum_entry kFilterOptions[] = {
    {"auto", kFilterAuto, false},
    {"exact", kFilterExact, false},
    {"index", kFilterIndex, false},
    {nullptr, 0, false},
};

const config_enum_entry kIterativeOptions[] = {
    {"off", kIterativeOff, false},
    {"relaxed_order", kIterativeRelaxed, false},
    {"strict_order", kIterativeStrict, false},
    {nullptr, 0, false},
};

const config_enum_entry kFlatIterativeOptions[] = {
    {"off", kIterativeOff, false},
    {"relaxed_order", kIterativeRelaxed, false},
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

// 0 for auto, -1 for what is neither that nor a number of lists.
int parse_probes(const char *text) {
    if (pg_strcasecmp(text, "auto") == 0)
        return 0;
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && value >= 1 && value <= kMostProbes ? static_cast<int>(value) : -1;
}

bool check_probes(char **value, void **, GucSource) {
    if (parse_probes(*value) < 0) {
        GUC_check_errdetail("It is \"auto\" or a number from 1 to %d.", kMostProbes);
        return false;
    }
    return true;
}

int probes_wanted = 0;
void assign_probes(const char *value, void *) { probes_wanted = parse_probes(value); }

bool check_simd(int *value, void **, GucSource) {
    if (kernels::find(wanted_level(*value)) != nullptr)
        return true;
    GUC_check_errdetail("This build or this CPU does not have that instruction set level.");
    return false;
}

void assign_simd(int value, void *) { (void)kernels::choose(wanted_level(value)); }

const char *show_simd() { return kernels::active->name; }

} // namespace

int hnsw_ef_search() { return ef_search.value(); }
int hnsw_max_scan_tuples() { return max_scan_tuples.value(); }
double hnsw_scan_mem_multiplier() { return scan_mem_multiplier.value(); }
bool skip_unused_distance() { return skip_distance; }
bool enable_bitmap_filter() { return bitmap_filter; }
FilterStrategy filter_strategy() { return static_cast<FilterStrategy>(filter_strategy_value); }

namespace {

// Another library's number for a mode; the names are the same.
IterativeScan iterative_mode(const EnumSetting &setting) {
    int value = setting.value();
    if (setting.is_other())
        for (const config_enum_entry *o = setting.other->options; o->name != nullptr; ++o)
            if (o->val == value)
                for (const config_enum_entry *mode = kIterativeOptions; mode->name != nullptr; ++mode)
                    if (strcmp(mode->name, o->name) == 0)
                        return static_cast<IterativeScan>(mode->val);
    return static_cast<IterativeScan>(value);
}

} // namespace

IterativeScan hnsw_iterative_scan() { return iterative_mode(iterative_scan); }

ListScanSettings ivf_settings() {
    return {static_cast<unsigned>(probes_wanted), static_cast<unsigned>(list_max_probes),
            static_cast<IterativeScan>(list_iterative_scan)};
}
ListScanSettings ivfflat_settings() {
    return {static_cast<unsigned>(flat_probes.value()), static_cast<unsigned>(flat_max_probes.value()),
            iterative_mode(flat_iterative_scan)};
}
int ivf_seed() { return list_seed; }

void define_settings() {
    if (!ef_search.is_taken("hnsw.ef_search"))
        DefineCustomIntVariable("hnsw.ef_search", "Sets the size of the dynamic candidate list for search.",
                                "How far an hnsw scan looks ahead of the rows it returns; it does not limit their "
                                "number.",
                                &ef_search.own, 40, 1, 100000, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
    if (!iterative_scan.is_taken("hnsw.iterative_scan"))
        DefineCustomEnumVariable("hnsw.iterative_scan", "Sets how rows that are found late are treated.",
                                 "off: after all rows that are in order; relaxed_order: at once; strict_order: left "
                                 "out.",
                                 &iterative_scan.own, kIterativeOff, kIterativeOptions, PGC_USERSET, GUC_EXPLAIN,
                                 nullptr, nullptr, nullptr);
    if (!max_scan_tuples.is_taken("hnsw.max_scan_tuples"))
        DefineCustomIntVariable("hnsw.max_scan_tuples", "Sets the number of tuples after which an hnsw scan stops.",
                                "-1, the default, means no limit: a scan ends with the last row of the index.",
                                &max_scan_tuples.own, -1, -1, INT_MAX, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr,
                                nullptr);
    if (!scan_mem_multiplier.is_taken("hnsw.scan_mem_multiplier"))
        DefineCustomRealVariable("hnsw.scan_mem_multiplier", "Sets the multiple of work_mem that an hnsw scan may use.",
                                 nullptr, &scan_mem_multiplier.own, 1, 1, 1000, PGC_USERSET, GUC_EXPLAIN, nullptr,
                                 nullptr, nullptr);
    DefineCustomEnumVariable("ivf.iterative_scan", "Sets how rows that are found late are treated.",
                             "off: after all rows that are in order; relaxed_order: at once; strict_order: left out.",
                             &list_iterative_scan, kIterativeOff, kIterativeOptions, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr,
                             nullptr);
    DefineCustomIntVariable("ivf.max_probes", "Sets the number of lists after which an iterative ivf scan stops.",
                            "0, the default, means no limit.", &list_max_probes, 0, 0, kMostProbes, PGC_USERSET, GUC_EXPLAIN,
                            nullptr, nullptr, nullptr);
    DefineCustomStringVariable("ivf.probes", "Sets the number of lists that an ivf scan looks at before its first row.",
                               "auto takes what gave a recall of 0.98 on queries made from the rows when the index was built.", &list_probes, "auto",
                               PGC_USERSET, GUC_EXPLAIN, check_probes, assign_probes, nullptr);
    DefineCustomIntVariable("ivf.seed", "Sets the seed of the random numbers that ivf and ivfflat indexes are built with.",
                            nullptr, &list_seed, 1, 0, INT_MAX, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    if (!flat_iterative_scan.is_taken("ivfflat.iterative_scan"))
        DefineCustomEnumVariable("ivfflat.iterative_scan", "Sets the mode for iterative scans", nullptr,
                                 &flat_iterative_scan.own, kIterativeOff, kFlatIterativeOptions, PGC_USERSET, GUC_EXPLAIN,
                                 nullptr, nullptr, nullptr);
    if (!flat_max_probes.is_taken("ivfflat.max_probes"))
        DefineCustomIntVariable("ivfflat.max_probes", "Sets the max number of probes for iterative scans", nullptr,
                                &flat_max_probes.own, 32768, 1, 32768, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
    if (!flat_probes.is_taken("ivfflat.probes"))
        DefineCustomIntVariable("ivfflat.probes", "Sets the number of probes", "Valid range is 1..lists.", &flat_probes.own, 1,
                                1, 32768, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("vecx.simd", "Sets the instruction set level of the distance kernels.",
                             "auto takes the best that this CPU has; the setting shows the level in use.", &simd, 0,
                             kSimdOptions, PGC_USERSET, 0, check_simd, assign_simd, show_simd);
    DefineCustomBoolVariable("vecx.skip_unused_distance",
                             "Leaves out the distance of rows that an index scan returns when nobody reads it.",
                             "Counts when a statement is planned. Results are the same either way.", &skip_distance,
                             true, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("vecx.enable_bitmap_filter",
                             "Enables the planner's use of vector index scans that are given a bitmap of matching rows.",
                             nullptr, &bitmap_filter, true, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("vecx.filter_strategy", "Sets how a scan with a bitmap of matching rows finds the nearest of them.",
                             "auto: as is cheaper for their number, and the other way when that proves wrong; exact: always by "
                             "their distances; index: always through the vector index, as far as it reaches.",
                             &filter_strategy_value, kFilterAuto, kFilterOptions, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr,
                             nullptr);

    MarkGUCPrefixReserved("hnsw");
    MarkGUCPrefixReserved("ivf");
    MarkGUCPrefixReserved("ivfflat");
    MarkGUCPrefixReserved("vecx");
}

} // namespace vecx::pg
