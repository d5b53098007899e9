// libpq in C++: connections, results, binary parameters of the vector types, COPY in both directions.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vecx::bench {

// Called by the signal handler: asks the servers to cancel what the open connections are running.
void cancel_running_statements();

class Rows {
  public:
    explicit Rows(PGresult *result) : result_(result, PQclear) {}
    int count() const { return PQntuples(result_.get()); }
    std::string text(int row, int column) const { return PQgetvalue(result_.get(), row, column); }
    // A binary int4 column.
    int32_t int4(int row, int column) const;
    bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }

  private:
    std::unique_ptr<PGresult, void (*)(PGresult *)> result_;
};

class Connection {
  public:
    explicit Connection(const std::string &conninfo);
    ~Connection();
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    // All throw Error with the server's message, or Interrupted.
    Rows run(const std::string &sql);
    std::string value(const std::string &sql); // the first column of the first row, or ""
    double number(const std::string &sql);
    void prepare(const std::string &name, const std::string &sql);
    // Executes a prepared statement with binary parameters; binary results.
    Rows execute(const std::string &name, std::span<const std::string_view> parameters);
    // One text-result statement with one binary parameter (EXPLAIN of a query).
    Rows run_with(const std::string &sql, std::string_view binary_parameter);
    // COPY ... FROM STDIN: sends `data` in pieces and returns when the server is done.
    void copy_in(const std::string &sql, std::string_view data);
    void copy_in_start(const std::string &sql);
    void copy_in_piece(std::string_view data);
    void copy_in_finish();
    // COPY ... TO STDOUT: calls sink for each piece.
    void copy_out(const std::string &sql, const std::function<void(std::string_view)> &sink);

    int backend_pid() const { return PQbackendPID(connection_); }
    // Processor time that the backend has used, in seconds: it hardly depends on what else the machine
    // does. Negative when it cannot be known (a server on another machine, a kernel without schedstat).
    double backend_cpu() const;
    const std::string &conninfo() const { return conninfo_; }

  private:
    PGresult *checked(PGresult *result, const std::string &what);

    std::string conninfo_;
    PGconn *connection_;
    PGcancel *cancel_ = nullptr;
};

// Element types whose binary form the driver can write.
enum class Element { vector, halfvec };
Element parse_element(const std::string &name);
const char *element_name(Element element);

// Appends to `out` the binary form: int16 dimensions, int16 zero, elements big-endian.
void append_binary(std::string *out, Element element, std::span<const float> values);
std::string to_binary(Element element, std::span<const float> values);
// Appends "[1,2.5,...]" with the shortest digits that read back the same.
void append_text(std::string *out, std::span<const float> values);

void append_int16(std::string *out, int value);
void append_int32(std::string *out, int32_t value);

// The frame of COPY's binary format.
std::string copy_header();
std::string copy_trailer();

} // namespace vecx::bench
