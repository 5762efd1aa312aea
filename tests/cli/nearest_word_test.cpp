// SPDX-License-Identifier: Apache-2.0
#include "cli/nearest_word.hpp"

#include <gtest/gtest.h>

namespace {

TEST(NearestWord, CountsLettersPutInLeftOutReplacedAndSwapped) {
  EXPECT_EQ(cli::edits_between("threads", "threads"), 0);
  EXPECT_EQ(cli::edits_between("thread", "threads"), 1);
  EXPECT_EQ(cli::edits_between("threadss", "threads"), 1);
  EXPECT_EQ(cli::edits_between("thraeds", "threads"), 1);
  EXPECT_EQ(cli::edits_between("tgraeds", "threads"), 2);
  EXPECT_EQ(cli::edits_between("", "abc"), 3);
  EXPECT_EQ(cli::edits_between("abc", ""), 3);
  EXPECT_EQ(cli::edits_between("ca", "abc"), 3) << "no letter is edited twice";
}

TEST(NearestWord, IsTheOneWithTheFewestEditsAtMostTwo) {
  const std::vector<std::string> models = {"serial", "async", "threads", "processes"};
  EXPECT_EQ(cli::nearest("thread", models), "threads");
  EXPECT_EQ(cli::nearest("aysnc", models), "async");
  EXPECT_EQ(cli::nearest("prcesse", models), "processes");
  EXPECT_EQ(cli::nearest("fibers", models), std::nullopt);
  EXPECT_EQ(cli::nearest("anything", {}), std::nullopt);
}

TEST(NearestWord, OfAWordOfWhichNothingWouldBeLeftIsNone) {
  EXPECT_EQ(cli::nearest("ab", {"cd"}), std::nullopt);
  EXPECT_EQ(cli::nearest("", {"a"}), std::nullopt);
}

}  // namespace
