// SPDX-License-Identifier: Apache-2.0
// toml++ reads; what it read becomes the words of a command line, of which options.hpp makes values.
#include "cli/config_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include "cli/nearest_word.hpp"
#include "lab/workload.hpp"

namespace cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* section = "compare";

std::string contents(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    throw lab::usage_error(path + " is a directory, not a file with defaults for fanout compare");
  std::ifstream file(path);
  if (!file) throw lab::usage_error(fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
  return {std::istreambuf_iterator(file), {}};
}

/// Reads one file.
class reader {
 public:
  reader(const std::string& path, const std::vector<std::string>& keys) : path_(path), keys_(keys) {}

  std::vector<configured_value> read() const {
    std::vector<configured_value> found;
    for (const auto& [name, node] : parse()) {
      if (name.str() != section) wrong(name.source(), no_section(std::string(name.str())));
      if (!node.is_table()) wrong(name.source(), fmt::format("'{0}' is a section: write [{0}]", section));
      for (const auto& [key, value] : *node.as_table()) found.push_back(line(key, value));
    }
    return found;
  }

 private:
  toml::table parse() const {
    try {
      return toml::parse(contents(path_));
    } catch (const toml::parse_error& error) {
      wrong(error.source(), fmt::format("is not TOML: {}", error.description()));
    }
  }

  configured_value line(const toml::key& key, const toml::node& value) const {
    const std::string name(key.str());
    if (std::ranges::find(keys_, name) == keys_.end()) wrong(key.source(), no_key(name));
    const auto text = as_typed(value);
    if (!text) wrong(key.source(), fmt::format("{} is a text, a number, or a list of those", name));
    if (text->empty()) wrong(key.source(), fmt::format("{} is empty: give it a value, or leave it out", name));
    return {.key = name, .text = *text, .place = place(key.source())};
  }

  /// As one would type it after the option: the items of lists are joined by commas.
  static std::optional<std::string> as_typed(const toml::node& value) {
    if (const auto text = value.value_exact<std::string>()) return text;
    if (const auto number = value.value_exact<std::int64_t>()) return fmt::to_string(*number);
    if (const auto number = value.value_exact<double>()) return fmt::to_string(*number);
    if (!value.is_array()) return std::nullopt;
    std::string all;
    for (const toml::node& item : *value.as_array()) {
      const auto text = item.is_array() ? std::nullopt : as_typed(item);
      if (!text) return std::nullopt;
      all += (all.empty() ? "" : ",") + *text;
    }
    return all;
  }

  std::string no_section(const std::string& name) const {
    if (std::ranges::find(keys_, name) != keys_.end())
      return fmt::format("{} belongs below a line [{}]", name, section);
    return fmt::format("there is no section '{}'; {}", name,
                       nearest(name, {section}) ? fmt::format("did you mean [{}]?", section)
                                                : fmt::format("there is only [{}]", section));
  }

  std::string no_key(const std::string& name) const {
    const auto meant = nearest(name, keys_);
    return fmt::format("there is no default for '{}'; {}there are {}", name,
                       meant ? fmt::format("did you mean {}? ", *meant) : "", fmt::join(keys_, ", "));
  }

  std::string place(const toml::source_region& where) const { return fmt::format("{}:{}", path_, where.begin.line); }

  [[noreturn]] void wrong(const toml::source_region& where, const std::string& problem) const {
    throw lab::usage_error(fmt::format("{}: {}", place(where), problem));
  }

  const std::string& path_;
  const std::vector<std::string>& keys_;
};

/// Of a variable that is to hold one: relative ones are ignored, as the specification says.
std::optional<fs::path> folder_in(const char* variable) {
  const char* const value = std::getenv(variable);
  if (value == nullptr || *value != '/') return std::nullopt;
  return value;
}

}  // namespace

std::string users_config_file() {
  std::optional<fs::path> folder = folder_in("XDG_CONFIG_HOME");
  if (!folder)
    if (const auto home = folder_in("HOME")) folder = *home / ".config";
  return folder ? (*folder / "fanout/config.toml").string() : "";
}

std::vector<configured_value> read_config_file(const std::string& path, const std::vector<std::string>& keys) {
  return reader(path, keys).read();
}

}  // namespace cli
