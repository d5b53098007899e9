// Errors as values for the core: a code that the shell maps to an SQLSTATE, and a finished message.
// No allocation, trivially destructible, so that an ereport may longjmp over any frame that holds one.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>

namespace vecx {

enum class Code : uint8_t {
    ok = 0,
    invalid_text,         // 22P02: malformed literal
    invalid_binary,       // 22P03: malformed binary message
    invalid_value,        // 22023: a parameter that makes no sense
    data_exception,       // 22000: dimensions differ, NaN, infinity
    out_of_range,         // 22003: does not fit the type
    limit_exceeded,       // 54000: too many dimensions
    array_error,          // 2202E: wrong array subscripts or shape
    corrupted,            // XX002: index page that fails its checks; `block` is set
    out_of_memory,        // 53200
    conflict,             // 40001: a standby's scan met a page that the primary has used anew; can be repeated
    cancelled,            // the caller asked to stop; the shell never sees it (it longjmps)
    internal,             // XX000
};

struct [[nodiscard]] Status {
    static constexpr uint32_t kNoBlock = 0xFFFFFFFFu;

    Code code = Code::ok;
    uint32_t block = kNoBlock;    // the page that Code::corrupted speaks of
    char message[232];            // complete, untranslated, no trailing newline
    char detail[128];             // may be empty; the shell shows it as errdetail

    // Only the first bytes are set: every page access returns one of these.
    Status() { message[0] = detail[0] = '\0'; }

    bool ok() const { return code == Code::ok; }

    __attribute__((format(printf, 2, 3))) static Status make(Code code, const char *format, ...) {
        Status s;
        s.code = code;
        va_list args;
        va_start(args, format);
        vsnprintf(s.message, sizeof s.message, format, args);
        va_end(args);
        return s;
    }

    __attribute__((format(printf, 2, 3))) static Status corrupt(uint32_t block, const char *format, ...) {
        Status s;
        s.code = Code::corrupted;
        s.block = block;
        va_list args;
        va_start(args, format);
        vsnprintf(s.message, sizeof s.message, format, args);
        va_end(args);
        return s;
    }

    __attribute__((format(printf, 2, 3))) Status &with_detail(const char *format, ...) {
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof detail, format, args);
        va_end(args);
        return *this;
    }
};

// Returns from the calling function when `expression` is not ok.
#define VECX_TRY(expression)                                                                       \
    do {                                                                                           \
        if (::vecx::Status vecx_status_ = (expression); !vecx_status_.ok())                        \
            return vecx_status_;                                                                   \
    } while (0)

} // namespace vecx
