// SPDX-License-Identifier: Apache-2.0
// --arg texts as a plugin gets them.
#include <gtest/gtest.h>

#include "workloads/plugin/arguments.hpp"

namespace {

using fanout::detail::plugin_value;
using workloads::plugin_argument_list;

/// As it was understood: numbers as written, texts in quotes.
std::string written(const plugin_value& value) {
  std::string items;
  for (std::size_t i = 0; i < value.count; ++i) items += (i == 0 ? "" : " ") + written(value.items[i]);
  switch (value.kind) {
    case plugin_value::text:
      return "'" + std::string(value.characters, value.size) + "'";
    case plugin_value::list:
      return "[" + items + "]";
    case plugin_value::object:
      return "{" + items + "}";
    default:
      return {value.characters, value.size};
  }
}

std::string understood(const std::string& text, unsigned number = 0) {
  const plugin_argument_list all({text}, number);
  return written(all.view().values[0]);
}

TEST(PluginArguments, AreJson) {
  for (const char* text : {"null", "true", "false", "0", "-17", "18446744073709551616", "1.50", "-2e+10"})
    EXPECT_EQ(understood(text), text);
  EXPECT_EQ(understood(R"("a\n\u00e9\"")"), "'a\n\xc3\xa9\"'");
  EXPECT_EQ(understood(R"([1, [], {"a": {"b": [null]}}, "x"])"), "[1 [] {'a' {'b' [null]}} 'x']");
}

TEST(PluginArguments, KeepEveryDigit) {
  const std::string digits = "340282366920938463463374607431768211455";
  EXPECT_EQ(understood(digits), digits);
  EXPECT_EQ(understood("[-" + digits + "]"), "[-" + digits + "]");
}

TEST(PluginArguments, AreTextsWhereTheyAreNoJson) {
  for (const char* text : {"", "hello", "01", "[1,", "{\"a\"}", "nul", "1 2", "'x'", "\"open", "NaN"})
    EXPECT_EQ(understood(text), "'" + std::string(text) + "'");
}

TEST(PluginArguments, HaveTheNumberOfTheTaskInThem) {
  EXPECT_EQ(understood("{i}", 5), "5");
  EXPECT_EQ(understood("[{i}, \"n{i}\"]", 12), "[12 'n12']");
  EXPECT_EQ(understood("item {i}", 3), "'item 3'");
}

TEST(PluginArguments, AreTextsWhereTheyAreNestedTooDeeply) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(understood(nested(100)), nested(100));
  EXPECT_EQ(understood(nested(101)), "'" + nested(101) + "'");
}

TEST(PluginArguments, ComeInTheirOrder) {
  const plugin_argument_list all({"1", "two", "[3]"}, 0);
  ASSERT_EQ(all.view().count, 3U);
  EXPECT_EQ(written(all.view().values[0]) + written(all.view().values[1]) + written(all.view().values[2]), "1'two'[3]");
  EXPECT_EQ(plugin_argument_list({}, 0).view().count, 0U);
}

}  // namespace
