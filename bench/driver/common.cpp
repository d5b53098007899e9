#include "common.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cctype>
#include <cmath>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <thread>
#include <sys/resource.h>
#include <unistd.h>

#include "postgres.hpp"

namespace vecx::bench {

namespace {

std::atomic<bool> interrupted{false};

void on_signal(int) {
    if (interrupted.exchange(true))
        _exit(130); // the second Ctrl-C does not wait
    cancel_running_statements();
}

} // namespace

void catch_interrupts() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

void check_interrupts() {
    if (interrupted)
        throw Interrupted();
}

void spin_microseconds(double us) {
    const Stopwatch clock;
    while (clock.microseconds() < us) {
    }
}

double percentile(std::vector<double> values, double share) {
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    const double at = share * static_cast<double>(values.size() - 1);
    const size_t low = static_cast<size_t>(at);
    const size_t high = std::min(low + 1, values.size() - 1);
    return values[low] + (values[high] - values[low]) * (at - static_cast<double>(low));
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

double mean(std::span<const double> values) {
    double sum = 0;
    for (double value : values)
        sum += value;
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

uint64_t Random::next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double Random::normal() {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum;
}

std::vector<int32_t> permutation(size_t n, uint64_t seed) {
    Random random(seed);
    std::vector<int32_t> order(n);
    for (size_t i = 0; i < n; i++)
        order[i] = static_cast<int32_t>(i);
    for (size_t i = n; i > 1; i--)
        std::swap(order[i - 1], order[random.below(i)]);
    return order;
}

unsigned cores() { return std::max(1u, std::thread::hardware_concurrency()); }

void run_together(unsigned threads, const std::function<void(unsigned)> &work) {
    std::barrier start(static_cast<std::ptrdiff_t>(threads));
    std::exception_ptr failure;
    std::mutex failure_lock;
    std::vector<std::thread> pool;
    for (unsigned t = 0; t < threads; t++) {
        pool.emplace_back([&, t] {
            start.arrive_and_wait();
            try {
                work(t);
            } catch (...) {
                const std::lock_guard guard(failure_lock);
                if (!failure)
                    failure = std::current_exception();
            }
        });
    }
    for (std::thread &thread : pool)
        thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

double thread_cpu() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Pinned::Pinned(bool on, unsigned processor) : on_(on) {
    on_ = on_ && sched_getaffinity(0, sizeof before_, &before_) == 0;
    if (!on_)
        return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor % cores(), &one);
    on_ = sched_setaffinity(0, sizeof one, &one) == 0;
}

Pinned::~Pinned() {
    if (on_)
        sched_setaffinity(0, sizeof before_, &before_);
}

void raise_priority(int pid) {
    const int nice = getpriority(PRIO_PROCESS, 0);
    if (nice >= 0)
        return;
    setpriority(PRIO_PROCESS, static_cast<id_t>(pid), nice);
    std::ofstream(pid == 0 ? std::string("/proc/self/autogroup") : format("/proc/%d/autogroup", pid)) << nice;
}

bool pin_process(int pid, int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned c = 0; c < cores(); c++) {
        if (processor < 0 || static_cast<unsigned>(processor) % cores() == c)
            CPU_SET(c, &set);
    }
    return sched_setaffinity(pid, sizeof set, &set) == 0;
}

void parallel_for(size_t n, const std::function<void(size_t)> &work) {
    std::atomic<size_t> next{0};
    run_together(cores(), [&](unsigned) {
        for (size_t i = next++; i < n && !interrupted; i = next++)
            work(i);
    });
    check_interrupts();
}

Progress::Progress(std::string what, double total)
    : what_(std::move(what)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (shown_)
        fputs("\r\033[K", stderr);
}

void Progress::show(double done, std::string_view note) {
    const double now = clock_.seconds();
    if (!terminal_ || now - last_ < 0.1)
        return;
    last_ = now;
    shown_ = true;
    const double share = total_ > 0 ? std::clamp(done / total_, 0.0, 1.0) : 0;
    constexpr int kWidth = 30;
    const int full = static_cast<int>(share * kWidth);
    fprintf(stderr, "\r\033[K%-40s [%s%s] %3.0f %% %4.0f s %.*s", what_.c_str(), std::string(full, '#').c_str(),
            std::string(kWidth - full, '.').c_str(), share * 100, now, static_cast<int>(note.size()), note.data());
    fflush(stderr);
}

void say(const std::string &line) {
    fprintf(stderr, "%s\n", line.c_str());
    fflush(stderr);
}

std::string format(const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    char *text = nullptr;
    const int length = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    if (length < 0)
        throw Error("out of memory");
    std::string result(text, static_cast<size_t>(length));
    free(text);
    return result;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t end = std::min(text.find(separator), text.size());
        if (end > 0)
            parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::string join(const std::vector<std::string> &parts, std::string_view separator) {
    std::string all;
    for (const std::string &part : parts) {
        if (!all.empty())
            all += separator;
        all += part;
    }
    return all;
}

std::string quote_literal(std::string_view text) {
    std::string quoted = "'";
    for (char c : text)
        quoted += c == '\'' ? std::string("''") : std::string(1, c);
    return quoted + "'";
}

double to_number(const std::string &text, const char *what) {
    char *end = nullptr;
    const double value = strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0')
        throw Error(format("%s: \"%s\" is not a number", what, text.c_str()));
    return value;
}

std::string shell_quote(std::string_view text) {
    std::string quoted = "'";
    for (char c : text)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string output_of(const std::string &command) {
    FILE *pipe = popen(command.c_str(), "r");
    if (pipe == nullptr)
        throw Error("cannot run: " + command);
    std::string all;
    char piece[1 << 16];
    for (size_t got; (got = fread(piece, 1, sizeof piece, pipe)) > 0;)
        all.append(piece, got);
    if (pclose(pipe) != 0)
        throw Error("failed: " + command);
    return all;
}

} // namespace vecx::bench
