// SPDX-License-Identifier: Apache-2.0
#include "core/look_habit.hpp"

#include <gtest/gtest.h>

namespace {

using fanout::detail::look_habit;

int looks_in(look_habit& habit, int sleeps, bool worth_it) {
  int looks = 0;
  for (int i = 0; i < sleeps; ++i) {
    if (!habit.is_worth_it()) continue;
    ++looks;
    habit.looked(worth_it);
  }
  return looks;
}

TEST(LookHabit, TriesAtOneOfEightSleepsWhereItIsInVain) {
  look_habit habit;
  EXPECT_EQ(looks_in(habit, 80, false), 10);
}

TEST(LookHabit, LooksBeforeEverySleepOnceItWasWorthIt) {
  look_habit habit;
  while (!habit.is_worth_it()) {
  }
  habit.looked(true);
  EXPECT_EQ(looks_in(habit, 80, true), 80);
}

TEST(LookHabit, EndsAfterTwoInARowInVain) {
  look_habit habit;
  while (!habit.is_worth_it()) {
  }
  habit.looked(true);
  EXPECT_TRUE(habit.is_worth_it());
  habit.looked(false);
  EXPECT_TRUE(habit.is_worth_it()) << "the last but one was worth it";
  habit.looked(false);
  EXPECT_LE(looks_in(habit, 8, false), 1);
}

}  // namespace
