// SPDX-License-Identifier: Apache-2.0
#include "lab/format.hpp"

#include <gtest/gtest.h>

#include "lab/terminal.hpp"

namespace {

TEST(Format, TimesOfAColumnShareTheUnitOfTheLargestAndAreNeverNothing) {
  EXPECT_EQ(lab::format_seconds(std::vector{1.5, 0.0004}), (std::vector<std::string>{"1.500 s", "0.00040 s"}));
  EXPECT_EQ(lab::format_seconds(std::vector{0.25, 0.0501}), (std::vector<std::string>{"250.0 ms", "50.1 ms"}));
  EXPECT_EQ(lab::format_seconds(std::vector{0.25, 12e-6}), (std::vector<std::string>{"250.0 ms", "0.012 ms"}));
  EXPECT_EQ(lab::format_seconds(std::vector{0.25, 0.0}), (std::vector<std::string>{"250.0 ms", "0.0 ms"}));
  EXPECT_EQ(lab::format_seconds(12e-6), "12.00 µs");
  EXPECT_EQ(lab::format_seconds(0.9999), "1.000 s");
  EXPECT_EQ(lab::format_seconds(43.15), "43.15 s");
}

TEST(Format, FactorsHaveTwoOrThreeFigures) {
  EXPECT_EQ(lab::format_factor(0.0312), "0.031");
  EXPECT_EQ(lab::format_factor(0.000312), "0.00031");
  EXPECT_EQ(lab::format_factor(1.978), "1.98");
  EXPECT_EQ(lab::format_factor(9.999), "10.0");
  EXPECT_EQ(lab::format_factor(187.4), "187");
}

TEST(Format, ListsReadAsSentences) {
  EXPECT_EQ(lab::format_list({"a"}), "a");
  EXPECT_EQ(lab::format_list({"a", "b"}), "a and b");
  EXPECT_EQ(lab::format_list({"a", "b", "c"}), "a, b and c");
}

TEST(Format, BytesAndClocks) {
  EXPECT_EQ(lab::format_bytes(3.44e6), "3.4 MB");
  EXPECT_EQ(lab::format_bytes(206.6e6), "207 MB");
  EXPECT_EQ(lab::format_clock(64.2), "1:05");
  EXPECT_EQ(lab::format_clock(7200), "2:00:00");
}

TEST(Terminal, WidthsCountCharactersNotBytes) {
  EXPECT_EQ(lab::columns("±3 µs…"), 6U);
  EXPECT_EQ(lab::shortened("abcdef", 4), "abc…");
  EXPECT_EQ(lab::shortened("µµµµ", 3), "µµ…");
  EXPECT_EQ(lab::shortened("µµµ", 3), "µµµ");
  EXPECT_EQ(lab::shortened("abc", 0), "");
}

TEST(Terminal, TextIsBrokenBetweenWords) {
  EXPECT_EQ(lab::wrapped("one two three", 9, 2), "one two\n  three");
  EXPECT_EQ(lab::wrapped("unbreakable", 4, 0), "unbreakable");
  EXPECT_EQ(lab::wrapped("", 4, 0), "");
}

}  // namespace
