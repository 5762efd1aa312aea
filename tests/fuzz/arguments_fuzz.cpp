// SPDX-License-Identifier: Apache-2.0
// --arg texts for a plugin: from JSON, or any bytes, to values of C++, and back to JSON.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fanout/detail/json_values.hpp"
#include "fanout/errors.hpp"
#include "input.hpp"
#include "workloads/plugin/arguments.hpp"

namespace {

using namespace fanout::detail;
using fanout_fuzz::input;
using fanout_fuzz::require;
using workloads::plugin_argument_list;

/// As JSON.
std::string written(const plugin_value& value) {
  std::string items;
  for (std::size_t i = 0; i < value.count; ++i) {
    const bool named = value.kind == plugin_value::object;
    items += i == 0 ? "" : named && i % 2 == 1 ? ":" : ",";
    items += written(value.items[i]);
  }
  switch (value.kind) {
    case plugin_value::text:
      return json_text({value.characters, value.size});
    case plugin_value::list:
      return "[" + items + "]";
    case plugin_value::object:
      require(value.count % 2 == 0, "a name has a value");
      return "{" + items + "}";
    default:
      require(value.size > 0, "a word or a number is written");
      return {value.characters, value.size};
  }
}

struct point {
  double x;
  std::optional<int> y;
};

/// Either an error in words, or a value that reads back as the same.
template <class T>
void convert(const plugin_value& given) {
  std::string json;
  try {
    json = to_json(from_json<T>(given));
  } catch (const fanout::error& error) {
    require(*error.what() != '\0', "a refusal has words");
    return;
  }
  if (json.find("{i}") != std::string::npos) return;  // a name, written with escapes
  const plugin_argument_list again({json}, 0);
  require(to_json(from_json<T>(again.view().values[0])) == json, "a value reads back as the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const unsigned number = in.number<std::uint8_t>();
  const auto rest = in.rest();
  const std::string text(reinterpret_cast<const char*>(rest.data()), rest.size());
  const plugin_argument_list all({text, "second"}, number);
  require(all.view().count == 2, "each text is an argument");
  const plugin_value& first = all.view().values[0];
  if (first.kind != plugin_value::text) {
    const std::string json = written(first);
    require(
        written(plugin_argument_list({json}, number).view().values[0]) == json || json.find("{i}") != std::string::npos,
        "what is understood is understood again");
  }
  convert<bool>(first);
  convert<signed char>(first);
  convert<std::uint64_t>(first);
  convert<wide_int>(first);
  convert<wide_unsigned>(first);
  convert<std::vector<std::optional<long>>>(first);
  convert<std::vector<point>>(first);
  convert<std::map<std::string, std::vector<int>>>(first);
  return 0;
}
