// SPDX-License-Identifier: Apache-2.0
// nlohmann's parser tells the events; numbers are taken as they are written.
#include "workloads/plugin/arguments.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "workloads/substitute.hpp"

namespace workloads {

using fanout::detail::plugin_value;
using json = nlohmann::json;

/// Builds one value. False ends the parser: then it is no JSON.
class json_handler final : public nlohmann::json_sax<json> {
 public:
  explicit json_handler(plugin_argument_list& all) : all_(all) {}

  bool null() override { return add(plugin_value::null, "null"); }
  bool boolean(bool value) override { return add(plugin_value::boolean, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return add(plugin_value::number, std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(plugin_value::number, std::to_string(value)); }
  bool number_float(number_float_t, const string_t& written) override { return add(plugin_value::number, written); }
  bool string(string_t& value) override { return add(plugin_value::text, std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& name) override { return add(plugin_value::text, std::move(name)); }
  bool start_object(std::size_t) override { return begin(plugin_value::object); }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return begin(plugin_value::list); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  const std::optional<plugin_value>& value() const { return value_; }

 private:
  struct open_list {
    plugin_value::kind_of kind;
    std::vector<plugin_value> items{};
  };

  bool add(plugin_value::kind_of kind, std::string characters) {
    const std::string& kept = all_.texts_.emplace_back(std::move(characters));
    return put({.kind = kind, .characters = kept.data(), .size = kept.size(), .items = nullptr, .count = 0});
  }

  bool begin(plugin_value::kind_of kind) {
    constexpr std::size_t deepest = 100;  // who reads it recurses
    if (open_.size() == deepest) return false;
    open_.push_back({.kind = kind});
    return true;
  }

  bool end() {
    const auto& kept = all_.lists_.emplace_back(std::move(open_.back().items));
    const plugin_value::kind_of kind = open_.back().kind;
    open_.pop_back();
    return put({.kind = kind, .characters = nullptr, .size = 0, .items = kept.data(), .count = kept.size()});
  }

  bool put(const plugin_value& value) {
    if (open_.empty())
      value_ = value;
    else
      open_.back().items.push_back(value);
    return true;
  }

  plugin_argument_list& all_;
  std::vector<open_list> open_;
  std::optional<plugin_value> value_;
};

plugin_argument_list::plugin_argument_list(const std::vector<std::string>& texts, unsigned number) {
  for (const std::string& text : texts) {
    std::string written = with_number(text, number);
    json_handler handler(*this);
    if (json::sax_parse(written, &handler) && handler.value()) {
      values_.push_back(*handler.value());
      continue;
    }
    const std::string& kept = texts_.emplace_back(std::move(written));
    values_.push_back(
        {.kind = plugin_value::text, .characters = kept.data(), .size = kept.size(), .items = nullptr, .count = 0});
  }
}

}  // namespace workloads
