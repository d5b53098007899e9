// What every part of the driver uses: errors, interruption, clocks, statistics, threads, progress.
#pragma once

#include <sched.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vecx::bench {

// Anything that ends a phase; the message is for the user.
class Error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Ctrl-C: finished phases are already in the result file.
class Interrupted : public std::runtime_error {
  public:
    Interrupted() : std::runtime_error("interrupted; finished phases are kept, run again to resume") {}
};

// Installs the SIGINT and SIGTERM handler, which also cancels the running statements (postgres.cpp).
void catch_interrupts();
// Throws Interrupted after a signal.
void check_interrupts();

class Stopwatch {
  public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    double microseconds() const { return seconds() * 1e6; }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Processor time of the calling thread, in seconds.
double thread_cpu();

// Waits without giving the processor away, as real work would (the driver's deliberate slowdown).
void spin_microseconds(double us);

// The value below which `share` (0 to 1) of the values lie, interpolated linearly; 0 for no values.
double percentile(std::vector<double> values, double share);
double median(std::vector<double> values);
double mean(std::span<const double> values);

// A fixed sequence of 64-bit numbers (splitmix64): the same on every machine, for synthetic data.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next();
    // Uniform in [0, limit); limit must not be 0. The bias is below limit / 2^64.
    uint64_t below(uint64_t limit) { return next() % limit; }
    double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    // Standard normal, from the sum of twelve uniforms: the same bits everywhere, unlike Box-Muller.
    double normal();

  private:
    uint64_t state_;
};

// The numbers 0 to n-1 in an order that depends on the seed only.
std::vector<int32_t> permutation(size_t n, uint64_t seed);

unsigned cores();

// Keeps the calling thread on one processor while it exists, if `on`; threads it starts meanwhile stay there too.
class Pinned {
  public:
    Pinned(bool on, unsigned processor);
    ~Pinned();
    Pinned(const Pinned &) = delete;
    Pinned &operator=(const Pinned &) = delete;

  private:
    bool on_;
    cpu_set_t before_;
};
// The same for another process; with processor < 0 it may run everywhere again. False when that is not allowed.
bool pin_process(int pid, int processor);
// Gives a process (0: this one) the priority that this one was started with, if that is raised (nice -n -10). Linux
// shares the processor between sessions first and only within one by nice; each backend is a session of its own.
void raise_priority(int pid);

// Calls work(i) for every i in [0, n) from all cores; rethrows the first exception.
void parallel_for(size_t n, const std::function<void(size_t)> &work);
// Calls work(t) once in each of `threads` threads, all released at the same moment.
void run_together(unsigned threads, const std::function<void(unsigned)> &work);

// A line on stderr that is rewritten in place on a terminal, at most ten times a second.
class Progress {
  public:
    Progress(std::string what, double total);
    ~Progress();
    void show(double done, std::string_view note = {});

  private:
    std::string what_;
    double total_;
    bool terminal_;
    bool shown_ = false;
    Stopwatch clock_;
    double last_ = -1;
};

// Prints a line to stderr at once.
void say(const std::string &line);
std::string format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string> &parts, std::string_view separator);
// An SQL string literal (standard_conforming_strings is on in every server of this century).
std::string quote_literal(std::string_view text);
double to_number(const std::string &text, const char *what);

// The standard output of a shell command; throws when it fails.
std::string output_of(const std::string &command);
std::string shell_quote(std::string_view text);

} // namespace vecx::bench
