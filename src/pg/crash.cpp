// See crash.hpp. The tests of test/crash are its only users.
#include "pg/crash.hpp"

#ifdef VECX_CRASH_POINTS

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include "pg/postgres.hpp"

extern "C" {
#include "access/xlog.h"
#include "common/pg_prng.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
}

namespace vecx::pg {

namespace {

constexpr size_t kNameLength = 80;
constexpr int kMaxPoints = 512;
constexpr size_t kPathLength = 512;
constexpr long kWaitSlice = 10000; // microseconds

// A point, the pass at which something happens there (0: never), what, and how often it was passed since.
struct Armed {
    char name[kNameLength];
    char what[kPathLength];
    uint64 pass, passed;
};

struct Point {
    char name[kNameLength];
    uint64 passes;
};

Armed to_end, to_wait;
Point points[kMaxPoints];
int point_count;
const char *change; // the page change that is under way or about to be
char *setting_point, *setting_trace, *setting_wait;

bool parse(const char *text, Armed *out) {
    unsigned long long pass = 0;
    *out = Armed{};
    if (text == nullptr || *text == '\0')
        return true;
    static_assert(kNameLength == 80 && kPathLength == 512);
    if (sscanf(text, "%79s %llu %511s", out->name, &pass, out->what) != 3 || pass == 0)
        return false;
    out->pass = pass;
    return true;
}

bool check_point(char **value, void **, GucSource) {
    Armed armed;
    return parse(*value, &armed) && (armed.pass == 0 || strcmp(armed.what, "kill") == 0 || strcmp(armed.what, "flush") == 0 ||
                                     strcmp(armed.what, "server") == 0);
}

bool check_wait(char **value, void **, GucSource) {
    Armed armed;
    return parse(*value, &armed);
}

void assign_point(const char *value, void *) {
    parse(value, &to_end);
    if (to_end.pass > 0)
        pg_prng_seed(&pg_global_prng_state, 20);
}

void assign_wait(const char *value, void *) { parse(value, &to_wait); }

// Adds this process's counts to the file, in one write. Not after a crash: what killed a process is in the test's hands.
void tell_trace(int, Datum) {
    static char text[kMaxPoints * (kNameLength + 24)];
    size_t used = 0;
    for (int i = 0; i < point_count; ++i)
        used += static_cast<size_t>(::snprintf(text + used, sizeof text - used, "%s %llu\n", points[i].name,
                                               static_cast<unsigned long long>(points[i].passes)));
    if (used == 0 || setting_trace == nullptr || *setting_trace == '\0')
        return;
    const int file = ::open(setting_trace, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || ::write(file, text, used) != static_cast<ssize_t>(used))
        elog(LOG, "could not write crash points to \"%s\": %m", setting_trace);
    if (file >= 0)
        ::close(file);
}

bool is_due(Armed &armed, const char *name) {
    return armed.pass > 0 && strcmp(armed.name, name) == 0 && ++armed.passed == armed.pass;
}

void end_process() {
    if (strcmp(to_end.what, "kill") != 0)
        XLogFlush(XactLastRecEnd); // of what this process has written
    if (strcmp(to_end.what, "server") == 0)
        kill(PostmasterPid, SIGKILL);
    kill(getpid(), SIGKILL);
    for (;;) // it may take a moment
        pause();
}

void wait_for_file() {
    pgstat_report_wait_start(PG_WAIT_EXTENSION); // for pg_stat_activity
    while (access(to_wait.what, F_OK) != 0) {
        CHECK_FOR_INTERRUPTS();
        pg_usleep(kWaitSlice);
    }
    pgstat_report_wait_end();
}

void reach(const char *name, const char *stage) {
    char whole[kNameLength];
    ::snprintf(whole, sizeof whole, "%s%s%s", name, stage == nullptr ? "" : "/", stage == nullptr ? "" : stage);
    int i = 0;
    while (i < point_count && strcmp(points[i].name, whole) != 0)
        ++i;
    if (i == kMaxPoints)
        elog(ERROR, "there are more than %d crash points", kMaxPoints);
    if (i == point_count)
        strcpy(points[point_count++].name, whole);
    ++points[i].passes;
    if (is_due(to_wait, whole))
        wait_for_file();
    if (is_due(to_end, whole))
        end_process();
}

const char *without_kind(const char *literal) { return strchr(literal, ':') + 1; }

} // namespace

void reach_crash_stage(const char *stage) {
    if (change == nullptr)
        elog(ERROR, "a page changes without the name of a crash point (src/base/crash.hpp)");
    reach(change, stage);
}

void end_page_change() { change = nullptr; }

void define_crash_settings() {
    before_shmem_exit(tell_trace, 0); // before others can see that the session is gone
    DefineCustomStringVariable("vecx.crash_point", "Ends this process at a point: its name, the pass, and how.", nullptr,
                               &setting_point, "", PGC_SUSET, 0, check_point, assign_point, nullptr);
    DefineCustomStringVariable("vecx.crash_trace", "File that is told which crash points were reached.", nullptr,
                               &setting_trace, "", PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("vecx.crash_wait", "Makes this process wait at a point: its name, the pass, and for which file.",
                               nullptr, &setting_wait, "", PGC_SUSET, 0, check_wait, assign_wait, nullptr);
}

} // namespace vecx::pg

namespace vecx {

void name_page_change(const char *name) { pg::change = pg::without_kind(name); }
void reach_crash_point(const char *name) { pg::reach(pg::without_kind(name), nullptr); }

} // namespace vecx

#endif
