// Loading: the main table of a set with its attributes, and COPY's binary rows.
#include <algorithm>
#include <numeric>

#include "common.hpp"
#include "load.hpp"
#include "phases.hpp"

namespace vecx::bench {

namespace {

struct Column {
    std::string name;
    std::string type;
    std::vector<std::string> values; // one per row, in text form
};

// The columns of a TSV file that --attribute-columns names: "section:3:text,size:5:int8".
std::vector<Column> read_attributes(const Dataset &set, size_t rows) {
    std::vector<Column> columns;
    std::vector<size_t> numbers;
    for (const std::string &item : split(set.attribute_columns, ',')) {
        const std::vector<std::string> parts = split(item, ':');
        if (parts.size() < 2)
            throw Error("--attribute-columns: \"" + item + "\" is not name:number or name:number:type");
        columns.push_back({parts[0], parts.size() > 2 ? parts[2] : "text", {}});
        numbers.push_back(static_cast<size_t>(to_number(parts[1], "--attribute-columns")));
    }
    if (set.attributes.empty() || columns.empty())
        return {};
    const std::string reader = set.attributes.ends_with(".zst") ? "zstd -dcq " : "cat ";
    const std::string text = output_of(reader + shell_quote(set.attributes));
    for (size_t at = 0, row = 0; at < text.size() && row < rows; row++) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line(text.data() + at, end - at);
        at = end + 1;
        size_t start = 0;
        for (size_t field = 1; start <= line.size(); field++) {
            const size_t tab = std::min(line.find('\t', start), line.size());
            for (size_t c = 0; c < columns.size(); c++) {
                if (numbers[c] == field)
                    columns[c].values.emplace_back(line.substr(start, tab - start));
            }
            start = tab + 1;
        }
    }
    for (const Column &column : columns) {
        if (column.values.size() < rows)
            throw Error(format("%s: column %s has %zu values for %zu rows", set.attributes.c_str(),
                               column.name.c_str(), column.values.size(), rows));
    }
    return columns;
}

} // namespace

Attributes make_attributes(const Dataset &set) {
    const size_t n = set.base.rows();
    Attributes made;
    // Evenly spread over [0, kShareUnit), so that "r < share * kShareUnit" selects that share exactly.
    const auto spread = [&](const std::vector<int32_t> &rank) {
        std::vector<int32_t> values(n);
        for (size_t i = 0; i < n; i++)
            values[i] = static_cast<int32_t>(static_cast<int64_t>(rank[i]) * kShareUnit / static_cast<int64_t>(n));
        return values;
    };
    made.random = spread(permutation(n, 42));

    // The rank by distance from the first query.
    std::vector<double> distances(n);
    parallel_for(n, [&](size_t i) {
        distances[i] = exact_distance(set.metric, set.queries.row(0), set.base.row(i));
    });
    std::vector<int32_t> order(n), rank(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return distances[static_cast<size_t>(a)] < distances[static_cast<size_t>(b)];
    });
    for (size_t i = 0; i < n; i++)
        rank[static_cast<size_t>(order[i])] = static_cast<int32_t>(i);
    made.distance = spread(rank);
    return made;
}

std::string copy_rows(const Matrix &base, Element element, size_t first, size_t last, size_t more) {
    std::string data = copy_header();
    const size_t width = base.dimensions * (element == Element::vector ? 4 : 2) + 4;
    data.reserve(data.size() + (last - first) * (width + 14) + 2);
    for (size_t i = first; i < last; i++) {
        append_int16(&data, 2);
        append_int32(&data, 4);
        append_int32(&data, static_cast<int32_t>(i + more));
        append_int32(&data, static_cast<int32_t>(width));
        append_binary(&data, element, base.row(i));
    }
    return data + copy_trailer();
}

std::string SqlCompetitor::signature() const {
    return format("%zu rows of %s, %s, %s, attributes %s", set_.base.rows(), set_.name.c_str(),
                  element_name(options_.element), metric_name(set_.metric), set_.attribute_columns.c_str());
}

void SqlCompetitor::load() {
    auto connection = connect();
    const std::string there = connection->value(format("SELECT obj_description(to_regclass('%s'))", table_.c_str()));
    const bool has_vectors = connection->number(format("SELECT count(*) FROM pg_attribute WHERE attrelid = "
                                                       "to_regclass('%s') AND attname = 'embedding'",
                                                       table_.c_str())) > 0;
    if (there == signature() && has_vectors)
        return;
    const std::vector<Column> columns = read_attributes(set_, set_.base.rows());
    std::string names, types;
    for (const Column &column : columns) {
        names += ", " + column.name;
        types += ", " + column.name + " " + column.type;
    }
    connection->run(format("DROP TABLE IF EXISTS %s", table_.c_str()));
    connection->run(format("CREATE TABLE %s (id int4 PRIMARY KEY, r int4, d int4, embedding %s(%zu))", table_.c_str(),
                           element_name(options_.element), set_.base.dimensions));
    const Attributes attributes = make_attributes(set_);
    Progress progress(format("%s: loading %s", set_.name.c_str(), system_.name.c_str()),
                      static_cast<double>(set_.base.rows()));
    connection->copy_in_start(format("COPY %s FROM STDIN (FORMAT binary)", table_.c_str()));
    std::string piece = copy_header();
    for (size_t i = 0; i < set_.base.rows(); i++) {
        append_int16(&piece, 4);
        for (const int32_t value : {static_cast<int32_t>(i), attributes.random[i], attributes.distance[i]}) {
            append_int32(&piece, 4);
            append_int32(&piece, value);
        }
        const size_t length_at = piece.size();
        append_int32(&piece, 0);
        append_binary(&piece, options_.element, set_.base.row(i));
        std::string length;
        append_int32(&length, static_cast<int32_t>(piece.size() - length_at - 4));
        piece.replace(length_at, 4, length);
        if (piece.size() > 1 << 20) {
            connection->copy_in_piece(piece);
            piece.clear();
            progress.show(static_cast<double>(i));
        }
    }
    connection->copy_in_piece(piece + copy_trailer());
    connection->copy_in_finish();
    if (!columns.empty()) {
        // The set's own attributes come as text; the server knows their types.
        connection->run("CREATE TEMP TABLE bench_attributes (id int4" + types + ")");
        connection->copy_in_start("COPY bench_attributes FROM STDIN");
        for (size_t i = 0; i < set_.base.rows(); i++) {
            std::string line = std::to_string(i);
            for (const Column &column : columns) {
                line += "\t";
                for (const char c : column.values[i])
                    line += c == '\\' ? std::string("\\\\") : std::string(1, c);
            }
            connection->copy_in_piece(line + "\n");
        }
        connection->copy_in_finish();
        connection->run(format("CREATE TABLE %s_full AS SELECT id, r, d%s, embedding FROM %s JOIN bench_attributes "
                               "USING (id) ORDER BY id",
                               table_.c_str(), names.c_str(), table_.c_str()));
        connection->run(format("DROP TABLE %s", table_.c_str()));
        connection->run(format("ALTER TABLE %s_full RENAME TO %s", table_.c_str(), table_.c_str()));
        connection->run(format("ALTER TABLE %s ADD PRIMARY KEY (id)", table_.c_str()));
    }
    connection->run(format("VACUUM (ANALYZE) %s", table_.c_str()));
    connection->run(format("COMMENT ON TABLE %s IS %s", table_.c_str(), quote_literal(signature()).c_str()));
}

void SqlCompetitor::make_life_table(const std::string &table, size_t rows) {
    auto connection = connect();
    connection->run(format("DROP TABLE IF EXISTS %s", table.c_str()));
    connection->run(format("CREATE TABLE %s (id int4 PRIMARY KEY, embedding %s(%zu))", table.c_str(),
                           element_name(options_.element), set_.base.dimensions));
    connection->copy_in(format("COPY %s FROM STDIN (FORMAT binary)", table.c_str()),
                        copy_rows(set_.base, options_.element, 0, rows));
    if (options_.pin)
        pin_process(connection->backend_pid(), -1);
    connection->run(create_index(table + "_idx", table, rows));
    connection->run(format("VACUUM (ANALYZE) %s", table.c_str()));
}

} // namespace vecx::bench
