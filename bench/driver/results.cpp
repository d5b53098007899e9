#include "results.hpp"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <unistd.h>

#include "common.hpp"

namespace vecx::bench {

namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += format("\\%c", c);
        else if (static_cast<unsigned char>(c) < 0x20)
            out += format("\\u%04x", c);
        else
            out += c;
    }
    return out + "\"";
}

// JSON has no NaN and no infinity.
std::string number(double value) { return std::isfinite(value) ? format("%.6g", value) : "null"; }

constexpr std::string_view kKeyStart = "{\"key\":\"";

} // namespace

void Json::name(std::string_view name) {
    if (!members_.empty())
        members_ += ",";
    members_ += quoted(name) + ":";
}

Json &Json::add(std::string_view name, std::string_view value) {
    this->name(name);
    members_ += quoted(value);
    return *this;
}

Json &Json::add(std::string_view name, double value) {
    this->name(name);
    members_ += number(value);
    return *this;
}

Json &Json::add(std::string_view name, std::span<const double> values) {
    this->name(name);
    members_ += "[";
    for (size_t i = 0; i < values.size(); i++) {
        members_ += i > 0 ? "," : "";
        members_ += number(values[i]);
    }
    members_ += "]";
    return *this;
}

Json &Json::add_flag(std::string_view name, bool value) {
    this->name(name);
    members_ += value ? "true" : "false";
    return *this;
}

Json &Json::add_object(std::string_view name, const Json &object) {
    this->name(name);
    members_ += object.text();
    return *this;
}

ResultFile::ResultFile(std::string path) : path_(std::move(path)) {
    if (path_.empty())
        return;
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(kKeyStart) || !line.ends_with("}"))
            continue; // a line cut off by a crash counts as not measured
        const size_t end = line.find('"', kKeyStart.size());
        keys_.insert(line.substr(kKeyStart.size(), end - kKeyStart.size()));
    }
}

void ResultFile::append(const std::string &key, const Json &object) {
    keys_.insert(key);
    if (path_.empty())
        return;
    std::string line(kKeyStart);
    line += key;
    line += "\",";
    line += object.text().substr(1);
    line += "\n";
    FILE *file = fopen(path_.c_str(), "a");
    if (file == nullptr)
        throw Error("cannot write " + path_);
    const bool written = fwrite(line.data(), 1, line.size(), file) == line.size() && fflush(file) == 0;
    if (fclose(file) != 0 || !written)
        throw Error("cannot write " + path_);
}

} // namespace vecx::bench
