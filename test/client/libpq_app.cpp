// An application of libpq that talks to vecx in the binary formats, as it would to pgvector: binary parameters and
// results, COPY BINARY in both directions, an hnsw index, the six distances, and hostile messages. Prints TAP.
// Connects as PGHOST, PGUSER ... say. Run by scripts/stage/client.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <libpq-fe.h>

namespace {

constexpr int kDims = 6;
constexpr int kRows = 400;
using Row = std::vector<float>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

PGconn *conn;
int failures = 0;

void report(bool passed, const std::string &name) {
    std::printf("%s - %s\n", passed ? "ok" : "not ok", name.c_str());
    if (!passed) {
        std::printf("# %s", PQerrorMessage(conn));
        failures++;
    }
}

// ---- the wire formats: big-endian integers and floats ----

void put(std::string &out, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t take(const char *&in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | static_cast<unsigned char>(*in++);
    return value;
}

// Only for values that a half float holds exactly and that are normal in it.
uint16_t to_half(float x) {
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    if ((bits & 0x7fffffff) == 0) return static_cast<uint16_t>(bits >> 16);
    return static_cast<uint16_t>((bits >> 16 & 0x8000) | (((bits >> 23 & 0xff) - 112) << 10) | (bits >> 13 & 0x3ff));
}

std::string as_vector(const Row &row) { // int16 dimensions, int16 zero, float4 each
    std::string out;
    put(out, row.size(), 2);
    put(out, 0, 2);
    for (float x : row) put(out, std::bit_cast<uint32_t>(x), 4);
    return out;
}

std::string as_halfvec(const Row &row) { // the same with half floats
    std::string out;
    put(out, row.size(), 2);
    put(out, 0, 2);
    for (float x : row) put(out, to_half(x), 2);
    return out;
}

std::string as_sparsevec(const Row &row) { // int32 dimensions, non-zeros, zero; indices from 0; values
    const auto nnz = row.size() - std::count(row.begin(), row.end(), 0.0f);
    std::string out;
    put(out, row.size(), 4);
    put(out, nnz, 4);
    put(out, 0, 4);
    for (size_t i = 0; i < row.size(); i++)
        if (row[i] != 0) put(out, i, 4);
    for (float x : row)
        if (x != 0) put(out, std::bit_cast<uint32_t>(x), 4);
    return out;
}

std::string as_bit(const Row &row) { // int32 bits, then bytes from the left
    std::string out;
    put(out, row.size(), 4);
    unsigned byte = 0;
    for (size_t i = 0; i < row.size(); i++) byte |= (row[i] > 0) << (7 - i);
    put(out, byte, 1);
    return out;
}

std::string as_int4(int value) {
    std::string out;
    put(out, static_cast<uint32_t>(value), 4);
    return out;
}

double as_float8(const PGresult *result, int row, int column) {
    const char *in = PQgetvalue(result, row, column);
    return std::bit_cast<double>(take(in, 8));
}

// ---- queries ----

Result run(const char *sql) { return Result(PQexec(conn, sql), PQclear); }

bool succeeds(const char *sql) {
    const auto status = PQresultStatus(run(sql).get());
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

// Binary parameters of the given types, binary results.
Result run(const std::string &sql, const std::vector<std::pair<Oid, std::string>> &parameters) {
    std::vector<Oid> types;
    std::vector<const char *> values;
    std::vector<int> lengths;
    for (const auto &[type, value] : parameters) {
        types.push_back(type);
        values.push_back(value.data());
        lengths.push_back(static_cast<int>(value.size()));
    }
    const std::vector<int> formats(parameters.size(), 1);
    return Result(PQexecParams(conn, sql.c_str(), static_cast<int>(parameters.size()), types.data(), values.data(), lengths.data(),
                               formats.data(), 1),
                  PQclear);
}

Oid type_oid(const std::string &name) {
    const Result result = run(("SELECT '" + name + "'::regtype::oid").c_str());
    return PQntuples(result.get()) == 1 ? static_cast<Oid>(std::stoul(PQgetvalue(result.get(), 0, 0))) : InvalidOid;
}

struct Type {
    const char *column;
    Oid oid;
    std::string (*encode)(const Row &);
};

// ---- the data: eighths from a fixed sequence, so that every type holds them exactly ----

std::vector<Row> make_rows(int n) {
    uint32_t state = 7;
    std::vector<Row> rows(static_cast<size_t>(n), Row(kDims));
    for (Row &row : rows)
        for (float &x : row) {
            state = state * 1664525 + 1013904223;
            x = static_cast<float>(static_cast<int>(state >> 24) - 128) / 8;
        }
    return rows;
}

double distance(const std::string &op, const Row &a, const Row &b) {
    double squares = 0, dot = 0, aa = 0, bb = 0, absolute = 0;
    int differ = 0, both = 0, either = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const double x = a[i], y = b[i];
        squares += (x - y) * (x - y);
        dot += x * y;
        aa += x * x;
        bb += y * y;
        absolute += std::fabs(x - y);
        differ += (x > 0) != (y > 0);
        both += x > 0 && y > 0;
        either += x > 0 || y > 0;
    }
    if (op == "<->") return std::sqrt(squares);
    if (op == "<#>") return -dot;
    if (op == "<=>") return 1 - dot / std::sqrt(aa * bb);
    if (op == "<+>") return absolute;
    if (op == "<~>") return differ;
    return either == 0 ? 1 : 1 - static_cast<double>(both) / either; // <%>
}

// COPY BINARY: signature, flags, no extension; a field count per row, each field with its length; -1 at the end.
bool copy_in(const std::vector<Row> &rows, const std::vector<Type> &types) {
    const Result started = run("COPY items FROM STDIN (FORMAT binary)");
    if (PQresultStatus(started.get()) != PGRES_COPY_IN) return false;
    std::string out("PGCOPY\n\377\r\n\0", 11);
    put(out, 0, 4);
    put(out, 0, 4);
    for (size_t i = 0; i < rows.size(); i++) {
        put(out, types.size() + 1, 2);
        put(out, 4, 4);
        out += as_int4(static_cast<int>(i));
        for (const Type &type : types) {
            const std::string field = type.encode(rows[i]);
            put(out, field.size(), 4);
            out += field;
        }
    }
    put(out, 0xffff, 2);
    if (PQputCopyData(conn, out.data(), static_cast<int>(out.size())) != 1 || PQputCopyEnd(conn, nullptr) != 1) return false;
    bool good = true;
    while (PGresult *result = PQgetResult(conn)) {
        good = good && PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    return good;
}

std::string copy_out(const char *sql) {
    std::string all;
    const Result started = run(sql);
    if (PQresultStatus(started.get()) != PGRES_COPY_OUT) return all;
    char *piece;
    for (int n; (n = PQgetCopyData(conn, &piece, 0)) > 0; PQfreemem(piece)) all.append(piece, static_cast<size_t>(n));
    while (PGresult *result = PQgetResult(conn)) PQclear(result);
    return all;
}

void check_search(const std::string &op, const Type &type, const std::string &opclass, const std::vector<Row> &rows, const Row &query) {
    const std::string name = std::string(type.column) + " " + op + " through an hnsw index (" + opclass + ")";
    const std::string index = "CREATE INDEX items_index ON items USING hnsw (" + std::string(type.column) + " " + opclass + ")";
    if (!succeeds(index.c_str())) return report(false, name);
    const std::string expression = std::string(type.column) + " " + op + " $1";
    const std::string sql = "SELECT id, " + expression + " FROM items ORDER BY " + expression + " LIMIT 10";

    const Result plan = run("EXPLAIN " + sql, {{type.oid, type.encode(query)}});
    bool good = false;
    for (int i = 0; i < PQntuples(plan.get()); i++)
        good = good || std::strstr(PQgetvalue(plan.get(), i, 0), "Index Scan using items_index");

    const Result found = run(sql, {{type.oid, type.encode(query)}});
    good = good && PQntuples(found.get()) == 10;
    std::vector<double> exact;
    for (const Row &row : rows) exact.push_back(distance(op, row, query));
    std::vector<double> sorted = exact;
    std::sort(sorted.begin(), sorted.end());
    int near = 0;
    double last = -INFINITY;
    for (int i = 0; i < PQntuples(found.get()); i++) {
        const char *in = PQgetvalue(found.get(), i, 0);
        const size_t id = take(in, 4);
        const double d = as_float8(found.get(), i, 1);
        if (!(id < rows.size() && std::fabs(d - exact[id]) < 1e-4 && d >= last)) good = false;
        near += d <= sorted[9] + 1e-4;
        last = d;
    }
    report(good && near >= 9, name);
    succeeds("DROP INDEX items_index");
}

// A message that must be refused with the given SQLSTATE; the connection must go on.
void check_refused(const std::string &name, const Type &type, const std::string &message, const char *sqlstate) {
    const Result result = run(std::string("SELECT $1::") + type.column, {{type.oid, message}});
    const char *state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const std::string got = state ? state : "no error";
    report(got == sqlstate && succeeds("SELECT 1"), name + ": " + got);
}

} // namespace

int main() {
    conn = PQconnectdb("dbname=postgres");
    if (PQstatus(conn) != CONNECTION_OK) {
        std::printf("not ok - connect\n# %s", PQerrorMessage(conn));
        return 1;
    }
    PQsetNoticeProcessor(conn, [](void *, const char *) {}, nullptr);
    report(succeeds("CREATE EXTENSION IF NOT EXISTS vecx"), "CREATE EXTENSION");
    // Columns are named as their types, which check_refused uses.
    report(succeeds("CREATE TABLE items (id int, vector vector(6), halfvec halfvec(6), sparsevec sparsevec(6), bit bit(6))"), "CREATE TABLE");
    const Type vector{"vector", type_oid("vector"), as_vector}, halfvec{"halfvec", type_oid("halfvec"), as_halfvec},
        sparsevec{"sparsevec", type_oid("sparsevec"), as_sparsevec}, bit{"bit", type_oid("bit"), as_bit};
    const std::vector<Type> types{vector, halfvec, sparsevec, bit};
    report(std::all_of(types.begin(), types.end(), [](const Type &t) { return t.oid != InvalidOid; }), "the types have OIDs");

    std::vector<Row> rows = make_rows(kRows + 1);
    const Row query = rows.back();
    rows.pop_back();

    bool inserted = true;
    for (int i = 0; i < 20; i++) {
        std::vector<std::pair<Oid, std::string>> values{{type_oid("int4"), as_int4(i)}};
        for (const Type &type : types) values.emplace_back(type.oid, type.encode(rows[static_cast<size_t>(i)]));
        inserted = inserted && PQresultStatus(run("INSERT INTO items VALUES ($1, $2, $3, $4, $5)", values).get()) == PGRES_COMMAND_OK;
    }
    report(inserted, "INSERT with binary parameters");
    const Result back = run("SELECT * FROM items ORDER BY id", {});
    bool same = PQntuples(back.get()) == 20;
    for (int i = 0; same && i < 20; i++)
        for (size_t t = 0; t < types.size(); t++) {
            const int column = static_cast<int>(t) + 1;
            const std::string value(PQgetvalue(back.get(), i, column), static_cast<size_t>(PQgetlength(back.get(), i, column)));
            same = same && value == types[t].encode(rows[static_cast<size_t>(i)]);
        }
    report(same, "binary results are the bytes that were sent");

    report(succeeds("TRUNCATE items") && copy_in(rows, types), "COPY FROM BINARY");
    const std::string first = copy_out("COPY (SELECT * FROM items ORDER BY id) TO STDOUT (FORMAT binary)");
    report(first.size() > 400 * 60, "COPY TO BINARY");
    succeeds("CREATE TABLE again (LIKE items)");
    succeeds("INSERT INTO again SELECT id, vector::text::vector, halfvec::text::halfvec, sparsevec::text::sparsevec, bit FROM items");
    report(first == copy_out("COPY (SELECT * FROM again ORDER BY id) TO STDOUT (FORMAT binary)"), "text form gives the same bytes");

    succeeds("SET enable_seqscan = off");
    const std::pair<const char *, const char *> metrics[] = {{"<->", "l2"}, {"<#>", "ip"}, {"<=>", "cosine"}, {"<+>", "l1"}};
    for (const Type &type : {vector, halfvec, sparsevec})
        for (const auto &[op, metric] : metrics) check_search(op, type, std::string(type.column) + "_" + metric + "_ops", rows, query);
    check_search("<~>", bit, "bit_hamming_ops", rows, query);
    check_search("<%>", bit, "bit_jaccard_ops", rows, query);

    const std::string sound = as_vector(query);
    check_refused("vector cut short", vector, sound.substr(0, sound.size() - 1), "22P03");
    check_refused("vector with bytes too many", vector, sound + "x", "22P03");
    check_refused("vector without dimensions", vector, std::string(4, '\0'), "22000");
    check_refused("vector of too many dimensions", vector, std::string("\x7f\xff\0\0", 4), "54000");
    check_refused("vector with NaN", vector, std::string("\0\1\0\0\x7f\xc0\0\0", 8), "22000");
    check_refused("vector with infinity", vector, std::string("\0\1\0\0\x7f\x80\0\0", 8), "22000");
    check_refused("halfvec with infinity", halfvec, std::string("\0\1\0\0\x7c\0", 6), "22000");
    check_refused("sparsevec with more elements than dimensions", sparsevec, std::string("\0\0\0\1\0\0\0\2\0\0\0\0", 12), "54000");
    check_refused("sparsevec with an index out of range", sparsevec,
                  std::string("\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0\2\x3f\x80\0\0", 20), "22000");

    PQfinish(conn);
    return failures ? 1 : 0;
}
