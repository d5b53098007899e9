// Results: one JSON object per line. The first member, "key", names what was measured; a line is
// appended when its phase is finished, and a later run skips the keys that are there.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

namespace vecx::bench {

// Builds one JSON object, members in the order they were added.
class Json {
  public:
    Json &add(std::string_view name, std::string_view value);
    Json &add(std::string_view name, const char *value) { return add(name, std::string_view(value)); }
    Json &add(std::string_view name, double value);
    Json &add(std::string_view name, std::span<const double> values);
    Json &add_flag(std::string_view name, bool value);
    Json &add_object(std::string_view name, const Json &object);
    std::string text() const { return "{" + members_ + "}"; }

  private:
    void name(std::string_view name);
    std::string members_;
};

class ResultFile {
  public:
    // Reads the keys of an existing file; an empty path keeps the lines in memory only.
    explicit ResultFile(std::string path);
    bool has(const std::string &key) const { return keys_.contains(key); }
    // Appends one line {"key": key, ...members of `object`} and flushes it to the disk.
    void append(const std::string &key, const Json &object);

  private:
    std::string path_;
    std::set<std::string> keys_;
};

} // namespace vecx::bench
