#include "postgres.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "common.hpp"

namespace vecx::bench {

namespace {

// A fixed array of atomics, because a signal handler may neither lock nor allocate.
constexpr size_t kMaxConnections = 256;
std::array<std::atomic<PGcancel *>, kMaxConnections> cancels;

void register_cancel(PGcancel *cancel) {
    for (auto &slot : cancels) {
        PGcancel *empty = nullptr;
        if (slot.compare_exchange_strong(empty, cancel))
            return;
    }
}

void forget_cancel(PGcancel *cancel) {
    for (auto &slot : cancels) {
        PGcancel *expected = cancel;
        if (slot.compare_exchange_strong(expected, nullptr))
            return;
    }
}

// IEEE binary16, round to nearest even; too large becomes infinity.
uint16_t to_half(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
    const float magnitude = std::abs(value);
    if (!(magnitude < 65520.0f)) // the largest half is 65504; NaN comes here too
        return static_cast<uint16_t>(sign | (magnitude != magnitude ? 0x7e00 : 0x7c00));
    if (magnitude < 0x1p-14f) // subnormal: adding 0.5 aligns and rounds the mantissa
        return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(magnitude + 0.5f) - 0x3f000000u));
    const uint32_t rounded = (bits & 0x7fffffff) + 0xfff + ((bits >> 13) & 1);
    return static_cast<uint16_t>(sign | ((rounded >> 13) - (112u << 10)));
}

} // namespace

void cancel_running_statements() {
    char message[256];
    for (auto &slot : cancels) {
        PGcancel *cancel = slot;
        if (cancel != nullptr)
            PQcancel(cancel, message, sizeof message);
    }
}

int32_t Rows::int4(int row, int column) const {
    uint32_t value;
    if (PQgetlength(result_.get(), row, column) != sizeof value)
        throw Error("the query did not return an int4");
    memcpy(&value, PQgetvalue(result_.get(), row, column), sizeof value);
    return static_cast<int32_t>(__builtin_bswap32(value));
}

Connection::Connection(const std::string &conninfo) : conninfo_(conninfo) {
    connection_ = PQconnectdb(conninfo.c_str());
    if (PQstatus(connection_) != CONNECTION_OK) {
        const std::string message = PQerrorMessage(connection_);
        PQfinish(connection_);
        throw Error("cannot connect (" + conninfo + "): " + message);
    }
    PQsetNoticeProcessor(connection_, [](void *, const char *) {}, nullptr);
    cancel_ = PQgetCancel(connection_);
    if (cancel_ != nullptr)
        register_cancel(cancel_);
}

Connection::~Connection() {
    if (cancel_ != nullptr) {
        forget_cancel(cancel_);
        PQfreeCancel(cancel_);
    }
    PQfinish(connection_);
}

PGresult *Connection::checked(PGresult *result, const std::string &what) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_IN ||
        status == PGRES_COPY_OUT)
        return result;
    std::string message = result != nullptr ? PQresultErrorMessage(result) : PQerrorMessage(connection_);
    PQclear(result);
    check_interrupts();
    while (!message.empty() && message.back() == '\n')
        message.pop_back();
    throw Error(message + "\n  in: " + what.substr(0, 200));
}

double Connection::backend_cpu() const {
    const char *host = PQhost(connection_);
    if (host == nullptr || host[0] != '/')
        return -1; // not a Unix socket: the process number may be another machine's
    std::ifstream in(format("/proc/%d/schedstat", backend_pid()));
    double nanoseconds = 0;
    return in >> nanoseconds ? nanoseconds * 1e-9 : -1;
}

Rows Connection::run(const std::string &sql) {
    check_interrupts();
    return Rows(checked(PQexec(connection_, sql.c_str()), sql));
}

std::string Connection::value(const std::string &sql) {
    const Rows rows = run(sql);
    return rows.count() > 0 ? rows.text(0, 0) : "";
}

double Connection::number(const std::string &sql) { return to_number(value(sql), sql.c_str()); }

void Connection::prepare(const std::string &name, const std::string &sql) {
    Rows(checked(PQprepare(connection_, name.c_str(), sql.c_str(), 0, nullptr), sql));
}

Rows Connection::execute(const std::string &name, std::span<const std::string_view> parameters) {
    constexpr size_t kMost = 512;
    const char *values[kMost];
    int lengths[kMost];
    int formats[kMost];
    if (parameters.size() > kMost)
        throw Error("too many parameters");
    for (size_t i = 0; i < parameters.size(); i++) {
        values[i] = parameters[i].data();
        lengths[i] = static_cast<int>(parameters[i].size());
        formats[i] = 1;
    }
    return Rows(checked(PQexecPrepared(connection_, name.c_str(), static_cast<int>(parameters.size()), values,
                                       lengths, formats, 1),
                        name));
}

Rows Connection::run_with(const std::string &sql, std::string_view binary_parameter) {
    const char *value = binary_parameter.data();
    const int length = static_cast<int>(binary_parameter.size());
    const int format = 1;
    return Rows(checked(PQexecParams(connection_, sql.c_str(), 1, nullptr, &value, &length, &format, 0), sql));
}

void Connection::copy_in_start(const std::string &sql) {
    PGresult *result = checked(PQexec(connection_, sql.c_str()), sql);
    const bool copying = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    if (!copying)
        throw Error("not a COPY FROM STDIN: " + sql);
}

void Connection::copy_in_piece(std::string_view data) {
    constexpr size_t kPiece = 1 << 20;
    for (size_t at = 0; at < data.size(); at += kPiece) {
        check_interrupts();
        const size_t length = std::min(kPiece, data.size() - at);
        if (PQputCopyData(connection_, data.data() + at, static_cast<int>(length)) != 1)
            throw Error(std::string("COPY: ") + PQerrorMessage(connection_));
    }
}

void Connection::copy_in_finish() {
    if (PQputCopyEnd(connection_, nullptr) != 1)
        throw Error(std::string("COPY: ") + PQerrorMessage(connection_));
    Rows(checked(PQgetResult(connection_), "COPY"));
    while (PGresult *rest = PQgetResult(connection_))
        PQclear(rest);
}

void Connection::copy_in(const std::string &sql, std::string_view data) {
    copy_in_start(sql);
    copy_in_piece(data);
    copy_in_finish();
}

void Connection::copy_out(const std::string &sql, const std::function<void(std::string_view)> &sink) {
    Rows(checked(PQexec(connection_, sql.c_str()), sql));
    char *piece = nullptr;
    for (int length; (length = PQgetCopyData(connection_, &piece, 0)) > 0;) {
        sink(std::string_view(piece, static_cast<size_t>(length)));
        PQfreemem(piece);
    }
    Rows(checked(PQgetResult(connection_), sql));
    while (PGresult *rest = PQgetResult(connection_))
        PQclear(rest);
}

Element parse_element(const std::string &name) {
    if (name == "vector")
        return Element::vector;
    if (name == "halfvec")
        return Element::halfvec;
    throw Error("--type: \"" + name + "\" is neither vector nor halfvec");
}

const char *element_name(Element element) { return element == Element::vector ? "vector" : "halfvec"; }

void append_int16(std::string *out, int value) {
    out->push_back(static_cast<char>(value >> 8));
    out->push_back(static_cast<char>(value));
}

void append_int32(std::string *out, int32_t value) {
    const uint32_t swapped = __builtin_bswap32(static_cast<uint32_t>(value));
    out->append(reinterpret_cast<const char *>(&swapped), sizeof swapped);
}

void append_binary(std::string *out, Element element, std::span<const float> values) {
    append_int16(out, static_cast<int>(values.size()));
    append_int16(out, 0);
    for (const float value : values) {
        if (element == Element::vector)
            append_int32(out, std::bit_cast<int32_t>(value));
        else
            append_int16(out, to_half(value));
    }
}

std::string to_binary(Element element, std::span<const float> values) {
    std::string out;
    append_binary(&out, element, values);
    return out;
}

void append_text(std::string *out, std::span<const float> values) {
    char digits[64];
    char separator = '[';
    for (const float value : values) {
        out->push_back(separator);
        separator = ',';
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        out->append(digits, static_cast<size_t>(end - digits));
    }
    out->push_back(']');
}

std::string copy_header() {
    std::string header("PGCOPY\n\377\r\n\0", 11);
    append_int32(&header, 0); // flags
    append_int32(&header, 0); // length of the header's extension
    return header;
}

std::string copy_trailer() {
    std::string trailer;
    append_int16(&trailer, -1);
    return trailer;
}

} // namespace vecx::bench
